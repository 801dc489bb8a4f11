import * as z from "zod";
import type { BeadInput } from "../../machines/decide.ts";
import { speaksFor } from "../auth.ts";
import { accepted, agentOf, beadOf, found, page } from "../respond.ts";
import { route, type Route } from "../route.ts";
import { Agent, Bead, BeadCreate, BeadQuery, BeadStatusUpdate, ByAgent, Escalation, Sling } from "../schemas.ts";

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
});

export const beadRoutes: Route[] = [
  route({
    method: "POST",
    path: "/api/rigs/:rigId/beads",
    summary: "Create a bead",
    tag,
    access,
    body: BeadCreate,
    answer: Bead,
    status: 201,
    handle: async ({ execute, body }) =>
      beadOf(await execute({ type: "create_bead", bead: beadInput(body.type, body), assignTo: body.assignee_agent_id ?? null })),
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
    handle: async ({ rig, params }) => found(await rig().bead(params["beadId"] ?? ""), `bead ${params["beadId"]} in this rig`),
  }),
  route({
    method: "PATCH",
    path: "/api/rigs/:rigId/beads/:beadId/status",
    summary: "Set a bead's status by hand",
    tag,
    access,
    body: BeadStatusUpdate,
    answer: Bead,
    handle: async ({ execute, params, body, principal }) => {
      speaksFor(principal, body.agent_id);
      return beadOf(await execute({ type: "set_bead_status", beadId: params["beadId"] ?? "", status: body.status }, body.agent_id));
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/beads/:beadId/close",
    summary: "Close a bead that needs no merge",
    tag,
    access,
    body: ByAgent,
    answer: Bead,
    handle: async ({ execute, params, body, principal }) => {
      speaksFor(principal, body.agent_id);
      return beadOf(await execute({ type: "close_bead", beadId: params["beadId"] ?? "" }, body.agent_id));
    },
  }),
  route({
    method: "DELETE",
    path: "/api/rigs/:rigId/beads/:beadId",
    summary: "Delete a bead",
    tag,
    access,
    answer: z.object({ deleted: z.literal(true) }),
    handle: async ({ execute, params }) => {
      accepted(await execute({ type: "delete_bead", beadId: params["beadId"] ?? "" }));
      return { deleted: true };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/sling",
    summary: "Create a bead and hook it to an idle polecat or a new one",
    tag,
    access,
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
    body: Escalation,
    answer: Bead,
    status: 201,
    handle: async ({ execute, body, principal }) => {
      const named = body.metadata["agent_id"];
      const agentId = principal.kind === "agent" ? principal.agentId : typeof named === "string" ? named : null;
      return beadOf(
        await execute({ type: "escalate", title: body.title, body: body.body ?? null, priority: body.priority, metadata: body.metadata as BeadInput["metadata"], agentId }),
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
    handle: async ({ execute, params }) => beadOf(await execute({ type: "cancel_bead", beadId: params["beadId"] ?? "" })),
  }),
];
