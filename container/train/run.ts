/** One train, from the fetch to the push. Never throws: what stops it is a part of what it reports. */
import type { GateRun, Left, Pushed, TrainReport } from "../../src/wire/train.ts";
import { PUSH_ATTEMPTS_MAX, TRAIN_WORDS_MAX_CHARS, UNTOLD_PUSHES_MAX } from "../limits.ts";
import { kindOf } from "../box/boxes.ts";
import { boxOfHandIn } from "../git/inspect.ts";
import { messageOf } from "../log.ts";
import { whyFailed } from "./classify.ts";
import { type Stop, Stopped, type TrainContext, checkGoesOn, interrupted, passing } from "./context.ts";
import { treeOf } from "./landed.ts";
import { handOver, pushTarget, targetOf } from "./push.ts";
import { untold, writeDown } from "./pushes.ts";
import { type Stack, landingsOf, stack } from "./stack.ts";

/** What was seen of the target as it is now; with another target all of it is seen anew. */
interface Seen {
  target: string | null;
  left: Left[];
  runs: GateRun[];
  pushed: Pushed | null;
  earlier: NonNullable<TrainReport["earlier"]>;
}

/** What is to be checked on which tree, and does so. */
export interface Checker {
  /** @returns false: there is nothing to check, so everything may be pushed @throws Stopped; the runs before it hold */
  readonly check: (
    context: TrainContext,
    stacked: Stack,
    again: Stack | null,
    onRun: (run: GateRun) => void,
  ) => Promise<boolean>;
}

export async function runTrain(context: TrainContext, checker: Checker): Promise<TrainReport> {
  const seen: Seen = { target: null, left: [], runs: [], pushed: null, earlier: [] };
  const report = (stopped: Stop | null): TrainReport => ({
    ...reportOf(context, seen),
    // Cut last: what hides a secret may be longer than it, and half of one is not found.
    stopped: stopped && { ...stopped, words: context.redact(stopped.words).slice(0, TRAIN_WORDS_MAX_CHARS) },
  });
  try {
    for (let attempt = 1; attempt <= PUSH_ATTEMPTS_MAX; attempt++)
      if (await once(context, checker, seen)) return report(placeIn(seen.runs));
    const { targetBranch } = context.request;
    throw passing("target_moves", `${targetBranch} moved during each of ${PUSH_ATTEMPTS_MAX} attempts to push`);
  } catch (error) {
    if (error instanceof Stopped) return report(error.stop);
    if (context.signal.aborted) return report(interrupted().stop);
    return report(whyFailed(messageOf(error), "Ticktown could not run the train", "internal").stop);
  }
}

/** As it is while nothing stops it. */
function reportOf({ request }: TrainContext, { earlier, ...seen }: Seen): TrainReport {
  return { trainId: request.trainId, ...seen, ...(earlier.length === 0 ? {} : { earlier }), stopped: null };
}

/** A setup that fails on the target as well is said, whatever else was pushed. */
function placeIn(runs: readonly GateRun[]): Stop | null {
  const run = runs.find(({ verdict }) => verdict === "place");
  if (run === undefined) return null;
  const words = run.checks.map((check) => check.words).join("\n");
  return { class: "place", code: "setup_failed", words: `the setup fails on the target: ${words}` };
}

/** @returns false when the target moved @throws Stopped */
async function once(context: TrainContext, checker: Checker, seen: Seen): Promise<boolean> {
  const { request } = context;
  Object.assign(seen, { target: null, left: [], runs: [], pushed: null, earlier: [] } satisfies Seen);
  checkGoesOn(context);
  context.say(`fetches ${request.targetBranch}`);
  const target = await targetOf(context);
  seen.target = target;
  if (await wasDone(context, target, seen)) return true;
  const landings = await landingsOf(context, target);
  if (request.gate.strategy === "hand_over") {
    for (const member of request.members)
      seen.left.push(await handOver(context, { target, before: target, landings }, member));
    return true;
  }
  const stacked = await stack(context, target, request.members, landings);
  seen.left.push(...stacked.left);
  const again = request.again === null ? null : await stack(context, target, [request.again], landings);
  seen.left.push(...(again?.left ?? []));
  const isChecked = await checker.check(context, stacked, again, (run) => seen.runs.push(run));
  checkGoesOn(context);
  return push(context, stacked, isChecked, seen);
}

/** Whether this very train got onto the target before, by a server that could not tell; of others it is told beside. */
async function wasDone(context: TrainContext, target: string, seen: Seen): Promise<boolean> {
  let isDone = false;
  for (const { trainId, pushed, left, runs, target: from } of await untold(context, target))
    if (trainId === context.request.trainId) {
      Object.assign(seen, { target: from, left, runs, pushed });
      isDone = true;
    } else if (seen.earlier.length < UNTOLD_PUSHES_MAX) seen.earlier.push({ trainId, pushed });
  return isDone;
}

/** What each member's work was made in, and what this tree was checked in: in one line. */
async function boxesOf(
  { git, folders, checksIn }: TrainContext,
  members: Stack["stacked"],
  best: GateRun | null,
): Promise<string> {
  const known = members.map(({ member, handedIn }) => boxOfHandIn(git, folders.store, member.beadId, handedIn));
  const made = [...new Set(await Promise.all(known))].sort().join(" and in ");
  const checked = best === null ? checksIn : kindOf({ kind: best.boxed ? "bwrap" : "none" });
  return `agents in ${made || "none"}, checks in ${checked}`.slice(0, BOX_MAX_CHARS);
}

/** What the wire takes. */
const BOX_MAX_CHARS = 200;

/** The longest prefix that is green; with nothing to check all of it. @returns false when the target moved */
async function push(context: TrainContext, { tips, stacked }: Stack, isChecked: boolean, seen: Seen): Promise<boolean> {
  const { git, folders, request } = context;
  const [from = ""] = tips;
  const green = seen.runs.filter(({ upTo, verdict }) => upTo !== null && verdict === "green");
  const best = green.reduce<GateRun | null>((one, run) => ((run.upTo ?? 0) > (one?.upTo ?? 0) ? run : one), null);
  const upTo = isChecked ? (best?.upTo ?? 0) : request.members.length;
  const to = tips[upTo] ?? from;
  if (to === from) return true;
  const entries = new Set(request.members.slice(0, upTo).map(({ entryId }) => entryId));
  context.say(`pushes to ${request.targetBranch}`);
  const pushed: Pushed = {
    from,
    to,
    tree: await treeOf(git, folders.store, to),
    members: stacked
      .filter(({ member }) => entries.has(member.entryId))
      .map(({ member, handedIn, commit }) => ({ entryId: member.entryId, beadId: member.beadId, handedIn, commit })),
    checks: best?.checks ?? [],
    boxed: best?.boxed ?? false,
    box: await boxesOf(
      context,
      stacked.filter(({ member }) => entries.has(member.entryId)),
      best,
    ),
  };
  await writeDown(context, { ...reportOf(context, { ...seen, pushed }), pushed });
  if (!(await pushTarget(context, from, to))) return false;
  seen.pushed = pushed;
  return true;
}
