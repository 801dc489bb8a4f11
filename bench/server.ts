import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Builds the Worker and serves it with raw `workerd serve`: no dev server, no proxy, no tracing in between. */

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
const BIN = join(ROOT, "node_modules/.bin");
const QUIET = {
  X_LOCAL_OBSERVABILITY: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  CI: "true",
};

/** What is made here goes away with the process. */
export const scratch = mkdtempSync(join(tmpdir(), "ticktown-bench-"));
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));

export const wrangler = (...args: string[]): string => wranglerIn(ROOT, args);

function wranglerIn(folder: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(BIN, "wrangler"), ...args], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, ...QUIET },
  });
  if (status !== 0) throw new Error(`wrangler ${args.join(" ")} failed:\n${stdout}${stderr}`);
  return stdout;
}

/** The bundle that a deploy would upload. Entry null: the production one. */
export function bundle(entry: string | null, more: string[] = []): string {
  const out = join(scratch, `bundle-${entry === null ? "production" : "bench"}${more.join("")}`);
  if (existsSync(join(out, "worker.js"))) return join(out, "worker.js");
  wrangler(
    "deploy",
    ...(entry === null ? [] : [entry]),
    "--dry-run",
    "--outdir",
    out,
    "--containers-rollout=none",
    ...more,
  );
  return join(out, "worker.js");
}

/** The production bundle of another tree. */
export function bundleIn(folder: string): string {
  const out = join(folder, "bundle");
  wranglerIn(folder, ["deploy", "--dry-run", "--outdir", out, "--containers-rollout=none"]);
  return join(out, "worker.js");
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

export interface Workerd {
  readonly url: string;
  readonly version: string;
  /** Calls a method of one object. */
  call<T>(name: string, method: string, ...args: unknown[]): Promise<T>;
  /** Fills a rig with agents at work, and lets the object forget, so that it wakes from those rows. */
  fill(name: string, agents: number, end?: "working" | "evicted"): Promise<void>;
  obvious<T>(name: string, method: string, ...args: unknown[]): Promise<T>;
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
  put<T>(path: string, body: unknown): Promise<T>;
  /** Kills it and serves the same storage again. Answers how long it took until the port was open, ms. */
  restart(): Promise<number>;
  stop(): Promise<void>;
}

/** For profiling: BENCH_V8_FLAGS=--perf-basic-prof lets `perf` name the JavaScript. */
const FLAGS = (process.env["BENCH_V8_FLAGS"] ?? "").split(" ").filter((flag) => flag !== "");

const OPERATOR_TOKEN = "bench-operator-bench-operator";

interface Served {
  readonly worker: string;
  readonly port: number;
  readonly disk: string;
  readonly containerUrl: string;
  /** Without the doors of the benches. */
  readonly isProduction: boolean;
}

const config = ({ worker, port, disk, containerUrl, isProduction }: Served) => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "disk", disk = (path = "${disk}", writable = true)),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
  v8Flags = [${FLAGS.map((flag) => `"${flag}"`).join(", ")}],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "${worker}")],
  compatibilityDate = "2026-10-01",
  globalOutbound = "internet",
  durableObjectNamespaces = [
    (className = "RigDO", uniqueKey = "rig", enableSql = true),
    (className = "UserDO", uniqueKey = "user", enableSql = true),
    (className = "TownContainer", uniqueKey = "town", enableSql = true),
${isProduction ? "" : '    (className = "ObviousRig", uniqueKey = "obvious", enableSql = true),'}
  ],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [
    (name = "RIG", durableObjectNamespace = "RigDO"),
    (name = "USER", durableObjectNamespace = "UserDO"),
    (name = "TOWN_CONTAINER", durableObjectNamespace = "TownContainer"),
${isProduction ? "" : '    (name = "OBVIOUS", durableObjectNamespace = "ObviousRig"),'}
    (name = "CONTAINER_URL", text = "${containerUrl}"),
    (name = "TICKTOWN_OPERATOR_TOKEN", text = "${OPERATOR_TOKEN}"),
    (name = "GASTOWN_JWT_SECRET", text = "bench-secret-bench-secret-bench-secret"),
  ],
);
`;

let servers = 0;

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}

export async function serve(
  worker: string,
  containerUrl: string,
  { isProduction = false }: { readonly isProduction?: boolean } = {},
): Promise<Workerd> {
  const dir = join(scratch, `workerd-${++servers}`);
  const disk = join(dir, "disk");
  mkdirSync(disk, { recursive: true });
  const port = await freePort();
  const file = join(dir, "config.capnp");
  writeFileSync(join(dir, "worker.js"), readFileSync(worker));
  writeFileSync(file, config({ worker: "worker.js", port, disk, containerUrl, isProduction }));
  const url = `http://127.0.0.1:${port}`;
  let log = "";
  let child = launch();

  function launch() {
    const started = spawn(join(BIN, "workerd"), ["serve", file], { stdio: ["ignore", "pipe", "pipe"], detached: true });
    const keep = (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4_000);
    };
    started.stdout.on("data", keep);
    started.stderr.on("data", keep);
    return started;
  }
  const kill = async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    // workerd is wrapped by a Node script: the group has to go.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
    await ended;
  };
  process.once("exit", () => killGroup(child.pid));
  const ready = async (): Promise<number> => {
    const began = performance.now();
    for (;;) {
      try {
        await (await fetch(`${url}/health`)).arrayBuffer();
        return performance.now() - began;
      } catch {
        if (performance.now() - began > 15_000) throw new Error(`workerd does not answer:\n${log}`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
  };
  const send = async <T>(path: string, init?: RequestInit): Promise<T> => {
    const headers = { authorization: `Bearer ${OPERATOR_TOKEN}`, "content-type": "application/json" };
    const response = await fetch(`${url}${path}`, { headers, ...init });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: HTTP ${response.status}: ${text.slice(0, 2_000)}\n${log}`);
    return JSON.parse(text) as T;
  };
  const post = <T>(path: string, body: unknown) => send<T>(path, { method: "POST", body: JSON.stringify(body) });
  const put = <T>(path: string, body: unknown) => send<T>(path, { method: "PUT", body: JSON.stringify(body) });
  const call = async <T>(object: string, name: string, method: string, args: unknown[]): Promise<T> =>
    (await post<{ answer: T }>("/bench", { object, name, method, args })).answer;
  await ready();
  return {
    url,
    version: spawnSync(join(BIN, "workerd"), ["--version"], { encoding: "utf8" }).stdout.trim(),
    call: (name, method, ...args) => call("RIG", name, method, args),
    fill: async (name, agents, end = "working") => {
      await call("RIG", name, "fill", [name, agents, end]);
      // Forgetting breaks the call that asked for it.
      await call("RIG", name, "forget", []).catch(() => {});
    },
    obvious: (name, method, ...args) => call("OBVIOUS", name, method, args),
    get: (path) => send(path),
    post,
    put,
    restart: async () => {
      await kill();
      child = launch();
      return ready();
    },
    stop: kill,
  };
}
