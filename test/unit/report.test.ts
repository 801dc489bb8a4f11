import * as fc from "fast-check";
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { fold } from "../../src/core/fold.ts";
import { type Report, reportOf } from "../../src/core/report.ts";
import { sumOf } from "../../src/core/reports.ts";
import { createWorld } from "../../src/core/world.ts";
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
  fc.record({
    type: fc.constantFrom("dispatch.granted", "dispatch.failed", "agent.exited", "agent.done"),
    agentId: fc.constantFrom("a", "b", "c"),
    beadId: fc.uuid(),
    dispatchId: fc.constantFrom("1", "2"),
  }),
  fc.record({
    type: fc.constant("spend.counted"),
    inputTokens: fc.nat(1_000),
    cachedTokens: fc.nat(10),
    outputTokens: fc.nat(100),
    costMicrodollars: fc.option(fc.nat(1_000)),
    estimated: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("bead.created"),
    beadType: fc.constantFrom("issue", "escalation"),
    metadata: fc.record({ kind: fc.constantFrom("gupp", "help"), agent_id: fc.uuid() }),
  }),
);
const SPAN = { from: 0, to: HOUR * 3 };
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
  expect(sum(report.hours.map(({ slot_ms }) => slot_ms))).toBe(report.slot_ms);
  expect(sum(report.hours.map(({ tokens }) => tokens))).toBe(report.spent.input_tokens + report.spent.output_tokens);
  expect(sum(report.hours.map(({ microdollars }) => microdollars))).toBe(report.spent.cost_microdollars);
  for (const { count, ids } of report.failed.causes) expect(ids.length).toBe(Math.min(count, LIMITS.report_listed));
}

const wireOf = (report: Report) => ({
  ...report,
  hours: report.hours.map(({ at, ...counts }) => ({ at: new Date(at).toISOString(), ...counts })),
});

test("the sums of a report agree with its lists, and those of two halves with those of the whole", () => {
  fc.assert(
    fc.property(journals, fc.nat(HOUR * 3), (facts, middle) => {
      const whole = reportOf(facts, SPAN);
      agrees(whole);
      const earlier = facts.filter(({ at }) => at < middle);
      const before = reportOf(earlier, { from: 0, to: middle });
      const after = reportOf(
        facts.filter(({ at }) => at >= middle),
        { from: middle, to: SPAN.to },
        earlier,
      );
      for (const name of LISTS) expect(before[name].count + after[name].count).toBe(whole[name].count);
      expect(before.attempts.started + after.attempts.started).toBe(whole.attempts.started);
      expect(before.slot_ms + after.slot_ms).toBe(whole.slot_ms);
      expect(before.spent.cost_microdollars + after.spent.cost_microdollars).toBe(whole.spent.cost_microdollars);
      for (const half of [before, after]) agrees(half);
      // As if they were two rigs.
      const both = sumOf([before, after].map(wireOf));
      expect(both).toMatchObject({
        merged: whole.merged.count,
        failed: whole.failed.count,
        asked: whole.asked.count,
        stuck: whole.stuck.count,
        attempts: whole.attempts,
        slot_ms: whole.slot_ms,
        spent: whole.spent,
        hours: wireOf(whole).hours,
      });
      expect(sum(both.causes.map(({ count }) => count))).toBe(both.failed);
    }),
  );
});

const COUNTED = { type: "spend.counted", dispatchId: "a:1", inputTokens: 10, cachedTokens: 4, outputTokens: 1 };

test("what happened is counted where it belongs: each failure by its cause, each hour by itself", () => {
  const report = reportOf(
    [
      fact({ type: "dispatch.granted", agentId: "a", beadId: "b" }, 1),
      fact({ type: "dispatch.failed", agentId: "a", beadId: "b" }, 2),
      fact({ type: "agent.asked_help", agentId: "a" }, 3),
      fact({ type: "bead.created", beadType: "escalation", metadata: { kind: "gupp", agent_id: "a" } }, 4),
      fact({ type: "bead.created", beadType: "issue", metadata: { kind: "gupp" } }, 4),
      fact({ type: "bead.failed", beadId: "b", reason: "odd 1" }, 5),
      fact({ type: "bead.failed", beadId: "c", reason: "odd 2" }, HOUR),
      fact({ type: "bead.merged", beadId: "d" }, HOUR + 1),
      fact({ ...COUNTED, costMicrodollars: 7, estimated: true }, HOUR + 2),
      fact({ ...COUNTED, costMicrodollars: null, estimated: false }, HOUR + 2),
      fact({ type: "spend.incomplete", dispatchId: "a:1" }, HOUR + 3),
      fact({ type: "spend.incomplete", dispatchId: "a:2" }, HOUR + 3),
    ],
    SPAN,
    [],
    (id) => ({ hasFailed: id === "a:1", isUnsaid: id === "a:2" }),
  );
  expect(report).toEqual({
    cutAt: null,
    merged: { count: 1, ids: ["d"] },
    failed: { count: 2, ids: ["b", "c"], causes: [{ count: 2, ids: ["b", "c"], code: "unknown", words: "odd 2" }] },
    asked: { count: 1, ids: ["a"] },
    stuck: { count: 1, ids: ["a"] },
    attempts: { started: 1, failed: 1 },
    slot_ms: 1,
    spent: {
      input_tokens: 20,
      cached_tokens: 8,
      output_tokens: 2,
      cost_microdollars: 7,
      estimated_microdollars: 7,
      unpriced_tokens: 11,
      failed_tokens: 22,
      failed_microdollars: 7,
      incomplete: 1,
    },
    hours: [
      { at: 0, started: 1, merged: 0, failed: 1, slot_ms: 1, tokens: 0, microdollars: 0 },
      { at: HOUR, started: 0, merged: 1, failed: 1, slot_ms: 0, tokens: 22, microdollars: 7 },
    ],
  });
});

test("lists hold 100 and causes 50: one more is counted, the oldest leaves the list, and the last causes are one", () => {
  const words = (n: number): string => Array.from(String(n), (digit) => "abcdefghij"[Number(digit)]).join("");
  const failures = (count: number): Recorded[] =>
    Array.from({ length: count }, (_, n) =>
      fact({ type: "bead.failed", beadId: `b${n}`, reason: `cause ${words(n)}` }, n),
    );
  const full = reportOf(failures(LIMITS.report_causes), SPAN);
  expect(full.failed.causes.map(({ code }) => code)).not.toContain("other");
  expect(full.failed.causes).toHaveLength(LIMITS.report_causes);
  const over = reportOf(failures(LIMITS.report_listed + 1), SPAN);
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
  const all = reportOf(merges(LIMITS.report_facts), SPAN);
  expect([all.merged.count, all.cutAt]).toEqual([LIMITS.report_facts, null]);
  // The next one belongs to the same moment, the one after the next does not.
  const over = reportOf(merges(LIMITS.report_facts + 9), SPAN);
  expect(over.cutAt).toBe(Math.ceil(LIMITS.report_facts / 3) * 1_000);
  expect(over.merged.count).toBe(Math.ceil(LIMITS.report_facts / 3) * 3);
});

test("a place is held from the grant to the end of its dispatch, in each hour its part, also by who has held it since before", () => {
  const granted = (agentId: string, at: number) =>
    fact({ type: "dispatch.granted", agentId, beadId: "b", dispatchId: `${agentId}:1` }, at);
  const before = [granted("a", HOUR / 2), granted("z", 1), fact({ type: "agent.deleted", agentId: "z" }, 2)];
  const facts = [
    granted("b", HOUR * 1.5),
    fact({ type: "agent.exited", agentId: "b", dispatchId: "b:0" }, HOUR * 1.6),
    fact({ type: "agent.exited", agentId: "b", dispatchId: "b:1" }, HOUR * 2.25),
  ];
  const report = reportOf(facts, { from: HOUR, to: HOUR * 3 }, before);
  expect(report.hours.map(({ at, slot_ms }) => [at / HOUR, slot_ms / HOUR])).toEqual([
    [1, 1.5],
    [2, 1.25],
  ]);
  expect(report.slot_ms).toBe(HOUR * 2.75);
});

const GOLDEN = path.join(import.meta.dirname, "..", "golden");
const journalOf = (name: string): (Recorded & { batch: number })[] =>
  readFileSync(path.join(GOLDEN, name), "utf8")
    .split("\n")
    .filter((line) => line.startsWith('{"seq":'))
    .map((line) => {
      const { body, ...stamp } = JSON.parse(line) as { body: object };
      return { ...stamp, ...body } as unknown as Recorded & { batch: number };
    });

/** How long places were held as the charts have it. */
function heldByCharts(facts: readonly (Recorded & { batch: number })[]): number {
  const world = createWorld();
  const since = new Map<string, number>();
  let held = 0;
  for (let n = 0; n < facts.length;) {
    const { batch } = facts[n] as (typeof facts)[number];
    const commit: Recorded[] = [];
    for (; facts[n]?.batch === batch; n++) commit.push(facts[n] as Recorded);
    const at = commit[0]?.at ?? 0;
    fold(
      world,
      commit.filter(({ cause }) => cause === null),
      at,
    );
    for (const id of world.index.slots) if (!since.has(id)) since.set(id, at);
    for (const [id, from] of since)
      if (!world.index.slots.has(id)) {
        held += Math.max(0, at - from);
        since.delete(id);
      }
  }
  const end = facts.at(-1)?.at ?? 0;
  return held + sum([...since.values()].map((from) => Math.max(0, end - from)));
}

test.each(["seed-6-r1.ndjson", "seed-9-r1.ndjson", "seed-13-r1.ndjson", "seed-30-r1.ndjson"])(
  "what facts tell of places that were held is what the charts know: %s",
  (name) => {
    const facts = journalOf(name);
    const report = reportOf(facts, { from: 0, to: facts.at(-1)?.at ?? 0 });
    expect(report.slot_ms).toBeGreaterThan(0);
    expect(report.slot_ms).toBe(heldByCharts(facts));
  },
);

test("a recorded journal is reported of as it is read", () => {
  const facts = journalOf("seed-6-r1.ndjson");
  const report = reportOf(facts, { from: 0, to: facts.at(-1)?.at ?? 0 });
  agrees(report);
  expect(report.attempts.started).toBe(facts.filter(({ type }) => type === "dispatch.granted").length);
  expect(report.merged.count).toBeGreaterThan(0);
});
