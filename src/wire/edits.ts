import * as z from "zod";
import { Priority } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { unknownRuntime } from "../events/runtimes.ts";
import { SettingsPatch } from "../events/settings.ts";
import { beadFields, Id, RigCreate } from "./schemas.ts";

/** What people change of a bead and of a rig. Only what is named is changed; a name that is not known is refused: a typo must not pass for a change. */

const { title, body, labels, defer_until, runtime, model } = beadFields;

export const BeadEdit = z
  .strictObject({
    title: title.optional(),
    body,
    priority: Priority.optional(),
    labels: labels.unwrap().optional(),
    /** All that it waits for from now on; while it is open. */
    blocked_by: z.array(Id).max(LIMITS.blockers).optional(),
    defer_until,
    /** null: as its role and its rig say. */
    runtime,
    model,
  })
  .refine((edit) => Object.keys(edit).length > 0, "name at least one thing to change");

const programsIn = ({ runtime: named, runtimes, programs }: SettingsPatch): [path: PropertyKey[], name: string][] => [
  ...(typeof named === "string" ? [[["runtime"], named] as [PropertyKey[], string]] : []),
  ...(runtimes ?? []).map((one, n): [PropertyKey[], string] => [["runtimes", n, "runtime"], one.runtime]),
  ...Object.entries(programs ?? {}).flatMap(([role, ofRole]) =>
    programsIn(ofRole).map(([path, name]): [PropertyKey[], string] => [["programs", role, ...path], name]),
  ),
];

/** Settings as somebody asks for them: the programs that they name are known ones. */
export const SettingsEdit = SettingsPatch.superRefine((patch, context) => {
  for (const [path, name] of programsIn(patch)) {
    const message = unknownRuntime(name);
    if (message !== null) context.addIssue({ code: "custom", path, message });
  }
});

export const RigEdit = z
  .strictObject({
    name: RigCreate.shape.name.optional(),
    git_url: RigCreate.shape.git_url.optional(),
    default_branch: RigCreate.shape.default_branch.unwrap().optional(),
  })
  .refine((edit) => Object.keys(edit).length > 0, "name at least one thing to change");
