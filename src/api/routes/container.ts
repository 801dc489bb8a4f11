import type { Env } from "../../do/env.ts";
import { clip } from "../../events/facts.ts";
import { messageOf } from "../../events/message-of.ts";
import * as z from "zod";
import {
  AgentEvents,
  AgentStatus,
  Health,
  LookAnswer,
  type LookRequest,
  MessageAnswer,
  MessageRequest,
  StartAgentRequest,
  StopAnswer,
  StopRequest,
  StreamTicket,
} from "../../wire/container.ts";
import { refusalOf, refusedName } from "../../wire/env-names.ts";
import { inTheNameOfCaller, streamHolderOf } from "../caller.ts";
import { HttpError } from "../errors.ts";
import { openTicket, signTicket } from "../ticket.ts";
import { route, type Call, type Method, type Params, type Route } from "../route.ts";

/** The town's container, through the Worker: the same messages, in this API's envelope. */

const access = ["mayor", "operator"] as const;
const tag = "container";
const TIMEOUT_MS = 60_000;
/** The look at a repository: somebody waits for the rig. */
const LOOK_MS = 20_000;

const townOf = (env: Env, townId: string) => env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName(townId));
type OfTown = Pick<Call<unknown, unknown, "/:townId">, "env" | "params">;

/**
 * Asks the town's container whether a repository is fit for a rig. Never throws: where nobody could look, that is the answer.
 * @param request what is asked, with the secrets that the rig is to have
 */
export async function lookAt(env: Env, townId: string, request: LookRequest): Promise<LookAnswer> {
  const unknown = (why: string): LookAnswer => ({
    result: "ok",
    warnings: [
      { code: "not_looked", sentence: `Nobody looked at ${request.gitUrl}: ${why}. Its first start will tell` },
    ],
  });
  try {
    const response = await townOf(env, townId).fetch("http://container/repositories/look", {
      method: "POST",
      body: JSON.stringify(request),
      headers: { "content-type": "application/json" },
      signal: AbortSignal.timeout(LOOK_MS),
    });
    const answer = (await response.json().catch(() => null)) as { error?: unknown } | null;
    if (response.status === 404) return unknown("the town's container is an old one and cannot");
    if (response.ok) return LookAnswer.parse(answer);
    const words = typeof answer?.error === "string" ? `: ${clip(answer.error)}` : "";
    return unknown(`the town's container answered HTTP ${response.status}${words}`);
  } catch (error) {
    return unknown(`the town's container does not answer (${messageOf(error)})`);
  }
}

async function ask({ env, params }: OfTown, method: Method, path: string, body?: unknown): Promise<unknown> {
  let response: Response;
  try {
    response = await townOf(env, params.townId).fetch(`http://container${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new HttpError(503, `the town's container does not answer: ${messageOf(error)}`);
  }
  const answer = (await response.json().catch(() => ({}))) as { error?: unknown };
  if (response.ok) return answer;
  throw new HttpError(
    response.status < 500 ? response.status : 503,
    typeof answer.error === "string" ? answer.error : `the container answered HTTP ${response.status}`,
  );
}

const agentPath = ({ params }: { readonly params: Params<"/:id"> }, rest: string): string =>
  `/agents/${encodeURIComponent(params.id)}/${rest}`;

export const containerRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/towns/:townId/container/health",
    summary: "Whether the container answers",
    tag,
    access,
    answer: Health,
    handle: (call) => ask(call, "GET", "/health"),
  }),
  route({
    method: "POST",
    path: "/api/towns/:townId/container/agents/start",
    summary: "Start a process outside of the rig's schedule (a mayor, for instance)",
    tag,
    access: ["operator"],
    once: "registry",
    scope: "admin",
    body: StartAgentRequest,
    answer: AgentStatus,
    status: 201,
    handle: (call) => {
      if (call.body.townId !== call.params.townId) throw new HttpError(403, "townId of the body is not the route's");
      const { ownVars: _claimed, ...body } = call.body;
      const refused = refusedName(body.envVars ?? {});
      if (refused !== null) throw new HttpError(400, refusalOf(refused));
      return ask(call, "POST", "/agents/start", body);
    },
  }),
  route({
    method: "POST",
    path: "/api/towns/:townId/container/agents/:id/stop",
    summary: "Stop a process",
    tag,
    access: ["operator"],
    once: "registry",
    body: StopRequest,
    answer: StopAnswer,
    handle: (call) => ask(call, "POST", agentPath(call, "stop"), call.body),
  }),
  route({
    method: "POST",
    path: "/api/towns/:townId/container/agents/:id/message",
    summary: "Say something to a process",
    tag,
    access,
    once: "registry",
    body: MessageRequest,
    answer: MessageAnswer,
    handle: (call) => ask(call, "POST", agentPath(call, "message"), call.body),
  }),
  route({
    method: "GET",
    path: "/api/towns/:townId/container/agents/:id/status",
    summary: "A process as the container sees it",
    tag,
    access: ["self", "mayor", "operator"],
    answer: AgentStatus,
    handle: (call) => ask(call, "GET", agentPath(call, "status")),
  }),
  route({
    method: "GET",
    path: "/api/towns/:townId/container/agents/:id/events",
    summary: "What a process printed; resume with after",
    tag,
    access: ["self", "mayor", "operator"],
    query: z.object({
      after: z
        .string()
        .regex(/^\d{1,15}$/, "must be a non-negative integer")
        .optional(),
    }),
    answer: AgentEvents,
    handle: (call) => ask(call, "GET", agentPath(call, `events?after=${call.query.after ?? 0}`)),
  }),
  route({
    method: "POST",
    path: "/api/towns/:townId/container/agents/:id/stream-ticket",
    summary: "A ticket for one stream, valid once and for 60 s",
    tag,
    access: ["self", "mayor", "operator"],
    // A ticket is a secret: it is given anew, not kept.
    once: "nowhere",
    scope: "read",
    answer: StreamTicket,
    handle: async (call) => {
      const given = StreamTicket.parse(await ask(call, "POST", agentPath(call, "stream-ticket"), {}));
      const { townId = "", id = "" } = call.params;
      const of = { townId, agentId: id };
      const holder = streamHolderOf(call.principal);
      return { ...given, ticket: await signTicket(call.env, of, holder, given.ticket, Date.now()) };
    },
  }),
  route({
    method: "GET",
    path: "/api/towns/:townId/container/agents/:id/stream",
    summary: "A process's output by WebSocket; the ticket is the key",
    tag,
    access: ["ticket"],
    query: z.object({ ticket: z.string().max(3_000).optional(), after: z.string().max(20).optional() }),
    handle: async (call) => {
      const { townId = "", id = "" } = call.params;
      const { ticket: signed = "", after = "0" } = call.query;
      const { ticket, holder } = await openTicket(call.env, { townId, agentId: id }, signed, Date.now());
      const search = new URLSearchParams({ ticket, after });
      return townOf(call.env, call.params.townId).fetch(
        `http://container${agentPath(call, "stream")}?${search}`,
        inTheNameOfCaller(call.context.req.raw, holder),
      );
    },
  }),
];
