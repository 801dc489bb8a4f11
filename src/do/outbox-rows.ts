import type { Rig } from "./rig.ts";

/** What is known of the rows of the outbox without reading them: a read at every alarm of every rig would cost more than it finds. */

export type Row = { key: string; body: string; attempts: number; next_at: number };

export interface Rows {
  /** What is due and may run, oldest first, a page at most. Nothing is read before something is due. */
  read(rig: Rig): Row[];
  /** When the next one may be tried again, ms, or null. @param after ms; those before are taken care of @param isAll nothing that was read waits */
  nextAt(rig: Rig, after: number, isAll: boolean): number | null;
  /** One of them is due then, ms. */
  waitsUntil(at: number): void;
  /** More are about to be written, or to be due at other times. */
  expect(): void;
  /** Something is due that was not taken. */
  forget(): void;
}

/** Effects read at a time. The table has no index by time, which would cost a row per effect; so it is not read for each one. */
const PAGE = 100;

type Held = (rig: Rig, key: string) => boolean;

/** @param mustWait whether one may not run now, whatever its time */
export function newRows(flights: ReadonlyMap<string, unknown>, mustWait: Held): Rows {
  /** It was found without a row, and nothing was written since. */
  let isEmpty = false;
  /** Until then, ms, all that is due is in flight or was read: the first of the others is due then. 0: that is not known. */
  let nextDue = 0;
  const hasRows = ({ ports }: Rig): boolean => {
    isEmpty = isEmpty || ports.sql.exec("SELECT 1 FROM outbox LIMIT 1").toArray().length === 0;
    return !isEmpty;
  };
  const mayRun = (rig: Rig, key: string): boolean => !flights.has(key) && !mustWait(rig, key);
  return {
    read(rig) {
      const now = rig.ports.now();
      if (now < nextDue || !hasRows(rig)) return [];
      const due = dueAt(rig, now);
      const free = due.filter(({ key }) => !flights.has(key));
      const rows = free.filter(({ key }) => !mustWait(rig, key));
      nextDue = due.length < PAGE && rows.length === free.length ? firstAfter(rig, now) : 0;
      return rows;
    },
    nextAt(rig, after, isAll) {
      if (isAll && rig.ports.now() < nextDue) return Number.isFinite(nextDue) ? nextDue : null;
      if (!hasRows(rig)) return null;
      return nextAfter(rig, after).find(({ key }) => mayRun(rig, key))?.next_at ?? null;
    },
    waitsUntil(at) {
      nextDue = Math.min(nextDue, at);
    },
    expect() {
      isEmpty = false;
      nextDue = 0;
    },
    forget() {
      nextDue = 0;
    },
  };
}

const dueAt = ({ ports }: Rig, now: number): Row[] =>
  ports.sql
    .exec<Row>(
      "SELECT key, body, attempts, next_at FROM outbox WHERE next_at <= ? ORDER BY seq, key LIMIT ?",
      now,
      PAGE,
    )
    .toArray();

/** When the first effect that waits for its time is due, ms. */
const firstAfter = ({ ports }: Rig, now: number): number =>
  ports.sql.exec<{ at: number | null }>("SELECT MIN(next_at) AS at FROM outbox WHERE next_at > ?", now).toArray()[0]
    ?.at ?? Number.POSITIVE_INFINITY;

const nextAfter = ({ ports }: Rig, after: number) =>
  ports.sql
    .exec<{ key: string; next_at: number }>(
      "SELECT key, next_at FROM outbox WHERE next_at > ? ORDER BY next_at LIMIT 8",
      after,
    )
    .toArray();
