import * as z from "zod";
import { sha } from "../events/hand-in.ts";
import { LIMITS } from "../events/limits.ts";
import { StopClass } from "../events/train.ts";
import { Id } from "./schemas.ts";

/** The messages of the Worker API about the merge queue and what people do about work that has ended. */

const Time = z.iso.datetime({ offset: true });

/** The merge queue. Times are ISO 8601. */
export const ReviewQueue = z.object({
  /** `merges`: one by one, where the container runs no trains. */
  mode: z.enum(["trains", "merges"]),
  state: z.string(),
  /** The train that runs. */
  train: z
    .object({
      id: z.string(),
      departed_at: Time.nullable(),
      /** End of its lease, unless it is seen to run before. */
      until: Time.nullable(),
      /** What it was seen doing last. */
      step: z.string().nullable(),
      reviews: z.array(z.string()),
    })
    .nullable(),
  /** What is in the way of all. */
  trouble: z
    .object({
      class: StopClass,
      code: z.string(),
      words: z.string(),
      since: Time,
      tries: z.int(),
      retry_at: Time.nullable(),
    })
    .nullable(),
  /** Those that have not ended; who waits in line has a position, from 1. */
  reviews: z.array(
    z.object({
      id: z.string(),
      bead_id: z.string(),
      title: z.string(),
      branch: z.string(),
      state: z.string(),
      position: z.int().nullable(),
      jumped: z.boolean(),
      suspected: z.boolean(),
      message: z.string().nullable(),
      /** Of one that waits for an approval. */
      files: z.array(z.string()),
      tree: z.string().nullable(),
    }),
  ),
});

/** Approves the tree that the review has; named, it must still be that one. */
export const Approval = z.object({ tree: sha.nullish() });
export const BeadsRetry = z.object({ ids: z.array(Id).min(1).max(LIMITS.retried_at_once) });
export const Revert = z.object({
  why: z.string().min(1).max(LIMITS.reason_chars),
  /** Whether a bead is made, behind the revert, that does it again. */
  redo: z.boolean().default(true),
});
