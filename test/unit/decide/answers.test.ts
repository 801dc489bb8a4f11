import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/events/limits.ts";
import { beadDeadline } from "../../../src/machines/bead.ts";
import { allowedIn, digest } from "../../../src/core/decide/index.ts";
import { route } from "../../../src/core/route.ts";
import { restore } from "../../../src/core/step.ts";
import { bead } from "../../support/node-rig.ts";
import {
  agentOf,
  as,
  beadOf,
  done,
  facts,
  MINUTE,
  refused,
  slung,
  submitted,
  town,
  unchanged,
} from "../incidents/words.ts";

/** What a decision says besides its facts: whom the answer is about, and the exact edges of what is taken. */

describe("an answer names whom it is about", () => {
  test("also when there was nothing left to do", async () => {
    const rig = town();
    const { agentId, beadId } = await slung(rig);
    expect(rig.run({ type: "hook", agentId, beadId })).toMatchObject({ facts: [], agentId, beadId });
    expect(rig.run({ type: "checkpoint", agentId, data: 1 })).toMatchObject({ agentId });
    expect(rig.run({ type: "checkpoint", agentId, data: 1 })).toMatchObject({ facts: [], agentId });
    expect(rig.run({ type: "done", agentId, branch: "b", prUrl: null, summary: null })).toMatchObject({
      agentId,
      beadId,
    });
    expect(rig.run({ type: "done", agentId, branch: "b", prUrl: null, summary: null })).toMatchObject({
      facts: [],
      agentId,
    });
    expect(rig.run({ type: "unhook", agentId })).toMatchObject({ facts: [], agentId });
    expect(rig.run({ type: "cancel_bead", beadId })).toMatchObject({ beadId });
    expect(rig.run({ type: "cancel_bead", beadId })).toMatchObject({ facts: [], beadId });
    expect(rig.run({ type: "delete_bead", beadId })).toMatchObject({ beadId });
  });

  test("of a hook: the agent and the bead; of an unhook: the agent", async () => {
    const rig = town();
    rig.run({ type: "pause" });
    const { agentId = "" } = rig.run({ type: "get_or_create_agent", role: "polecat" });
    const { beadId = "" } = rig.run({ type: "create_bead", bead: bead("x"), assignTo: null });
    expect(rig.run({ type: "hook", agentId, beadId })).toMatchObject({ agentId, beadId });
    expect(rig.run({ type: "unhook", agentId })).toMatchObject({ agentId, facts: [{ type: "agent.unhooked" }] });
  });

  test("of a verdict: the review; of an escalation: its bead and the agent that asked", async () => {
    const rig = town();
    const { reviewId } = await submitted(rig);
    expect(
      rig.run({
        type: "complete_review",
        reviewId,
        claimId: null,
        verdict: "merged",
        permanent: false,
        message: "",
        commitSha: "c",
      }),
    ).toMatchObject({ reviewId });
    const { agentId } = await slung(rig, "another");
    const asked = rig.run(
      { type: "escalate", title: "help", body: null, priority: "high", metadata: { bead_id: 7 }, agentId },
      as(rig, agentId),
    );
    expect(asked).toMatchObject({
      agentId,
      beadId: expect.any(String),
      facts: [{ type: "bead.created", labels: [] }, { type: "agent.asked_help" }],
    });
    expect(
      rig.run({ type: "escalate", title: "mine", body: null, priority: "low", metadata: {}, agentId: null }).facts,
    ).toHaveLength(1);
    expect(
      rig.run({ type: "escalate", title: "of nobody", body: null, priority: "low", metadata: {}, agentId: "ghost" })
        .facts,
    ).toHaveLength(1);
  });
});

describe("at the edge", () => {
  test("texts of exactly the limit are taken, one character more is refused", async () => {
    const rig = town();
    const { agentId } = await slung(rig);
    const most = "x".repeat(LIMITS.mail_body_chars);
    expect(rig.run({ type: "send_mail", from: "operator", to: agentId, subject: "s", body: most }).facts).toHaveLength(
      1,
    );
    expect(
      refused(rig, { type: "send_mail", from: "operator", to: agentId, subject: "s", body: `${most}x` }).status,
    ).toBe(413);
    rig.run({ type: "escalate", title: "help", body: null, priority: "high", metadata: {}, agentId }, as(rig, agentId));
    expect(refused(rig, { type: "answer", agentId, answer: `${most}x` }).status).toBe(413);
    expect(rig.run({ type: "answer", agentId, answer: most }).facts.length).toBeGreaterThan(0);
    const metadata = { note: "x".repeat(LIMITS.metadata_bytes - JSON.stringify({ note: "" }).length) };
    expect(
      rig.run({ type: "create_bead", bead: bead("full", { type: "message", metadata }), assignTo: null }).facts,
    ).toHaveLength(1);
    expect(
      refused(rig, {
        type: "create_bead",
        bead: bead("more", { type: "message", metadata: { note: `${metadata.note}x` } }),
        assignTo: null,
      }).status,
    ).toBe(413);
  });

  test("thresholds that are equal are in order", () => {
    const rig = town();
    expect(
      rig.run({
        type: "set_settings",
        settings: { gupp_check_ms: 60_000, gupp_escalate_ms: 60_000, gupp_restart_ms: 60_000 },
      }).facts,
    ).toHaveLength(1);
  });

  test("a blocker that is closed already blocks nothing; one that failed does", () => {
    const rig = town();
    rig.run({ type: "pause" });
    const [closed, failed] = ["closed", "failed"].map(
      (title) => rig.run({ type: "create_bead", bead: bead(title), assignTo: null }).beadId ?? "",
    ) as [string, string];
    rig.run({ type: "close_bead", beadId: closed });
    rig.run({ type: "cancel_bead", beadId: failed });
    const { beadId = "" } = rig.run({
      type: "create_bead",
      bead: bead("x", { blockedBy: [closed, failed, failed] }),
      assignTo: null,
    });
    expect(beadOf(rig, beadId).context.blockedBy).toEqual([failed]);
  });
});

describe("an older dispatch", () => {
  test("sends no mail, reads none, and its verdict of an older claim is recorded only", async () => {
    const rig = town();
    const { agentId } = await slung(rig);
    const old = as(rig, agentId);
    // The same bead again, as its second dispatch.
    rig.run({ type: "unhook", agentId });
    await rig.settled();
    expect(agentOf(rig, agentId).context.dispatchN).toBe(2);
    const before = facts(rig, "mail.sent").length;
    expect(rig.run({ type: "send_mail", from: agentId, to: agentId, subject: "s", body: "b" }, old)).toMatchObject({
      stale: true,
      facts: [{ type: "report.stale", report: "mail" }],
    });
    expect(facts(rig, "mail.sent").length).toBe(before);
    expect(unchanged(rig, { type: "read_mail", agentId, mailIds: ["mail-1"] }, old)).toMatchObject({
      stale: true,
      facts: [],
    });
    const { reviewId } = await submitted(rig, "reviewed");
    for (const [claimId, dispatchId] of [
      [`${reviewId}:99`, `${reviewId}:99`],
      ["", null],
    ] as const) {
      expect(
        rig.run({
          type: "complete_review",
          reviewId,
          claimId,
          verdict: "merged",
          permanent: false,
          message: "",
          commitSha: null,
        }),
      ).toMatchObject({ stale: true, facts: [{ type: "report.stale", dispatchId }] });
    }
  });
});

test("who is made without a name is called after its role, and known by where it stands", () => {
  const rig = town();
  const made = (["polecat", "refinery", "mayor"] as const).map(
    (role) => agentOf(rig, rig.run({ type: "get_or_create_agent", role }).agentId ?? "").context,
  );
  expect(made.slice(1).map(({ name }) => name)).toEqual(["refinery", "mayor"]);
  expect(made[0]?.name).not.toBe("polecat");
  expect(made.map(({ identity, seq }) => identity.replace(/\d+$/, (n) => (Number(n) === seq ? "SEQ" : n)))).toEqual(
    ["rig/polecats/SEQ", "rig/refinery/SEQ", "rig/mayor/SEQ"].map((text) =>
      text.replace(/^rig/, rig.rig.world.rig.context.config?.name ?? ""),
    ),
  );
  expect(
    refused(rig, { type: "register_agent", role: "witness", name: "w", identity: made[1]?.identity ?? "" }),
  ).toMatchObject({ status: 409, error: `identity ${made[1]?.identity} belongs to agent ${made[1]?.id} already` });
});

test("a bead on another's hook is refused with its state and what that takes", async () => {
  const rig = town();
  const { beadId, agentId } = await slung(rig);
  const { agentId: other = "" } = rig.run({
    type: "register_agent",
    role: "polecat",
    name: "other",
    identity: "other",
  });
  const refusal = refused(rig, { type: "hook", agentId: other, beadId });
  expect(refusal).toMatchObject({
    status: 409,
    error: `bead ${beadId} is on the hook of agent ${agentId} already`,
    state: "in_progress",
  });
  expect(refusal.allowed).toEqual(allowedIn(beadOf(rig, beadId)));
  expect(refusal.allowed).toEqual([...new Set(refusal.allowed)].sort());
  expect(refusal.allowed).not.toContain("");
});

test("a checkpoint is told apart by 64 bits of FNV-1a", () => {
  // Published vectors of the function.
  expect(["", "a", "b", "foobar"].map(digest)).toEqual([
    "cbf29ce484222325",
    "af63dc4c8601ec8c",
    "af63df4c8601f1a5",
    "85944171f73967e8",
  ]);
});

test("a bead that is deferred has a deadline as long as it is open and its time is to come", async () => {
  const rig = town();
  const { beadId = "" } = rig.run({
    type: "create_bead",
    bead: bead("later", { deferUntil: rig.now + MINUTE }),
    assignTo: null,
  });
  const open = beadOf(rig, beadId);
  const at = rig.now + MINUTE;
  const as_ = (value: string, more: object = {}) =>
    restore("bead", { v: 1, value, context: { ...open.context, ...more } });
  expect([beadDeadline(open, at - 1), beadDeadline(open, at), beadDeadline(open, at + 1)]).toEqual([at, null, null]);
  expect(["in_progress", "in_review", "closed", "failed"].map((value) => beadDeadline(as_(value), at - 1))).toEqual([
    null,
    null,
    null,
    null,
  ]);
  expect([
    beadDeadline(as_("open", { type: "message" }), at - 1),
    beadDeadline(as_("open", { deferUntil: null }), -1),
  ]).toEqual([null, null]);
});

test("a status that is set by hand is a change, and when it was is kept", () => {
  const rig = town();
  const { beadId = "" } = rig.run({ type: "create_bead", bead: bead("note", { type: "message" }), assignTo: null });
  for (const status of ["in_progress", "open"] as const) {
    rig.now += MINUTE;
    rig.run({ type: "set_bead_status", beadId, status });
    expect(beadOf(rig, beadId)).toMatchObject({ value: status, context: { updatedAt: rig.now } });
  }
});

test("a TICK is for every agent, every review that is not over, and the rig", async () => {
  const rig = town();
  const { agentId, reviewId } = await submitted(rig);
  await done(rig, (await slung(rig, "next")).agentId, "feature/next");
  const targets = route(rig.rig.world, { type: "TICK", container: "unasked" });
  expect(targets.map(({ kind }) => kind)).toEqual([
    ...Array.from(rig.rig.world.agents, () => "agent"),
    "review",
    "review",
    "rig",
  ]);
  expect(targets.map(({ id }) => id)).toEqual(expect.arrayContaining([agentId, reviewId, "rig"]));
  expect(targets.every(({ must }) => must)).toBe(true);
});
