import { describe, expect, test } from "vitest";
import type { Kind } from "../../../src/core/step.ts";
import { CHARTS, wantedOf } from "../../support/model/coverage.ts";
import { worldAfter } from "../../support/model/world.ts";
import { exploreAll } from "../../support/explored.ts";
import { MODELS } from "../../support/paths.ts";
import { drive } from "./drive.ts";
import { UNREACHABLE } from "./unreachable.ts";

/** What the generated paths exercise of each chart, with every guard answered both ways on every transition it stands on. */
describe.each(["agent", "bead", "review", "rig", "queue"] as const satisfies Kind[])("the %s chart", (kind) => {
  const wanted = wantedOf(CHARTS[kind]);

  test.each(["states", "transitions", "guards"] as const)(
    "has all its %s exercised by generated paths, except for those that nothing can reach",
    (part) => {
      const exercised = new Set(exploredOf(kind).flatMap((one) => [...one.exercised[part]]));
      const missing = wanted[part].filter((one) => !exercised.has(one));
      console.log(
        `${kind}: ${wanted[part].length - missing.length}/${wanted[part].length} ${part === "guards" ? "answers of guards" : part}${missing.length === 0 ? "" : `; ${missing.length} cannot be reached`}`,
      );
      expect(missing.sort()).toEqual(Object.keys(UNREACHABLE[kind][part] ?? {}).sort());
    },
  );
});

const exploredOf = (kind: Kind) => exploreAll().filter(({ model }) => model.kind === kind);

/** Every generated path, against a real journal and a real database. */
describe.each(MODELS.map((model, i) => ({ name: model.name, model, i })))("$name", ({ i, name, model }) => {
  test("ends every path in the state that it was generated for", () => {
    for (const { moves, key } of exploreAll()[i]?.paths ?? []) expect(model.key(worldAfter(moves))).toBe(key);
  });

  test("moves alike in the pure core and in a rig on SQLite, along every path, and replays to the same rows", () => {
    const { paths = [], states, steps } = exploreAll()[i] ?? {};
    console.log(
      `${name}: ${paths.length} paths of ${paths.reduce((sum, path) => sum + path.moves.length, 0)} commits, over ${states} distinct states and ${steps} steps`,
    );
    expect(paths.length).toBeGreaterThan(0);
    for (const path of paths) expect(drive(path)).toBe(null);
  });
});
