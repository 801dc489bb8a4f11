import type { Fact } from "../../../src/events/facts.ts";
import type { ReviewSnapshot } from "../../../src/machines/review.ts";
import type { World } from "../../../src/core/world.ts";
import type { Model } from "./explore.ts";
import { aroundDeadlines, side } from "./times.ts";
import { move, type Move } from "./world.ts";

/** One review in a rig without a repository: nothing is granted but what the model grants. */

const ID = "r";
const TREE = "a".repeat(40);
const START_MS = 1_800_000_000_000;
const opened: Fact = {
  type: "review.opened",
  reviewId: ID,
  beadId: "b",
  agentId: "a",
  branch: "ticktown/b",
  prUrl: null,
  summary: null,
};

export const reviewModel: Model = {
  name: "review",
  kind: "review",
  id: ID,
  seeds: [
    move(START_MS, { type: "rig.settings_changed", changes: { review_max_attempts: 2 } }),
    move(START_MS, opened),
  ],
  moves: (world) => movesOf(world, reviewIn(world)),
  key: (world) => keyOf(world, reviewIn(world)),
};

function reviewIn(world: World): ReviewSnapshot {
  const review = world.reviews.get(ID);
  if (review === undefined) throw new Error(`the model has no review ${ID}`);
  return review;
}

export function keyOf({ at }: World, { value, context }: ReviewSnapshot): string {
  return JSON.stringify([
    value,
    context.claim > 0,
    context.attempts,
    side(at, context.claimUntil),
    side(at, context.resendAt),
    side(at, context.backoffUntil),
    side(at, context.lookAt ?? null),
    context.jumpedAt !== undefined,
    context.protected !== undefined,
    context.approvedTree !== undefined,
    context.cancelAsked !== undefined,
  ]);
}

function movesOf({ at }: World, { context }: ReviewSnapshot): Move[] {
  const tick = (when: number) => move(when, { type: "TICK", container: "unasked" });
  const { claim, claimUntil, resendAt, backoffUntil, lookAt = null } = context;
  const ofClaim = (n: number): Fact[] => [
    ...(["merged", "conflict", "failed"] as const).flatMap((verdict) =>
      [true, false].map((permanent): Fact => ({
        type: "review.completed",
        reviewId: ID,
        claim: n,
        verdict,
        permanent,
        message: verdict,
        commitSha: verdict === "merged" ? "c0ffee" : null,
      })),
    ),
    { type: "merge.refused", reviewId: ID, claim: n, status: 422, error: "no such branch" },
    { type: "merge.unknown", reviewId: ID, claim: n, error: "no answer" },
    { type: "review.unboarded", reviewId: ID, claim: n, why: "the remote is away" },
    { type: "review.rejected", reviewId: ID, claim: n, check: "test", words: "1 failed" },
    { type: "review.protected", reviewId: ID, claim: n, files: [".ticktown/checks.json"], tree: TREE },
    { type: "review.handed_over", reviewId: ID, claim: n, commit: TREE },
  ];
  const byPeople: Fact[] = [
    ...[TREE, "b".repeat(40)].map((tree): Fact => ({ type: "review.approved", reviewId: ID, tree, by: "operator" })),
    ...(["review.held", "review.released", "review.jumped"] as const).map((type): Fact => ({
      type,
      reviewId: ID,
      by: "operator",
    })),
  ];
  return [
    tick(at),
    ...aroundDeadlines(at, [claimUntil, resendAt, backoffUntil, lookAt]).map(tick),
    ...byPeople.map((fact) => move(at, fact)),
    ...[claim, claim + 1].map((n) => move(at, { type: "review.boarded", reviewId: ID, claim: n, train: 1 })),
    ...[claim, claim + 1].map((n) => move(at, { type: "review.granted", reviewId: ID, claim: n })),
    ...[claim, claim === 0 ? 7 : claim - 1].flatMap(ofClaim).map((fact) => move(at, fact)),
    move(at, { type: "container.instance_changed", instance: `at ${at}` }),
    move(at, { type: "clock.jumped", by: 1 }),
    move(at, { type: "rig.imported", by: "operator", secrets: [] }),
    move(at, { type: "bead.cancel_asked", reviewId: ID, beadId: "b", by: "operator" }),
    move(at, { type: "review.cancelled", reviewId: ID, reason: "the bead is closed" }),
    move(at, opened),
  ];
}
