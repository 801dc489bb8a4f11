import { expect, test } from "vitest";
import { type Used, createBudgets } from "../../../container/agents/door/budget.ts";
import type { BudgetOrder } from "../../../src/wire/container.ts";

/** What the rig lets its agents spend, at the door: the next answer is refused before it is paid for. */

const ORDER: BudgetOrder = {
  as_of: 1,
  bead: { tokens: null, microdollars: null },
  day: { tokens: null, microdollars: null },
  day_ends_at: "2027-01-02T00:00:00.000Z",
  counted: null,
  answers_in_flight: 2,
  prices: {},
};

const used = (tokens: number, more: Partial<Used> = {}): Used => ({
  session: "s",
  input_tokens: tokens,
  cached_tokens: 0,
  output_tokens: 0,
  model: "m",
  cost_microdollars: null,
  ...more,
});

/** A dispatch whose use is said by the test. */
function dispatch(budgets = createBudgets(), rigId = "rig1", beadId: string | null = null) {
  let now: Used | null = null;
  const budget = budgets.open(rigId, beadId, () => now);
  return {
    budget,
    uses: (tokens: number, more: Partial<Used> = {}): void => {
      now = used(tokens, more);
    },
  };
}

test("DOOR-bead at a bead's cap, and not a token earlier, the next answer is refused, and a person must raise it", () => {
  const { budget, uses } = dispatch();
  expect([budget.refusal(), budget.inFlight()]).toEqual([null, Number.POSITIVE_INFINITY]);
  budget.take({ ...ORDER, bead: { tokens: 100, microdollars: null } });
  expect([budget.refusal(), budget.inFlight()]).toEqual([null, 2]);
  uses(99);
  expect(budget.refusal()).toBe(null);
  uses(100);
  expect(budget.refusal()).toMatchObject({ says: expect.stringContaining("100 of 100 tokens"), until: null });
  // The rig has counted it and says what is left; or lets it spend more.
  const counted = { session: "s", tokens: 100, microdollars: 0 };
  budget.take({ ...ORDER, bead: { tokens: 0, microdollars: null }, counted });
  expect(budget.refusal()).not.toBe(null);
  budget.take({ ...ORDER, bead: { tokens: 50, microdollars: null }, counted });
  uses(149);
  expect(budget.refusal()).toBe(null);
  uses(150);
  expect(budget.refusal()).not.toBe(null);
  budget.take(undefined);
  expect(budget.refusal()).toBe(null);
});

test("DOOR-day what all dispatches of a rig have used since they were counted is taken off its day, and the day ends by itself", () => {
  const budgets = createBudgets();
  const [one, two, other] = [dispatch(budgets), dispatch(budgets), dispatch(budgets, "rig2")];
  for (const { budget } of [one, two]) budget.take({ ...ORDER, day: { tokens: 100, microdollars: null } });
  other.budget.take({ ...ORDER, day: { tokens: 1, microdollars: null } });
  one.uses(60);
  two.uses(39);
  expect([one.budget.refusal(), two.budget.refusal(), other.budget.refusal()]).toEqual([null, null, null]);
  two.uses(40);
  for (const { budget } of [one, two])
    expect(budget.refusal()).toMatchObject({ until: Date.parse(ORDER.day_ends_at), says: /of the day/ as never });
  // What another rig spends is its own affair.
  expect(other.budget.refusal()).toBe(null);
});

test("DOOR-money money that nobody names is estimated by the rig's prices", () => {
  const { budget, uses } = dispatch();
  const prices = { m: { input: 2_000_000, cached: 0, output: 0 } };
  budget.take({ ...ORDER, bead: { tokens: null, microdollars: 100 }, prices });
  uses(49);
  expect(budget.refusal()).toBe(null);
  uses(50);
  expect(budget.refusal()).not.toBe(null);
  uses(50, { cost_microdollars: 99 });
  expect(budget.refusal()).toBe(null);
});

test("DOOR-repriced a price that is changed in the middle is one of what was used since the rig has counted", () => {
  const { budget, uses } = dispatch();
  const counted = {
    session: "s",
    tokens: 100,
    microdollars: 400,
    input_tokens: 100,
    cached_tokens: 0,
    output_tokens: 0,
  };
  const prices = { m: { input: 1_000_000, cached: 0, output: 0 } };
  budget.take({ ...ORDER, bead: { tokens: null, microdollars: 50 }, counted, prices });
  uses(149);
  expect(budget.refusal()).toBe(null);
  uses(150);
  expect(budget.refusal()).not.toBe(null);
});

test("DOOR-older an order that was overtaken by a newer one is not taken", () => {
  const budgets = createBudgets();
  const [one, two] = [dispatch(budgets), dispatch(budgets)];
  const left = (as_of: number, tokens: number): BudgetOrder => ({
    ...ORDER,
    as_of,
    day: { tokens, microdollars: null },
  });
  two.uses(60);
  two.budget.take({ ...left(9, 40), counted: { session: "s", tokens: 60, microdollars: 0 } });
  one.budget.take(left(8, 100));
  one.uses(39);
  expect(one.budget.refusal()).toBe(null);
  one.uses(40);
  expect(one.budget.refusal()).not.toBe(null);
});

test("DOOR-unheard what a dispatch had spent at its end, and the rig may never hear of, is taken off what is left", () => {
  const budgets = createBudgets();
  const day = { ...ORDER, day: { tokens: 100, microdollars: null } };
  const bead = { ...ORDER, bead: { tokens: 100, microdollars: null } };
  for (const [order, rigId] of [
    [day, "rig1"],
    [bead, "rig2"],
  ] as const) {
    const first = dispatch(budgets, rigId, "b1");
    first.budget.take(order);
    first.uses(70);
    first.budget.close();
    const second = dispatch(budgets, rigId, "b1");
    second.budget.take({ ...order, as_of: 2 });
    second.uses(29, { session: "t" });
    expect([rigId, second.budget.refusal()]).toEqual([rigId, null]);
    second.uses(30, { session: "t" });
    expect([rigId, second.budget.refusal() === null]).toEqual([rigId, false]);
    // The next day begins with nothing.
    second.budget.take({ ...order, as_of: 3, day_ends_at: "2027-01-03T00:00:00.000Z" });
    expect([rigId, second.budget.refusal()]).toEqual([rigId, null]);
  }
});

test("a conversation that the rig has not counted yet counts as a whole", () => {
  const { budget, uses } = dispatch();
  budget.take({
    ...ORDER,
    bead: { tokens: 100, microdollars: null },
    counted: { session: "another", tokens: 1_000, microdollars: 0 },
  });
  uses(100);
  expect(budget.refusal()).not.toBe(null);
});
