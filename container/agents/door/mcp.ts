/**
 * Ticktown's tools by MCP over streamable HTTP, as far as a server without sessions, streams and notifications needs it: each POST is
 * answered with JSON. Written out because the official SDK brings sixteen packages, express among them, for these five methods.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import * as z from "zod";
import { TOOL_BATCH_MAX, TOOL_BODY_MAX_BYTES } from "../../limits.ts";
import { messageOf } from "../../log.ts";
import type { DoorLimits, Pass } from "./pass.ts";
import type { Rig } from "./rig.ts";
import { TOOLS } from "./tools.ts";

/** The newest first; a client that asks for another one is offered that. */
const VERSIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const;
const SERVER = { name: "ticktown", title: "Ticktown", version: "1.0.0" };
const INSTRUCTIONS =
  "You work for Ticktown on one bead. Commit your work, then hand it in with gt_done; it answers whether it was accepted. Ask people with gt_ask.";

const Message = z.object({
  jsonrpc: z.literal("2.0"),
  id: z.union([z.string().max(256), z.number()]).optional(),
  method: z.string().max(256).optional(),
  params: z.unknown().optional(),
});
type Message = z.infer<typeof Message>;
const Call = z.object({ name: z.string().max(256), arguments: z.unknown().optional() });

type Reply = { readonly jsonrpc: "2.0"; readonly id: string | number | null } & (
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string } }
);

const NOT_JSON = -32_700;
const NOT_A_REQUEST = -32_600;
const NO_SUCH_METHOD = -32_601;
const BAD_PARAMS = -32_602;
const TOO_MUCH = -32_000;

const problem = (id: Reply["id"], code: number, message: string): Reply => ({
  jsonrpc: "2.0",
  id,
  error: { code, message },
});

export interface McpOptions {
  readonly pass: Pass;
  readonly rig: Rig;
  readonly limits: DoorLimits;
}

/** Answers one request to the tools. Never throws. */
export async function serveTools(
  request: IncomingMessage,
  response: ServerResponse,
  options: McpOptions,
): Promise<void> {
  // No stream of the server's own, and no session to end: both are a client's to ask for and ours to decline.
  if (request.method !== "POST") return answer(response, 405, null, { allow: "POST" });
  const version = request.headers["mcp-protocol-version"];
  if (version !== undefined && !VERSIONS.some((known) => known === version))
    return answer(
      response,
      400,
      problem(null, NOT_A_REQUEST, `the protocol version ${String(version).slice(0, 20)} is not known here`),
    );
  if (!/^application\/json *(;|$)/i.test(request.headers["content-type"] ?? ""))
    return answer(response, 415, problem(null, NOT_A_REQUEST, "a body must say content-type: application/json"));
  const body = await readBody(request);
  if (body === "cut off") return void response.destroy();
  if (body === "too large")
    return answer(response, 413, problem(null, TOO_MUCH, `a request may have ${TOOL_BODY_MAX_BYTES} bytes`));
  const value = parsed(body);
  if (value === undefined) return answer(response, 400, problem(null, NOT_JSON, "the body is not valid JSON"));
  const messages: unknown[] = Array.isArray(value) ? value : [value];
  if (messages.length === 0 || messages.length > TOOL_BATCH_MAX)
    return answer(response, 400, problem(null, NOT_A_REQUEST, `1 to ${TOOL_BATCH_MAX} messages at a time`));
  const replies: Reply[] = [];
  for (const message of messages) {
    const reply = await replyTo(message, options);
    if (reply !== null) replies.push(reply);
  }
  if (replies.length === 0) return answer(response, 202, null);
  return answer(response, 200, Array.isArray(value) ? replies : (replies[0] ?? null));
}

/** @returns null for what wants no answer */
async function replyTo(value: unknown, options: McpOptions): Promise<Reply | null> {
  const message = Message.safeParse(value);
  if (!message.success) return problem(null, NOT_A_REQUEST, "not a message of JSON-RPC 2.0");
  const { id, method, params } = message.data;
  // A notification, or an answer to something that was never asked.
  if (id === undefined || method === undefined) return null;
  switch (method) {
    case "initialize":
      return { jsonrpc: "2.0", id, result: initialized(params) };
    case "ping":
      return { jsonrpc: "2.0", id, result: {} };
    case "tools/list": {
      const tools = TOOLS.map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));
      return { jsonrpc: "2.0", id, result: { tools } };
    }
    case "tools/call":
      return callTool(id, params, options);
    default:
      return problem(id, NO_SUCH_METHOD, `${method.slice(0, 64)} is not offered here`);
  }
}

function initialized(params: unknown): object {
  const wanted = (params as { protocolVersion?: unknown } | null | undefined)?.protocolVersion;
  return {
    protocolVersion: VERSIONS.find((version) => version === wanted) ?? VERSIONS[0],
    capabilities: { tools: {} },
    serverInfo: SERVER,
    instructions: INSTRUCTIONS,
  };
}

async function callTool(id: string | number, params: unknown, { pass, rig, limits }: McpOptions): Promise<Reply> {
  const call = Call.safeParse(params);
  const tool = TOOLS.find(({ name }) => name === call.data?.name);
  if (!call.success || tool === undefined)
    return problem(id, BAD_PARAMS, `there is no such tool; there are ${TOOLS.map(({ name }) => name).join(", ")}`);
  if (pass.counts.tools >= limits.tools)
    return problem(id, TOO_MUCH, `${limits.tools} calls are under way; wait for one of them`);
  pass.counts.tools += 1;
  try {
    const { ok, text } = await tool.call(call.data.arguments, { pass, rig });
    pass.tell({ type: "tool", name: tool.name, ok });
    return { jsonrpc: "2.0", id, result: { content: [{ type: "text", text }], isError: !ok } };
  } catch (error) {
    pass.tell({ type: "tool", name: tool.name, ok: false });
    const text = `The tool failed: ${pass.dispatch.redact(messageOf(error))}`;
    return { jsonrpc: "2.0", id, result: { content: [{ type: "text", text }], isError: true } };
  } finally {
    pass.counts.tools -= 1;
  }
}

function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= TOOL_BODY_MAX_BYTES) chunks.push(chunk);
      else resolve("too large");
    });
    request.once("end", () => resolve(Buffer.concat(chunks).toString()));
    request.once("close", () => resolve("cut off"));
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function answer(
  response: ServerResponse,
  status: number,
  value: Reply | Reply[] | null,
  headers: Record<string, string> = {},
): void {
  const body = value === null ? "" : JSON.stringify(value);
  response.writeHead(status, {
    ...headers,
    ...(value === null ? {} : { "content-type": "application/json" }),
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    // What is left of a body that was not read would be taken for the next request.
    ...(status >= 400 ? { connection: "close" } : {}),
  });
  response.end(body);
}
