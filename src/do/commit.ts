import type { Fact } from "../events/facts.ts";
import { fold, type Folded } from "../core/fold.ts";
import { begin, letGo, rollback } from "../core/world.ts";
import { arm, isDestroyed, nearestOf } from "./alarm.ts";
import { clockJump } from "./clock.ts";
import { countEntries } from "./metrics.ts";
import type { Rig } from "./rig.ts";
import { writeCommit } from "./store.ts";

/**
 * Journals facts with all that follows from them: facts, changed rows, outbox rows and the alarm in one transaction. What
 * it throws has changed nothing, neither in storage nor in memory.
 * @param alongside more rows for the same transaction.
 */
export function commit(rig: Rig, facts: readonly Fact[], alongside?: () => void): Folded {
  const { world, ports } = rig;
  if (facts.length === 0 && alongside === undefined) return { entries: [], changed: new Map() };
  const now = ports.now();
  const jump = facts.length === 0 ? null : clockJump(rig, now);
  const all = jump === null ? facts : [jump, ...facts];
  if (jump !== null) rig.outbox.expect();
  begin(world);
  let folded: Folded;
  try {
    folded = facts.length === 0 ? { entries: [], changed: new Map() } : fold(world, all, now);
    const { entries } = folded;
    // Most TICKs change nothing: then there is nothing to write.
    if (entries.length > 0 || alongside !== undefined)
      ports.transaction(() => {
        alongside?.();
        if (entries.length === 0) return;
        if (entries.some(({ effects }) => effects.length > 0)) rig.outbox.expect();
        writeCommit(ports.sql, world, folded);
        if (isDestroyed(rig)) ports.deleteAlarm();
        else arm(rig, nearestOf(rig, folded, now));
      });
  } catch (error) {
    // What was removed from it is there again.
    rig.outbox.expect();
    rollback(world);
    throw error;
  }
  letGo(world, folded.changed.values());
  countEntries(rig.meter, folded.entries);
  if (folded.entries.length > 0) for (const listener of rig.listeners) listener(folded.entries);
  if (folded.entries.some((entry) => entry.effects.length > 0)) ports.background(rig.outbox.settle(rig));
  return folded;
}
