import { LIMITS } from "../events/limits.ts";

/** Times that may not be set: ms since epoch, or null. */
export type Time = number | null;

/** Whether a deadline that is set has come. */
export const isOver = (deadline: Time, at: number): boolean => deadline !== null && at >= deadline;

export const plus = (time: Time, ms: number): Time => (time === null ? null : time + ms);

/** The first of those that are set, or null. */
export const earliest = (times: readonly Time[]): Time =>
  times.reduce((first, time) => (first === null || (time !== null && time < first) ? time : first), null);

type Moving<K extends string> = { readonly [name in K]?: Time | undefined };

/** Those of the times that are set, after the clock has jumped. */
export const movedBy = <K extends string>(
  times: Moving<K>,
  names: readonly K[],
  by: number,
): { [name in K]?: number } =>
  Object.fromEntries(
    names.flatMap((name) => {
      const time = times[name] ?? null;
      return time === null ? [] : [[name, time + by]];
    }),
  ) as { [name in K]?: number };

/** The same of leases, whose holders are given a while to be heard of once they wake. */
export const leasesMovedBy = <K extends string>(
  times: Moving<K>,
  names: readonly K[],
  by: number,
  at: number,
): { [name in K]?: number } => {
  const moved = movedBy(times, names, by);
  if (by < 0) return moved;
  return Object.fromEntries(
    Object.entries<number>(moved as Record<string, number>).map(([name, time]) => [
      name,
      Math.max(time, at + LIMITS.clock_tolerance_ms),
    ]),
  ) as { [name in K]?: number };
};

/** Whether any of the times is set. */
export const moves = <K extends string>(times: Moving<K>, names: readonly K[]): boolean =>
  names.some((name) => (times[name] ?? null) !== null);
