/** Ticktown: what a container has for a rig, and what of it is to go. In the container's image as well. */
import * as z from "zod";
import { DispatchId, Id } from "./container.ts";

/** Of each kind so many are listed; the answer says how many are not. */
export const LISTED_MAX = 1_000;

/** GET /rigs/:id/inventory. */
export const Inventory = z.object({
  /** `dispatchId` null: of no dispatch that runs, as what one left behind; or of one that was started without any. */
  processes: z.array(z.object({ agentId: Id, dispatchId: DispatchId.nullable() })).max(LISTED_MAX),
  /** Folders of agents, by what is in them; with the branch that the clone was made for, and whose work that is. */
  clones: z
    .array(
      z.object({
        agentId: Id,
        parts: z.array(z.enum(["clone", "inbox", "home"])),
        branch: z.string().max(255).nullable(),
        beadId: z.string().max(400).nullable(),
      }),
    )
    .max(LISTED_MAX),
  /** What lies in the rig's folder and is no part of what a rig has on disk, by its name from there. */
  folders: z.array(z.string().max(512)).max(LISTED_MAX),
  /** Things that are not listed, because there are too many. */
  leftOut: z.int().min(0),
});
export type Inventory = z.infer<typeof Inventory>;

/** POST /rigs/:id/clear: what was listed and is of nobody. What runs by now, or is not as it was listed, is left alone. */
export const ClearRequest = z.object({
  processes: Inventory.shape.processes,
  clones: z.array(Id).max(LISTED_MAX),
  folders: Inventory.shape.folders,
});
export type ClearRequest = z.infer<typeof ClearRequest>;

export const ClearAnswer = z.object({
  /** Processes that were asked to end, or are ended. */
  stopped: z.int().min(0),
  /** Folders that are removed, or out of the way. */
  removed: z.int().min(0),
  /** What was left alone. */
  left: z.int().min(0),
});
export type ClearAnswer = z.infer<typeof ClearAnswer>;
