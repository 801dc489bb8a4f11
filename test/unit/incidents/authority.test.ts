import { expect, test } from "vitest";
import type { AgentCaller, Caller, Command } from "../../../src/core/decide/index.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import { execute, heartbeat } from "../../../src/do/rig.ts";
import { bead, OPERATOR, type TestRig } from "../../support/node-rig.ts";
import { agentOf, as, beadOf, DAY, facts, reviewOf, slung, submitted, town } from "./words.ts";

/** Who may do what to whom, as the rig decides it: the door only says who speaks. */

const register = (rig: TestRig, role: "polecat" | "refinery" | "mayor" | "witness", name: string = role): string =>
  rig.run({ type: "register_agent", role, name, identity: `rig/${name}` }).agentId ?? "";

const status = (rig: TestRig, command: Command, caller: Caller): number => {
  const decision = execute(rig.rig, command, caller);
  return decision.ok ? 200 : decision.status;
};

const verdict = (reviewId: string, claimId: string | null): Command => ({
  type: "complete_review",
  reviewId,
  claimId,
  verdict: "merged",
  permanent: false,
  message: "",
  commitSha: "abc",
});

const container = (reviewId: string, n: number): Caller => ({
  kind: "container",
  id: "container",
  reviewId,
  dispatchId: `${reviewId}:${n}`,
});

test("F-104 a review's own agent cannot give its verdict, nor can any other agent; the container that holds the claim can", async () => {
  const rig = town();
  const { agentId, beadId, reviewId } = await submitted(rig);
  const claim = `${reviewId}:${reviewOf(rig, reviewId).context.claim}`;
  const other = register(rig, "polecat", "other");
  for (const caller of [
    as(rig, agentId),
    as(rig, other),
    as(rig, register(rig, "witness")),
    as(rig, register(rig, "mayor")),
  ])
    for (const claimId of [claim, null]) expect(status(rig, verdict(reviewId, claimId), caller)).toBe(403);
  expect(beadOf(rig, beadId).value).toBe("in_review");
  // The credential of another review, and one that speaks of another claim than its own.
  expect(status(rig, verdict(reviewId, claim), container("review-2", 1))).toBe(403);
  expect(status(rig, verdict(reviewId, claim), container(reviewId, 7))).toBe(403);
  expect(status(rig, verdict(reviewId, claim), container(reviewId, 1))).toBe(200);
  expect(beadOf(rig, beadId).value).toBe("closed");
});

test("F-104 the refinery gives the verdict of a claim that it names, but not of a branch of its own", async () => {
  const rig = town();
  const { beadId, reviewId } = await submitted(rig);
  const refinery = register(rig, "refinery");
  const claim = `${reviewId}:${reviewOf(rig, reviewId).context.claim}`;
  expect(status(rig, verdict(reviewId, null), as(rig, refinery))).toBe(403);
  expect(status(rig, verdict(reviewId, claim), as(rig, refinery))).toBe(200);
  expect(beadOf(rig, beadId).value).toBe("closed");
  const own = rig.run({ type: "create_bead", bead: bead("its own"), assignTo: null }).beadId ?? "";
  rig.run({ type: "submit_review", agentId: refinery, beadId: own, branch: "own", prUrl: null, summary: null });
  await rig.settled();
  const its = beadOf(rig, own).context.reviewId ?? "";
  expect(status(rig, verdict(its, `${its}:1`), as(rig, refinery))).toBe(403);
});

test("F-602 a token dies with its agent: every command of it is refused with 401, also a sign of life", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const caller = as(rig, agentId);
  rig.run({ type: "delete_agent", agentId });
  const before = rig.rig.world.seq;
  for (const command of [
    { type: "done", agentId, branch: "b", prUrl: null, summary: null },
    { type: "heard", agentId, dispatchId: null },
    { type: "checkpoint", agentId, data: 1 },
    { type: "create_bead", bead: bead("more"), assignTo: null },
    { type: "read_mail", agentId, mailIds: [] },
    { type: "sling", bead: bead("more") },
  ] satisfies Command[])
    expect([command.type, status(rig, command, caller)]).toEqual([command.type, 401]);
  expect(heartbeat(rig.rig, agentId, null, caller)).toMatchObject({ status: 401 });
  expect(rig.rig.world.seq).toBe(before);
  // One of the same name that comes after it is somebody else.
  const { name, identity } = { name: "again", identity: "rig/again" };
  const again = rig.run({ type: "register_agent", role: "polecat", name, identity }).agentId ?? "";
  expect(status(rig, { type: "checkpoint", agentId: again, data: 1 }, caller)).toBe(401);
});

test("F-602 a token is no good for another town, nor for another role than its agent's", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const caller = as(rig, agentId) as AgentCaller;
  const save: Command = { type: "checkpoint", agentId, data: 1 };
  expect(status(rig, save, { ...caller, townId: "town2" })).toBe(401);
  expect(status(rig, save, { ...caller, role: "mayor" })).toBe(401);
  expect(status(rig, save, { ...caller, role: "polecat" })).toBe(200);
});

test("F-704 a polecat speaks for itself and makes work, and does nothing to others", async () => {
  const rig = town();
  const { agentId, beadId } = await slung(rig, "its own");
  const other = await slung(rig, "another's");
  const me = as(rig, agentId);
  const work = { branch: "b", prUrl: null, summary: null };
  const refused: Command[] = [
    { type: "sling", bead: bead("more") },
    { type: "create_bead", bead: bead("for another"), assignTo: other.agentId },
    { type: "set_bead_status", beadId: other.beadId, status: "closed" },
    { type: "close_bead", beadId: other.beadId },
    { type: "delete_bead", beadId: other.beadId },
    { type: "cancel_bead", beadId },
    { type: "submit_review", agentId, beadId: other.beadId, ...work },
    { type: "submit_review", agentId: other.agentId, beadId: other.beadId, ...work },
    { type: "done", agentId: other.agentId, ...work },
    { type: "exited", agentId: other.agentId, dispatchId: null, outcome: "completed", reason: "", resetAt: null },
    { type: "heard", agentId: other.agentId, dispatchId: null },
    { type: "checkpoint", agentId: other.agentId, data: 1 },
    { type: "hook", agentId: other.agentId, beadId },
    { type: "unhook", agentId: other.agentId },
    { type: "answer", agentId, answer: "yes" },
    { type: "register_agent", role: "mayor", name: "m", identity: "m" },
    { type: "get_or_create_agent", role: "mayor" },
    { type: "delete_agent", agentId: other.agentId },
    { type: "delete_agent", agentId },
    { type: "send_mail", from: other.agentId, to: agentId, subject: "s", body: "b" },
    { type: "read_mail", agentId: other.agentId, mailIds: [] },
    { type: "escalate", title: "t", body: null, priority: "high", metadata: {}, agentId: other.agentId },
    { type: "pause" },
    { type: "resume" },
    { type: "drain" },
    { type: "destroy" },
    { type: "set_settings", settings: { capacity: 100 } },
    { type: "repair", kind: "agent", id: agentId },
  ];
  const before = rig.rig.world.seq;
  for (const command of refused) expect([command, status(rig, command, me)]).toEqual([command, 403]);
  expect(rig.rig.world.seq).toBe(before);
  const allowed: Command[] = [
    { type: "create_bead", bead: bead("found on the way"), assignTo: null },
    { type: "send_mail", from: agentId, to: other.agentId, subject: "s", body: "b" },
    { type: "read_mail", agentId, mailIds: [] },
    { type: "checkpoint", agentId, data: 1 },
    { type: "submit_review", agentId, beadId, ...work },
  ];
  for (const command of allowed) expect([command, status(rig, command, me)]).toEqual([command, 200]);
});

test("F-704b a polecat makes beads and asks within limits: one more is refused until one of them ends, and mayors and people are not counted", async () => {
  const rig = town();
  const { agentId, beadId } = await slung(rig);
  const other = await slung(rig, "another's");
  const [me, neighbour] = [as(rig, agentId), as(rig, other.agentId)];
  const make: Command = { type: "create_bead", bead: bead("found"), assignTo: null };
  const ask: Command = { type: "escalate", title: "?", body: null, priority: "low", metadata: {}, agentId };
  const askOther: Command = { type: "create_bead", bead: bead("?", { type: "escalation" }), assignTo: null };
  const mine: string[] = [];
  for (let i = 0; i < LIMITS.open_beads_per_agent; i++) mine.push(rig.run(make, me).beadId ?? "");
  // What somebody else has made counts for nothing here.
  rig.run(make, OPERATOR);
  const before = rig.rig.world.seq;
  expect(execute(rig.rig, make, me)).toMatchObject({
    status: 429,
    error: expect.stringContaining("has made 200 beads"),
  });
  expect(rig.rig.world.seq).toBe(before);
  expect(status(rig, make, neighbour)).toBe(200);
  expect(status(rig, make, OPERATOR)).toBe(200);
  // Also when the object has slept, and by its beads that are open only.
  rig.reopen();
  expect(status(rig, make, me)).toBe(429);
  rig.run({ type: "close_bead", beadId: mine[0] ?? "" });
  expect([status(rig, make, me), status(rig, make, me)]).toEqual([200, 429]);
  // It may still ask, so many times, whichever way it asks.
  for (let i = 0; i < LIMITS.open_escalations_per_agent; i++)
    expect(status(rig, i % 2 === 0 ? ask : askOther, me)).toBe(200);
  for (const more of [ask, askOther])
    expect(execute(rig.rig, more, me)).toMatchObject({
      status: 429,
      error: expect.stringContaining("has asked 20 times"),
    });
  expect(status(rig, ask, OPERATOR)).toBe(200);
  // Its own work it can still finish.
  expect(status(rig, { type: "close_bead", beadId }, me)).toBe(200);
  const mayor = as(rig, register(rig, "mayor"));
  for (let i = 0; i <= LIMITS.open_beads_per_agent; i++) expect(status(rig, make, mayor)).toBe(200);
});

test("F-704b no agent makes a merge request by hand", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const make: Command = { type: "create_bead", bead: bead("merge it", { type: "merge_request" }), assignTo: null };
  for (const caller of [as(rig, agentId), as(rig, register(rig, "mayor")), as(rig, register(rig, "refinery"))])
    expect(status(rig, make, caller)).toBe(403);
  expect(status(rig, make, OPERATOR)).toBe(200);
});

test("F-704 a mayor of the town slings and sends mail in its rigs; one of another town, or who is none, does not", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const mayor: AgentCaller = {
    ...(as(rig, "mayor", 0) as AgentCaller),
    role: "mayor",
    dispatchId: null,
    isAtHome: false,
  };
  const mail: Command = { type: "send_mail", from: "mayor", to: agentId, subject: "s", body: "b" };
  for (const command of [{ type: "sling", bead: bead("from the mayor") }, mail] satisfies Command[]) {
    expect(status(rig, command, { ...mayor, townId: "town2" })).toBe(403);
    expect(status(rig, command, { ...mayor, role: "polecat" })).toBe(403);
    expect(status(rig, command, mayor)).toBe(200);
  }
  expect(status(rig, { ...mail, from: agentId } as Command, mayor)).toBe(403);
});

test("F-704 an operator whose token is for reading changes nothing", () => {
  const rig = town();
  expect(status(rig, { type: "pause" }, { ...OPERATOR, scope: "read" } as Caller)).toBe(403);
  expect(status(rig, { type: "pause" }, OPERATOR)).toBe(200);
});

test("lobehub#19548 the token of a dispatch that runs for longer than the token lives still counts", async () => {
  const rig = town();
  const { agentId, beadId } = await slung(rig);
  await rig.tickAt(rig.now + DAY / 24 / 60);
  const late: AgentCaller = { ...(as(rig, agentId) as AgentCaller), isExpired: true };
  expect(heartbeat(rig.rig, agentId, null, late)).toBeNull();
  const work = { type: "done", agentId, branch: "b", prUrl: null, summary: null } as const;
  // Not that of an older dispatch, nor one that names none: nobody says that it is the one that runs.
  expect(status(rig, work, { ...late, dispatchId: `${agentId}:0` })).toBe(401);
  expect(status(rig, work, { ...late, dispatchId: null })).toBe(401);
  expect(facts(rig, "report.stale")).toEqual([]);
  expect(status(rig, work, late)).toBe(200);
  expect(beadOf(rig, beadId).value).toBe("in_review");
  // It has ended: nothing keeps the token alive.
  expect(agentOf(rig, agentId).hasTag("patrolled")).toBe(false);
  expect(status(rig, { type: "checkpoint", agentId, data: 1 }, late)).toBe(401);
  expect(status(rig, { type: "checkpoint", agentId, data: 1 }, { ...late, isExpired: false })).toBe(200);
});
