import * as z from "zod";

/**
 * What nobody has said of an end. `output`: what it printed. `run`: whether there was a process at all. `dispatch`: which one has ended,
 * since its container names none: it is counted as the agent's newest.
 */
export const UnknownOfAttempt = z.enum(["output", "run", "dispatch"]);
export type UnknownOfAttempt = z.infer<typeof UnknownOfAttempt>;

/** How one dispatch of a bead ended. Ticktown. */
export const Attempt = z.object({
  dispatch_id: z.string(),
  agent_id: z.string(),
  ended_at: z.string(),
  /** As the container says it. */
  status: z.enum(["completed", "failed"]),
  reason: z.string(),
  /** Of a start that was refused, so that nothing ran: the container's word for why, or its HTTP status. */
  code: z.string().optional(),
  /** The end of what it printed, without secrets; empty when nothing was, or that is not known. */
  tail: z.string(),
  unknown: z.array(UnknownOfAttempt).optional(),
});
export type Attempt = z.infer<typeof Attempt>;

/** In place of what it printed, where there is nothing. */
export function whyNoTail({ code, unknown = [] }: Pick<Attempt, "code" | "unknown">): string {
  if (code !== undefined) return "It was not started, so it printed nothing.";
  if (unknown.includes("run")) return "Whether it ran at all is not known.";
  return unknown.includes("output") ? "What it printed is not known." : "It printed nothing.";
}

/** The last line that is not empty; or "". */
export const lastWordsOf = ({ tail }: Pick<Attempt, "tail">): string =>
  tail
    .split("\n")
    .findLast((line) => line.trim() !== "")
    ?.trim() ?? "";
