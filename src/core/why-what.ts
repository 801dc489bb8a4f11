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

export interface Why {
  readonly reason: Reason;
  readonly sentence: string;
  /** The values that decide. */
  readonly values: Record<string, string | number | boolean | null | string[]>;
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
