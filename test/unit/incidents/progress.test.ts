import { expect, test } from "vitest";
import {
  advanceWithHeartbeats,
  agentOf,
  as,
  calls,
  DAY,
  escalations,
  facts,
  guppMails,
  HOUR,
  MINUTE,
  SECOND,
  slung,
  startsOf,
  stateOf,
  town,
} from "./words.ts";

test("KC-4216 heartbeats without progress for 30 minutes are a stall: liveness is not progress", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const started = rig.now;
  await advanceWithHeartbeats(rig, started + 30 * MINUTE - 1, agentId);
  expect(guppMails(rig)).toEqual([]);
  await advanceWithHeartbeats(rig, started + 31 * MINUTE, agentId);
  expect(guppMails(rig).map(({ to }) => to)).toEqual([agentId]);
  expect(calls(rig, "message")).toEqual([`${agentId}:1`]);
  // The same half hour with a tool call in it is no stall.
  const busy = town();
  const worker = await slung(busy);
  await advanceWithHeartbeats(busy, busy.now + 20 * MINUTE, worker.agentId);
  busy.run({ type: "progressed", agentId: worker.agentId, what: "tool: edit" }, as(busy, worker.agentId));
  await advanceWithHeartbeats(busy, busy.now + 29 * MINUTE, worker.agentId);
  expect(guppMails(busy)).toEqual([]);
});

test("KC-293b ten TICKs and a read mailbox later, a stall still has one GUPP_CHECK", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  await rig.advance(rig.now + 30 * MINUTE);
  expect(guppMails(rig).length).toBe(1);
  for (let i = 0; i < 10; i++) {
    await rig.tickAt(rig.now + 30 * SECOND);
    const mailIds = rig.ports.sql
      .exec<{ id: string }>("SELECT id FROM mail WHERE delivered_at IS NULL")
      .toArray()
      .map(({ id }) => id);
    rig.run({ type: "read_mail", agentId, mailIds }, as(rig, agentId));
  }
  expect(guppMails(rig).length).toBe(1);
  expect(calls(rig, "message").length).toBe(1);
  // Progress ends the episode; the next one has its own.
  rig.run({ type: "progressed", agentId, what: "tool: edit" }, as(rig, agentId));
  await rig.advance(rig.now + 31 * MINUTE);
  expect(guppMails(rig).length).toBe(2);
});

test("KC-2830 a stalled agent does not keep the fast cadence for days", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { gupp_restart_ms: 30 * DAY } });
  const { agentId } = await slung(rig);
  await rig.advance(rig.now + HOUR + MINUTE);
  expect(escalations(rig).length).toBe(1);
  const rang = await rig.advance(rig.now + 3 * DAY);
  expect(rang).toBeLessThanOrEqual((3 * DAY) / (5 * MINUTE) + 1);
  expect(stateOf(rig, agentId)).toContain("escalated");

  // With the default restart it is given up in the end, and then nothing is left to hurry for.
  const restarted = town();
  const worker = await slung(restarted);
  await restarted.advance(restarted.now + DAY);
  expect(agentOf(restarted, worker.agentId).context.hook).toBe(null);
  expect(await restarted.advance(restarted.now + 3 * DAY)).toBeLessThanOrEqual((3 * DAY) / (5 * MINUTE) + 1);
});

test("GT-1378 an agent that waits at a permission prompt is escalated at the GUPP deadline, never restarted", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  rig.run({ type: "permission_asked", agentId, prompt: "delete the production database?" }, as(rig, agentId));
  const asked = rig.now;
  expect(stateOf(rig, agentId)).toBe("blocked.onPermission.waiting");
  await rig.advance(asked + 30 * MINUTE - 1);
  expect(escalations(rig)).toEqual([]);
  await rig.advance(asked + 2 * DAY);
  expect(stateOf(rig, agentId)).toBe("blocked.onPermission.escalated");
  expect(escalations(rig).map(({ metadata }) => metadata["kind"])).toEqual(["permission"]);
  expect(guppMails(rig)).toEqual([]);
  expect(calls(rig, "stop")).toEqual([]);
  expect(startsOf(rig, beadId)).toBe(1);
  rig.run({ type: "permission_answered", agentId }, as(rig, agentId));
  expect(stateOf(rig, agentId)).toContain("working.process.running");
  expect(facts(rig, "dispatch.failed")).toEqual([]);
});
