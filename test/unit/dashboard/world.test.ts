import { afterEach, expect, test } from "vitest";
import { advance, worldOf, type Moment } from "../../../dashboard/src/lib/world.ts";
import { shownNeeds } from "../../../dashboard/src/lib/needs.ts";
import { needs } from "../../../src/do/needs.ts";
import { board } from "../../../src/do/board.ts";
import { judge, possible, whatIf } from "../../../src/core/explain.ts";
import { copyWorld } from "../../../src/core/world.ts";
import { appendAgentEvent, beads } from "../../../src/do/queries.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import { cut } from "../../../src/core/cut.ts";
import { readJournal } from "../../../src/do/store.ts";
import { createWorld } from "../../../src/core/world.ts";
import { bead, testRig, type TestRig } from "../../support/node-rig.ts";

/** The dashboard folds a rig's facts in the browser: what it shows must be what the rig has. */

let rig: TestRig;
afterEach(() => rig.close());

const MINUTE_MS = 60_000;

/** A day in which most things happen: crashes, an outage, help, reviews, a conflict, a drain, a deletion. */
async function aDay(): Promise<void> {
  rig = testRig();
  rig.run({ type: "set_settings", settings: { capacity: 2, max_attempts: 2 } });
  const slung = ["one", "two", "three", "four"].map((title) => rig.run({ type: "sling", bead: bead(title) }));
  const ids = slung.map(({ agentId = "", beadId = "" }) => ({ agentId, beadId }));
  await rig.settled();
  const [first, second, third, fourth] = ids as [(typeof ids)[0], (typeof ids)[0], (typeof ids)[0], (typeof ids)[0]];
  rig.run({ type: "create_bead", bead: bead("after one", { blockedBy: [first.beadId] }), assignTo: null });
  rig.run({ type: "heard", agentId: first.agentId, dispatchId: null });
  rig.run({ type: "checkpoint", agentId: first.agentId, data: { at: 1 } });
  rig.run({
    type: "escalate",
    title: "which way?",
    body: null,
    priority: "high",
    metadata: {},
    agentId: second.agentId,
  });
  await rig.advance(rig.now + 2 * MINUTE_MS);
  rig.run({ type: "answer", agentId: second.agentId, answer: "left" });
  rig.run({ type: "done", agentId: first.agentId, branch: "b1", prUrl: null, summary: null });
  await rig.settled();
  const review = rig.container.merges.at(-1)?.entryId ?? "";
  rig.run({
    type: "complete_review",
    reviewId: review,
    claimId: null,
    verdict: "merged",
    permanent: false,
    message: "",
    commitSha: "abc",
  });
  await rig.advance(rig.now + 5 * MINUTE_MS);
  for (let crash = 0; crash < 3; crash++) {
    rig.run({
      type: "exited",
      agentId: third.agentId,
      dispatchId: null,
      outcome: "failed",
      reason: "code 1",
      resetAt: null,
    });
    rig.container.processes.delete(third.agentId);
    await rig.advance(rig.now + 12 * MINUTE_MS);
  }
  rig.container.down = "connection refused";
  await rig.advance(rig.now + 10 * MINUTE_MS);
  rig.container.down = null;
  await rig.advance(rig.now + 10 * MINUTE_MS);
  rig.run({ type: "cancel_bead", beadId: fourth.beadId });
  rig.run({ type: "drain" });
  await rig.advance(rig.now + 2 * MINUTE_MS);
  rig.run({ type: "resume" });
  rig.run({ type: "delete_agent", agentId: third.agentId });
  await rig.advance(rig.now + 3 * 60 * MINUTE_MS);
}

const journal = () => readJournal(rig.ports.sql, 0, 100_000);
const rows = (world: Parameters<typeof cut>[0]) =>
  cut(world)
    .actors.map(({ kind, id, value, context }) => `${kind}:${id} ${value} ${context}`)
    .sort();

test("stepping recorded facts one by one ends where the rig's own fold ended", async () => {
  await aDay();
  const world = createWorld();
  for (const { fact } of journal()) advance(world, fact);
  // The rig lets go of what has ended; the page shows it.
  const stored = rig.ports.sql
    .exec<{ kind: string; id: string; value: string; context: string }>("SELECT kind, id, value, context FROM actors")
    .toArray();
  expect(rows(world)).toEqual(stored.map(({ kind, id, value, context }) => `${kind}:${id} ${value} ${context}`).sort());
});

test("a board taken at any seq and followed from there is the same as one taken later", async () => {
  await aDay();
  const entries = journal();
  const middle = createWorld();
  const half = Math.floor(entries.length / 2);
  for (const { fact } of entries.slice(0, half)) advance(middle, fact);
  const moment: Moment = {
    seq: middle.seq,
    at: middle.at,
    actors: cut(middle).actors.map((actor) => ({
      ...actor,
      value: JSON.parse(actor.value),
      context: JSON.parse(actor.context),
    })),
  };
  const page = worldOf(moment);
  for (const { fact } of entries.slice(half)) advance(page, fact);
  const later = worldOf(board(rig.rig));
  expect(rows(page)).toEqual(rows(later));
});

test("trying events on a copy leaves the world as it was", async () => {
  await aDay();
  const { world } = rig.rig;
  const before = JSON.stringify(cut(world));
  for (const id of world.agents.keys()) {
    for (const { fact } of possible(world, "agent", id, rig.now) ?? [])
      expect(whatIf(world, fact, rig.now).error).toBeNull();
  }
  expect(JSON.stringify(cut(world))).toBe(before);
  expect(JSON.stringify(cut(copyWorld(world)))).toBe(before);
});

test("the branch that is judged to be taken is the one that the machine takes", async () => {
  await aDay();
  const world = createWorld();
  for (const { fact } of journal()) {
    const agentId = "agentId" in fact ? fact.agentId : null;
    const before = agentId === null ? undefined : world.agents.get(agentId);
    const taken = agentId === null ? [] : judge(world, "agent", agentId, fact).filter((branch) => branch.taken);
    advance(world, fact);
    if (before === undefined || agentId === null || fact.type === "agent.deleted") continue;
    const after = world.agents.get(agentId);
    // Whatever moved the agent was a branch, and an agent that did not move had at most one that changes nothing.
    if (after !== before) expect(taken.length, `${fact.type} #${fact.seq}`).toBeGreaterThan(0);
    else expect(taken.every((branch) => branch.actions.length === 0)).toBe(true);
  }
});

/** What a page shows, which must be what the rig answers. */
const shown = () => {
  const { content } = board(rig.rig);
  const list = shownNeeds(worldOf(board(rig.rig)), new Map(Object.entries(content)), rig.now);
  const answered = needs(rig.rig).needs;
  expect(list.map(({ key, title, text, level }) => ({ key, title, text, level }))).toEqual(
    answered.map(({ key, title, text, level }) => ({ key, title, text, level })),
  );
  return answered;
};

test("a paused rig, a question, a failed bead and an unreachable container are on the list; a calm rig has none", async () => {
  rig = testRig();
  rig.run({ type: "set_settings", settings: { max_attempts: 1 } });
  const { agentId = "" } = rig.run({ type: "sling", bead: bead("one") });
  await rig.settled();
  rig.run({ type: "heard", agentId, dispatchId: null });
  expect(shown()).toEqual([]);
  const { beadId: asked } = rig.run({
    type: "escalate",
    title: "which way?",
    body: "left or right: https://me:hunter22@example.org/map says nothing",
    priority: "high",
    metadata: { options: ["left", "right", 3] },
    agentId,
  });
  expect(shown()).toMatchObject([
    {
      code: "question",
      title: expect.stringMatching(/asks: which way\?/),
      escalations: [
        {
          id: asked,
          options: ["left", "right"],
          body: "left or right: https://[redacted]@example.org/map says nothing",
        },
      ],
    },
  ]);
  rig.run({ type: "answer", agentId, answer: "left" });
  rig.run({ type: "exited", agentId, dispatchId: null, outcome: "failed", reason: "no model", resetAt: null });
  await rig.tickAt(rig.now + MINUTE_MS);
  rig.tell({ type: "container.unreachable", error: "refused" });
  rig.run({ type: "pause" });
  rig.run({ type: "create_bead", bead: bead("two"), assignTo: null });
  expect(shown().map(({ title }) => title)).toEqual([
    "The container cannot be reached",
    "“one” failed",
    "which way?",
    "The rig is paused",
  ]);
  expect(shown().at(-1)?.text).toMatch(/One bead waits for it\.$/);
});

test("texts on the list hold no secret of the rig, and its lists are cut while its counts are not", async () => {
  rig = testRig();
  rig.ports.sql.exec("INSERT INTO secrets VALUES ('MODEL_KEY', 'sk-very-secret'), ('SHORT', 'abc')");
  const { agentId = "" } = rig.run({ type: "sling", bead: bead("one") });
  await rig.settled();
  appendAgentEvent(rig.rig, agentId, "permission.asked", { title: "Run it?", command: "curl -H sk-very-secret abc" });
  rig.run({ type: "permission_asked", agentId, prompt: "{}" });
  const [need] = needs(rig.rig).needs;
  expect(need?.prompt).toEqual({ text: "Run it?", command: "curl -H [MODEL_KEY] abc" });
  expect(board(rig.rig).prompts[agentId]).toContain("[MODEL_KEY]");
  rig.run({ type: "permission_answered", agentId });
  rig.run({ type: "pause" });
  const made = LIMITS.need_ids + 1;
  for (let n = 0; n < made; n++) rig.run({ type: "create_bead", bead: bead(`b${n}`), assignTo: null });
  const paused = needs(rig.rig).needs.find(({ code }) => code === "paused");
  expect(paused?.waiting).toHaveLength(LIMITS.need_ids);
  expect(paused?.waiting_count).toBe(made);
  const long = "x".repeat(LIMITS.need_text_chars);
  for (let n = 0; n <= LIMITS.needs_listed; n++)
    rig.run({ type: "escalate", title: `t${n}`, body: `${long}y`, priority: "low", metadata: {}, agentId: null });
  const { total, needs: listed } = needs(rig.rig);
  expect(total).toBe(LIMITS.needs_listed + 2);
  expect(listed).toHaveLength(LIMITS.needs_listed);
  expect(listed[0]?.escalations[0]?.body).toBe(`${long.slice(1)}…`);
});

test("an actor that was set aside is on the list with its repair; after it the page that looked on has what the rig has", async () => {
  rig = testRig();
  const { agentId = "" } = rig.run({ type: "sling", bead: bead("one") });
  await rig.settled();
  const { beadId = "" } = rig.run({ type: "create_bead", bead: bead("over"), assignTo: null });
  rig.run({ type: "cancel_bead", beadId });
  rig.ports.sql.exec("UPDATE actors SET value = '{' WHERE id IN (?, ?)", agentId, beadId);
  rig.reopen();
  expect(beads(rig.rig, {}, { limit: 10, offset: 0 }).map(({ title }) => title)).toEqual(["one"]);
  const page = worldOf(board(rig.rig));
  const list = (world: typeof page) =>
    shownNeeds(world, new Map(Object.entries(board(rig.rig).content)), rig.now).flatMap(({ actors }) => actors);
  expect(list(page)).toEqual([`agent:${agentId}`]);
  const { seq } = rig.rig.world;
  rig.run({ type: "repair", kind: "agent", id: agentId });
  for (const { fact } of journal().filter((entry) => entry.fact.seq > seq)) advance(page, fact);
  expect(list(page)).toEqual([]);
  expect(rows(page)).toEqual(rows(worldOf(board(rig.rig))));
});
