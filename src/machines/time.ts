/** Times that may not be set: ms since epoch, or null. */
export type Time = number | null;

/** Whether a deadline that is set has come. */
export const isOver = (deadline: Time, at: number): boolean => deadline !== null && at >= deadline;

export const plus = (time: Time, ms: number): Time => (time === null ? null : time + ms);

/** The first of those that are set, or null. */
export const earliest = (times: readonly Time[]): Time =>
  times.reduce((first, time) => (first === null || (time !== null && time < first) ? time : first), null);
