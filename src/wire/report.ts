import * as z from "zod";
import { Amounts } from "./spend.ts";

/** What a rig came to between two moments. Lists hold the newest and are cut (docs/limits.md); the counts are of all. */

const Time = z.iso.datetime({ offset: true });
const amount = z.int().min(0);
/** Ids of beads; where agents have asked or were stuck, of agents. */
const Listed = z.object({ count: amount, ids: z.array(z.string()).readonly() });

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
  hours: z.array(z.object({ at: Time, started: amount, merged: amount, failed: amount })),
  spent: Amounts,
});
export type Report = z.infer<typeof Report>;

/** Without `from`, the day before `to`; without `to`, until now. */
export const ReportQuery = z.object({ from: z.string().optional(), to: z.string().optional() });
