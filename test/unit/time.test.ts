import { expect, test } from "vitest";
import { exponential } from "../../src/events/backoff.ts";
import { earliest, isOver, plus } from "../../src/machines/time.ts";

test("a deadline is over from its very millisecond on; one that is not set never is", () => {
  expect([isOver(10, 9), isOver(10, 10), isOver(10, 11), isOver(null, 0)]).toEqual([false, true, true, false]);
  expect([plus(10, 5), plus(0, 5), plus(null, 5)]).toEqual([15, 5, null]);
});

test.each([
  [[], null],
  [[null, null], null],
  [[3], 3],
  [[3, null, 2, 4], 2],
  [[null, 5, 5], 5],
  [[0, 1], 0],
] as const)("the earliest of %j is %j", (times, first) => {
  expect(earliest(times)).toBe(first);
});

test("a backoff doubles from its base to its limit, and the count may be absurd", () => {
  expect([-1, 0, 1, 2, 3, 5, 6, 1_000_000].map((n) => exponential(n, 30_000, 600_000))).toEqual([
    0, 0, 30_000, 60_000, 120_000, 480_000, 600_000, 600_000,
  ]);
  expect(exponential(41, 1, Number.MAX_SAFE_INTEGER)).toBe(2 ** 40);
  expect(exponential(99, 1, Number.MAX_SAFE_INTEGER)).toBe(2 ** 40);
});
