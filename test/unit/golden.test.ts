import { afterEach, expect, test } from "vitest";
import { fold } from "../../src/core/fold.ts";
import { RULES, type Rule, type Violation, glance, transitionViolations } from "../../src/core/invariants.ts";
import { copyWorld, createWorld } from "../../src/core/world.ts";
import { remember } from "../../src/machines/xstate.ts";
import { readGoldenPaths, readSpoils } from "../mutants/golden.ts";
import { digestOf, spoilsDigestOf } from "../mutants/judge.ts";
import type { Kind } from "../../src/core/step.ts";
import type { Fact } from "../../src/events/facts.ts";
import { NEWEST_RULES } from "../../src/events/rules.ts";
import { spoilt } from "../mutants/spoil.ts";
import { move, type Move } from "../support/model/world.ts";

afterEach(() => remember(true));

const CONFIGURED: Fact = {
  type: "rig.configured",
  rigId: "r",
  townId: "t",
  userId: "u",
  name: "r",
  gitUrl: "/r.git",
  defaultBranch: "main",
  rules: NEWEST_RULES,
};
const issue = (beadId: string, ...blockedBy: string[]): Fact => ({
  type: "bead.created",
  beadId,
  beadType: "issue",
  title: "t",
  body: null,
  priority: "medium",
  labels: [],
  metadata: {},
  convoyId: null,
  blockedBy,
  deferUntil: null,
  createdBy: null,
});

/** A rig with a bead that waits for one that has failed. */
const CHAIN: readonly Move[] = [
  move(1_000, CONFIGURED, { type: "rig.paused", by: "operator" }, issue("first"), issue("second", "first")),
  move(2_000, { type: "bead.cancelled", beadId: "first", by: "operator" }),
];
const CHAIN_VALUES: [Kind, unknown][] = [
  ["bead", "open"],
  ["bead", "stuck"],
];

/** A rig with a review on a train. */
const TRAIN: readonly Move[] = [
  move(1_000, CONFIGURED, { type: "container.met", inspects: true, ephemeral: false, trains: true }),
  move(2_000, issue("b"), {
    type: "review.submitted",
    beadId: "b",
    agentId: "a",
    branch: "x",
    prUrl: null,
    summary: null,
  }),
];
const TRAIN_VALUES: [Kind, unknown][] = [
  ["review", "pending"],
  ["review", "boarded"],
  ["queue", "waiting"],
  ["queue", "running"],
];

test.each([
  ["what xstate decided remembered", true],
  ["xstate asked every time", false],
])("every recorded path through the charts still leads to the same states, effects and reasons, with %s", (_, on) => {
  remember(on);
  const paths = readGoldenPaths();
  expect(paths.length).toBeGreaterThan(1_000);
  const changed = paths.filter(({ moves, digest }) => digestOf(moves) !== digest);
  expect(
    changed.slice(0, 3).map(({ moves }) => moves.flatMap(({ facts }) => facts.map(({ type }) => type)).join(", ")),
    `${changed.length} of ${paths.length} paths behave differently. If that is meant, think of rigs with old rows first (a version and a migration), then record anew: node test/mutants/record.ts`,
  ).toEqual([]);
});

test("the invariants say of every spoilt world what they said when it was recorded", () => {
  const { worlds, values } = readSpoils();
  expect(worlds.length).toBeGreaterThan(100);
  const changed = worlds.filter(({ moves, digest }) => spoilsDigestOf(moves, values) !== digest);
  expect(
    changed.length,
    `${changed.length} of ${worlds.length} worlds are judged differently. If that is meant, record anew: node test/mutants/record.ts`,
  ).toBe(0);
});

/** What is said of a commit in which a train departs, as it would be if the rig had been stopped at once before it. */
function unresumed(): readonly Violation[] {
  const world = createWorld();
  const { facts = [], at = 0 } = TRAIN.at(-1) ?? {};
  for (const earlier of TRAIN.slice(0, -1)) fold(world, earlier.facts, earlier.at);
  const before = copyWorld(world);
  const { entries } = fold(world, facts, at);
  expect(entries.map(({ fact }) => fact.type)).toContain("train.departed");
  expect(transitionViolations(glance(before), entries, world)).toEqual([]);
  const stopped = { ...before.rig, context: { ...before.rig.context, stopped: true } } as typeof before.rig;
  return transitionViolations({ ...glance(before), rig: stopped }, entries, world);
}

test("every invariant can fail: some way to spoil a sound rig violates it, and the rig itself violates none", () => {
  const { worlds, values } = readSpoils();
  const violated = new Set<Rule>();
  // The recorded ones are older than trains and chains.
  for (const [moves, values] of [
    [TRAIN, TRAIN_VALUES],
    [CHAIN, CHAIN_VALUES],
  ] as const) {
    for (const [, found] of spoilt(moves, values)) for (const { rule } of found) violated.add(rule);
    expect(spoilt(moves, values).next().value?.[1]).toEqual([]);
  }
  for (const { rule } of unresumed()) violated.add(rule);
  for (const { moves } of worlds) {
    const [nothing, ...spoils] = spoilt(moves, values);
    // Rigs of the model hold an actor whose counterparts are missing; those of the golden journals are whole.
    if (nothing?.[1].length !== 0) continue;
    for (const [, found] of spoils) for (const { rule } of found) violated.add(rule);
  }
  expect(Object.keys(RULES).filter((rule) => !violated.has(rule as Rule))).toEqual([]);
});
