/** One run of the gate: setup and checks on a copy of one tree. */
import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { Setup } from "../../src/wire/container.ts";
import type { CheckRun, GateRun, RedWhy } from "../../src/wire/train.ts";
import type { Held, Holder } from "../box/bounds.ts";
import type { Box } from "../box/box.ts";
import type { Config } from "../config.ts";
import { HALTED } from "../halt.ts";
import { GitFailure } from "../git/git.ts";
import { Untidy } from "../git/untidy.ts";
import { messageOf } from "../log.ts";
import type { KeyedMutex } from "../mutex.ts";
import { refuseWhenFull } from "../place/disk.ts";
import { setUp } from "../place/setup.ts";
import { setupCacheOf } from "../place/setup-cache.ts";
import { markOf } from "../processes/marks.ts";
import { Refusal } from "../refusal.ts";
import { type TrainContext, checkGoesOn, listed, passing } from "../train/context.ts";
import { treeOf } from "../train/landed.ts";
import { digestOf, runCheck } from "./check.ts";
import { type Copy, NoFiles, gatesOf, makeCopy } from "./copy.ts";
import { boxOf, launcherFor, checkEnvironment, setupEnvironment } from "./environment.ts";
import type { Rules } from "./rules.ts";
import { type StoreState, stateOf, whatWasTouched } from "./store-watch.ts";
import { lostPointer } from "./submodules.ts";
import { lastOf } from "./words.ts";

export interface GateRoom {
  readonly config: Config;
  /** The mark of the WORK_DIR, which all that is started carries. */
  readonly mark: string;
  readonly box: Box;
  /** What one check is held to. */
  readonly holder: Holder;
  readonly setupMutex: KeyedMutex;
  readonly freeBytes: () => number;
}

export interface GateJob {
  readonly commit: string;
  readonly target: string;
  readonly upTo: number | null;
  readonly rules: Rules;
  /** For people: "4 of 8". */
  readonly what: string;
}

type Why = z.infer<typeof RedWhy>;
type Dirt = Awaited<ReturnType<Copy["dirt"]>>;

/** @throws Stopped when it says nothing of the tree; GitFailure, or the disk's error */
export async function runGate(room: GateRoom, context: TrainContext, job: GateJob): Promise<GateRun> {
  const { git, folders } = context;
  const { commit, target, rules } = job;
  const started = performance.now();
  const tree = await treeOf(git, folders.store, commit);
  const told = (verdict: GateRun["verdict"], checks: CheckRun[]): GateRun => ({
    upTo: job.upTo,
    verdict,
    tree,
    checks,
    boxed: room.box.kind !== "none",
    ms: Math.round(performance.now() - started),
  });
  context.say(`checks on ${job.what}`);
  refuseFullDisk(room);
  const lost = await lostPointer(context, room.config, target, commit);
  if (lost !== null) return told("red", [redRun("submodule", "", "submodule", lost)]);
  return withCopy(room, context, commit, async (copy) => {
    const watched = room.box.kind === "none" ? await stateOf(git, folders) : null;
    const prepared = await prepare(room, context, rules.setup, copy, commit === target);
    if ("why" in prepared) {
      // Whose matter that is, the target tells: without a cache, in case what it needs is away now.
      const isPlace = commit === target || (await failsOnTarget(room, context, rules.setup, target));
      const why: Why = "setup";
      return told(isPlace ? "place" : "red", [redRun("setup", rules.setup?.command ?? "", why, prepared.why)]);
    }
    const checks = await runChecks(room, context, job, copy, { watched, before: new Set(prepared.untracked) });
    return told(checks.every(({ verdict }) => verdict === "green") ? "green" : "red", checks);
  }).catch(async (error: unknown) => {
    if (!isUnmakeable(error)) throw error;
    await blameOrStop(room, context, commit === target ? null : target, error);
    const why = error instanceof NoFiles ? "checkout" : "submodule";
    return told("red", [redRun(why, "", why, error.message)]);
  });
}

/** No copy can be made of such a tree, as of one with a submodule that is away. */
const isUnmakeable = (error: unknown): error is Refusal | NoFiles =>
  error instanceof Refusal || error instanceof NoFiles;

/** What cannot be checked out is the work's matter only where the target can. @throws Stopped otherwise */
async function blameOrStop(
  room: GateRoom,
  context: TrainContext,
  target: string | null,
  error: Refusal | NoFiles,
): Promise<void> {
  const fails = (): Promise<boolean> =>
    withCopy(room, context, target ?? "", async () => false).catch((other: unknown) => {
      if (isUnmakeable(other)) return true;
      throw other;
    });
  if (target === null || (await fails()))
    throw passing(error instanceof NoFiles ? "internal" : "remote_unreachable", error.message);
}

/** @throws Stopped disk_full: a check that finds no room would be red for nothing */
function refuseFullDisk({ config, freeBytes }: GateRoom): void {
  try {
    refuseWhenFull(freeBytes(), config.minFree_bytes);
  } catch (error) {
    throw passing("disk_full", messageOf(error));
  }
}

async function withCopy<T>(
  { config }: GateRoom,
  context: TrainContext,
  commit: string,
  task: (copy: Copy) => Promise<T>,
): Promise<T> {
  const copy = await makeCopy(context, gatesOf(config.workDir), commit);
  try {
    return await task(copy);
  } finally {
    await copy.remove();
  }
}

interface Before {
  /** null: in a box the store is out of reach. */
  readonly watched: StoreState | null;
  /** What the setup left there, and nobody ignores, is none of the checks'. */
  readonly before: ReadonlySet<string>;
}

async function runChecks(
  room: GateRoom,
  context: TrainContext,
  { rules, what }: GateJob,
  copy: Copy,
  { watched, before }: Before,
): Promise<CheckRun[]> {
  const { config, mark, box, holder } = room;
  const env = checkEnvironment(config, box.kind !== "none", copy, context);
  const spec = boxOf(config, box, holder, copy);
  const checks: CheckRun[] = [];
  for (const check of rules.checks) {
    checkGoesOn(context);
    context.say(`checks on ${what}: ${check.name}`);
    const held = hold(holder);
    const run = await runCheck({
      check,
      cwd: copy.tree,
      env,
      mark,
      redact: context.redact,
      grace_ms: config.stopGrace_ms,
      within: (argv) => held.outside(box.within(spec, holder.rlimits(argv))),
      launcher: launcherFor(config, copy, spec),
      watch: (pid, onOver) => held.watch({ pid, folder: copy.root, onOver }),
      signal: context.signal,
    }).finally(held.close);
    // One that was stopped says nothing.
    checkGoesOn(context);
    const touched = watched === null ? null : await whatWasTouched(context, watched);
    const judged =
      touched === null
        ? await afterwards(run, copy, before, () => bornDirty(room, context, copy))
        : spoilt(run, "store_touched", `it changed ${touched} in the rig's own store`);
    checks.push(judged);
    if (judged.verdict === "red") break;
  }
  return checks;
}

/** Green only if it left the tree as it was. */
async function afterwards(
  run: CheckRun,
  copy: Copy,
  before: ReadonlySet<string>,
  born: () => Promise<ReadonlySet<string>>,
): Promise<CheckRun> {
  if (run.verdict === "red") return run;
  const left = await dirtOf(copy, born);
  if (typeof left === "string") return spoilt(run, "dirty", left);
  const { changed, untracked } = left;
  const fresh = changed.length === 0 ? new Set<string>() : await born();
  const dirt = [...changed.filter((name) => !fresh.has(name)), ...untracked.filter((name) => !before.has(name))];
  return dirt.length === 0 ? run : spoilt(run, "dirty", `it left the tree dirty: ${listed(dirt)}`);
}

/** @returns a sentence where what was left of the tree cannot be listed, as when it is gone, or has a million files more */
async function dirtOf(copy: Copy, born: () => Promise<unknown>): Promise<Dirt | string> {
  try {
    return await copy.dirt();
  } catch (error) {
    if (!(error instanceof Untidy || error instanceof GitFailure)) throw error;
    // Where that of an untouched copy cannot be listed either it is nobody's doing.
    await born();
    return `what it left of the tree cannot be listed: ${messageOf(error).slice(0, DIRT_WORDS_MAX_CHARS)}`;
  }
}

const DIRT_WORDS_MAX_CHARS = 300;

/** Files that git calls changed in any checkout of it, as those with line ends that its attributes forbid. */
function bornDirty(room: GateRoom, context: TrainContext, { commit }: Copy): Promise<ReadonlySet<string>> {
  return withCopy(room, context, commit, async (fresh) => new Set((await fresh.dirt(true)).changed));
}

const spoilt = (run: CheckRun, why: Why, words: string): CheckRun => ({ ...run, verdict: "red", why, words });

const redRun = (name: string, command: string, why: Why, words: string): CheckRun => ({
  name,
  commandDigest: digestOf(command),
  verdict: "red",
  why,
  exit: null,
  ms: 0,
  outputDigest: digestOf(""),
  words: lastOf(words, []),
});

/** @throws Stopped: that its bounds cannot be made is no work's fault */
function hold(holder: Holder): Held {
  try {
    return holder.hold(randomUUID());
  } catch (error) {
    throw passing("internal", messageOf(error));
  }
}

/** @returns why the copy cannot be checked, or what lies about in it untracked @throws Stopped */
async function prepare(
  room: GateRoom,
  context: TrainContext,
  setup: Setup | null,
  copy: Copy,
  isTarget: boolean,
): Promise<{ readonly why: string } | { readonly untracked: readonly string[] }> {
  if (setup === null) return { untracked: [] };
  const { config, mark, box, holder, setupMutex } = room;
  checkGoesOn(context);
  context.say("runs the setup");
  const held = hold(holder);
  const inside = boxOf(config, box, holder, copy);
  let stop: ((signal: NodeJS.Signals) => void) | null = null;
  const end = (): void => stop?.(context.signal.reason === HALTED ? "SIGKILL" : "SIGTERM");
  context.signal.addEventListener("abort", end);
  try {
    await setUp({
      setup,
      clone: copy.tree,
      cache: setupCacheOf(context.folders),
      env: setupEnvironment(config, box.kind !== "none", copy, context),
      mark: markOf(mark, randomUUID()),
      redact: context.redact,
      grace_ms: config.stopGrace_ms,
      before: null,
      // What a member brought along is given to nobody else.
      mayCache: isTarget,
      oneAtATime: setupMutex,
      within: (argv) => held.outside(box.within(inside, holder.rlimits(argv))),
      watch: (pid, onOver) => held.watch({ pid, folder: copy.root, onOver }),
      launcher: launcherFor(config, copy, inside),
      onLine: () => {},
      say: () => {},
      onProcess: (stopping) => (stop = stopping),
      isStopped: () => context.signal.aborted,
    });
  } catch (error) {
    checkGoesOn(context);
    if (error instanceof Refusal) return { why: error.message };
    throw error;
  } finally {
    context.signal.removeEventListener("abort", end);
    await held.close();
  }
  const born = (): ReturnType<typeof bornDirty> => bornDirty(room, context, copy);
  const left = await dirtOf(copy, born);
  if (typeof left === "string") return { why: left };
  const { changed, untracked } = left;
  const fresh = changed.length === 0 ? new Set<string>() : await born();
  const own = changed.filter((name) => !fresh.has(name));
  if (own.length === 0) return { untracked };
  return { why: `the setup command changed ${listed(own)}, so what would be checked is not what would be merged` };
}

function failsOnTarget(room: GateRoom, context: TrainContext, setup: Setup | null, target: string): Promise<boolean> {
  const fresh = setup === null ? null : { ...setup, cache_dirs: [] };
  return withCopy(room, context, target, async (copy) => "why" in (await prepare(room, context, fresh, copy, true)));
}
