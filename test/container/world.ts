/** What the tests of the control server share: real repositories, real processes, a rig API that remembers, all on loopback. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, test, vi } from "vitest";
import { type Config, readConfig } from "../../container/config.ts";
import { type ControlServer, type ServerOptions, startControlServer } from "../../container/http/server.ts";
import type { AgentEvent, AgentStatus } from "../../src/wire/container.ts";

export const CONTAINER_DIR = fileURLToPath(new URL("../../container/", import.meta.url));

// Real processes on a busy machine: a test fails because something did not happen, not because it was slow.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

/** Whether all of it is run, as `npm run soak` does: the suite has a sample of what takes minutes. */
export const SOAK = process.env["SOAK"] === "1";

/** A test of `npm run soak` alone. */
export function soakTest(name: string, run: () => Promise<void> | void): void {
  if (SOAK) test(name, run);
}

const cleanups: (() => unknown)[] = [];

/** Runs when the test is over, the last one first. */
export function cleanUp(task: () => unknown): void {
  cleanups.push(task);
}

afterEach(async () => {
  for (const task of cleanups.splice(0).toReversed()) await task();
});

export function tempDir(): string {
  const dir = realpathSync(mkdtempSync(path.join(tmpdir(), "ticktown-test-")));
  cleanUp(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

/** The host as the control server sees it: a home of its own, and a secret that no agent may see. */
export function hostEnv(): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", HOME: tempDir(), LANG: "C.UTF-8", HOST_SECRET: "host-secret-value" };
}

const GIT_ENV = {
  PATH: process.env["PATH"] ?? "",
  HOME: "/nonexistent",
  GIT_AUTHOR_NAME: "Test",
  GIT_AUTHOR_EMAIL: "test@example.com",
  GIT_COMMITTER_NAME: "Test",
  GIT_COMMITTER_EMAIL: "test@example.com",
};

export function git(cwd: string, ...args: string[]): string {
  return execFileSync("git", args, { cwd, env: GIT_ENV, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

/** A bare repository with one commit on main, and a clone of it to push from. Made once, and copied: git takes its time. */
export function createOrigin(): { url: string; clone: string } {
  template ??= makeOrigin(realpathSync(mkdtempSync(path.join(tmpdir(), "ticktown-template-"))));
  const dir = tempDir();
  const [url, clone] = [path.join(dir, "origin.git"), path.join(dir, "clone")];
  cpSync(template.url, url, { recursive: true });
  cpSync(template.clone, clone, { recursive: true });
  const config = path.join(clone, ".git", "config");
  writeFileSync(config, readFileSync(config, "utf8").replace(template.url, url));
  return { url, clone };
}

let template: { url: string; clone: string } | null = null;
process.once("exit", () => {
  if (template !== null) rmSync(path.dirname(template.url), { recursive: true, force: true });
});

function makeOrigin(dir: string): { url: string; clone: string } {
  const url = path.join(dir, "origin.git");
  const clone = path.join(dir, "clone");
  git(dir, "init", "--quiet", "--bare", "--initial-branch=main", url);
  git(dir, "clone", "--quiet", url, clone);
  git(clone, "checkout", "--quiet", "-B", "main");
  commitFile(clone, "README.md", "hello\n");
  git(clone, "push", "--quiet", "origin", "main");
  return { url, clone };
}

export function commitFile(repo: string, file: string, content: string): string {
  mkdirSync(path.dirname(path.join(repo, file)), { recursive: true });
  writeFileSync(path.join(repo, file), content);
  git(repo, "add", "--all");
  git(repo, "commit", "--quiet", "-m", `write ${file}`);
  return git(repo, "rev-parse", "HEAD");
}

/** Pushes a branch that starts at main and writes one file. */
export function pushBranch(clone: string, branch: string, file: string, content: string): string {
  git(clone, "fetch", "--quiet", "origin");
  git(clone, "checkout", "--quiet", "-B", branch, "origin/main");
  const sha = commitFile(clone, file, content);
  git(clone, "push", "--quiet", "origin", branch);
  return sha;
}

export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly token: string | null;
  readonly headers: IncomingMessage["headers"];
  readonly body: Record<string, unknown>;
  readonly at: number;
}

export interface FakeRig {
  readonly url: string;
  readonly port: number;
  readonly requests: Recorded[];
  /** Requests whose path ends so. */
  readonly to: (end: string) => Recorded[];
  /** Decides the answer; the default is 200. */
  answer: (request: Recorded) => { status: number; data?: unknown };
  readonly close: () => Promise<void>;
}

/** A rig API that accepts everything. @param port 0 for a free one */
export async function createFakeRig(port = 0): Promise<FakeRig> {
  const requests: Recorded[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      const recorded: Recorded = {
        method: request.method ?? "",
        path: request.url ?? "",
        token: request.headers.authorization?.replace("Bearer ", "") ?? null,
        headers: request.headers,
        body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>),
        at: Date.now(),
      };
      requests.push(recorded);
      const { status, data } = rig.answer(recorded);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(
        JSON.stringify(status < 400 ? { success: true, data } : { success: false, error: `HTTP ${status}` }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const close = (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    return closed;
  };
  cleanUp(close);
  const actual = (server.address() as AddressInfo).port;
  const rig: FakeRig = {
    url: `http://127.0.0.1:${actual}`,
    port: actual,
    requests,
    to: (end) => requests.filter((request) => request.path.endsWith(end)),
    answer: () => ({ status: 200 }),
    close,
  };
  return rig;
}

export interface Client {
  readonly url: string;
  readonly post: (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Reply>;
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Reply>;
  readonly status: (agentId: string) => Promise<AgentStatus>;
  readonly events: (agentId: string) => Promise<AgentEvent[]>;
  /** Waits until the agent's process is over. */
  readonly ended: (agentId: string) => Promise<AgentStatus>;
  /** The plain lines that the agent printed. */
  readonly lines: (agentId: string) => Promise<string[]>;
}

export interface Reply {
  readonly status: number;
  // Answers are looked into freely by tests; their schemas are tested on their own.
  readonly body: any;
}

/** @param token sent where a test does not say otherwise */
export function clientOf(url: string, token: string | null = null): Client {
  const authorization: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  const call = async (method: string, to: string, body: unknown, headers: Record<string, string>): Promise<Reply> => {
    const response = await fetch(url + to, {
      method,
      headers: { "content-type": "application/json", ...authorization, ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };
  const client: Client = {
    url,
    post: (to, body, headers = {}) => call("POST", to, body, headers),
    get: (to, headers = {}) => call("GET", to, undefined, headers),
    status: async (agentId) => (await client.get(`/agents/${agentId}/status`)).body as AgentStatus,
    events: async (agentId) => (await client.get(`/agents/${agentId}/events`)).body.events as AgentEvent[],
    ended: (agentId) =>
      eventually(`${agentId} ends`, async () => {
        const status = await client.status(agentId);
        return status.status === "exited" || status.status === "failed" ? status : null;
      }),
    lines: async (agentId) =>
      (await client.events(agentId))
        .filter(({ type }) => type === "output")
        .map(({ data }) => (data as { line: string }).line),
  };
  return client;
}

export interface Control extends Client {
  readonly workDir: string;
  readonly server: ControlServer;
  readonly log: string[];
}

/** Runs the agent's part of a test, a shell script that comes with the request. */
export const RUN_SCRIPT = 'eval "$TEST_SCRIPT"';

/** What a server on a port is given, and its client sends, where a test has no token of its own. */
export const CONTROL_TOKEN = "control-token-of-the-tests";

/** A test that has a token of its own sends it itself; a socket needs none. */
function tokenFor(env: Readonly<Record<string, string>>): string | null {
  return env["CONTROL_TOKEN"] === undefined && env["LISTEN_SOCKET"] === undefined ? CONTROL_TOKEN : null;
}

export async function startControl(env: Record<string, string> = {}, options: ServerOptions = {}): Promise<Control> {
  const workDir = env["WORK_DIR"] ?? tempDir();
  const token = tokenFor(env);
  const config: Config = readConfig({
    ...hostEnv(),
    AGENT_COMMAND: RUN_SCRIPT,
    HOST: "127.0.0.1",
    PORT: "0",
    STOP_GRACE_MS: "1000",
    ...(token === null ? {} : { CONTROL_TOKEN: token }),
    ...env,
    WORK_DIR: workDir,
  });
  const log: string[] = [];
  const server = await startControlServer(config, (message) => log.push(message), { flush_ms: 200, ...options });
  cleanUp(() => {
    server.killAll();
    return server.drain();
  });
  return { ...clientOf(server.url, token), workDir, server, log };
}

export interface ControlProcess extends Client {
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

/** How a control server is ended, one after the other, and how long each is waited for. */
const ENDINGS = [
  ["SIGTERM", 300],
  ["SIGTERM", 10_000],
  ["SIGKILL", 10_000],
] as const;

/**
 * The control server as it runs in production: a process of its own, which can be killed.
 * @param within a program that runs it, with its arguments
 * @param atEnd where it is ended: after the test, or wherever else
 * @param entry what is run of the container
 */
export async function spawnControl(
  env: Record<string, string>,
  within: readonly string[] = [],
  atEnd: (task: () => Promise<void>) => void = cleanUp,
  entry = "main.ts",
): Promise<ControlProcess> {
  const [program = "", ...args] = [...within, process.execPath, path.join(CONTAINER_DIR, entry)];
  const child = spawn(program, args, {
    env: {
      ...hostEnv(),
      AGENT_COMMAND: RUN_SCRIPT,
      HOST: "127.0.0.1",
      PORT: "0",
      STOP_GRACE_MS: "1000",
      CONTROL_TOKEN,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  atEnd(async () => {
    // The second signal makes it end its agents and exit at once; SIGKILL would leave them running.
    for (const [signal, patience_ms] of ENDINGS) {
      child.kill(signal);
      if ((await Promise.race([exited.then(() => "exited"), sleep(patience_ms)])) === "exited") return;
    }
  });
  const url = await new Promise<string>((resolve, reject) => {
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
      const ready = /^control ready (\S+)\n$/.exec(stdout);
      if (ready?.[1]) resolve(ready[1]);
    });
    void exited.then((code) => reject(new Error(`control server exited with ${code}: ${stderr}`)));
  });
  return { ...clientOf(url, tokenFor(env)), process: child, exited, kill: (signal) => child.kill(signal) };
}

/** What runs a program that the modes of files hold for: root may do everything, unless it gives that up. */
export const LIKE_ANYBODY =
  process.getuid?.() === 0 ? ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"] : [];

/** A start request that is complete; tests say only what matters to them. */
export function startBody(gitUrl: string, script: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  const { envVars, ...rest } = more as { envVars?: Record<string, string>; agentId?: string };
  const agentId = rest.agentId ?? "a1";
  return {
    agentId,
    rigId: "rig1",
    townId: "town1",
    role: "polecat",
    name: "Toast",
    identity: `rig1/polecat/${agentId}`,
    prompt: "do the work",
    model: "none",
    systemPrompt: "be good",
    gitUrl,
    branch: `work/${agentId}`,
    defaultBranch: "main",
    ...rest,
    envVars: { TEST_SCRIPT: script, GASTOWN_SESSION_TOKEN: "session-token-1", ...envVars },
  };
}

export function mergeBody(gitUrl: string, branch: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    rigId: "rig1",
    branch,
    targetBranch: "main",
    gitUrl,
    entryId: "entry1",
    beadId: "bead1",
    agentId: "a1",
    envVars: { GASTOWN_SESSION_TOKEN: "session-token-1" },
    ...more,
  };
}

export function worktreeOf(workDir: string, agentId = "a1", rigId = "rig1"): string {
  return path.join(workDir, "rigs", rigId, "agents", agentId, "clone");
}

export function storeOf(workDir: string, rigId = "rig1"): string {
  return path.join(workDir, "rigs", rigId, "store.git");
}

/** Asks again every 20 ms until there is an answer. @throws Error naming what did not happen */
export async function eventually<T>(
  what: string,
  ask: () => T | Promise<T>,
  timeout_ms = 60_000,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeout_ms;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer as NonNullable<T>;
    if (Date.now() > deadline) throw new Error(`did not happen within ${timeout_ms} ms: ${what}`);
    await sleep(20);
  }
}

/** Whether the process runs; a zombie that nobody reaps does not. */
export function isRunning(pid: number): boolean {
  try {
    return !/^[ZX]/.test(execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).trim());
  } catch {
    return false;
  }
}

export function fileExists(file: string): boolean {
  return existsSync(file);
}
