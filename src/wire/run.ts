import * as z from "zod";

/** A time of a rig as spans, one for each thing that a piece of work did: `src/core/run.ts` makes it of facts. */

const ms = z.int().min(0);
const Phase = z.enum(["blocked", "queued", "starting", "working", "person", "model", "backoff", "gate", "merging"]);

const RunSpan = z.object({
  phase: Phase,
  from: ms,
  to: ms.nullable(),
  beadId: z.string(),
  agentId: z.string().nullable(),
  attempt: z.int(),
});

const RunMark = z.object({
  at: ms,
  kind: z.enum(["merged", "closed", "failed", "sent_back", "cancelled"]),
  ends: z.boolean(),
  beadId: z.string(),
  agentId: z.string().nullable(),
  attempt: z.int(),
  words: z.string(),
});

const RunPiece = z.object({
  beadId: z.string(),
  title: z.string().nullable(),
  createdAt: ms.nullable(),
  endedAt: ms.nullable(),
  releasedBy: z.object({ beadId: z.string(), at: ms }).nullable(),
  attempts: z.int(),
});

export const RunAnswer = z.object({
  from: ms,
  to: ms,
  /** The rig's clock, ms. */
  now: ms,
  /** There were more facts than are read: what is later than `to` is missing. */
  is_cut: z.boolean(),
  spans: z.array(RunSpan).readonly(),
  marks: z.array(RunMark).readonly(),
  pieces: z.array(RunPiece).readonly(),
  agents: z.array(z.object({ id: z.string(), name: z.string().nullable() })).readonly(),
});
export type RunAnswer = z.infer<typeof RunAnswer>;

/** What happened to one bead: its own facts, and those of its dispatches that say what its agent asked and was told; oldest first. */
export const Story = z.object({
  facts: z.array(z.looseObject({ type: z.string(), seq: z.int(), at: z.int() })),
  /** There are more: the oldest are left out. */
  is_cut: z.boolean(),
});
export type Story = z.infer<typeof Story>;
