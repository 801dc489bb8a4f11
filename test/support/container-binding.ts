import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { answerOld, newOldContainer, type OldContainer } from "./old-container.ts";

/**
 * The town containers of the workerd tests. Runs in Node, as a service binding. A town is scripted (it remembers what it was
 * asked and answers what the test said) unless its name begins with `real-`: then a real control server with real processes
 * answers; or with `old-`: then one that knows nothing of what Ticktown added to the wire. Tests steer a scripted town with POST /_script and read it with GET /_calls.
 */

interface Town {
  /** `caller` where the Worker says whose a stream is. */
  calls: { method: string; path: string; body: unknown; caller?: string }[];
  processes: Map<string, { dispatchId: string | undefined; status: string; exitReason: string | null }>;
  /** Answer per path pattern: `{ "POST /agents/start": { status: 503 } }`; `"hang"` never answers. */
  script: Record<string, { status: number; body?: unknown } | "hang">;
}

const towns = new Map<string, Town>();

const json = (body: unknown, status = 200): Response =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });

export async function containerBinding(request: Request): Promise<Response> {
  const name = request.headers.get("x-ticktown-town") ?? "";
  if (name.startsWith("real-")) return real(request);
  if (name.startsWith("old-")) return old(name, request);
  const town: Town = towns.get(name) ?? { calls: [], processes: new Map(), script: {} };
  towns.set(name, town);
  const { pathname } = new URL(request.url);
  const text = await request.text();
  const body: unknown = text === "" ? undefined : JSON.parse(text);
  if (pathname === "/_script") {
    Object.assign(town.script, body);
    return json({});
  }
  if (pathname === "/_calls") return json({ calls: town.calls, processes: [...town.processes] });
  if (pathname === "/_exit") {
    town.processes.delete((body as { agentId: string }).agentId);
    return json({});
  }
  const caller = request.headers.get("x-ticktown-caller");
  town.calls.push({ method: request.method, path: pathname, body, ...(caller === null ? {} : { caller }) });
  const scripted = Object.entries(town.script).find(([pattern]) => {
    const [method, path = ""] = pattern.split(" ");
    return method === request.method && new RegExp(`^${path}$`).test(pathname);
  })?.[1];
  if (scripted === "hang") return new Promise(() => {});
  if (scripted !== undefined && scripted.status !== 0)
    return json(scripted.body ?? { error: "scripted" }, scripted.status);
  return answer(town, request.method, pathname, body);
}

const oldTowns = new Map<string, OldContainer>();

async function old(name: string, request: Request): Promise<Response> {
  const town = oldTowns.get(name) ?? newOldContainer();
  oldTowns.set(name, town);
  const { pathname } = new URL(request.url);
  if (pathname === "/_calls") return json({ calls: town.calls });
  const text = await request.text();
  return answerOld(town, request.method, pathname, text === "" ? {} : (JSON.parse(text) as Record<string, unknown>));
}

function answer(town: Town, method: string, path: string, body: unknown): Response {
  const order = body as { agentId: string; dispatchId?: string };
  const status = (agentId: string) => {
    const known = town.processes.get(agentId);
    return (
      known && {
        agentId,
        ...known,
        startedAt: new Date(0).toISOString(),
        lastActivityAt: new Date(0).toISOString(),
        activeTools: [],
        messageCount: 0,
      }
    );
  };
  if (path === "/health")
    return json({ status: "ok", agents: town.processes.size, servers: town.processes.size, uptime: 1 });
  if (path === "/agents" && method === "GET") return json({ agents: [...town.processes.keys()].map(status) });
  if (path === "/agents/start") {
    town.processes.set(order.agentId, { dispatchId: order.dispatchId, status: "running", exitReason: null });
    return json(status(order.agentId), 201);
  }
  if (path === "/git/merge") return json({ status: "accepted" }, 202);
  const [, agentId = "", action] = /^\/agents\/([^/]+)\/([a-z-]+)$/.exec(path) ?? [];
  const id = decodeURIComponent(agentId);
  if (!town.processes.has(id))
    return action === "events" ? json({ events: [] }) : json({ error: `no agent ${id}` }, 404);
  if (action === "status") return json(status(id));
  if (action === "stop") {
    town.processes.delete(id);
    return json({ stopped: true });
  }
  if (action === "message") return json({ sent: true });
  if (action === "stream-ticket") return json({ ticket: "t", expiresAt: new Date(0).toISOString() });
  return json({ error: "Not found" }, 404);
}

interface RealServer {
  url: string;
  repository: string;
  child: ChildProcess;
}
let server: Promise<RealServer> | null = null;

/** One real control server for all real towns; it dies with the test run. */
async function real(request: Request): Promise<Response> {
  server ??= startServer();
  const { url, repository } = await server;
  const { pathname, search } = new URL(request.url);
  if (pathname === "/_repository") return json({ url: repository });
  const text = await request.text();
  return fetch(`${url}${pathname}${search}`, {
    method: request.method,
    headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}` },
    ...(text === "" ? {} : { body: text }),
  });
}

/** Of the real control server; what the Worker under test sends is its own affair. */
const TOKEN = "control-token-of-the-binding";

async function startServer(): Promise<RealServer> {
  const workDir = await mkdtemp(join(tmpdir(), "ticktown-workers-"));
  const repository = join(workDir, "origin");
  const git = (...args: string[]) => execFileSync("git", ["-C", repository, ...args], { stdio: "ignore" });
  execFileSync("git", ["init", "-q", "-b", "main", repository]);
  git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "--allow-empty", "-m", "begin");
  const main = fileURLToPath(new URL("../../container/main.ts", import.meta.url));
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env["PATH"],
      HOME: workDir,
      PORT: "0",
      HOST: "127.0.0.1",
      CONTROL_TOKEN: TOKEN,
      WORK_DIR: workDir,
      AGENT_COMMAND: "echo started $GASTOWN_AGENT_ID; exec sleep 60",
      GASTOWN_API_URL: "http://127.0.0.1:9",
      HEARTBEAT_MS: "60000",
      CALLBACK_MAX_MS: "1000",
    },
    stdio: ["ignore", "pipe", "ignore"],
  });
  // The run must be able to end: what is left then is ended by the server's own drain.
  process.once("exit", () => child.kill("SIGTERM"));
  const url = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const ready = /control ready (\S+)/.exec(said)?.[1];
      if (ready !== undefined) resolve(ready);
    });
    child.once("exit", () => reject(new Error("the control server ended before it was ready")));
  });
  child.unref();
  child.stdout.destroy();
  return { url, repository: `file://${repository}`, child };
}
