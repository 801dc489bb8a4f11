import { expect, test } from "vitest";
import { LIMITS } from "../../../src/events/limits.ts";
import { heartbeat } from "../../../src/do/rig.ts";
import { bead } from "../../support/node-rig.ts";
import {
  agentOf,
  as,
  beadOf,
  calls,
  escalations,
  everyProcessDies,
  exits,
  facts,
  guppMails,
  HOUR,
  MINUTE,
  reasonOfAgent,
  SECOND,
  slung,
  stateOf,
  town,
} from "../incidents/words.ts";

/** Each threshold of an agent from both sides: one millisecond before it nothing happens, at it it does. */

const settingsOf = (rig: ReturnType<typeof town>) => rig.rig.world.rig.context.settings;

test("GUPP sends its check at 30 min without progress, and not 1 ms earlier", async () => {
  const rig = town();
  await slung(rig);
  const since = rig.now;
  await rig.tickAt(since + 30 * MINUTE - 1);
  expect([guppMails(rig).length, calls(rig, "message").length]).toEqual([0, 0]);
  await rig.tickAt(since + 30 * MINUTE);
  expect([guppMails(rig).length, calls(rig, "message").length]).toEqual([1, 1]);
});

test("GUPP escalates at 60 min without progress, and not 1 ms earlier", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const since = rig.now;
  await rig.tickAt(since + 30 * MINUTE);
  await rig.tickAt(since + HOUR - 1);
  expect(escalations(rig)).toEqual([]);
  await rig.tickAt(since + HOUR);
  expect(escalations(rig).map(({ metadata }) => [metadata["kind"], metadata["agent_id"]])).toEqual([["gupp", agentId]]);
  await rig.tickAt(since + HOUR + MINUTE);
  expect(escalations(rig).length).toBe(1);
});

test("GUPP stops at 2 h without progress, and not 1 ms earlier; the restart resumes", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  rig.run({ type: "checkpoint", agentId, data: { step: 1 } }, as(rig, agentId));
  const since = rig.now;
  await rig.tickAt(since + HOUR);
  await rig.tickAt(since + 2 * HOUR - 1);
  expect(calls(rig, "stop")).toEqual([]);
  await rig.tickAt(since + 2 * HOUR);
  expect(calls(rig, "stop")).toEqual([`${agentId}:1`]);
  await rig.advance(rig.now + MINUTE);
  expect(rig.container.starts[1]).toMatchObject({ dispatchId: `${agentId}:2`, checkpoint: { step: 1 } });
  // Its own stall is charged.
  expect(agentOf(rig, agentId).context.attempts).toBe(1);
});

test("progress 1 ms before the check restarts the clock", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  rig.now += 30 * MINUTE - 1;
  rig.run({ type: "progressed", agentId, what: "tool" }, as(rig, agentId));
  const since = rig.now;
  await rig.tickAt(since + 30 * MINUTE - 1);
  expect(guppMails(rig)).toEqual([]);
  await rig.tickAt(since + 30 * MINUTE);
  expect(guppMails(rig).length).toBe(1);
});

test("progress is journalled at most once in 10 s", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const tell = () => rig.run({ type: "progressed", agentId, what: "tool" }, as(rig, agentId)).facts.length;
  expect(tell()).toBe(1);
  rig.now += LIMITS.progress_granularity_ms - 1;
  expect(tell()).toBe(0);
  rig.now += 1;
  expect(tell()).toBe(1);
});

test("GUPP leaves blocked agents alone", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  rig.run({ type: "escalate", title: "help", body: null, priority: "high", metadata: {}, agentId }, as(rig, agentId));
  await rig.advance(rig.now + 3 * HOUR);
  expect(guppMails(rig)).toEqual([]);
  expect(calls(rig, "stop")).toEqual([]);
  expect(stateOf(rig, agentId)).toBe("blocked.onHelp.waiting");
});

test("GUPP leaves a mayor alone", async () => {
  const rig = town();
  const { agentId = "" } = rig.run({ type: "get_or_create_agent", role: "mayor" });
  const { beadId = "" } = rig.run({ type: "create_bead", bead: bead("mind the town"), assignTo: agentId });
  expect([reasonOfAgent(rig, agentId), calls(rig, "start")]).toEqual(["wrong_role", []]);
  rig.tell({
    type: "dispatch.granted",
    agentId,
    dispatchId: `${agentId}:1`,
    beadId,
    branch: "b",
    rework: false,
    probe: false,
  });
  await rig.advance(rig.now + 3 * HOUR);
  expect([stateOf(rig, agentId), guppMails(rig), escalations(rig), calls(rig, "stop")]).toEqual([
    "working.process.running + working.progress.fresh",
    [],
    [],
    [],
  ]);
});

test("a start keeps its lease for 180 s, and not 1 ms longer", async () => {
  const rig = town();
  rig.container.onStart = () => ({ kind: "unknown", error: "timed out" });
  const { agentId } = await slung(rig);
  const since = rig.now;
  await rig.tickAt(since + 180 * SECOND - 1);
  expect(stateOf(rig, agentId)).toContain("working.process.starting");
  rig.run({ type: "pause" });
  await rig.tickAt(since + 180 * SECOND);
  expect(facts(rig, "dispatch.failed").map(({ charged }) => charged)).toEqual([true]);
  expect(stateOf(rig, agentId)).toBe("restarting.due");
});

test("a lease that ends while the container is unreachable counts for the rig, not for the bead", async () => {
  const rig = town();
  const { agentId, beadId } = await slung(rig);
  await exits(rig, agentId);
  rig.container.down = "ECONNREFUSED";
  await rig.tickAt(rig.now + SECOND);
  const since = rig.now;
  await rig.tickAt(since + 180 * SECOND - 1);
  expect(facts(rig, "dispatch.failed").length).toBe(1);
  await rig.tickAt(since + 180 * SECOND);
  expect(facts(rig, "dispatch.failed").map(({ charged, attempts }) => [charged, attempts])).toEqual([
    [true, 1],
    [false, 1],
  ]);
  expect(beadOf(rig, beadId).context.attempts).toBe(1);
  expect(rig.rig.world.rig.context.failures.length).toBe(2);
});

test("an agent is asked about when it was not heard from for 90 s, and not 1 ms earlier", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  heartbeat(rig.rig, agentId, null, as(rig, agentId));
  const since = rig.now;
  await rig.tickAt(since + 90 * SECOND - 1);
  expect(calls(rig, "statuses")).toEqual([]);
  await rig.tickAt(since + 90 * SECOND);
  expect(calls(rig, "statuses")).toEqual([agentId]);
  // The answer was a sighting.
  await rig.tickAt(since + 180 * SECOND - 1);
  expect(calls(rig, "statuses").length).toBe(1);
  // A restarted object has seen nobody yet: it asks.
  rig.reopen();
  await rig.tickAt(rig.now + 1);
  expect(calls(rig, "statuses").length).toBe(2);
});

test("restarts wait 0 s, 30 s, 60 s, 120 s and so on up to 10 min, each exactly", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { max_attempts: 20, breaker_failures: 1_000 } });
  const { agentId } = await slung(rig);
  for (const [crash, wait_s] of [0, 30, 60, 120, 240, 480, 600, 600, 600].entries()) {
    const crashed = rig.now;
    await exits(rig, agentId);
    if (wait_s > 0) {
      await rig.tickAt(crashed + 1);
      expect([crash, stateOf(rig, agentId), reasonOfAgent(rig, agentId)]).toEqual([
        crash,
        "restarting.backingOff",
        "backing_off_until",
      ]);
      await rig.tickAt(crashed + wait_s * SECOND - 1);
      expect([crash, calls(rig, "start").length]).toEqual([crash, crash + 1]);
    }
    await rig.tickAt(crashed + wait_s * SECOND);
    expect([crash, calls(rig, "start").length]).toEqual([crash, crash + 2]);
  }
});

test("a bead fails with its fifth charged attempt, not with its fourth", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  for (let attempt = 1; attempt <= 4; attempt++) {
    await exits(rig, agentId);
    await rig.advance(rig.now + 11 * MINUTE);
    expect([
      attempt,
      beadOf(rig, beadId).value,
      beadOf(rig, beadId).context.attempts,
      calls(rig, "start").length,
    ]).toEqual([attempt, "in_progress", attempt, attempt + 1]);
  }
  await exits(rig, agentId);
  await rig.tickAt(rig.now + 1);
  expect([beadOf(rig, beadId).value, agentOf(rig, agentId).context.hook, calls(rig, "start").length]).toEqual([
    "failed",
    null,
    5,
  ]);
});

test("a new checkpoint clears the attempts, the same one again does not", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  const crash = async () => {
    await exits(rig, agentId);
    await rig.advance(rig.now + 11 * MINUTE);
  };
  const save = (step: number) => rig.run({ type: "checkpoint", agentId, data: { step } }, as(rig, agentId));
  save(1);
  await crash();
  save(1);
  expect(beadOf(rig, beadId).context.attempts).toBe(1);
  await crash();
  save(2);
  expect([beadOf(rig, beadId).context.attempts, agentOf(rig, agentId).context.attempts]).toEqual([0, 0]);
});

test("attempts stay with the bead when another agent takes it", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  await exits(rig, agentId);
  rig.run({ type: "pause" });
  rig.run({ type: "unhook", agentId });
  const { agentId: other = "" } = rig.run({
    type: "register_agent",
    role: "polecat",
    name: "other",
    identity: "rig/other",
  });
  rig.run({ type: "hook", agentId: other, beadId });
  expect([beadOf(rig, beadId).context.attempts, agentOf(rig, other).context.attempts]).toEqual([1, 1]);
});

test("a process that was asked to stop is taken as gone after 60 s, and not 1 ms earlier", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  // It does not stop: the container keeps saying that it is stopping.
  rig.container.onStop = () => {
    rig.container.processes.set(agentId, { agentId, dispatchId: `${agentId}:1`, status: "stopping", exitReason: null });
    return { kind: "unknown", error: "timed out" };
  };
  await rig.tickAt(rig.now + 2 * HOUR);
  const since = rig.now;
  expect(stateOf(rig, agentId)).toContain("draining");
  await rig.tickAt(since + LIMITS.stop_lease_ms - 1);
  expect(stateOf(rig, agentId)).toContain("draining");
  await rig.tickAt(since + LIMITS.stop_lease_ms);
  expect(stateOf(rig, agentId)).toBe("exited.crashed");
});

test("a drain hands work back uncharged, and its clocks stand still", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  rig.run({ type: "drain" });
  await rig.settled();
  expect(calls(rig, "stop")).toEqual([`${agentId}:1`]);
  await rig.advance(rig.now + 5 * HOUR);
  expect([stateOf(rig, agentId), reasonOfAgent(rig, agentId), beadOf(rig, beadId).context.attempts]).toEqual([
    "restarting.due",
    "draining",
    0,
  ]);
  expect([facts(rig, "dispatch.failed"), guppMails(rig), escalations(rig)]).toEqual([[], [], []]);
  rig.run({ type: "resume" });
  await rig.settled();
  expect(calls(rig, "start")).toEqual([`${agentId}:1`, `${agentId}:2`]);
});

test("an agent that exhausts two beads in a row is quarantined for 10 min, and not 1 ms longer", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { max_attempts: 1 } });
  everyProcessDies(rig);
  const { agentId } = await slung(rig, "one");
  await rig.tickAt(rig.now + SECOND);
  expect([stateOf(rig, agentId), agentOf(rig, agentId).context.exhausted]).toEqual([
    "idle.empty",
    LIMITS.exhausted_beads_before_quarantine - 1,
  ]);
  expect((await slung(rig, "two")).agentId).toBe(agentId);
  await rig.tickAt(rig.now + SECOND);
  const since = rig.now;
  expect([stateOf(rig, agentId), reasonOfAgent(rig, agentId)]).toEqual(["blocked.quarantined", "quarantined_until"]);
  await rig.tickAt(since + settingsOf(rig).backoff_max_ms - 1);
  expect(stateOf(rig, agentId)).toBe("blocked.quarantined");
  await rig.tickAt(since + settingsOf(rig).backoff_max_ms);
  expect(stateOf(rig, agentId)).toBe("idle.empty");
});

test("proven progress between two exhausted beads spares the agent its quarantine", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { max_attempts: 1 } });
  const { agentId } = await slung(rig, "one");
  await exits(rig, agentId);
  await rig.tickAt(rig.now + SECOND);
  await slung(rig, "two");
  rig.run({ type: "checkpoint", agentId, data: { step: 1 } }, as(rig, agentId));
  await exits(rig, agentId);
  await rig.tickAt(rig.now + SECOND);
  expect(stateOf(rig, agentId)).toBe("idle.empty");
});

test("a permission prompt is escalated after 30 min, and not 1 ms earlier", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  rig.run({ type: "permission_asked", agentId, prompt: "?" }, as(rig, agentId));
  const since = rig.now;
  await rig.tickAt(since + 30 * MINUTE - 1);
  expect(escalations(rig)).toEqual([]);
  await rig.tickAt(since + 30 * MINUTE);
  expect(escalations(rig).length).toBe(1);
});

test("a rate limit ends at its reset time, and not 1 ms earlier", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const resetAt = rig.now + 17 * MINUTE;
  await exits(rig, agentId, "rate_limited", resetAt);
  await rig.tickAt(resetAt - 1);
  expect(calls(rig, "start").length).toBe(1);
  await rig.tickAt(resetAt);
  expect(calls(rig, "start").length).toBe(2);
});

test("a rate limit without a reset time is waited out for 5 min", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const since = rig.now;
  await exits(rig, agentId, "rate_limited");
  await rig.tickAt(since + LIMITS.rate_limit_default_ms - 1);
  expect(calls(rig, "start").length).toBe(1);
  await rig.tickAt(since + LIMITS.rate_limit_default_ms);
  expect(calls(rig, "start").length).toBe(2);
});
