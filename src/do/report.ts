import type * as z from "zod";
import { readEntry, type JournalRow } from "../core/journal.ts";
import { REPORTED, reportOf } from "../core/report.ts";
import { SLOT_FACTS } from "../core/slots.ts";
import { clip, type Recorded } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import type { Report } from "../wire/report.ts";
import { redactor } from "./needs.ts";
import type { Sql } from "./ports.ts";
import { endsIn } from "./spend.ts";
import type { Rig } from "./rig.ts";
import { iso } from "./shapes.ts";
import { firstSeqAfter } from "./store.ts";

/** What a rig came to between two moments, as far back as it holds its journal. */

const PAGE = 1_000;

/**
 * @param first the seq to begin with, where it is another than the first one from `from` on
 * @yields the facts of some types in their order, a page at a time
 */
export function* factsBetween(
  sql: Sql,
  from: number,
  to: number,
  types: readonly string[],
  first = firstSeqAfter(sql, from - 1),
): Generator<Recorded> {
  const listed = types.map((type) => `'${type}'`).join(", ");
  for (let next = first; ;) {
    const rows = sql
      .exec<JournalRow>(
        `SELECT * FROM journal WHERE seq >= ? AND at < ? AND type IN (${listed}) ORDER BY seq LIMIT ?`,
        next,
        to,
        PAGE,
      )
      .toArray();
    for (const row of rows) yield readEntry(row).fact;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    next = last.seq + 1;
  }
}

/** @param from ms @param to ms; not in it any more */
export function report(rig: Rig, from: number, to: number): z.infer<typeof Report> {
  const { sql } = rig.ports;
  const first = firstSeqAfter(sql, from - 1);
  const span = { from, to: Math.max(from, Math.min(to, rig.ports.now())) };
  const { cutAt, failed, hours, ...made } = reportOf(
    factsBetween(sql, from, to, REPORTED, first),
    span,
    // Who has held a place since before, as far back as is read at once.
    factsBetween(sql, from, from, SLOT_FACTS, first - LIMITS.report_facts),
    endsIn(sql),
  );
  const redact = redactor(sql);
  const until = cutAt ?? to;
  return {
    from: iso(from),
    to: iso(until),
    is_cut: cutAt !== null,
    ...made,
    failed: {
      ...failed,
      causes: failed.causes.map(({ words, ...cause }) => ({ ...cause, words: clip(redact(words)) })),
    },
    hours: hours.map(({ at, ...counts }) => ({ at: iso(at), ...counts })),
  };
}
