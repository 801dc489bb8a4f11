/** Which agent program runs and with which model: settings of the rig. What a bead says itself comes first. */
import * as z from "zod";
import { Role } from "./fields.ts";
import { LIMITS } from "./limits.ts";

const name = z
  .string()
  .min(1)
  .max(LIMITS.runtime_chars)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:-]*$/,
    "must begin with a letter or digit and hold only letters, digits, and . _ : -",
  );
const runtime = name.nullable();
const model = z.string().min(1).max(LIMITS.model_chars).nullable();

/** In this order: the next one is used while the account of the one before is limited. */
const runtimes = z
  .array(z.strictObject({ runtime: name, model: model.optional() }))
  .max(LIMITS.runtimes)
  .nullable();

export const Programs = z.object({
  /** Name of a preset of the container; null: the container's own command. */
  runtime: runtime.optional(),
  model: model.optional(),
  /** Several, each with its model; null: `runtime` alone. */
  runtimes: runtimes.optional(),
  /** The same for agents of one role. */
  programs: z
    .partialRecord(
      Role,
      z.strictObject({ runtime: runtime.optional(), model: model.optional(), runtimes: runtimes.optional() }),
    )
    .optional(),
  /** A limit of a provider is of an account: nothing is started with it until its reset. False: each agent waits for itself. */
  hold_accounts: z.boolean().optional(),
});

type Asked = z.infer<typeof Programs>;

/** What a start may be given; `isListed`: it is one of several, and named with the start. */
export interface Choice {
  readonly runtime: string | undefined;
  readonly model?: string | undefined;
  readonly isListed: boolean;
}

/** In the order of preference; never empty. What a bead names itself is the only one. */
export function choicesFor(
  { programs, runtime: ofRig, runtimes: listOfRig }: Asked,
  role: Role,
  bead: { readonly runtime?: string | undefined; readonly model?: string | undefined },
): readonly [Choice, ...Choice[]] {
  const ofRole = programs?.[role];
  // A role with a program of its own has no use for the rig's list.
  const list = ofRole?.runtimes ?? (ofRole?.runtime == null ? listOfRig : undefined) ?? [];
  const [first, ...others] = list.map((one): Choice => ({
    runtime: one.runtime,
    model: one.model ?? undefined,
    isListed: true,
  }));
  if (bead.runtime !== undefined || first === undefined)
    return [{ runtime: bead.runtime ?? ofRole?.runtime ?? ofRig ?? undefined, isListed: false }];
  // A model is of one program.
  return bead.model === undefined ? [first, ...others] : [first];
}

/** Which agent program is asked for first: as the bead says, its agent's role, the rig; undefined: whatever the container has. */
export const runtimeFor = (
  settings: Asked,
  role: Role,
  bead: { readonly runtime?: string | undefined },
): string | undefined => choicesFor(settings, role, bead)[0].runtime;

/** Whether a limit of a provider is of an account. */
export const holdsAccounts = ({ hold_accounts = true }: Asked): boolean => hold_accounts;
