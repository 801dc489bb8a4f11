import * as z from "zod";

/** How one dispatch of a bead ended. Ticktown. */
export const Attempt = z.object({
  dispatch_id: z.string(),
  agent_id: z.string(),
  ended_at: z.string(),
  /** As the container says it. */
  status: z.enum(["completed", "failed"]),
  reason: z.string(),
  /** The end of what it printed, without secrets; empty when nothing was. */
  tail: z.string(),
});
export type Attempt = z.infer<typeof Attempt>;

/** The last line that is not empty; or "". */
export const lastWordsOf = ({ tail }: Pick<Attempt, "tail">): string =>
  tail
    .split("\n")
    .findLast((line) => line.trim() !== "")
    ?.trim() ?? "";
