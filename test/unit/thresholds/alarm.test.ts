import { expect, test } from "vitest";
import { health } from "../../../src/do/health.ts";
import { heartbeat } from "../../../src/do/rig.ts";
import { onAlarm } from "../../../src/do/tick.ts";
import { arm } from "../../../src/do/alarm.ts";
import { bead } from "../../support/node-rig.ts";
import {
  agentOf,
  as,
  beadOf,
  calls,
  DAY,
  exits,
  HOUR,
  journalLength,
  MINUTE,
  SECOND,
  slung,
  submitted,
  town,
  verdict,
  isWrite,
  writesDuring,
  breakSql,
} from "../incidents/words.ts";

/** When the one alarm rings. */

const IDLE_MS = 5 * MINUTE;
const ACTIVE_MS = 30 * SECOND;

test("an idle rig rings every 5 min", async () => {
  const rig = town();
  await rig.advance(rig.now + 5 * SECOND);
  expect(rig.alarm).toBe(rig.now + IDLE_MS);
  expect(await rig.advance(rig.now + DAY)).toBe(DAY / IDLE_MS);
});

test("a rig with active work rings every 30 s", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  heartbeat(rig.rig, agentId, null, as(rig, agentId));
  await rig.tickAt(rig.now + 5 * SECOND);
  expect(rig.alarm).toBe(rig.now + ACTIVE_MS);
  expect(await rig.advance(rig.now + 10 * MINUTE)).toBe(20);
  // With the work it becomes idle again.
  rig.run({ type: "done", agentId, branch: "b", prUrl: null, summary: null }, as(rig, agentId));
  await rig.settled();
  await verdict(rig, rig.container.merges[0]?.entryId ?? "", "merged");
  await rig.tickAt(rig.now + 5 * SECOND);
  expect(rig.alarm).toBe(rig.now + IDLE_MS);
});

test("a deadline rings before the cadence, exactly on time", async () => {
  const rig = town();
  rig.run({ type: "create_bead", bead: bead("later", { deferUntil: rig.now + 1_234 }), assignTo: null });
  expect(rig.alarm).toBe(rig.now + 1_234);
  const blocked = town();
  const { agentId } = await slung(blocked);
  blocked.run({ type: "permission_asked", agentId, prompt: "?" }, as(blocked, agentId));
  await blocked.tickAt(blocked.now + 28 * MINUTE);
  expect(blocked.alarm).toBe(blocked.now + 2 * MINUTE);
});

const quiet = async () => {
  const rig = town();
  await rig.advance(rig.now + HOUR);
  rig.alarm = rig.now + IDLE_MS;
  return rig;
};

test("a hook, a done, an exit report and a health check each arm the alarm within 5 s", async () => {
  const hooked = await quiet();
  hooked.run({ type: "pause" });
  const { agentId = "" } = hooked.run({ type: "get_or_create_agent", role: "polecat" });
  const { beadId = "" } = hooked.run({ type: "create_bead", bead: bead("x"), assignTo: null });
  expect(hooked.alarm).toBe(hooked.now + IDLE_MS);
  hooked.run({ type: "hook", agentId, beadId });
  expect(hooked.alarm).toBe(hooked.now + 5 * SECOND);

  const finished = await quiet();
  const worker = await slung(finished);
  finished.alarm = finished.now + IDLE_MS;
  finished.run(
    { type: "done", agentId: worker.agentId, branch: "b", prUrl: null, summary: null },
    as(finished, worker.agentId),
  );
  expect(finished.alarm).toBe(finished.now + 5 * SECOND);

  const ended = await quiet();
  const dying = await slung(ended);
  ended.alarm = ended.now + IDLE_MS;
  await exits(ended, dying.agentId);
  expect(ended.alarm).toBe(ended.now + 5 * SECOND);

  const watched = await quiet();
  health(watched.rig);
  expect(watched.alarm).toBe(watched.now + 5 * SECOND);
});

test("an alarm is pulled forward and never pushed back", async () => {
  const rig = await quiet();
  rig.alarm = rig.now + 3;
  const before = rig.alarm;
  arm(rig.rig, rig.now + 4);
  rig.run({ type: "sling", bead: bead("x") });
  expect(rig.alarm).toBe(before);
  arm(rig.rig, rig.now + 2);
  expect(rig.alarm).toBe(rig.now + 2);
});

test("a facts-free command does not touch the alarm", async () => {
  const rig = await quiet();
  const { alarm } = rig;
  rig.run({ type: "resume" });
  expect(rig.alarm).toBe(alarm);
});

test("the alarm is armed strictly after the time that it was scheduled for", async () => {
  // It rings early: the platform's clock is ahead of ours.
  const early = await quiet();
  early.run({ type: "create_bead", bead: bead("later", { deferUntil: early.now + 10 }), assignTo: null });
  early.alarm = null;
  await onAlarm(early.rig, early.now + 10);
  expect(early.alarm).toBe(early.now + 11);
  // It rings late: the next one is still ahead of now.
  const late = await quiet();
  late.alarm = null;
  await onAlarm(late.rig, late.now - HOUR);
  expect(late.alarm).toBeGreaterThan(late.now);
  // It cannot be computed: the idle cadence, after now.
  const broken = await quiet();
  broken.alarm = null;
  breakSql(broken, (query) => query.includes("outbox"));
  await onAlarm(broken.rig, broken.now);
  expect(broken.alarm).toBe(broken.now + IDLE_MS);
});

test("a deferred bead whose TICK could not be committed is taken up at once, not a cadence later", async () => {
  const rig = town();
  const { beadId = "" } = rig.run({
    type: "create_bead",
    bead: bead("later", { deferUntil: rig.now + MINUTE }),
    assignTo: null,
  });
  rig.now += MINUTE;
  const broken = breakSql(rig, isWrite);
  await onAlarm(rig.rig, rig.now);
  expect([beadOf(rig, beadId).value, rig.alarm]).toEqual(["open", rig.now + 1]);
  broken.mend();
  rig.now += 1;
  await onAlarm(rig.rig, rig.now);
  expect(beadOf(rig, beadId).value).toBe("in_progress");
  expect(rig.alarm).toBeGreaterThan(rig.now + 1);
});

test("an alarm that was lost is armed again by the next call", async () => {
  const rig = await quiet();
  await slung(rig);
  rig.alarm = null;
  rig.reopen();
  expect(rig.alarm).toBeGreaterThan(rig.now);
  rig.alarm = rig.now - 5_001;
  rig.reopen();
  expect(rig.alarm).toBeGreaterThan(rig.now);
  rig.alarm = rig.now - 4_999;
  rig.reopen();
  expect(rig.alarm).toBe(rig.now - 4_999);
});

test("a TICK that changes nothing writes no row", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  await submitted(rig, "reviewed");
  rig.run({
    type: "create_bead",
    bead: bead("waiting", {
      blockedBy: [
        rig.run({ type: "create_bead", bead: bead("later", { deferUntil: rig.now + DAY }), assignTo: null }).beadId ??
          "",
      ],
    }),
    assignTo: null,
  });
  await rig.tickAt(rig.now + SECOND);
  heartbeat(rig.rig, agentId, null, as(rig, agentId));
  const before = journalLength(rig);
  const seq = rig.rig.world.seq;
  const writes = await writesDuring(rig, async () => {
    for (let i = 0; i < 20; i++) await rig.tickAt(rig.now + 5 * SECOND);
  });
  expect([writes, journalLength(rig), rig.rig.world.seq]).toEqual([0, before, seq]);
});

test("heartbeats of a running agent write nothing", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  heartbeat(rig.rig, agentId, null, as(rig, agentId));
  const writes = await writesDuring(rig, () => {
    for (let i = 0; i < 100; i++) heartbeat(rig.rig, agentId, null, as(rig, agentId));
  });
  expect(writes).toBe(0);
});

test("effects that wait for a free place do not make the alarm ring", async () => {
  const rig = town();
  const answers: (() => void)[] = [];
  rig.container.onStart = () => new Promise((resolve) => answers.push(() => resolve({ kind: "accepted" })));
  for (let i = 0; i < 10; i++) rig.run({ type: "sling", bead: bead(`${i}`) });
  while (answers.length < 6) await Promise.resolve();
  expect(rig.rig.outbox.inFlight().length).toBe(6);
  await onAlarm(rig.rig, rig.now);
  expect(rig.alarm).toBe(rig.now + 5 * SECOND);
  rig.alarm = null;
  await onAlarm(rig.rig, rig.now);
  expect(rig.alarm).toBe(rig.now + ACTIVE_MS);
  while (answers.length > 0 || rig.rig.outbox.inFlight().length > 0) {
    answers.shift()?.();
    await Promise.resolve();
  }
  await rig.settled();
  expect(calls(rig, "start").length).toBe(10);
});

test("a failed effect is tried again after 1 s, 2 s and 4 s, and then its failure is a fact", async () => {
  const rig = town();
  const { agentId, beadId } = await slung(rig);
  rig.container.onStop = () => ({ kind: "unknown", error: "timed out" });
  rig.run({ type: "cancel_bead", beadId });
  await rig.settled();
  for (const [i, wait_s] of [1, 2, 4].entries()) {
    const since = rig.now;
    expect(rig.alarm).toBeLessThanOrEqual(since + wait_s * SECOND);
    await rig.tickAt(since + wait_s * SECOND - 1);
    expect([i, calls(rig, "stop").length]).toEqual([i, i + 1]);
    await rig.tickAt(since + wait_s * SECOND);
    expect([i, calls(rig, "stop").length]).toEqual([i, i + 2]);
  }
  expect(rig.ports.sql.exec("SELECT 1 FROM journal WHERE type = 'effect.failed'").toArray().length).toBe(1);
  expect(agentOf(rig, agentId).value).toEqual({ idle: "empty" });
});

test("a quarantined actor's passed deadline does not make the alarm ring for ever", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  await exits(rig, agentId);
  rig.rig.world.agents.set(
    agentId,
    Object.assign(Object.create(agentOf(rig, agentId)), { value: { exited: "nowhere" } }),
  );
  expect(await rig.advance(rig.now + HOUR)).toBeLessThanOrEqual(HOUR / ACTIVE_MS + 2);
  expect([...rig.rig.world.broken.keys()]).toEqual([`agent:${agentId}`]);
});
