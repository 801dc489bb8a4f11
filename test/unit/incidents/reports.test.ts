import { expect, test } from "vitest";
import { execute, heartbeat } from "../../../src/do/rig.ts";
import { onAlarm } from "../../../src/do/tick.ts";
import { readJournal } from "../../../src/do/store.ts";
import type { Command } from "../../../src/core/decide/index.ts";
import { bead, OPERATOR } from "../../support/node-rig.ts";
import {
  agentOf,
  as,
  beadOf,
  calls,
  DAY,
  everything,
  exits,
  facts,
  journalLength,
  MINUTE,
  outboxLength,
  SECOND,
  slung,
  submitted,
  town,
  verdict,
} from "./words.ts";

test("GT-909 the done of an older dispatch is journalled as stale and changes nothing", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  const old = as(rig, agentId);
  await exits(rig, agentId, "failed");
  await rig.advance(rig.now + 10 * SECOND);
  expect(agentOf(rig, agentId).context.dispatchN).toBe(2);
  const before = [agentOf(rig, agentId), beadOf(rig, beadId), outboxLength(rig)];
  const late: Command[] = [
    { type: "done", agentId, branch: "b", prUrl: null, summary: null },
    { type: "submit_review", agentId, beadId, branch: "b", prUrl: null, summary: null },
    { type: "checkpoint", agentId, data: { late: true } },
    { type: "progressed", agentId, what: "late" },
    { type: "exited", agentId, dispatchId: `${agentId}:1`, outcome: "completed", reason: "late", resetAt: null },
    { type: "heard", agentId, dispatchId: null },
  ];
  for (const command of late) expect([command.type, rig.run(command, old).stale]).toEqual([command.type, true]);
  expect([agentOf(rig, agentId), beadOf(rig, beadId), outboxLength(rig)]).toEqual(before);
  expect(facts(rig, "report.stale").map(({ report, dispatchId, current }) => [report, dispatchId, current])).toEqual(
    ["done", "review", "checkpoint", "progress", "completed", "heartbeat"].map((report) => [
      report,
      `${agentId}:1`,
      `${agentId}:2`,
    ]),
  );
  // A process that does not know that it was replaced says so every 30 s; the journal has it once.
  for (let i = 0; i < 10; i++) heartbeat(rig.rig, agentId, `${agentId}:1`, old);
  expect(facts(rig, "report.stale").length).toBe(6);
  expect(beadOf(rig, beadId).value).toBe("in_progress");
});

test("KC-3047 a fact that names a missing actor is recorded once and never retried", async () => {
  const rig = town();
  rig.tell(
    { type: "agent.answered", agentId: "nobody", answer: "yes", by: "operator" },
    { type: "bead.cancelled", beadId: "nothing", by: "operator" },
    {
      type: "agent.done",
      agentId: "nobody",
      dispatchId: "nobody:1",
      beadId: "nothing",
      branch: "b",
      prUrl: null,
      summary: null,
    },
  );
  const misdirected = readJournal(rig.ports.sql, 0, 1_000).filter((entry) => entry.missing !== null);
  expect(misdirected.map((entry) => [entry.fact.type, entry.missing])).toEqual([
    ["agent.answered", "agent:nobody"],
    ["bead.cancelled", "bead:nothing"],
    ["agent.done", "agent:nobody"],
  ]);
  const before = journalLength(rig);
  rig.reopen();
  await rig.advance(rig.now + DAY);
  expect([journalLength(rig), outboxLength(rig)]).toEqual([before, 0]);
  // Work goes on.
  await slung(rig);
  expect(calls(rig, "start").length).toBe(1);
});

test("KC-2374 deleting an agent leaves closed and failed beads closed and failed", async () => {
  const rig = town();
  const merged = await submitted(rig, "one");
  await verdict(rig, merged.reviewId, "merged");
  expect(beadOf(rig, merged.beadId).context.assignee).toBe(merged.agentId);
  rig.run({ type: "delete_agent", agentId: merged.agentId });
  const cancelled = await slung(rig, "two");
  rig.run({ type: "cancel_bead", beadId: cancelled.beadId });
  rig.run({ type: "delete_agent", agentId: cancelled.agentId });
  rig.reopen();
  expect([beadOf(rig, merged.beadId).value, beadOf(rig, cancelled.beadId).value]).toEqual(["closed", "failed"]);

  // What an agent was working on is work again when it is deleted, and nothing else is.
  const running = await slung(rig, "three");
  rig.run({ type: "pause" });
  rig.run({ type: "delete_agent", agentId: running.agentId });
  await rig.settled();
  expect([beadOf(rig, running.beadId).value, beadOf(rig, running.beadId).context.assignee]).toEqual(["open", null]);
  expect(calls(rig, "stop").at(-1)).toBe(`${running.agentId}:1`);
  rig.run({ type: "resume" });
  await rig.advance(rig.now + DAY);
  expect([beadOf(rig, merged.beadId).value, beadOf(rig, cancelled.beadId).value]).toEqual(["closed", "failed"]);
  expect(rig.container.starts.filter((order) => order.prompt.includes(merged.beadId)).length).toBe(1);
});

test("KC-1182 a destroyed rig has no alarm and no effect, and late callbacks do not bring it back", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  const review = await submitted(rig, "reviewed");
  let answerStart: () => void = () => {};
  rig.container.onStart = () => new Promise((resolve) => (answerStart = () => resolve({ kind: "accepted" })));
  rig.run({ type: "sling", bead: bead("in flight") });
  while (rig.container.starts.length < 3) await Promise.resolve();
  const caller = as(rig, agentId);
  rig.run({ type: "destroy" });
  answerStart();
  await rig.settled();
  expect(rig.alarm).toBe(null);
  expect(outboxLength(rig)).toBe(0);
  const asked = rig.container.calls.length;
  const before = everything(rig);

  const late: Command[] = [
    { type: "heard", agentId, dispatchId: null },
    { type: "progressed", agentId, what: "tool" },
    { type: "checkpoint", agentId, data: {} },
    { type: "done", agentId, branch: "b", prUrl: null, summary: null },
    { type: "exited", agentId, dispatchId: null, outcome: "failed", reason: "killed", resetAt: null },
    {
      type: "complete_review",
      reviewId: review.reviewId,
      claimId: null,
      verdict: "merged",
      permanent: false,
      message: "",
      commitSha: null,
    },
    { type: "sling", bead: bead("again") },
    { type: "resume" },
    { type: "destroy" },
    { type: "cancel_bead", beadId },
  ];
  for (const command of late) {
    expect([command.type, execute(rig.rig, command, OPERATOR)]).toMatchObject([
      command.type,
      { ok: false, status: 404 },
    ]);
    expect([command.type, execute(rig.rig, command, caller)]).toMatchObject([command.type, { ok: false, status: 401 }]);
  }
  heartbeat(rig.rig, agentId, null, caller);
  rig.reopen();
  await onAlarm(rig.rig, rig.now + MINUTE);
  await rig.advance(rig.now + DAY);
  await rig.settled();
  expect(everything(rig)).toBe(before);
  expect(rig.alarm).toBe(null);
  expect(rig.container.calls.length).toBe(asked);
});

test("KC-1567 mail to an idle agent is delivered when it starts, not lost", async () => {
  const rig = town();
  const { agentId = "" } = rig.run({ type: "get_or_create_agent", role: "polecat" });
  rig.run({ type: "send_mail", from: "mayor", to: agentId, subject: "mind the schema", body: "version 2 is frozen" });
  await rig.advance(rig.now + DAY);
  rig.reopen();
  const undelivered = () =>
    rig.ports.sql
      .exec<{ id: string; subject: string }>(
        "SELECT id, subject FROM mail WHERE recipient = ? AND delivered_at IS NULL",
        agentId,
      )
      .toArray();
  expect(undelivered().map(({ subject }) => subject)).toEqual(["mind the schema"]);
  expect((await slung(rig)).agentId).toBe(agentId);
  // Its first words tell it so; it is delivered when who read it has something to show.
  expect(rig.container.starts[0]?.prompt).toContain("1 unread mail");
  expect(undelivered().length).toBe(1);
  rig.run({ type: "read_mail", agentId, mailIds: undelivered().map(({ id }) => id) }, as(rig, agentId));
  rig.run({ type: "progressed", agentId, what: "read the schema" }, as(rig, agentId));
  expect(undelivered()).toEqual([]);
  await exits(rig, agentId, "failed");
  await rig.advance(rig.now + MINUTE);
  expect(rig.container.starts[1]?.prompt).not.toContain("unread");
});
