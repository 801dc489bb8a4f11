import { DOOR, LIMITS } from "../events/limits.ts";
import { CALLER_HEADER } from "../wire/container.ts";
import { inspection, type Inspection } from "./inspect.ts";
import type { Rig } from "./rig.ts";
import {
  encodeFeed,
  eventStream,
  isOver,
  OVER,
  pumpAll,
  STREAM_HEADER,
  StreamKind,
  type Attachment,
  type Socket,
} from "./streams.ts";

/** Everybody who follows a rig live: boards by WebSocket or event stream, and inspectors. */
export interface Audience {
  /** Tells whoever is there already, and whoever comes, what the rig commits from now on. */
  follow(rig: Rig): void;
  /** Takes one more in. Answers 429 when LIMITS.sockets are there, or LIMITS.sockets_per_caller of the same caller. */
  open(rig: Rig, request: Request): Response;
}

export function createAudience(ctx: DurableObjectState): Audience {
  /** Open event streams by whose they are. */
  const streams = new Map<string, number>();
  let inspected: Inspection | null = null;
  // A ping keeps a proxy from closing the line. The platform answers it, so an open board lets an idle rig sleep.
  ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));

  const count = (caller: string, change: 1 | -1): void => {
    const left = (streams.get(caller) ?? 0) + change;
    if (left > 0) streams.set(caller, left);
    else streams.delete(caller);
  };
  const listen = (rig: Rig, after: number, caller: string): Response => {
    count(caller, 1);
    return new Response(
      eventStream(rig, after, () => count(caller, -1)),
      { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } },
    );
  };

  const accept = (rig: Rig, kind: StreamKind, after: number, request: Request): Response => {
    const { 0: client, 1: server } = new WebSocketPair();
    ctx.acceptWebSocket(server, [kind, tagOf(callerOf(request))]);
    const until = rig.ports.now() + DOOR.stream_life_ms;
    server.serializeAttachment({ kind, after, until } satisfies Attachment);
    if (kind === "feed") ctx.waitUntil(pumpAll(rig, server as unknown as Socket, encodeFeed));
    else {
      inspected ??= inspection(rig);
      sendAll(server, inspected.hello());
    }
    const protocol = request.headers.get("sec-websocket-protocol")?.split(",")[0]?.trim();
    return new Response(null, {
      status: 101,
      webSocket: client,
      headers: protocol === undefined ? {} : { "sec-websocket-protocol": protocol },
    });
  };

  return {
    follow(rig) {
      if (ctx.getWebSockets("inspect").length > 0) inspected = inspection(rig);
      rig.listeners.add((entries) => {
        const inspectors = ctx.getWebSockets("inspect");
        if (inspectors.length === 0) inspected = null;
        const messages = inspected?.committed(entries) ?? [];
        for (const socket of inspectors) {
          if (isOver(socket.deserializeAttachment() as Attachment | null, rig.ports.now()))
            socket.close(OVER.code, OVER.reason);
          else sendAll(socket, messages);
        }
        for (const socket of ctx.getWebSockets("feed"))
          ctx.waitUntil(pumpAll(rig, socket as unknown as Socket, encodeFeed));
      });
    },
    open(rig, request) {
      const caller = callerOf(request);
      const all = [...streams.values()].reduce((sum, n) => sum + n, ctx.getWebSockets().length);
      if (all >= LIMITS.sockets)
        return tooMany(`${LIMITS.sockets} boards and debuggers follow this rig; close some first`);
      const own = (streams.get(caller) ?? 0) + ctx.getWebSockets(tagOf(caller)).length;
      if (own >= LIMITS.sockets_per_caller)
        return tooMany(
          `${LIMITS.sockets_per_caller} boards and debuggers of yours follow this rig; close some of them first`,
        );
      const { searchParams } = new URL(request.url);
      const after = Math.min(
        Number(searchParams.get("after") ?? request.headers.get("last-event-id") ?? 0) || 0,
        rig.world.seq,
      );
      const kind = StreamKind.catch("feed").parse(request.headers.get(STREAM_HEADER));
      if (kind === "feed" && request.headers.get("upgrade") !== "websocket") {
        return listen(rig, after, caller);
      }
      return accept(rig, kind, after, request);
    },
  };
}

/** The Worker says it. Whoever reaches the object in another way is one caller together. */
const callerOf = (request: Request): string => request.headers.get(CALLER_HEADER) ?? "";

/** By which the platform finds a caller's sockets again, also those that slept. A tag has 256 characters at most. */
const tagOf = (caller: string): string => `by ${caller.slice(0, 250)}`;

const tooMany = (error: string): Response =>
  Response.json({ success: false, error }, { status: 429, headers: { "retry-after": "10" } });

/** To one socket; one that has gone is told so by the platform. */
function sendAll(socket: WebSocket, messages: readonly string[]): void {
  try {
    for (const message of messages) socket.send(message);
  } catch {
    socket.close(1011, "the line failed; connect again");
  }
}
