import * as z from "zod";
import { Fact } from "../../events/facts.ts";
import { PackedBoard, PackedEnded } from "../../wire/packed-board.ts";
import { inTheNameOfCaller, streamHolderOf } from "../caller.ts";
import { HttpError } from "../errors.ts";
import { found, kindOf } from "../respond.ts";
import { route, type Route } from "../route.ts";

/** What the board and the statechart debugger ask for. Nothing here changes anything. */

const access = ["operator"] as const;
const tag = "debugger";

const Seq = z.int().min(0);
const SeqText = z
  .string()
  .regex(/^\d{1,15}$/, "seq must be a non-negative integer")
  .optional();

const WhatIfBody = z.object({ fact: Fact, seq: Seq.nullish(), at: z.int().min(0).nullish() });

export const debugRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/rigs/:rigId/board",
    summary: "Everything a live board starts from, as of one seq: follow the feed from there",
    tag,
    access,
    answer: PackedBoard,
    handle: ({ rig }) => rig().board(),
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/board/ended",
    summary: "More of what has ended, for a board's lists: what is older than a seq, the newest of it",
    tag,
    access,
    query: z.object({ before: SeqText }),
    answer: PackedEnded,
    handle: ({ rig, query }) => rig().ended(Number(query.before ?? Number.MAX_SAFE_INTEGER)),
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/outbox",
    summary: "Effects that were asked for and are not settled, oldest first",
    tag,
    access,
    answer: z.array(
      z.looseObject({
        key: z.string(),
        seq: z.int(),
        kind: z.string(),
        attempts: z.int(),
        next_at: z.number(),
        error: z.string().nullable(),
        in_flight: z.boolean(),
      }),
    ),
    handle: ({ rig }) => rig().pending(),
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/actors/:kind/:id/possible",
    summary: "What can happen to an actor now, or as of a seq: each event with its guards' values",
    tag,
    access,
    query: z.object({ seq: SeqText }),
    answer: z.array(
      z.looseObject({
        fact: z.unknown(),
        variant: z.string(),
        branches: z.array(z.unknown()),
        moves: z.boolean(),
        to: z.string(),
      }),
    ),
    handle: async ({ rig, params, query }) => {
      const { kind, id } = params;
      return found(
        await rig().possible(kindOf(kind), id, query.seq === undefined ? null : Number(query.seq)),
        `${kind} ${id} in this rig${query.seq === undefined ? "" : ` as of seq ${query.seq}`}`,
      );
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/what-if",
    summary: "What a fact would do to the rig now, or as of a seq: tried on a copy, nothing is kept",
    tag,
    access,
    once: "nowhere",
    scope: "read",
    body: WhatIfBody,
    answer: z.looseObject({
      seq: z.int(),
      entries: z.array(z.unknown()),
      changed: z.array(z.unknown()),
      error: z.string().nullable(),
    }),
    handle: async ({ rig, body }) =>
      found(
        await rig().whatIf(body.fact, body.seq ?? null, body.at ?? null),
        `fact with seq ${body.seq} in this rig: it is still to come, or in the archive`,
      ),
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/inspect",
    summary: "Every actor of the rig in the Stately inspection protocol, by WebSocket",
    tag,
    access,
    handle: async ({ rig, context, principal }) => {
      if (context.req.header("upgrade") !== "websocket")
        throw new HttpError(426, "this route speaks WebSocket only: point a Stately inspector at it");
      return rig().fetch(inTheNameOfCaller(context.req.raw, streamHolderOf(principal), "inspect"));
    },
  }),
];
