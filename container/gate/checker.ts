/** Which trees of a train are checked, and no more of them at a time than the rig has room for. */
import type { GateRun } from "../../src/wire/train.ts";
import type { TrainContext } from "../train/context.ts";
import type { Checker } from "../train/run.ts";
import type { Stack } from "../train/stack.ts";
import { type GateJob, type GateRoom, runGate } from "./gate.ts";
import { rulesOf } from "./rules.ts";

export function createChecker(room: GateRoom): Checker {
  return {
    check: async (context, stacked, again, onRun) => {
      const [target = ""] = stacked.tips;
      const rules = await rulesOf(context, target);
      if (rules.checks.length === 0) return false;
      const jobs = treesOf(context, stacked, again);
      await inSlots(jobs, context.request.gate.gate_slots, async ({ commit, upTos, what }) => {
        const run = await runGate(room, context, { commit, target, rules, what, upTo: upTos[0] ?? null });
        for (const upTo of upTos.length === 0 ? [null] : upTos) onRun({ ...run, upTo } satisfies GateRun);
      });
      return true;
    },
  };
}

interface Tree extends Pick<GateJob, "commit" | "what"> {
  /** The gates that come to this tree; none: `again`. */
  readonly upTos: number[];
}

function treesOf({ request }: TrainContext, { tips }: Stack, again: Stack | null): Tree[] {
  const [target = ""] = tips;
  const last = tips.length - 1;
  const trees = new Map<string, Tree>();
  const gates = [...new Set(request.gates.map((gate) => Math.min(gate, last)))].sort((a, b) => a - b);
  for (const upTo of gates) {
    const commit = tips[upTo] ?? target;
    // Nothing was stacked there, so there is nothing to judge.
    if (commit === target && upTo > 0 && !gates.includes(0)) continue;
    const tree = trees.get(commit);
    if (tree !== undefined) tree.upTos.push(upTo);
    else trees.set(commit, { commit, upTos: [upTo], what: upTo === 0 ? "the target alone" : `${upTo} of ${last}` });
  }
  const [one] = again?.stacked ?? [];
  const alone = one === undefined ? [] : [{ commit: one.commit, upTos: [], what: `${one.member.branch} once more` }];
  return [...trees.values(), ...alone];
}

/** What began goes on to its end when another one throws; nothing new begins then. */
async function inSlots<T>(jobs: readonly T[], slots: number, run: (job: T) => Promise<void>): Promise<void> {
  const waiting = [...jobs];
  let broken: { readonly error: unknown } | null = null;
  const slot = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined && broken === null; job = waiting.shift())
      await run(job).catch((error: unknown) => (broken ??= { error }));
  };
  await Promise.all(Array.from({ length: Math.min(slots, jobs.length) }, slot));
  if (broken !== null) throw (broken as { readonly error: unknown }).error;
}
