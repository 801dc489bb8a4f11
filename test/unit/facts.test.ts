import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { AnyStateMachine } from "xstate";
import { advance } from "../../dashboard/src/lib/world.ts";
import { concerns, possible } from "../../src/core/explain.ts";
import { fold } from "../../src/core/fold.ts";
import { isStoredActor, readLine } from "../../src/core/journal-file.ts";
import { route } from "../../src/core/route.ts";
import { MACHINES, store, type AnySnapshot, type Kind } from "../../src/core/step.ts";
import { createWorld, get, type World } from "../../src/core/world.ts";
import { KINDS } from "../../src/events/row.ts";
import { NEWEST_RULES, RULES } from "../../src/events/rules.ts";
import { Fact, FACT_TYPES, factsThat, named, rowOf } from "../../src/events/facts.ts";
import { chartOf } from "../../scripts/charts/graph.ts";
import { IGNORED, ROUTED } from "../../scripts/charts/facts.ts";
import { readShapes } from "../mutants/golden.ts";
import { actorsOf } from "../mutants/spoil.ts";

/** What is derived from the facts' rows, held against what the rig does. */

const golden = path.join(import.meta.dirname, "../golden");
const JOURNALS = readdirSync(golden).filter((file) => file.endsWith(".ndjson"));

/** The root facts of each commit of a journal. */
function commitsOf(name: string): { at: number; facts: Fact[] }[] {
  const commits = new Map<number, { at: number; facts: Fact[] }>();
  for (const text of readFileSync(path.join(golden, name), "utf8").split("\n").slice(1)) {
    const line = text === "" ? null : readLine(text);
    if (line === null || isStoredActor(line)) continue;
    const { fact, batch } = line;
    const commit = commits.get(batch) ?? { at: fact.at, facts: [] };
    commits.set(batch, commit);
    if (fact.cause === null) commit.facts.push(fact);
  }
  return [...commits.values()];
}

const rowsOf = (world: World, kind: Kind, id: string): unknown => {
  const snapshot = get(world, kind, id) as AnySnapshot | undefined;
  return snapshot === undefined ? null : JSON.stringify(store(kind, snapshot));
};

describe("every fact's row", () => {
  test.each(FACT_TYPES)("%s has an example that is such a fact, and so is each variant of it", (type) => {
    const { example, variants = [] } = rowOf(type);
    for (const { fields } of [{ fields: {} }, ...variants]) {
      const fact = { type, ...example, ...fields };
      expect(Fact.parse(fact)).toEqual(fact);
      // Whatever a fact must have, in its order; what it may have besides is in a variant at most.
      const required = Object.entries(shapeOf(type)).filter(([, field]) => !field.isOptional());
      expect(Object.keys(fact).filter((name) => required.some(([needed]) => needed === name))).toEqual(
        required.map(([name]) => name),
      );
    }
  });

  const shapeOf = (type: string): Record<string, { isOptional(): boolean }> =>
    Fact.options.find(({ shape }) => shape.type.value === type)?.shape ?? {};

  test("says who takes a fact: what makes or removes an actor goes to its kind", () => {
    for (const type of FACT_TYPES) {
      const { makes, removes } = rowOf(type);
      for (const kind of [makes, removes]) if (kind !== undefined) expect(ROUTED[kind], type).toContain(type);
    }
    expect([...factsThat(({ makes }) => makes !== undefined)]).toEqual([
      "agent.registered",
      "bead.created",
      "review.opened",
      "queue.opened",
      "budget.opened",
      "account.limited",
    ]);
    expect([...factsThat(({ removes }) => removes !== undefined)]).toEqual(["agent.deleted", "bead.deleted"]);
  });

  test("sends it only to charts that some state of does something with it, or that it makes or removes an actor of", () => {
    for (const kind of KINDS) {
      const heard = new Set(
        chartOf(MACHINES[kind] as unknown as AnyStateMachine).transitions.map(({ event }) => event),
      );
      const unheard = ROUTED[kind].filter((type) => !heard.has(type));
      const others = unheard.filter((type) => rowOf(type).makes !== kind && rowOf(type).removes !== kind);
      // The one fact that is sent to be ignored: its chart's table says why.
      expect(
        others.filter((type) => type !== "start.unknown"),
        kind,
      ).toEqual([]);
    }
  });

  test("gives a reason for being ignored only to kinds that take it", () => {
    for (const kind of ["agent", "bead", "review", "rig"] as const)
      for (const type of Object.keys(IGNORED[kind])) expect(ROUTED[kind], kind).toContain(type);
  });

  test("is named by the newest rule set, where no released one knows the fact", () => {
    const released = Object.keys(RULES).flatMap((rules) => readShapes(Number(rules)) ?? []);
    expect(released.length).toBeGreaterThan(0);
    const news = FACT_TYPES.filter((type) => released.every((shapes) => !shapes.includes(`"type":"${type}"`)));
    expect(news.filter((type) => !RULES[NEWEST_RULES].includes(type))).toEqual([]);
  });

  test("is of a fact that somebody says: a command, a chart, or the host", () => {
    const src = path.join(import.meta.dirname, "../../src");
    const sayers = ["core", "machines", "do"]
      .flatMap((folder) =>
        readdirSync(path.join(src, folder), { recursive: true, encoding: "utf8" })
          .filter((name) => name.endsWith(".ts"))
          .map((name) => readFileSync(path.join(src, folder, name), "utf8")),
      )
      .join("\n");
    const unsaid = FACT_TYPES.filter((type) => !new RegExp(`\\btype: [^,;}]*"${type}"`).test(sayers));
    expect(unsaid).toEqual([]);
  });

  test("names a bead wherever it tells something for a bead's timeline", () => {
    for (const type of factsThat(({ timeline }) => timeline !== undefined))
      expect(rowOf(type).example).toHaveProperty("beadId");
  });

  test("arms the alarm where somebody waits for what comes next", () => {
    expect([...factsThat(({ arms }) => arms === true)].sort()).toEqual([
      "account.limited",
      "agent.done",
      "agent.exited",
      "agent.hooked",
      "agent.released",
      "clock.jumped",
      "hand_in.refused",
      "hand_in.settled",
      "hand_in.unanswered",
      "place.changed",
      "queue.resumed",
      "review.approved",
      "review.jumped",
      "review.released",
      "review.unboarded",
      "rig.configured",
      "rig.resumed",
      "secrets.changed",
      "start.failed",
      "start.refused",
      "start.unknown",
      "train.reported",
      "work.handed_in",
      "work.lost",
    ]);
  });
});

describe("a debugger's next fact of an actor", () => {
  test.each(JOURNALS)("in %s is none that the rig sent to it and the debugger steps over", (name) => {
    const world = createWorld();
    let asked = 0;
    for (const { facts, at } of commitsOf(name)) {
      for (const { fact } of fold(world, facts, at).entries) {
        if (fact.type === "TICK") continue;
        for (const { kind, id } of route(world, fact)) {
          asked++;
          expect(concerns(fact, kind, id), `${fact.type} #${fact.seq} of ${kind} ${id}`).toBe(true);
        }
        for (const { kind, id } of named(fact)) expect(concerns(fact, kind, id)).toBe(true);
        expect(concerns(fact, "agent", "nobody")).toBe(rowOf(fact.type).to.includes("every agent"));
      }
    }
    expect(asked).toBeGreaterThan(100);
  });

  test("is, for the rig, also one that closes a breaker, and the end of a probe", () => {
    const told = [
      "agent.heard",
      "agent.progressed",
      "agent.checkpointed",
      "agent.asked_help",
      "permission.asked",
      "agent.done",
      "agent.exited",
      "agent.deleted",
      "agent.unhooked",
      "dispatch.granted",
      "actor.quarantined",
      "dispatch.failed",
    ] as const;
    for (const type of told) expect(concerns({ type, ...rowOf(type).example } as Fact, "rig", "rig"), type).toBe(true);
    expect(concerns({ type: "start.accepted", agentId: "a", dispatchId: "a:1" }, "rig", "rig")).toBe(false);
  });

  test("is, for an actor that was set aside, the fact that says so, and its repair", () => {
    const error = "the row cannot be read";
    expect(concerns({ type: "actor.quarantined", kind: "bead", id: "b", error }, "bead", "b")).toBe(true);
    expect(concerns({ type: "actor.quarantined", kind: "bead", id: "b", error }, "agent", "b")).toBe(false);
    expect(concerns({ type: "actor.repaired", kind: "agent", id: "a", by: "o", state: null }, "agent", "a")).toBe(true);
  });
});

describe("the board", () => {
  test.each(JOURNALS)("folds every fact of %s to what the rig has", (name) => {
    const rig = createWorld();
    const board = createWorld();
    let compared = 0;
    for (const { facts, at } of commitsOf(name)) {
      const { entries, changed } = fold(rig, facts, at);
      for (const { fact } of entries) advance(board, fact);
      for (const [kind, id] of changed.values()) {
        compared++;
        expect(rowsOf(board, kind, id), `${kind} ${id} after #${rig.seq}`).toBe(rowsOf(rig, kind, id));
      }
      expect([...board.broken]).toEqual([...rig.broken]);
      // A TICK that changed nothing leaves no fact, so only the rig has its time.
      expect(board.seq).toBe(rig.seq);
    }
    expect(compared).toBeGreaterThan(100);
    const all = (world: World) =>
      actorsOf(world).map(([kind, id]) => `${kind} ${id} ${String(rowsOf(world, kind, id))}`);
    expect(all(board)).toEqual(all(rig));
  });

  test("has no agent whose row the rig could not read, until it is repaired", () => {
    const rig = createWorld();
    const board = createWorld();
    const at = (facts: Fact[]): void => {
      for (const { fact } of fold(rig, facts, rig.at + 1_000).entries) advance(board, fact);
    };
    at([{ type: "agent.registered", agentId: "a", role: "polecat", name: "a", identity: "r/a" }]);
    const [state] = [...board.agents.values()].map((agent) => store("agent", agent));
    at([{ type: "actor.quarantined", kind: "agent", id: "a", error: "the row cannot be read" }]);
    expect([...rig.agents.keys()]).toEqual([]);
    expect([...board.agents.keys()]).toEqual([]);
    expect([...board.broken.keys()]).toEqual(["agent:a"]);
    at([{ type: "actor.repaired", kind: "agent", id: "a", by: "operator", state: state as never }]);
    expect([...board.agents.keys()]).toEqual(["a"]);
    expect(board.broken.size).toBe(0);
  });
});

test("what is possible is shown with the actor's own ids, one example per variant that its kind tells apart", () => {
  const world = createWorld();
  fold(
    world,
    [
      { type: "agent.registered", agentId: "a", role: "polecat", name: "a", identity: "r/a" },
      { type: "bead.created", beadId: "b", ...bead },
      {
        type: "rig.configured",
        rigId: "r",
        townId: "t",
        userId: "u",
        name: "r",
        gitUrl: "/r.git",
        defaultBranch: "main",
        rules: 1,
      },
      { type: "agent.hooked", agentId: "a", beadId: "b", attempts: 0, branch: "mine" },
    ],
    1_000,
  );
  const ofAgent = possible(world, "agent", "a", 2_000) ?? [];
  const granted = ofAgent.find(({ fact }) => fact.type === "agent.exited" && fact.dispatchId === "a:1");
  expect(granted?.fact).toMatchObject({ agentId: "a", dispatchId: "a:1" });
  expect(ofAgent.find(({ fact }) => fact.type === "agent.done")?.fact).toMatchObject({ agentId: "a", beadId: "b" });
  expect(ofAgent.flatMap(({ fact, variant }) => (fact.type === "agent.exited" ? [variant] : []))).toEqual([
    "completed",
    "failed",
    "gone",
    "rate_limited",
    "evicted",
    "over_budget",
    "place",
    "not_authorized",
    "full",
  ]);
  expect(ofAgent.flatMap(({ fact, variant }) => (fact.type === "TICK" ? [variant] : []))).toEqual([
    "",
    "container unreachable",
  ]);
  const ofRig = possible(world, "rig", "rig", 2_000) ?? [];
  expect(ofRig.filter(({ fact }) => fact.type === "rig.activity_changed").length).toBe(2);
  expect(ofRig.every(({ error }) => error === null)).toBe(true);
});

const bead = {
  beadType: "issue" as const,
  title: "t",
  body: null,
  priority: "medium" as const,
  labels: [],
  metadata: {},
  convoyId: null,
  blockedBy: [],
  deferUntil: null,
  createdBy: null,
};
