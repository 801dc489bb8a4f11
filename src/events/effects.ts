import * as z from "zod";
import type { WithIds } from "./dispatch-id.ts";
import { Resolution, sha } from "./hand-in.ts";
import { LIMITS } from "./limits.ts";
import { ClearOrder } from "./strays.ts";
import { Boarded, TRAIN_MEMBERS_MAX } from "./train.ts";

/**
 * Effects: what a transition asks the world to do. Data only. The key never changes, so running an effect twice does
 * nothing twice: the container knows dispatch ids and claims, the outbox knows keys.
 */

const id = z.string().min(1).max(LIMITS.id_chars);
const effect = <K extends string, S extends z.ZodRawShape>(kind: K, shape: S) =>
  z.object({
    kind: z.literal(kind),
    key: z
      .string()
      .min(1)
      .max(2 * LIMITS.id_chars),
    ...shape,
  });

export const Effect = z.discriminatedUnion("kind", [
  /** Start the agent's process. Secrets, prompt and checkpoint are filled in by the host when it is run. */
  effect("container.start", {
    agentId: id,
    dispatchId: id,
    beadId: id,
    branch: z.string(),
    rework: z.boolean(),
    resume: z.boolean(),
    /** The conversation to go on with. */
    session: z.object({ driver: z.string(), id }).optional(),
    /** Which of the rig's programs, where there are several to choose from. */
    runtime: z.string().max(LIMITS.runtime_chars).optional(),
    model: z.string().max(LIMITS.model_chars).optional(),
  }),
  effect("container.stop", { agentId: id, dispatchId: id, reason: z.string().max(LIMITS.reason_chars) }),
  effect("container.message", { agentId: id, dispatchId: id, prompt: z.string().max(LIMITS.mail_body_chars) }),
  /** What a person decided of something that it asked. */
  effect("container.answer", {
    agentId: id,
    dispatchId: id,
    askId: z.string().min(1).max(LIMITS.ask_id_chars),
    optionId: z.string().max(LIMITS.ask_id_chars).nullable(),
    text: z.string().max(LIMITS.mail_body_chars),
    by: id,
  }),
  /** Stop and remove what the rig does not know. */
  effect("container.clear", ClearOrder.shape),
  /** Look at what an agent hands in, and keep its commit; or keep the one that a person takes as it is. */
  effect("work.inspect", {
    agentId: id,
    dispatchId: id,
    beadId: id,
    branch: z.string(),
    resolution: Resolution,
    asIs: sha.nullable(),
  }),
  /** `commit`: exactly what was handed in; without it the branch as it is then. */
  effect("git.merge", {
    reviewId: id,
    claim: z.int(),
    beadId: id,
    agentId: id,
    branch: z.string(),
    commit: sha.optional(),
  }),
  /** Stack reviews on the target, gate them, push what is green. What a member is, is filled in by the host when it is run. */
  effect("git.train", {
    train: z.int(),
    members: z.array(Boarded).max(TRAIN_MEMBERS_MAX),
    gates: z.array(z.int()).max(TRAIN_MEMBERS_MAX + 1),
    again: Boarded.nullable(),
  }),
  /** Tell the operator. At most once per key. */
  effect("notify", {
    severity: z.enum(["info", "warning", "critical"]),
    title: z.string().max(LIMITS.title_chars),
    text: z.string().max(LIMITS.reason_chars),
    beadId: id.nullable(),
  }),
]);
export type Effect = WithIds<z.infer<typeof Effect>>;
export type EffectKind = Effect["kind"];
export type EffectOf<K extends EffectKind> = Extract<Effect, { kind: K }>;

/** Makes a missing case of a closed union a compile error, and a corrupt value a clear one. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
