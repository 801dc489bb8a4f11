import * as z from "zod";
import { id, ms } from "./fields.ts";
import { LIMITS } from "./limits.ts";

/** What a container has of a rig and the rig does not know; `since`: when that was first seen, ms. */
const some = <S extends z.ZodRawShape>(shape: S) => z.array(z.object({ ...shape, since: ms })).max(LIMITS.strays_named);

export const STRAYS = {
  /** `dispatchId` null: of no dispatch that runs, as what one left behind. */
  processes: some({ agentId: id, dispatchId: id.nullable() }),
  /** An agent's folder: its clone, its inbox and its home; with the branch that it was on, and whose work that was. */
  clones: some({ agentId: id, branch: z.string().max(255).nullable(), beadId: z.string().max(400).nullable() }),
  /** Folders and files that are no part of what a rig has on disk. */
  folders: some({ name: z.string().max(512) }),
} as const;

/** What a container is told to stop and to remove. */
export const ClearOrder = z.object({
  processes: z.array(z.object({ agentId: id, dispatchId: id.nullable() })).max(LIMITS.strays_named),
  clones: z.array(id).max(LIMITS.strays_named),
  folders: z.array(z.string().max(512)).max(LIMITS.strays_named),
});
export type ClearOrder = z.infer<typeof ClearOrder>;
