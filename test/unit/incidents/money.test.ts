import { expect, test } from "vitest";
import { LIMITS } from "../../../src/events/limits.ts";
import { heartbeat } from "../../../src/do/rig.ts";
import { needs } from "../../../src/do/needs.ts";
import { report } from "../../../src/do/report.ts";
import { exitedBy } from "../../../src/do/completed.ts";
import { tellLastUsage } from "../../../src/do/sightings.ts";
import { budgetOrder, spend, spendOfBead } from "../../../src/do/spend.ts";
import { whyAgent, whyBead } from "../../../src/core/why.ts";
import type { SettingsPatch } from "../../../src/events/settings.ts";
import type { TestRig } from "../../support/node-rig.ts";
import { seeing } from "./hand-in-words.ts";
import { codes, set, uses } from "./money-words.ts";
import { agentOf, as, beadOf, calls, DAY, done, exits, facts, MINUTE, SECOND, slung, stateOf, town } from "./words.ts";

/** What is spent is counted once, and ends at its caps: what counts, what is stopped, who is told, and what it costs nobody. */

const total = (rig: TestRig): number => spend(rig.rig, "day", null, null).total.input_tokens;
const starts = (rig: TestRig): number => rig.container.starts.length;

test("MONEY-once what is told twice, late or out of order is counted once, and what was lost is made up for by the next", async () => {
  const rig = town();
  set(rig, { day_tokens: 1_000_000 });
  const { agentId, beadId } = await slung(rig);
  for (const tokens of [100, 100, 300, 200, 300]) uses(rig, agentId, { tokens });
  uses(rig, agentId, { tokens: 50, session: "t" });
  expect([total(rig), beadOf(rig, beadId).context.spent]).toEqual([350, { tokens: 350, microdollars: 0 }]);
  // A dispatch that was replaced still costs: in the ledger, by its own id, and it changes its agent in nothing else.
  await exits(rig, agentId);
  await rig.advance(rig.now + MINUTE);
  expect(agentOf(rig, agentId).context.dispatchN).toBe(2);
  const before = stateOf(rig, agentId);
  uses(rig, agentId, { tokens: 400, n: 1 });
  uses(rig, agentId, { tokens: 400, n: 1 });
  expect([total(rig), stateOf(rig, agentId)]).toEqual([450, before]);
  const rows = Object.fromEntries(
    spend(rig.rig, "attempt", null, null).rows.map(({ key, input_tokens }) => [key, input_tokens]),
  );
  expect(rows).toEqual({ [`${agentId}:1`]: 450 });
  expect(spend(rig.rig, "bead", null, null).rows).toMatchObject([{ key: beadId, input_tokens: 450 }]);
  expect(spend(rig.rig, "runtime", null, null).rows).toMatchObject([{ key: "claude", input_tokens: 450 }]);
});

test("MONEY-forgotten a conversation that its agent has forgotten is known to the ledger: told again it adds what is new of it, and no more", async () => {
  const rig = town();
  set(rig, { day_tokens: 1_000_000 });
  const { agentId } = await slung(rig);
  for (let i = 0; i < LIMITS.sessions_remembered; i++) uses(rig, agentId, { tokens: 1, session: `s${i}` });
  uses(rig, agentId, { tokens: 1, session: "s0" });
  expect(total(rig)).toBe(LIMITS.sessions_remembered);
  uses(rig, agentId, { tokens: 1, session: "one more" });
  expect(agentOf(rig, agentId).context.counted?.map(({ session }) => session)).not.toContain("s0");
  // Of its newest dispatch, and of one that was replaced.
  uses(rig, agentId, { tokens: 1, session: "s0" });
  expect(total(rig)).toBe(LIMITS.sessions_remembered + 1);
  uses(rig, agentId, { tokens: 5, session: "s0" });
  expect(total(rig)).toBe(LIMITS.sessions_remembered + 5);
  await exits(rig, agentId);
  await rig.advance(rig.now + MINUTE);
  for (const tokens of [1, 1, 7]) uses(rig, agentId, { tokens, session: "s1", n: 1 });
  expect(total(rig)).toBe(LIMITS.sessions_remembered + 11);
});

test("MONEY-bead at its cap, and not a token earlier, a bead's agent is stopped in mid-turn and waits for a person", async () => {
  const rig = town();
  set(rig, { bead_tokens: 1_000 });
  const { agentId, beadId } = await slung(rig);
  uses(rig, agentId, { tokens: 999 });
  expect([calls(rig, "stop"), rig.notified.length]).toEqual([[], 1]);
  uses(rig, agentId, { tokens: 1_000 });
  await rig.settled();
  expect(calls(rig, "stop")).toEqual([`${agentId}:1`]);
  await exits(rig, agentId);
  await rig.advance(rig.now + MINUTE);
  expect(stateOf(rig, agentId)).toBe("blocked.overBudget");
  expect([agentOf(rig, agentId).context.attempts, codes(rig)]).toEqual([0, ["bead_budget"]]);
  expect(needs(rig.rig).needs[0]).toMatchObject({ agents: [{ id: agentId }], beads: [{ id: beadId }], level: "now" });
  expect(whyBead(rig.rig.world, beadOf(rig, beadId))).toMatchObject({ reason: "over_budget" });
  // An answer alone pays for nothing.
  rig.run({ type: "answer", agentId, answer: "go on" });
  await rig.advance(rig.now + 10 * MINUTE);
  expect([starts(rig), codes(rig)]).toEqual([1, ["bead_budget"]]);
  rig.run({ type: "raise_budget", beadId, tokens: 500, microdollars: 0 });
  await rig.advance(rig.now + MINUTE);
  // The escalation that told of it is left.
  expect([starts(rig), codes(rig)]).toEqual([2, ["settled_itself"]]);
  expect(facts(rig, "bead.budget_raised")).toMatchObject([{ beadId, tokens: 500, by: "operator" }]);
});

test("a raise alone lets an agent go on that waits at its bead's cap", async () => {
  const rig = town();
  set(rig, { bead_tokens: 1_000 });
  const { agentId, beadId } = await slung(rig);
  uses(rig, agentId, { tokens: 1_000 });
  await exits(rig, agentId);
  await rig.advance(rig.now + MINUTE);
  rig.run({ type: "raise_budget", beadId, tokens: 1, microdollars: 0 });
  await rig.advance(rig.now + MINUTE);
  expect([starts(rig), whyAgent(rig.rig.world, agentOf(rig, agentId)).reason]).toEqual([2, "running"]);
});

test("MONEY-door an agent that its door counts ends with the answer it has asked for, unless the rig says stop", async () => {
  for (const on_cap of ["finish_answer", "stop"] as const) {
    const rig = town();
    set(rig, { bead_tokens: 1_000, on_cap });
    const { agentId } = await slung(rig);
    uses(rig, agentId, { tokens: 1_100, atDoor: true });
    await rig.settled();
    expect([on_cap, calls(rig, "stop").length]).toEqual([on_cap, on_cap === "stop" ? 1 : 0]);
    expect(budgetOrder(rig.rig, agentId)).toMatchObject({
      bead: { tokens: 0, microdollars: null },
      day: { tokens: null, microdollars: null },
      counted: { session: "s", tokens: 1_100 },
    });
  }
});

test("MONEY-day at the day's cap nothing is started and who runs is handed back, uncharged; the next day it goes on, not 1 ms earlier", async () => {
  const rig = town();
  set(rig, { day_tokens: 1_000 });
  const first = await slung(rig, "one");
  uses(rig, first.agentId, { tokens: 999 });
  expect([calls(rig, "stop"), codes(rig)]).toEqual([[], []]);
  uses(rig, first.agentId, { tokens: 1_000 });
  await rig.settled();
  expect(calls(rig, "stop")).toEqual([`${first.agentId}:1`]);
  await exits(rig, first.agentId);
  const tomorrow = Math.ceil((rig.now + 1) / DAY) * DAY;
  await rig.advance(rig.now + MINUTE);
  await slung(rig, "two");
  expect([starts(rig), agentOf(rig, first.agentId).context.attempts]).toEqual([1, 0]);
  expect(codes(rig)).toContain("day_budget");
  const waiting = [...rig.rig.world.beads.values()].find(({ context }) => context.id !== first.beadId);
  expect(whyBead(rig.rig.world, waiting as never)).toMatchObject({ reason: "over_budget", until: tomorrow });
  await rig.advance(tomorrow - 1);
  expect(starts(rig)).toBe(1);
  await rig.advance(tomorrow + MINUTE);
  expect([starts(rig), codes(rig)]).toEqual([3, []]);
  expect(spend(rig.rig, "day", null, null).today).toMatchObject({ tokens: 0, state: "counting" });
});

test("MONEY-raised a day's cap that is raised lets work go on at once", async () => {
  const rig = town();
  set(rig, { day_tokens: 1_000 });
  const { agentId } = await slung(rig);
  uses(rig, agentId, { tokens: 1_000 });
  await exits(rig, agentId);
  await rig.advance(rig.now + MINUTE);
  expect(starts(rig)).toBe(1);
  set(rig, { day_tokens: 1_001 });
  await rig.advance(rig.now + MINUTE);
  expect(starts(rig)).toBe(2);
});

test("MONEY-told most of a cap is told once, at its share and not a token earlier", async () => {
  const rig = town();
  set(rig, { day_tokens: 1_000, budget_told_percent: 50 });
  const { agentId } = await slung(rig);
  uses(rig, agentId, { tokens: 499 });
  expect(rig.notified).toEqual([]);
  for (const tokens of [500, 501, 600]) uses(rig, agentId, { tokens });
  await rig.settled();
  expect(rig.notified.map(({ title }) => title)).toEqual(["most of the day's budget is spent"]);
});

test("MONEY-estimate what nobody names the cost of is estimated by the rig's prices, and said to be; the reported cost counts", async () => {
  const rig = town();
  set(rig, {
    day_microdollars: 1_000_000,
    prices: {
      claude: { input: 1_000_000, cached: 0, output: 0 },
      "claude-big": { input: 3_000_000, cached: 0, output: 0 },
    },
  });
  const { agentId } = await slung(rig);
  uses(rig, agentId, { tokens: 100, model: "claude-big-1" });
  expect(spend(rig.rig, "model", null, null)).toMatchObject({
    total: { cost_microdollars: 300, estimated_microdollars: 300, unpriced_tokens: 0 },
    rows: [{ key: "claude-big-1" }],
  });
  uses(rig, agentId, { tokens: 100, model: "claude-big-1", cost: 500 });
  uses(rig, agentId, { tokens: 10, session: "t", model: "other" });
  expect(spend(rig.rig, "day", null, null).total).toMatchObject({
    cost_microdollars: 500,
    estimated_microdollars: 300,
    unpriced_tokens: 10,
  });
});

test("MONEY-unmetered under a cap, who tells nothing of what it uses is stopped after its time, and not 1 ms earlier; without one nobody is", async () => {
  const busy = async (rig: TestRig, agentId: string, until: number, tells?: () => void): Promise<void> => {
    while (rig.now < until) {
      rig.now = Math.min(until, rig.now + 30 * SECOND);
      const seen = { lastActivityAt: rig.now, progressAt: rig.now };
      if (agentOf(rig, agentId).matches("working"))
        expect(heartbeat(rig.rig, agentId, `${agentId}:1`, as(rig, agentId), seen)).toBe(null);
      tells?.();
      await rig.tickAt(rig.now);
    }
  };
  for (const capped of [true, false]) {
    const rig = town();
    set(rig, { unmetered_ms: 10 * MINUTE, ...(capped ? { bead_tokens: 1_000_000 } : {}) });
    const { agentId } = await slung(rig);
    await rig.tickAt(rig.now);
    const since = rig.now;
    await busy(rig, agentId, since + 10 * MINUTE - 1);
    expect(calls(rig, "stop")).toEqual([]);
    await busy(rig, agentId, since + 10 * MINUTE);
    expect([capped, calls(rig, "stop").length]).toEqual([capped, capped ? 1 : 0]);
    if (!capped) continue;
    await exits(rig, agentId);
    await rig.advance(rig.now + MINUTE);
    expect([stateOf(rig, agentId), agentOf(rig, agentId).context.attempts]).toEqual(["blocked.overBudget", 0]);
    expect(needs(rig.rig).needs).toMatchObject([
      { code: "over_budget", values: { reason: "it told nothing of what it uses, and its rig has a cap" } },
    ]);
  }
  // One that tells is left alone.
  const rig = town();
  set(rig, { unmetered_ms: 10 * MINUTE, bead_tokens: 1_000_000 });
  const { agentId } = await slung(rig);
  let tokens = 0;
  await busy(rig, agentId, rig.now + 60 * MINUTE, () => uses(rig, agentId, { tokens: ++tokens }));
  expect(calls(rig, "stop")).toEqual([]);
});

test("MONEY-failed what failed has a price of its own: of the attempt, its bead, the day and the rig, also when it is told late", async () => {
  const rig = town();
  set(rig, { day_tokens: 1_000_000 });
  const { agentId, beadId } = await slung(rig);
  uses(rig, agentId, { tokens: 70, cost: 7 });
  const price = (by: "day" | "bead" | "attempt"): number[] =>
    spend(rig.rig, by, null, null).rows.map(({ failed_tokens }) => failed_tokens);
  expect([price("day"), price("bead"), price("attempt")]).toEqual([[0], [0], [0]]);
  await exits(rig, agentId);
  uses(rig, agentId, { tokens: 80, cost: 8, n: 1 });
  await rig.advance(rig.now + MINUTE);
  uses(rig, agentId, { tokens: 85, cost: 9 });
  expect([price("day"), price("bead"), price("attempt")]).toEqual([[80], [80], [80, 0]]);
  expect(spend(rig.rig, "day", null, null)).toMatchObject({
    total: { input_tokens: 85, failed_tokens: 80, failed_microdollars: 8 },
    failures: { input_tokens: 80, cost_microdollars: 8 },
  });
  expect(spendOfBead(rig.rig, beadId).spent).toMatchObject({ failed_tokens: 80, failed_microdollars: 8 });
  expect(report(rig.rig, 0, rig.now + 1).spent).toMatchObject({ failed_tokens: 80, failed_microdollars: 8 });
});

test("MONEY-unsaid who is gone without its last words is marked incomplete, until its conversation tells again", async () => {
  const rig = town();
  set(rig, { day_tokens: 1_000_000 });
  const { agentId, beadId } = await slung(rig);
  const marks = (): number[] => [
    spend(rig.rig, "day", null, null).total.incomplete,
    spendOfBead(rig.rig, beadId).spent.incomplete,
    report(rig.rig, 0, rig.now + 1).spent.incomplete,
  ];
  uses(rig, agentId, { tokens: 70 });
  expect(marks()).toEqual([0, 0, 0]);
  await exits(rig, agentId, "gone");
  expect(marks()).toEqual([1, 1, 1]);
  expect(spend(rig.rig, "attempt", null, null).rows).toMatchObject([{ key: `${agentId}:1`, incomplete: 1 }]);
  await rig.advance(rig.now + MINUTE);
  // Another conversation makes up for nothing.
  uses(rig, agentId, { tokens: 5, session: "t" });
  expect(marks()).toEqual([1, 1, 1]);
  uses(rig, agentId, { tokens: 90 });
  expect(marks()).toEqual([0, 0, 0]);
});

test("MONEY-awaited whose work was taken is incomplete until its end is told, which may add nothing; an end that nobody has heard leaves it so", async () => {
  const rig = town();
  set(rig, { day_tokens: 1_000_000 });
  const { agentId } = await slung(rig);
  const incomplete = (): number => spend(rig.rig, "day", null, null).total.incomplete;
  uses(rig, agentId, { tokens: 70 });
  await done(rig, agentId, "a-branch");
  expect(incomplete()).toBe(1);
  const said = { dispatchId: `${agentId}:1` };
  tellLastUsage(rig.rig, agentId, as(rig, agentId), { ...said, isUnheard: true });
  await rig.advance(rig.now + DAY);
  expect(incomplete()).toBe(1);
  tellLastUsage(rig.rig, agentId, as(rig, agentId), said);
  expect([incomplete(), total(rig)]).toEqual([0, 70]);
  // Said twice it is one end.
  tellLastUsage(rig.rig, agentId, as(rig, agentId), said);
  expect(facts(rig, "spend.completed")).toMatchObject([{ dispatchId: `${agentId}:1` }]);
  // The same of one whose hand-in was looked at.
  const looked = seeing();
  const other = await slung(looked);
  uses(looked, other.agentId, { tokens: 70 });
  await done(looked, other.agentId, "ticktown/x");
  expect(facts(looked, "hand_in.accepted")).toHaveLength(1);
  expect(spend(looked.rig, "day", null, null).total.incomplete).toBe(1);
  // Its next dispatch is another one, and the end of one that was marked is told late.
  const next = await slung(rig, "more");
  uses(rig, next.agentId, { tokens: 5, session: "t" });
  rig.run({ type: "unhook", agentId: next.agentId });
  expect(incomplete()).toBe(1);
  await slung(rig, "and more");
  tellLastUsage(rig.rig, next.agentId, as(rig, next.agentId, 2), { dispatchId: `${next.agentId}:2` });
  expect(incomplete()).toBe(0);
});

test("MONEY-unheard an end that a control server tells of a process of the one before it is incomplete, in work and in a question", async () => {
  for (const asks of [false, true]) {
    const rig = town();
    set(rig, { day_tokens: 1_000_000 });
    const { agentId } = await slung(rig);
    uses(rig, agentId, { tokens: 70 });
    if (asks)
      rig.run(
        {
          type: "asked",
          agentId,
          dispatchId: `${agentId}:1`,
          ask: { id: "q", kind: "question", text: "which?", command: null, options: [] },
        },
        as(rig, agentId),
      );
    const end = { status: "failed", reason: "container restarted", resetAt: null, dispatchId: `${agentId}:1` } as const;
    rig.run(exitedBy(agentId, { ...end, isUnheard: true }), as(rig, agentId));
    expect([asks, spend(rig.rig, "day", null, null).total.incomplete]).toEqual([asks, 1]);
  }
});

test("an agent that is deleted at work is marked incomplete", async () => {
  const rig = town();
  set(rig, { day_tokens: 1_000_000 });
  const { agentId } = await slung(rig);
  uses(rig, agentId, { tokens: 70 });
  rig.run({ type: "delete_agent", agentId });
  expect(spend(rig.rig, "agent", null, null).rows).toMatchObject([{ key: agentId, incomplete: 1 }]);
});

test("MONEY-said an end that its container tells of is complete, and what it has used may come with it", async () => {
  const rig = town();
  set(rig, { day_tokens: 1_000_000 });
  const { agentId } = await slung(rig);
  uses(rig, agentId, { tokens: 70 });
  const usage = {
    session: "s",
    input_tokens: 100,
    cached_tokens: 0,
    output_tokens: 1,
    model: null,
    cost_microdollars: null,
  };
  const said = { dispatchId: `${agentId}:1`, usage };
  tellLastUsage(rig.rig, agentId, as(rig, agentId), said);
  await exits(rig, agentId);
  tellLastUsage(rig.rig, agentId, as(rig, agentId, 1), said);
  expect(spend(rig.rig, "day", null, null).total).toMatchObject({ input_tokens: 100, output_tokens: 1, incomplete: 0 });
  await rig.advance(rig.now + MINUTE);
  // Of a dispatch that was replaced it counts as well.
  tellLastUsage(rig.rig, agentId, as(rig, agentId, 1), { ...said, usage: { ...usage, input_tokens: 120 } });
  expect(total(rig)).toBe(120);
});

test("prices have a number, and rows of the ledger are shown and kept up to theirs", async () => {
  const prices = (n: number): SettingsPatch["prices"] =>
    Object.fromEntries(Array.from({ length: n }, (_, i) => [`m${i}`, { input: 1, cached: 1, output: 1 }]));
  const { SettingsPatch: Patch } = await import("../../../src/events/settings.ts");
  expect(Patch.safeParse({ prices: prices(LIMITS.prices) }).success).toBe(true);
  expect(Patch.safeParse({ prices: prices(LIMITS.prices + 1) }).success).toBe(false);
  const rig = town();
  const { agentId } = await slung(rig);
  const insert = (day: number, i: number): unknown =>
    rig.ports.sql.exec("INSERT INTO spend VALUES (?, ?, 's', '', 'a', NULL, '', 1, 0, 0, 0, 0, 0)", day, `d${i}`);
  for (let i = 0; i <= LIMITS.spend_rows_shown; i++) insert(1, i);
  const shown = spend(rig.rig, "attempt", null, null);
  expect([shown.rows.length, shown.is_cut]).toEqual([LIMITS.spend_rows_shown, true]);
  for (let i = LIMITS.spend_rows_shown + 1; i <= LIMITS.spend_rows; i++) insert(2, i);
  // It is looked at now and then.
  for (let tokens = 1; tokens < 400; tokens++) {
    rig.now += SECOND;
    uses(rig, agentId, { tokens });
    set(rig, { day_tokens: 1_000_000 + tokens });
  }
  const kept = rig.ports.sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM spend WHERE day = 1").toArray()[0]?.n;
  expect(kept).toBe(0);
});
