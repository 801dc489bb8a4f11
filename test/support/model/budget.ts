import type { Fact } from "../../../src/events/facts.ts";
import { dayOf, startOfDay } from "../../../src/events/budget.ts";
import type { BudgetSnapshot } from "../../../src/machines/budget.ts";
import type { World } from "../../../src/core/world.ts";
import type { Model } from "./explore.ts";
import { move, type Move } from "./world.ts";

/** The budget in a rig without a repository: what is spent is told by the model alone. */

const START_MS = 1_800_000_000_000;
const DAYS = 2;
const CAP = 1_000;
const opened: Fact = { type: "budget.opened" };
const capOf = (day_tokens: number | null): Fact => ({ type: "rig.settings_changed", changes: { day_tokens } });

export const counted = (tokens: number, beadId: string | null = null): Fact => ({
  type: "spend.counted",
  agentId: "a",
  dispatchId: "a:1",
  beadId,
  session: "s",
  runtime: null,
  model: null,
  inputTokens: tokens,
  cachedTokens: 0,
  outputTokens: 0,
  costMicrodollars: null,
  estimated: false,
});

export const budgetModel: Model = {
  name: "budget",
  kind: "budget",
  id: "budget",
  seeds: [move(START_MS, capOf(CAP)), move(START_MS, opened)],
  moves: (world) => movesOf(world),
  key: (world) => keyOf(world, budgetIn(world)),
};

function budgetIn({ budget }: World): BudgetSnapshot {
  if (budget === undefined) throw new Error("the model has no budget");
  return budget;
}

const keyOf = ({ at, rig }: World, { value, context }: BudgetSnapshot): string =>
  JSON.stringify([
    value,
    rig.context.settings.day_tokens,
    context.today.tokens >= CAP,
    context.today.tokens >= CAP * 0.8,
    dayOf(at) - dayOf(START_MS),
    dayOf(at) > context.day,
  ]);

function movesOf({ at }: World): Move[] {
  const tomorrow = startOfDay(dayOf(at) + 1);
  const isLast = dayOf(at) - dayOf(START_MS) >= DAYS;
  const times = isLast ? [at] : [at, tomorrow - 1, tomorrow];
  return [
    move(at, opened),
    ...times.map((when) => move(when, { type: "TICK", container: "unasked" })),
    ...times.flatMap((when) => [1, CAP * 0.8, CAP].map((tokens) => move(when, counted(tokens)))),
    ...[0, 1, CAP, CAP * 10, null].map((cap) => move(at, capOf(cap))),
    ...(isLast ? [] : [move(tomorrow, capOf(1)), move(tomorrow, capOf(CAP))]),
  ];
}

const leased = (day: number, tokens: number, news: "told" | null = null): Fact => ({
  type: "town.leased",
  day,
  tokens,
  microdollars: null,
  spent: { tokens: 1, microdollars: 0 },
  caps: { tokens: CAP, microdollars: null },
  news,
});
const ofTown = (town_on_cap: "stop" | null): Fact => ({ type: "rig.settings_changed", changes: { town_on_cap } });
const TODAY = dayOf(START_MS);

/** The same in a town that is capped: what is leased of its day, and how that ends. */
export const townBudgetModel: Model = {
  ...budgetModel,
  name: "budget (town)",
  seeds: [...budgetModel.seeds, move(START_MS, ofTown("stop"))],
  moves: (world) => townMoves(world),
  key: (world) => {
    const { leases, townTold } = budgetIn(world).context;
    const held = leases?.map(({ day, tokens }) => [day - dayOf(world.at), tokens === 1]);
    const { town_on_cap = null } = world.rig.context.settings;
    return JSON.stringify([keyOf(world, budgetIn(world)), town_on_cap, held, townTold?.length ?? 0]);
  },
};

function townMoves({ at, rig }: World): Move[] {
  const tick = (when: number): Move => move(when, { type: "TICK", container: "unasked" });
  // What is left to say of another day is what its first TICK does.
  if (dayOf(at) > TODAY || rig.context.settings.town_on_cap === null) return [tick(at), move(at, leased(TODAY, 1))];
  return [
    tick(at),
    tick(startOfDay(TODAY + 1)),
    ...[1, CAP * 0.8, CAP].map((tokens) => move(at, counted(tokens))),
    ...[1, CAP, CAP * 10].map((cap) => move(at, capOf(cap))),
    ...[1, CAP * 10].map((tokens) => move(at, leased(TODAY, tokens))),
    ...[1, CAP * 10].map((tokens) => move(at, leased(TODAY, tokens, "told"))),
    move(at, leased(TODAY + 1, CAP * 10)),
    move(at, ofTown("stop")),
    move(at, ofTown(null)),
  ];
}
