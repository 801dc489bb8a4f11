import { useSyncExternalStore } from "react";

/** When somebody looked at a rig last, in this browser; and times as a history says them. */

const keyOf = (rigId: string): string => `ticktown.looked.${rigId}`;
const listeners = new Set<() => void>();
/** Who never looked has missed a night. */
const NIGHT_MS = 12 * 3_600_000;
/** An interval is never empty. */
const LEAST_MS = 1_000;

export const lookedAt = (rigId: string): number | null => {
  const kept = Number(localStorage.getItem(keyOf(rigId)) ?? Number.NaN);
  return Number.isFinite(kept) && kept > 0 ? kept : null;
};

export function markLooked(rigId: string, at: number): void {
  localStorage.setItem(keyOf(rigId), String(at));
  for (const listener of listeners) listener();
}

export const useLookedAt = (rigId: string): number | null =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => lookedAt(rigId),
  );

export interface Interval {
  readonly from: number;
  readonly to: number;
  /** It goes on to now. */
  readonly isOpen: boolean;
}

const timeIn = (text: string | null): number | null => {
  const at = Date.parse(text ?? "");
  return Number.isNaN(at) ? null : at;
};

/** The interval of an address; without one, since somebody looked. What is no time, or turned round, is as if it were not there. */
export function intervalOf(params: URLSearchParams, looked: number | null, now: number): Interval {
  const to = timeIn(params.get("to"));
  const from = timeIn(params.get("from"));
  const end = to !== null && to <= now ? to : now;
  const begin = from !== null && from < end ? from : Math.min(looked ?? end - NIGHT_MS, end - LEAST_MS);
  return { from: begin, to: end, isOpen: end === now };
}

const HOUR_MINUTE = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const DAY_TIME = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

export const hourAndMinute = (at: number): string => HOUR_MINUTE.format(at);

/** With its date where that is not today's. */
export const moment = (at: number, now: number): string =>
  new Date(at).toDateString() === new Date(now).toDateString() ? hourAndMinute(at) : DAY_TIME.format(at);
