import * as z from "zod";
import { Amounts } from "./spend.ts";

/** What a rig came to between two moments. Lists hold the newest and are cut (docs/limits.md); the counts are of all. */

const Time = z.iso.datetime({ offset: true });
const amount = z.int().min(0);
/** Ids of beads; where agents have asked or were stuck, of agents. */
const Listed = z.object({ count: amount, ids: z.array(z.string()).readonly() });

const Hour = z.object({
  at: Time,
  started: amount,
  merged: amount,
  failed: amount,
  /** Of 3,600,000, how many places were held on average. */
  slot_ms: amount,
  tokens: amount,
  microdollars: amount,
});

export const Report = z.object({
  from: Time,
  /** Before `to` of the question where `is_cut`. */
  to: Time,
  /** There was more to read than is read at once: ask again from `to` on. */
  is_cut: z.boolean(),
  merged: Listed,
  failed: Listed.extend({ causes: z.array(Listed.extend({ code: z.string(), words: z.string() })) }),
  asked: Listed,
  stuck: Listed,
  attempts: z.object({ started: amount, failed: amount }),
  /** For how long places of the capacity were held, all of them together, ms. */
  slot_ms: amount,
  hours: z.array(Hour),
  /** Within exactly this time; the ledger (`.../spend`) counts whole days. */
  spent: Amounts,
});
export type Report = z.infer<typeof Report>;

/** Of many rigs: what each came to, and the sums of those that have answered. */
export const Reports = z.object({
  from: Time,
  to: Time,
  /** Of at least one rig there was more to read than is read at once. */
  is_cut: z.boolean(),
  total: z.object({
    merged: amount,
    failed: amount,
    causes: z.array(z.object({ code: z.string(), words: z.string(), count: amount })),
    asked: amount,
    stuck: amount,
    attempts: z.object({ started: amount, failed: amount }),
    slot_ms: amount,
    spent: Amounts,
    hours: z.array(Hour),
  }),
  rigs: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      town_id: z.string(),
      /** Null: it did not answer, and `error` says why. */
      report: Report.nullable(),
      error: z.string().nullable(),
    }),
  ),
});
export type Reports = z.infer<typeof Reports>;

/** Without `from`, the day before `to`; without `to`, until now. */
export const ReportQuery = z.object({ from: z.string().optional(), to: z.string().optional() });
