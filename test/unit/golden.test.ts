import { expect, test } from "vitest";
import { digestOf, readGoldenPaths } from "../mutants/golden-paths.ts";

test("every recorded path through the charts still leads to the same states, effects and reasons", () => {
  const paths = readGoldenPaths();
  expect(paths.length).toBeGreaterThan(1_000);
  const changed = paths.filter(({ moves, digest }) => digestOf(moves) !== digest);
  expect(
    changed.slice(0, 3).map(({ moves }) => moves.flatMap(({ facts }) => facts.map(({ type }) => type)).join(", ")),
    `${changed.length} of ${paths.length} paths behave differently. If that is meant, think of rigs with old rows first (a version and a migration), then record anew: node test/mutants/record.ts`,
  ).toEqual([]);
});
