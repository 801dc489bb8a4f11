import type { Kind } from "../step.ts";
import { actorKey, type World } from "../world.ts";

export interface Violation {
  /** Which invariant; see RULES. */
  readonly rule: Rule;
  /** `agent:…`, `bead:…`, `review:…`, `queue:queue` or `rig:rig`. */
  readonly actor: string;
  readonly text: string;
}

export const RULES = {
  one_dispatch_per_bead: "at most one live dispatch per bead",
  one_bead_per_agent: "at most one bead per agent, and one agent per bead",
  process_has_hook: "a process implies a hook, except for a mayor",
  hooks_agree: "an agent's hook and its bead's assignee and attempts agree",
  within_capacity: "slots in use never grow past the capacity",
  review_is_live: "in_review implies a review that is not terminal, and a live review a bead in_review",
  one_merge: "at most one running merge, or one running train",
  train_agrees:
    "a review on a train is a member of the one that runs, and each of its members that has not ended is on it",
  nothing_left_to_decide: "ready, free and ungated implies dispatched in the same commit",
  attempts_are_bounded: "attempts never grow past their maximum",
  chains_are_told: "what waits for what has failed is stuck, over however many between them; nothing else is",
  everyone_has_a_waker: "every state that is not terminal has a deadline or somebody who wakes it",
  indexes_agree: "the indexes are what the snapshots say",
  journal_is_ordered:
    "seq has no gaps, time runs backwards only where that is said, a cause comes before what it causes",
  terminal_stays: "closed and merged never leave; failed is left by a retry only",
  stale_changes_nothing: "a report of an older dispatch changes nothing",
  deadlines_are_served: "no deadline that was over before a TICK is left after it",
  nothing_unresumed:
    "what was stopped at once, or brought back from a file, starts and merges nothing until somebody resumes it",
  told_once: "each alert at most once per episode",
} as const;
export type Rule = keyof typeof RULES;

/** Takes a violation that was found. */
export type Report = (rule: Rule, actor: string, text: string) => void;

/** Whoever is damaged is excused: a person was told. */
export const isExcused = (world: World, kind: Exclude<Kind, "rig">, id: string): boolean =>
  world.broken.size > 0 && world.broken.has(actorKey(kind, id));
