import type { Role } from "../events/facts.ts";
import { runtimeFor } from "../events/programs.ts";
import type { AgentSnapshot } from "../machines/agent.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import { get, type World } from "./world.ts";

/**
 * A program whose key was not taken is held: what asks for it and has not begun is not begun, since it would only find the same. It is
 * over with the last agent that waits for it: an answer, another secret, or the end of its bead.
 */

/** Who may be held: whoever has not been started on the bead. An agent that a person has answered tries again. */
const isUnbegun = (agent: AgentSnapshot | null): boolean => agent === null || agent.matches("idle");

/** The agent whose key was not taken that keeps this bead from being begun, or null. */
export function heldFor(world: World, bead: BeadSnapshot, agent: AgentSnapshot | null): AgentSnapshot | null {
  if (world.keyless.size === 0 || !isUnbegun(agent)) return null;
  const { settings, container } = world.rig.context;
  // Who asks for nothing gets what the container has, by whatever name others ask for it.
  const programOf = (role: Role, of: BeadSnapshot["context"]): string | undefined =>
    runtimeFor(settings, role, of) ?? container?.runtime ?? undefined;
  const asked = programOf(agent?.context.role ?? "polecat", bead.context);
  for (const id of world.keyless) {
    const keyless = world.agents.get(id);
    if (keyless === undefined || world.broken.has(`agent:${id}`)) continue;
    const its = get(world, "bead", keyless.context.hook ?? "");
    const isTheSame = its !== undefined && programOf(keyless.context.role, its.context) === asked;
    if (isTheSame || (asked !== undefined && keyless.context.exit?.runtime === asked)) return keyless;
  }
  return null;
}
