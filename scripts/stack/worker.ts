/** The Worker in workerd on this machine, by way of `wrangler dev`, with nothing of it reaching for the network. */
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startChild } from "./children.ts";
import { StackError } from "./errors.ts";
import { LOOPBACK } from "./ports.ts";
import { PROJECT } from "./project.ts";
import type { State } from "./state.ts";

export interface Worker {
  readonly url: string;
  readonly pid: number;
  readonly exited: Promise<string>;
  readonly tail: (lines: number) => string;
  readonly stop: () => Promise<void>;
}

export interface WorkerOptions {
  readonly port: number;
  /** What the Worker finds in its `env`, secrets included: they travel in a private file, never on a command line. */
  readonly variables: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const READY_MS = 60_000;
const POLL_MS = 100;
const STOP_MS = 5_000;

/** Without these it would look for updates, send metrics, fetch request metadata and collect traces. */
const OFFLINE = {
  X_LOCAL_OBSERVABILITY: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_WRITE_LOGS: "false",
};

export async function startWorker(state: State, { port, variables, environment }: WorkerOptions): Promise<Worker> {
  const url = `http://${LOOPBACK}:${port}`;
  const child = await startChild(state, {
    name: "worker",
    command: process.execPath,
    args: [
      path.join(PROJECT, "node_modules", "wrangler", "bin", "wrangler.js"),
      "dev",
      ["--config", path.join(PROJECT, "wrangler.toml")],
      ["--ip", LOOPBACK, "--port", String(port), "--inspector-port", "0"],
      ["--persist-to", state.worker, "--env-file", state.writeWorkerEnv(variables)],
      ["--log-level", "warn", "--show-interactive-dev-session=false"],
    ].flat(),
    cwd: PROJECT,
    env: { ...environment, ...OFFLINE, WRANGLER_REGISTRY_PATH: path.join(state.run, "registry"), CLOUDFLARE_ENV: undefined },
  });
  const stop = (): Promise<void> => child.stop({ grace_ms: STOP_MS, ask: "group" });
  const how = await Promise.race([answers(url), child.exited]);
  if (how !== "ready") {
    await stop();
    throw new StackError(`the Worker ${how}. The end of ${child.log.path}:\n${child.log.tail(20)}`);
  }
  return { url, pid: child.pid, exited: child.exited, tail: child.log.tail, stop };
}

async function answers(url: string): Promise<string> {
  const deadline = Date.now() + READY_MS;
  while (Date.now() < deadline) {
    const isUp = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) }).then(
      async (response) => ((await response.json()) as { status?: unknown }).status === "ok",
      () => false,
    ).catch(() => false);
    if (isUp) return "ready";
    await sleep(POLL_MS);
  }
  return `did not answer within ${READY_MS} ms`;
}
