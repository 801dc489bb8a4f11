import { describe, expect, test } from "vitest";
import { needsOf } from "../../../src/core/needs.ts";
import { whyAgent, whyBead } from "../../../src/core/why.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import { bead, type TestRig } from "../../support/node-rig.ts";
import { COMMIT, accepted, expectReplays, refusing, say, seeing } from "./hand-in-words.ts";
import {
  agentOf,
  as,
  beadOf,
  calls,
  done,
  exits,
  facts,
  MINUTE,
  reviewOf,
  SECOND,
  slung,
  stateOf,
  town,
} from "./words.ts";

/** From the word "done" to a review: what is handed in is looked at, and only what was seen is believed. */

/** Refused until a person is asked. */
async function undecided(code: "no_commits" | "dirty" | "wrong_branch" = "dirty") {
  const rig = seeing(refusing(code));
  const { agentId, beadId } = await slung(rig);
  for (let n = 0; n < LIMITS.hand_in_refusals; n++) await done(rig, agentId, "ticktown/x");
  return { rig, agentId, beadId };
}

const needsIn = (rig: TestRig) =>
  needsOf(rig.rig.world, {
    about: () => ({ code: null, agentId: null, beadId: null }) as never,
    ended: [],
    now: rig.now,
  }).map(({ code }) => code);

describe("a hand-in that is accepted", () => {
  test("is looked at once, however often it says so, and counts although its process ended meanwhile", async () => {
    const rig = seeing();
    const { agentId, beadId } = await slung(rig);
    say(rig, agentId);
    say(rig, agentId);
    rig.run({ type: "exited", agentId, dispatchId: null, outcome: "failed", reason: "killed", resetAt: null });
    expect(stateOf(rig, agentId)).toBe("exited.handing_in");
    await rig.settled();
    expect(beadOf(rig, beadId).value).toBe("in_review");
    expect(facts(rig, "work.handed_in")).toHaveLength(1);
    expect(facts(rig, "dispatch.failed")).toEqual([]);
    expectReplays(rig);
  });

  test("is asked about with what was granted and what was named", async () => {
    const rig = seeing();
    const { agentId, beadId } = await slung(rig);
    say(rig, agentId, { branch: "a..b" });
    await rig.settled();
    const [asked] = rig.container.calls.filter(({ kind }) => kind === "inspect");
    expect(asked?.detail).toMatchObject({
      beadId,
      named: "a..b",
      branch: `ticktown/${beadId}`,
      maxDeletions: 1_000,
    });
  });
});

describe("a hand-in that is refused", () => {
  test("opens the next dispatch where the process is gone, and nobody is charged", async () => {
    const rig = seeing(refusing());
    const { agentId, beadId } = await slung(rig);
    say(rig, agentId);
    rig.run({ type: "exited", agentId, dispatchId: null, outcome: "completed", reason: "", resetAt: null });
    await rig.settled();
    await rig.advance(rig.now + MINUTE);
    expect(agentOf(rig, agentId).context.dispatchN).toBe(2);
    expect(beadOf(rig, beadId).context.attempts).toBe(0);
    const starts = rig.container.calls.filter(({ kind }) => kind === "start");
    expect((starts[1]?.detail as { prompt: string } | undefined)?.prompt).toContain("nothing was committed.");
    expectReplays(rig);
  });

  test("is forgotten as a reason to wait when the agent asks something else", async () => {
    const { rig, agentId, beadId } = await undecided();
    rig.run({ type: "progressed", agentId, what: "mends it" }, as(rig, agentId));
    rig.run(
      { type: "escalate", title: "which one?", body: null, priority: "high", metadata: {}, agentId },
      as(rig, agentId),
    );
    expect(needsIn(rig)).not.toContain("hand_in_refused");
    expect(() => rig.run({ type: "settle_hand_in", beadId, decision: "as_is", note: null })).toThrow(
      /409|waits for a person/,
    );
  });
});

describe("what a person decides of a hand-in", () => {
  test("sent back, it goes on with the note, and its refusals begin again", async () => {
    const { rig, agentId, beadId } = await undecided();
    rig.run({ type: "settle_hand_in", beadId, decision: "send_back", note: "commit the test too" });
    await rig.settled();
    expect(stateOf(rig, agentId)).toContain("working.process.running");
    const messages = rig.container.calls.filter(({ kind }) => kind === "message");
    expect(JSON.stringify(messages.at(-1))).toContain("commit the test too");
    expect(beadOf(rig, beadId).context.refusals ?? 0).toBe(0);
    await done(rig, agentId, "ticktown/x");
    expect(facts(rig, "hand_in.refused").at(-1)?.refusals).toBe(1);
    expectReplays(rig);
  });

  test("no change, it is closed as that and never as merged", async () => {
    const { rig, beadId } = await undecided();
    rig.run({ type: "settle_hand_in", beadId, decision: "no_change", note: "it was so already" });
    await rig.settled();
    expect(beadOf(rig, beadId)).toMatchObject({
      value: "closed",
      context: { resolution: "no_change", commitSha: null, reason: "it was so already" },
    });
    expect(facts(rig, "bead.merged")).toEqual([]);
    expectReplays(rig);
  });

  test("as it is, exactly the commit that was seen is kept and merged", async () => {
    const { rig, agentId, beadId } = await undecided();
    rig.container.onInspect = ({ asIs }) => (asIs === COMMIT ? accepted : refusing());
    rig.run({ type: "settle_hand_in", beadId, decision: "as_is", note: null });
    await rig.settled();
    expect(beadOf(rig, beadId).value).toBe("in_review");
    expect(facts(rig, "hand_in.accepted")).toMatchObject([{ asIs: true, commit: COMMIT }]);
    expect(agentOf(rig, agentId).value).toEqual({ idle: "empty" });
    expectReplays(rig);
  });

  test("holds where the process has ended meanwhile", async () => {
    for (const [decision, then] of [
      ["send_back", "in_progress"],
      ["no_change", "closed"],
      ["as_is", "in_review"],
    ] as const) {
      const { rig, agentId, beadId } = await undecided();
      await exits(rig, agentId, "completed");
      expect(stateOf(rig, agentId)).toBe("blocked.onHelp.parked");
      rig.container.onInspect = () => accepted;
      rig.run({ type: "settle_hand_in", beadId, decision, note: null });
      await rig.settled();
      await rig.advance(rig.now + SECOND);
      expect(beadOf(rig, beadId).value).toBe(then);
      expect(facts(rig, "dispatch.failed")).toEqual([]);
      expectReplays(rig);
    }
  });
});

describe("an agent that says there is nothing to change", () => {
  test("has its bead closed as no change, with its words, and never as merged", async () => {
    const rig = seeing({ result: "no_change" });
    const { agentId, beadId } = await slung(rig);
    say(rig, agentId, { resolution: "no_change", note: "the fault is not in this repository" });
    await rig.settled();
    expect(beadOf(rig, beadId)).toMatchObject({
      value: "closed",
      context: { resolution: "no_change", reason: "the fault is not in this repository" },
    });
    expect(facts(rig, "review.opened")).toEqual([]);
    expectReplays(rig);
  });

  test("is refused when it has committed something", async () => {
    const rig = seeing(refusing("dirty"));
    const { agentId, beadId } = await slung(rig);
    say(rig, agentId, { resolution: "no_change" });
    await rig.settled();
    expect(beadOf(rig, beadId).value).toBe("in_progress");
  });
});

describe("a container that does not look", () => {
  test("is found out at first contact, and then a done is taken as it always was, unseen", async () => {
    const rig = town();
    const { agentId, beadId } = await slung(rig);
    expect(rig.container.calls.filter(({ kind }) => kind === "capabilities")).toHaveLength(1);
    await done(rig, agentId, "feature/x");
    expect(beadOf(rig, beadId).value).toBe("in_review");
    expect(facts(rig, "agent.done")).toHaveLength(1);
    expect(reviewOf(rig, beadOf(rig, beadId).context.reviewId ?? "").context.commit).toBeUndefined();
    await slung(rig, "second");
    expect(rig.container.calls.filter(({ kind }) => kind === "capabilities")).toHaveLength(1);
  });
});

describe("a hand-in that nobody answers", () => {
  test("frees its slot, is told once, is asked again at each TICK, and counts when the container is back", async () => {
    const rig = seeing();
    const { agentId, beadId } = await slung(rig);
    rig.container.down = "no route";
    say(rig, agentId);
    await rig.settled();
    expect(stateOf(rig, agentId)).toBe("exited.handing_in");
    expect(agentOf(rig, agentId).hasTag("slot")).toBe(false);
    expect(needsIn(rig)).toContain("hand_in_unanswered");
    expect(whyAgent(rig.rig.world, agentOf(rig, agentId)).reason).toBe("waiting_for_inspection");
    await rig.advance(rig.now + 10 * MINUTE);
    expect(facts(rig, "hand_in.unanswered").length).toBeGreaterThan(3);
    expect(rig.notified.filter(({ key }) => key.includes(":hand_in:"))).toHaveLength(1);
    rig.container.down = null;
    await rig.advance(rig.now + 2 * MINUTE);
    expect(beadOf(rig, beadId).value).toBe("in_review");
    expect(facts(rig, "dispatch.failed")).toEqual([]);
    expectReplays(rig);
  });

  test("is asked about again when its question was lost with the object, after LIMITS.hand_in_resend_ms and not before", async () => {
    const rig = seeing();
    const { agentId } = await slung(rig);
    let asked = 0;
    rig.container.onInspect = () => {
      asked++;
      return new Promise(() => {});
    };
    const at = rig.now;
    rig.tell({
      type: "work.handed_in",
      agentId,
      dispatchId: `${agentId}:1`,
      beadId: agentOf(rig, agentId).context.hook ?? "",
      branch: "ticktown/x",
      prUrl: null,
      summary: null,
      resolution: "work",
      note: null,
    });
    rig.ports.sql.exec("DELETE FROM outbox");
    const due = agentOf(rig, agentId).context.handIn?.askAt ?? 0;
    expect(due).toBe(at + LIMITS.hand_in_resend_ms);
    rig.now = due - 1;
    rig.tell({ type: "TICK", container: "unasked" });
    expect(rig.ports.sql.exec("SELECT key FROM outbox WHERE key LIKE '%work.inspect%'").toArray()).toHaveLength(0);
    rig.now = due;
    rig.tell({ type: "TICK", container: "unasked" });
    expect(rig.ports.sql.exec("SELECT key FROM outbox WHERE key LIKE '%work.inspect%'").toArray()).toHaveLength(1);
    expect(asked).toBeLessThan(3);
  });
});

test("work that is lost with its clone is done again, at nobody's cost", async () => {
  const rig = seeing({ result: "lost", sentence: "the clone is gone" });
  const { agentId, beadId } = await slung(rig);
  await done(rig, agentId, "ticktown/x");
  expect(facts(rig, "work.lost")).toHaveLength(1);
  await rig.advance(rig.now + 10 * MINUTE);
  expect(agentOf(rig, agentId).context.dispatchN).toBe(2);
  expect(beadOf(rig, beadId).context.attempts).toBe(0);
  expect(facts(rig, "dispatch.failed").filter(({ charged }) => charged)).toEqual([]);
});

test("an answer to the hand-in of an older dispatch changes nothing", async () => {
  const rig = seeing();
  const { agentId, beadId } = await slung(rig);
  const about = { agentId, dispatchId: `${agentId}:7`, beadId };
  rig.tell({ type: "work.lost", ...about, reason: "gone" });
  rig.tell({ type: "hand_in.unseen", ...about });
  expect(stateOf(rig, agentId)).toContain("working.process");
  expect(beadOf(rig, beadId).value).toBe("in_progress");
});

test("gascity#3048f is a review of exactly the commit that was seen, whatever the branch does later", async () => {
  const rig = seeing();
  const { agentId, beadId } = await slung(rig);
  say(rig, agentId);
  expect(stateOf(rig, agentId)).toBe("working.process.handing_in + working.progress.fresh");
  expect(beadOf(rig, beadId).value).toBe("in_progress");
  await rig.settled();
  expect(stateOf(rig, agentId)).toBe("idle.empty");
  expect(beadOf(rig, beadId).value).toBe("in_review");
  expect(reviewOf(rig, beadOf(rig, beadId).context.reviewId ?? "").context.commit).toBe(COMMIT);
  const [merge] = rig.container.calls.filter(({ kind }) => kind === "merge");
  expect(merge?.detail).toMatchObject({ commit: COMMIT });
  expect(calls(rig, "stop")).toEqual([`${agentId}:1`]);
  expectReplays(rig);
});

test("gascity#3048b is told to the agent, which goes on and hands in again; its attempts are not touched", async () => {
  let answer = refusing();
  const rig = seeing(() => answer);
  const { agentId, beadId } = await slung(rig);
  await done(rig, agentId, "ticktown/x");
  expect(stateOf(rig, agentId)).toBe("working.process.running + working.progress.fresh");
  expect(calls(rig, "message")).toEqual([`${agentId}:1`]);
  expect(beadOf(rig, beadId)).toMatchObject({ value: "in_progress", context: { attempts: 0, refusals: 1 } });
  answer = accepted;
  await done(rig, agentId, "ticktown/x");
  expect(beadOf(rig, beadId).value).toBe("in_review");
  expectReplays(rig);
});

test("gascity#3048c is not charged when the process ends instead of mending it, and is when it crashes", async () => {
  for (const [outcome, failed] of [
    ["completed", 0],
    ["failed", 1],
  ] as const) {
    const rig = seeing(refusing());
    const { agentId } = await slung(rig);
    await done(rig, agentId, "ticktown/x");
    await exits(rig, agentId, outcome);
    await rig.advance(rig.now + MINUTE);
    expect(facts(rig, "dispatch.failed")).toHaveLength(failed);
    expect(agentOf(rig, agentId).context.dispatchN).toBe(2);
  }
});

test("gascity#3048d asks a person at the third time and not before", async () => {
  const { rig, agentId, beadId } = await undecided();
  expect(facts(rig, "hand_in.refused").map(({ refusals }) => refusals)).toEqual([1, 2, LIMITS.hand_in_refusals]);
  expect(stateOf(rig, agentId)).toBe("blocked.onHelp.waiting");
  expect(whyAgent(rig.rig.world, agentOf(rig, agentId))).toMatchObject({
    reason: "waiting_for_person",
    sentence: expect.stringContaining("refused 3 times") as string,
  });
  expect(whyBead(rig.rig.world, beadOf(rig, beadId)).reason).toBe("waiting_for_person");
  expect(needsIn(rig)).toContain("hand_in_refused");
  const escalations = facts(rig, "bead.created").filter(({ beadType }) => beadType === "escalation");
  expect(escalations).toHaveLength(1);

  const early = seeing(refusing());
  const { agentId: other } = await slung(early);
  for (let n = 1; n < LIMITS.hand_in_refusals; n++) await done(early, other, "ticktown/x");
  expect(stateOf(early, other)).toContain("working.process.running");
  expect(needsIn(early)).not.toContain("hand_in_refused");
});

test("gascity#3048g from a container that is known to look at nothing is recorded as unseen, and shown as that", async () => {
  const rig = town();
  const { agentId, beadId } = await slung(rig);
  await done(rig, agentId, "feature/x");
  expect(facts(rig, "agent.done")).toMatchObject([{ beadId, unseen: true }]);
  expect(whyBead(rig.rig.world, beadOf(rig, beadId))).toMatchObject({
    sentence: expect.stringContaining("Nobody has looked") as string,
    values: { looked_at: false },
  });
  // Without a dispatch there was nothing to look at, whatever the container can.
  const byHand = seeing();
  byHand.run({ type: "pause" });
  const { agentId: other = "" } = byHand.run({ type: "sling", bead: bead("by hand") });
  byHand.run({ type: "done", agentId: other, branch: "b", prUrl: null, summary: null });
  expect(facts(byHand, "agent.done").map(({ unseen }) => unseen)).toEqual([undefined]);
});

test("gascity#3048e once known to look, is never taken for one that cannot: a 404 later is no answer", async () => {
  const rig = seeing();
  const { agentId } = await slung(rig);
  rig.container.can = null;
  rig.reopen();
  rig.container.down = "HTTP 404";
  say(rig, agentId);
  await rig.settled();
  expect(facts(rig, "hand_in.unseen")).toEqual([]);
  expect(facts(rig, "hand_in.unanswered")).toHaveLength(1);
});
