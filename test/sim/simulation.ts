import { createHash } from "node:crypto";
import { DEFAULT_SETTINGS } from "../../src/events/settings.ts";
import { wake } from "../../src/do/alarm.ts";
import type { Answer, ContainerPort, RigPorts, SqlValue } from "../../src/do/ports.ts";
import { cut, replayer, replaySync, resume } from "../../src/do/replay.ts";
import { execute, heartbeat, openRig, type Rig } from "../../src/do/rig.ts";
import { readEntry, storedActors, type JournalEntry, type JournalRow } from "../../src/do/store.ts";
import { onAlarm, tick } from "../../src/do/tick.ts";
import type { Caller, Command } from "../../src/machines/decide.ts";
import { fold, type Entry } from "../../src/machines/fold.ts";
import { glance, highest, nearestDeadline, overdue, transitionViolations, violations, type Glance, type Highest } from "../../src/machines/invariants.ts";
import type { Kind } from "../../src/machines/step.ts";
import type { World } from "../../src/machines/world.ts";
import { nodeSql } from "../support/node-sql.ts";
import { bringWork, meddle, tidyUp } from "./operators.ts";
import { createQueue, type Queue } from "./queue.ts";
import { random, type Random } from "./random.ts";
import { createTown, isLive, type Town } from "./town.ts";

/**
 * A deterministic simulation: the rig's own code on real SQLite, in virtual time, with a container, a network, agents and
 * operators that misbehave as one seed tells them to. The same seed gives the same journals, byte for byte.
 */

export const FAULTS = {
  crash: "the rig object dies between a commit, its effects, their answers and their recording",
  storage: "a transaction fails",
  network: "calls and callbacks are lost, late, doubled or out of order",
  start: "a start is refused, or its answer is a lie",
  container: "the container is evicted, unreachable or slow",
  alarm: "an alarm is late, doubled or lost",
  clock: "the rig's clock jumps, forwards and backwards",
  poison: "a stored row is garbage",
  agents: "agents ask, stall, crash, vanish, finish twice or late or not at all",
  merge: "merges conflict, fail, or are never answered",
  operators: "operators pause, drain, cancel, delete, rehook and change settings at odd moments",
} as const;
export type Fault = keyof typeof FAULTS;
export const ALL_FAULTS = Object.keys(FAULTS) as Fault[];

export interface Options {
  readonly seed: number;
  readonly rigs: number;
  /** Virtual hours with faults; healing comes after. */
  readonly hours: number;
  readonly faults: readonly Fault[];
  /** Mean time between two new beads of a rig, ms. */
  readonly work_ms?: number;
  readonly trace?: boolean;
}

export interface Failure {
  readonly rule: string;
  readonly text: string;
  /** Virtual ms since the start. */
  readonly at: number;
  readonly rig: string;
}

export interface Report {
  readonly options: Options;
  readonly failure: Failure | null;
  /** Digest of all journals. */
  readonly hash: string;
  /** Virtual hours, healing included, times rigs. */
  readonly rigHours: number;
  readonly healHours: number;
  readonly counts: Counts;
  readonly trace: readonly string[];
  /** Called while storage is open: the journals as rows. */
  readonly journals: readonly { rig: string; rows: JournalRow[]; actors: ReturnType<typeof storedActors> extends Generator<infer R> ? R[] : never }[];
}

const newCounts = () => ({ facts: 0, commits: 0, alarms: 0, starts: 0, replaced: 0, opens: 0, crashes: 0, storage: 0, lost: 0, doubled: 0, poisoned: 0, repaired: 0, jumps: 0, evictions: 0, outages: 0, refused: 0, closed: 0, failed: 0, orphans: 0, replays: 0 });
export type Counts = ReturnType<typeof newCounts>;

/** The rig object died. Not an error of anybody. */
class Crash extends Error {}
/** A call that throws for want of an answer, as `statuses` does. */
class Lost extends Error {}
/** A transaction that the platform could not complete. */
class StorageFailure extends Error {}

interface Life {
  rig: Rig | null;
  dead: boolean;
}

export interface SimRig {
  readonly id: string;
  readonly town: Town;
  readonly storage: ReturnType<typeof nodeSql>;
  readonly repository: { branches: Set<string>; merged: Set<string> };
  /** The rig's clock. */
  now(): number;
  skew: number;
  life: Life | null;
  alarm: number | null;
  alarmToken: number;
  alarmLost: boolean;
  ringing: { scheduled: number | null; attempt: number } | null;
  checkedAlarm: { world: World; seq: number; alarm: number } | null;
  /** Alarms in the current virtual hour. */
  rang: { hour: number; times: number };
  ids: number;
  before: Glance | null;
  highest: Highest;
  /** Ends of beads as the journal told them: they may never change. */
  readonly ended: Map<string, string>;
  /** Actors whose rows are garbage, and the newest seq when they became so. */
  readonly poisoned: Map<string, number>;
}

export interface Simulation {
  readonly options: Options;
  readonly queue: Queue;
  readonly counts: Counts;
  readonly healed: boolean;
  has(fault: Fault): boolean;
  random(name: string): Random;
  trace(line: () => string): void;
  /** An operator's request, at once. */
  request(rig: SimRig, command: Command): void;
  /** What a process or the container tells the rig, through the network. */
  callback(rig: SimRig, command: Command, caller: Caller, importance: "once" | "retried", name: string): void;
  heartbeat(rig: SimRig, agentId: string, dispatchId: string): void;
  readMail(rig: SimRig, agentId: string): void;
  tickNow(rig: SimRig): void;
  /** Any call that wakes the rig. */
  poke(rig: SimRig): void;
  peek<T>(rig: SimRig, look: (world: World) => T): T | undefined;
}

export const START_MS = 1_800_000_000_000;
const HOUR = 3_600_000;
/** After the faults, everything must be over within this. */
const HEAL_MS = 72 * HOUR;
/** A rig that rings more often than this per hour is in a storm; a cadence of 5 s makes 720. */
const ALARMS_PER_HOUR = 3_000;
const OPERATOR: Caller = { id: "operator", dispatchId: null };
/** The same one again is another one: a checkpoint keeps its seq, and an unhooked bead may be hooked again in the same commit. */
const NOT_REPEATABLE: ReadonlySet<string> = new Set(["agent.checkpointed", "agent.unhooked"]);
const NEVER = new Promise<never>(() => {});

/** All microtasks of the event that is happening; nothing in the simulation uses timers or real I/O. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Folds a journal up to a commit drawn by lot, stores and restores everybody, and hands over what is left. */
function cutInTheMiddle(entries: JournalEntry[], luck: Random): { world: World; rest: JournalEntry[] } | null {
  if (entries.length < 2) return null;
  const at = entries[luck.between(1, entries.length - 1)]?.batch ?? 1;
  const run = replayer();
  for (const entry of entries) if (entry.batch < at) run.push(entry);
  return run.end().divergence === null ? { world: resume(cut(run.world)), rest: entries.filter((entry) => entry.batch >= at) } : null;
}

export async function simulate(options: Options): Promise<Report> {
  const queue = createQueue(START_MS);
  const counts = newCounts();
  const faults = new Set(options.faults);
  const lines: string[] = [];
  let failure: Failure | null = null;
  let healed = false;

  const has = (fault: Fault): boolean => !healed && faults.has(fault);
  const fresh = (name: string): Random => random(options.seed, name);
  const luck = fresh("luck");
  const clock = (): string => {
    const s = (queue.now - START_MS) / 1000;
    return `${String(Math.floor(s / 3600)).padStart(3, "0")}:${String(Math.floor((s / 60) % 60)).padStart(2, "0")}:${(s % 60).toFixed(3).padStart(6, "0")}`;
  };
  const trace = (line: () => string): void => {
    if (options.trace !== true) return;
    lines.push(`${clock()} ${line()}`);
    if (lines.length > 4_000) lines.splice(0, 2_000);
  };
  const fail = (rig: SimRig | null, rule: string, text: string): void => {
    if (failure !== null) return;
    failure = { rule, text, at: queue.now - START_MS, rig: rig?.id ?? "-" };
    trace(() => `!!! ${rule}: ${text}`);
  };

  const kill = (r: SimRig, why: string): void => {
    if (r.life === null) return;
    counts.crashes++;
    trace(() => `${r.id} crashes ${why}`);
    r.life.dead = true;
    r.life = null;
    const { ringing } = r;
    r.ringing = null;
    // The platform runs a killed alarm again by itself.
    if (ringing !== null) queue.after(2_000 * 2 ** ringing.attempt, () => ring(r, ringing.scheduled, ringing.attempt + 1));
  };

  /** Rolls the dice for a crash of this rig at this point. */
  const mayCrash = (r: SimRig, life: Life, p: number, where: string): void => {
    if (!life.dead && has("crash") && luck.chance(p)) {
      kill(r, where);
      throw new Crash(where);
    }
  };

  const expected = (error: unknown): boolean => error instanceof Crash || error instanceof StorageFailure;

  /** One call to the container, through the network: three answers, and everything between. */
  const call = <T>(r: SimRig, life: Life, name: string, timeout_ms: number, deliver: () => T, lostAs: (error: string) => T | Lost): Promise<T> => {
    if (life.dead) return NEVER;
    if (has("crash") && luck.chance(0.002)) {
      kill(r, `before ${name} leaves`);
      return NEVER;
    }
    return new Promise<T>((resolve, reject) => {
      let over = false;
      const answer = (value: T | Lost): void => {
        if (over || life.dead) return;
        over = true;
        if (has("crash") && luck.chance(0.002)) kill(r, `when ${name} is answered`);
        else if (value instanceof Lost) reject(value);
        else resolve(value);
      };
      const { town } = r;
      const isDown = (): boolean => queue.now < town.unreachableUntil;
      const network = has("network") ? luck.weighted({ fine: 93, lost: 2, mute: 3, doubled: 2 }) : "fine";
      const there = luck.between(1, 60) + (has("container") && town.slow_ms > 0 ? luck.around(town.slow_ms) : 0);
      const back = luck.between(1, 60);
      queue.after(timeout_ms, () => answer(lostAs(`no answer within ${timeout_ms} ms`)));
      if (network === "lost") {
        counts.lost++;
        trace(() => `network: ${name} is lost`);
        return;
      }
      queue.after(there, () => {
        if (isDown()) {
          if (luck.chance(0.5)) queue.after(back, () => answer(lostAs("connection refused")));
          return;
        }
        const value = deliver();
        trace(() => `container: ${name} -> ${typeof value === "object" && value !== null && "kind" in value ? JSON.stringify(value) : "ok"}`);
        if (network === "doubled") {
          counts.doubled++;
          queue.after(luck.around(20_000), () => {
            if (!isDown()) deliver();
          });
        }
        if (network === "mute") {
          counts.lost++;
          trace(() => `network: the answer to ${name} is lost`);
          return;
        }
        queue.after(back, () => answer(value));
      });
    });
  };

  const unknown = (error: string): Answer => ({ kind: "unknown", error });
  const throwing = (error: string): Lost => new Lost(error);

  const containerOf = (r: SimRig, life: Life): ContainerPort => ({
    start: (order, timeout_ms) => call<Answer>(r, life, `start ${order.dispatchId}`, timeout_ms, () => r.town.start(r, order), unknown),
    stop: (effect, timeout_ms) => call<Answer>(r, life, `stop ${effect.dispatchId} (${effect.reason})`, timeout_ms, () => r.town.stop(effect.agentId, effect.dispatchId, effect.reason), unknown),
    message: (effect, timeout_ms) => call<Answer>(r, life, `message ${effect.dispatchId}`, timeout_ms, () => r.town.message(effect.agentId), unknown),
    merge: (order, timeout_ms) => call<Answer>(r, life, `merge ${order.dispatchId}`, timeout_ms, () => r.town.merge(r, order), unknown),
    statuses: (agentIds, timeout_ms) => call(r, life, "statuses", timeout_ms, () => r.town.statuses(agentIds), throwing),
    health: (timeout_ms) => call<void>(r, life, "health", timeout_ms, () => {}, throwing),
  });

  const portsOf = (r: SimRig, life: Life): RigPorts => {
    const container = containerOf(r, life);
    const alive = (): void => {
      if (life.dead) throw new Crash("this instance is dead");
    };
    let depth = 0;
    return {
      sql: {
        exec<Row extends Record<string, SqlValue>>(query: string, ...bindings: SqlValue[]) {
          alive();
          return r.storage.sql.exec<Row>(query, ...bindings);
        },
      },
      transaction<T>(run: () => T): T {
        alive();
        if (depth > 0) return r.storage.transaction(run);
        const { alarm, alarmLost } = r;
        depth++;
        let result: T;
        try {
          result = r.storage.transaction(() => {
            const value = run();
            mayCrash(r, life, 0.0005, "before a transaction is durable");
            if (has("storage") && luck.chance(0.002)) {
              counts.storage++;
              throw new StorageFailure("storage failed");
            }
            return value;
          });
        } catch (error) {
          // What was set in it was not set: a lost alarm is still lost.
          setAlarm(r, alarm);
          r.alarmLost = alarmLost;
          throw error;
        } finally {
          depth--;
        }
        mayCrash(r, life, 0.0005, "after a transaction is durable");
        return result;
      },
      now: () => r.now(),
      newId: (kind) => `${kind}-${r.id}-${++r.ids}`,
      getAlarm: () => r.alarm,
      setAlarm(at) {
        alive();
        r.alarmLost = false;
        setAlarm(r, at);
      },
      deleteAlarm() {
        alive();
        setAlarm(r, null);
      },
      container: () => container,
      agentEnvironment: async () => ({}),
      notify: (effect) => call<void>(r, life, `notify ${effect.key}`, 10_000, () => {}, throwing),
      background(work) {
        work.catch((error: unknown) => {
          if (!life.dead && !expected(error)) fail(r, "background_threw", String(error instanceof Error ? error.stack : error));
        });
      },
      log(level, message, data) {
        trace(() => `${r.id} log ${level}: ${message} ${JSON.stringify(data)}`);
        if (level === "error" && !life.dead && !JSON.stringify(data).includes("storage failed") && !JSON.stringify(data).includes("durable")) fail(r, "unexpected_error", `${message} ${JSON.stringify(data)}`);
      },
    };
  };

  const setAlarm = (r: SimRig, at: number | null): void => {
    if (r.alarm === at) return;
    r.alarm = at;
    scheduleAlarm(r);
  };

  const scheduleAlarm = (r: SimRig): void => {
    const token = ++r.alarmToken;
    if (r.alarm === null) return;
    queue.at(r.alarm - r.skew, () => {
      if (token !== r.alarmToken || r.alarm === null) return;
      if (r.ringing !== null) {
        // One alarm at a time per object.
        queue.after(50, () => token === r.alarmToken && scheduleAlarm(r));
        return;
      }
      const how = has("alarm") ? luck.weighted({ fine: 950, late: 40, doubled: 8, lost: 2 }) : "fine";
      if (how === "late") {
        const delay_ms = luck.around(30_000);
        queue.after(delay_ms, () => token === r.alarmToken && r.alarm !== null && r.ringing === null && take());
        return;
      }
      if (how === "lost") {
        trace(() => `${r.id} its alarm is lost`);
        r.alarmLost = true;
        r.alarm = null;
        return;
      }
      take(how === "doubled");
      function take(twice = false): void {
        const scheduled = r.alarm;
        r.alarm = null;
        r.alarmToken++;
        ring(r, scheduled, 0);
        if (twice) queue.after(luck.between(0, 3_000), () => r.ringing === null && ring(r, scheduled, 0));
      }
    });
  };

  const ring = (r: SimRig, scheduled: number | null, attempt: number): void => {
    if (attempt > 6 || r.ringing !== null) return;
    counts.alarms++;
    const hour = Math.floor(queue.now / HOUR);
    r.rang = r.rang.hour === hour ? { hour, times: r.rang.times + 1 } : { hour, times: 1 };
    if (r.rang.times > ALARMS_PER_HOUR) return fail(r, "alarm_storm", `${r.rang.times} alarms within an hour`);
    const rig = touch(r);
    if (rig === null) {
      queue.after(2_000 * 2 ** attempt, () => ring(r, scheduled, attempt + 1));
      return;
    }
    trace(() => `${r.id} alarm`);
    const mine = { scheduled, attempt };
    r.ringing = mine;
    void onAlarm(rig, scheduled)
      .then((report) => {
        // A TICK that was held up by storage has served nobody yet.
        if (report.error === null) for (const { rule, actor, text } of overdue(rig.world)) fail(r, rule, `${actor} ${text}`);
        return report;
      })
      .catch((error: unknown) => {
        if (!expected(error)) fail(r, "alarm_threw", String(error instanceof Error ? error.stack : error));
      })
      .finally(() => {
        if (r.ringing === mine) r.ringing = null;
      });
  };

  /** A repair that was journalled counts, whether or not its answer arrived. */
  const isRepaired = (r: SimRig, key: string, since: number): boolean => {
    const [kind = "", ...id] = key.split(":");
    return r.storage.sql.exec("SELECT seq FROM journal WHERE type = 'actor.repaired' AND seq > ? AND json_extract(body, '$.kind') = ? AND json_extract(body, '$.id') = ?", since, kind, id.join(":")).toArray().length > 0;
  };

  /** The rig's object, opened from its rows when it is not in memory; null when it died on the way. */
  const touch = (r: SimRig): Rig | null => {
    if (r.life !== null) return r.life.rig;
    for (const [key, since] of r.poisoned) if (isRepaired(r, key, since)) r.poisoned.delete(key);
    const life: Life = { rig: null, dead: false };
    r.life = life;
    counts.opens++;
    try {
      const rig = openRig(portsOf(r, life));
      life.rig = rig;
      r.before = glance(rig.world);
      r.highest = highest(rig.world, r.highest);
      rig.listeners.add((entries) => committed(r, rig, entries));
      for (const key of r.poisoned.keys()) if (!rig.world.broken.has(key)) fail(r, "not_quarantined", `${key} is garbage, and nobody noticed`);
      for (const key of rig.world.broken.keys()) if (!r.poisoned.has(key)) fail(r, "wrongly_quarantined", `${key}: ${rig.world.broken.get(key)}`);
      check(r, rig, []);
      return rig;
    } catch (error) {
      if (r.life === life) r.life = null;
      if (!expected(error)) fail(r, "open_threw", String(error instanceof Error ? error.stack : error));
      return null;
    }
  };

  const committed = (r: SimRig, rig: Rig, entries: readonly Entry[]): void => {
    counts.commits++;
    counts.facts += entries.length;
    for (const { fact, effects, missing } of entries) {
      trace(() => {
        const { type, seq, at: _at, cause, ...body } = fact;
        return `${r.id} #${seq}${cause === null ? "" : `<${cause}`} ${type} ${JSON.stringify(body)}${effects.length === 0 ? "" : ` => ${effects.map((e) => e.key).join(" ")}`}${missing === null ? "" : ` (no ${missing})`}`;
      });
      if (fact.type === "actor.repaired") {
        counts.repaired++;
        r.poisoned.delete(`${fact.kind}:${fact.id}`);
      }
      if (fact.type === "actor.quarantined" && fact.cause !== null) fail(r, "wrongly_quarantined", `${fact.kind} ${fact.id}: ${fact.error}`);
      if (fact.type === "bead.merged" && missing === null) {
        const review = [...entries].find((entry) => entry.fact.type === "review.completed");
        if (!r.repository.merged.has(branchOf(r, fact.beadId) ?? "") && !(review && !faults.has("merge"))) fail(r, "merged_in_words_only", `bead ${fact.beadId} is closed as merged, its branch is not`);
      }
    }
    r.highest = highest(rig.world, r.highest);
    check(r, rig, entries);
    if (luck.chance(0.02)) checkDuplicate(r, rig, entries);
    r.before = glance(rig.world);
  };

  /** The same facts once more, and the same TICK until nothing moves: on a copy of the world, so that it leaves no trace. */
  const checkDuplicate = (r: SimRig, rig: Rig, entries: readonly Entry[]): void => {
    const copy = resume(cut(rig.world));
    const roots = entries.filter(({ fact }) => fact.cause === null && !NOT_REPEATABLE.has(fact.type)).map(({ fact }) => fact);
    const state = (): string => JSON.stringify(cut(copy).actors);
    const before = state();
    if (roots.length > 0 && !roots.some((fact) => fact.type === "TICK")) {
      const again = fold(copy, roots, copy.at);
      const said = again.entries.flatMap(({ effects }) => effects.map(({ key }) => key));
      if (said.length > 0) fail(r, "duplicate_is_no_op", `${roots.map((fact) => fact.type).join(", ")} once more emits ${said.join(", ")}`);
      if (state() !== before) fail(r, "duplicate_is_no_op", `${roots.map((fact) => fact.type).join(", ")} once more moves ${[...again.changed.keys()].join(", ")}`);
    }
    for (let n = 0; ; n++) {
      const { entries: ticked } = fold(copy, [{ type: "TICK", container: "unasked" }], copy.at);
      if (ticked.length === 0) return;
      if (n === 3) return fail(r, "duplicate_is_no_op", `a TICK at the same time still moves somebody: ${ticked.map(({ fact }) => fact.type).join(", ")}`);
    }
  };

  const branchOf = (r: SimRig, beadId: string): string | undefined => {
    const row = r.storage.sql.exec<{ context: string }>("SELECT context FROM actors WHERE kind = 'bead' AND id = ?", beadId).toArray()[0];
    return row && (JSON.parse(row.context) as { branch: string }).branch;
  };

  const check = (r: SimRig, rig: Rig, entries: readonly Entry[]): void => {
    const found = [...violations(rig.world, r.highest), ...(r.before === null || entries.length === 0 ? [] : transitionViolations(r.before, entries, rig.world))];
    for (const { rule, actor, text } of found) fail(r, rule, `${actor} ${text}`);
    for (const { fact } of entries) {
      if (fact.type === "bead.merged" || fact.type === "bead.closed") ended(r, fact.beadId);
      if (fact.type === "bead.failed" || fact.type === "bead.cancelled") ended(r, fact.beadId);
    }
  };

  const ended = (r: SimRig, id: string): void => {
    const row = r.storage.sql.exec<{ state: string; live: number }>("SELECT state, live FROM actors WHERE kind = 'bead' AND id = ?", id).toArray()[0];
    if (row === undefined || row.live === 1) return;
    const was = r.ended.get(id);
    if (was !== undefined && was !== row.state) fail(r, "terminal_stays", `bead ${id} was ${was} and is ${row.state}`);
    r.ended.set(id, row.state);
  };

  const checkReplay = (r: SimRig): void => {
    counts.replays++;
    try {
      const rows = r.storage.sql.exec<JournalRow>("SELECT * FROM journal ORDER BY seq").toArray();
      // A row that is garbage, but was not read since, is in nobody's journal yet.
      const healthy = Array.from(storedActors(r.storage.sql), (row) => (r.poisoned.has(`${row.kind}:${row.id}`) ? { ...row, error: "garbage" } : row));
      const { divergence } = replaySync(rows.map(readEntry), healthy);
      const half = cutInTheMiddle(rows.map(readEntry), luck);
      const cutDivergence = half === null ? null : replaySync(half.rest, healthy, half.world).divergence;
      if (cutDivergence !== null) fail(r, "replay_from_a_cut", `seq ${cutDivergence.seq}: expected ${cutDivergence.expected}, got ${cutDivergence.actual}`);
      if (divergence !== null) fail(r, "replay_is_rows", `seq ${divergence.seq}: expected ${divergence.expected}, got ${divergence.actual}`);
    } catch (error) {
      fail(r, "replay_is_rows", String(error instanceof Error ? error.stack : error));
    }
    for (const [id, state] of r.ended) {
      const row = r.storage.sql.exec<{ state: string }>("SELECT state FROM actors WHERE kind = 'bead' AND id = ?", id).toArray()[0];
      if (row !== undefined && row.state !== state && !r.poisoned.has(`bead:${id}`)) fail(r, "terminal_stays", `bead ${id} was ${state} and is ${row.state}`);
    }
  };

  /** Lets somebody speak to the rig. False: it did not hear, or nobody knows. */
  const speak = (r: SimRig, what: (rig: Rig) => void): boolean => {
    const rig = touch(r);
    if (rig === null) return false;
    const { life } = r;
    try {
      mayCrash(r, life as Life, 0.0005, "when it is spoken to");
      wake(rig);
      what(rig);
      return true;
    } catch (error) {
      if (!expected(error)) fail(r, "request_threw", String(error instanceof Error ? error.stack : error));
      return false;
    }
  };

  const sim: Simulation = {
    options,
    queue,
    counts,
    get healed() {
      return healed;
    },
    has,
    random: fresh,
    trace,
    request(r, command) {
      trace(() => `operator -> ${r.id}: ${JSON.stringify(command).slice(0, 300)}`);
      speak(r, (rig) => {
        const decision = execute(rig, command, OPERATOR);
        if (!decision.ok) {
          counts.refused++;
          trace(() => `refused: ${decision.status} ${decision.error}`);
          if (decision.error.length === 0) fail(r, "silent_refusal", JSON.stringify(command));
        }
      });
    },
    callback(r, command, caller, importance, name) {
      const send = (tries: number): void => {
        const how = has("network") ? luck.weighted({ fine: 90, lost: 4, late: 3, doubled: 3 }) : "fine";
        const again = (): void => {
          if (importance === "retried" && tries < 8) queue.after(1_000 * 2 ** tries, () => send(tries + 1));
        };
        const arrive = (): void => {
          if (queue.now < r.town.unreachableUntil) return again();
          trace(() => `-> ${r.id}: ${name}`);
          if (!speak(r, (rig) => void execute(rig, command, caller))) again();
        };
        if (how === "lost") {
          counts.lost++;
          return again();
        }
        queue.after(how === "late" ? luck.around(120_000) : luck.between(1, 200), arrive);
        if (how === "doubled") {
          counts.doubled++;
          queue.after(luck.around(60_000), arrive);
        }
      };
      send(0);
    },
    heartbeat(r, agentId, dispatchId) {
      if (queue.now < r.town.unreachableUntil || (has("network") && luck.chance(0.04))) return;
      queue.after(luck.between(1, 200), () => void speak(r, (rig) => heartbeat(rig, agentId, dispatchId, { id: agentId, dispatchId })));
    },
    readMail(r, agentId) {
      speak(r, (rig) => {
        const mailIds = rig.ports.sql.exec<{ id: string }>("SELECT id FROM mail WHERE recipient = ? AND delivered_at IS NULL LIMIT 50", agentId).toArray().map((row) => row.id);
        execute(rig, { type: "read_mail", agentId, mailIds }, OPERATOR);
      });
    },
    tickNow(r) {
      speak(r, (rig) => {
        tick(rig).catch((error: unknown) => {
          if (!expected(error)) fail(r, "tick_threw", String(error));
        });
      });
    },
    poke(r) {
      speak(r, () => {});
    },
    peek(r, look) {
      const rig = touch(r);
      if (rig === null) return undefined;
      try {
        return look(rig.world);
      } catch (error) {
        if (!expected(error)) fail(r, "request_threw", String(error));
        return undefined;
      }
    },
  };

  const towns = Array.from({ length: Math.max(1, Math.ceil(options.rigs / 2)) }, (_, i) => createTown(sim, `town${i + 1}`));
  const rigs: SimRig[] = Array.from({ length: options.rigs }, (_, i) => {
    const r: SimRig = {
      id: `r${i + 1}`,
      town: towns[i % towns.length] as Town,
      storage: nodeSql(),
      repository: { branches: new Set(), merged: new Set() },
      now: () => queue.now + r.skew,
      skew: 0,
      life: null,
      alarm: null,
      alarmToken: 0,
      alarmLost: false,
      ringing: null,
      checkedAlarm: null,
      rang: { hour: 0, times: 0 },
      ids: 0,
      before: null,
      highest: { capacity: 0, max_attempts: 0 },
      ended: new Map(),
      poisoned: new Map(),
    };
    return r;
  });

  // The world goes wrong.
  const often = (name: string, mean_ms: number, run: (random: Random) => void): void => {
    const own = fresh(name);
    const next = (): void => {
      queue.after(own.around(mean_ms), () => {
        if (healed) return;
        run(own);
        next();
      });
    };
    next();
  };
  for (const town of towns) {
    if (!has("container")) break;
    often(`evict:${town.id}`, 4 * HOUR, (own) => {
      counts.evictions++;
      trace(() => `${town.id} is evicted`);
      town.evict(own.chance(0.6));
    });
    often(`outage:${town.id}`, 6 * HOUR, (own) => {
      counts.outages++;
      town.unreachableUntil = queue.now + own.around(own.chance(0.1) ? 4 * HOUR : 600_000);
      trace(() => `${town.id} is unreachable for ${town.unreachableUntil - queue.now} ms`);
      if (own.chance(0.3)) town.evict(false);
    });
    often(`slow:${town.id}`, 5 * HOUR, (own) => {
      town.slow_ms = own.between(2_000, 60_000);
      queue.after(own.around(900_000), () => {
        town.slow_ms = 0;
      });
    });
  }
  for (const town of towns) {
    if (!has("start")) break;
    often(`bad-day:${town.id}`, 12 * HOUR, (own) => {
      trace(() => `${town.id} refuses nearly every start for a while`);
      town.badDay = true;
      queue.after(own.around(2_400_000), () => {
        town.badDay = false;
      });
    });
  }
  for (const r of rigs) {
    if (has("clock")) {
      often(`clock:${r.id}`, 5 * HOUR, (own) => {
        counts.jumps++;
        r.skew += own.chance(0.1) ? own.between(-2 * HOUR, 2 * HOUR) : own.between(-300_000, 300_000);
        trace(() => `${r.id} its clock jumps: ${r.skew} ms from the truth`);
        scheduleAlarm(r);
      });
    }
    if (has("crash")) often(`kill:${r.id}`, 2 * HOUR, () => kill(r, "out of the blue"));
    if (has("poison")) {
      often(`poison:${r.id}`, 12 * HOUR, (own) => {
        if (r.poisoned.size >= 3) return;
        const row = own.pick(r.storage.sql.exec<{ kind: string; id: string }>("SELECT kind, id FROM actors WHERE live = 1 AND error IS NULL AND kind <> 'rig' ORDER BY seq").toArray().concat({ kind: "", id: "" }));
        if (row.kind === "") return;
        const set = own.pick(["value = '\"nowhere\"'", "context = '{garbage'", "v = 99", "context = '{}'", "value = ''"]);
        counts.poisoned++;
        trace(() => `${r.id} poison: ${row.kind}:${row.id} ${set}`);
        kill(r, "before its storage is damaged");
        r.poisoned.set(`${row.kind}:${row.id}`, r.storage.sql.exec<{ seq: number }>("SELECT MAX(seq) AS seq FROM journal").toArray()[0]?.seq ?? 0);
        r.storage.sql.exec(`UPDATE actors SET ${set} WHERE kind = ? AND id = ?`, row.kind, row.id);
        if (own.chance(0.6)) queue.after(own.around(2 * HOUR), () => sim.request(r, { type: "repair", kind: row.kind as Kind, id: row.id }));
      });
    }
    often(`replay:${r.id}`, 12 * HOUR, () => checkReplay(r));
    sim.request(r, { type: "configure", rigId: r.id, townId: r.town.id, userId: "user", name: r.id, gitUrl: "https://git.example/repo", defaultBranch: "main" });
    // Some rigs are touchy, so that the breaker opens often enough to be seen closing.
    if (has("start") && fresh(`touchy:${r.id}`).chance(0.4)) sim.request(r, { type: "set_settings", settings: { breaker_failures: 1 + (options.seed % 3), breaker_cooldown_ms: 120_000 } });
    bringWork(sim, r);
    if (has("operators")) meddle(sim, r);
  }

  /** A rig that is awake is armed, and in time for whoever waits; unless its alarm was lost, or its clock jumped. */
  const checkAlarm = (r: SimRig): void => {
    const rig = r.life?.rig;
    if (!rig || r.ringing !== null || rig.world.seq === 0 || r.alarmLost) return;
    if (r.alarm === null) return fail(r, "alarm_is_armed", "no alarm is armed");
    if (faults.has("clock") || rig.world === r.checkedAlarm?.world && rig.world.seq === r.checkedAlarm.seq && r.alarm === r.checkedAlarm.alarm) return;
    r.checkedAlarm = { world: rig.world, seq: rig.world.seq, alarm: r.alarm };
    const nearest = nearestDeadline(rig.world);
    if (nearest !== null && r.alarm > Math.max(nearest, r.now()) + 1_000) fail(r, "alarm_is_armed", `${r.id}: the alarm is ${r.alarm - nearest} ms after a deadline, which is ${nearest - r.now()} ms from now`);
    const { cadence_active_ms, cadence_idle_ms } = rig.world.rig.context.settings;
    const longest = rig.world.rig.matches({ cadence: "active" }) ? cadence_active_ms : cadence_idle_ms;
    if (r.alarm > r.now() + Math.max(longest, cadence_idle_ms) + 1_000) fail(r, "alarm_is_armed", `the alarm is ${r.alarm - r.now()} ms ahead, the cadence is ${longest}`);
  };

  const until = async (end: number, stop: () => boolean): Promise<void> => {
    for (let n = 0; failure === null; n++) {
      if (n % 64 === 0 && stop()) return;
      const event = queue.take(end);
      if (event === null) {
        queue.rest(end);
        return;
      }
      event();
      await turn();
      for (const r of rigs) checkAlarm(r);
    }
  };

  await until(START_MS + options.hours * HOUR, () => false);

  // Everything heals; people answer; and then all work must come to an end.
  const healAt = queue.now;
  if (failure === null) {
    healed = true;
    trace(() => "everything heals");
    for (const town of towns) {
      town.unreachableUntil = 0;
      town.slow_ms = 0;
    }
    for (const r of rigs) {
      // A rig that was never reached before is configured now.
      sim.request(r, { type: "configure", rigId: r.id, townId: r.town.id, userId: "user", name: r.id, gitUrl: "https://git.example/repo", defaultBranch: "main" });
      sim.request(r, { type: "set_settings", settings: DEFAULT_SETTINGS });
      sim.request(r, { type: "resume" });
      const tidy = (): void => {
        tidyUp(sim, r);
        queue.after(60_000, tidy);
      };
      tidy();
    }
    const unfinished = (): { r: SimRig; id: string; state: string }[] =>
      rigs.flatMap((r) =>
        r.storage.sql
          .exec<{ id: string; state: string; context: string }>("SELECT id, state, context FROM actors WHERE kind = 'bead' AND live = 1 AND error IS NULL")
          .toArray()
          .filter((row) => (JSON.parse(row.context) as { type: string }).type === "issue")
          .map(({ id, state }) => ({ r, id, state })),
      );
    const slots = (r: SimRig): number => r.life?.rig?.world.index.slots.size ?? 0;
    let calm = 0;
    await until(healAt + HEAL_MS, () => {
      if (unfinished().length > 0 || rigs.some((r) => slots(r) > 0)) calm = 0;
      else if (calm === 0) calm = queue.now;
      return calm > 0 && queue.now - calm > HOUR / 2;
    });
    const left = unfinished();
    const [first] = left;
    if (first !== undefined) fail(first.r, "liveness", `${left.length} issues are not over after ${HEAL_MS / HOUR} h of peace, the first is ${first.id}: ${first.state}; ${describe(first.r, first.id)}`);
    for (const r of rigs) {
      const rig = touch(r);
      if (rig === null) continue;
      if (rig.world.index.slots.size > 0) fail(r, "liveness", `${[...rig.world.index.slots].join(", ")} still run; there is no work`);
      const waiting = r.storage.sql.exec<{ key: string }>("SELECT key FROM outbox").toArray();
      if (waiting.length > 0) fail(r, "liveness", `the outbox still has ${waiting.map((row) => row.key).join(", ")}`);
      if (!rig.world.rig.matches({ cadence: "idle" })) fail(r, "liveness", `there is no work, but the cadence is not idle: ${[...rig.world.index.active].join(", ")}`);
      checkReplay(r);
      failedBeadsAreExplained(r);
      for (const process of r.town.processes.values()) {
        if (process.rig !== r || !isLive(process)) continue;
        counts.orphans++;
        trace(() => `orphan: ${process.dispatchId} ${process.status} ${process.mood}`);
        if (options.trace) console.log(`orphan: ${process.dispatchId} ${process.status} ${process.mood}`);
      }
      for (const state of r.ended.values()) counts[state === "closed" ? "closed" : "failed"]++;
    }
  }

  function describe(r: SimRig, beadId: string): string {
    const bead = r.life?.rig?.world.beads.get(beadId);
    const agent = bead?.context.assignee === null || bead === undefined ? undefined : r.life?.rig?.world.agents.get(bead.context.assignee ?? "");
    return JSON.stringify({ bead: bead?.context, agent: agent && { value: agent.value, context: agent.context }, rig: r.life?.rig?.world.rig.value, slots: r.life?.rig?.world.index.slots.size, alarm: r.alarm, now: r.now() });
  }

  function failedBeadsAreExplained(r: SimRig): void {
    const rows = r.storage.sql.exec<{ id: string; context: string }>("SELECT id, context FROM actors WHERE kind = 'bead' AND state = 'failed'").toArray();
    for (const row of rows) {
      if (r.poisoned.has(`bead:${row.id}`) || (JSON.parse(row.context) as { type: string }).type !== "issue") continue;
      const about = r.storage.sql.exec<{ type: string }>("SELECT type FROM journal WHERE bead = ? AND type IN ('bead.cancelled', 'bead.status_set')", row.id).toArray();
      const escalations = r.storage.sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM journal WHERE type = 'bead.created' AND json_extract(body, '$.metadata.bead_id') = ?", row.id).toArray()[0]?.n ?? 0;
      if (about.length === 0 && escalations === 0) fail(r, "failed_in_silence", `bead ${row.id} failed, and nobody was told`);
    }
  }

  const hash = createHash("sha256");
  const journals = rigs.map((r) => {
    const rows = r.storage.sql.exec<JournalRow>("SELECT * FROM journal ORDER BY seq").toArray();
    for (const row of rows) hash.update(`${r.id} ${row.seq} ${row.at} ${row.type} ${row.body} ${row.effects ?? ""}\n`);
    return { rig: r.id, rows, actors: [...storedActors(r.storage.sql)] };
  });
  for (const r of rigs) {
    if (r.life) r.life.dead = true;
    r.storage.close();
  }
  return { options, failure, hash: hash.digest("hex"), rigHours: ((queue.now - START_MS) / HOUR) * options.rigs, healHours: (queue.now - healAt) / HOUR, counts, trace: lines, journals };
}
