import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { closureOf, coverage } from "../../scripts/sample/cover.ts";
import { changed, changesOf } from "../../scripts/sample/mutate.ts";
import { sampleOf, seeded, wilson } from "../../scripts/sample/statistics.ts";

/** The tool that samples mutants outside of the core. */

const ROOT = path.join(import.meta.dirname, "../..");

describe("mutants", () => {
  test.each([
    ["f(a < b);", ["f(a <= b);", ";"]],
    ["const x = !a && b;", ["const x = !a || b;", "const x = a && b;"]],
    ["if (a) b = 1;", ["if (true) b = 1;", "if (false) b = 1;", "if (a) b = 2;"]],
    [
      "const f = (a: number | true) => { g(a) };",
      ["const f = (a: number | true) => {};", "const f = (a: number | true) => { ; };"],
    ],
    ['const x = "a" + b;', []],
    ["type T = 1 | 2;", []],
    [
      "const x = [1].some(f) ?? true;",
      [
        "const x = [1].some(f);",
        "const x = [].some(f) ?? true;",
        "const x = [2].some(f) ?? true;",
        "const x = [1].every(f) ?? true;",
        "const x = [1].some(f) ?? false;",
      ],
    ],
  ])("of %s", (source, mutants) => {
    expect(
      changesOf(source)
        .map((change) => changed(source, change))
        .sort(),
    ).toEqual([...mutants].sort());
  });

  test("of a whole file are many, and each differs from it", () => {
    const source = readFileSync(path.join(ROOT, "src/do/outbox.ts"), "utf8");
    const changes = changesOf(source);
    expect(changes.length).toBeGreaterThan(50);
    expect(changes.filter((change) => changed(source, change) === source)).toEqual([]);
  });
});

describe("tests of a source file", () => {
  test("are those that load it, nearest first", () => {
    const closure = closureOf(ROOT, "test/unit/time.test.ts");
    expect(closure.get("src/machines/time.ts")).toBe(1);
    const found = (coverage(ROOT, new Map()).get("src/machines/time.ts") ?? []).map(({ file }) => file);
    const distances = found
      .filter((file) => !file.startsWith("test/workers/"))
      .map((file) => closureOf(ROOT, file).get("src/machines/time.ts") ?? Infinity);
    expect(distances.filter((distance, n) => distance < (distances[n - 1] ?? 0))).toEqual([]);
    expect(found).toEqual(expect.arrayContaining(["test/unit/time.test.ts", "test/workers/access.test.ts"]));
  });
});

describe("statistics", () => {
  test("the interval holds the share, is narrower for more, and stays within 0 and 1", () => {
    const { share, low, high } = wilson(75, 100);
    expect(share).toBe(0.75);
    expect(low).toBeCloseTo(0.657, 3);
    expect(high).toBeCloseTo(0.825, 3);
    expect(wilson(0, 10)).toMatchObject({ low: 0 });
    expect(wilson(10, 10)).toMatchObject({ high: 1 });
    expect(wilson(0, 0)).toEqual({ share: 0, low: 0, high: 1 });
  });

  test("a sample is the same for a seed, another for another, and holds nothing twice", () => {
    const items = Array.from({ length: 100 }, (_, i) => i);
    const of = (seed: number) => sampleOf(items, 20, seeded(seed));
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
    expect(new Set(of(1)).size).toBe(20);
    expect(sampleOf(items, 1_000, seeded(1))).toHaveLength(100);
  });
});
