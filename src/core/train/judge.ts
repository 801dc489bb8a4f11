/**
 * What a train's report comes to: who is on the target, who is sent back, who only waits, and what the next train should know. Pure.
 * Nobody is sent back for one red run: it is repeated, and what it was stacked on must be green.
 */
import type { Knowledge } from "./plan.ts";

export interface Train {
  /** Ids in the order in which they were stacked. */
  readonly members: readonly string[];
  readonly again: string | null;
}

/** The part of a report that is judged. */
export interface Seen {
  readonly target: string | null;
  /** Members that were not stacked. */
  readonly left: readonly string[];
  readonly runs: readonly {
    /** A gate of the plan; null: `again`. */
    readonly upTo: number | null;
    readonly verdict: "green" | "red" | "place";
  }[];
  readonly pushed: { readonly to: string; readonly members: readonly string[] } | null;
  readonly isStopped: boolean;
}

export interface Judged {
  readonly known: Knowledge;
  /** On the target. */
  readonly merged: readonly string[];
  /** Sent back, and the run that convicts it: its index in `runs`. */
  readonly convicted: { readonly id: string; readonly run: number } | null;
  /** The target itself is red: the index of the run that says so. */
  readonly targetIsRed: number | null;
  /** Nothing became of it: nobody moved, and nothing is known that was not known before. */
  readonly isIdle: boolean;
}

interface Runs {
  /** Index of the red run at so many stacked, if one was red. */
  readonly red: ReadonlyMap<number, number>;
  readonly green: ReadonlySet<number>;
  readonly again: { readonly verdict: "green" | "red"; readonly run: number } | null;
}

/** The same tree red and green is red: a gate fails closed. */
function runsOf({ members }: Train, { left, runs }: Seen): Runs {
  const off = new Set(left);
  const red = new Map<number, number>();
  const green = new Set<number>();
  let again: Runs["again"] = null;
  for (const [run, { upTo, verdict }] of runs.entries()) {
    if (verdict === "place") continue;
    if (upTo === null) again = { verdict, run };
    else {
      const stacked = members.slice(0, upTo).filter((id) => !off.has(id)).length;
      if (verdict === "green") green.add(stacked);
      else if (!red.has(stacked)) red.set(stacked, run);
    }
  }
  for (const stacked of red.keys()) green.delete(stacked);
  return { red, green, again };
}

const MOST_SEEN = 400;

/** The older half counts for less once there are many. */
const counted = (good: number, bad: number): Pick<Knowledge, "good" | "bad"> =>
  good + bad <= MOST_SEEN ? { good, bad } : { good: good / 2, bad: bad / 2 };

export function judge(train: Train, before: Knowledge, seen: Seen): Judged {
  const { red, green, again } = runsOf(train, seen);
  const merged = (seen.pushed?.members ?? []).filter((id) => train.members.includes(id));
  const gone = new Set([...merged, ...seen.left]);
  const stack = train.members.filter((id) => !seen.left.includes(id));
  const best = Math.max(0, ...green);
  const isGreen = seen.target !== null && (green.has(0) || (before.green === seen.target && !red.has(0)));
  const targetIsRed = best === 0 ? (red.get(0) ?? null) : null;
  const worst = Math.min(...[...red.keys()].filter((stacked) => stacked > best));
  const group = Number.isFinite(worst) && targetIsRed === null ? stack.slice(best, worst) : [];
  // Where nobody else has pushed in between, an earlier red run was on what is the same.
  const wasSeenRed = (id: string): boolean =>
    before.once === id || (before.suspects.includes(id) && seen.target !== null && before.target === seen.target);
  const isBased = best > 0 || isGreen;
  const [suspect] = group;
  const own = group.length === 1 && isBased && suspect !== undefined ? suspect : null;

  let convicted: Judged["convicted"] = null;
  let suspects: readonly string[] = group.length > 0 ? group : before.suspects.filter((id) => !gone.has(id));
  // Where it stood on what is not known to be green it was not judged: what was seen before still counts.
  let once = own ?? (suspects.length === 1 && before.once === suspects[0] ? before.once : null);
  let flaky = before.flaky.filter((id) => !gone.has(id));
  if (own !== null && wasSeenRed(own)) {
    convicted = { id: own, run: red.get(worst) ?? 0 };
    suspects = [];
    once = null;
  }
  if (train.again !== null && again !== null && targetIsRed === null) {
    const isHeld = suspects.length === 1 && suspects[0] === train.again;
    if (again.verdict === "green") {
      flaky = [...flaky.filter((id) => id !== train.again), train.again];
      if (isHeld) [suspects, once] = [[], null];
    } else if (isGreen && convicted === null && wasSeenRed(train.again)) {
      convicted = { id: train.again, run: again.run };
      if (isHeld) [suspects, once] = [[], null];
    } else if (isHeld && isGreen) once = train.again;
  }
  // What was red together with the target says nothing of anybody.
  if (targetIsRed !== null) [suspects, once] = [[], null];

  const to = seen.pushed?.to ?? null;
  const known: Knowledge = {
    suspects,
    once,
    green: to === null ? (isGreen ? seen.target : null) : best > 0 ? to : null,
    target: to ?? seen.target ?? before.target,
    flaky,
    ...counted(before.good + merged.length, before.bad + (convicted === null ? 0 : 1)),
  };
  const isIdle =
    !seen.isStopped &&
    gone.size === 0 &&
    convicted === null &&
    targetIsRed === null &&
    again === null &&
    JSON.stringify([suspects, once, known.green]) === JSON.stringify([before.suspects, before.once, before.green]);
  return { known, merged, convicted, targetIsRed, isIdle };
}

/** Whether a member that got onto the target was red before on what was the same. */
export const wasFlaky = (before: Knowledge, id: string): boolean => before.flaky.includes(id) || before.once === id;
