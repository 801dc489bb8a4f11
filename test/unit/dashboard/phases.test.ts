import * as fc from "fast-check";
import { expect, test } from "vitest";
import { intervalOf } from "../../../dashboard/src/lib/looked.ts";
import { nightOf, sentencesOf } from "../../../dashboard/src/lib/night.ts";
import { drawn, drawnMarks, inParts, ticks } from "../../../dashboard/src/lib/phases.ts";
import { partsOf } from "../../../src/core/run-chain.ts";
import { PHASES, type Span } from "../../../src/core/run.ts";
import type { Report } from "../../../src/wire/report.ts";

const HOUR = 3_600_000;
const span = (phase: Span["phase"], from: number, to: number | null, beadId = "b"): Span => ({
  phase,
  from,
  to,
  beadId,
  agentId: "a",
  attempt: 1,
});

test("no lane draws more shapes than can be told apart, however many spans it has, and none lies outside of it", () => {
  const many = Array.from({ length: 100_000 }, (_, n) =>
    span(PHASES[n % PHASES.length] ?? "working", n * 10, n * 10 + 10, `b${n % 7}`),
  );
  const shapes = drawn(many, 0, 1_000_000, 1_000_000);
  expect(shapes.length).toBeLessThanOrEqual(2_001);
  expect(shapes.length).toBeGreaterThan(1_000);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...PHASES), fc.nat(5_000), fc.nat(3_000))), (some) => {
      const spans = some
        .map(([phase, from, length]) => span(phase, from, from + length))
        .toSorted((a, b) => a.from - b.from);
      for (const { x, width } of drawn(spans, 1_000, 4_000, 4_000)) {
        expect(x).toBeGreaterThanOrEqual(0);
        expect(x + width).toBeLessThanOrEqual(1 + 1 / 1_000);
      }
    }),
  );
});

test("what goes on is drawn to now, and no further; what is one thing is one shape", () => {
  expect(drawn([span("working", 0, null)], 0, 100, 60)).toEqual([{ phase: "working", x: 0, width: 0.6, beadId: "b" }]);
  expect(drawn([span("working", 0, 10), span("working", 10, 50)], 0, 100, 60)).toHaveLength(1);
  expect(drawn([span("working", 70, null)], 0, 100, 60)).toEqual([]);
});

test("marks that would hide each other are one, with their number; of another kind they stand beside each other", () => {
  const mark = (at: number, kind: "merged" | "failed") => ({
    at,
    kind,
    ends: true,
    beadId: "b",
    agentId: "a",
    attempt: 1,
    words: "",
  });
  expect(
    drawnMarks(
      [mark(10, "failed"), mark(11, "failed"), mark(12, "merged"), mark(900, "failed"), mark(2_000, "failed")],
      0,
      1_000,
    ),
  ).toEqual([
    { x: 0.01, kind: "failed", count: 2 },
    { x: 0.03, kind: "merged", count: 1 },
    { x: 0.9, kind: "failed", count: 1 },
  ]);
});

test("an axis has round times, and never more than it has room for", () => {
  expect(ticks(10, 4 * HOUR, 6, 0).map((at) => at / HOUR)).toEqual([1, 2, 3, 4]);
  // Half past the hour of UTC is a full hour in a zone that is half an hour off.
  expect(ticks(0, 2 * HOUR, 3, HOUR / 2).map((at) => at / HOUR)).toEqual([0.5, 1.5]);
  fc.assert(
    fc.property(fc.nat(1e12), fc.integer({ min: 60_000, max: 30 * 24 * HOUR }), (from, length) => {
      expect(ticks(from, from + length, 12, 0).length).toBeLessThanOrEqual(13);
    }),
  );
});

test("a time is told in its parts, the longest first, and what is small is the rest", () => {
  const parts = partsOf(
    [span("working", 0, 2 * HOUR), span("person", 2 * HOUR, 3 * HOUR), span("starting", 3 * HOUR, 3 * HOUR + 9_000)],
    0,
    3 * HOUR + 9_000,
  );
  expect(inParts(parts)).toBe("2 h 00 working, 1 h 00 waiting for a person, 9 s the rest");
});

test("an interval is what its address says, and otherwise since somebody looked; nonsense is as if it were not there", () => {
  const now = Date.parse("2026-11-25T08:00:00Z");
  const of = (query: string, looked: number | null = null) => intervalOf(new URLSearchParams(query), looked, now);
  expect(of("")).toEqual({ from: now - 12 * HOUR, to: now, isOpen: true });
  expect(of("", now - HOUR)).toEqual({ from: now - HOUR, to: now, isOpen: true });
  // Whoever has just marked it as read is not shown what he has read; it is never empty.
  expect(of("", now - 1_000).from).toBe(now - 1_000);
  expect(of("", now).from).toBe(now - 1_000);
  expect(of("from=2026-11-24T22:00:00Z&to=2026-11-25T06:00:00Z")).toEqual({
    from: now - 10 * HOUR,
    to: now - 2 * HOUR,
    isOpen: false,
  });
  expect(of("from=2027-01-01T00:00:00Z&to=soon")).toEqual({ from: now - 12 * HOUR, to: now, isOpen: true });
});

test("a night is told in sentences whose numbers are those of the report and of the lanes", () => {
  const listed = { count: 0, ids: [] };
  const spent = {
    input_tokens: 0,
    cached_tokens: 0,
    output_tokens: 0,
    cost_microdollars: 5_000_000,
    estimated_microdollars: 0,
    unpriced_tokens: 0,
    failed_tokens: 0,
    failed_microdollars: 0,
    incomplete: 0,
  };
  const report: Report = {
    from: "",
    to: "",
    is_cut: false,
    merged: { count: 44, ids: [] },
    failed: {
      count: 5,
      ids: [],
      causes: [
        { ...listed, code: "a", words: "a" },
        { ...listed, code: "b", words: "b" },
      ],
    },
    asked: { count: 11, ids: [] },
    stuck: listed,
    attempts: { started: 60, failed: 9 },
    hours: [],
    slot_ms: 0,
    spent,
  };
  const run = {
    spans: [span("working", 0, HOUR, "x"), span("person", HOUR, 2 * HOUR, "x"), span("person", 0, HOUR / 2, "y")],
    marks: [],
    pieces: [],
    agents: [],
  };
  const night = nightOf(report, run, { from: 0, to: 10 * HOUR, capacity: 1 });
  expect(night).toMatchObject({
    merged: 44,
    causes: 2,
    personMs: 1.5 * HOUR,
    spent: 5_000_000,
    longest: { beadId: "x", ms: HOUR },
  });
  expect(night.inUse).toBeCloseTo(0.25, 5);
  const said = sentencesOf(night, { needs: 9, titleOf: (id) => `work ${id}`, now: 0 });
  expect(said[0]).toBe("44 pieces merged, 5 failed for 2 causes, 9 need you now.");
  expect(said[1]).toMatch(/^The longest wait for you was 1 h 00, for “work x” at /);
  expect(said[2]).toBe("Slots were 25% in use.");
  const quiet = nightOf(
    { ...report, merged: listed, failed: { ...listed, causes: [] }, asked: listed },
    { spans: [], marks: [], pieces: [], agents: [] },
    { from: 0, to: HOUR, capacity: 3 },
  );
  expect(sentencesOf(quiet, { needs: 0, titleOf: String, now: 0 })).toEqual([
    "Nothing happened in this time: no work was done, and nothing asked for you.",
  ]);
});
