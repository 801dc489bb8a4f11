import { useSyncExternalStore } from "react";

/** Times as people say them. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "4 s", "12 min", "3 h 05", "2 d 4 h". */
export function duration(ms: number): string {
  const value = Math.max(0, ms);
  if (value < MINUTE) return `${Math.floor(value / SECOND)} s`;
  if (value < HOUR) return `${Math.floor(value / MINUTE)} min`;
  if (value < DAY)
    return `${Math.floor(value / HOUR)} h ${String(Math.floor((value % HOUR) / MINUTE)).padStart(2, "0")}`;
  return `${Math.floor(value / DAY)} d ${Math.floor((value % DAY) / HOUR)} h`;
}

/** "25 s", "4 min 03 s", "12 min": for what counts down. */
export function clock(ms: number): string {
  const left = Math.max(0, Math.ceil(ms / SECOND)) * SECOND;
  if (left < MINUTE || left >= 10 * MINUTE) return duration(left);
  return `${duration(left)} ${String((left % MINUTE) / SECOND).padStart(2, "0")} s`;
}

const TIME = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const DATE_TIME = new Intl.DateTimeFormat(undefined, {
  year: "numeric",
  month: "short",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

export const timeOfDay = (at: number): string => TIME.format(at);
export const dateAndTime = (at: number): string => DATE_TIME.format(at);

const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

/** The page's time in whole seconds; all that counts, counts together. */
export const useSeconds = (): number =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      timer ??= setInterval(() => {
        now = Date.now();
        for (const each of listeners) each();
      }, SECOND);
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
    () => now,
  );
