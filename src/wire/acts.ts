import * as z from "zod";
import { DOOR, LIMITS } from "../events/limits.ts";
import { NEED_ACTIONS } from "./overview.ts";
import { Id } from "./schemas.ts";

/** What is done about many needs at once, in whatever rigs they are. */

/** A need as it was told: when it is another one meanwhile, nothing is done about it. */
const ActItem = z.strictObject({
  rig_id: Id,
  key: z.string().min(1).max(1_000),
  since: z.iso.datetime({ offset: true }).nullable(),
  ask_id: z.string().max(1_000).nullish(),
});
export type ActItem = z.infer<typeof ActItem>;

export const NeedsAct = z
  .strictObject({
    action: z.enum(NEED_ACTIONS),
    items: z.array(ActItem).min(1).max(DOOR.acts),
    /** Words, or one of the options that are offered; of `answer` alone. */
    answer: z.string().min(1).max(LIMITS.mail_body_chars).optional(),
    option: z.string().min(1).max(1_000).optional(),
    /** Nothing is done; the answer says of each what would be. */
    preview: z.boolean().default(false),
  })
  .refine(
    ({ action, answer, option }) =>
      action === "answer"
        ? (answer === undefined) !== (option === undefined)
        : answer === undefined && option === undefined,
    "`answer` goes with either `answer` or `option`, and the other actions with neither",
  );
export type NeedsAct = z.infer<typeof NeedsAct>;

export const ActResult = z.object({
  rig_id: z.string(),
  key: z.string(),
  /**
   * `would`: of a preview. `gone`: nobody is needed for it any more, as after the same request before. `changed`: it is another question now.
   * `cannot`: this is nothing that can be done about it. `refused`: the rig says why. `unavailable`: the rig did not answer, so look again.
   */
  result: z.enum(["done", "would", "gone", "changed", "cannot", "refused", "unavailable"]),
  sentence: z.string(),
  /** Who is answered; what is tried again. */
  agents: z.array(z.string()),
  beads: z.array(z.string()),
});
export type ActResult = z.infer<typeof ActResult>;
export const ActResults = z.array(ActResult);
