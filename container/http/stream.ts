/** WS /agents/:id/stream?ticket=...&after=N: an agent's events as JSON texts, first those after N, then live ones. */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocket, WebSocketServer } from "ws";
import { CALLER_HEADER } from "../../src/wire/container.ts";
import type { Agents } from "../agents/agents.ts";
import type { EventRing } from "../agents/output.ts";
import { isAuthorized } from "./auth.ts";
import {
  STREAMS_MAX,
  STREAMS_PER_CALLER_MAX,
  STREAM_FRAME_MAX_BYTES,
  STREAM_PENDING_MAX_BYTES,
  STREAM_PING_MS,
} from "../limits.ts";
import type { Tickets } from "./tickets.ts";

export interface StreamOptions {
  readonly agents: Agents;
  readonly tickets: Tickets;
  readonly controlToken: string | null;
}

const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;

/** @returns a function that closes every open stream */
export function serveStreams(server: Server, options: StreamOptions): () => void {
  // A viewer has nothing to say: what is larger than a control frame could need is closed with 1009.
  const sockets = new WebSocketServer({ noServer: true, maxPayload: STREAM_FRAME_MAX_BYTES, perMessageDeflate: false });

  /** Open streams by whose they are. */
  const owned = new Map<string, number>();

  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    const asked = judge(request, { all: sockets.clients.size, ofCaller: (caller) => owned.get(caller) ?? 0 }, options);
    if ("refusal" in asked) return refuseUpgrade(socket, asked.refusal, asked.error);
    sockets.handleUpgrade(request, socket, head, (stream) => {
      const { caller } = asked;
      owned.set(caller, (owned.get(caller) ?? 0) + 1);
      stream.once("close", () => {
        const left = (owned.get(caller) ?? 1) - 1;
        if (left > 0) owned.set(caller, left);
        else owned.delete(caller);
      });
      send(stream, asked.ring, asked.after);
    });
  });
  return () => {
    for (const stream of sockets.clients) stream.close(GOING_AWAY, "the container is shutting down");
  };
}

/** Streams that are open now. */
interface Open {
  readonly all: number;
  readonly ofCaller: (caller: string) => number;
}

type Asked =
  | { readonly ring: EventRing; readonly after: number; readonly caller: string }
  | { readonly refusal: string; readonly error: string };

function judge(request: IncomingMessage, open: Open, { agents, tickets, controlToken }: StreamOptions): Asked {
  const url = new URL(request.url ?? "/", "http://container");
  const agentId = decode(/^\/agents\/([^/]+)\/stream$/.exec(url.pathname)?.[1] ?? "");
  const after = Number(url.searchParams.get("after") ?? 0);
  const refused = (refusal: string, error: string): Asked => ({ refusal, error });
  if (!isAuthorized(request.headers.authorization, controlToken))
    return refused("401 Unauthorized", "the control token is missing or wrong");
  if (!agentId) return refused("404 Not Found", "Not found");
  if (!tickets.redeem(url.searchParams.get("ticket") ?? "", agentId))
    return refused("401 Unauthorized", "the ticket is unknown, used or expired; ask for a new one");
  const ring = agents.ring(agentId);
  if (ring === null) return refused("404 Not Found", "this container does not know the agent");
  if (!Number.isSafeInteger(after) || after < 0)
    return refused("400 Bad Request", "after must be a non-negative integer");
  if (open.all >= STREAMS_MAX) return refused("503 Service Unavailable", "too many open streams");
  // A Worker of an earlier version does not say whose it is.
  const caller = String(request.headers[CALLER_HEADER] ?? "");
  if (caller !== "" && open.ofCaller(caller) >= STREAMS_PER_CALLER_MAX)
    return refused("429 Too Many Requests", "too many open streams of the same caller; close some of them first");
  return { ring, after, caller };
}

function send(stream: WebSocket, ring: EventRing, after: number): void {
  const tell = (event: unknown): void => {
    if (stream.readyState !== WebSocket.OPEN) return;
    if (stream.bufferedAmount > STREAM_PENDING_MAX_BYTES)
      stream.close(TRY_AGAIN_LATER, "too slow; come back with ?after=");
    else stream.send(JSON.stringify(event));
  };
  // Both in one turn, so no event falls between the old and the live ones.
  for (const event of ring.since(after)) tell(event);
  const unsubscribe = ring.subscribe(tell);
  const timer = setInterval(() => stream.ping(), STREAM_PING_MS);
  stream.on("error", () => stream.terminate());
  stream.once("close", () => {
    clearInterval(timer);
    unsubscribe();
  });
}

/** Answers an upgrade request with a plain HTTP error. */
function refuseUpgrade(socket: Duplex, status: string, error: string): void {
  const body = JSON.stringify({ error });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
