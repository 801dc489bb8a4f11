/** Whom this container knows: the newest run of every agent, and the events of all its runs. */
import { KNOWN_AGENTS_MAX } from "../limits.ts";
import { Refusal } from "../refusal.ts";
import { type EventRing, createEventRing } from "./output.ts";
import { type Run, isLive } from "./run.ts";

export interface KnownAgent {
  readonly ring: EventRing;
  readonly run: Run;
}

export interface Roster {
  readonly get: (agentId: string) => KnownAgent | undefined;
  /** @throws Refusal 404 unknown_agent */
  readonly known: (agentId: string) => KnownAgent;
  /** Makes `run` the agent's newest one. Beyond KNOWN_AGENTS_MAX the agent that ended longest ago is forgotten. */
  readonly remember: (run: Run) => KnownAgent;
  /** In order of the last start. */
  readonly runs: () => Run[];
  /** Those that have a process, or will have one in a moment. */
  readonly live: () => Run[];
}

export function createRoster(): Roster {
  const agents = new Map<string, KnownAgent>();
  const runs = (): Run[] => [...agents.values()].map(({ run }) => run);

  return {
    get: (agentId) => agents.get(agentId),
    known: (agentId) => {
      const agent = agents.get(agentId);
      if (agent === undefined)
        throw new Refusal(404, "unknown_agent", `this container does not know the agent ${agentId}`);
      return agent;
    },
    remember: (run) => {
      const agent = { ring: agents.get(run.agentId)?.ring ?? createEventRing(), run };
      agents.delete(run.agentId); // Back to the end: the map is in order of the last start.
      agents.set(run.agentId, agent);
      if (agents.size > KNOWN_AGENTS_MAX) {
        const oldest = [...agents].find(([, { run }]) => !isLive(run));
        if (oldest) agents.delete(oldest[0]);
      }
      return agent;
    },
    runs,
    live: () => runs().filter(isLive),
  };
}
