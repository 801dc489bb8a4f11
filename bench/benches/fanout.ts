import type { Fact } from "../../src/events/facts.ts";
import { fold } from "../../src/core/fold.ts";
import { begin, letGo, createWorld, rollback, type World } from "../../src/core/world.ts";
import { decide } from "../../src/core/decide/index.ts";
import { progressOf, setUp, workOf } from "../facts.ts";
import { tickByHand, type Row, type Said } from "../reducer.ts";
import { median, timed, type Result } from "../report.ts";
import type { Bench } from "../context.ts";

const TICK: Fact = { type: "TICK", container: "unasked" };
const START_MS = 1_800_000_000_000;

/** n agents at work, by the fold alone. */
function worldOf(agents: number): World {
  const world = createWorld();
  const tell = (facts: Fact[]) => {
    begin(world);
    letGo(world, fold(world, facts, START_MS).changed.values());
  };
  for (const command of setUp("rig", "town", agents + 10)) {
    const decision = decide(world, command, {
      at: START_MS,
      caller: { kind: "operator", id: "bench", dispatchId: null, scope: "operate" },
      newId: (kind) => kind,
      undeliveredMail: () => 0,
      openBeads: () => 0,
      openBeadsBy: () => ({ escalations: 0, others: 0 }),
      stateBefore: () => null,
    });
    if (decision.ok) tell(decision.facts);
  }
  for (const facts of workOf(agents, "working", world)) tell(facts);
  return world;
}

const nobody = (): Said => ({ mails: 0, effects: 0, escalations: 0, failures: 0 });

/** A TICK to n agents by the fold alone and by hand: a row of the table, and how many times the fold takes. */
function pureRow(n: number): { row: number[]; ratio: number } {
  const world = worldOf(n);
  const { settings } = world.rig.context;
  const rows = new Map<string, Row>(Array.from(world.agents, ([id, { value, context }]) => [id, { value, context }]));
  const all = (at: number): Said => {
    const said = nobody();
    for (const [id, row] of rows) {
      const next = tickByHand(row, at, false, settings, said);
      if (next !== row) moved.set(id, next);
    }
    return said;
  };
  const moved = new Map<string, Row>();
  const quiet_at = world.at + 1_000;
  const due_at = world.at + settings.gupp_check_ms;
  const quiet = timed(() => fold(world, [TICK], quiet_at));
  const byHand = timed(() => all(quiet_at));
  // Everybody has just shown progress: no snapshot has seen a TICK yet.
  const fresh = median(
    Array.from({ length: 15 }, (_, i) => {
      begin(world);
      letGo(world, fold(world, progressOf(world), world.at + 1 + i).changed.values());
      const began = performance.now();
      fold(world, [TICK], world.at + 1);
      return performance.now() - began;
    }),
  );
  const due = timed(() => {
    begin(world);
    fold(world, [TICK], Math.max(due_at, world.at + settings.gupp_check_ms));
    rollback(world);
  });
  const dueByHand = timed(() => {
    moved.clear();
    all(due_at);
  });
  return {
    ratio: quiet / byHand,
    row: [
      n,
      quiet * 1_000,
      (quiet * 1e6) / n,
      (byHand * 1e6) / n,
      quiet / byHand,
      (fresh * 1e6) / n,
      (due * 1e6) / n,
      (dueByHand * 1e6) / n,
    ],
  };
}

export const fanout: Bench = async ({ quick, workerd, container }): Promise<Result> => {
  const sizes = quick ? [10, 100, 1_000] : [10, 100, 1_000, 10_000];
  const pure: (string | number)[][] = [];
  const whole: (string | number)[][] = [];
  let worst = 0;
  let largest_ms = 0;
  for (const n of sizes) {
    const { row, ratio } = pureRow(n);
    if (n >= 100) worst = Math.max(worst, ratio);
    pure.push(row);

    const rig = `fanout-${n}`;
    const server = await workerd();
    await server.fill(rig, n);
    const control = await container();
    await control.knows(rig, await server.call(rig, "dispatches"));
    control.delay_ms = 0;
    const first = await server.call<number>(rig, "ring");
    const rings = (await server.call<number[]>(rig, "ringDurably", quick ? 15 : 45)).slice(5);
    const took = rings.reduce((sum, each) => sum + each, 0) / rings.length;
    largest_ms = n === 10_000 ? median(rings) : largest_ms;
    whole.push([n, median(rings), took, (took * 1_000) / n, first]);
  }
  return { tables: tablesOf(pure, whole), targets: targetsOf(worst, quick ? null : largest_ms) };
};

const tablesOf = (pure: (string | number)[][], whole: (string | number)[][]): Result["tables"] => [
  {
    title: "TICK to every agent of one rig, nothing due: the fold alone (Node)",
    columns: [
      "agents",
      "fold, µs",
      "per agent, ns",
      "by hand, ns",
      "ratio",
      "after progress of all, ns",
      "all due, ns",
      "all due by hand, ns",
    ],
    rows: pure,
    notes: [
      "`by hand` is a switch over the same rows with the same reads (bench/reducer.ts). `all due`: every agent crosses its first GUPP threshold, with a mail, a message and their journal entries; by hand it only counts them.",
    ],
  },
  {
    title: "The whole alarm, with its commit (workerd)",
    columns: ["agents", "median, ms", "mean, ms", "mean per agent, µs", "first after a cold start, ms"],
    rows: whole,
    notes: [
      "The clock of workerd ticks in ms. The first alarm after a cold start has heard from nobody, so it asks the container about all of them in one call.",
    ],
  },
];

/** @param largest_ms the whole alarm of 10,000 agents, or null when it was not measured */
const targetsOf = (worst: number, largest_ms: number | null): Result["targets"] => [
  {
    what: "one agent's TICK against a switch by hand (100 agents and more)",
    wanted: "at most 3 times",
    is: `${worst.toFixed(2)} times`,
    reached: worst <= 3,
  },
  ...(largest_ms === null
    ? []
    : [
        {
          what: "whole alarm, 10,000 agents, warm, nothing due",
          wanted: "under 50 ms",
          is: `${largest_ms} ms`,
          reached: largest_ms < 50,
        },
      ]),
];
