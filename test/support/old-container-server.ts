import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PROJECT } from "../../scripts/stack/project.ts";

/**
 * A town's container as they were before Ticktown, with real processes, real clones and real merges: a control server behind a wrapper
 * that knows the old protocol alone. What Ticktown added is dropped on its way in and out, dispatch ids first of all; other routes are
 * not known. A start is slow, and until it is through the agent's status is that of its last process. An agent keeps the environment of
 * its first start for ever.
 */
export interface OldContainerServer {
  readonly url: string;
  /** Of each start that was taken: the agent and the token that its process has. */
  readonly starts: { readonly agentId: string; readonly token: string | undefined }[];
  stop(): Promise<void>;
}

type Body = Record<string, unknown>;

const START = "agentId rigId townId role name identity prompt model systemPrompt gitUrl branch defaultBranch envVars";
const STATUS = "agentId status startedAt lastActivityAt activeTools messageCount exitReason";
/** What is taken and what is answered of each route. */
const ROUTES: readonly (readonly [route: RegExp, takes: string, answers: string])[] = [
  [/^GET \/health$/, "", "status agents servers uptime"],
  [/^POST \/agents\/start$/, START, STATUS],
  [/^POST \/agents\/[^/]+\/stop$/, "signal", "stopped error"],
  [/^POST \/agents\/[^/]+\/message$/, "prompt", "sent error"],
  [/^GET \/agents\/[^/]+\/status$/, "", `${STATUS} error`],
  [/^GET \/agents\/[^/]+\/events$/, "", "events"],
  [/^POST \/agents\/[^/]+\/stream-ticket$/, "", "ticket expiresAt error"],
  [
    /^POST \/git\/merge$/,
    "rigId branch targetBranch gitUrl entryId beadId agentId callbackUrl envVars",
    "status error",
  ],
];

const only = (body: Body, fields: string): Body =>
  Object.fromEntries(Object.entries(body).filter(([name]) => fields.split(" ").includes(name)));

/** @param token what it asks of whoever calls it */
export async function startOldContainer(
  workDir: string,
  { token, agentCommand, slow_ms }: { token: string; agentCommand: string; slow_ms: number },
): Promise<OldContainerServer> {
  const { child, url: behind } = await startControl(workDir, token, agentCommand);
  const kept = new Map<string, unknown>();
  const starts: OldContainerServer["starts"] = [];
  const ask = async (method: string, target: string, body?: Body): Promise<{ status: number; body: Body }> => {
    const response = await fetch(behind + target, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(method === "POST" ? { body: JSON.stringify(body ?? {}) } : {}),
    });
    return { status: response.status, body: (await response.json()) as Body };
  };
  /** A stop is answered when the process is gone. */
  const untilGone = async (target: string): Promise<void> => {
    for (let i = 0; i < 100; i++) {
      const { body } = await ask("GET", target.replace(/stop$/, "status"));
      if (!["starting", "running", "stopping"].includes(String(body["status"]))) return;
      await sleep(100);
    }
  };
  const answer = async (request: IncomingMessage): Promise<{ status: number; body: Body }> => {
    const { pathname, search } = new URL(request.url ?? "/", "http://old");
    const route = ROUTES.find(([pattern]) => pattern.test(`${request.method} ${pathname}`));
    const said = await bodyOf(request);
    if (request.headers.authorization !== `Bearer ${token}` && pathname !== "/health")
      return { status: 401, body: { error: "Unauthorized" } };
    if (route === undefined) return { status: 404, body: { error: "Not found" } };
    const [, takes, answers] = route;
    const order = only(said, takes);
    if (pathname === "/agents/start") {
      const agentId = String(order["agentId"]);
      await sleep(slow_ms);
      if (!kept.has(agentId)) kept.set(agentId, order["envVars"]);
      order["envVars"] = kept.get(agentId);
      starts.push({
        agentId,
        token: (order["envVars"] as Record<string, string> | undefined)?.["GASTOWN_SESSION_TOKEN"],
      });
    }
    const answered = await ask(request.method ?? "GET", pathname + search, order);
    if (pathname.endsWith("/stop") && answered.status === 200) await untilGone(pathname);
    return { status: answered.status, body: only(answered.body, `${answers} error`) };
  };
  const server = createServer((request, response) => {
    answer(request)
      .catch((error: unknown) => ({ status: 500, body: { error: String(error) } }))
      .then(({ status, body }) =>
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body)),
      );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    starts,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<Body> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text === "" ? {} : (JSON.parse(text) as Body);
}

async function startControl(
  workDir: string,
  token: string,
  agentCommand: string,
): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [path.join(PROJECT, "container", "main.ts")], {
    env: {
      PATH: process.env["PATH"],
      HOME: workDir,
      PORT: "0",
      HOST: "127.0.0.1",
      CONTROL_TOKEN: token,
      WORK_DIR: workDir,
      AGENT_COMMAND: agentCommand,
      STOP_GRACE_MS: "2000",
    },
    stdio: ["ignore", "pipe", "ignore"],
  });
  process.once("exit", () => child.kill("SIGTERM"));
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const found = /control ready (\S+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("exit", (code) => reject(new Error(`the control server ended with ${code}: ${said}`)));
  });
  return { child, url };
}
