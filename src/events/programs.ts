/** Which agent program runs and with which model: settings of the rig. What a bead says itself comes first. */
import * as z from "zod";
import { Role } from "./fields.ts";
import { LIMITS } from "./limits.ts";

const runtime = z
  .string()
  .min(1)
  .max(LIMITS.runtime_chars)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:-]*$/,
    "must begin with a letter or digit and hold only letters, digits, and . _ : -",
  )
  .nullable();
const model = z.string().min(1).max(LIMITS.model_chars).nullable();

export const Programs = z.object({
  /** Name of a preset of the container; null: the container's own command. */
  runtime: runtime.optional(),
  model: model.optional(),
  /** The same for agents of one role. */
  programs: z.partialRecord(Role, z.strictObject({ runtime: runtime.optional(), model: model.optional() })).optional(),
});

/** Which agent program is asked for: as the bead says, its agent's role, the rig; undefined: whatever the container has. */
export const runtimeFor = (
  { programs, runtime: ofRig }: z.infer<typeof Programs>,
  role: Role,
  { runtime }: { readonly runtime?: string | undefined },
): string | undefined => runtime ?? programs?.[role]?.runtime ?? ofRig ?? undefined;
