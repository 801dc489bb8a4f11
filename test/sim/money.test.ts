import { expect, test } from "vitest";
import { createBudgets, type DispatchBudget } from "../../container/agents/door/budget.ts";
import { heartbeat } from "../../src/do/rig.ts";
import { see } from "../../src/do/sightings.ts";
import { budgetOrder, spend } from "../../src/do/spend.ts";
import type { BudgetOrder } from "../../src/wire/container.ts";
import { agentCaller } from "../support/callers.ts";
import { bead, testRig, type TestRig } from "../support/node-rig.ts";
import { random as randomOf, type Random } from "./random.ts";

/**
 * Agents that spend as fast as they can at a real door and in a real rig, while what they report, and what they are answered, is lost,
 * doubled, late and out of order. However that goes: no more is spent than a cap and the answers that were under way.
 */

/** MONEY_RUNS=1000 takes a minute, with 50 runs of six hours without a door. */
const RUNS = Number(process.env["MONEY_RUNS"] ?? 200);
const STEPS = 400;
const LARGEST_ANSWER = 500;
const IN_FLIGHT = 3;
const CAP = 4_000;
const MINUTE_MS = 60_000;

interface Agent {
  readonly id: string;
  readonly beadId: string;
  session: string;
  used: number;
  answers: number[];
  budget: DispatchBudget | null;
}

interface Report {
  readonly agent: Agent;
  readonly dispatch: string;
  readonly n: number;
  readonly session: string;
  readonly tokens: number;
}

class Run {
  readonly rig: TestRig;
  readonly agents: Agent[] = [];
  readonly spentBy = new Map<string, number>();
  /** Answers that were begun although the cap was reached: what was spent by then. */
  readonly tooLate: number[] = [];
  readonly #isOfBead: boolean;
  readonly #budgets = createBudgets();
  readonly #random: Random;
  readonly #reports: Report[] = [];
  readonly #orders: { readonly budget: DispatchBudget; readonly order: BudgetOrder | undefined }[] = [];
  #sessions = 0;

  constructor(seed: number, caps: { bead_tokens?: number; day_tokens?: number }) {
    this.#random = randomOf(seed, "money");
    this.#isOfBead = caps.bead_tokens !== undefined;
    this.rig = testRig();
    this.rig.run({ type: "set_settings", settings: { ...caps, answers_in_flight: IN_FLIGHT, capacity: 4 } });
  }

  async begin(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      const { beadId = "", agentId = "" } = this.rig.run({ type: "sling", bead: bead(`work ${i}`) });
      await this.rig.settled();
      const agent: Agent = { id: agentId, beadId, session: "", used: 0, answers: [], budget: null };
      this.agents.push(agent);
      this.#open(agent);
    }
  }

  #open(agent: Agent): void {
    agent.session = `s${++this.#sessions}`;
    agent.used = 0;
    const budget = this.#budgets.open("rig", agent.beadId, () => ({
      session: agent.session,
      input_tokens: agent.used,
      cached_tokens: 0,
      output_tokens: 0,
      model: null,
      cost_microdollars: null,
    }));
    budget.take(budgetOrder(this.rig.rig, agent.id));
    agent.budget = budget;
  }

  step(): void {
    const random = this.#random;
    this.rig.now += random.between(10, random.chance(0.02) ? 6 * 60 * MINUTE_MS : 5_000);
    const agent = this.agents[random.between(0, this.agents.length - 1)];
    if (agent === undefined) return;
    switch (random.weighted({ ask: 8, answer: 8, beat: 4, deliver: 4, order: 4, end: 0.3 })) {
      case "ask":
        this.#ask(agent);
        return;
      case "answer":
        this.#answer(agent);
        return;
      case "beat":
        this.#beat(agent);
        return;
      case "deliver":
        this.#deliver();
        return;
      case "order":
        this.#order();
        return;
      default:
        this.#end(agent);
    }
  }

  /** Whoever may begin an answer has a cap that is not reached by those that are over. */
  #ask(agent: Agent): void {
    if (agent.budget === null || agent.answers.length >= agent.budget.inFlight() || agent.budget.refusal() !== null)
      return;
    const spent = this.#isOfBead ? (this.spentBy.get(agent.beadId) ?? 0) : this.spent();
    if (spent >= CAP) this.tooLate.push(spent);
    agent.answers.push(this.#random.between(1, LARGEST_ANSWER));
  }

  #answer(agent: Agent): void {
    const tokens = agent.answers.shift() ?? 0;
    agent.used += tokens;
    this.spentBy.set(agent.beadId, (this.spentBy.get(agent.beadId) ?? 0) + tokens);
  }

  /** Lost, once, or twice; and it comes in any order. */
  #beat(agent: Agent): void {
    const { dispatchN = 1 } = this.rig.rig.world.agents.get(agent.id)?.context ?? {};
    const report = {
      agent,
      dispatch: `${agent.id}:${dispatchN}`,
      n: dispatchN,
      session: agent.session,
      tokens: agent.used,
    };
    const copies = { lost: 0, once: 1, twice: 2 }[this.#random.weighted({ lost: 2, once: 6, twice: 2 })];
    for (let i = 0; i < copies; i++) this.#reports.push(report);
  }

  #deliver(): void {
    const [report] = this.#reports.splice(this.#random.between(0, Math.max(0, this.#reports.length - 1)), 1);
    if (report === undefined) return;
    const { agent, dispatch, session, tokens } = report;
    const usage = {
      session,
      input_tokens: tokens,
      cached_tokens: 0,
      output_tokens: 0,
      model: null,
      cost_microdollars: null,
      at_door: true,
    };
    const seen = this.rig.rig.world.agents.get(agent.id);
    // The rig has looked at its container meanwhile, which says that its door counts.
    if (seen !== undefined && dispatch === `${agent.id}:${seen.context.dispatchN}`)
      see(this.rig.rig, seen, { usage }, "container");
    heartbeat(this.rig.rig, agent.id, dispatch, agentCaller(agent.id, dispatch), { usage });
    if (agent.budget !== null && this.#random.chance(0.8))
      this.#orders.push({ budget: agent.budget, order: budgetOrder(this.rig.rig, agent.id) });
  }

  #order(): void {
    const [late] = this.#orders.splice(this.#random.between(0, Math.max(0, this.#orders.length - 1)), 1);
    late?.budget.take(late.order);
  }

  /** Its process ends with what was under way, and a new conversation is begun in its place: the same dispatch here, for the ledger. */
  #end(agent: Agent): void {
    while (agent.answers.length > 0) this.#answer(agent);
    if (this.#random.chance(0.5)) this.#beat(agent);
    agent.budget?.close();
    this.#open(agent);
  }

  spent = (): number => [...this.spentBy.values()].reduce((sum, tokens) => sum + tokens, 0);
}

test(`at the door no more is spent than the cap and the answers under way, in ${RUNS} runs with every fault of reports`, async () => {
  let overshoot = 0;
  for (let seed = 1; seed <= RUNS; seed++) {
    const isOfBead = seed % 2 === 0;
    const run = new Run(seed, isOfBead ? { bead_tokens: CAP } : { day_tokens: CAP });
    await run.begin();
    const day = Math.floor(run.rig.now / 86_400_000);
    for (let i = 0; i < STEPS && Math.floor(run.rig.now / 86_400_000) === day; i++) run.step();
    expect(run.tooLate, `seed ${seed}`).toEqual([]);
    const perDispatch = IN_FLIGHT * LARGEST_ANSWER;
    if (isOfBead)
      for (const [beadId, tokens] of run.spentBy)
        expect(tokens, `seed ${seed}, ${beadId}`).toBeLessThanOrEqual(CAP + perDispatch);
    else expect(run.spent(), `seed ${seed}`).toBeLessThanOrEqual(CAP + run.agents.length * perDispatch);
    overshoot = Math.max(
      overshoot,
      ...(isOfBead ? [...run.spentBy.values()] : [run.spent()]).map((tokens) => tokens - CAP),
    );
    // The ledger never has more than was spent.
    const { total } = spend(run.rig.rig, "day", null, null);
    expect(total.input_tokens, `seed ${seed}`).toBeLessThanOrEqual(run.spent());
    run.rig.close();
  }
  console.log(
    `at the door: ${overshoot} tokens beyond a cap at the most, of ${IN_FLIGHT * LARGEST_ANSWER} for each dispatch`,
  );
});

test("caps are reached in these runs: they do not hold because nobody spends", async () => {
  let reached = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const run = new Run(seed, { day_tokens: CAP });
    await run.begin();
    for (let i = 0; i < STEPS; i++) run.step();
    if (run.spent() >= CAP) reached++;
    run.rig.close();
  }
  expect(reached).toBeGreaterThanOrEqual(6);
});

const UNMETERED_MS = 10 * MINUTE_MS;
const PER_SECOND = 10;
const AGENTS = 4;
/** A cap that some of them reach while others have told nothing for a while. */
const METERED_CAP = 40_000;
const METERED_RUNS = Math.ceil(RUNS / 20);
/** The longest between two looks of these runs, and what a TICK and a stop may take beside it. */
const LOOK_MS = 3 * MINUTE_MS;
const LATE_MS = LOOK_MS + 2 * MINUTE_MS;

/** Agents whose programs report by themselves: some never, some seldom, some late, and all work in one turn for hours. */
async function unmeteredRun(seed: number): Promise<{ spent: number; stops: number }> {
  const random = randomOf(seed, "unmetered");
  const rig = testRig();
  rig.run({
    type: "set_settings",
    settings: { day_tokens: METERED_CAP, unmetered_ms: UNMETERED_MS, capacity: AGENTS, fruitless_tokens: null },
  });
  const used = new Map<string, number>();
  const due: { agentId: string; dispatchId: string; tokens: number }[] = [];
  const hears = new Map<string, number>();
  for (let n = 0; n < AGENTS; n++) {
    const { agentId = "" } = rig.run({ type: "sling", bead: bead(`work ${n}`) });
    hears.set(agentId, random.weighted({ never: 1, seldom: 2, often: 3 }) === "never" ? 0 : random.between(1, 9) / 10);
  }
  await rig.settled();
  const end = rig.now + 6 * 60 * MINUTE_MS;
  while (rig.now < end) {
    const before = rig.now;
    await rig.advance(rig.now + random.between(5_000, LOOK_MS));
    await rig.settled();
    for (const { agentId, dispatchId } of rig.container.processes.values()) {
      if (dispatchId === null) continue;
      const tokens =
        (used.get(dispatchId) ?? 0) + Math.round(((rig.now - before) / 1_000) * random.between(0, PER_SECOND));
      used.set(dispatchId, tokens);
      if (random.chance(hears.get(agentId) ?? 0)) due.push({ agentId, dispatchId, tokens });
    }
    while (due.length > 0 && random.chance(0.9)) {
      const [one] = random.chance(0.1) ? due.slice(-1) : due.splice(random.between(0, due.length - 1), 1);
      if (one === undefined) break;
      const { agentId, dispatchId, tokens } = one;
      const usage = { session: dispatchId, input_tokens: tokens, cached_tokens: 0, output_tokens: 0, model: null };
      heartbeat(rig.rig, agentId, dispatchId, agentCaller(agentId, dispatchId), {
        usage: { ...usage, cost_microdollars: null },
        lastActivityAt: rig.now,
        progressAt: rig.now,
      });
      await rig.settled();
    }
  }
  const spent = [...used.values()].reduce((sum, tokens) => sum + tokens, 0);
  const stops = rig.container.calls.filter(({ kind }) => kind === "stop").length;
  rig.close();
  return { spent, stops };
}

test(`without the door no more is spent than the cap and what those that run may use within unmetered_ms, in ${METERED_RUNS} runs of six hours`, async () => {
  const most = (AGENTS * PER_SECOND * (UNMETERED_MS + LATE_MS)) / 1_000;
  let [overshoot, reached] = [0, 0];
  for (let seed = 1; seed <= METERED_RUNS; seed++) {
    const { spent, stops } = await unmeteredRun(seed);
    expect(spent, `seed ${seed}`).toBeLessThanOrEqual(METERED_CAP + most);
    expect(stops, `seed ${seed}`).toBeGreaterThan(0);
    overshoot = Math.max(overshoot, spent - METERED_CAP);
    if (spent > METERED_CAP) reached++;
  }
  console.log(`without the door: ${overshoot} tokens beyond a cap at the most, of ${most}`);
  // They do not hold because nobody spends.
  expect(reached).toBeGreaterThan(0);
});
