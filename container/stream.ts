/** WS /agents/:id/stream?ticket=...&after=N: an agent's events as JSON texts, first those after N, then live ones. */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { Agents } from "./agents.ts";
import { isAuthorized } from "./auth.ts";
import { STREAMS_MAX, STREAM_PING_MS } from "./limits.ts";
import type { Tickets } from "./tickets.ts";
import { type SendOnlySocket, acceptWebSocket, refuseUpgrade } from "./websocket.ts";

export interface StreamOptions {
  readonly agents: Agents;
  readonly tickets: Tickets;
  readonly controlToken: string | null;
}

/** @returns a function that closes every open stream */
export function serveStreams(server: Server, { agents, tickets, controlToken }: StreamOptions): () => void {
  const open = new Set<SendOnlySocket>();

  function onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const url = new URL(request.url ?? "/", "http://container");
    const agentId = decode(/^\/agents\/([^/]+)\/stream$/.exec(url.pathname)?.[1] ?? "");
    const after = Number(url.searchParams.get("after") ?? 0);
    if (!isAuthorized(request.headers.authorization, controlToken)) {
      return refuseUpgrade(socket, "401 Unauthorized", "the control token is missing or wrong");
    }
    if (!agentId) return refuseUpgrade(socket, "404 Not Found", "Not found");
    if (!tickets.redeem(url.searchParams.get("ticket") ?? "", agentId)) {
      return refuseUpgrade(socket, "401 Unauthorized", "the ticket is unknown, used or expired; ask for a new one");
    }
    const ring = agents.ring(agentId);
    if (ring === null) return refuseUpgrade(socket, "404 Not Found", "this container does not know the agent");
    if (!Number.isSafeInteger(after) || after < 0) return refuseUpgrade(socket, "400 Bad Request", "after must be a non-negative integer");
    if (open.size >= STREAMS_MAX) return refuseUpgrade(socket, "503 Service Unavailable", "too many open streams");

    let unsubscribe = (): void => {};
    const timer = setInterval(() => stream?.ping(), STREAM_PING_MS);
    const stream = acceptWebSocket(request, socket, head, () => {
      clearInterval(timer);
      unsubscribe();
      if (stream) open.delete(stream);
    });
    if (stream === null) return clearInterval(timer);
    open.add(stream);
    // Both in one turn, so no event falls between the old and the live ones.
    for (const event of ring.since(after)) stream.send(JSON.stringify(event));
    unsubscribe = ring.subscribe((event) => stream.send(JSON.stringify(event)));
  }

  server.on("upgrade", onUpgrade);
  return () => {
    for (const stream of open) stream.close(1001, "the container is shutting down");
  };
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
