import { expect, test } from "vitest";
import { transitionViolations, glance, violations } from "../../../src/core/invariants.ts";
import { pathsOf, walkTown } from "../../support/model/town.ts";
import { drive } from "./drive.ts";

/** Moves from an empty rig. 18 take 12 s, and find nothing that these do not. */
const DEPTH = 9;

test("whatever is commanded and reported in a rig with one bead at a time, every invariant holds after every commit", () => {
  const { edges, ways, states, startedAt } = walkTown(DEPTH);
  console.log(`town: ${states} distinct states within ${DEPTH} moves, ${edges.length} steps`);
  for (const { from, event, after } of edges) {
    const found = [
      ...violations(after.world),
      ...transitionViolations(glance(after.before), after.entries, after.world),
    ];
    const story = [...(ways.get(from) ?? []), event].map(({ type, at }) => `${type} @${at - startedAt}`);
    if (found.length > 0) expect({ found, story }).toEqual({ found: [], story });
  }
});

test("a rig that decides for itself moves alike in the pure core and on SQLite, and replays to the same rows", () => {
  const paths = pathsOf(walkTown(6));
  expect(paths.length).toBeGreaterThan(100);
  for (const path of paths) expect(drive(path)).toBe(null);
});
