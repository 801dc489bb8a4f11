import type { Level, NeedCode } from "../events/needs.ts";
import { isHeldBack } from "../machines/rig.ts";
import { keylessFor } from "./held.ts";
import type { Draft } from "./needs.ts";
import { isDeferred } from "./schedule.ts";
import { whyBead, type Reason } from "./why.ts";
import type { World } from "./world.ts";

/** Ready work that does not run, as part of the need that holds it back. */

export interface DraftsOfWaiting {
  /** The need of this cause; made when it is the first that is heard of it. */
  of(key: string, code: NeedCode, level: Level): Draft;
  /** The need of the key that was not taken when this agent was started. */
  ofKeyless(agentId: string): Draft | undefined;
}

/** What holds ready work back and is a need, by the reason that `why` gives for it. */
const HOLDS: Partial<Record<Reason, { key: string; code: NeedCode; level: Level }>> = {
  no_config: { key: "no_config", code: "no_config", level: "now" },
  breaker_open: { key: "breaker_open", code: "breaker_open", level: "now" },
  paused: { key: "paused", code: "paused", level: "know" },
  draining: { key: "draining", code: "draining", level: "know" },
  wrong_role: { key: "wrong_role", code: "wrong_role", level: "soon" },
  at_capacity: { key: "at_capacity", code: "at_capacity", level: "know" },
};

const RESTORED = { key: "restored", code: "restored", level: "now" } as const;

/** Ready work that is not running, with what holds it back. */
export function ofWaiting(world: World, now: number, drafts: DraftsOfWaiting): void {
  const ids = new Set(world.index.ready);
  for (const agentId of world.index.due) {
    const hook = world.agents.get(agentId)?.context.hook ?? null;
    if (hook !== null) ids.add(hook);
  }
  let first: Reason | null = null;
  for (const id of ids) {
    const bead = world.beads.get(id);
    if (bead === undefined || isDeferred(bead, now)) continue;
    const keyless = keylessFor(world, bead, world.agents.get(bead.context.assignee ?? "") ?? null);
    if (keyless !== null) {
      drafts.ofKeyless(keyless.context.id)?.waiting.add(id);
      continue;
    }
    // What holds one unassigned bead back holds all of them back: asked once, however many there are.
    const isFree = bead.context.assignee === null && bead.context.blockedBy.length === 0;
    const reason: Reason = isFree ? (first ??= whyBead(world, bead).reason) : whyBead(world, bead).reason;
    const hold = reason === "paused" && isHeldBack(world.rig) ? RESTORED : HOLDS[reason];
    if (hold === undefined) continue;
    const need = drafts.of(hold.key, hold.code, hold.level);
    need.waiting.add(id);
    if (hold.code === "at_capacity") need.values = { capacity: world.rig.context.settings.capacity };
    const agentId = bead.context.assignee;
    if (hold.code === "wrong_role" && agentId !== null) need.agents.add(agentId);
  }
}
