import { expect, test } from "vitest";
import { needs } from "../../../src/do/needs.ts";
import { reviewQueue } from "../../../src/do/review-queue.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import { BeadsRetry } from "../../../src/wire/queue.ts";
import { beadOf, calls, facts, MINUTE, reviewOf, SECOND, submitted } from "../incidents/words.ts";
import { arrives, order, queueOf, run, trainTown } from "../incidents/train-words.ts";

/** Each threshold of the queue from both sides. */

const PLACE = { class: "place", code: "protected_branch", words: "GH006: protected branch" } as const;
const AWAY = { class: "passing", code: "remote_unreachable", words: "no route to host" } as const;

test("a train that nobody sees is given up after 30 min, and not 1 ms earlier; seen in its second half it has 30 min more", async () => {
  const rig = trainTown();
  const { reviewId } = await submitted(rig);
  const since = rig.now;
  const { review_lease_ms } = rig.rig.world.rig.context.settings;
  await rig.tickAt(since + review_lease_ms / 2 - 1);
  expect(facts(rig, "train.seen")).toHaveLength(0);
  await rig.tickAt(since + review_lease_ms / 2);
  expect(facts(rig, "train.seen")).toHaveLength(1);
  rig.container.down = "connection refused";
  const seen = since + review_lease_ms / 2;
  await rig.tickAt(seen + review_lease_ms - 1);
  expect([queueOf(rig).value, reviewOf(rig, reviewId).value]).toEqual(["running", "boarded"]);
  await rig.tickAt(seen + review_lease_ms);
  expect([queueOf(rig).value, reviewOf(rig, reviewId).value]).toEqual(["waiting", "pending"]);
  expect(reviewOf(rig, reviewId).context.attempts).toBe(0);
});

test("a train that the container does not know is asked for again after 2 min, and not 1 ms earlier, under its number", async () => {
  const rig = trainTown();
  await submitted(rig);
  const since = rig.now;
  const { trainId } = order(rig);
  rig.container.running.clear();
  await rig.tickAt(since + LIMITS.train_resend_ms - 1);
  expect(calls(rig, "train")).toEqual([trainId]);
  await rig.tickAt(since + LIMITS.train_resend_ms);
  expect(calls(rig, "train")).toEqual([trainId, trainId]);
  expect(facts(rig, "train.departed")).toHaveLength(1);
});

test("a parked queue is tried again with the head after 1 min, 2 min, 4 min, and at most after an hour", async () => {
  const rig = trainTown();
  await submitted(rig, "one");
  await submitted(rig, "two");
  for (let tries = 1; tries <= 9; tries++) {
    const since = rig.now;
    await arrives(rig, { stopped: PLACE });
    const wait_ms = Math.min(LIMITS.queue_retry_ms * 2 ** (tries - 1), LIMITS.queue_retry_max_ms);
    const sent = rig.container.trains.length;
    await rig.tickAt(since + wait_ms - 1);
    expect([tries, rig.container.trains.length]).toEqual([tries, sent]);
    await rig.tickAt(since + wait_ms);
    expect([tries, rig.container.trains.length, order(rig).members.length]).toEqual([tries, sent + 1, 1]);
  }
});

test("what passes by itself is told once it has lasted 10 min, and not 1 ms earlier, and once", async () => {
  const rig = trainTown();
  rig.run({ type: "set_settings", settings: { backoff_base_ms: MINUTE, backoff_max_ms: MINUTE } });
  await submitted(rig);
  const since = rig.now;
  await arrives(rig, { stopped: AWAY });
  await rig.tickAt(since + MINUTE);
  rig.now = since + LIMITS.queue_told_after_ms - 1;
  await arrives(rig, { stopped: AWAY });
  expect([rig.notified.length, needs(rig.rig).needs.length]).toEqual([0, 0]);
  await rig.tickAt(rig.now + MINUTE);
  await arrives(rig, { stopped: AWAY });
  expect(rig.notified.map(({ title }) => title)).toEqual(["nothing is merged for a while already"]);
  expect(needs(rig.rig).needs.map(({ code }) => code)).toEqual(["queue_waits"]);
  await rig.tickAt(rig.now + MINUTE);
  await arrives(rig, { stopped: AWAY });
  expect(rig.notified).toHaveLength(1);
});

test("the first try after a passing fault waits 30 s, the second 60 s, each exactly, and a resume does not wait", async () => {
  const rig = trainTown();
  await submitted(rig);
  for (const [i, wait_s] of [30, 60].entries()) {
    const since = rig.now;
    await arrives(rig, { stopped: AWAY });
    await rig.tickAt(since + wait_s * SECOND - 1);
    expect(rig.container.trains.length).toBe(i + 1);
    await rig.tickAt(since + wait_s * SECOND);
    expect(rig.container.trains.length).toBe(i + 2);
  }
  await arrives(rig, { stopped: AWAY });
  rig.run({ type: "resume_queue" });
  await rig.settled();
  expect(rig.container.trains.length).toBe(4);
});

test("of the words of a red check a bead keeps the last 4,096 characters", async () => {
  const rig = trainTown();
  const { beadId } = await submitted(rig);
  const words = `${"x".repeat(5_000)} the end`;
  const red = { ...run(1, "red"), checks: [{ ...run(1, "red").checks[0], words } as never] };
  await arrives(rig, { runs: [red] });
  await arrives(rig, { runs: [run(0, "green"), red] });
  const kept = beadOf(rig, beadId).context.rejection?.words ?? "";
  expect([kept.length, kept.endsWith("the end")]).toEqual([LIMITS.check_words_chars, true]);
});

test("1,000 beads are tried again in one request, and 1,000 reviews are listed; not one more", async () => {
  const ids = (n: number) => ({ ids: Array.from({ length: n }, (_, i) => `b${i}`) });
  expect(BeadsRetry.safeParse(ids(LIMITS.retried_at_once)).success).toBe(true);
  expect(BeadsRetry.safeParse(ids(LIMITS.retried_at_once + 1)).success).toBe(false);
  const rig = trainTown();
  const { reviewId } = await submitted(rig);
  const review = reviewOf(rig, reviewId);
  for (let i = 0; i < LIMITS.reviews_listed; i++)
    rig.rig.world.reviews.set(`copy-${i}`, { ...review, context: { ...review.context, id: `copy-${i}` } } as never);
  const listed = reviewQueue(rig.rig).reviews.length;
  for (let i = 0; i < LIMITS.reviews_listed; i++) rig.rig.world.reviews.delete(`copy-${i}`);
  expect(listed).toBe(LIMITS.reviews_listed);
});
