import { messageOf } from "../events/message-of.ts";
import type { Effect } from "../events/effects.ts";
import type { Recorded } from "../events/facts.ts";
import { readFact } from "../events/upcast.ts";
import type { Entry } from "./fold.ts";

/** One journal row as it left: the fact, its effects, and which commit it belongs to. */
export interface JournalEntry extends Entry {
  /** Seq of the first fact of its commit. */
  readonly batch: number;
}

export type JournalRow = {
  seq: number;
  at: number;
  type: string;
  v: number;
  cause: number | null;
  batch: number;
  bead: string | null;
  body: string;
  effects: string | null;
  missing: string | null;
};

/** Reads one row as a fact of today's shape. @throws naming the seq when it cannot be read. */
export function readEntry(row: JournalRow): JournalEntry {
  try {
    const fact = readFact(row.type, row.v, JSON.parse(row.body) as Record<string, unknown>);
    return {
      fact: { ...fact, seq: row.seq, at: row.at, cause: row.cause } as Recorded,
      effects: row.effects === null ? [] : (JSON.parse(row.effects) as Effect[]),
      missing: row.missing,
      batch: row.batch,
    };
  } catch (error) {
    throw new Error(`journal seq ${row.seq}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
