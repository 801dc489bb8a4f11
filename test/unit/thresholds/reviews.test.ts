import { expect, test } from "vitest";
import { LIMITS } from "../../../src/events/limits.ts";
import { beadOf, calls, facts, MINUTE, reviewOf, SECOND, submitted, town, verdict } from "../incidents/words.ts";

/** Each threshold of a review from both sides. */

test("a claim ends after 30 min, and not 1 ms earlier", async () => {
  const rig = town();
  const { reviewId } = await submitted(rig);
  const since = rig.now;
  const { review_lease_ms } = rig.rig.world.rig.context.settings;
  await rig.tickAt(since + review_lease_ms - 1);
  expect([reviewOf(rig, reviewId).value, reviewOf(rig, reviewId).context.attempts]).toEqual(["running", 0]);
  await rig.tickAt(since + review_lease_ms);
  expect([reviewOf(rig, reviewId).value, reviewOf(rig, reviewId).context.attempts]).toEqual(["pending", 1]);
});

test("a running merge is asked for again after 2 min under the same claim, and not 1 ms earlier", async () => {
  const rig = town();
  const { reviewId } = await submitted(rig);
  const since = rig.now;
  await rig.tickAt(since + LIMITS.merge_resend_ms - 1);
  expect(calls(rig, "merge")).toEqual([`${reviewId}:1`]);
  await rig.tickAt(since + LIMITS.merge_resend_ms);
  expect(calls(rig, "merge")).toEqual([`${reviewId}:1`, `${reviewId}:1`]);
  await rig.tickAt(since + 2 * LIMITS.merge_resend_ms - 1);
  expect(calls(rig, "merge").length).toBe(2);
  await rig.tickAt(since + 2 * LIMITS.merge_resend_ms);
  expect(calls(rig, "merge").length).toBe(3);
  expect(facts(rig, "review.granted").length).toBe(1);
});

test("a review fails with its fifth attempt, not with its fourth", async () => {
  const rig = town();
  const { beadId, reviewId } = await submitted(rig);
  for (let attempt = 1; attempt <= 4; attempt++) {
    await verdict(rig, reviewId, "failed");
    expect([attempt, reviewOf(rig, reviewId).value, reviewOf(rig, reviewId).context.attempts]).toEqual([
      attempt,
      "pending",
      attempt,
    ]);
    await rig.advance(rig.now + 11 * MINUTE);
    expect([attempt, reviewOf(rig, reviewId).value]).toEqual([attempt, "running"]);
  }
  await verdict(rig, reviewId, "failed");
  expect([reviewOf(rig, reviewId).value, beadOf(rig, beadId).value]).toEqual(["failed", "failed"]);
});

test("a failed merge waits 30 s, 60 s, 120 s, each exactly", async () => {
  const rig = town();
  const { reviewId } = await submitted(rig);
  for (const [i, wait_s] of [30, 60, 120, 240].entries()) {
    const since = rig.now;
    await verdict(rig, reviewId, "failed");
    await rig.tickAt(since + wait_s * SECOND - 1);
    expect([i, calls(rig, "merge").length]).toEqual([i, i + 1]);
    await rig.tickAt(since + wait_s * SECOND);
    expect([i, calls(rig, "merge").length]).toEqual([i, i + 2]);
  }
});

test("a merge that cannot be asked for waits uncharged, however long the outage", async () => {
  const rig = town();
  rig.container.onMerge = () => ({ kind: "unknown", error: "ECONNREFUSED" });
  const { reviewId } = await submitted(rig);
  await rig.advance(rig.now + 24 * 60 * MINUTE);
  expect(["pending", "running"]).toContain(reviewOf(rig, reviewId).value);
  expect(reviewOf(rig, reviewId).context.attempts).toBe(0);
  // No more often than every 10 min in the long run.
  expect(facts(rig, "review.granted").length).toBeLessThan(24 * 6 + 10);
  rig.container.onMerge = () => ({ kind: "accepted" });
  await rig.advance(rig.now + 11 * MINUTE);
  await verdict(rig, reviewId, "merged");
  expect(reviewOf(rig, reviewId).value).toBe("merged");
});

test("merges go one at a time, oldest first", async () => {
  const rig = town();
  const reviews = [];
  for (let i = 0; i < 3; i++) {
    reviews.push((await submitted(rig, `${i}`)).reviewId);
    rig.now += SECOND;
  }
  for (const [i, reviewId] of reviews.entries()) {
    expect(calls(rig, "merge")).toEqual(reviews.slice(0, i + 1).map((id) => `${id}:1`));
    await verdict(rig, reviewId, "merged");
  }
});

test("a verdict that comes after its claim was given up still counts, unless somebody else has claimed", async () => {
  const rig = town();
  const { beadId, reviewId } = await submitted(rig);
  await rig.tickAt(rig.now + 30 * MINUTE);
  expect(reviewOf(rig, reviewId).value).toBe("pending");
  await verdict(rig, reviewId, "merged");
  expect(beadOf(rig, beadId).value).toBe("closed");
});
