import type { Caller } from "../../../src/core/decide/index.ts";
import type { TrainReport } from "../../../src/core/train/report.ts";
import type { SettingsPatch } from "../../../src/events/settings.ts";
import type { QueueSnapshot } from "../../../src/machines/queue.ts";
import type { TrainRequest } from "../../../src/wire/train.ts";
import type { TestRig } from "../../support/node-rig.ts";
import { found, submitted, town } from "./words.ts";

/** The words in which trains are told. */

export const ADMIN: Caller = { kind: "operator", id: "operator", dispatchId: null, scope: "admin" };
export const CHECKS: SettingsPatch = { checks: [{ name: "test", command: "npm test", timeout_ms: 60_000 }] };

/** A rig with a check, whose container runs trains. */
export function trainTown(settings: SettingsPatch = CHECKS): TestRig {
  const rig = town();
  rig.container.can = { inspect: true, ephemeral: false, trains: true };
  rig.run({ type: "set_settings", settings }, ADMIN);
  return rig;
}

export const queueOf = (rig: TestRig): QueueSnapshot => found(rig.rig.world.queue, "queue");

/** The newest order to run a train. */
export const order = (rig: TestRig): TrainRequest => found(rig.container.trains.at(-1), "train");

export const TARGET = "a".repeat(40);
const check = (verdict: "green" | "red") => ({
  name: "test",
  commandDigest: "d".repeat(64),
  verdict,
  why: verdict === "red" ? "exit" : null,
  exit: verdict === "red" ? 1 : 0,
  ms: 7,
  outputDigest: "e".repeat(64),
  words: verdict === "red" ? "1 test failed" : "",
});
export const run = (upTo: number | null, verdict: "green" | "red"): TrainReport["runs"][number] => ({
  upTo,
  verdict,
  checks: [check(verdict)],
});
/** A commit that tells which it is. */
export const commit = (n: number): string => n.toString(16).padStart(40, "0");

/** That so many members got onto the target. */
export const pushed = (rig: TestRig, members = order(rig).members.length): NonNullable<TrainReport["pushed"]> => ({
  from: TARGET,
  to: commit(rig.container.trains.length),
  tree: "f".repeat(40),
  members: order(rig)
    .members.slice(0, members)
    .map(({ entryId, beadId, commit: handedIn = TARGET }, i) => ({
      entryId,
      beadId,
      handedIn,
      commit: commit(100 * rig.container.trains.length + i),
    })),
  checks: [check("green")],
  boxed: true,
});

export const report = (more: Partial<TrainReport> = {}): TrainReport => ({
  target: TARGET,
  left: [],
  runs: [],
  pushed: null,
  stopped: null,
  ...more,
});

/** The container, with the credential of a train. */
export const containerOf = (trainId: string): Caller => ({
  kind: "container",
  id: "container",
  dispatchId: trainId,
  reviewId: "",
  trainId,
});

/** What the container says of its newest train. */
export async function arrives(rig: TestRig, more: Partial<TrainReport>): Promise<void> {
  const { trainId } = order(rig);
  rig.container.running.delete(trainId);
  rig.run({ type: "complete_train", trainId, report: report(more) }, containerOf(trainId));
  await rig.settled();
}

/** Everything that was gated is green, and on the target. */
export const allGreen = (rig: TestRig): Promise<void> =>
  arrives(rig, { runs: order(rig).gates.map((gate) => run(gate, "green")), pushed: pushed(rig) });

export type Submitted = Awaited<ReturnType<typeof submitted>>;

/** Beads in review, of which the first is on train 1 alone and the others wait. */
export async function inReview(rig: TestRig, count: number): Promise<readonly Submitted[]> {
  const made: Submitted[] = [];
  for (let i = 0; i < count; i++) {
    rig.now += 1_000;
    made.push(await submitted(rig, `work ${i + 1}`));
  }
  return made;
}
