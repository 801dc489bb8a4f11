import type { ValueName } from "./why-because.ts";

/** What an answer to "why" is made of. */

/** Why something is not running. The set is closed: whatever waits has one of these (design rule 10). */
export const REASONS = [
  "at_capacity",
  "blocked_by",
  "deferred_until",
  "backing_off_until",
  /** It rests, or it is damaged: recorded answers know both by this name. */
  "quarantined_until",
  "paused",
  "breaker_open",
  "over_budget",
  "no_config",
  "wrong_role",
  "draining",
  "waiting_for_person",
  "waiting_for_merge",
  "waiting_for_inspection",
  "running",
  "no_work",
  "ended",
] as const;
export type Reason = (typeof REASONS)[number];

type Value = string | number | boolean | null | string[];
/** A name without a row of its own does not compile. */
export type Values = { readonly [N in ValueName]?: Value };

export interface Why {
  readonly reason: Reason;
  readonly sentence: string;
  /** The values that decide; where each comes from is in why-because.ts. */
  readonly values: Values;
  /** When it is looked at next, ms, or null when only somebody's act can change it. */
  readonly until: number | null;
}

export const why = (
  reason: Reason,
  sentence: string,
  values: Why["values"] = {},
  until: number | null = null,
): Why => ({
  reason,
  sentence,
  values,
  until,
});

/** Words of somebody else, as a sentence. */
export const sentenceOf = (words: string): string => (/[.!?]$/.test(words) ? words : `${words}.`);
