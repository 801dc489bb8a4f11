import { DEFAULT_SETTINGS } from "../../src/events/settings.ts";
import { check, checkReplay, failedBeadsAreExplained } from "./checks.ts";
import { touch } from "./host.ts";
import { tidyUp } from "./operators.ts";
import type { Simulation } from "./requests.ts";
import { HOUR, configure, type SimRig, type Stage } from "./stage.ts";
import { isLive, type Town } from "./town.ts";

/** After the faults: everything heals, people answer, and then all work must come to an end. */

/** Within this. */
export const HEAL_MS = 72 * HOUR;

export function heal(stage: Stage, sim: Simulation, towns: readonly Town[], rigs: readonly SimRig[]): void {
  stage.healed = true;
  stage.trace(() => "everything heals");
  for (const town of towns) {
    town.unreachableUntil = 0;
    town.slow_ms = 0;
    town.provider.awayUntil = 0;
  }
  for (const r of rigs) {
    // A rig that was never reached before is configured now.
    sim.request(r, configure(r));
    sim.request(r, { type: "set_settings", settings: DEFAULT_SETTINGS });
    r.repository.target.protectedUntil = 0;
    sim.request(r, { type: "resume" });
    const tidy = (): void => {
      tidyUp(sim, r);
      stage.queue.after(60_000, tidy);
    };
    tidy();
  }
}

/** @returns whether there has been nothing to do for half an hour; to be asked again and again */
export function calmOf(stage: Stage, rigs: readonly SimRig[]): () => boolean {
  const slots = (r: SimRig): number => r.life?.rig?.world.index.slots.size ?? 0;
  let calm = 0;
  return () => {
    if (unfinished(rigs).length > 0 || rigs.some((r) => slots(r) > 0)) calm = 0;
    else if (calm === 0) calm = stage.queue.now;
    return calm > 0 && stage.queue.now - calm > HOUR / 2;
  };
}

/** What must be so when the peace is over. */
export function judgePeace(stage: Stage, rigs: readonly SimRig[]): void {
  const left = unfinished(rigs);
  const [first] = left;
  if (first !== undefined)
    stage.fail(
      first.r,
      "liveness",
      `${left.length} issues are not over after ${HEAL_MS / HOUR} h of peace, the first is ${first.id}: ${first.state}; ${describe(first.r, first.id)}`,
    );
  for (const r of rigs) judgeRig(stage, r);
}

function judgeRig(stage: Stage, r: SimRig): void {
  const rig = touch(stage, r);
  if (rig === null) return;
  const { slots, active } = rig.world.index;
  if (slots.size > 0) stage.fail(r, "liveness", `${[...slots].join(", ")} still run; there is no work`);
  const waiting = r.storage.sql.exec<{ key: string }>("SELECT key FROM outbox").toArray();
  if (waiting.length > 0) stage.fail(r, "liveness", `the outbox still has ${waiting.map((row) => row.key).join(", ")}`);
  if (!rig.world.rig.matches({ cadence: "idle" }))
    stage.fail(r, "liveness", `there is no work, but the cadence is not idle: ${[...active].join(", ")}`);
  check(stage, r, rig, []);
  checkReplay(stage, r);
  failedBeadsAreExplained(stage, r);
  const { pushed, covered, untold } = r.repository.target;
  // What the container keeps for the next train, which has not left yet, is told with it.
  const kept = new Set(Array.from(untold.values(), (report) => report.pushed.to));
  const uncovered = [...pushed].filter((to) => !covered.has(to) && !kept.has(to));
  if (uncovered.length > 0)
    stage.fail(r, "pushes_have_receipts", `${uncovered.length} of ${pushed.size} pushes have no receipt`);
  for (const process of r.town.processes.values()) {
    if (process.rig !== r || !isLive(process)) continue;
    stage.counts.orphans++;
    stage.trace(() => `orphan: ${process.dispatchId} ${process.status} ${process.mood}`);
    if (stage.options.trace) console.log(`orphan: ${process.dispatchId} ${process.status} ${process.mood}`);
  }
  for (const state of r.ended.values()) stage.counts[state === "closed" ? "closed" : "failed"]++;
}

function unfinished(rigs: readonly SimRig[]): { r: SimRig; id: string; state: string }[] {
  return rigs.flatMap((r) =>
    r.storage.sql
      .exec<{ id: string; state: string; context: string }>(
        "SELECT id, state, context FROM actors WHERE kind = 'bead' AND live = 1 AND error IS NULL",
      )
      .toArray()
      .filter((row) => (JSON.parse(row.context) as { type: string }).type === "issue")
      .map(({ id, state }) => ({ r, id, state })),
  );
}

function describe(r: SimRig, beadId: string): string {
  const world = r.life?.rig?.world;
  const bead = world?.beads.get(beadId);
  const agent = world?.agents.get(bead?.context.assignee ?? "");
  return JSON.stringify({
    bead: bead?.context,
    agent: agent && { value: agent.value, context: agent.context },
    rig: world?.rig.value,
    slots: world?.index.slots.size,
    alarm: r.alarm,
    now: r.now(),
  });
}
