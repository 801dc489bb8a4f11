/** Puts the parts together: recover what an earlier server left, listen, and drain on the way out. */
import { realpathSync, readdirSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import type { Health } from "../src/container/contract.ts";
import { type Agents, createAgents } from "./agents.ts";
import { createApp } from "./app.ts";
import { createCallbacks } from "./callbacks.ts";
import { foldersOf } from "./clones.ts";
import type { Config } from "./config.ts";
import { drain } from "./drain.ts";
import { makePrivateDir } from "./files.ts";
import { FLUSH_MS, START_ANSWER_MS } from "./limits.ts";
import type { Log } from "./log.ts";
import { lockWorkDir } from "./lock.ts";
import { createMerges } from "./merges.ts";
import { createKeyedMutex } from "./mutex.ts";
import { createPidFiles } from "./pidfiles.ts";
import { serveStreams } from "./stream.ts";
import { createTickets } from "./tickets.ts";

export interface ControlServer {
  readonly url: string;
  /** Hands all work back and stops listening. The same promise however often it is called. */
  readonly drain: () => Promise<void>;
  /** Ends every agent at once, without a report. */
  readonly killAll: Agents["killAll"];
}

/** Bounds from limits.ts that tests shorten. */
export interface ServerOptions {
  readonly startAnswer_ms?: number;
  readonly flush_ms?: number;
}

/** @throws Error when the port or the WORK_DIR is taken */
export async function startControlServer(
  given: Config,
  log: Log,
  { startAnswer_ms = START_ANSWER_MS, flush_ms = FLUSH_MS }: ServerOptions = {},
): Promise<ControlServer> {
  const unlock = lockWorkDir(given.workDir);
  // Git prints real paths; ours must compare equal to them.
  const config: Config = { ...given, workDir: realpathSync(given.workDir) };
  const startedAt = Date.now();
  let drained: Promise<void> | null = null;

  const callbacks = createCallbacks({ dir: path.join(config.workDir, "callbacks"), max_ms: config.callbackMax_ms, log });
  const pidFiles = createPidFiles(path.join(config.workDir, "pids"), log);
  const repoMutex = createKeyedMutex();
  const agents = createAgents({ config, callbacks, pidFiles, repoMutex, log, startAnswer_ms });
  const merges = createMerges({ config, callbacks, repoMutex, log });
  const tickets = createTickets();

  function health(): Health {
    const reasons = [
      ...(drained === null ? [] : ["draining"]),
      ...(callbacks.late() ? [`${callbacks.pending()} callbacks are waiting for the rig API`] : []),
      ...(config.agentCommand === null ? ["AGENT_COMMAND is not set"] : []),
    ];
    const { live, processes } = agents.counts();
    return {
      status: reasons.length === 0 ? "ok" : "degraded",
      agents: live,
      servers: processes,
      uptime: (Date.now() - startedAt) / 1000,
      ...(reasons.length === 0 ? {} : { reasons }),
    };
  }

  const resumed = callbacks.resume();
  const lost = await agents.recover();
  if (resumed + lost > 0) log(`after a restart: ${resumed} callbacks to deliver, ${lost} dispatches reported as lost`);
  removeOldMerges(config.workDir);

  const app = createApp({ agents, merges, tickets, health, controlToken: config.controlToken, log });
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  const closeStreams = serveStreams(server, { agents, tickets, controlToken: config.controlToken });
  const { port } = await listen(server, config).catch((error: unknown) => {
    callbacks.close();
    unlock();
    throw error;
  });

  return {
    url: `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`,
    drain: () => (drained ??= drain({ agents, merges, callbacks, server, closeStreams, grace_ms: config.stopGrace_ms, flush_ms, log }).finally(unlock)),
    killAll: agents.killAll,
  };
}

function listen(server: Server, { port, host }: Config): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}

/** Worktrees of merges that a crash cut off; git forgets them at its next `worktree prune`. */
function removeOldMerges(workDir: string): void {
  const rigs = path.join(workDir, "rigs");
  makePrivateDir(rigs);
  for (const rigId of readdirSync(rigs)) rmSync(foldersOf(workDir, rigId).merges, { recursive: true, force: true });
}
