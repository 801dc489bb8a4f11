import type { FactOf } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { isDestroyed } from "./alarm.ts";
import type { Rig } from "./rig.ts";

/**
 * Whether the time that passed is time in which anybody could do anything; asked before every commit. An alarm that rings much too late says that
 * everything stood still, or that the clock was put forward; a clock that is behind the journal was put back.
 */
export function clockJump(rig: Rig, now: number): FactOf<"clock.jumped"> | null {
  const { world, clock, ports } = rig;
  const { awakeAt } = clock;
  const due = clock.due ?? ports.getAlarm();
  clock.due = null;
  clock.awakeAt = now;
  if (world.seq === 0 || isDestroyed(rig)) return null;
  if (world.at - now > LIMITS.clock_tolerance_ms) {
    // Of a time that is not yet: nobody was heard of then.
    rig.sightings.clear();
    return { type: "clock.jumped", by: now - world.at };
  }
  if (due === null) return null;
  const late_ms = now - Math.max(due, awakeAt, world.at);
  return late_ms > LIMITS.clock_tolerance_ms ? { type: "clock.jumped", by: late_ms } : null;
}
