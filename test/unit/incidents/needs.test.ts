import { describe, expect, test } from "vitest";
import { causeOf, failureOf } from "../../../src/core/causes.ts";
import { aboutOf, needsOf, type Need } from "../../../src/core/needs.ts";
import { say } from "../../../src/core/sentences.ts";
import { readContent } from "../../../src/do/store.ts";
import type { BeadContent } from "../../../src/do/shapes.ts";
import { bead, type TestRig } from "../../support/node-rig.ts";
import {
  agentOf,
  as,
  beadOf,
  configure,
  done,
  escalations,
  everyProcessDies,
  exits,
  HOUR,
  MINUTE,
  SECOND,
  slung,
  submitted,
  town,
  verdict,
} from "./words.ts";

/** Needs of whole rigs: one cause is one need, and what a person settled is none. */

const contentOf = (rig: TestRig, id: string) => readContent<BeadContent>(rig.ports.sql, "bead", id);

function needs(rig: TestRig, ...ended: string[]): Need[] {
  return needsOf(rig.rig.world, {
    about: (id) => aboutOf(contentOf(rig, id)),
    ended: ended.map((id) => beadOf(rig, id)),
    now: rig.now,
  });
}
const codes = (rig: TestRig): string[] => needs(rig).map(({ code }) => code);
const words = (rig: TestRig, need: Need) =>
  say(need, {
    agent: (id) => agentOf(rig, id).context.name,
    bead: (id) => contentOf(rig, id)?.title ?? id,
  });
const close = (rig: TestRig, ...beadIds: readonly string[]) => {
  for (const beadId of beadIds) rig.run({ type: "close_bead", beadId });
};

/** A rig in which an attempt is the last one, and no breaker comes between. */
function strict(): TestRig {
  const rig = town();
  rig.run({ type: "set_settings", settings: { max_attempts: 1, breaker_failures: 100, capacity: 20 } });
  return rig;
}

/** A bead whose one attempt ends for that reason. */
async function failed(rig: TestRig, title: string, reason: string): Promise<{ beadId: string; agentId: string }> {
  const { beadId, agentId } = await slung(rig, title);
  rig.container.processes.delete(agentId);
  rig.run({ type: "exited", agentId, dispatchId: null, outcome: "failed", reason, resetAt: null }, as(rig, agentId));
  // Far apart: many that end alike at once, or with nothing between, are an outage.
  await rig.tickAt(rig.now + 6 * MINUTE);
  expect(beadOf(rig, beadId).value).toBe("failed");
  return { beadId, agentId };
}

test("F-601 an agent that ended over its budget stays a need when its escalation is closed", async () => {
  const rig = town();
  const { agentId, beadId } = await slung(rig, "paint the fence");
  await exits(rig, agentId, "over_budget");
  const [need, ...others] = needs(rig);
  expect(others).toEqual([]);
  expect(need).toMatchObject({ code: "over_budget", level: "now", agents: [agentId], beads: [beadId] });
  expect(need?.escalations).toHaveLength(1);
  close(rig, ...(need?.escalations ?? []));
  expect(needs(rig)).toMatchObject([{ code: "over_budget", agents: [agentId], escalations: [] }]);
  rig.run({ type: "answer", agentId, answer: "go on" });
  expect(codes(rig)).toEqual([]);
});

test("F-802 eight failures of two causes are two needs, whatever ids, paths and numbers their reasons hold", async () => {
  const rig = strict();
  const ids: string[] = [];
  for (let n = 0; n < 8; n++) {
    const reason =
      n % 2 === 0 ? `npm ERR! cannot read /work/tree-${n}/package.json` : `exit code ${n}: model "m${n}" is unknown`;
    ids.push((await failed(rig, `bead ${n}`, reason)).beadId);
  }
  const found = needs(rig, ...ids);
  expect(found.map(({ code, beads, escalations: told }) => [code, beads.length, told.length])).toEqual([
    ["failed", 4, 4],
    ["failed", 4, 4],
  ]);
  expect(words(rig, found[0] as Need).title).toBe("4 beads failed for one reason");
});

describe("who waits for a person is a need whatever else is settled", () => {
  test("a question is its agent's need, with the escalation that asks it; any other escalation is one of its own", async () => {
    const rig = town();
    const { agentId } = await slung(rig);
    const { beadId: asked = "" } = rig.run(
      { type: "escalate", agentId, title: "which colour?", body: null, priority: "high", metadata: {} },
      as(rig, agentId),
    );
    rig.run({ type: "escalate", agentId: null, title: "the disk is full", body: null, priority: "high", metadata: {} });
    const [question, other] = needs(rig);
    expect(question).toMatchObject({ code: "question", agents: [agentId], escalations: [asked] });
    expect(words(rig, question as Need).title).toMatch(/asks: which colour\?$/);
    expect(other).toMatchObject({ code: "escalation", level: "now" });
    expect(words(rig, other as Need).title).toBe("the disk is full");
    close(rig, asked);
    expect(codes(rig)).toEqual(["question", "escalation"]);
  });

  test("an old prompt and the escalation that tells of it are one need; what has settled itself is told once", async () => {
    const rig = town();
    const { agentId } = await slung(rig);
    rig.run({ type: "permission_asked", agentId, prompt: "may I?" }, as(rig, agentId));
    expect(needs(rig)).toMatchObject([{ code: "permission", escalations: [] }]);
    await rig.tickAt(rig.now + HOUR);
    expect(escalations(rig)).toHaveLength(1);
    expect(needs(rig)).toMatchObject([{ code: "permission", escalations: [escalations(rig)[0]?.beadId] }]);
    rig.run({ type: "permission_answered", agentId }, as(rig, agentId));
    expect(needs(rig)).toMatchObject([{ code: "settled_itself", level: "know" }]);
  });
});

describe("one failure is one need", () => {
  test("the failed bead, its escalation and its review; closing the escalation settles it", async () => {
    const rig = town();
    const { beadId, reviewId } = await submitted(rig);
    await verdict(rig, reviewId, "failed", true);
    const [need, ...others] = needs(rig, beadId);
    expect(others).toEqual([]);
    expect(need).toMatchObject({ code: "failed", level: "now", beads: [beadId], reviews: [reviewId], waiting: [] });
    expect(words(rig, need as Need)).toEqual({
      title: "“work” failed",
      text: "Its branch was not merged: it failed.",
    });
    close(rig, ...(need?.escalations ?? []));
    expect(needs(rig, beadId)).toEqual([]);
  });

  test("an agent that rests because of failures is told with them, and alone once they are settled", async () => {
    const rig = strict();
    rig.run({ type: "set_settings", settings: { capacity: 1 } });
    const first = await failed(rig, "one", "boom");
    const second = await failed(rig, "two", "boom");
    expect(second.agentId).toBe(first.agentId);
    const { quarantinedUntil } = agentOf(rig, first.agentId).context;
    const [need, ...others] = needs(rig);
    expect(others).toEqual([]);
    expect(need).toMatchObject({ code: "failed", beads: [second.beadId, first.beadId], until: quarantinedUntil });
    expect(words(rig, need as Need).text).toContain("Its agent rests meanwhile.");
    close(rig, ...(need?.escalations ?? []));
    expect(needs(rig)).toMatchObject([{ code: "agent_rests", agents: [first.agentId], until: quarantinedUntil }]);
  });

  test("beads behind a failed one belong to its failure, and are a need of their own once it is settled", async () => {
    const rig = strict();
    const { beadId: first = "" } = rig.run({ type: "create_bead", bead: bead("first"), assignTo: null });
    const behind = (title: string, blocker: string): string =>
      rig.run({ type: "create_bead", bead: bead(title, { blockedBy: [blocker] }), assignTo: null }).beadId ?? "";
    const second = behind("second", first);
    const third = behind("third", second);
    rig.tell({ type: "bead.failed", beadId: first, reason: "1 attempts used up; last: boom" });
    expect(needs(rig)).toMatchObject([
      { code: "blocked_by_failed", level: "now", beads: [first], waiting: [second, third] },
    ]);
    const other = await slung(rig, "other");
    const stuck = behind("stuck", other.beadId);
    rig.run(
      { type: "exited", agentId: other.agentId, dispatchId: null, outcome: "failed", reason: "boom", resetAt: null },
      as(rig, other.agentId),
    );
    await rig.tickAt(rig.now + 30 * SECOND);
    const failure = needs(rig).find(({ code }) => code === "failed") as Need;
    expect(failure).toMatchObject({ beads: [other.beadId], waiting: [stuck] });
    expect(words(rig, failure).text).toMatch(/One bead waits for it\.$/);
  });

  test("set to failed by an agent is a need; by a person, or cancelled, it is none", async () => {
    const rig = town();
    const { agentId, beadId } = await slung(rig, "hard");
    rig.run({ type: "set_bead_status", beadId, status: "failed" }, as(rig, agentId));
    const byPerson = (await slung(rig, "useless")).beadId;
    rig.run({ type: "set_bead_status", beadId: byPerson, status: "failed" });
    const cancelled = (await slung(rig, "late")).beadId;
    rig.run({ type: "cancel_bead", beadId: cancelled });
    expect(needs(rig, beadId, byPerson, cancelled)).toMatchObject([{ code: "given_up", beads: [beadId] }]);
  });

  test.each([1, 2])("a review with %i tries without a verdict is a need from the second on", async (tries) => {
    const rig = town();
    const { beadId, reviewId } = await submitted(rig);
    for (let n = 0; n < tries; n++) {
      await verdict(rig, reviewId, "failed");
      if (n + 1 < tries) await rig.advance(rig.now + 10 * MINUTE);
    }
    expect(needs(rig)).toMatchObject(
      tries < 2 ? [] : [{ code: "does_not_merge", level: "soon", beads: [beadId], reviews: [reviewId] }],
    );
  });
});

describe("of the rig", () => {
  test("what holds ready work back is one need with the beads that wait", async () => {
    const rig = town();
    rig.run({ type: "set_settings", settings: { capacity: 1 } });
    await slung(rig);
    const { beadId } = rig.run({ type: "create_bead", bead: bead("next"), assignTo: null });
    expect(needs(rig)).toMatchObject([{ code: "at_capacity", level: "know", waiting: [beadId] }]);
    rig.run({ type: "pause" });
    expect(needs(rig)).toMatchObject([{ code: "paused", level: "know", waiting: [beadId] }]);
    expect(words(rig, needs(rig)[0] as Need).text).toMatch(/One bead waits for it\.$/);
  });

  test("an open breaker tells how many dispatches failed and when a probe is tried, and then that one decides", async () => {
    const rig = town();
    rig.run({ type: "set_settings", settings: { breaker_failures: 2, breaker_cooldown_ms: 5 * MINUTE } });
    everyProcessDies(rig);
    await slung(rig);
    await slung(rig);
    await rig.advance(rig.now + 2 * MINUTE);
    const [need] = needs(rig);
    const { openedAt } = rig.rig.world.rig.context;
    expect(need).toMatchObject({ code: "breaker_open", level: "now", until: (openedAt ?? 0) + 5 * MINUTE });
    expect(need?.values["failures"]).toBe(2);
    await rig.advance((openedAt ?? 0) + 5 * MINUTE);
    expect(codes(rig)).toContain("probe");
    expect(codes(rig)).not.toContain("breaker_open");
  });

  test("a container that does not answer, damaged actors by their error, and a rig without a repository", async () => {
    const rig = town({ configured: false });
    rig.tell({ type: "container.unreachable", error: "no route to host" });
    const ids = ["a", "b"].map(
      (title) => rig.run({ type: "create_bead", bead: bead(title), assignTo: null }).beadId ?? "",
    );
    for (const id of ids) rig.tell({ type: "actor.quarantined", kind: "bead", id, error: `unexpected token in ${id}` });
    expect(needs(rig).map(({ code, actors }) => [code, actors])).toEqual([
      ["no_config", []],
      ["actor_damaged", ids.map((id) => `bead:${id}`)],
      ["container_unreachable", []],
    ]);
    rig.run(configure("rig1"));
    rig.tell({ type: "container.reachable" });
    expect(codes(rig)).toEqual(["actor_damaged"]);
  });

  test("a bead on the hook of an agent that is never dispatched", () => {
    const rig = town();
    const { agentId = "" } = rig.run({ type: "register_agent", role: "mayor", name: "Mayor", identity: "rig/mayor" });
    rig.run({ type: "pause" });
    const { beadId = "" } = rig.run({ type: "create_bead", bead: bead("talk"), assignTo: null });
    rig.run({ type: "hook", agentId, beadId });
    rig.run({ type: "resume" });
    expect(needs(rig)).toMatchObject([{ code: "wrong_role", level: "soon", agents: [agentId], waiting: [beadId] }]);
  });

  test("work that goes well needs nobody, nor does what is merged", async () => {
    const rig = town();
    const { agentId } = await slung(rig);
    expect(codes(rig)).toEqual([]);
    await done(rig, agentId, "b");
    expect(codes(rig)).toEqual([]);
  });
});

describe("causes", () => {
  test.each([
    ["3 attempts used up; last: it ended: failed", "attempts_exhausted", "it ended: failed"],
    ["3 attempts used up", "attempts_exhausted", ""],
    ["review failed: no verdict", "review_failed", "no verdict"],
    ["conflict again after rework: both", "conflict", "both"],
    ["cancelled by anna", "cancelled", "anna"],
    ["set to failed by agent-1", "set_failed", "agent-1"],
    ["the moon", "unknown", "the moon"],
  ])("%s is %s", (reason, code, told) => {
    expect(failureOf({ reason })).toEqual({ code, words: told });
  });

  test.each([
    ["cannot read /tmp/a/b.json", "cannot read /srv/x.json"],
    ["bead-17 of agent-3 ended with 1", "bead-18 of agent-4 ended with 127"],
    [
      "no commit c0ffee1 on 3f2b8c1a-0000-4000-8000-123456789abc",
      "no commit deadbe2 on 9f2b8c1a-0000-4000-8000-123456789abc",
    ],
    ['no model "opus"', 'no model "sonnet"'],
  ])("%s and %s are one", (one, other) => {
    expect(causeOf(one)).toBe(causeOf(other));
  });

  test("different words are different causes, and a long text is cut", () => {
    const ends = [
      "exit 3",
      "exit 7",
      "exit 37",
      "signal SIGTERM",
      "it ended in mid-turn, exit 9",
      "it ended in mid-turn, exit 1",
    ];
    expect(new Set(ends.map(causeOf)).size).toBe(ends.length);
    expect(causeOf("exit 7 (1 write refused)")).toBe(causeOf("exit 7 (2 write refused)"));
    expect(causeOf("no such file")).not.toBe(causeOf("no such branch"));
    expect(causeOf("word ".repeat(1_000))).toHaveLength(120);
  });
});
