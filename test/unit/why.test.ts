import { describe, expect, test } from "vitest";
import { whyAgent, whyBead, type Why } from "../../src/core/why.ts";
import { bead, type TestRig } from "../support/node-rig.ts";
import { seeing } from "./incidents/hand-in-words.ts";
import {
  agentOf,
  beadOf,
  done,
  exits,
  facts,
  MINUTE,
  SECOND,
  slung,
  stateOf,
  submitted,
  town,
  verdict,
} from "./incidents/words.ts";

/** Why: one reason of a closed set, with the values that decide and when that is looked at next. */

const ofBead = (rig: TestRig, id: string): Why => whyBead(rig.rig.world, beadOf(rig, id));
const ready = (rig: TestRig, title = "x"): string =>
  rig.run({ type: "create_bead", bead: bead(title), assignTo: null }).beadId ?? "";

describe("a ready bead is not dispatched", () => {
  test.each([
    ["pause", "paused"],
    ["drain", "draining"],
  ] as const)("because of a %s", (command, reason) => {
    const rig = town();
    rig.run({ type: command });
    expect(ofBead(rig, ready(rig))).toMatchObject({ reason, until: null, values: {} });
  });

  test("because the rig has no repository", () => {
    const rig = town({ configured: false });
    expect(ofBead(rig, ready(rig)).reason).toBe("no_config");
  });

  test("because the rig was deleted", () => {
    const rig = town();
    rig.run({ type: "pause" });
    const id = ready(rig);
    const kept = beadOf(rig, id);
    rig.run({ type: "destroy" });
    expect(whyBead(rig.rig.world, kept)).toMatchObject({ reason: "ended", sentence: "The rig was deleted." });
  });

  test("because all slots are taken", async () => {
    const rig = town();
    rig.run({ type: "set_settings", settings: { capacity: 1 } });
    await slung(rig);
    expect(ofBead(rig, ready(rig))).toMatchObject({
      reason: "at_capacity",
      values: { capacity: 1, in_use: 1, free: 0 },
      until: null,
    });
  });

  test("because the breaker is open, until its cool-down is over; then because its probe runs", async () => {
    const rig = town();
    rig.run({ type: "set_settings", settings: { breaker_failures: 1, breaker_cooldown_ms: MINUTE } });
    const { agentId } = await slung(rig);
    await exits(rig, agentId);
    await rig.tickAt(rig.now + 30 * SECOND);
    const id = ready(rig);
    const { openedAt } = rig.rig.world.rig.context;
    expect(ofBead(rig, id)).toMatchObject({
      reason: "breaker_open",
      sentence: expect.stringContaining("cool-down"),
      values: { failures: 1, probe: null },
      until: (openedAt ?? 0) + MINUTE,
    });
    for (let i = 0; i < 10 && rig.rig.world.rig.context.probe === null; i++) await rig.tickAt(rig.now + MINUTE);
    const { probe } = rig.rig.world.rig.context;
    const waiting = [...rig.rig.world.beads.values()].find(({ value }) => value === "open");
    expect(ofBead(rig, waiting?.context.id ?? "")).toMatchObject({
      reason: "breaker_open",
      sentence: "A probe is running; its fate decides whether dispatch goes on.",
      values: { probe },
    });
  });

  test("because of what blocks it: the first five are named, all are listed", () => {
    const rig = town();
    rig.run({ type: "pause" });
    const blockers = Array.from({ length: 7 }, (_, i) => ready(rig, `${i}`));
    const { beadId = "" } = rig.run({
      type: "create_bead",
      bead: bead("last", { blockedBy: blockers }),
      assignTo: null,
    });
    const { sentence, values, reason } = ofBead(rig, beadId);
    expect([reason, values]).toEqual(["blocked_by", { blocked_by: blockers }]);
    expect(sentence).toBe(`It waits for 7 beads to be merged: ${blockers.slice(0, 5).join(", ")}.`);
    const { beadId: one = "" } = rig.run({
      type: "create_bead",
      bead: bead("one", { blockedBy: blockers.slice(0, 1) }),
      assignTo: null,
    });
    expect(ofBead(rig, one).sentence).toBe(`It waits for a bead to be merged: ${blockers[0]}.`);
  });

  test("because it is deferred, until its time", () => {
    const rig = town();
    const { beadId = "" } = rig.run({
      type: "create_bead",
      bead: bead("later", { deferUntil: rig.now + MINUTE }),
      assignTo: null,
    });
    expect(ofBead(rig, beadId)).toMatchObject({
      reason: "deferred_until",
      values: { defer_until: rig.now + MINUTE },
      until: rig.now + MINUTE,
    });
  });
});

test("a bead in review says where its merge is, and an ended one what became of it", async () => {
  const rig = town();
  const { beadId, reviewId } = await submitted(rig);
  const lease = rig.rig.world.reviews.get(reviewId)?.context.claimUntil;
  expect(ofBead(rig, beadId)).toMatchObject({
    reason: "waiting_for_merge",
    sentence: "Its branch is being merged. Nobody has looked at what was handed in.",
    values: { review_id: reviewId, attempts: 0, message: null, looked_at: false },
    until: lease,
  });
  const second = await slung(rig, "second");
  await done(rig, second.agentId, "b2");
  expect(ofBead(rig, second.beadId)).toMatchObject({
    reason: "waiting_for_merge",
    sentence: "Its branch waits in the merge queue. Nobody has looked at what was handed in.",
    until: null,
  });
  rig.run({
    type: "complete_review",
    reviewId,
    claimId: null,
    verdict: "merged",
    permanent: false,
    message: "",
    commitSha: "abc",
  });
  expect(ofBead(rig, beadId)).toEqual({
    reason: "ended",
    sentence: "It is closed.",
    values: { commit_sha: "abc" },
    until: null,
  });
  rig.run({ type: "cancel_bead", beadId: second.beadId });
  await verdict(rig, beadOf(rig, second.beadId).context.reviewId ?? "", "conflict");
  expect(ofBead(rig, second.beadId).sentence).toBe("It is failed: cancelled by operator.");
});

test("F-301 work that cannot be merged says in words what keeps it, and F-303 work that cannot be started", async () => {
  const rig = seeing();
  const { beadId, agentId } = await slung(rig);
  await done(rig, agentId, `ticktown/${beadId}`);
  expect(ofBead(rig, beadId)).toMatchObject({
    sentence: "Its branch is being merged.",
    values: { looked_at: true },
  });
  rig.run({
    type: "complete_review",
    reviewId: beadOf(rig, beadId).context.reviewId ?? "",
    claimId: null,
    verdict: "failed",
    permanent: false,
    message: "/app is a repository with main checked out, and git does not push under a working tree",
    commitSha: null,
  });
  expect(ofBead(rig, beadId).sentence).toBe(
    "Its branch waits in the merge queue. The last try: /app is a repository with main checked out, and git does not push under a working tree.",
  );

  rig.container.onStart = () => ({ kind: "refused", status: 422, error: "the key of forge.example is not known here" });
  const second = await slung(rig, "second");
  // The first time it is tried again at once.
  await rig.tickAt(rig.now + 6 * SECOND);
  await rig.tickAt(rig.now + 6 * SECOND);
  expect(stateOf(rig, second.agentId)).toBe("restarting.backingOff");
  expect(ofBead(rig, second.beadId)).toMatchObject({
    reason: "backing_off_until",
    sentence:
      "It waits before its next attempt. The one before ended (refused): HTTP 422: the key of forge.example is not known here.",
  });
});

test("who is set aside says so, and whoever waits for it", async () => {
  const rig = town();
  rig.run({ type: "pause" });
  const { beadId = "", agentId = "" } = rig.run({ type: "sling", bead: bead("x") });
  const [agent, held] = [agentOf(rig, agentId), beadOf(rig, beadId)];
  const { world } = rig.rig;
  const broken = (key: string) => ({ ...world, broken: new Map([[key, "garbage"]]) });
  expect(whyAgent(broken(`agent:${agentId}`), agent)).toMatchObject({
    reason: "quarantined_until",
    sentence: expect.stringContaining("garbage"),
  });
  expect(whyBead(broken(`bead:${beadId}`), held)).toMatchObject({
    reason: "quarantined_until",
    sentence: expect.stringContaining("garbage"),
  });
  expect(whyAgent(broken(`bead:${beadId}`), agent)).toMatchObject({
    reason: "quarantined_until",
    sentence: `Its bead ${beadId} cannot be read: garbage. Repair the bead, or unhook the agent.`,
  });
  expect(whyAgent({ ...world, beads: new Map(), recall: () => undefined }, agent)).toMatchObject({
    reason: "quarantined_until",
    sentence: expect.stringContaining("it is gone"),
  });
  expect(whyAgent(world, agent).reason).toBe("paused");
});

describe("what the rig decides by itself", () => {
  test("beads of one priority and one moment go in the order in which they came, each to an agent of its own", async () => {
    const rig = town();
    rig.run({ type: "pause" });
    const ids = ["a", "b", "c", "d"].map((title) => ready(rig, title));
    rig.run({ type: "set_settings", settings: { capacity: 3 } });
    rig.run({ type: "resume" });
    const granted = facts(rig, "dispatch.granted");
    expect(granted.map(({ beadId }) => beadId)).toEqual(ids.slice(0, 3));
    expect(new Set(granted.map(({ agentId }) => agentId)).size).toBe(3);
    const made = facts(rig, "agent.registered");
    expect(made.map(({ name }) => name)).toEqual(["polecat-1", "polecat-2", "polecat-3"]);
    expect(new Set(made.map(({ identity }) => identity)).size).toBe(3);
  });

  test("merges go in the order of their reviews; one whose row is lost holds up nobody", async () => {
    const rig = town();
    const reviews = [];
    for (const title of ["a", "b", "c"]) reviews.push((await submitted(rig, title)).reviewId);
    const [first = "", second = "", third = ""] = reviews;
    rig.ports.sql.exec("UPDATE actors SET value = '{' WHERE id = ?", first);
    rig.reopen();
    rig.run({ type: "create_bead", bead: bead("news", { type: "message" }), assignTo: null });
    expect(rig.rig.world.index.merging.has(second)).toBe(true);
    rig.run({
      type: "complete_review",
      reviewId: second,
      claimId: null,
      verdict: "failed",
      permanent: false,
      message: "not now",
      commitSha: null,
    });
    expect([...rig.rig.world.index.merging]).toEqual([third]);
    const backoff = rig.rig.world.reviews.get(second)?.context.backoffUntil ?? 0;
    rig.run({
      type: "complete_review",
      reviewId: third,
      claimId: null,
      verdict: "merged",
      permanent: false,
      message: "",
      commitSha: "c",
    });
    expect(backoff).toBeGreaterThan(rig.now);
    await rig.tickAt(backoff - 1);
    expect([...rig.rig.world.index.merging]).toEqual([]);
    await rig.tickAt(backoff);
    expect([...rig.rig.world.index.merging]).toEqual([second]);
  });

  test("an agent or a review that is set aside keeps nobody awake", async () => {
    const rig = town();
    const { agentId } = await slung(rig);
    expect(rig.rig.world.rig.value).toMatchObject({ cadence: "active" });
    rig.ports.sql.exec("UPDATE actors SET value = '{' WHERE id = ?", agentId);
    rig.reopen();
    expect(rig.rig.world.rig.value).toMatchObject({ cadence: "idle" });
    await slung(rig, "another");
    expect(rig.rig.world.rig.value).toMatchObject({ cadence: "active" });
  });
});
