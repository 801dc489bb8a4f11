import * as z from "zod";
import type { JsonValue } from "../../events/json.ts";
import { HeartbeatAnswer } from "../../wire/container.ts";
import { limitIn, timeOf, waitOf } from "../../do/gateway.ts";
import type { Seen } from "../../do/ports.ts";
import { speaksFor } from "../auth.ts";
import { HttpError } from "../errors.ts";
import { accepted, agentOf, count, found, page, refused } from "../respond.ts";
import { route, type Route } from "../route.ts";
import {
  Agent,
  AgentCreate,
  AgentEvent,
  AgentEventCreate,
  AgentEventQuery,
  AgentGetOrCreate,
  AgentHold,
  AgentQuery,
  Answer,
  Asked,
  Checkpoint,
  Completed,
  Done,
  DoneAnswer,
  Heartbeat,
  Hook,
  Mail,
  MailCreate,
  Prime,
  StatusSay,
} from "../../wire/schemas.ts";

const access = ["agent", "operator"] as const;
const tag = "agents";
const EVENTS_LIMIT = 1_000;

/** What a heartbeat says of the agent's clocks. */
const seenIn = (body: z.infer<typeof Heartbeat>): Seen => ({
  lastActivityAt: timeOf(body.last_activity_at),
  messageCount: body.message_count ?? undefined,
  hasOpenTool: body.active_tools == null ? undefined : body.active_tools.length > 0,
  progressAt: timeOf(body.progress_at),
  shown: body.shown ?? undefined,
  session: body.session ?? undefined,
  usage: body.usage ?? undefined,
  head: body.head ?? undefined,
  waiting: body.waiting === undefined ? undefined : waitOf(body.waiting),
  limited: limitIn(body.limited),
});

export const agentRoutes: Route[] = [
  route({
    method: "POST",
    path: "/api/rigs/:rigId/agents",
    summary: "Register an agent",
    tag,
    access,
    isCheckedByRig: true,
    body: AgentCreate,
    answer: Agent,
    status: 201,
    handle: async ({ execute, body }) => agentOf(await execute({ type: "register_agent", ...body })),
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/agents",
    summary: "List agents",
    tag,
    access,
    query: AgentQuery,
    answer: z.array(Agent),
    handle: async ({ rig, query }) => {
      const { limit, offset } = page(query, EVENTS_LIMIT);
      const agents = await rig().agents({ role: query.role, status: query.status });
      return agents.slice(offset, offset + limit);
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/agents/get-or-create",
    summary: "An idle unhooked agent of a role, or a new one; refinery and witness are singletons",
    tag,
    access,
    isCheckedByRig: true,
    body: AgentGetOrCreate,
    answer: Agent,
    handle: async ({ execute, body }) => agentOf(await execute({ type: "get_or_create_agent", role: body.role })),
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/agents/:agentId",
    summary: "Read an agent",
    tag,
    access,
    answer: Agent,
    handle: async ({ rig, params }) => found(await rig().agent(params.agentId), `agent ${params.agentId} in this rig`),
  }),
  route({
    method: "DELETE",
    path: "/api/rigs/:rigId/agents/:agentId",
    summary: "Delete an agent; its bead goes back to the queue",
    tag,
    access,
    isCheckedByRig: true,
    answer: z.object({ deleted: z.literal(true) }),
    handle: async ({ execute, params }) => {
      accepted(await execute({ type: "delete_agent", agentId: params.agentId }));
      return { deleted: true };
    },
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/agents/:agentId/events",
    summary: "What an agent did and said, by ascending id",
    tag,
    access,
    query: AgentEventQuery,
    answer: z.array(AgentEvent),
    handle: async ({ rig, params, query }) => {
      const after = count("after_id", query.after_id, 0);
      const limit = Math.min(count("limit", query.limit, 100), EVENTS_LIMIT);
      return found(await rig().agentEvents(params.agentId, after, limit), `agent ${params.agentId} in this rig`);
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/agents/:agentId/hook",
    summary: "Bind an agent to a bead",
    tag,
    access,
    isCheckedByRig: true,
    body: Hook,
    answer: z.object({ hooked: z.literal(true) }),
    handle: async ({ execute, params, body }) => {
      accepted(await execute({ type: "hook", agentId: params.agentId, beadId: body.bead_id }));
      return { hooked: true };
    },
  }),
  route({
    method: "DELETE",
    path: "/api/rigs/:rigId/agents/:agentId/hook",
    summary: "Take an agent's bead away",
    tag,
    access,
    isCheckedByRig: true,
    answer: z.object({ unhooked: z.literal(true) }),
    handle: async ({ execute, params }) => {
      accepted(await execute({ type: "unhook", agentId: params.agentId }));
      return { unhooked: true };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/agents/:agentId/hold",
    summary: "Start nothing new with an agent until it is released; what runs goes on",
    tag,
    access: ["operator"],
    body: AgentHold,
    answer: Agent,
    handle: async ({ execute, params, body }) =>
      agentOf(await execute({ type: "hold_agent", agentId: params.agentId, reason: body.reason ?? "" })),
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/agents/:agentId/release",
    summary: "Let an agent that is held start again",
    tag,
    access: ["operator"],
    answer: Agent,
    handle: async ({ execute, params }) => agentOf(await execute({ type: "release_agent", agentId: params.agentId })),
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/agents/:agentId/prime",
    summary: "Everything an agent should know when it starts",
    tag,
    access,
    answer: Prime,
    handle: async ({ rig, params }) => found(await rig().prime(params.agentId), `agent ${params.agentId} in this rig`),
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/agents/:agentId/done",
    summary: "The work is finished: its branch goes to review",
    tag,
    access,
    isCheckedByRig: true,
    body: Done,
    answer: DoneAnswer,
    handle: async ({ execute, rig, params, body }) => {
      const agentId = params.agentId;
      const { stale } = accepted(
        await execute({
          type: "done",
          agentId,
          branch: body.branch,
          prUrl: body.pr_url ?? null,
          summary: body.summary ?? null,
          resolution: body.resolution,
          note: body.reason ?? null,
        }),
      );
      if (stale)
        throw new HttpError(
          409,
          `this dispatch of agent ${agentId} is not its newest one any more, so its done was recorded and changed nothing; its bead is with a newer dispatch, or was taken away`,
        );
      if (body.wait_ms == null) return { done: true };
      return { done: true, hand_in: await rig().handIn(agentId, body.wait_ms) };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/agents/:agentId/completed",
    summary: "The agent's process has ended",
    tag,
    access,
    isCheckedByRig: true,
    body: Completed,
    text: "reported",
    answer: z.object({ completed: z.literal(true) }),
    handle: async ({ rig, params, body, caller, key }) => {
      const report = {
        status: body.status,
        reason: body.reason ?? null,
        resetAt: body.reset_at == null ? null : Date.parse(body.reset_at),
        dispatchId: body.dispatch_id ?? null,
        beadId: body.bead_id ?? null,
        tail: body.tail ?? null,
        setAside: body.set_aside ?? [],
        ending: body.ending ?? undefined,
        runtime: body.runtime ?? undefined,
        limited: limitIn(body.limited),
        usage: body.usage ?? undefined,
        isUnheard: body.unheard === true,
        tools: body.tools ?? [],
      };
      accepted(await rig().completed(params.agentId, report, caller, key));
      return { completed: true };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/agents/:agentId/checkpoint",
    summary: "Save what the next dispatch needs to resume",
    tag,
    access,
    isCheckedByRig: true,
    body: Checkpoint,
    text: "reported",
    answer: z.object({ written: z.literal(true) }),
    handle: async ({ execute, params, body }) => {
      accepted(await execute({ type: "checkpoint", agentId: params.agentId, data: body.data as JsonValue }));
      return { written: true };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/agents/:agentId/status",
    summary: "What the agent says it is doing, in one line for people; neither a sign of life nor of progress",
    tag,
    access,
    body: StatusSay,
    answer: z.object({ said: z.literal(true) }),
    handle: async ({ execute, params, body }) => {
      accepted(await execute({ type: "say_status", agentId: params.agentId, line: body.status }));
      return { said: true };
    },
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/agents/:agentId/mail",
    summary: "Undelivered mail, oldest first; reading delivers it",
    tag,
    access,
    isCheckedByRig: true,
    scope: "operate",
    answer: z.array(Mail),
    handle: async ({ rig, params, caller }) => {
      const mail = await rig().readMail(params.agentId, caller);
      if (!Array.isArray(mail)) throw refused(mail);
      return mail;
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/agents/:agentId/heartbeat",
    summary: "A sign of life",
    tag,
    access,
    once: "nowhere",
    isCheckedByRig: true,
    body: Heartbeat,
    text: "reported",
    answer: HeartbeatAnswer,
    handle: async ({ rig, params, body, caller }) => {
      const answer = await rig().heartbeat(params.agentId, body.dispatch_id ?? null, caller, seenIn(body));
      if (!answer.ok) throw refused(answer);
      return { heartbeat: true, ...(answer.budget === null ? {} : { budget: answer.budget }) };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/agents/:agentId/asked",
    summary: "The agent waits for a person's answer to a question, or for a permission; the same again changes nothing",
    tag,
    access,
    isCheckedByRig: true,
    body: Asked,
    text: "reported",
    answer: z.object({ asked: z.literal(true) }),
    handle: async ({ execute, params, body }) => {
      const { ask_id: id, kind, text, command = null, options, dispatch_id: dispatchId = null } = body;
      const ask = { id, kind, text, command, options };
      accepted(await execute({ type: "asked", agentId: params.agentId, dispatchId, ask }));
      return { asked: true };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/agent-events",
    summary: "Append to an agent's events; a sign of progress",
    tag,
    access,
    isCheckedByRig: true,
    body: AgentEventCreate,
    text: "reported",
    answer: z.object({ appended: z.literal(true) }),
    status: 201,
    handle: async ({ rig, body, principal, caller, key }) => {
      speaksFor(principal, body.agent_id);
      accepted(await rig().appendEvent(body.agent_id, body.event_type, (body.data ?? {}) as JsonValue, caller, key));
      return { appended: true };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/mail",
    summary: "Send mail to an agent",
    tag: "mail",
    access,
    isCheckedByRig: true,
    body: MailCreate,
    answer: z.object({ sent: z.literal(true) }),
    status: 201,
    handle: async ({ execute, body, principal }) => {
      speaksFor(principal, body.from_agent_id);
      accepted(
        await execute({
          type: "send_mail",
          from: body.from_agent_id,
          to: body.to_agent_id,
          subject: body.subject,
          body: body.body,
        }),
      );
      return { sent: true };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/agents/:agentId/sync",
    summary: "Bring what the agent's clone calls `origin` up to date with the remote; the agent then fetches from it",
    tag,
    access,
    once: "nowhere",
    answer: z.object({
      synced: z.literal(true),
      /** The target branch's commit at the remote. */
      target: z.string().nullable(),
    }),
    handle: async ({ rig, params }) => {
      const answer = await rig().sync(params.agentId);
      if (!answer.synced) throw new HttpError(answer.status, answer.error);
      return answer;
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/agents/:agentId/unblock",
    summary: "Answer a blocked agent",
    tag,
    access: ["operator"],
    body: Answer,
    answer: Agent,
    handle: async ({ execute, params, body }) =>
      agentOf(
        await execute({
          type: "answer",
          agentId: params.agentId,
          answer: body.answer ?? null,
          option: body.option ?? null,
        }),
      ),
  }),
];
