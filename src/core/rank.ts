import { PRIORITY_ADVANCE_MS } from "../events/limits.ts";
import { rulesAtLeast, rulesOf } from "../events/rules.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import type { World } from "./world.ts";

/**
 * Smaller goes first: age in ms, with an advance for priority, so that nothing starves (design rule 7). What others wait for has the
 * priority of the most urgent of them, from rules 2 on.
 */
export function rank(world: World, bead: BeadSnapshot): number {
  const { id, priority } = bead.context;
  // Made while the clock was ahead, it is as new as can be.
  const createdAt = Math.min(bead.context.createdAt, world.at);
  const own = PRIORITY_ADVANCE_MS[priority];
  const isWaitedFor = world.index.dependents.has(id) && rulesAtLeast(rulesOf(world.rig.context), 2);
  return createdAt - (isWaitedFor ? Math.max(own, inherited(world, id)) : own);
}

/** The greatest advance among all that wait for it. */
function inherited({ index, beads }: World, beadId: string): number {
  let most = 0;
  const seen = new Set([beadId]);
  for (const id of seen)
    for (const dependent of index.dependents.get(id) ?? []) {
      if (seen.has(dependent)) continue;
      seen.add(dependent);
      const waiting = beads.get(dependent);
      if (waiting !== undefined) most = Math.max(most, PRIORITY_ADVANCE_MS[waiting.context.priority]);
      if (most === PRIORITY_ADVANCE_MS.critical) return most;
    }
  return most;
}
