import { expect, onTestFinished, test, vi } from "vitest";
import { leaseMore } from "../../../src/do/lease.ts";
import type { RigPorts } from "../../../src/do/ports.ts";
import { heartbeat } from "../../../src/do/rig.ts";
import { see } from "../../../src/do/sightings.ts";
import { budgetOrder } from "../../../src/do/spend.ts";
import { lease, setTownCaps, TOWN_TABLES, townDay, townLines, type LeaseAsk } from "../../../src/do/town-money.ts";
import { dayOf, startOfDay } from "../../../src/events/budget.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import { whyBead } from "../../../src/core/why.ts";
import { nodeSql } from "../../support/node-sql.ts";
import { START_MS, type TestRig } from "../../support/node-rig.ts";
import { agentOf, as, beadOf, calls, DAY, facts, HOUR, MINUTE, slung, town } from "./words.ts";

/** A town's day: one stream from which its rigs lease what they spend. */

const NOW = START_MS;
const TODAY = dayOf(NOW);

function townSql(tokens: number | null, on_cap: "stop" | "finish_answer" = "finish_answer") {
  const { sql } = nodeSql();
  for (const statement of TOWN_TABLES.split(";")) if (statement.trim() !== "") sql.exec(statement);
  setTownCaps(sql, { tokens, microdollars: null, told_percent: 80, on_cap }, "anna", NOW);
  return sql;
}

const asked = (rigId: string, tokens: number, more: Partial<LeaseAsk> = {}): LeaseAsk => ({
  rigId,
  day: TODAY,
  spent: { tokens, microdollars: 0 },
  anew: false,
  asOf: 1,
  ...more,
});

/** A rig of a capped town whose object answers as long as `isUp`. */
function rigIn(sql: ReturnType<typeof townSql>, onCap: "stop" | "finish_answer" = "finish_answer") {
  const rig = town();
  const state = { isUp: true };
  (rig.rig.ports as { town?: RigPorts["town"] }).town = () => ({
    lease: async (ask) => {
      if (!state.isUp) throw new Error("away");
      return lease(sql, ask, rig.now);
    },
  });
  tellCap(rig, onCap);
  return { rig, state };
}

const tellCap = (rig: TestRig, onCap: "stop" | "finish_answer" | null): unknown =>
  rig.run({ type: "set_town_cap", onCap }, { kind: "system", id: "anna", dispatchId: null });

async function uses(rig: TestRig, agentId: string, tokens: number): Promise<void> {
  const usage = {
    session: "s",
    input_tokens: tokens,
    cached_tokens: 0,
    output_tokens: 0,
    model: null,
    cost_microdollars: null,
  };
  see(rig.rig, agentOf(rig, agentId), { usage: { ...usage, at_door: true } }, "container");
  heartbeat(rig.rig, agentId, `${agentId}:1`, as(rig, agentId, 1), { usage });
  await rig.rig.leasing.under;
  await rig.settled();
}

const leasesOf = (rig: TestRig) => rig.rig.world.budget?.context.leases;

test("TOWN-sum what all rigs have leased, or spent beyond that, is never more than the cap", () => {
  const sql = townSql(1_600);
  expect(lease(sql, asked("a", 0), NOW).tokens).toBe(1_600 / LIMITS.lease_part);
  expect(lease(sql, asked("b", 0), NOW).tokens).toBe(94);
  // Asked again it is the same sum: an answer that was lost takes nothing twice.
  expect(lease(sql, asked("a", 0), NOW).tokens).toBe(100);
  // An answer under way has gone beyond its lease: that is the town's too.
  expect(lease(sql, asked("a", 1_500, { asOf: 2 }), NOW).tokens).toBe(
    1_500 + Math.ceil(1_600 / LIMITS.lease_least_part),
  );
  expect(lease(sql, asked("b", 94, { asOf: 2 }), NOW).tokens).toBe(96);
  expect(townDay(sql, NOW).leased.tokens).toBeLessThanOrEqual(1_600);
  for (let n = 0; n < 50; n++) lease(sql, asked(`c${n}`, 0), NOW);
  expect(townDay(sql, NOW).leased.tokens).toBeLessThanOrEqual(1_600);
});

test("TOWN-late a question that comes late, after a newer one of its rig, takes nothing back", () => {
  const sql = townSql(1_600);
  expect(lease(sql, asked("a", 50, { asOf: 5, anew: true }), NOW).tokens).toBe(147);
  lease(sql, asked("a", 0, { asOf: 3, anew: true }), NOW);
  expect(lease(sql, asked("a", 50, { asOf: 5 }), NOW).tokens).toBe(147);
  const { tokens } = lease(sql, asked("a", 140, { asOf: 6 }), NOW);
  lease(sql, asked("a", 0, { asOf: 4, anew: true }), NOW);
  expect(townDay(sql, NOW).leased.tokens).toBe(tokens);
  // A newer one that is not anew takes nothing back either.
  expect(lease(sql, asked("a", 60, { asOf: 9 }), NOW).tokens).toBeGreaterThanOrEqual(147);
  expect(townDay(sql, NOW)).toMatchObject({ spent: { tokens: 140 } });
});

test("TOWN-closed a rig that the town has not answered starts nothing, and why says so; with its lease it goes on", async () => {
  const { rig, state } = rigIn(townSql(16_000));
  state.isUp = false;
  const { beadId } = await slung(rig);
  await rig.advance(rig.now + 5 * MINUTE);
  expect(calls(rig, "start")).toEqual([]);
  expect(whyBead(rig.rig.world, beadOf(rig, beadId))).toMatchObject({
    reason: "over_budget",
    values: { scope: "town" },
  });
  state.isUp = true;
  await rig.advance(rig.now + MINUTE);
  expect(calls(rig, "start")).toHaveLength(1);
  expect(leasesOf(rig)).toEqual([{ day: TODAY, tokens: 1_000, microdollars: null }]);
  const agentId = rig.container.starts[0]?.agentId ?? "";
  expect(budgetOrder(rig.rig, agentId)).toMatchObject({ day: { tokens: 1_000 }, day_retry_ms: LIMITS.lease_retry_ms });
  // More is leased before it is used up, and not before half of it is.
  await uses(rig, agentId, 499);
  expect(leasesOf(rig)).toMatchObject([{ tokens: 1_000 }]);
  rig.now += MINUTE;
  await uses(rig, agentId, 500);
  expect(leasesOf(rig)?.[0]?.tokens).toBeGreaterThan(1_000);
});

test("TOWN-day what was leased of a day is nothing on the next one; tomorrow's may be leased shortly before", async () => {
  const { rig, state } = rigIn(townSql(16_000));
  const { agentId } = await slung(rig);
  await rig.settled();
  rig.run({ type: "set_settings", settings: { unmetered_ms: DAY } });
  const midnight = startOfDay(TODAY + 1);
  await rig.advance(midnight - LIMITS.lease_ahead_ms - MINUTE);
  expect(leasesOf(rig)?.map(({ day }) => day)).toEqual([TODAY]);
  if (rig.rig.world.index.slots.size === 0) await slung(rig, "more");
  await rig.advance(midnight - 1);
  expect(leasesOf(rig)?.map(({ day }) => day)).toEqual([TODAY, TODAY + 1]);
  state.isUp = false;
  await rig.advance(midnight + MINUTE);
  expect(rig.rig.world.budget?.value).toBe("counting");
  await rig.advance(midnight + DAY);
  expect(rig.rig.world.budget?.value).toBe("capped");
  expect(agentId).not.toBe("");
});

test("TOWN-new a town's cap that is changed takes back what was leased: each rig asks anew", async () => {
  const sql = townSql(16_000);
  const { rig, state } = rigIn(sql);
  const { agentId } = await slung(rig);
  await uses(rig, agentId, 10);
  expect(leasesOf(rig)).toMatchObject([{ tokens: 1_000 }]);
  setTownCaps(sql, { tokens: 160, microdollars: null, told_percent: 80, on_cap: "finish_answer" }, "bert", rig.now);
  state.isUp = false;
  tellCap(rig, "finish_answer");
  expect([leasesOf(rig), rig.rig.world.budget?.value]).toEqual([[], "capped"]);
  await rig.rig.leasing.under;
  state.isUp = true;
  await leaseMore(rig.rig);
  expect(leasesOf(rig)).toMatchObject([{ tokens: 20 }]);
  expect(townLines(sql, 5).map(({ by }) => by)).toEqual(["bert", "anna"]);
  tellCap(rig, null);
  expect(rig.rig.world.budget?.value).toBe("counting");
});

test("TOWN-told most of a town's day, and its end, are told once, by one of its rigs", async () => {
  const sql = townSql(100);
  const { rig } = rigIn(sql);
  const { agentId } = await slung(rig);
  lease(sql, asked("other", 79), NOW);
  for (const tokens of [1, 2, 3, 4, 5, 6, 30]) {
    rig.now += MINUTE;
    await uses(rig, agentId, tokens);
  }
  lease(sql, asked("other", 85, { asOf: 9 }), NOW);
  await rig.advance(rig.now + 3 * MINUTE);
  const told = rig.notified.filter(({ title }) => title.includes("town"));
  expect(told.map(({ title }) => title)).toEqual([
    "most of the town's day is spent",
    "the town's day is spent: none of its rigs starts anything",
  ]);
  expect(new Set(facts(rig, "town.leased").map(({ news }) => news))).toContain("capped");
  expect(lease(sql, asked("other", 85, { asOf: 10 }), NOW).news).toBe(null);
});

test("TOWN-stop with on_cap stop, who runs is stopped when nothing is left, at nobody's cost", async () => {
  const { rig, state } = rigIn(townSql(1_600, "stop"), "stop");
  const { agentId, beadId } = await slung(rig);
  state.isUp = false;
  await uses(rig, agentId, 99);
  expect(calls(rig, "stop")).toEqual([]);
  await uses(rig, agentId, 100);
  expect(calls(rig, "stop")).toEqual([`${agentId}:1`]);
  await rig.advance(rig.now + HOUR);
  expect(beadOf(rig, beadId).context.attempts).toBe(0);
});

test("TOWN-meter in a capped town a process that tells nothing of what it uses is stopped after unmetered_ms", async () => {
  const { rig } = rigIn(townSql(16_000));
  const { agentId } = await slung(rig);
  await rig.advance(rig.now + 30 * MINUTE - 1);
  expect(calls(rig, "stop")).toEqual([]);
  await rig.advance(rig.now + MINUTE);
  expect(calls(rig, "stop")).toEqual([`${agentId}:1`]);
});

test("a town that never answers is waited for no longer than its time, and asked again no sooner than after a pause", async () => {
  const sql = townSql(16_000);
  const { rig } = rigIn(sql);
  const { agentId } = await slung(rig);
  let asks = 0;
  (rig.rig.ports as { town?: RigPorts["town"] }).town = () => ({
    lease: () => {
      asks += 1;
      return new Promise(() => {});
    },
  });
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const under = (tokens: number): Promise<void> | null => {
    const usage = {
      session: "s",
      input_tokens: tokens,
      cached_tokens: 0,
      output_tokens: 0,
      model: null,
      cost_microdollars: null,
    };
    see(rig.rig, agentOf(rig, agentId), { usage: { ...usage, at_door: true } }, "container");
    heartbeat(rig.rig, agentId, `${agentId}:1`, as(rig, agentId, 1), { usage });
    return rig.rig.leasing.under;
  };
  rig.now += LIMITS.lease_pause_ms;
  const first = under(600);
  expect([first === null, asks]).toEqual([false, 1]);
  await vi.advanceTimersByTimeAsync(LIMITS.lease_timeout_ms - 1);
  expect(rig.rig.leasing.under).toBe(first);
  await vi.advanceTimersByTimeAsync(1);
  expect(rig.rig.leasing.under).toBe(null);
  rig.now += LIMITS.lease_pause_ms - 1;
  expect([under(601), asks]).toEqual([null, 1]);
  rig.now += 1;
  expect([under(602) === null, asks]).toEqual([false, 2]);
  await vi.advanceTimersByTimeAsync(LIMITS.lease_timeout_ms);
});

test("of a town's days, lines and accounts no more are kept than the limit", () => {
  const sql = townSql(1_000);
  const accounts = Array.from({ length: LIMITS.town_accounts + 5 }, (_, n) => ({
    id: `openai:${n.toString(16).padStart(16, "0")}`,
    until: NOW + HOUR,
  }));
  lease(sql, asked("a", 1, { accounts }), NOW);
  expect(townDay(sql, NOW).accounts).toHaveLength(LIMITS.town_accounts);
  expect(townDay(sql, NOW + HOUR).accounts).toEqual([]);
  for (let n = 0; n < LIMITS.town_lines + 3; n++)
    setTownCaps(sql, { tokens: n, microdollars: null, told_percent: 80, on_cap: "stop" }, "anna", NOW);
  expect(townLines(sql, 10_000)).toHaveLength(LIMITS.town_lines);
  for (let n = 0; n <= LIMITS.town_days + 5; n++) lease(sql, asked("a", 1, { day: TODAY + n, asOf: n }), NOW + n * DAY);
  const days = sql.exec<{ n: number }>("SELECT COUNT(DISTINCT day) AS n FROM town_leases").toArray()[0]?.n;
  expect(days).toBe(LIMITS.town_days + 1);
});
