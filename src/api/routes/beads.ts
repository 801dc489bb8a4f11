import * as z from "zod";
import type { BeadInput } from "../../core/decide/index.ts";
import { speaksFor } from "../auth.ts";
import { accepted, agentOf, beadOf, found, page } from "../respond.ts";
import { BudgetRaise } from "../../wire/spend.ts";
import { route, type Route } from "../route.ts";
import {
  Agent,
  Bead,
  BeadCreate,
  BeadQuery,
  BeadStatusUpdate,
  ByAgent,
  Escalation,
  HandInSettle,
  Sling,
} from "../../wire/schemas.ts";
import { BeadEdit } from "../../wire/edits.ts";
import { Attempt } from "../../wire/attempts.ts";
import { BeadsRetry, Revert } from "../../wire/queue.ts";

const access = ["agent", "operator"] as const;
const tag = "beads";

/** A request's bead as the command takes it. */
export const beadInput = (type: BeadInput["type"], body: z.infer<typeof Sling>): BeadInput => ({
  type,
  title: body.title,
  body: body.body ?? null,
  priority: body.priority,
  labels: body.labels,
  metadata: body.metadata as BeadInput["metadata"],
  convoyId: body.convoy_id ?? null,
  blockedBy: body.blocked_by,
  deferUntil: body.defer_until == null ? null : Date.parse(body.defer_until),
  runtime: body.runtime ?? undefined,
  model: body.model ?? undefined,
  expectMs: body.expect_ms ?? undefined,
});

/** A request's changes as the command takes them. */
const beadChanges = ({ blocked_by, defer_until, ...edit }: z.infer<typeof BeadEdit>) => ({
  ...edit,
  ...(blocked_by === undefined ? {} : { blockedBy: blocked_by }),
  ...(defer_until === undefined ? {} : { deferUntil: defer_until === null ? null : Date.parse(defer_until) }),
});

export const beadRoutes: Route[] = [
  route({
    method: "POST",
    path: "/api/rigs/:rigId/beads/retry",
    summary: "Have failed beads tried again, all in one step",
    tag,
    access: ["operator"],
    body: BeadsRetry,
    answer: z.object({ retried: z.array(z.string()) }),
    handle: async ({ execute, body }) => {
      accepted(await execute({ type: "retry_beads", beadIds: body.ids }));
      return { retried: body.ids };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/beads/:beadId/retry",
    summary: "Have a failed bead tried again: the same one, with its history, its branch and what waits for it",
    tag,
    access: ["operator"],
    answer: Bead,
    handle: async ({ execute, params }) => beadOf(await execute({ type: "retry_bead", beadId: params.beadId })),
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/beads/:beadId/revert",
    summary: "Take back what a bead has put on the target, through the same gate",
    tag,
    access: ["operator"],
    body: Revert,
    answer: Bead,
    status: 201,
    handle: async ({ execute, rig, params, body }) => {
      const beadId = params.beadId;
      const { title } = found(await rig().bead(beadId), `bead ${beadId} in this rig`);
      return beadOf(await execute({ type: "revert_bead", beadId, why: body.why, redo: body.redo, title }));
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/beads",
    summary: "Create a bead",
    tag,
    access,
    isCheckedByRig: true,
    body: BeadCreate,
    answer: Bead,
    status: 201,
    handle: async ({ execute, body }) =>
      beadOf(
        await execute({
          type: "create_bead",
          bead: { ...beadInput(body.type, body), hold: body.hold ?? undefined },
          assignTo: body.assignee_agent_id ?? null,
        }),
      ),
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/beads",
    summary: "List beads, newest first",
    tag,
    access,
    query: BeadQuery,
    answer: z.array(Bead),
    handle: async ({ rig, query }) => {
      const { limit, offset, ...filter } = query;
      return rig().beads(filter, page({ limit, offset }));
    },
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/beads/:beadId",
    summary: "Read a bead",
    tag,
    access,
    answer: Bead,
    handle: async ({ rig, params }) => found(await rig().bead(params.beadId), `bead ${params.beadId} in this rig`),
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/beads/:beadId/attempts",
    summary: "How each dispatch of a bead ended, and the end of what it printed",
    tag,
    access: ["operator"],
    answer: z.array(Attempt),
    handle: async ({ rig, params }) => {
      const beadId = params.beadId;
      found(await rig().bead(beadId), `bead ${beadId} in this rig`);
      return rig().attempts(beadId);
    },
  }),
  route({
    method: "PATCH",
    path: "/api/rigs/:rigId/beads/:beadId",
    summary:
      "Change what a bead says or waits for: only what is named; an agent that is at work on it sees it at its next start",
    tag,
    access,
    isCheckedByRig: true,
    body: BeadEdit,
    answer: Bead,
    handle: async ({ execute, params, body }) =>
      beadOf(await execute({ type: "edit_bead", beadId: params.beadId, changes: beadChanges(body) })),
  }),
  route({
    method: "PATCH",
    path: "/api/rigs/:rigId/beads/:beadId/status",
    summary: "Set a bead's status by hand",
    tag,
    access,
    isCheckedByRig: true,
    body: BeadStatusUpdate,
    answer: Bead,
    handle: async ({ execute, params, body, principal }) => {
      if (body.agent_id != null) speaksFor(principal, body.agent_id);
      return beadOf(
        await execute(
          { type: "set_bead_status", beadId: params.beadId, status: body.status },
          body.agent_id ?? undefined,
        ),
      );
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/beads/:beadId/close",
    summary: "Close a bead that needs no merge",
    tag,
    access,
    isCheckedByRig: true,
    body: ByAgent,
    answer: Bead,
    handle: async ({ execute, params, body, principal }) => {
      speaksFor(principal, body.agent_id);
      return beadOf(await execute({ type: "close_bead", beadId: params.beadId }, body.agent_id));
    },
  }),
  route({
    method: "DELETE",
    path: "/api/rigs/:rigId/beads/:beadId",
    summary: "Delete a bead",
    tag,
    access,
    isCheckedByRig: true,
    answer: z.object({ deleted: z.literal(true) }),
    handle: async ({ execute, params }) => {
      accepted(await execute({ type: "delete_bead", beadId: params.beadId }));
      return { deleted: true };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/sling",
    summary: "Create a bead and hook it to an idle polecat or a new one",
    tag,
    access,
    isCheckedByRig: true,
    body: Sling,
    answer: z.object({ bead: Bead, agent: Agent }),
    status: 201,
    handle: async ({ execute, body }) => {
      const reply = await execute({ type: "sling", bead: beadInput("issue", body) });
      return { bead: beadOf(reply), agent: agentOf(reply) };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/escalations",
    summary: "Ask a person; a working agent that asks is blocked until it is answered",
    tag,
    access,
    isCheckedByRig: true,
    body: Escalation,
    answer: Bead,
    status: 201,
    handle: async ({ execute, body, principal }) => {
      const named = body.metadata["agent_id"];
      const agentId = principal.kind === "agent" ? principal.agentId : typeof named === "string" ? named : null;
      return beadOf(
        await execute({
          type: "escalate",
          title: body.title,
          body: body.body ?? null,
          priority: body.priority,
          metadata: body.metadata as BeadInput["metadata"],
          agentId,
        }),
      );
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/beads/:beadId/cancel",
    summary: "Cancel a bead; what runs is stopped, late reports are stale",
    tag,
    access: ["operator"],
    answer: Bead,
    handle: async ({ execute, params }) => beadOf(await execute({ type: "cancel_bead", beadId: params.beadId })),
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/beads/:beadId/hand-in",
    summary: "Decide on a hand-in that was refused too often: send it back, no change, or its commit as it is",
    tag,
    access: ["operator"],
    body: HandInSettle,
    answer: Bead,
    handle: async ({ execute, params, body }) =>
      beadOf(
        await execute({
          type: "settle_hand_in",
          beadId: params.beadId,
          decision: body.decision,
          note: body.note ?? null,
        }),
      ),
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/beads/:beadId/budget",
    summary: "Let a bead spend more than its cap: whoever waits for it goes on",
    tag,
    access: ["operator"],
    body: BudgetRaise,
    answer: Bead,
    handle: async ({ execute, params, body }) =>
      beadOf(
        await execute({
          type: "raise_budget",
          beadId: params.beadId,
          tokens: body.tokens ?? 0,
          microdollars: body.microdollars ?? 0,
        }),
      ),
  }),
];
