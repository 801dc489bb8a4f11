import { messageOf } from "../events/message-of.ts";
import { beadDeadline } from "../machines/bead.ts";
import type { Folded } from "../core/fold.ts";
import { reviewDeadline } from "../machines/review.ts";
import { rigDeadline } from "../machines/rig.ts";
import type { Kind } from "../core/step.ts";
import { actorKey, nextWake, singleDeadline, type World } from "../core/world.ts";
import { clip, factsThat } from "../events/facts.ts";
import { SINGLES } from "../events/row.ts";
import { LIMITS } from "../events/limits.ts";
import { missed } from "./missed.ts";
import type { Rig } from "./rig.ts";

/** When the rig's one alarm rings. */

export const isDestroyed = (rig: Rig): boolean => rig.world.rig.matches({ life: "destroyed" });

/** Arms the alarm for the given time unless it is armed earlier: pulled forward, never pushed back. */
export function arm(rig: Rig, at: number): void {
  if (isDestroyed(rig)) return;
  const armed = rig.ports.getAlarm();
  if (armed === null || at < armed) rig.ports.setAlarm(at);
}

/** On every entry: an alarm that is missing or long overdue while something waits is armed again. */
export function wake(rig: Rig): void {
  const now = rig.ports.now();
  const armed = rig.ports.getAlarm();
  // An alarm that is armed for a time that a clock put forward has named would be waited for for long.
  const isFarAhead = armed !== null && armed > now + LIMITS.clock_tolerance_ms + cadence(rig);
  if (rig.ticking === null && (armed === null || armed < now - 5_000 || isFarAhead)) {
    if (armed !== null && armed < now) missed(rig, armed);
    const next = nextAlarm(rig, now);
    if (next !== null) rig.ports.setAlarm(Math.max(next, now + 1));
  }
}

const cadence = (rig: Rig): number => {
  const { settings } = rig.world.rig.context;
  return rig.world.rig.value.cadence === "active" ? settings.cadence_active_ms : settings.cadence_idle_ms;
};

/** The nearest deadline of any actor or effect, at most the cadence away; null for a rig that is destroyed or was never configured. */
export function nextAlarm(rig: Rig, now: number): number | null {
  const { world } = rig;
  if (isDestroyed(rig) || world.seq === 0) return null;
  let next = now + cadence(rig);
  const consider = (at: number | null) => {
    if (at !== null && at < next) next = at;
  };
  for (const id of world.agents.keys()) consider(deadlineOf(world, "agent", id, now));
  for (const id of world.beads.keys()) consider(deadlineOf(world, "bead", id, now));
  for (const id of [...world.index.queued, ...world.index.merging]) consider(deadlineOf(world, "review", id, now));
  for (const single of SINGLES) consider(deadlineOf(world, single, single, now));
  consider(deadlineOf(world, "rig", "rig", now));
  consider(rig.outbox.nextAt(rig));
  return next;
}

/** Deadlines of the actors that a commit changed: enough to pull the alarm forward. */
export function nearestOf(rig: Rig, folded: Folded, now: number): number {
  const { world } = rig;
  const { settings } = world.rig.context;
  let next = now + cadence(rig);
  for (const [kind, id] of folded.changed.values()) {
    const at = deadlineOf(world, kind, id, now);
    if (at !== null && at < next) next = at;
  }
  if (folded.entries.some(({ fact }) => ARMING.has(fact.type))) next = Math.min(next, now + settings.arm_delay_ms);
  return Math.max(next, now);
}

/** Facts that arm the alarm within arm_delay_ms, a hook, a done and an exit report among them; a health check does the same (see health.ts). */
const ARMING = factsThat(({ arms }) => arms === true);

/** The next deadline of one actor, ms, or null. A damaged actor has none: no TICK moves it, so its alarm would ring for ever. */
export function deadlineOf(world: World, kind: Kind, id: string, now: number): number | null {
  if (world.broken.size > 0 && world.broken.has(actorKey(kind, id))) return null;
  const { settings } = world.rig.context;
  switch (kind) {
    case "agent": {
      const agent = world.agents.get(id);
      return agent ? nextWake(world, id, agent).deadline : null;
    }
    case "bead": {
      const bead = world.beads.get(id);
      // Until a commit has come after it: a TICK that failed has not served it.
      return bead ? beadDeadline(bead, Math.min(now, world.at)) : null;
    }
    case "review": {
      const review = world.reviews.get(id);
      return review ? reviewDeadline(review, settings) : null;
    }
    case "queue":
    case "budget":
    case "accounts":
      return singleDeadline(world, kind);
    case "rig":
      return rigDeadline(world.rig);
  }
}

/** After a TICK: the next alarm, strictly after the one that is running (setting the same time would be lost). */
export function rearm(rig: Rig, scheduledTime: number | null): void {
  try {
    const now = rig.ports.now();
    const next = nextAlarm(rig, now);
    if (next === null) return;
    const earliest = Math.max(now, scheduledTime ?? 0) + 1;
    const armed = rig.ports.getAlarm();
    const at = Math.max(earliest, next);
    if (armed === null || armed <= (scheduledTime ?? 0) || at < armed) rig.ports.setAlarm(at);
  } catch (error) {
    rig.ports.log("error", "the next alarm could not be computed; the idle cadence is used", {
      error: reasonOf(error),
    });
    rig.ports.setAlarm(rig.ports.now() + 300_000);
  }
}

/** What was thrown, as a sentence short enough for a row. */
export const reasonOf = (error: unknown): string => clip(messageOf(error));
