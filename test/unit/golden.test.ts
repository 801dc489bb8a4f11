import { expect, test } from "vitest";
import { RULES, type Rule } from "../../src/machines/invariants.ts";
import { readGoldenPaths, readShapes, readSpoils } from "../mutants/golden.ts";
import { digestOf, shapes, spoilsDigestOf } from "../mutants/judge.ts";
import { spoilt } from "../mutants/spoil.ts";

test("every recorded path through the charts still leads to the same states, effects and reasons", () => {
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
  expect(changed.length, `${changed.length} of ${worlds.length} worlds are judged differently. If that is meant, record anew: node test/mutants/record.ts`).toBe(0);
});

test("every invariant can fail: some way to spoil a sound rig violates it, and the rig itself violates none", () => {
  const { worlds, values } = readSpoils();
  const violated = new Set<Rule>();
  for (const { moves } of worlds) {
    const [nothing, ...spoils] = spoilt(moves, values);
    // Rigs of the model hold an actor whose counterparts are missing; those of the golden journals are whole.
    if (nothing?.[1].length !== 0) continue;
    for (const [, found] of spoils) for (const { rule } of found) violated.add(rule);
  }
  expect(Object.keys(RULES).filter((rule) => !violated.has(rule as Rule))).toEqual([]);
});

test("no fact, effect or setting has another shape than journals out there were written with", () => {
  expect(shapes(), "a fact whose shape changes gets a new version and an upcaster (src/events/upcast.ts); then record anew: node test/mutants/record.ts").toBe(readShapes());
});
