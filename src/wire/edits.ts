import * as z from "zod";
import { Priority } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { beadFields, Id, RigCreate } from "./schemas.ts";

/** What people change of a bead and of a rig. Only what is named is changed; a name that is not known is refused: a typo must not pass for a change. */

const { title, body, labels, defer_until } = beadFields;

export const BeadEdit = z
  .strictObject({
    title: title.optional(),
    body,
    priority: Priority.optional(),
    labels: labels.unwrap().optional(),
    /** All that it waits for from now on; while it is open. */
    blocked_by: z.array(Id).max(LIMITS.blockers).optional(),
    defer_until,
  })
  .refine((edit) => Object.keys(edit).length > 0, "name at least one thing to change");

export const RigEdit = z
  .strictObject({
    name: RigCreate.shape.name.optional(),
    git_url: RigCreate.shape.git_url.optional(),
    default_branch: RigCreate.shape.default_branch.unwrap().optional(),
  })
  .refine((edit) => Object.keys(edit).length > 0, "name at least one thing to change");
