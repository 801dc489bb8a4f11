/** Why a bead failed, as a code. */

export const FAILURES = [
  "attempts_exhausted",
  "review_failed",
  "conflict",
  "red",
  "cancelled",
  "set_failed",
  "unknown",
] as const;
export type FailureCode = (typeof FAILURES)[number];

export interface Failure {
  readonly code: FailureCode;
  /** What went wrong, in the words of whoever saw it. */
  readonly words: string;
}

/**
 * The stored context of a bead has only a sentence, and stored states keep their shape; so the beginnings of the sentences
 * that the charts write are read here, and nowhere else. A test walks the charts and finds no failure that is unknown.
 */
const SENTENCES: readonly (readonly [FailureCode, RegExp])[] = [
  ["attempts_exhausted", /^\d+ attempts used up(?:; last: )?/],
  ["review_failed", /^review failed: /],
  ["conflict", /^conflict again after rework: /],
  ["red", /^red again after its rework: /],
  ["cancelled", /^cancelled by /],
  ["set_failed", /^set to failed by /],
];

/** Of the reason of a failed bead. The words of `cancelled` and `set_failed` are the id of who did it. */
export function failureIn(reason: string): Failure {
  for (const [code, beginning] of SENTENCES) {
    const found = beginning.exec(reason);
    if (found !== null) return { code, words: reason.slice(found[0].length) };
  }
  return { code: "unknown", words: reason };
}
