import * as z from "zod";
import { LIMITS } from "../events/limits.ts";
import {
  AskedReport,
  Ending,
  Head,
  Limited,
  RuntimeName,
  SAID,
  Session,
  ToolRun,
  Usage,
  Waiting,
} from "./agent-reports.ts";

/** What containers and agents report to a rig of what runs, as the rig takes it, and what it is answered. */

const Time = z.iso.datetime({ offset: true });

/** What an agent left, and what became of it. */
export const LeftBehind = z.object({
  ref: z.string().max(400).nullable(),
  files: z.int().min(0),
  sentence: z.string().max(10_000),
});

export const Completed = z.object({
  status: z.enum(["completed", "failed"]),
  reason: z.string().max(10_000).nullish(),
  reset_at: Time.nullish(),
  dispatch_id: z.string().max(200).nullish(),
  /** Ticktown: the bead that was worked on, and the end of what was printed. */
  bead_id: z.string().max(200).nullish(),
  tail: z.string().max(LIMITS.attempt_tail_chars).nullish(),
  set_aside: z.array(LeftBehind).max(LIMITS.set_aside_told).nullish(),
  /** Ticktown: what kind of end it was, and what ran. One that this version does not know counts as not said: the end counts. */
  ending: Ending.nullish().catch(null),
  runtime: RuntimeName.nullish().catch(null),
  /** Ticktown: the account whose limit ended it, by a digest. */
  limited: Limited.nullish().catch(null),
  /** Ticktown: what it has used, all in all. */
  usage: Usage.nullish().catch(null),
  /** Ticktown: it ended with whoever watched it, who heard no last words. */
  unheard: z.boolean().nullish().catch(null),
  /** Ticktown: the tools that it has run, for its bead's trace. */
  tools: z.array(ToolRun).max(SAID.tools_told).nullish().catch(null),
});

/** A sign of life counts whatever else it says: what cannot be read of it is as if it were not there. */
export const Heartbeat = z.looseObject({
  dispatch_id: z.string().max(200).nullish(),
  last_activity_at: Time.nullish().catch(null),
  active_tools: z.array(z.string()).nullish().catch(null),
  message_count: z.int().min(0).nullish().catch(null),
  progress_at: Time.nullish().catch(null),
  shown: z.int().min(0).nullish().catch(null),
  head: Head.nullish().catch(null),
  session: Session.nullish().catch(null),
  usage: Usage.nullish().catch(null),
  waiting: Waiting.nullish().catch(null),
  limited: Limited.nullish().catch(null),
});
export type Heartbeat = z.infer<typeof Heartbeat>;

export const Asked = AskedReport;
export type Asked = z.infer<typeof Asked>;

/** What a person answers: words, or one of the options that the agent gave. */
export const Answer = z
  .object({
    answer: z.string().min(1).optional(),
    /** Id of the option. */
    option: z.string().min(1).max(SAID.option_id_chars).optional(),
  })
  .refine(({ answer, option }) => answer !== undefined || option !== undefined, "must have an answer or an option");
