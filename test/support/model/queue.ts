import type { Fact } from "../../../src/events/facts.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import { NOTHING_KNOWN, type StopClass } from "../../../src/events/train.ts";
import type { QueueSnapshot } from "../../../src/machines/queue.ts";
import type { World } from "../../../src/core/world.ts";
import type { Model } from "./explore.ts";
import { aroundDeadlines, plus, side } from "./times.ts";
import { move, type Move } from "./world.ts";

/** The queue in a rig without a repository: no train leaves but the model's own, and nobody is on it who could hear of it. */

const START_MS = 1_800_000_000_000;
const opened: Fact = { type: "queue.opened" };
/** More than any train of a path: what has this number is never the current one. */
const NEVER = 99;

export const queueModel: Model = {
  name: "queue",
  kind: "queue",
  id: "queue",
  seeds: [
    move(START_MS, {
      type: "rig.settings_changed",
      changes: { backoff_base_ms: 60_000, backoff_max_ms: 60_000, review_lease_ms: 900_000 },
    }),
    move(START_MS, opened),
  ],
  moves: (world) => movesOf(world, queueIn(world)),
  key: (world) => keyOf(world, queueIn(world)),
};

function queueIn({ queue }: World): QueueSnapshot {
  if (queue === undefined) throw new Error("the model has no queue");
  return queue;
}

/** When what passes by itself has lasted long enough to be told. */
const toldAt = ({ context: { trouble } }: QueueSnapshot): number | null =>
  trouble === null || trouble.told ? null : plus(trouble.since, LIMITS.queue_told_after_ms);

function keyOf({ at }: World, queue: QueueSnapshot): string {
  const { until, resendAt, trouble, reported, train } = queue.context;
  return JSON.stringify([
    queue.value,
    reported === train,
    side(at, until),
    side(at, resendAt),
    trouble === null ? null : [trouble.class, trouble.told],
    side(at, trouble?.retryAt ?? null),
    side(at, toldAt(queue)),
  ]);
}

const reported = (train: number, of: StopClass | null): Fact => ({
  type: "train.reported",
  train,
  target: null,
  pushed: null,
  known: { ...NOTHING_KNOWN, suspects: [], flaky: [] },
  merged: 0,
  sentBack: 0,
  stopped: of === null ? null : { class: of, code: of, words: "git said no" },
});

const ofTrain = (train: number): Fact[] => [
  ...([null, "place", "target", "passing"] as const).map((of) => reported(train, of)),
  { type: "train.refused", train, status: 422, error: "no such repository" },
  { type: "train.unknown", train, error: "no answer" },
  { type: "train.seen", train },
  { type: "train.lost", train },
];

function movesOf({ at }: World, queue: QueueSnapshot): Move[] {
  const { train, until, resendAt, trouble } = queue.context;
  const departed = (n: number): Fact => ({
    type: "train.departed",
    train: n,
    members: [{ reviewId: "r", claim: n }],
    gates: [1],
    again: n % 2 === 0 ? { reviewId: "s", claim: n } : null,
  });
  const facts: Fact[] = [
    opened,
    { type: "queue.blocked", words: "no container runs trains" },
    { type: "queue.resumed", by: "operator" },
    { type: "rig.edited", by: "operator", changes: { defaultBranch: "trunk" } },
    { type: "clock.jumped", by: 1 },
    departed(train + 1),
    departed(train),
    ...ofTrain(train),
    ...ofTrain(NEVER),
    { type: "container.instance_changed", instance: `at ${at}` },
    { type: "rig.imported", by: "operator", secrets: [] },
  ];
  const later = aroundDeadlines(at, [until, resendAt, trouble?.retryAt ?? null, toldAt(queue)]);
  const timed: Fact[] = [
    { type: "train.lost", train },
    { type: "train.unknown", train, error: "no answer" },
    reported(train, "passing"),
  ];
  return [
    ...facts.map((fact) => move(at, fact)),
    ...[at, ...later].map((when) => move(when, { type: "TICK", container: "unasked" })),
    ...later.flatMap((when) => timed.map((fact) => move(when, fact))),
  ];
}
