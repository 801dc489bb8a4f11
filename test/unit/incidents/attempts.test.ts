import { expect, test } from "vitest";
import { execute } from "../../../src/do/rig.ts";
import {
  agentOf,
  as,
  beadOf,
  breakSql,
  calls,
  DAY,
  escalations,
  everything,
  everyProcessDies,
  exits,
  facts,
  isWrite,
  MINUTE,
  SECOND,
  slung,
  startsOf,
  stateOf,
  town,
  unchanged,
} from "./words.ts";

test("KC-335 an agent that exits right after every start is given up after five attempts", async () => {
  const rig = town();
  everyProcessDies(rig);
  const { beadId, agentId } = await slung(rig);
  await rig.advance(rig.now + DAY);
  expect(calls(rig, "start").length).toBe(5);
  expect(beadOf(rig, beadId).value).toBe("failed");
  expect(agentOf(rig, agentId).context.hook).toBe(null);
  expect(stateOf(rig, agentId)).toBe("idle.empty");
  expect(escalations(rig).map(({ metadata }) => metadata)).toEqual([
    { kind: "attempts_exhausted", agent_id: agentId, bead_id: beadId },
  ]);
  expect(rig.notified.length).toBe(1);
});

test("KC-4557 hook, assignee and attempts change in one commit or not at all", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  const before = everything(rig);
  const exit = () =>
    execute(
      rig.rig,
      { type: "exited", agentId, dispatchId: null, outcome: "failed", reason: "crash", resetAt: null },
      as(rig, agentId),
    );
  let failedWrites = 0;
  for (let nth = 1; ; nth++) {
    let writes = 0;
    const broken = breakSql(rig, (query) => isWrite(query) && ++writes === nth);
    try {
      exit();
      broken.mend();
      break;
    } catch {
      broken.mend();
      failedWrites++;
      expect(everything(rig)).toBe(before);
    }
  }
  expect(failedWrites).toBeGreaterThan(3);
  const read = () => [
    agentOf(rig, agentId).context.hook,
    agentOf(rig, agentId).context.attempts,
    beadOf(rig, beadId).context.assignee,
    beadOf(rig, beadId).context.attempts,
  ];
  expect(read()).toEqual([beadId, 1, agentId, 1]);
  rig.reopen();
  expect(read()).toEqual([beadId, 1, agentId, 1]);
});

test("KC-1441 an evicted agent keeps its checkpoint, is not charged, and resumes", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  rig.run({ type: "checkpoint", agentId, data: { step: 3 } }, as(rig, agentId));
  const branch = rig.container.starts[0]?.branch;
  await exits(rig, agentId, "evicted");
  expect(stateOf(rig, agentId)).toBe("exited.evicted");
  expect(beadOf(rig, beadId).value).toBe("in_progress");
  await rig.advance(rig.now + 10 * SECOND);
  expect(rig.container.starts[1]).toMatchObject({ dispatchId: `${agentId}:2`, checkpoint: { step: 3 }, branch });
  expect(agentOf(rig, agentId).context.attempts).toBe(0);
  expect(beadOf(rig, beadId).context.attempts).toBe(0);
  expect(facts(rig, "dispatch.failed")).toEqual([]);
});

test("GC-1400 a rate limit is waited out until its reset time and is not charged", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  const resetAt = rig.now + 45 * MINUTE;
  await exits(rig, agentId, "rate_limited", resetAt);
  await rig.advance(resetAt - 1);
  expect(calls(rig, "start").length).toBe(1);
  await rig.advance(resetAt + SECOND);
  expect(calls(rig, "start").length).toBe(2);
  expect([agentOf(rig, agentId).context.attempts, beadOf(rig, beadId).context.attempts]).toEqual([0, 0]);
  expect(rig.rig.world.rig.context.failures).toEqual([]);
});

test("GT-4698 when its bead was closed, an agent that dies is not restarted and has no hook", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  rig.run({ type: "close_bead", beadId });
  rig.container.processes.delete(agentId);
  rig.run(
    { type: "exited", agentId, dispatchId: null, outcome: "failed", reason: "died", resetAt: null },
    as(rig, agentId),
  );
  await rig.advance(rig.now + DAY);
  expect(agentOf(rig, agentId).context.hook).toBe(null);
  expect(stateOf(rig, agentId)).toBe("idle.empty");
  expect(startsOf(rig, beadId)).toBe(1);
  expect(beadOf(rig, beadId).value).toBe("closed");
});

test("KC-1986a cancelling a running bead stops its agent, and a late done is ignored", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  const late = as(rig, agentId);
  rig.run({ type: "cancel_bead", beadId });
  await rig.settled();
  expect(calls(rig, "stop")).toEqual([`${agentId}:1`]);
  unchanged(rig, { type: "done", agentId, branch: "b", prUrl: null, summary: null }, late);
  // Also when the agent has long been given something else.
  const next = await slung(rig, "next");
  expect(next.agentId).toBe(agentId);
  expect(rig.run({ type: "done", agentId, branch: "b", prUrl: null, summary: null }, late).stale).toBe(true);
  expect(beadOf(rig, beadId).value).toBe("failed");
  expect(beadOf(rig, next.beadId).value).toBe("in_progress");
  expect(facts(rig, "review.opened")).toEqual([]);
});
