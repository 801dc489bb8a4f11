/**
 * The production Worker with a few more doors, for measuring. `RigDO` is the production class, unchanged; what is added stands
 * beside it: rigs are filled through the production commit, rung, timed, and forgotten (as the platform evicts an object).
 */
import { commit } from "../../src/do/commit.ts";
import type { RigPorts, Sql, SqlValue } from "../../src/do/ports.ts";
import { execute, openRig, type Rig } from "../../src/do/rig.ts";
import { RigDO as ProductionRig } from "../../src/do/rig-do.ts";
import { archive, replayFromArchive } from "../../src/do/archive.ts";
import { entryLine } from "../../src/core/replay.ts";
import type { Fact } from "../../src/events/facts.ts";
import { lifeOf, progressOf, setUp, unhookOf, workOf } from "../facts.ts";
import { rung } from "./door.mts";
import { ObviousRig } from "./obvious.mts";

export { TownContainer } from "../../src/do/town-container.ts";
export { UserDO } from "../../src/do/user-do.ts";
export { ObviousRig };
export { default } from "./door.mts";

const HOUR_MS = 3_600_000;
const OPERATOR = { kind: "operator", id: "bench", dispatchId: null, scope: "operate" };

type Statement = [query: string, ...bindings: SqlValue[]];
/** `progress`: a journal row and an actor's. `unhook`: two transitions, a journal row, two actors' and an effect's. */
type StepKind = "progress" | "unhook";
type StepManner = "together" | "alone" | "alone and awaited";

/** The part of another object that a race needs. */
interface Twin {
  steps(kind: StepKind, each: StepManner, record: boolean): Promise<{ statements: Statement[][] }>;
  pause(): Promise<void>;
  bare(groups: Statement[][], awaited: boolean): Promise<number>;
}
export interface Rows {
  read: number;
  written: number;
  /** Statements run. */
  statements: number;
  alarms: number;
}

/** What all objects of this isolate read and wrote since counting began. Off unless a bench asks, so that it costs nothing. */
let counting: { cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[]; alarms: number } | null = null;
const originals = new WeakMap<object, unknown>();

function countOn(storage: DurableObjectStorage): void {
  counting = { cursors: [], alarms: 0 };
  const sqlClass = Object.getPrototypeOf(storage.sql) as { exec: SqlStorage["exec"] };
  if (originals.has(sqlClass)) return;
  const { exec } = sqlClass;
  originals.set(sqlClass, exec);
  sqlClass.exec = function (this: SqlStorage, ...args: Parameters<SqlStorage["exec"]>) {
    const cursor = exec.apply(this, args);
    counting?.cursors.push(cursor as never);
    return cursor as never;
  } as never;
  const storageClass = Object.getPrototypeOf(storage) as { setAlarm: DurableObjectStorage["setAlarm"] };
  const { setAlarm } = storageClass;
  storageClass.setAlarm = function (this: DurableObjectStorage, ...args: Parameters<DurableObjectStorage["setAlarm"]>) {
    if (counting) counting.alarms++;
    return setAlarm.apply(this, args);
  };
}

function countOff(): Rows {
  const rows: Rows = { read: 0, written: 0, statements: 0, alarms: 0 };
  if (counting === null) return rows;
  for (const cursor of counting.cursors) {
    rows.read += cursor.rowsRead;
    rows.written += cursor.rowsWritten;
    rows.statements++;
  }
  rows.alarms = counting.alarms;
  counting = null;
  return rows;
}

export class RigDO extends ProductionRig {
  #recorded: Statement[] | null = null;
  #stepper: Rig | null = null;

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    const began = Date.now();
    await super.alarm(info);
    const scheduled = info === undefined ? began : Number(info.scheduledTime);
    rung.push({ lateness_ms: began - scheduled, took_ms: Date.now() - began, at: began });
  }

  /** A second rig over the same rows, whose container never answers: to fill the storage with real commits. */
  #filler(record = false): Rig {
    const { storage } = this.ctx;
    let ids = 0;
    const silent = new Proxy({}, { get: () => () => new Promise(() => {}) }) as ReturnType<RigPorts["container"]>;
    const sql: Sql = record
      ? {
          exec: (query, ...bindings) => {
            if (!/^\s*SELECT/i.test(query)) this.#recorded?.push([query, ...bindings]);
            return storage.sql.exec(query, ...bindings) as never;
          },
        }
      : (storage.sql as unknown as Sql);
    let armed: number | null = Date.now() + HOUR_MS;
    return openRig({
      sql,
      transaction: (run) => storage.transactionSync(run),
      now: () => Date.now(),
      newId: (kind) => `${kind}-${++ids}`,
      getAlarm: () => armed,
      setAlarm: (at) => {
        armed = at;
        // As costly as the real one, and out of the way.
        void storage.setAlarm(at + HOUR_MS);
      },
      deleteAlarm: () => void storage.deleteAlarm(),
      container: () => silent,
      agentEnvironment: async () => ({}),
      notify: async () => {},
      background: () => {},
      log: (level, message, data) => console[level](message, JSON.stringify(data)),
    });
  }

  #configured(rig: Rig, town: string, capacity: number): void {
    for (const command of setUp(this.ctx.id.name ?? "rig", town, capacity)) execute(rig, command, OPERATOR);
  }

  /** n agents at work, each heard from; with `end`, all of them with a process that was taken away a moment ago. */
  async fill(town: string, agents: number, end: "working" | "evicted" = "working"): Promise<{ journal: number }> {
    const rig = this.#filler();
    this.#configured(rig, town, agents + 10);
    for (const facts of workOf(agents, end, rig.world)) commit(rig, facts);
    this.ctx.storage.sql.exec("DELETE FROM outbox");
    await this.ctx.storage.setAlarm(Date.now() + HOUR_MS);
    await this.ctx.storage.sync();
    return { journal: rig.world.seq };
  }

  /** Whole lives of beads, until the journal has so many facts; at most `most` of them now. Answers with the journal's length. */
  async live(town: string, agents: number, facts: number, most: number): Promise<number> {
    const rig = this.#filler();
    if (rig.world.seq === 0) {
      this.#configured(rig, town, agents + 10);
      for (const some of workOf(agents, "working", rig.world)) commit(rig, some);
    }
    const end = Math.min(facts, rig.world.seq + most);
    this.ctx.storage.transactionSync(() => {
      while (rig.world.seq < end) for (const some of lifeOf(rig.world)) commit(rig, some);
      this.ctx.storage.sql.exec("DELETE FROM outbox");
    });
    await this.ctx.storage.setAlarm(Date.now() + HOUR_MS);
    await this.ctx.storage.sync();
    return rig.world.seq;
  }

  /** The object loses its memory, as after an eviction. */
  async forget(): Promise<void> {
    await this.ctx.storage.sync();
    this.ctx.abort("forgotten for a bench");
  }

  /** The production alarm, timed here: what the platform would wait for. */
  async ring(): Promise<number> {
    const began = performance.now();
    await super.alarm();
    return performance.now() - began;
  }

  /** The same, and the durable write after it. */
  async ringDurably(times: number): Promise<number[]> {
    const took: number[] = [];
    for (let i = 0; i < times; i++) {
      const began = performance.now();
      await super.alarm();
      await this.ctx.storage.sync();
      took.push(performance.now() - began);
    }
    return took;
  }

  /** Effects that are not settled. */
  waiting(): number {
    return this.ctx.storage.sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM outbox").one().n;
  }

  async armAt(at: number): Promise<void> {
    await this.ctx.storage.setAlarm(at);
  }

  startCount(): void {
    countOn(this.ctx.storage);
  }
  endCount(): Rows {
    return countOff();
  }
  size(): number {
    return this.ctx.storage.sql.databaseSize;
  }

  /**
   * Durable steps: one fact each, for as many agents. In one commit, or one by one.
   * @param record whether the statements are kept; it costs a little, so it is not done where time is taken.
   */
  async steps(
    kind: StepKind,
    each: StepManner,
    record: boolean,
  ): Promise<{ steps: number; ms: number; statements: Statement[][] }> {
    // Open already, as a rig at work is: waking up is measured elsewhere.
    const rig = (this.#stepper ??= this.#filler(record));
    if (kind === "unhook") execute(rig, { type: "pause" }, OPERATOR);
    const facts: Fact[] = kind === "progress" ? progressOf(rig.world) : unhookOf(rig.world);
    const groups: Statement[][] = [];
    const recorded = () => {
      this.#recorded = [];
      if (record) groups.push(this.#recorded);
    };
    await this.ctx.storage.sync();
    const began = performance.now();
    if (each === "together") {
      recorded();
      commit(rig, facts);
    } else {
      for (const fact of facts) {
        recorded();
        commit(rig, [fact]);
        if (each === "alone and awaited") await this.ctx.storage.sync();
      }
    }
    await this.ctx.storage.sync();
    return { steps: facts.length, ms: performance.now() - began, statements: groups };
  }

  /** The very same rows, written by nothing but SQL; one transaction per group. */
  async bare(groups: Statement[][], awaited: boolean): Promise<number> {
    const { sql } = this.ctx.storage;
    await this.ctx.storage.sync();
    const began = performance.now();
    for (const group of groups) {
      this.ctx.storage.transactionSync(() => {
        for (const [query, ...bindings] of group) sql.exec(query, ...bindings).toArray();
      });
      if (awaited) await this.ctx.storage.sync();
    }
    await this.ctx.storage.sync();
    return performance.now() - began;
  }

  /** `steps`, timed; the same rows by bare SQL in a rig that was filled alike, as a third one recorded them. */
  async race(
    kind: StepKind,
    each: StepManner,
    bare: string,
    recorder: string,
  ): Promise<{ steps: number; rows: number; ms: number; bare_ms: number }> {
    const rig = (name: string) => this.env.RIG.get(this.env.RIG.idFromName(name)) as unknown as Twin;
    const { statements } = await rig(recorder).steps(kind, each, true);
    if (kind === "unhook") await rig(bare).pause();
    const { steps, ms } = await this.steps(kind, each, false);
    return {
      steps,
      rows: statements.reduce((sum, group) => sum + group.length, 0),
      ms,
      bare_ms: await rig(bare).bare(statements, each === "alone and awaited"),
    };
  }

  pause(): void {
    execute(this.#filler(), { type: "pause" }, OPERATOR);
  }

  async archiveAll(keep: number): Promise<{
    segments: number;
    lines: number;
    bytes: number;
    ms: number;
    left: number;
    size: number;
    facts: number;
    divergence: unknown;
  }> {
    const rig = this.#filler();
    let [segments, lines, bytes] = [0, 0, 0];
    const began = performance.now();
    for (;;) {
      const done = await archive(rig, { put: async (_key, body) => void (bytes += body.length) }, "bench", { keep });
      if (done === null) break;
      segments++;
      lines += done.through - done.from + 1;
    }
    const ms = performance.now() - began;
    const { facts, divergence } = replayFromArchive(rig);
    return {
      segments,
      lines,
      bytes,
      ms,
      left: this.ctx.storage.sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM journal").one().n,
      size: this.ctx.storage.sql.databaseSize,
      facts,
      divergence,
    };
  }

  /** Every agent's newest dispatch, for a container that should know them. */
  dispatches(): { agentId: string; dispatchId: string }[] {
    return Array.from(this.#filler().world.agents.values(), ({ context: { id, dispatchN } }) => ({
      agentId: id,
      dispatchId: `${id}:${dispatchN}`,
    }));
  }

  factsPerLife(): number {
    const rig = this.#filler();
    const row = this.ctx.storage.sql
      .exec<{ n: number }>("SELECT COUNT(*) AS n FROM actors WHERE kind = 'bead' AND live = 0")
      .one();
    return rig.world.seq / Math.max(1, row.n);
  }

  /** Lines of a journal file, a page at a time. */
  lines(after: number): string[] {
    return this.journal(after, 10_000).map(entryLine);
  }

  timedReplay(): { facts: number; ms: number; divergence: unknown } {
    const began = performance.now();
    const { facts, divergence } = this.replay();
    return { facts, ms: performance.now() - began, divergence };
  }

  /** How many rows a bare INSERT loop and a SELECT reach in this object: the limits of the house. */
  async limits(rows: number): Promise<{ insert_ms: number; select_ms: number; commit_ms: number; commits: number }> {
    const { storage } = this.ctx;
    storage.sql.exec("CREATE TABLE IF NOT EXISTS bench (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT");
    const body = "x".repeat(200);
    let began = performance.now();
    storage.transactionSync(() => {
      for (let i = 0; i < rows; i++) storage.sql.exec("INSERT INTO bench (body) VALUES (?)", body);
    });
    await storage.sync();
    const insert_ms = performance.now() - began;
    began = performance.now();
    storage.sql.exec("SELECT * FROM bench").toArray();
    const select_ms = performance.now() - began;
    const commits = 500;
    began = performance.now();
    for (let i = 0; i < commits; i++) {
      storage.sql.exec("INSERT INTO bench (body) VALUES (?)", body);
      await storage.sync();
    }
    return { insert_ms, select_ms, commit_ms: performance.now() - began, commits };
  }
}
