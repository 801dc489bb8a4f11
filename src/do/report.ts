import type * as z from "zod";
import { readEntry, type JournalRow } from "../core/journal.ts";
import { REPORTED, reportOf } from "../core/report.ts";
import { clip, type Recorded } from "../events/facts.ts";
import type { Report } from "../wire/report.ts";
import { redactor } from "./needs.ts";
import type { Sql } from "./ports.ts";
import type { Rig } from "./rig.ts";
import { iso } from "./shapes.ts";
import { spend } from "./spend.ts";
import { firstSeqAfter } from "./store.ts";

/** What a rig came to between two moments, as far back as it holds its journal. */

const PAGE = 1_000;

/** @yields the facts of some types in their order, a page at a time */
export function* factsBetween(sql: Sql, from: number, to: number, types: readonly string[]): Generator<Recorded> {
  const listed = types.map((type) => `'${type}'`).join(", ");
  for (let next = firstSeqAfter(sql, from - 1); ;) {
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
  const { cutAt, failed, hours, ...made } = reportOf(factsBetween(sql, from, to, REPORTED));
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
    spent: spend(rig, "day", from, until).total,
  };
}
