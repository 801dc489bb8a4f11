import type { AgentSnapshot } from "../machines/agent.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import { programFor, programOfDispatch } from "./accounts.ts";
import { get, type World } from "./world.ts";

/**
 * A program whose key was not taken is held: what asks for it and has not begun is not begun, since it would only find the same. It is
 * over with the last agent that waits for it: an answer, another secret, or the end of its bead.
 */

/** Who may be held: whoever has not been started on the bead. An agent that a person has answered tries again. */
const isUnbegun = (agent: AgentSnapshot | null): boolean => agent === null || agent.matches("idle");

/**
 * The agent whose key was not taken that keeps who would run this program from being begun, or null.
 * @param agent who would be started; null: somebody who has not begun
 */
export function heldFor(world: World, wanted: string | undefined, agent: AgentSnapshot | null): AgentSnapshot | null {
  if (world.keyless.size === 0 || !isUnbegun(agent)) return null;
  const { container } = world.rig.context;
  // Who asks for nothing gets what the container has, by whatever name others ask for it.
  const named = (runtime: string | undefined): string | undefined => runtime ?? container?.runtime ?? undefined;
  const asked = named(wanted);
  for (const id of world.keyless) {
    const keyless = world.agents.get(id);
    if (keyless === undefined || world.broken.has(`agent:${id}`)) continue;
    const its = get(world, "bead", keyless.context.hook ?? "");
    const isTheSame = its !== undefined && named(programOfDispatch(world, id)) === asked;
    if (isTheSame || (asked !== undefined && keyless.context.exit?.runtime === asked)) return keyless;
  }
  return null;
}

/** The same for a bead, by the program that it would be given now. */
export function keylessFor(world: World, bead: BeadSnapshot, agent: AgentSnapshot | null): AgentSnapshot | null {
  const program = programFor(world, bead, agent?.context.role ?? "polecat");
  return program.held === null ? heldFor(world, program.choice.runtime, agent) : null;
}
