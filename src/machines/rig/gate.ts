import type { RigSnapshot } from "../rig.ts";

/**
 * By what its container lets an agent's reports be told apart: by the dispatch that each names; or, of a container that was found to know
 * no dispatch ids and that keeps a process with its first token from one dispatch to the next, by the agent and its hook alone.
 */
export type Fence = "dispatch" | "agent";
export const fenceOf = ({ context: { container } }: RigSnapshot): Fence =>
  container?.dispatchIds === false ? "agent" : "dispatch";

/** It was brought back from a file, and nobody has resumed it yet. */
export const isHeldBack = ({ context }: RigSnapshot): boolean => context.imported?.isHeld === true;

export type Gate = "open" | "probe" | "no_config" | "paused" | "draining" | "breaker_open" | "outage" | "destroyed";

/** Whether the rig grants dispatches now: freely, one probe, or not at all and why. */
export function gateOf(snapshot: RigSnapshot): Gate {
  if (snapshot.matches({ life: "destroyed" })) return "destroyed";
  if (snapshot.context.config === null) return "no_config";
  if (snapshot.matches({ life: "draining" })) return "draining";
  if (snapshot.matches({ life: { alive: "paused" } })) return "paused";
  if (snapshot.matches({ gate: "suspended" })) return "breaker_open";
  const { outage, probe } = snapshot.context;
  if (outage !== undefined) return probe === null && outage.nextAt === null ? "probe" : "outage";
  if (snapshot.matches({ gate: "halfOpen" })) return snapshot.context.probe === null ? "probe" : "breaker_open";
  return "open";
}
