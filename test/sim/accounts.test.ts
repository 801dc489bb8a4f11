import { expect, test } from "vitest";
import { createAccounts, type Asking } from "../../container/agents/door/accounts.ts";
import { execute } from "../../src/do/rig.ts";
import { facts, HOUR, SECOND } from "../unit/incidents/words.ts";
import { agentCaller } from "../support/callers.ts";
import { bead, testRig, type TestRig } from "../support/node-rig.ts";
import { random as randomOf, type Random } from "./random.ts";

/**
 * Thirty agents on three accounts whose providers let so many requests in within five hours: with a real rig and the real rule of the
 * door, and a container that is taken away now and then. Nobody asks in vain, nobody is charged, and no slot is idle without need.
 */

/** ACCOUNT_RUNS=200 takes ten minutes. */
const RUNS = Number(process.env["ACCOUNT_RUNS"] ?? 1);
const AGENTS = 30;
const WINDOW_MS = 5 * HOUR;
const PER_WINDOW = 60;
const DAY_MS = 24 * HOUR;
const PROGRAMS = ["claude", "codex", "gemini"] as const;
const ACCOUNTS = PROGRAMS.map((name, n) => `${name === "claude" ? "anthropic" : name}:${String(n).padStart(16, "0")}`);

/** A provider's window: it begins with a request, and lets so many in. */
interface Account {
  readonly id: string;
  begunAt: number;
  taken: number;
  /** When it answered 429 first in this window, and requests begun since. */
  refusedAt: number | null;
  readonly late: number[];
}

interface Process {
  readonly agentId: string;
  readonly dispatchId: string;
  readonly account: Account;
  left: number;
}

class Run {
  readonly rig: TestRig;
  readonly accounts = ACCOUNTS.map((id): Account => ({ id, begunAt: -WINDOW_MS, taken: 0, refusedAt: null, late: [] }));
  /** Most requests that were begun between a first 429 and its reset, and longest idle time, ms. */
  worst = { late: 0, idle_ms: 0, done: 0, limits: 0, seconds: 0 };
  readonly #random: Random;
  readonly #processes = new Map<string, Process>();
  readonly #due: { at: number; run: () => Promise<void> | void }[] = [];
  #door = createAccounts();
  #idleSince: number | null = null;
  #beads = 0;

  constructor(seed: number) {
    this.#random = randomOf(seed, "accounts");
    this.rig = testRig();
    this.rig.run({
      type: "set_settings",
      settings: { capacity: AGENTS, runtimes: PROGRAMS.map((runtime) => ({ runtime })) },
    });
    this.rig.container.onStart = ({ agentId, dispatchId, runtime }) => {
      const account = this.accounts[PROGRAMS.indexOf(runtime as (typeof PROGRAMS)[number])];
      if (account === undefined) throw new Error(`started with ${String(runtime)}`);
      const process = { agentId, dispatchId, account, left: this.#random.between(1, 6) };
      this.#processes.set(agentId, process);
      this.#later(this.#random.between(500, 3_000), () => this.#ask(process));
      return { kind: "accepted" };
    };
  }

  #later(ms: number, run: () => Promise<void> | void): void {
    this.#due.push({ at: this.rig.now + ms, run });
  }

  /** There is always more work than slots. */
  #refill(): void {
    while (this.rig.rig.world.index.ready.size < 5) {
      this.rig.run({ type: "create_bead", bead: bead(`work ${++this.#beads}`), assignTo: null });
    }
  }

  async live(): Promise<void> {
    const end = this.rig.now + DAY_MS;
    this.#later(6 * HOUR, () => this.#evict());
    this.#later(13 * HOUR, () => this.rig.reopen());
    this.#refill();
    await this.rig.settled();
    while (this.rig.now < end) {
      this.#due.sort((a, b) => a.at - b.at);
      const next = this.#due[0];
      const at = Math.min(next?.at ?? end, this.rig.alarm ?? end, end);
      await this.rig.advance(Math.max(at, this.rig.now + 1));
      while ((this.#due[0]?.at ?? Infinity) <= this.rig.now) await this.#due.shift()?.run();
      this.#refill();
      await this.rig.settled();
      this.#look();
    }
  }

  #isLive = (process: Process): boolean => this.#processes.get(process.agentId) === process;

  #ask(process: Process): void {
    if (!this.#isLive(process)) return;
    const { account } = process;
    const { now } = this.rig;
    const asking = this.#door.ask(account.id, now);
    if (asking.until !== null) return void this.#end(process, asking.until);
    if (now >= account.begunAt + WINDOW_MS) Object.assign(account, { begunAt: now, taken: 0, refusedAt: null });
    if (account.refusedAt !== null) this.worst.late = Math.max(this.worst.late, account.late.push(now));
    account.taken += 1;
    const isIn = account.taken <= PER_WINDOW;
    this.#later(this.#random.between(1_000, 8_000), () => this.#answer(process, asking, isIn));
  }

  #answer(process: Process, { came }: Asking, isIn: boolean): void {
    const { account } = process;
    if (!isIn) {
      const until = account.begunAt + WINDOW_MS;
      if (account.refusedAt === null) {
        account.refusedAt = this.rig.now;
        account.late.length = 0;
        this.worst.limits += 1;
      }
      came({ kind: "limited", until });
      return this.#isLive(process) ? this.#end(process, until) : undefined;
    }
    came({ kind: "answered" });
    if (!this.#isLive(process)) return;
    process.left -= 1;
    this.#say(process, { type: "progressed", agentId: process.agentId, what: "tool" });
    if (process.left > 0) return this.#later(this.#random.between(1_000, 60_000), () => this.#ask(process));
    this.#gone(process);
    this.worst.done += 1;
    this.#say(process, {
      type: "done",
      agentId: process.agentId,
      branch: `ticktown/${process.agentId}`,
      prUrl: null,
      summary: null,
    });
  }

  #say(process: Process, command: Parameters<typeof execute>[1]): void {
    execute(this.rig.rig, command, agentCaller(process.agentId, process.dispatchId));
  }

  #gone(process: Process): void {
    this.#processes.delete(process.agentId);
    this.rig.container.processes.delete(process.agentId);
  }

  #end(process: Process, until: number): void {
    this.#gone(process);
    this.#say(process, {
      type: "exited",
      agentId: process.agentId,
      dispatchId: process.dispatchId,
      outcome: "rate_limited",
      reason: "rate_limited",
      resetAt: until,
      limited: { account: process.account.id, until },
    });
  }

  /** The container is taken away with all that it knows: the rig's own facts are what is left. */
  #evict(): void {
    this.#door = createAccounts();
    for (const process of Array.from(this.#processes.values())) {
      this.#gone(process);
      this.#say(process, {
        type: "exited",
        agentId: process.agentId,
        dispatchId: process.dispatchId,
        outcome: "evicted",
        reason: "evicted",
        resetAt: null,
      });
    }
  }

  /** A slot is free although there is work and an account that has not refused anybody in its window. */
  #look(): void {
    const { now, rig } = this.rig;
    const isFree = this.accounts.some(({ begunAt, refusedAt }) => refusedAt === null || now >= begunAt + WINDOW_MS);
    const isIdle = rig.world.index.slots.size < AGENTS;
    if (!isFree || !isIdle) this.#idleSince = null;
    else this.#idleSince ??= now;
    this.worst.idle_ms = Math.max(this.worst.idle_ms, now - (this.#idleSince ?? now));
  }
}

test(`30 agents on 3 accounts of 5-hour windows ask none of them again between a 429 and its reset, in ${RUNS} ${RUNS === 1 ? "day" : "days"}`, async () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    const run = new Run(seed);
    await run.live();
    const { late, idle_ms, limits, done } = run.worst;
    expect(limits, `seed ${seed}: limits are met`).toBeGreaterThanOrEqual(9);
    expect(done, `seed ${seed}: work is done`).toBeGreaterThanOrEqual(100);
    expect(late, `seed ${seed}: requests of an account begun between its first 429 and its reset`).toBeLessThanOrEqual(
      1,
    );
    expect(facts(run.rig, "dispatch.failed"), `seed ${seed}: nobody is charged`).toEqual([]);
    const { cadence_active_ms } = run.rig.rig.world.rig.context.settings;
    expect(idle_ms, `seed ${seed}: no slot is idle`).toBeLessThanOrEqual(cadence_active_ms + SECOND);
    run.rig.close();
  }
});
