/** The Worker's production bundle in plain workerd on this machine: nothing of a dev server, nothing that reaches for the network. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makePrivateDir } from "../../container/files.ts";
import { bundleOfWorker } from "./bundle.ts";
import { type Child, startChild } from "./children.ts";
import { StackError } from "./errors.ts";
import { LOOPBACK } from "./ports.ts";
import { BUILT, PROJECT } from "./project.ts";
import type { State } from "./state.ts";
import { workerdConfig } from "./workerd-config.ts";

export interface Worker {
  readonly url: string;
  readonly pid: number;
  readonly child: Child;
  readonly exited: Promise<string>;
  readonly tail: (lines: number) => string;
  readonly stop: () => Promise<void>;
}

export interface WorkerOptions {
  readonly port: number;
  /** What the Worker finds in its `env`, secrets included: they travel in its environment, never on a command line. */
  readonly variables: Readonly<Record<string, string>>;
  /** `unix:/path` of the control server; what is reached by a URL is a variable, CONTAINER_URL. */
  readonly controlUrl: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly say?: (line: string) => void;
}

const READY_MS = 60_000;
const POLL_MS = 10;
const STOP_MS = 5_000;
const UNIX = "unix:";

/** @throws StackError when it cannot be built, or does not come up */
export async function startWorker(state: State, options: WorkerOptions): Promise<Worker> {
  const { port, controlUrl, environment } = options;
  const url = `http://${LOOPBACK}:${port}`;
  const bundle = bundleOfWorker(options.say ?? (() => {}));
  const isSocket = controlUrl.startsWith(UNIX);
  const variables = { ...options.variables, ...(isSocket ? {} : { CONTAINER_URL: controlUrl }) };
  // As `wrangler dev` laid it out, which made the folders of earlier versions.
  const objects = path.join(state.worker, "v3", "do");
  makePrivateDir(objects);
  // A copy, which stays as it is while the sources go on.
  state.writePrivate("worker.js", readFileSync(bundle.file, "utf8"));
  const config = state.writePrivate(
    "worker.capnp",
    workerdConfig({
      bundle: "worker.js",
      compatibilityDate: bundle.compatibilityDate,
      address: `${LOOPBACK}:${port}`,
      objects,
      pages: bundle.pages,
      variables: Object.keys(variables),
      controlSocket: isSocket ? controlUrl.slice(UNIX.length) : null,
    }),
  );

  let listens: (ready: string) => void = () => {};
  const listening = new Promise<string>((resolve) => {
    listens = resolve;
  });
  const child = await startChild(state, {
    name: "worker",
    command: workerd(),
    args: serveArguments(config),
    cwd: PROJECT,
    isPrivate: true,
    env: { ...environment, ...variables },
    // Its own word: a program that took the port a moment before would be answered by whoever asked there.
    onLine: (line) => {
      if (line === `{"event":"listen","socket":"http","port":${port}}`) listens("ready");
    },
  });
  const stop = (): Promise<void> => child.stop({ grace_ms: STOP_MS, ask: "group" });
  const late = sleep(READY_MS, `did not answer within ${READY_MS} ms`, { ref: false });
  const how = await Promise.race([listening.then(() => answers(url)), child.exited, late]);
  if (how !== "ready") {
    await stop();
    throw new StackError(`the Worker ${how}. The end of ${child.log.path}:\n${child.log.tail(20)}`);
  }
  return { url, pid: child.pid, child, exited: child.exited, tail: child.log.tail, stop };
}

/**
 * How workerd is told to serve a configuration: as it stands there, without a debugger and without watching its files. On its
 * stdout it says of every socket that it listens.
 */
export const serveArguments = (config: string): string[] => ["serve", "--control-fd=1", config];

/**
 * The one that wrangler brings, or in the package its own; the program itself and not the script around it, which would stand between
 * us and its end.
 */
export function workerd(): string {
  const own = createRequire(import.meta.url);
  const from = BUILT === null ? createRequire(own.resolve("wrangler/package.json")) : own;
  return (from("workerd") as { default: string }).default;
}

async function answers(url: string): Promise<string> {
  for (;;) {
    const isUp = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) })
      .then(async (response) => ((await response.json()) as { status?: unknown }).status === "ok")
      .catch(() => false);
    if (isUp) return "ready";
    await sleep(POLL_MS);
  }
}
