import { describe, expect, test } from "vitest";
import { judge } from "../../../src/core/train/judge.ts";
import { chanceOfBad, firstPart, groupSize, NOTHING_KNOWN, plan, probe } from "../../../src/core/train/plan.ts";
import { drawn, emptyQueue, oneByOne, type QueueOptions } from "../../support/train/queue.ts";

/** Simulated queues with an honest gate. Every run counts: repetitions, and those of the target alone. */

const QUEUES = 10_000;
const sum = (numbers: readonly number[]): number => numbers.reduce((all, n) => all + n, 0);

/** How many times fewer rounds than one by one, over queues of 100. */
function faster(chance: number, slots: number, train_max: number): number {
  const queues = Array.from({ length: 300 }, (_, seed) => {
    const bad = drawn(100, chance, seed);
    return { ours: emptyQueue({ bad, slots, train_max, seed }).rounds, theirs: oneByOne(bad) };
  });
  return sum(queues.map(({ theirs }) => theirs)) / sum(queues.map(({ ours }) => ours));
}

test("in 10,000 queues the target is green after every push, no good review is sent back, and no bad one gets through", () => {
  for (let seed = 0; seed < QUEUES; seed++) {
    const bad = drawn(1 + (seed % 24), [0, 0.02, 0.1, 0.3, 1][seed % 5] ?? 0, seed);
    const { redPushes, wronged, merged, sentBack } = emptyQueue({
      bad,
      slots: 1 + (seed % 9),
      train_max: 1 + (seed % 17),
      seed,
    });
    expect([seed, redPushes, wronged]).toEqual([seed, 0, 0]);
    expect([...merged, ...sentBack].sort((a, b) => a - b)).toEqual(bad.map((_, i) => i));
    expect(merged.some((i) => bad[i])).toBe(false);
  }
});

test("16 reviews with one bad one take at most 9 runs with one slot, wherever it stands", () => {
  for (const train_max of [8, 16]) {
    const runs = Array.from(
      { length: 16 },
      (_, at) => emptyQueue({ bad: Array.from({ length: 16 }, (_, i) => i === at), slots: 1, train_max }).runs,
    );
    expect(Math.max(...runs)).toBeLessThanOrEqual(9);
  }
});

test.each([
  ["one slot, a tenth bad", 0.1, 1, 8, 1.9],
  ["one slot, a fiftieth bad", 0.02, 1, 8, 4.5],
  ["eight slots, a tenth bad", 0.1, 8, 8, 5],
] as const)("a queue of 100 with %s is empty so much sooner than one by one", (_, chance, slots, train_max, least) => {
  expect(faster(chance, slots, train_max)).toBeGreaterThanOrEqual(least);
});

describe("when others push in between", () => {
  const queue = (more: Partial<QueueOptions>) =>
    emptyQueue({ bad: drawn(20, 0.1, 7), slots: 1, train_max: 8, ...more });

  test("what is good, everybody still gets what is theirs", () => {
    for (const slots of [1, 2, 8])
      expect(queue({ slots, push: () => "good" })).toMatchObject({ wronged: 0, redPushes: 0 });
  });

  test("and break the target, nobody is sent back for it, and nothing is pushed onto it until it is mended", () => {
    for (const slots of [1, 2, 8])
      for (let at = 1; at < 12; at++) {
        const push = (train: number) => (train === at ? ("bad" as const) : train === at + 3 ? ("good" as const) : null);
        expect(queue({ slots, push })).toMatchObject({ wronged: 0, redPushes: 0 });
      }
  });
});

test("a run that is red by chance is repeated: of 9,000 good reviews with 2 % of all runs red by chance hardly one is sent back", () => {
  const wronged = Array.from(
    { length: 300 },
    (_, seed) =>
      emptyQueue({ bad: drawn(30, 0.1, seed), slots: 1 + (seed % 9), train_max: 8, flake: 0.02, seed }).wronged,
  );
  expect(sum(wronged)).toBeLessThan(9);
});

describe("the plan", () => {
  const queue = (...ids: string[]) => ids.map((id) => ({ id, jumped: false }));
  const one = { train_max: 8, gate_slots: 1 };
  const many = { train_max: 8, gate_slots: 4 };

  test("of nobody is none", () => {
    expect(plan([], NOTHING_KNOWN, one)).toBeNull();
    expect(probe([], true)).toBeNull();
  });

  test("takes as many as are all good with a chance of a half, at most train_max", () => {
    expect([0.5, 0.1, 0.02].map((chance) => groupSize(chance, 100))).toEqual([1, 7, 34]);
    expect(groupSize(0.02, 8)).toBe(8);
    expect([2, 8, 32].map((size) => firstPart(size, 0.02))).toEqual([1, 4, 13]);
    expect(chanceOfBad({ good: 0, bad: 0 })).toBeCloseTo(0.075);
  });

  test("with one slot has nobody behind the gate, and of suspects only the first part", () => {
    expect(plan(queue("a", "b", "c"), NOTHING_KNOWN, one)).toEqual({
      members: ["a", "b", "c"],
      gates: [3],
      again: null,
    });
    expect(plan(queue("x", "a", "b"), { ...NOTHING_KNOWN, suspects: ["a", "b"], green: "t" }, one)).toEqual({
      members: ["a"],
      gates: [1],
      again: null,
    });
  });

  test("looks at the target alone once something was red on it, and only while it is not known to be green", () => {
    const known = { ...NOTHING_KNOWN, suspects: ["a"] };
    expect(plan(queue("a"), known, one)?.gates).toEqual([0, 1]);
    expect(plan(queue("a"), { ...known, green: "t" }, one)?.gates).toEqual([1]);
    expect(plan(queue("a"), NOTHING_KNOWN, one)?.gates).toEqual([1]);
  });

  test("with slots gates prefixes side by side, and repeats the one that was red beside the others", () => {
    expect(plan(queue("a", "b", "c", "d", "e", "f", "g", "h"), NOTHING_KNOWN, many)?.gates).toEqual([2, 4, 6, 8]);
    expect(plan(queue("a", "b", "c"), { ...NOTHING_KNOWN, suspects: ["b"], green: "t" }, many)).toEqual({
      members: ["a", "c"],
      gates: [1, 2],
      again: "b",
    });
    // Nobody else is there: then its train is its repetition.
    expect(plan(queue("b"), { ...NOTHING_KNOWN, suspects: ["b"], green: "t" }, many)).toEqual({
      members: ["b"],
      gates: [1],
      again: null,
    });
  });

  test("puts those in front that a person put there, whoever is suspected", () => {
    const waiting = [{ id: "urgent", jumped: true }, ...queue("a", "b")];
    const known = { ...NOTHING_KNOWN, suspects: ["a", "b"], green: "t" };
    expect(plan(waiting, known, one)).toEqual({ members: ["urgent"], gates: [1], again: null });
    expect(plan(waiting, known, many)?.members).toEqual(["urgent", "a", "b"]);
  });
});

describe("the judgement", () => {
  const train = { members: ["a", "b", "c"], again: null };
  const seen = { target: "t0", left: [], runs: [], pushed: null, isStopped: false };
  const red = (upTo: number | null) => ({ upTo, verdict: "red" as const });
  const green = (upTo: number | null) => ({ upTo, verdict: "green" as const });

  test("sends nobody back for one red run, nor where what it stood on is not known to be green", () => {
    const first = judge(train, { ...NOTHING_KNOWN, green: "t0", target: "t0" }, { ...seen, runs: [red(1)] });
    expect(first).toMatchObject({ convicted: null, known: { suspects: ["a"], once: "a" } });
    const unsure = judge(train, { ...NOTHING_KNOWN, suspects: ["a"], target: "t0" }, { ...seen, runs: [red(1)] });
    expect(unsure).toMatchObject({ convicted: null, known: { suspects: ["a"], once: null } });
    const sure = judge(train, first.known, { ...seen, runs: [red(1)] });
    expect(sure.convicted).toEqual({ id: "a", run: 0 });
  });

  test("takes an earlier red run for a first one only where nobody has pushed in between", () => {
    const known = { ...NOTHING_KNOWN, suspects: ["a", "b"], green: "t0", target: "t0" };
    expect(judge(train, known, { ...seen, runs: [red(1)] }).convicted).toEqual({ id: "a", run: 0 });
    expect(judge(train, known, { ...seen, target: "t9", runs: [green(0), red(1)] })).toMatchObject({
      convicted: null,
      known: { suspects: ["a"], once: "a" },
    });
  });

  test("charges nobody when the target is red, unless a longer prefix was green", () => {
    expect(judge(train, { ...NOTHING_KNOWN, suspects: ["a"] }, { ...seen, runs: [red(0), red(1)] })).toMatchObject({
      targetIsRed: 0,
      convicted: null,
      known: { suspects: [], once: null, green: null },
    });
    const pushed = { to: "t1", members: ["a"] };
    expect(judge(train, NOTHING_KNOWN, { ...seen, runs: [red(0), green(1)], pushed })).toMatchObject({
      targetIsRed: null,
      merged: ["a"],
      known: { green: "t1", target: "t1" },
    });
  });

  test("counts prefixes by who was stacked: those that left are in none", () => {
    const judged = judge(
      train,
      { ...NOTHING_KNOWN, suspects: ["b"], green: "t0", target: "t0" },
      { ...seen, left: ["a"], runs: [green(1), red(2)] },
    );
    expect(judged.convicted).toEqual({ id: "b", run: 1 });
  });

  test("fails closed where one tree was red and green", () => {
    const judged = judge(train, NOTHING_KNOWN, { ...seen, left: ["b"], runs: [green(1), red(2)] });
    expect(judged.known.suspects).toEqual(["a"]);
  });

  test("says that a repetition was green, so that the receipt can", () => {
    const known = { ...NOTHING_KNOWN, suspects: ["x"], once: "x", green: "t0", target: "t0" };
    const judged = judge({ members: ["a"], again: "x" }, known, { ...seen, runs: [green(1), green(null)] });
    expect(judged.known).toMatchObject({ suspects: [], once: null, flaky: ["x"] });
    const twice = judge({ members: ["a"], again: "x" }, known, { ...seen, runs: [green(1), red(null)] });
    expect(twice.convicted).toEqual({ id: "x", run: 1 });
  });

  test("knows a report of which nothing became", () => {
    const place = { upTo: 3, verdict: "place" as const };
    expect(judge(train, NOTHING_KNOWN, { ...seen, runs: [place] }).isIdle).toBe(true);
    expect(judge(train, NOTHING_KNOWN, { ...seen, runs: [place], isStopped: true }).isIdle).toBe(false);
    expect(judge(train, NOTHING_KNOWN, { ...seen, left: ["a"] }).isIdle).toBe(false);
  });
});
