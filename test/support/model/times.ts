/** Times relative to deadlines: all that a guard can see of a clock. */

/** Where `at` is: before the deadline, at or after it, or there is none. */
export const side = (at: number, deadline: number | null): "none" | "before" | "over" =>
  deadline === null ? "none" : at < deadline ? "before" : "over";

/** Both sides of every deadline that is still to come. */
export const aroundDeadlines = (at: number, deadlines: readonly (number | null)[]): number[] =>
  [
    ...new Set(deadlines.flatMap((deadline) => (deadline === null || deadline <= at ? [] : [deadline - 1, deadline]))),
  ].sort((a, b) => a - b);

export const plus = (at: number | null, ms: number): number | null => (at === null ? null : at + ms);
