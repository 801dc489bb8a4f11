import * as fc from "fast-check";
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { type Report, reportOf } from "../../src/core/report.ts";
import type { Recorded } from "../../src/events/facts.ts";
import { LIMITS } from "../../src/events/limits.ts";

/** A report is sums and lists of the same facts. */

const HOUR = 3_600_000;
let seq = 0;
const fact = (of: object, at: number): Recorded => ({ seq: ++seq, cause: null, at, ...of }) as unknown as Recorded;

const arbitrary = fc.oneof(
  fc.record({ type: fc.constant("bead.merged"), beadId: fc.uuid() }),
  fc.record({
    type: fc.constant("bead.failed"),
    beadId: fc.uuid(),
    reason: fc.constantFrom(
      "cancelled",
      "attempts exhausted: exit 1",
      "attempts exhausted: exit 2",
      "attempts exhausted: no key",
      "odd",
    ),
  }),
  fc.record({ type: fc.constantFrom("agent.asked_help", "agent.asked", "permission.asked"), agentId: fc.uuid() }),
  fc.record({ type: fc.constantFrom("dispatch.granted", "dispatch.failed"), agentId: fc.uuid(), beadId: fc.uuid() }),
  fc.record({
    type: fc.constant("bead.created"),
    beadType: fc.constantFrom("issue", "escalation"),
    metadata: fc.record({ kind: fc.constantFrom("gupp", "help"), agent_id: fc.uuid() }),
  }),
);
const journals = fc
  .array(fc.tuple(arbitrary, fc.nat(HOUR * 3)), { maxLength: 300 })
  .map((facts) => facts.toSorted(([, a], [, b]) => a - b).map(([of, at]) => fact(of, at)));

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
const LISTS = ["merged", "failed", "asked", "stuck"] as const;

function agrees(report: Report): void {
  for (const name of LISTS) expect(report[name].ids.length).toBe(Math.min(report[name].count, LIMITS.report_listed));
  expect(sum(report.failed.causes.map(({ count }) => count))).toBe(report.failed.count);
  expect(sum(report.hours.map(({ merged }) => merged))).toBe(report.merged.count);
  expect(sum(report.hours.map(({ failed }) => failed))).toBe(report.failed.count);
  expect(sum(report.hours.map(({ started }) => started))).toBe(report.attempts.started);
  for (const { count, ids } of report.failed.causes) expect(ids.length).toBe(Math.min(count, LIMITS.report_listed));
}

test("the sums of a report agree with its lists, and those of two halves with those of the whole", () => {
  fc.assert(
    fc.property(journals, fc.nat(HOUR * 3), (facts, middle) => {
      const whole = reportOf(facts);
      agrees(whole);
      const [before, after] = [facts.filter(({ at }) => at < middle), facts.filter(({ at }) => at >= middle)].map(
        reportOf,
      );
      for (const name of LISTS)
        expect((before?.[name].count ?? 0) + (after?.[name].count ?? 0)).toBe(whole[name].count);
      expect((before?.attempts.started ?? 0) + (after?.attempts.started ?? 0)).toBe(whole.attempts.started);
    }),
  );
});

test("what happened is counted where it belongs: each failure by its cause, each hour by itself", () => {
  const report = reportOf([
    fact({ type: "dispatch.granted", agentId: "a", beadId: "b" }, 1),
    fact({ type: "dispatch.failed", agentId: "a", beadId: "b" }, 2),
    fact({ type: "agent.asked_help", agentId: "a" }, 3),
    fact({ type: "bead.created", beadType: "escalation", metadata: { kind: "gupp", agent_id: "a" } }, 4),
    fact({ type: "bead.created", beadType: "issue", metadata: { kind: "gupp" } }, 4),
    fact({ type: "bead.failed", beadId: "b", reason: "odd 1" }, 5),
    fact({ type: "bead.failed", beadId: "c", reason: "odd 2" }, HOUR),
    fact({ type: "bead.merged", beadId: "d" }, HOUR + 1),
  ]);
  expect(report).toEqual({
    cutAt: null,
    merged: { count: 1, ids: ["d"] },
    failed: { count: 2, ids: ["b", "c"], causes: [{ count: 2, ids: ["b", "c"], code: "unknown", words: "odd 2" }] },
    asked: { count: 1, ids: ["a"] },
    stuck: { count: 1, ids: ["a"] },
    attempts: { started: 1, failed: 1 },
    hours: [
      { at: 0, started: 1, merged: 0, failed: 1 },
      { at: HOUR, started: 0, merged: 1, failed: 1 },
    ],
  });
});

test("lists hold 100 and causes 50: one more is counted, the oldest leaves the list, and the last causes are one", () => {
  const words = (n: number): string => Array.from(String(n), (digit) => "abcdefghij"[Number(digit)]).join("");
  const failures = (count: number): Recorded[] =>
    Array.from({ length: count }, (_, n) =>
      fact({ type: "bead.failed", beadId: `b${n}`, reason: `cause ${words(n)}` }, n),
    );
  const full = reportOf(failures(LIMITS.report_causes));
  expect(full.failed.causes.map(({ code }) => code)).not.toContain("other");
  expect(full.failed.causes).toHaveLength(LIMITS.report_causes);
  const over = reportOf(failures(LIMITS.report_listed + 1));
  expect(over.failed.count).toBe(LIMITS.report_listed + 1);
  expect([over.failed.ids.length, over.failed.ids[0]]).toEqual([LIMITS.report_listed, "b1"]);
  expect(over.failed.causes).toHaveLength(LIMITS.report_causes + 1);
  expect(over.failed.causes[0]).toMatchObject({
    code: "other",
    count: LIMITS.report_listed + 1 - LIMITS.report_causes,
  });
  agrees(over);
});

test("100,000 facts are read at once, to the end of their moment, and it is said from when on there is more", () => {
  const merges = function* (count: number): Generator<Recorded> {
    for (let n = 0; n < count; n++) yield fact({ type: "bead.merged", beadId: "b" }, Math.floor(n / 3) * 1_000);
  };
  const all = reportOf(merges(LIMITS.report_facts));
  expect([all.merged.count, all.cutAt]).toEqual([LIMITS.report_facts, null]);
  // The next one belongs to the same moment, the one after the next does not.
  const over = reportOf(merges(LIMITS.report_facts + 9));
  expect(over.cutAt).toBe(Math.ceil(LIMITS.report_facts / 3) * 1_000);
  expect(over.merged.count).toBe(Math.ceil(LIMITS.report_facts / 3) * 3);
});

test("a recorded journal is reported of as it is read", () => {
  const lines = readFileSync(path.join(import.meta.dirname, "..", "golden", "seed-6-r1.ndjson"), "utf8").split("\n");
  const facts = lines
    .filter((line) => line.startsWith('{"seq":'))
    .map((line) => {
      const { body, ...stamp } = JSON.parse(line) as { body: object };
      return { ...stamp, ...body } as unknown as Recorded;
    });
  const report = reportOf(facts);
  agrees(report);
  expect(report.attempts.started).toBe(facts.filter(({ type }) => type === "dispatch.granted").length);
  expect(report.merged.count).toBeGreaterThan(0);
});
