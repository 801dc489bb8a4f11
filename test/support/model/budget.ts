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
    ...[CAP, CAP * 10, null].map((cap) => move(at, capOf(cap))),
    ...(isLast ? [] : [move(tomorrow, capOf(1)), move(tomorrow, capOf(CAP))]),
  ];
}
