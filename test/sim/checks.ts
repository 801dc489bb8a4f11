import { finish, replayer, type Divergence, type Replayer } from "../../src/core/replay.ts";
import { cut, resume, type StoredActor } from "../../src/core/cut.ts";
import { readEntry, type JournalEntry, type JournalRow } from "../../src/core/journal.ts";
import { fold, type Entry } from "../../src/core/fold.ts";
import {
  glance,
  highest,
  nearestDeadline,
  transitionViolations,
  violations,
  violationsSince,
  type Glance,
} from "../../src/core/invariants.ts";
import { store, type Kind } from "../../src/core/step.ts";
import { copyWorld, get, type World } from "../../src/core/world.ts";
import { LIMITS } from "../../src/events/limits.ts";
import type { Rig } from "../../src/do/rig.ts";
import { storedActors } from "../../src/do/store.ts";
import type { SimRig, Stage } from "./stage.ts";
import { isHopeless } from "./provider.ts";

/** What must hold whatever goes wrong: after every commit, after every event, and for every journal as a whole. */

/**
 * The same one again is another one: a checkpoint keeps its seq, an unhooked bead may be hooked again in the same
 * commit, and an instance is told only when it is another one: what runs is then asked for again, under its key.
 */
const NOT_REPEATABLE: ReadonlySet<string> = new Set([
  // How far, not where to: it is found and said by the rig itself, and never arrives twice.
  "clock.jumped",
  "container.instance_changed",
  // Said in the commit that ends the effect which nobody took.
  "answer.missed",
  "agent.checkpointed",
  "agent.unhooked",
]);

export function committed(stage: Stage, r: SimRig, rig: Rig, entries: readonly Entry[]): void {
  stage.counts.commits++;
  stage.counts.facts += entries.length;
  for (const { fact, effects, missing } of entries) {
    stage.trace(() => {
      const { type, seq, at: _at, cause, ...body } = fact;
      return `${r.id} #${seq}${cause === null ? "" : `<${cause}`} ${type} ${JSON.stringify(body)}${effects.length === 0 ? "" : ` => ${effects.map((e) => e.key).join(" ")}`}${missing === null ? "" : ` (no ${missing})`}`;
    });
    if (fact.type === "actor.repaired") {
      stage.counts.repaired++;
      r.poisoned.delete(`${fact.kind}:${fact.id}`);
    }
    if (fact.type === "actor.quarantined" && fact.cause !== null)
      stage.fail(r, "wrongly_quarantined", `${fact.kind} ${fact.id}: ${fact.error}`);
    if (fact.type === "bead.merged" && missing === null) {
      const review = [...entries].find((entry) => entry.fact.type === "review.completed");
      if (!r.repository.merged.has(branchOf(r, fact.beadId) ?? "") && !(review && !stage.faults.has("merge")))
        stage.fail(r, "merged_in_words_only", `bead ${fact.beadId} is closed as merged, its branch is not`);
    }
  }
  r.highest = highest(rig.world, r.highest);
  check(stage, r, rig, entries);
  if (stage.luck.chance(0.02)) checkDuplicate(stage, r, rig, entries);
  r.before = glance(rig.world);
}

/** The same facts once more, and the same TICK until nothing moves: on a copy of the world, so that it leaves no trace. */
function checkDuplicate(stage: Stage, r: SimRig, rig: Rig, entries: readonly Entry[]): void {
  const copy = copyWorld(rig.world);
  const roots = entries
    .filter(({ fact }) => fact.cause === null && !NOT_REPEATABLE.has(fact.type))
    .map(({ fact }) => fact);
  if (roots.length > 0 && !roots.some((fact) => fact.type === "TICK")) {
    const again = fold(copy, roots, copy.at);
    const said = again.entries.flatMap(({ effects }) => effects.map(({ key }) => key));
    if (said.length > 0)
      stage.fail(
        r,
        "duplicate_is_no_op",
        `${roots.map((fact) => fact.type).join(", ")} once more emits ${said.join(", ")}`,
      );
    const rowOf = (world: World, kind: Kind, id: string): string => {
      const snapshot = get(world, kind, id);
      return snapshot === undefined ? "none" : JSON.stringify(store(kind, snapshot));
    };
    const moved = [...again.changed].filter(([, [kind, id]]) => rowOf(copy, kind, id) !== rowOf(rig.world, kind, id));
    if (moved.length > 0)
      stage.fail(
        r,
        "duplicate_is_no_op",
        `${roots.map((fact) => fact.type).join(", ")} once more moves ${moved.map(([key]) => key).join(", ")}`,
      );
  }
  for (let n = 0; ; n++) {
    const { entries: ticked } = fold(copy, [{ type: "TICK", container: "unasked" }], copy.at);
    if (ticked.length === 0) return;
    if (n === 3)
      return stage.fail(
        r,
        "duplicate_is_no_op",
        `a TICK at the same time still moves somebody: ${ticked.map(({ fact }) => fact.type).join(", ")}`,
      );
  }
}

function branchOf(r: SimRig, beadId: string): string | undefined {
  const row = r.storage.sql
    .exec<{ context: string }>("SELECT context FROM actors WHERE kind = 'bead' AND id = ?", beadId)
    .toArray()[0];
  return row && (JSON.parse(row.context) as { branch: string }).branch;
}

/** Commits between two looks at everything. */
const WHOLE_EVERY = 32;

export function check(stage: Stage, r: SimRig, rig: Rig, entries: readonly Entry[]): void {
  // What has changed, after every commit; everything, now and then, and whenever the rig is opened.
  const isWhole = r.before === null || entries.length === 0 || stage.counts.commits % WHOLE_EVERY === 0;
  const found = [
    ...(isWhole ? violations(rig.world, r.highest) : violationsSince(r.before as Glance, rig.world, r.highest)),
    ...(r.before === null || entries.length === 0 ? [] : transitionViolations(r.before, entries, rig.world)),
  ];
  for (const { rule, actor, text } of found) stage.fail(r, rule, `${actor} ${text}`);
  for (const { fact } of entries) {
    if (isFailedByAnOutage(stage, r, fact)) stage.fail(r, "outage_fails_no_bead", JSON.stringify(fact));
    if (isChargedForStandingStill(entries, fact)) stage.fail(r, "standing_still_costs_nothing", JSON.stringify(fact));
    if (fact.type === "review.checked") r.repository.target.covered.add(fact.to);
    if (fact.type === "bead.merged" || fact.type === "bead.closed") ended(stage, r, fact.beadId);
    if (fact.type === "bead.retried" && rig.world.beads.get(fact.beadId)?.hasTag("terminal") === false) {
      r.ended.delete(fact.beadId);
      stage.counts.retried++;
    }
    if (fact.type === "bead.failed" || fact.type === "bead.cancelled") ended(stage, r, fact.beadId);
  }
}

function ended(stage: Stage, r: SimRig, id: string): void {
  const row = r.storage.sql
    .exec<{ state: string; live: number }>("SELECT state, live FROM actors WHERE kind = 'bead' AND id = ?", id)
    .toArray()[0];
  if (row === undefined || row.live === 1) return;
  const was = r.ended.get(id);
  if (was !== undefined && was !== row.state)
    stage.fail(r, "terminal_stays", `bead ${id} was ${was} and is ${row.state}`);
  r.ended.set(id, row.state);
}

const diverges = (stage: Stage, r: SimRig, rule: string, divergence: Divergence | null): void => {
  if (divergence !== null)
    stage.fail(r, rule, `seq ${divergence.seq}: expected ${divergence.expected}, got ${divergence.actual}`);
};

function goOn(run: Replayer, rest: readonly JournalEntry[], rows: readonly StoredActor[]): Divergence | null {
  for (const entry of rest) run.push(entry);
  return finish(run, rows).divergence;
}

/**
 * The journal folds to what is stored, and no end of a bead was taken back. Of every other rig it is folded in one go from its first fact on, of
 * the others from a cut where it was looked at last: which of them begins is the seed's. What was folded at the last look is not folded
 * again: it is the same journal, for its rows are never changed.
 */
export function checkReplay(stage: Stage, r: SimRig): void {
  stage.counts.replays++;
  try {
    // A row that is garbage, but was not read since, is in nobody's journal yet.
    const healthy = Array.from(storedActors(r.storage.sql), (row) =>
      r.poisoned.has(`${row.kind}:${row.id}`) ? { ...row, error: "garbage" } : row,
    );
    const rest = r.storage.sql
      .exec<JournalRow>("SELECT * FROM journal WHERE seq > ? ORDER BY seq", r.replayed.world.seq)
      .toArray()
      .map(readEntry);
    if (r.isReplayedInCuts) r.replayed = replayer(resume(cut(r.replayed.world)));
    diverges(stage, r, r.isReplayedInCuts ? "replay_from_a_cut" : "replay_is_rows", goOn(r.replayed, rest, healthy));
  } catch (error) {
    stage.fail(r, "replay_is_rows", String(error instanceof Error ? error.stack : error));
  }
  for (const [id, state] of r.ended) {
    const row = r.storage.sql
      .exec<{ state: string }>("SELECT state FROM actors WHERE kind = 'bead' AND id = ?", id)
      .toArray()[0];
    if (row !== undefined && row.state !== state && !r.poisoned.has(`bead:${id}`))
      stage.fail(r, "terminal_stays", `bead ${id} was ${state} and is ${row.state}`);
  }
}

/**
 * Where nothing else goes wrong than the provider, only what can never be done fails; and what ran alone when it went, for that an outage is
 * told by several.
 */
const isFailedByAnOutage = (stage: Stage, r: SimRig, fact: Entry["fact"]): boolean =>
  fact.type === "bead.failed" &&
  stage.faults.size === 1 &&
  stage.has("provider") &&
  !isHopeless(stage, fact.beadId) &&
  ++r.town.provider.failed >= LIMITS.outage_agents;

/** Somebody's lease is over in the commit that says that everything stood still. */
const isChargedForStandingStill = (entries: readonly Entry[], fact: Entry["fact"]): boolean =>
  entries[0]?.fact.type === "clock.jumped" &&
  entries[0].fact.by > 0 &&
  fact.type === "dispatch.failed" &&
  fact.reason.startsWith("lease_over");

/** A rig that is awake is armed, and in time for whoever waits; unless its alarm was lost, or its clock jumped. */
export function checkAlarm(stage: Stage, r: SimRig): void {
  const rig = r.life?.rig;
  if (!rig || r.ringing !== null || rig.world.seq === 0 || r.alarmLost) return;
  if (r.alarm === null) return stage.fail(r, "alarm_is_armed", "no alarm is armed");
  if (
    stage.faults.has("clock") ||
    stage.faults.has("suspend") ||
    (rig.world === r.checkedAlarm?.world && rig.world.seq === r.checkedAlarm.seq && r.alarm === r.checkedAlarm.alarm)
  )
    return;
  r.checkedAlarm = { world: rig.world, seq: rig.world.seq, alarm: r.alarm };
  const nearest = nearestDeadline(rig.world);
  if (nearest !== null && r.alarm > Math.max(nearest, r.now()) + 1_000)
    stage.fail(
      r,
      "alarm_is_armed",
      `${r.id}: the alarm is ${r.alarm - nearest} ms after a deadline, which is ${nearest - r.now()} ms from now`,
    );
  const { cadence_active_ms, cadence_idle_ms } = rig.world.rig.context.settings;
  const longest = rig.world.rig.matches({ cadence: "active" }) ? cadence_active_ms : cadence_idle_ms;
  if (r.alarm > r.now() + Math.max(longest, cadence_idle_ms) + 1_000)
    stage.fail(r, "alarm_is_armed", `the alarm is ${r.alarm - r.now()} ms ahead, the cadence is ${longest}`);
}

/** A bead that failed by itself was escalated to somebody. */
export function failedBeadsAreExplained(stage: Stage, r: SimRig): void {
  const rows = r.storage.sql
    .exec<{ id: string; context: string }>("SELECT id, context FROM actors WHERE kind = 'bead' AND state = 'failed'")
    .toArray();
  for (const row of rows) {
    if (r.poisoned.has(`bead:${row.id}`) || (JSON.parse(row.context) as { type: string }).type !== "issue") continue;
    const about = r.storage.sql
      .exec<{ type: string }>(
        "SELECT type FROM journal WHERE bead = ? AND type IN ('bead.cancelled', 'bead.status_set')",
        row.id,
      )
      .toArray();
    const escalations =
      r.storage.sql
        .exec<{ n: number }>(
          "SELECT COUNT(*) AS n FROM journal WHERE type = 'bead.created' AND json_extract(body, '$.metadata.bead_id') = ?",
          row.id,
        )
        .toArray()[0]?.n ?? 0;
    if (about.length === 0 && escalations === 0)
      stage.fail(r, "failed_in_silence", `bead ${row.id} failed, and nobody was told`);
  }
}
