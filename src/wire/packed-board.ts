import * as z from "zod";
import { KINDS } from "../events/row.ts";
import type { Column } from "./columns.ts";
import { Mail } from "./schemas.ts";

/** The board as it is sent; board.ts makes it and reads it. */

const Columns = z.record(z.string(), z.unknown()) as unknown as z.ZodType<Column>;

const Older = z.object({ before: z.int(), beads: z.int() });
export type Older = Readonly<z.infer<typeof Older>>;

const Head = z.object({
  seq: z.int(),
  /** Time of the newest fact, ms. */
  at: z.int(),
  /** The rig's clock, ms: a board's own may be wrong. */
  now: z.int(),
  /** When the rig looks next, ms, or null. */
  next_alarm: z.int().nullable(),
  /** The container's disk and this rig's part of it, bytes, as of `at`. */
  disk: z
    .object({ at: z.int(), free_bytes: z.number(), total_bytes: z.number(), rig_bytes: z.number().nullable() })
    .nullable()
    .optional(),
  /** Beads and reviews that have ended, all of them. */
  ended: z.int(),
  /** Of the beads among them those that are older than what is here: how many, and the seq that they are before. */
  older: Older,
  /** What agents at a permission prompt were asked last, as they sent it. */
  prompts: z.record(z.string(), z.string()),
  /** Newest first. */
  mail: z.array(Mail),
});

export type Head = Readonly<z.infer<typeof Head>>;

/** By kind: of each actor, oldest first, its row, and of a bead its content as well. */
const PackedActors = z.record(z.enum(KINDS), Columns);
export type PackedActors = Readonly<z.infer<typeof PackedActors>>;

/** Lists are columns (columns.ts). */
export const PackedBoard = Head.extend({
  actors: PackedActors,
  /** The ids of agents that the rig remembers a sign of life of, and when it was. */
  heard: z.object({ ids: Columns, at: Columns }),
});
export type PackedBoard = Readonly<z.infer<typeof PackedBoard>>;

/** More of what has ended, the next older ones. */
export const PackedEnded = z.object({ actors: PackedActors, older: Older });
export type PackedEnded = Readonly<z.infer<typeof PackedEnded>>;
