import { describe, expect, test } from "vitest";
import { inTheNameOf } from "../../../src/events/by.ts";
import { aboutOf, needsOf, type Need } from "../../../src/core/needs.ts";
import { whyBead } from "../../../src/core/why.ts";
import { readContent } from "../../../src/do/store.ts";
import { readMail } from "../../../src/do/read-mail.ts";
import type { BeadContent } from "../../../src/do/shapes.ts";
import { Escalation } from "../../../src/wire/schemas.ts";
import { ACCEPTED, bead, OPERATOR, type TestRig } from "../../support/node-rig.ts";
import {
  as,
  beadOf,
  done,
  escalations,
  exits,
  facts,
  HOUR,
  MINUTE,
  reviewOf,
  SECOND,
  slung,
  startsOf,
  submitted,
  town,
  verdict,
} from "./words.ts";

/** Ends that are passed on: of a chain, of a merge that nobody wants any more, of an address that has changed. */

const create = (rig: TestRig, title: string, ...blockedBy: string[]): string =>
  rig.run({ type: "create_bead", bead: bead(title, { blockedBy }), assignTo: null }).beadId ?? "";

/** Ten beads, each of which waits for the one before it. */
function chain(rig: TestRig): string[] {
  const ids: string[] = [];
  for (let n = 0; n < 10; n++) ids.push(create(rig, `bead ${n}`, ...ids.slice(-1)));
  return ids;
}
const states = (rig: TestRig, ids: readonly string[]) => ids.map((id) => beadOf(rig, id).value);
const contentOf = (rig: TestRig, id: string) => readContent<BeadContent>(rig.ports.sql, "bead", id);
const why = (rig: TestRig, id: string) => whyBead(rig.rig.world, beadOf(rig, id));
const needs = (rig: TestRig, ...ended: string[]): Need[] =>
  needsOf(rig.rig.world, {
    about: (id) => aboutOf(contentOf(rig, id)),
    ended: ended.map((id) => beadOf(rig, id)),
    now: rig.now,
  });

/** Merges whatever is in review, and lets time pass. */
async function mergeAll(rig: TestRig): Promise<void> {
  for (const { value, context } of Array.from(rig.rig.world.beads.values())) {
    if (value === "in_progress" && context.assignee !== null) {
      rig.run({ type: "done", agentId: context.assignee, branch: `b/${context.id}`, prUrl: null, summary: null });
      await rig.settled();
    }
    const { reviewId } = beadOf(rig, context.id).context;
    if (reviewId !== null && reviewOf(rig, reviewId).value === "running") await verdict(rig, reviewId, "merged");
  }
  await rig.tickAt(rig.now + 30 * SECOND);
}

test("zloop#24 a chain behind a bead that ended is stuck, is one need and one escalation, and runs when that is tried again", async () => {
  const rig = town();
  rig.run({ type: "pause" });
  const [first = "", ...others] = chain(rig);
  rig.run({ type: "cancel_bead", beadId: first });
  expect(states(rig, others)).toEqual(others.map(() => "stuck"));
  expect(needs(rig, first).filter(({ code }) => code !== "paused")).toMatchObject([
    { code: "blocked_by_failed", level: "now", beads: [first], waiting: others, escalations: [expect.any(String)] },
  ]);
  expect(escalations(rig)).toHaveLength(1);
  for (const id of others) expect(escalations(rig)[0]?.body).toContain(id);
  expect(why(rig, others.at(-1) ?? "").sentence).toContain("stuck");
  rig.run({ type: "resume" });
  rig.run({ type: "retry_bead", beadId: first });
  expect(states(rig, others)).toEqual(others.map(() => "open"));
  for (let n = 0; n < 12; n++) await mergeAll(rig);
  expect(states(rig, [first, ...others])).toEqual([first, ...others].map(() => "closed"));
});

describe("what waits for what has failed", () => {
  test("is told with the failure, whose own escalation names it", async () => {
    const rig = town();
    const { beadId, reviewId } = await submitted(rig);
    const waiting = create(rig, "next", beadId);
    await verdict(rig, reviewId, "failed", true);
    expect(beadOf(rig, waiting).value).toBe("stuck");
    expect(escalations(rig)).toHaveLength(1);
    expect(facts(rig, "escalation.joined")).toMatchObject([
      { beadId: escalations(rig)[0]?.beadId, title: "1 bead waits for it", body: expect.stringContaining(waiting) },
    ]);
    expect(needs(rig, beadId)).toMatchObject([{ code: "failed", beads: [beadId], waiting: [waiting] }]);
  });

  test("is stuck from its beginning where its blocker has failed before", () => {
    const rig = town();
    rig.run({ type: "pause" });
    const failed = create(rig, "failed");
    rig.run({ type: "cancel_bead", beadId: failed });
    const late = create(rig, "late", failed);
    const later = create(rig, "later", late);
    expect(states(rig, [late, later])).toEqual(["stuck", "stuck"]);
    expect(needs(rig).map(({ code, waiting }) => [code, waiting])).toContainEqual(["blocked_by_failed", [late, later]]);
  });

  test("goes on when its edge is dropped, and so does what is behind it", async () => {
    const rig = town();
    const { beadId: first } = await slung(rig, "first");
    const second = create(rig, "second", first);
    const third = create(rig, "third", second);
    rig.run({ type: "cancel_bead", beadId: first });
    expect(states(rig, [second, third])).toEqual(["stuck", "stuck"]);
    rig.run({ type: "edit_bead", beadId: second, changes: { blockedBy: [] } });
    expect(states(rig, [second, third])).toEqual(["in_progress", "open"]);
    expect(facts(rig, "bead.edited")).toMatchObject([{ beadId: second, by: OPERATOR.id, changes: { blockedBy: [] } }]);
  });

  test("waits on where one of two that have failed is tried again, and goes on with the second", () => {
    const rig = town();
    rig.run({ type: "pause" });
    const both = [create(rig, "one"), create(rig, "two")];
    const waiting = create(rig, "waits", ...both);
    for (const beadId of both) rig.run({ type: "cancel_bead", beadId });
    rig.run({ type: "retry_bead", beadId: both[0] ?? "" });
    expect(beadOf(rig, waiting).value).toBe("stuck");
    rig.run({ type: "delete_bead", beadId: both[1] ?? "" });
    expect(beadOf(rig, waiting).value).toBe("open");
  });

  test("tried again with its blocker in one step, it waits for it; alone, it is stuck at once", () => {
    const rig = town();
    rig.run({ type: "pause" });
    const first = create(rig, "first");
    const second = create(rig, "second", first);
    for (const beadId of [second, first]) rig.run({ type: "cancel_bead", beadId });
    rig.run({ type: "retry_bead", beadId: second });
    expect(beadOf(rig, second).value).toBe("stuck");
    rig.run({ type: "cancel_bead", beadId: second });
    rig.run({ type: "retry_beads", beadIds: [second, first] });
    expect(states(rig, [first, second])).toEqual(["open", "open"]);
  });
});

test("what others wait for has the priority of the most urgent of them", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { capacity: 1 } });
  rig.run({ type: "pause" });
  const old = create(rig, "old");
  rig.now += MINUTE;
  const blocker = create(rig, "blocker");
  const between = create(rig, "between", blocker);
  const urgent = create(rig, "urgent", between);
  rig.run({ type: "edit_bead", beadId: urgent, changes: { priority: "critical" } });
  rig.run({ type: "resume" });
  await rig.settled();
  expect(states(rig, [old, blocker])).toEqual(["open", "in_progress"]);
});

describe("a cancel while the merge runs", () => {
  test("ends as merged where it was merged, and says so all the while", async () => {
    const rig = town();
    const { beadId, reviewId } = await submitted(rig);
    rig.run({ type: "cancel_bead", beadId });
    rig.run({ type: "cancel_bead", beadId });
    expect(facts(rig, "bead.cancel_asked")).toHaveLength(1);
    expect(beadOf(rig, beadId).value).toBe("in_review");
    expect(why(rig, beadId).sentence).toMatch(/operator cancelled it/);
    await verdict(rig, reviewId, "merged");
    expect(beadOf(rig, beadId)).toMatchObject({ value: "closed", context: { commitSha: "abc123" } });
  });

  test.each(["conflict", "failed"] as const)(
    "ends as cancelled where it comes to %s, without another try",
    async (how) => {
      const rig = town();
      const { beadId, reviewId } = await submitted(rig);
      rig.run({ type: "remove_review", reviewId });
      await verdict(rig, reviewId, how);
      expect(reviewOf(rig, reviewId).value).toBe("failed");
      expect(beadOf(rig, beadId)).toMatchObject({ value: "failed", context: { cancelled: true } });
      expect(escalations(rig)).toEqual([]);
    },
  );
});

describe("work in a person's hand", () => {
  test("is not dispatched until the hand lets go", async () => {
    const rig = town();
    rig.run({ type: "pause" });
    const beadId = create(rig, "by hand");
    rig.run({ type: "set_bead_status", beadId, status: "in_progress" });
    rig.run({ type: "resume" });
    await rig.tickAt(rig.now + MINUTE);
    expect(beadOf(rig, beadId)).toMatchObject({
      value: "in_progress",
      context: { byHand: OPERATOR.id, assignee: null },
    });
    expect(why(rig, beadId).sentence).toContain(OPERATOR.id);
    rig.run({ type: "set_bead_status", beadId, status: "open" });
    await rig.settled();
    expect(beadOf(rig, beadId).context.assignee).not.toBeNull();
  });

  test("in an agent's name, it is that agent's and is dispatched", async () => {
    const rig = town();
    rig.run({ type: "pause" });
    const { agentId = "" } = rig.run({ type: "get_or_create_agent", role: "polecat" });
    const beadId = create(rig, "hers");
    rig.run(
      { type: "set_bead_status", beadId, status: "in_progress" },
      { ...OPERATOR, id: inTheNameOf(OPERATOR.id, agentId) },
    );
    expect(beadOf(rig, beadId)).toMatchObject({ value: "in_progress", context: { assignee: agentId } });
    rig.run({ type: "resume" });
    await rig.settled();
    expect(facts(rig, "dispatch.granted")).toMatchObject([{ agentId, beadId }]);
  });
});

test("a bead that is made with hold waits for a sling: nobody is given it, why says so, and on a hook it is dispatched", async () => {
  const rig = town();
  const { beadId = "" } = rig.run({ type: "create_bead", bead: bead("later", { hold: true }), assignTo: null });
  rig.run({ type: "get_or_create_agent", role: "polecat" });
  await rig.advance(rig.now + HOUR);
  expect(startsOf(rig, beadId)).toBe(0);
  expect(why(rig, beadId)).toMatchObject({ reason: "waiting_for_person" });
  expect(why(rig, beadId).sentence).toContain("hook");
  const [agentId = ""] = rig.rig.world.agents.keys();
  rig.run({ type: "hook", agentId, beadId });
  await rig.settled();
  expect(startsOf(rig, beadId)).toBe(1);
  // It was slung once: it is like any other from then on.
  expect(beadOf(rig, beadId).context.hold).toBeUndefined();
});

test("who asks a person and names no priority asks with a medium one", () => {
  expect(Escalation.parse({ title: "which way?" })).toMatchObject({ priority: "medium" });
  expect(Escalation.parse({ title: "which way?", priority: "low" })).toMatchObject({ priority: "low" });
});

const letter = (rig: TestRig, to: string) => rig.run({ type: "send_mail", from: "mayor", to, subject: "s", body: "b" });
const read = (rig: TestRig, agentId: string, caller = as(rig, agentId)) => {
  const letters = readMail(rig.rig, agentId, caller);
  if (!Array.isArray(letters)) throw new Error(letters.error);
  return letters;
};

test("mcp_agent_mail#254 a letter read by a dispatch that dies comes again to the next one; a person's look delivers nothing", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  letter(rig, agentId);
  expect(read(rig, agentId, OPERATOR)).toMatchObject([{ delivered: false, delivered_at: null }]);
  expect(read(rig, agentId)).toMatchObject([{ delivered: false, delivered_at: null }]);
  expect(read(rig, agentId)).toEqual([]);
  await exits(rig, agentId);
  await rig.advance(rig.now + MINUTE);
  expect(facts(rig, "mail.delivered")).toEqual([]);
  expect(read(rig, agentId)).toHaveLength(1);
  expect(read(rig, agentId)).toEqual([]);
});

test.each(["progress", "a checkpoint", "done"])(
  "letters are delivered once the dispatch that read them has %s to show",
  async (what) => {
    const rig = town();
    const { agentId } = await slung(rig);
    letter(rig, agentId);
    read(rig, agentId);
    rig.now += MINUTE;
    if (what === "progress") rig.run({ type: "progressed", agentId, what: "tool" }, as(rig, agentId));
    if (what === "a checkpoint") rig.run({ type: "checkpoint", agentId, data: 1 }, as(rig, agentId));
    if (what === "done") await done(rig, agentId, "feature/x");
    expect(facts(rig, "mail.delivered")).toMatchObject([{ agentId, mailIds: [expect.any(String)] }]);
  },
);

test("vibe-kanban#2984 a target branch that is gone is one alert for the rig; PATCH rig names the new one, and all work goes on", async () => {
  const rig = town();
  rig.container.onStart = ({ defaultBranch }) =>
    defaultBranch === "trunk"
      ? ACCEPTED
      : { kind: "refused", status: 422, error: "origin has no branch main", code: "default_branch_missing" };
  const beads = [];
  for (const title of ["one", "two", "three"]) beads.push((await slung(rig, title)).beadId);
  await rig.advance(rig.now + HOUR);
  expect(rig.notified.map(({ title }) => title)).toEqual(["agents cannot start: their place is not fit"]);
  expect(beads.map((id) => beadOf(rig, id).context.attempts)).toEqual([0, 0, 0]);
  rig.run({ type: "edit_rig", changes: { defaultBranch: "trunk" } });
  await rig.tickAt(rig.now + 5 * SECOND);
  expect(states(rig, beads)).toEqual(["in_progress", "in_progress", "in_progress"]);
  expect([...rig.container.processes.keys()]).toHaveLength(3);
  expect(facts(rig, "rig.edited")).toMatchObject([{ by: OPERATOR.id, changes: { defaultBranch: "trunk" } }]);
});
