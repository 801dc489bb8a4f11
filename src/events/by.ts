/**
 * Who did something, as a fact's `by` has it: an agent's id; whose token an operator's was, `ann (op-1)`; and where that operator
 * spoke for an agent, both: `ann (op-1) for agent-2`. An id has no space in it, so the last word says which agent.
 */

const SPOKEN_FOR = / for (\S+)$/;

export const inTheNameOf = (operator: string, agentId: string): string => `${operator} for ${agentId}`;

/** Whose doing it is on the wire: the agent that was spoken for, else whoever did it. */
export const actorOf = (by: string): string => SPOKEN_FOR.exec(by)?.[1] ?? by;
