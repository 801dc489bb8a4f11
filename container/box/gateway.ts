/**
 * The other end of a box without a network: a unix socket of one dispatch, behind which are Ticktown's API and the agents' door, and
 * nothing else. Whatever a request says of where it wants to go is not looked at: its path alone decides which of the two it is.
 */
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import {
  Agent as HttpAgent,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer,
  request as overHttp,
} from "node:http";
import { Agent as HttpsAgent, request as overHttps } from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { pipeline } from "node:stream";
import type { AgentDoor } from "../agents/door/door.ts";
import { headersOfMessage, headersToApi } from "../agents/door/headers.ts";
import { DOOR_HEADERS_TIMEOUT_MS, DOOR_IDLE_MS, DOOR_REQUEST_TIMEOUT_MS, GATEWAY_CONNECTIONS_MAX } from "../limits.ts";
import { type Log, messageOf } from "../log.ts";
import { makePrivateSocket } from "../http/socket.ts";

/** What a box's programs are told: a port of the box's own loopback, which is the same in each. */
export const PORT_IN_BOX = 8787;
export const URL_IN_BOX = `http://127.0.0.1:${PORT_IN_BOX}`;

export interface Gateway {
  /** To be bound into the box. */
  readonly socket: string;
  /** Ends whatever is under way. */
  readonly close: () => void;
}

export interface Gateways {
  /** @param apiUrl where Ticktown's API is; null: this dispatch has none @param uid whose socket it is @throws Error when no socket can be made */
  readonly open: (apiUrl: string | null, uid?: number | null) => Promise<Gateway>;
  readonly close: () => void;
}

export function createGateways(door: Pick<AgentDoor, "answer">, log: Log): Gateways {
  let folder: string | null = null;
  let counter = 0;
  const opened = new Set<Gateway>();
  return {
    open: async (apiUrl, uid = null) => {
      folder ??= mkdtempSync(path.join(tmpdir(), "ticktown-gateways-"));
      const socket = path.join(folder, `${++counter}.sock`);
      const api = apiUrl === null ? null : apiAt(new URL(apiUrl));
      const server = serverFor(door, api, log);
      await listening(server, socket);
      if (uid !== null) chownSync(socket, uid, uid);
      const gateway: Gateway = {
        socket,
        close: () => {
          opened.delete(gateway);
          server.close();
          server.closeAllConnections();
          api?.agent.destroy();
          rmSync(socket, { force: true });
        },
      };
      opened.add(gateway);
      return gateway;
    },
    close: () => {
      for (const gateway of opened) gateway.close();
      if (folder !== null) rmSync(folder, { recursive: true, force: true });
      folder = null;
    },
  };
}

/** Ticktown's API, by connections that no other box has: what one leaves on them is nobody else's answer. */
interface Api {
  readonly url: URL;
  readonly agent: HttpAgent;
}

const apiAt = (url: URL): Api => ({
  url,
  agent: new (url.protocol === "https:" ? HttpsAgent : HttpAgent)({ keepAlive: true }),
});

function serverFor(door: Pick<AgentDoor, "answer">, api: Api | null, log: Log): Server {
  const server = createServer({
    headersTimeout: DOOR_HEADERS_TIMEOUT_MS,
    requestTimeout: DOOR_REQUEST_TIMEOUT_MS,
    keepAliveTimeout: DOOR_IDLE_MS,
  });
  server.maxConnections = GATEWAY_CONNECTIONS_MAX;
  server.on("error", (error) => log(`a gateway of a box failed: ${messageOf(error)}`));
  server.on("request", (request, response) => {
    response.on("error", () => {});
    const to = destinationOf(request.url ?? "");
    if (to === "door") return door.answer(request, response);
    if (to === "api" && api !== null) return passToApi(request, response, api);
    refuse(response, 403, "a box reaches Ticktown's API and its agents' door, and nothing else");
  });
  return server;
}

/** @param target of the request line; an address in place of a path leads nowhere, and neither does a path that somebody may read otherwise */
export function destinationOf(target: string): "api" | "door" | null {
  if (isAmbiguous(target.replace(/[?#].*$/s, ""))) return null;
  if (target === "/mcp" || target.startsWith("/model/")) return "door";
  return target.startsWith("/api/") ? "api" : null;
}

/** Steps upwards, and slashes and dots in disguise: whoever takes them for what they stand for is somewhere else. */
const isAmbiguous = (path: string): boolean => /(^|\/)\.{1,2}(\/|$)|\/\/|\\|%(2e|2f|5c|25|00)/i.test(path);

/** Where a body has a length or is in pieces when it is passed on. Of others it would stand behind its request, and be the next. */
const WITH_BODY = ["POST", "PUT", "PATCH"];

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) !== 0;

function passToApi(request: IncomingMessage, response: ServerResponse, { url: api, agent }: Api): void {
  const takesBody = WITH_BODY.includes(request.method ?? "");
  if (!takesBody && hasBody(request)) return refuse(response, 400, `${request.method} has no body here`);
  const send = api.protocol === "https:" ? overHttps : overHttp;
  const onward = send(
    {
      protocol: api.protocol,
      hostname: api.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: api.port,
      agent,
      method: request.method,
      path: `${api.pathname.replace(/\/+$/, "")}${request.url}`,
      headers: { ...headersToApi(request.headers), host: api.host },
    },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, headersOfMessage(answer.headers));
      pipeline(answer, response, () => {});
    },
  );
  onward.once("error", (error) => refuse(response, 502, `Ticktown's API does not answer: ${messageOf(error)}`));
  response.once("close", () => onward.destroy());
  if (takesBody) request.pipe(onward);
  else onward.end();
}

function refuse(response: ServerResponse, status: number, error: string): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { "content-type": "application/json", connection: "close" });
  response.end(JSON.stringify({ success: false, error }));
}

function listening(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket, () => {
      server.off("error", reject);
      makePrivateSocket(socket);
      resolve();
    });
  });
}
