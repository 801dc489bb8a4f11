import * as z from "zod";
import { AgentEvents, AgentStatus, Health, MessageAnswer, MessageRequest, StartAgentRequest, StopAnswer, StopRequest, StreamTicket } from "../../container/contract.ts";
import { HttpError } from "../errors.ts";
import { route, type Call, type Method, type Route } from "../route.ts";

/** The town's container, through the Worker: the same messages, in this API's envelope. */

const access = ["mayor", "operator"] as const;
const tag = "container";
const TIMEOUT_MS = 60_000;

const town = ({ env, params }: Call<unknown, unknown>) => env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName(params["townId"] ?? ""));

async function ask(call: Call<unknown, unknown>, method: Method, path: string, body?: unknown): Promise<unknown> {
  let response: Response;
  try {
    response = await town(call).fetch(`http://container${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new HttpError(503, `the town's container does not answer: ${error instanceof Error ? error.message : String(error)}`);
  }
  const answer = (await response.json().catch(() => ({}))) as { error?: unknown };
  if (response.ok) return answer;
  throw new HttpError(response.status < 500 ? response.status : 503, typeof answer.error === "string" ? answer.error : `the container answered HTTP ${response.status}`);
}

const agentPath = (call: Call<unknown, unknown>, rest: string): string => `/agents/${encodeURIComponent(call.params["id"] ?? "")}/${rest}`;

export const containerRoutes: Route[] = [
  route({ method: "GET", path: "/api/towns/:townId/container/health", summary: "Whether the container answers", tag, access, answer: Health, handle: (call) => ask(call, "GET", "/health") }),
  route({
    method: "POST",
    path: "/api/towns/:townId/container/agents/start",
    summary: "Start a process outside of the rig's schedule (a mayor, for instance)",
    tag,
    access: ["operator"],
    body: StartAgentRequest,
    answer: AgentStatus,
    status: 201,
    handle: (call) => {
      if (call.body.townId !== call.params["townId"]) throw new HttpError(403, "townId of the body is not the route's");
      return ask(call, "POST", "/agents/start", call.body);
    },
  }),
  route({ method: "POST", path: "/api/towns/:townId/container/agents/:id/stop", summary: "Stop a process", tag, access: ["operator"], body: StopRequest, answer: StopAnswer, handle: (call) => ask(call, "POST", agentPath(call, "stop"), call.body) }),
  route({ method: "POST", path: "/api/towns/:townId/container/agents/:id/message", summary: "Say something to a process", tag, access, body: MessageRequest, answer: MessageAnswer, handle: (call) => ask(call, "POST", agentPath(call, "message"), call.body) }),
  route({ method: "GET", path: "/api/towns/:townId/container/agents/:id/status", summary: "A process as the container sees it", tag, access, answer: AgentStatus, handle: (call) => ask(call, "GET", agentPath(call, "status")) }),
  route({
    method: "GET",
    path: "/api/towns/:townId/container/agents/:id/events",
    summary: "What a process printed; resume with after",
    tag,
    access,
    query: z.object({ after: z.string().regex(/^\d{1,15}$/, "must be a non-negative integer").optional() }),
    answer: AgentEvents,
    handle: (call) => ask(call, "GET", agentPath(call, `events?after=${call.query.after ?? 0}`)),
  }),
  route({ method: "POST", path: "/api/towns/:townId/container/agents/:id/stream-ticket", summary: "A ticket for one stream, valid once and for 60 s", tag, access, answer: StreamTicket, handle: (call) => ask(call, "POST", agentPath(call, "stream-ticket"), {}) }),
  route({
    method: "GET",
    path: "/api/towns/:townId/container/agents/:id/stream",
    summary: "A process's output by WebSocket; the ticket is the key",
    tag,
    access: ["public"],
    handle: (call) => {
      const { search } = new URL(call.context.req.url);
      return town(call).fetch(`http://container${agentPath(call, "stream")}${search}`, call.context.req.raw);
    },
  }),
];
