import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type Diff, DiffRequest } from "../../../src/wire/diff.ts";

/** A control server that runs nothing: it accepts what it is asked for and says so, so that a page can be tested at rest. */
export interface QuietContainer {
  readonly url: string;
  /** What it was asked to start, newest last. */
  readonly starts: { agentId: string; dispatchId: string; beadId: string }[];
  readonly merges: { entryId: string; beadId: string; dispatchId: string }[];
  readonly messages: { agentId: string; prompt: string }[];
  /** How it answers when it is asked what work changes; null: as one that has no clone yet. */
  diff: ((request: DiffRequest) => Promise<Diff>) | null;
  stop(): Promise<void>;
}

/** What it says of its disk. */
export const QUIET_DISK = { free_bytes: 61_400_000_000, total_bytes: 100_000_000_000, rig_bytes: 3_460_000 };

export async function startQuietContainer(): Promise<QuietContainer> {
  const running = new Map<string, Record<string, unknown>>();
  const starts: QuietContainer["starts"] = [];
  const merges: QuietContainer["merges"] = [];
  const messages: QuietContainer["messages"] = [];
  const server = createServer(async (request, response) => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    const body = request.method === "POST" ? await bodyOf(request) : {};
    const answer = (status: number, data: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(data));
    const agentId = decodeURIComponent(/^\/agents\/([^/]+)/.exec(path)?.[1] ?? "");
    if (path === "/health") return answer(200, { status: "ok", agents: running.size, servers: 0, uptime: 1 });
    if (path === "/agents" && request.method === "GET") return answer(200, { agents: [...running.values()] });
    if (path === "/agents/start") {
      const at = new Date().toISOString();
      const status = {
        agentId: body["agentId"],
        dispatchId: body["dispatchId"],
        status: "running",
        startedAt: at,
        lastActivityAt: at,
        activeTools: [],
        messageCount: 0,
        exitReason: null,
      };
      running.set(String(body["agentId"]), status);
      starts.push({
        agentId: String(body["agentId"]),
        dispatchId: String(body["dispatchId"]),
        beadId: String(body["branch"]),
      });
      return answer(201, status);
    }
    if (path.endsWith("/stop")) return answer(running.delete(agentId) ? 200 : 404, { stopped: true });
    if (path.endsWith("/message")) {
      messages.push({ agentId, prompt: String(body["prompt"]) });
      return answer(200, { sent: true });
    }
    if (/^\/rigs\/[^/]+\/tidy$/.test(path)) return answer(200, { removed: 0, nextAt: null, disk: QUIET_DISK });
    if (path === "/git/diff") {
      const none: Diff = { result: "none", sentence: "This container has no clone of the repository yet." };
      return answer(200, await (quiet.diff?.(DiffRequest.parse(body)) ?? none));
    }
    if (path === "/git/merge") {
      merges.push({
        entryId: String(body["entryId"]),
        beadId: String(body["beadId"]),
        dispatchId: String(body["dispatchId"]),
      });
      return answer(202, { status: "accepted" });
    }
    return answer(404, { error: "not found" });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const quiet: QuietContainer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    starts,
    merges,
    messages,
    diff: null,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return quiet;
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}
