import { judge } from "../../../src/core/train/judge.ts";
import { NOTHING_KNOWN, plan, type Knowledge } from "../../../src/core/train/plan.ts";
import { random } from "../../sim/random.ts";

/** A queue of reviews and an honest gate, without a rig around them: what a planner costs is counted run by run. */

export interface QueueOptions {
  /** Which reviews break the tree they are on. */
  readonly bad: readonly boolean[];
  readonly slots: number;
  readonly train_max: number;
  /** How often a run of a good tree is red all the same. */
  readonly flake?: number;
  readonly seed?: number;
  /** Whether somebody else pushes between two trains, and whether what they push is good. */
  readonly push?: (train: number) => "good" | "bad" | null;
}

export interface QueueReport {
  readonly trains: number;
  /** Gates of all kinds: repetitions and those of the target alone among them. */
  readonly runs: number;
  /** Times that the length of one gate went by, with as many gates at a time as there are slots. */
  readonly rounds: number;
  readonly merged: readonly number[];
  readonly sentBack: readonly number[];
  /** Pushes after which the target was not green. */
  readonly redPushes: number;
  /** Good reviews that were sent back. */
  readonly wronged: number;
}

const MOST_TRAINS = 5_000;

/** Runs trains until nobody waits. @throws when that never comes */
export function emptyQueue({ bad, slots, train_max, flake = 0, seed = 1, push }: QueueOptions): QueueReport {
  const luck = random(seed, "gate");
  const waiting = bad.map((_, i) => String(i));
  const isBad = (id: string): boolean => bad[Number(id)] === true;
  let known: Knowledge = NOTHING_KNOWN;
  /** The target's commit, and whether its tree is good. */
  let target = { n: 0, isGood: true };
  const counts = { trains: 0, runs: 0, rounds: 0, redPushes: 0 };
  const merged: number[] = [];
  const sentBack: number[] = [];
  while (waiting.length > 0) {
    if (++counts.trains > MOST_TRAINS) throw new Error(`${waiting.length} reviews wait for ever`);
    const others = push?.(counts.trains) ?? null;
    if (others !== null) target = { n: target.n + 1, isGood: others === "good" };
    const train = plan(
      waiting.map((id) => ({ id, jumped: false })),
      known,
      { train_max, gate_slots: slots },
    );
    if (train === null) throw new Error("nobody is taken along");
    const isGreen = (on: readonly string[]): boolean => target.isGood && !on.some(isBad) && !luck.chance(flake);
    const runs = [
      ...train.gates.map((upTo) => ({
        upTo,
        verdict: isGreen(train.members.slice(0, upTo)) ? ("green" as const) : ("red" as const),
      })),
      ...(train.again === null
        ? []
        : [{ upTo: null, verdict: isGreen([train.again]) ? ("green" as const) : ("red" as const) }]),
    ];
    counts.runs += runs.length;
    counts.rounds += Math.ceil(runs.length / slots);
    const best = Math.max(0, ...runs.filter(({ verdict }) => verdict === "green").map(({ upTo }) => upTo ?? 0));
    const from = `t${target.n}`;
    const on = train.members.slice(0, best);
    if (best > 0) {
      target = { n: target.n + 1, isGood: target.isGood && !on.some(isBad) };
      if (!target.isGood) counts.redPushes++;
    }
    const judged = judge(train, known, {
      target: from,
      left: [],
      runs,
      pushed: best === 0 ? null : { to: `t${target.n}`, members: on },
      isStopped: false,
    });
    known = judged.known;
    const leave = (ids: readonly string[], to: number[]): void => {
      for (const id of ids) {
        waiting.splice(waiting.indexOf(id), 1);
        to.push(Number(id));
      }
    };
    leave(judged.merged, merged);
    if (judged.convicted !== null) leave([judged.convicted.id], sentBack);
  }
  return { ...counts, merged, sentBack, wronged: sentBack.filter((i) => bad[i] !== true).length };
}

/** A queue in which each review is bad with this chance. */
export function drawn(size: number, chance: number, seed: number): boolean[] {
  const luck = random(seed, "bad");
  return Array.from({ length: size }, () => luck.chance(chance));
}

/** What one by one takes: each review once, each bad one a second time, and the target once. */
export const oneByOne = (bad: readonly boolean[]): number => bad.length + bad.filter(Boolean).length + 1;
