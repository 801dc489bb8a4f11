import type { Rig } from "../../src/do/rig.ts";
import type { Caller, Command } from "../../src/core/decide/index.ts";
import type { Glance, Highest } from "../../src/core/invariants.ts";
import { replayer, type Replayer } from "../../src/core/replay.ts";
import type { World } from "../../src/core/world.ts";
import { nodeSql } from "../support/node-sql.ts";
import { createQueue, type Queue } from "./queue.ts";
import { random, type Random } from "./random.ts";
import type { Town } from "./town.ts";
import type { Target } from "./trains.ts";

/** What all parts of a simulation share: its clock, its luck, its faults, and the rigs on it. */

export const FAULTS = {
  crash: "the rig object dies between a commit, its effects, their answers and their recording",
  storage: "a transaction fails",
  network: "calls and callbacks are lost, late, doubled or out of order",
  start: "a start is refused, or its answer is a lie",
  container: "the container is evicted, unreachable or slow",
  alarm: "an alarm is late, doubled or lost",
  clock: "the rig's clock jumps, forwards and backwards",
  suspend: "everything stands still for hours, and goes on where it was",
  poison: "a stored row is garbage",
  agents: "agents ask, stall, crash, vanish, finish twice or late or not at all",
  drivers:
    "agents tell of their clocks, wait for models, ask by id, are busy without progress, and find that their key is not taken",
  provider:
    "the provider of the models is away for hours, and whoever runs or starts dies; some work can never be done",
  merge: "merges conflict, fail, or are never answered",
  operators: "operators pause, drain, cancel, delete, rehook and change settings at odd moments",
  stops: "people stop everything at once, and resume it later",
  imports: "a rig's state is lost, and brought back from its export; nobody resumes it for a while",
  edits: "people change what beads say and wait for, retry what has failed, take work in hand, and rename the target",
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
  /** Agents at once; else the default. */
  readonly capacity?: number;
  /** Towns run trains, and rigs have checks. */
  readonly trains?: boolean;
  /** Towns know no dispatch ids: they name none, stop whatever runs, and an agent keeps the token of its first start. */
  readonly old?: boolean;
  readonly trace?: boolean;
}

export interface Failure {
  readonly rule: string;
  readonly text: string;
  /** Virtual ms since the start. */
  readonly at: number;
  readonly rig: string;
}

const newCounts = () => ({
  facts: 0,
  commits: 0,
  alarms: 0,
  starts: 0,
  replaced: 0,
  opens: 0,
  crashes: 0,
  storage: 0,
  lost: 0,
  doubled: 0,
  poisoned: 0,
  repaired: 0,
  jumps: 0,
  evictions: 0,
  outages: 0,
  away: 0,
  refused: 0,
  closed: 0,
  failed: 0,
  orphans: 0,
  replays: 0,
  pushes: 0,
  retried: 0,
  stopped: 0,
  imported: 0,
});
export type Counts = ReturnType<typeof newCounts>;

/** One stay of the rig object in memory. */
export interface Life {
  rig: Rig | null;
  dead: boolean;
}

export interface SimRig {
  readonly id: string;
  readonly town: Town;
  storage: ReturnType<typeof nodeSql>;
  /** When the token of each dispatch was made, by the rig's clock, ms. */
  readonly tokens: Map<string, number>;
  readonly repository: { branches: Set<string>; merged: Set<string>; readonly target: Target };
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
  /** Its journal, folded from the first fact as far as it was looked at last: in one go, or from one look to the next by way of a cut. */
  replayed: Replayer;
  readonly isReplayedInCuts: boolean;
  /** Ends of beads as the journal told them: they may never change. */
  readonly ended: Map<string, string>;
  /** Actors whose rows are garbage, and the newest seq when they became so. */
  readonly poisoned: Map<string, number>;
}

export const START_MS = 1_800_000_000_000;
export const HOUR = 3_600_000;
export const OPERATOR: Caller = { kind: "operator", id: "operator", dispatchId: null, scope: "admin" };

export interface Stage {
  readonly options: Options;
  readonly queue: Queue;
  readonly counts: Counts;
  readonly faults: ReadonlySet<Fault>;
  /** What is drawn by whatever has no stream of its own. */
  readonly luck: Random;
  /** The first rule that was broken. */
  failure: Failure | null;
  healed: boolean;
  readonly lines: string[];
  /** Whether such things still happen. */
  has(fault: Fault): boolean;
  /** A stream of its own. */
  random(name: string): Random;
  trace(line: () => string): void;
  fail(rig: SimRig | null, rule: string, text: string): void;
}

const MOST_LINES = 4_000;

export function createStage(options: Options): Stage {
  const queue = createQueue(START_MS);
  const faults = new Set(options.faults);
  const lines: string[] = [];
  const fresh = (name: string): Random => random(options.seed, name);
  const stage: Stage = {
    options,
    queue,
    counts: newCounts(),
    faults,
    luck: fresh("luck"),
    failure: null,
    healed: false,
    lines,
    has: (fault) => !stage.healed && faults.has(fault),
    random: fresh,
    trace(line) {
      if (options.trace !== true) return;
      lines.push(`${clock(queue.now)} ${line()}`);
      if (lines.length > MOST_LINES) lines.splice(0, MOST_LINES / 2);
    },
    fail(rig, rule, text) {
      if (stage.failure !== null) return;
      stage.failure = { rule, text, at: queue.now - START_MS, rig: rig?.id ?? "-" };
      stage.trace(() => `!!! ${rule}: ${text}`);
    },
  };
  return stage;
}

function clock(now: number): string {
  const s = (now - START_MS) / 1000;
  return `${String(Math.floor(s / 3600)).padStart(3, "0")}:${String(Math.floor((s / 60) % 60)).padStart(2, "0")}:${(s % 60).toFixed(3).padStart(6, "0")}`;
}

/** What sets a rig up. */
export const configure = (r: SimRig): Command => ({
  type: "configure",
  rigId: r.id,
  townId: r.town.id,
  userId: "user",
  name: r.id,
  gitUrl: "https://git.example/repo",
  defaultBranch: "main",
});

/** A rig that nobody has spoken to yet. */
export function newRig(queue: Queue, id: string, town: Town, isReplayedInCuts: boolean): SimRig {
  const r: SimRig = {
    id,
    town,
    storage: nodeSql(),
    tokens: new Map(),
    repository: {
      branches: new Set(),
      merged: new Set(),
      target: {
        n: 0,
        isGood: true,
        protectedUntil: 0,
        foreign: 0,
        pushed: new Set(),
        covered: new Set(),
        untold: new Map(),
      },
    },
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
    replayed: replayer(),
    isReplayedInCuts,
    ended: new Map(),
    poisoned: new Map(),
  };
  return r;
}
