import { beadOf, factsThat, rowOf, type Recorded } from "../events/facts.ts";
import type { Rig } from "./rig.ts";
import { firstSeqAfter } from "./store.ts";
import { readEntry, type JournalRow } from "../core/journal.ts";
import { iso, type WireBeadEvent } from "./shapes.ts";

/** A bead's timeline: what the journal's facts are called on the wire. */

const TYPES = [...factsThat(({ timeline }) => timeline !== undefined)].map((type) => `'${type}'`).join(", ");

function eventOf(fact: Recorded): WireBeadEvent | null {
  const bead = beadOf(fact);
  const told = rowOf(fact.type).timeline?.(fact);
  return told === undefined || bead === null
    ? null
    : { id: String(fact.seq), bead_id: bead, ...told, created_at: iso(fact.at) };
}

/**
 * Bead events, oldest first, as far back as the rig holds its journal.
 * @param since ms; only later ones.
 */
export function beadEvents(
  { ports: { sql } }: Rig,
  filter: { since?: number | undefined; beadId?: string | undefined; limit: number },
): WireBeadEvent[] {
  const from = filter.since === undefined ? 0 : firstSeqAfter(sql, filter.since);
  const [which, ...values] = filter.beadId === undefined ? ["bead IS NOT NULL"] : ["bead = ?", filter.beadId];
  return sql
    .exec<JournalRow>(
      `SELECT * FROM journal WHERE ${which} AND seq >= ? AND type IN (${TYPES}) ORDER BY seq LIMIT ?`,
      ...values,
      from,
      filter.limit,
    )
    .toArray()
    .map((row) => eventOf(readEntry(row).fact))
    .filter((event) => event !== null);
}
