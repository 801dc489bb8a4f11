import { expect, test } from "vitest";
import { nextAlarm } from "../../../src/do/alarm.ts";
import { heartbeat } from "../../../src/do/rig.ts";
import { budgetOrder, spend } from "../../../src/do/spend.ts";
import { budgetDeadline } from "../../../src/machines/budget.ts";
import { whyBead } from "../../../src/core/why.ts";
import type { TestRig } from "../../support/node-rig.ts";
import { codes, set, uses } from "./money-words.ts";
import { agentOf, as, beadOf, calls, DAY, exits, facts, MINUTE, slung, town } from "./words.ts";

/** Caps against a careless operator, a clock that goes wrong, and an agent that says what is not so. */

const starts = (rig: TestRig): number => rig.container.starts.length;
const cost = (rig: TestRig): number => spend(rig.rig, "day", null, null).total.cost_microdollars;

test("MONEY-nothing a day of which nothing may be spent starts nothing, on no day, and its alarm waits for the next one", async () => {
  const rig = town();
  set(rig, { day_tokens: 0 });
  await slung(rig);
  expect([starts(rig), codes(rig)]).toEqual([0, ["day_budget"]]);
  for (const days of [1, 2]) {
    const midnight = Math.ceil((rig.now + 1) / DAY) * DAY;
    await rig.advance(midnight + MINUTE);
    const { budget } = rig.rig.world;
    expect([days, starts(rig), budget?.value]).toEqual([days, 0, "capped"]);
    expect(budget === undefined ? 0 : budgetDeadline(budget, rig.rig.world.rig.context.settings)).toBe(midnight + DAY);
    expect(nextAlarm(rig.rig, rig.now)).toBeGreaterThan(rig.now);
  }
  set(rig, { day_tokens: 1 });
  await rig.advance(rig.now + MINUTE);
  expect(starts(rig)).toBe(1);
});

test("MONEY-none a bead that may spend nothing is not started, asks for its budget, and goes on when it is raised", async () => {
  const rig = town();
  set(rig, { bead_microdollars: 0 });
  const { beadId } = await slung(rig);
  await rig.advance(rig.now + MINUTE);
  expect([starts(rig), codes(rig)]).toEqual([0, ["bead_budget"]]);
  expect(whyBead(rig.rig.world, beadOf(rig, beadId))).toMatchObject({ reason: "over_budget" });
  rig.run({ type: "raise_budget", beadId, tokens: 0, microdollars: 1 });
  await rig.advance(rig.now + MINUTE);
  expect([starts(rig), codes(rig)]).toEqual([1, []]);
});

test("a cap that is set below what is spent stops who runs: the day's at once, the bead's with its next report", async () => {
  for (const patch of [{ day_tokens: 50 }, { bead_tokens: 50 }]) {
    const rig = town();
    set(rig, { day_tokens: 1_000, bead_tokens: 1_000 });
    const { agentId } = await slung(rig);
    uses(rig, agentId, { tokens: 100 });
    set(rig, patch);
    expect(budgetOrder(rig.rig, agentId)).toMatchObject({ ["day_tokens" in patch ? "day" : "bead"]: { tokens: 0 } });
    if ("bead_tokens" in patch) uses(rig, agentId, { tokens: 101 });
    await rig.settled();
    expect(calls(rig, "stop")).toEqual([`${agentId}:1`]);
    await exits(rig, agentId);
    await rig.advance(rig.now + MINUTE);
    expect(starts(rig)).toBe(1);
  }
});

test("MONEY-clock a clock that is put back across midnight gives nobody the day before once more", async () => {
  const rig = town();
  const midnight = Math.ceil((rig.now + 1) / DAY) * DAY;
  await rig.advance(midnight + MINUTE);
  set(rig, { day_tokens: 1_000 });
  const { agentId } = await slung(rig);
  uses(rig, agentId, { tokens: 900 });
  expect(budgetOrder(rig.rig, agentId)).toMatchObject({ day: { tokens: 100 } });
  const ends_at = new Date(midnight + DAY).toISOString();
  rig.now = midnight - MINUTE;
  expect(budgetOrder(rig.rig, agentId)).toMatchObject({ day: { tokens: 100 }, day_ends_at: ends_at });
  uses(rig, agentId, { tokens: 1_000 });
  expect(budgetOrder(rig.rig, agentId)).toMatchObject({ day: { tokens: 0 } });
  expect(spend(rig.rig, "day", null, null).today).toMatchObject({ tokens: 1_000, state: "capped" });
});

test("what is told after midnight of the day before counts on the day on which it is heard, once", async () => {
  const rig = town();
  set(rig, { day_tokens: 1_000 });
  const { agentId } = await slung(rig);
  uses(rig, agentId, { tokens: 600 });
  await exits(rig, agentId);
  const midnight = Math.ceil((rig.now + 1) / DAY) * DAY;
  await rig.advance(midnight + MINUTE);
  for (let i = 0; i < 2; i++) uses(rig, agentId, { tokens: 700, n: 1 });
  expect(
    spend(rig.rig, "day", null, null)
      .rows.map(({ input_tokens }) => input_tokens)
      .sort(),
  ).toEqual([100, 600]);
  expect(spend(rig.rig, "day", null, null).today).toMatchObject({ tokens: 100 });
});

test("MONEY-repriced another price, or another model, prices what is used from then on, and nothing that was counted", async () => {
  const at = (input: number) => ({
    prices: { m: { input, cached: 0, output: 0 }, big: { input: 9_000_000, cached: 0, output: 0 } },
  });
  const rig = town();
  set(rig, { day_microdollars: 1_000_000_000, ...at(4_000_000) });
  const { agentId } = await slung(rig);
  uses(rig, agentId, { tokens: 100, model: "m" });
  expect(cost(rig)).toBe(400);
  set(rig, at(1_000_000));
  uses(rig, agentId, { tokens: 150, model: "m" });
  expect(cost(rig)).toBe(450);
  set(rig, at(2_000_000));
  uses(rig, agentId, { tokens: 200, model: "m" });
  expect(cost(rig)).toBe(550);
  uses(rig, agentId, { tokens: 210, model: "big" });
  expect(cost(rig)).toBe(640);
  // One without a price costs what nobody knows, and is said to.
  uses(rig, agentId, { tokens: 230, model: "another" });
  expect(spend(rig.rig, "day", null, null).total).toMatchObject({
    input_tokens: 230,
    cost_microdollars: 640,
    estimated_microdollars: 640,
    unpriced_tokens: 20,
  });
  // And what had none until now is estimated with what comes after it.
  uses(rig, agentId, { tokens: 10, session: "t", model: "another" });
  set(rig, { prices: { another: { input: 1_000_000, cached: 0, output: 0 } } });
  uses(rig, agentId, { tokens: 30, session: "t", model: "another" });
  expect(cost(rig)).toBe(670);
});

test("MONEY-soft most of a bead's cap is told once, at its share and not a token earlier", async () => {
  const rig = town();
  set(rig, { bead_tokens: 1_000, budget_told_percent: 50 });
  const { agentId } = await slung(rig);
  uses(rig, agentId, { tokens: 499 });
  expect(rig.notified).toEqual([]);
  for (const tokens of [500, 501, 600, 999]) uses(rig, agentId, { tokens });
  await rig.settled();
  expect(rig.notified.map(({ title }) => title)).toEqual([expect.stringContaining("most of what bead")]);
});

test("MONEY-claim only its container, which the rig has asked, says that a door counts an agent: what an agent says of itself stops it no later", async () => {
  const rig = town();
  set(rig, { bead_tokens: 1_000 });
  const { agentId } = await slung(rig);
  const says = (tokens: number) =>
    heartbeat(rig.rig, agentId, `${agentId}:1`, as(rig, agentId), {
      usage: {
        session: "s",
        input_tokens: tokens,
        cached_tokens: 0,
        output_tokens: 0,
        model: null,
        cost_microdollars: null,
        at_door: true,
      },
    });
  expect(says(999)).toBe(null);
  expect(spend(rig.rig, "day", null, null).bound).toBe("unmetered_ms");
  expect(says(1_000)).toBe(null);
  await rig.settled();
  expect(calls(rig, "stop")).toEqual([`${agentId}:1`]);
});

test("MONEY-next what a door counted of one dispatch says nothing of the next, which is stopped until it is counted as well", async () => {
  const rig = town();
  set(rig, { day_tokens: 1_000 });
  const { agentId } = await slung(rig);
  uses(rig, agentId, { tokens: 10, atDoor: true });
  // What the rig has seen of its container outlives a restart, and what the agent says.
  rig.reopen();
  uses(rig, agentId, { tokens: 20 });
  expect(agentOf(rig, agentId).context.atDoor).toBe(true);
  await exits(rig, agentId);
  await rig.advance(rig.now + MINUTE);
  expect([agentOf(rig, agentId).context.dispatchN, agentOf(rig, agentId).context.atDoor]).toEqual([2, undefined]);
  heartbeat(rig.rig, agentId, `${agentId}:2`, as(rig, agentId, 2));
  set(rig, { day_tokens: 1 });
  await rig.settled();
  expect(calls(rig, "stop")).toEqual([`${agentId}:2`]);
  expect(facts(rig, "budget.capped")).toHaveLength(1);
});
