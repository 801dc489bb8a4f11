import { expect, test } from "vitest";
import { foldTime } from "../../../dashboard/src/lib/fold-time.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

test("a night without facts takes no more room than a few minutes", () => {
  const times = [0, 5 * MINUTE_MS, 9 * HOUR_MS, 9 * HOUR_MS + 5 * MINUTE_MS];
  const time = foldTime(times, 10 * MINUTE_MS);
  expect(time.gaps).toMatchObject([{ start: 5 * MINUTE_MS, end: 9 * HOUR_MS }]);
  expect(time.length).toBeLessThanOrEqual(20 * MINUTE_MS);
  expect(time.to(9 * HOUR_MS + 5 * MINUTE_MS)).toBeCloseTo(time.length);
});

test("a place on the axis is one time, and later places are later times", () => {
  const times = Array.from(
    { length: 200 },
    (_, i) => i * MINUTE_MS + (i > 50 ? 3 * HOUR_MS : 0) + (i > 120 ? 20 * HOUR_MS : 0),
  );
  const time = foldTime(times, 10 * MINUTE_MS);
  let last = -1;
  for (const at of times) {
    const x = time.to(at);
    expect(x).toBeGreaterThan(last);
    expect(time.from(x)).toBeCloseTo(at, 3);
    last = x;
  }
  const inTheGap = 52 * MINUTE_MS + HOUR_MS;
  expect(time.from(time.to(inTheGap))).toBeCloseTo(inTheGap, 3);
});

test("without facts, or with one, there is nothing to fold", () => {
  expect(foldTime([], MINUTE_MS)).toMatchObject({ gaps: [], length: 0 });
  expect(foldTime([7], MINUTE_MS).to(7)).toBe(0);
});
