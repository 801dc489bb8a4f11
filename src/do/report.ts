import type * as z from "zod";
import { readEntry, type JournalRow } from "../core/journal.ts";
import { REPORTED, reportOf } from "../core/report.ts";
import type { Recorded } from "../events/facts.ts";
import { clip } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import type { Report } from "../wire/report.ts";
import { redactor } from "./needs.ts";
import type { Sql } from "./ports.ts";
import type { Rig } from "./rig.ts";
import { iso } from "./shapes.ts";
import { spend } from "./spend.ts";
import { firstSeqAfter } from "./store.ts";

/** What a rig came to between two moments, as far back as it holds its journal. */

const TYPES = REPORTED.map((type) => `'${type}'`).join(", ");
const PAGE = 1_000;

/** @yields the facts of a report in their order, at most LIMITS.report_facts */
function* factsBetween(sql: Sql, from: number, to: number): Generator<Recorded> {
  let next = firstSeqAfter(sql, from - 1);
  for (let left: number = LIMITS.report_facts; left > 0;) {
    const rows = sql
      .exec<JournalRow>(
        `SELECT * FROM journal WHERE seq >= ? AND at < ? AND type IN (${TYPES}) ORDER BY seq LIMIT ?`,
        next,
        to,
        Math.min(PAGE, left),
      )
      .toArray();
    for (const row of rows) yield readEntry(row).fact;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    next = last.seq + 1;
    left -= rows.length;
  }
}

/** @param from ms @param to ms; not in it any more */
export function report(rig: Rig, from: number, to: number): z.infer<typeof Report> {
  const { sql } = rig.ports;
  let [taken, last] = [0, from];
  const counted = function* (): Generator<Recorded> {
    for (const fact of factsBetween(sql, from, to)) {
      [taken, last] = [taken + 1, fact.at];
      yield fact;
    }
  };
  const made = reportOf(counted());
  const redact = redactor(sql);
  const isCut = taken >= LIMITS.report_facts;
  const until = isCut ? last : to;
  return {
    from: iso(from),
    to: iso(until),
    is_cut: isCut,
    merged: made.merged,
    failed: {
      ...made.failed,
      causes: made.failed.causes.map(({ words, ...cause }) => ({ ...cause, words: clip(redact(words)) })),
    },
    asked: made.asked,
    stuck: made.stuck,
    attempts: made.attempts,
    hours: made.hours.map(({ at, ...counts }) => ({ at: iso(at), ...counts })),
    spent: spend(rig, "day", from, until).total,
  };
}
