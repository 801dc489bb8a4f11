import { expect, test } from "vitest";
import { testRig } from "../../support/node-rig.ts";
import {
  agentOf,
  as,
  beadOf,
  calls,
  configure,
  DAY,
  done,
  escalations,
  exits,
  facts,
  MINUTE,
  refused,
  reviewOf,
  SECOND,
  slung,
  startsOf,
  stateOf,
  submitted,
  town,
  unchanged,
  verdict,
} from "./words.ts";

const report = { branch: "feature/work", prUrl: null, summary: null };

test("KC-1487 many dones of one dispatch make one review", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  const caller = as(rig, agentId);
  await done(rig, agentId, report.branch);
  for (let i = 0; i < 5; i++) unchanged(rig, { type: "done", agentId, ...report }, caller);
  unchanged(rig, { type: "submit_review", agentId, beadId, ...report }, caller);
  await rig.settled();
  expect(facts(rig, "review.opened").length).toBe(1);
  expect(calls(rig, "merge").length).toBe(1);
  // After the merge as well.
  await verdict(rig, beadOf(rig, beadId).context.reviewId ?? "", "merged");
  unchanged(rig, { type: "done", agentId, ...report }, caller);
  refused(rig, { type: "submit_review", agentId, beadId, ...report }, caller);
  expect(facts(rig, "review.opened").length).toBe(1);
});

test("KC-657 two rigs that merge at the same time each name their own rig", async () => {
  const rigs = ["rig1", "rig2"].map((rigId) => {
    const rig = town({ configured: false });
    rig.run(configure(rigId));
    return rig;
  });
  const made = await Promise.all(rigs.map((rig) => submitted(rig, "same title", "same-branch")));
  for (const [i, rig] of rigs.entries()) {
    const rigId = `rig${i + 1}`;
    expect(rig.container.merges).toMatchObject([
      { rigId, gitUrl: `file:///${rigId}`, branch: "same-branch", entryId: made[i]?.reviewId },
    ]);
    expect(rig.container.starts.map((order) => [order.rigId, order.townId, order.gitUrl])).toEqual([
      [rigId, `town-of-${rigId}`, `file:///${rigId}`],
    ]);
  }
  // A verdict about the other rig's review reaches nobody.
  const [one, two] = rigs as [(typeof rigs)[0], (typeof rigs)[0]];
  const other = town({ configured: false });
  other.run(configure("rig3"));
  expect(
    refused(other, {
      type: "complete_review",
      reviewId: made[0]?.reviewId ?? "",
      claimId: null,
      verdict: "merged",
      permanent: false,
      message: "",
      commitSha: null,
    }).status,
  ).toBe(404);
  await verdict(two, made[1]?.reviewId ?? "", "merged");
  expect([beadOf(one, made[0]?.beadId ?? "").value, beadOf(two, made[1]?.beadId ?? "").value]).toEqual([
    "in_review",
    "closed",
  ]);
});

test("KC-2158 a bead is not closed while its review is not merged", async () => {
  const rig = town();
  const { beadId, agentId, reviewId } = await submitted(rig);
  expect(beadOf(rig, beadId).value).toBe("in_review");
  await rig.advance(rig.now + 10 * MINUTE);
  expect(beadOf(rig, beadId).value).toBe("in_review");
  expect(refused(rig, { type: "close_bead", beadId }).status).toBe(409);
  expect(refused(rig, { type: "set_bead_status", beadId, status: "closed" }, as(rig, agentId)).status).toBe(409);
  await verdict(rig, reviewId, "merged");
  expect(beadOf(rig, beadId).value).toBe("closed");
  expect(beadOf(rig, beadId).context).toMatchObject({ commitSha: "abc123", closedAt: rig.now });
});

test("KC-1342 a refinery that never gives a verdict fails the review after its attempts, and restarts of the rig do not reset the count", async () => {
  const rig = town();
  const { beadId, reviewId } = await submitted(rig);
  const { review_lease_ms, review_max_attempts } = rig.rig.world.rig.context.settings;
  for (let attempt = 1; attempt <= review_max_attempts; attempt++) {
    expect([attempt, reviewOf(rig, reviewId).value, reviewOf(rig, reviewId).context.attempts]).toEqual([
      attempt,
      "running",
      attempt - 1,
    ]);
    rig.reopen();
    await rig.tickAt(rig.now + review_lease_ms);
    rig.reopen();
    if (attempt < review_max_attempts) await rig.tickAt(rig.now + 10 * MINUTE);
  }
  expect(reviewOf(rig, reviewId).value).toBe("failed");
  expect(beadOf(rig, beadId).value).toBe("failed");
  expect(escalations(rig).map(({ metadata }) => metadata)).toEqual([
    { kind: "review_failed", bead_id: beadId, review_id: reviewId },
  ]);
  expect(facts(rig, "review.granted").length).toBe(review_max_attempts);
  await rig.advance(rig.now + DAY);
  expect(facts(rig, "review.granted").length).toBe(review_max_attempts);
});

test("KC-1107 a merge conflict makes one rework on the same branch, and then a review again", async () => {
  const rig = town();
  const { beadId, reviewId } = await submitted(rig, "work", "feature/by-hand");
  await verdict(rig, reviewId, "conflict");
  expect(rig.container.starts.map((order) => order.branch).at(-1)).toBe("feature/by-hand");
  expect(rig.container.starts.length).toBe(2);
  expect(rig.container.starts[1]?.prompt).toContain("conflict");
  expect(facts(rig, "dispatch.granted").map((fact) => fact.rework)).toEqual([false, true]);
  const again = beadOf(rig, beadId).context.assignee ?? "";
  await done(rig, again, "feature/by-hand");
  const second = beadOf(rig, beadId).context.reviewId ?? "";
  expect(second).not.toBe(reviewId);
  expect(rig.container.merges.map((order) => order.entryId)).toEqual([reviewId, second]);
  // A second conflict is a person's work.
  await verdict(rig, second, "conflict");
  await rig.advance(rig.now + DAY);
  expect(beadOf(rig, beadId).value).toBe("failed");
  expect(escalations(rig).map(({ metadata }) => metadata["kind"])).toEqual(["merge_conflict"]);
  expect(startsOf(rig, beadId)).toBe(2);
});

test("KC-conflict a conflict whose owner is gone does not keep the fast cadence for ever", async () => {
  const rig = town();
  const { beadId, agentId, reviewId } = await submitted(rig);
  rig.run({ type: "delete_agent", agentId });
  rig.run({ type: "set_settings", settings: { capacity: 0 } });
  await verdict(rig, reviewId, "conflict");
  await rig.tickAt(rig.now + 5 * SECOND);
  expect(beadOf(rig, beadId).value).toBe("open");
  expect(rig.rig.world.rig.matches({ cadence: "idle" })).toBe(true);
  expect(await rig.advance(rig.now + DAY)).toBeLessThanOrEqual(DAY / (5 * MINUTE) + 1);
  // And when there is room again, somebody else does the rework.
  rig.run({ type: "set_settings", settings: { capacity: 1 } });
  await rig.tickAt(rig.now + SECOND);
  expect(beadOf(rig, beadId).context.assignee).not.toBe(agentId);
  expect(rig.container.starts.length).toBe(2);
});

test("GT-2539 when the head review's branch is gone, it fails with an escalation and the next one proceeds", async () => {
  const rig = town();
  const head = await submitted(rig, "head");
  const next = await submitted(rig, "next");
  expect(rig.container.merges.map((order) => order.entryId)).toEqual([head.reviewId]);
  await verdict(rig, head.reviewId, "failed", true);
  expect(reviewOf(rig, head.reviewId).value).toBe("failed");
  expect(beadOf(rig, head.beadId).value).toBe("failed");
  expect(escalations(rig).map(({ metadata }) => metadata["bead_id"])).toEqual([head.beadId]);
  expect(rig.container.merges.map((order) => order.entryId)).toEqual([head.reviewId, next.reviewId]);
  await verdict(rig, next.reviewId, "merged");
  expect(beadOf(rig, next.beadId).value).toBe("closed");
});

test("GT-691 a review whose claim has lost its owner is pending again after its lease, a bounded number of times", async () => {
  const rig = town();
  const { reviewId } = await submitted(rig);
  const { review_lease_ms, review_max_attempts } = rig.rig.world.rig.context.settings;
  const claimed = rig.now;
  await rig.advance(claimed + review_lease_ms - 1);
  expect(reviewOf(rig, reviewId).value).toBe("running");
  await rig.tickAt(claimed + review_lease_ms);
  expect(reviewOf(rig, reviewId).value).toBe("pending");
  await rig.advance(rig.now + MINUTE);
  expect([reviewOf(rig, reviewId).value, reviewOf(rig, reviewId).context.claim]).toEqual(["running", 2]);
  // A verdict of the lost claim is recorded as stale.
  expect(
    rig.run({
      type: "complete_review",
      reviewId,
      claimId: `${reviewId}:1`,
      verdict: "conflict",
      permanent: false,
      message: "late",
      commitSha: null,
    }).stale,
  ).toBe(true);
  expect(reviewOf(rig, reviewId).value).toBe("running");
  await rig.advance(rig.now + DAY);
  expect(reviewOf(rig, reviewId).value).toBe("failed");
  expect(facts(rig, "review.granted").length).toBe(review_max_attempts);
});

test("KC-1986b completed before done ends in the same state as done before completed", async () => {
  const run = async (order: ("done" | "completed")[]) => {
    const rig = testRig();
    try {
      const { beadId, agentId } = await slung(rig);
      for (const what of order) {
        if (what === "done") await done(rig, agentId, "feature/work");
        else await exits(rig, agentId, "completed");
      }
      await rig.advance(rig.now + 10 * MINUTE);
      const { reviewId, ...ofBead } = beadOf(rig, beadId).context;
      const { value, context } = agentOf(rig, agentId);
      return {
        starts: calls(rig, "start"),
        merges: calls(rig, "merge").length > 0,
        agent: [value, context],
        bead: [beadOf(rig, beadId).value, ofBead],
        reviewed: reviewId !== null,
        state: stateOf(rig, agentId),
        failures: rig.rig.world.rig.context.failures,
      };
    } finally {
      rig.close();
    }
  };
  const straight = await run(["done", "completed"]);
  expect(straight.bead[0]).toBe("in_review");
  expect(await run(["completed", "done"])).toEqual(straight);
  expect(await run(["completed", "done", "done", "completed"])).toEqual(straight);
});

test("F-307 a merge that died with its control server is asked for again by the first TICK that finds another one", async () => {
  const rig = town();
  rig.container.instance = "one";
  const { reviewId } = await submitted(rig);
  await rig.tickAt(rig.now + SECOND);
  await rig.settled();
  const asked = calls(rig, "merge").length;
  await rig.tickAt(rig.now + SECOND);
  await rig.settled();
  expect(calls(rig, "merge").length).toBe(asked);

  rig.container.instance = "two";
  await rig.tickAt(rig.now + SECOND);
  await rig.settled();
  expect(calls(rig, "merge").length).toBe(asked + 1);
  expect(calls(rig, "merge").at(-1)).toBe(`${reviewId}:1`);
  expect(facts(rig, "review.granted").length).toBe(1);

  // It is asked once, also by an object that has forgotten all but its rows.
  rig.reopen();
  await rig.tickAt(rig.now + SECOND);
  await rig.settled();
  expect(calls(rig, "merge").length).toBe(asked + 1);
  expect(facts(rig, "container.instance_changed").map(({ instance }) => instance)).toEqual(["one", "two"]);
});

test("a control server that does not say which one it is is asked again for nothing", async () => {
  const rig = town();
  await submitted(rig);
  for (let n = 0; n < 3; n++) await rig.tickAt(rig.now + SECOND);
  await rig.settled();
  expect(calls(rig, "merge").length).toBe(1);
  expect(facts(rig, "container.instance_changed")).toEqual([]);
});
