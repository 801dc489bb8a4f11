import { expect, test } from "vitest";
import { bead } from "../../support/node-rig.ts";
import {
  agentOf,
  beadOf,
  calls,
  DAY,
  done,
  facts,
  HOUR,
  journalLength,
  MINUTE,
  reasonOfAgent,
  reasonOfBead,
  SECOND,
  slung,
  startsOf,
  stateOf,
  submitted,
  town,
  verdict,
} from "./words.ts";

test("KC-1878 an escalation is never dispatched, and an escalation about an escalation joins its parent", async () => {
  const rig = town();
  rig.run({ type: "register_agent", role: "polecat", name: "free", identity: "rig/polecats/free" });
  const { beadId: parent = "" } = rig.run({
    type: "escalate",
    title: "stuck",
    body: null,
    priority: "critical",
    metadata: {},
    agentId: null,
  });
  for (let i = 0; i < 5; i++) {
    const joined = rig.run({
      type: "escalate",
      title: `the escalation is stuck too ${i}`,
      body: null,
      priority: "critical",
      metadata: { bead_id: parent },
      agentId: null,
    });
    expect(joined.beadId).toBe(parent);
  }
  await rig.advance(rig.now + HOUR);
  expect(facts(rig, "bead.created").length).toBe(1);
  expect(facts(rig, "escalation.joined").length).toBe(5);
  expect(facts(rig, "dispatch.granted")).toEqual([]);
  expect(calls(rig, "start")).toEqual([]);
});

test("GT-3800 a message is never dispatched as work", async () => {
  const rig = town();
  const { agentId = "" } = rig.run({
    type: "register_agent",
    role: "polecat",
    name: "free",
    identity: "rig/polecats/free",
  });
  for (const type of ["message", "merge_request"] as const)
    rig.run({ type: "create_bead", bead: bead(type, { type }), assignTo: null });
  // Not even when somebody puts it on a hook.
  const { beadId = "" } = rig.run({
    type: "create_bead",
    bead: bead("hooked", { type: "message" }),
    assignTo: agentId,
  });
  await rig.advance(rig.now + HOUR);
  expect(facts(rig, "dispatch.granted")).toEqual([]);
  expect(calls(rig, "start")).toEqual([]);
  expect(beadOf(rig, beadId).value).toBe("open");
});

test("GT-3484 idle agents do not count against the capacity", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { capacity: 3 } });
  const idle = ["a", "b", "c", "d"].map(
    (name) => rig.run({ type: "register_agent", role: "polecat", name, identity: `rig/polecats/${name}` }).agentId,
  );
  const { beadId = "" } = rig.run({ type: "create_bead", bead: bead("ready"), assignTo: null });
  await rig.settled();
  expect(beadOf(rig, beadId).value).toBe("in_progress");
  expect(idle).toContain(beadOf(rig, beadId).context.assignee);
  expect(calls(rig, "start").length).toBe(1);
});

test("GT-4081 a bead that finds the capacity full waits with its attempts unchanged, and says why", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { capacity: 2 } });
  const first = await slung(rig, "one");
  await slung(rig, "two");
  const waiting = await slung(rig, "three");
  for (let i = 0; i < 3; i++) await rig.tickAt(rig.now + 30 * SECOND);
  expect(calls(rig, "start").length).toBe(2);
  expect([beadOf(rig, waiting.beadId).context.attempts, agentOf(rig, waiting.agentId).context.attempts]).toEqual([
    0, 0,
  ]);
  expect(facts(rig, "dispatch.failed")).toEqual([]);
  expect([reasonOfBead(rig, waiting.beadId), reasonOfAgent(rig, waiting.agentId)]).toEqual([
    "at_capacity",
    "at_capacity",
  ]);
  await done(rig, first.agentId, "b");
  expect(startsOf(rig, waiting.beadId)).toBe(1);
});

test("KC-900 a blocked bead waits while its blocker is in review, and is dispatched when it is merged", async () => {
  const rig = town();
  const blocker = await slung(rig, "a");
  const { beadId = "" } = rig.run({
    type: "create_bead",
    bead: bead("b", { blockedBy: [blocker.beadId] }),
    assignTo: null,
  });
  await rig.advance(rig.now + MINUTE);
  expect(startsOf(rig, beadId)).toBe(0);
  await done(rig, blocker.agentId, "feature/a");
  await rig.advance(rig.now + MINUTE);
  expect(beadOf(rig, blocker.beadId).value).toBe("in_review");
  expect([startsOf(rig, beadId), reasonOfBead(rig, beadId)]).toEqual([0, "blocked_by"]);
  await verdict(rig, beadOf(rig, blocker.beadId).context.reviewId ?? "", "merged");
  expect(startsOf(rig, beadId)).toBe(1);
  expect(calls(rig, "start").length).toBe(2);
});

test("KC-3880 a rig that was never configured has no effects, the idle cadence and one visible reason", async () => {
  const rig = town({ configured: false });
  const { beadId, agentId } = await slung(rig);
  rig.run({ type: "create_bead", bead: bead("another"), assignTo: null });
  const rang = await rig.advance(rig.now + DAY);
  expect(rang).toBeLessThanOrEqual(DAY / (5 * MINUTE) + 1);
  expect(rig.container.calls).toEqual([]);
  expect(rig.notified).toEqual([]);
  expect(rig.rig.world.rig.matches({ cadence: "idle" })).toBe(true);
  expect([reasonOfBead(rig, beadId), reasonOfAgent(rig, agentId)]).toEqual(["no_config", "no_config"]);
  expect(beadOf(rig, beadId).context.attempts).toBe(0);
});

test("GC-5727 without work there are no starts, no effects and no rows in 24 hours", async () => {
  const rig = town();
  for (const role of ["polecat", "refinery", "witness", "mayor"] as const)
    rig.run({ type: "get_or_create_agent", role });
  const { reviewId, agentId } = await submitted(rig);
  await verdict(rig, reviewId, "merged");
  await rig.advance(rig.now + MINUTE);
  const before = [journalLength(rig), rig.container.calls.length];
  const rang = await rig.advance(rig.now + DAY);
  expect(rang).toBeGreaterThan(200);
  expect([journalLength(rig), rig.container.calls.length]).toEqual(before);
  expect(stateOf(rig, agentId)).toBe("idle.empty");
  expect(rig.notified).toEqual([]);
});
