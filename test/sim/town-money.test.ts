import { expect, test } from "vitest";
import { createBudgets, type DispatchBudget } from "../../container/agents/door/budget.ts";
import { leaseMore } from "../../src/do/lease.ts";
import type { RigPorts } from "../../src/do/ports.ts";
import { heartbeat } from "../../src/do/rig.ts";
import { see } from "../../src/do/sightings.ts";
import { budgetOrder } from "../../src/do/spend.ts";
import { lease, setTownCaps, TOWN_TABLES, type LeaseAsk } from "../../src/do/town-money.ts";
import { dayOf, startOfDay } from "../../src/events/budget.ts";
import { agentCaller } from "../support/callers.ts";
import { nodeSql } from "../support/node-sql.ts";
import { bead, START_MS, testRig, type TestRig } from "../support/node-rig.ts";
import { random as randomOf, type Random } from "./random.ts";

/**
 * Eleven rigs that spend one town's day as fast as they can, at a real door, while the town's object answers late, twice or not at all.
 * However that goes: no more is leased than the cap, and no more is spent than that and the answers under way.
 */

/** TOWN_RUNS=500 takes two minutes. */
const RUNS = Number(process.env["TOWN_RUNS"] ?? 6);
const RIGS = 11;
const STEPS = 900;
const CAP = 30_000;
const LARGEST_ANSWER = 500;
const IN_FLIGHT = 2;

interface Agent {
  readonly rig: TestRig;
  readonly id: string;
  readonly budget: DispatchBudget;
  used: number;
  answers: number[];
}

class Town {
  readonly sql = nodeSql().sql;
  readonly rigs: TestRig[] = [];
  readonly agents: Agent[] = [];
  /** What is leased or was spent beyond that, at its most. */
  leased = 0;
  readonly #random: Random;
  readonly #late: LeaseAsk[] = [];
  readonly #budgets = createBudgets();
  #isUp = true;
  #now = START_MS;

  constructor(seed: number) {
    this.#random = randomOf(seed, "town");
    for (const statement of TOWN_TABLES.split(";")) if (statement.trim() !== "") this.sql.exec(statement);
    setTownCaps(
      this.sql,
      { tokens: CAP, microdollars: null, told_percent: 80, on_cap: "finish_answer" },
      "anna",
      this.#now,
    );
  }

  async begin(): Promise<void> {
    for (let n = 0; n < RIGS; n++) {
      const rig = testRig();
      rig.run({ type: "set_settings", settings: { answers_in_flight: IN_FLIGHT } });
      (rig.rig.ports as { town?: RigPorts["town"] }).town = () => ({
        lease: (ask) => this.#lease({ ...ask, rigId: `r${n}` }),
      });
      rig.run({ type: "set_town_cap", onCap: "finish_answer" }, { kind: "system", id: "anna", dispatchId: null });
      this.rigs.push(rig);
      const { agentId = "" } = rig.run({ type: "sling", bead: bead(`work ${n}`) });
      await this.#untilStarted(rig);
      const agent: Agent = {
        rig,
        id: agentId,
        used: 0,
        answers: [],
        budget: this.#open(rig, n, agentId, () => agent.used),
      };
      this.agents.push(agent);
    }
  }

  async #untilStarted(rig: TestRig): Promise<void> {
    for (let tries = 0; rig.container.starts.length === 0 && tries < 50; tries++) {
      rig.now += 6_000;
      await leaseMore(rig.rig);
      await rig.settled();
    }
    expect(rig.container.starts).toHaveLength(1);
  }

  #open(rig: TestRig, n: number, agentId: string, used: () => number): DispatchBudget {
    const budget = this.#budgets.open(`r${n}`, null, () => ({
      session: agentId,
      input_tokens: used(),
      cached_tokens: 0,
      output_tokens: 0,
      model: null,
      cost_microdollars: null,
    }));
    budget.take(budgetOrder(rig.rig, agentId));
    return budget;
  }

  /** Answered, answered although nobody hears it, asked again later, or not at all. */
  async #lease(ask: LeaseAsk) {
    const random = this.#random;
    if (!this.#isUp) throw new Error("the town is away");
    const what = random.weighted({ answered: 6, lost: 1, late: 1 });
    if (what === "late") {
      this.#late.push(ask);
      throw new Error("no answer");
    }
    const answer = lease(this.sql, ask, this.#now);
    if (what === "lost") throw new Error("no answer");
    return answer;
  }

  async step(): Promise<void> {
    const random = this.#random;
    this.#now += random.between(10, 3_000);
    for (const rig of this.rigs) rig.now = Math.max(rig.now, this.#now);
    const agent = this.agents[random.between(0, this.agents.length - 1)] as Agent;
    switch (random.weighted({ ask: 10, answer: 10, beat: 6, late: 1, town: 0.2 })) {
      case "ask":
        if (agent.answers.length < agent.budget.inFlight() && agent.budget.refusal() === null)
          agent.answers.push(random.between(1, LARGEST_ANSWER));
        break;
      case "answer":
        agent.used += agent.answers.shift() ?? 0;
        break;
      case "beat":
        await this.#beat(agent);
        break;
      case "late": {
        const ask = this.#late.shift();
        if (ask !== undefined) lease(this.sql, ask, this.#now);
        break;
      }
      default:
        this.#isUp = !this.#isUp;
    }
    this.leased = Math.max(
      this.leased,
      this.rigs.reduce(
        (sum, { rig }) =>
          sum + (rig.world.budget?.context.leases?.find(({ day }) => day === dayOf(START_MS))?.tokens ?? 0),
        0,
      ),
    );
  }

  async #beat({ rig, id, used, budget }: Agent): Promise<void> {
    const usage = {
      session: id,
      input_tokens: used,
      cached_tokens: 0,
      output_tokens: 0,
      model: null,
      cost_microdollars: null,
      at_door: true,
    };
    const seen = rig.rig.world.agents.get(id);
    if (seen !== undefined) see(rig.rig, seen, { usage }, "container");
    heartbeat(rig.rig, id, `${id}:1`, agentCaller(id, `${id}:1`), { usage });
    await rig.rig.leasing.under;
    if (this.#random.chance(0.8)) budget.take(budgetOrder(rig.rig, id));
  }

  spent = (): number => this.agents.reduce((sum, { used }) => sum + used, 0);
  close = (): void => this.rigs.forEach((rig) => rig.close());
}

test(`eleven rigs that race for a town's day lease no more than its cap, and spend no more than that and the answers under way, in ${RUNS} runs`, async () => {
  let reached = 0;
  for (let seed = 1; seed <= RUNS; seed++) {
    const town = new Town(seed);
    await town.begin();
    for (let i = 0; i < STEPS; i++) await town.step();
    // Whoever goes beyond what it has leased by an answer under way may be leased what it has spent.
    const under = RIGS * IN_FLIGHT * LARGEST_ANSWER;
    expect(town.leased, `seed ${seed}: leased`).toBeLessThanOrEqual(CAP);
    expect(town.spent(), `seed ${seed}: spent`).toBeLessThanOrEqual(CAP + under);
    if (town.spent() >= CAP * 0.8) reached++;
    town.close();
  }
  expect(reached, "runs in which the day is spent").toBeGreaterThanOrEqual(RUNS / 2);
});

test("as long as the town does not answer, a rig spends what it has leased and then nothing; tomorrow's is leased before today ends", async () => {
  const rig = testRig({ now: startOfDay(dayOf(START_MS)) + 22 * 3_600_000 });
  const sql = nodeSql().sql;
  for (const statement of TOWN_TABLES.split(";")) if (statement.trim() !== "") sql.exec(statement);
  setTownCaps(sql, { tokens: 1_600, microdollars: null, told_percent: 80, on_cap: "stop" }, "anna", rig.now);
  let isUp = false;
  rig.run({ type: "set_settings", settings: { unmetered_ms: 86_400_000 } });
  (rig.rig.ports as { town?: RigPorts["town"] }).town = () => ({
    lease: async (ask) => {
      if (!isUp) throw new Error("away");
      return lease(sql, ask, rig.now);
    },
  });
  rig.run({ type: "set_town_cap", onCap: "stop" }, { kind: "system", id: "anna", dispatchId: null });
  const { agentId = "" } = rig.run({ type: "sling", bead: bead("work") });
  await rig.settled();
  // Nothing is leased: nothing is started, however often it is tried.
  await rig.advance(rig.now + 300_000);
  expect(rig.container.starts).toEqual([]);
  isUp = true;
  await rig.advance(rig.now + 300_000);
  expect(rig.container.starts).toHaveLength(1);
  expect(rig.rig.world.budget?.context.leases).toMatchObject([{ tokens: 100 }]);
  isUp = false;
  const usage = {
    session: "s",
    input_tokens: 100,
    cached_tokens: 0,
    output_tokens: 0,
    model: null,
    cost_microdollars: null,
  };
  heartbeat(rig.rig, agentId, `${agentId}:1`, agentCaller(agentId, `${agentId}:1`), {
    usage: { ...usage, at_door: true },
  });
  await rig.settled();
  expect(rig.rig.world.budget?.value).toBe("capped");
  // on_cap stop: whoever runs is stopped, at nobody's cost.
  expect(rig.container.calls.filter(({ kind }) => kind === "stop")).toHaveLength(1);
  isUp = true;
  const tomorrow = dayOf(rig.now) + 1;
  await rig.advance(startOfDay(tomorrow) - 1);
  expect(rig.rig.world.budget?.context.leases?.map(({ day }) => day)).toEqual([tomorrow - 1, tomorrow]);
  isUp = false;
  await rig.advance(startOfDay(tomorrow) + 60_000);
  expect([rig.rig.world.budget?.value, rig.rig.world.budget?.context.leases?.map(({ day }) => day)]).toEqual([
    "counting",
    [tomorrow],
  ]);
  await rig.advance(startOfDay(tomorrow + 1) + 60_000);
  expect(rig.rig.world.budget?.value).toBe("capped");
  rig.close();
});
