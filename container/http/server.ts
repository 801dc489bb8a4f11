/** Puts the parts together: recover what an earlier server left, listen, and drain on the way out. */
import { runtimeNamed } from "../agents/runtimes/runtimes.ts";
import { randomUUID } from "node:crypto";
import { chmodSync, mkdirSync, realpathSync } from "node:fs";
import type { Server } from "node:http";
import path from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { type Agents, createAgents } from "../agents/agents.ts";
import { type AgentDoor, createAgentDoor } from "../agents/door/door.ts";
import type { Capabilities } from "../../src/wire/container.ts";
import { createApp } from "./app.ts";
import { type Apis, createApis } from "../reports/apis.ts";
import { type Callbacks, createCallbacks } from "../reports/callbacks.ts";
import type { Config } from "../config.ts";
import { drain } from "../drain.ts";
import { createHalt, createHalting } from "../halt.ts";
import { FLUSH_MS, START_ANSWER_MS } from "../limits.ts";
import type { Log } from "../log.ts";
import { signalLaunched } from "../launcher/client.ts";
import { onForeign } from "../processes/groups.ts";
import { lockWorkDir } from "../processes/lock.ts";
import { createDiffs } from "../git/diff.ts";
import { createHandIns } from "../git/hand-ins.ts";
import { proxiesOf } from "../processes/host-env.ts";
import { MARK, markOf, openMark } from "../processes/marks.ts";
import { createMerges } from "../git/merges.ts";
import { createRepositories } from "../git/repositories.ts";
import { type Boxes, openBoxes } from "../box/boxes.ts";
import { createChecker } from "../gate/checker.ts";
import { isTold } from "../train/pushes.ts";
import { createTrains } from "../train/trains.ts";
import { createKeyedMutex } from "../mutex.ts";
import { createPidFiles, pidsOf } from "../processes/pidfiles.ts";
import { createHealth } from "./health.ts";
import { listen } from "./listen.ts";
import { serveStreams } from "./stream.ts";
import { type Space, spaceOf } from "../place/disk.ts";
import { createPlaces } from "../place/places.ts";
import { takeOver } from "./take-over.ts";
import { createTickets } from "./tickets.ts";

export interface ControlServer {
  /** `http://host:port`, or `unix:/path/of/the.sock`. */
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
  /** How full the disk is, and what time it is, where a test says so. */
  readonly space?: (folder: string) => Space;
  readonly now?: () => number;
}

/** @throws Error when the port, the socket or the WORK_DIR is taken, or others can reach the socket's folder */
export async function startControlServer(
  given: Config,
  log: Log,
  { startAnswer_ms = START_ANSWER_MS, flush_ms = FLUSH_MS, space = spaceOf, now = Date.now }: ServerOptions = {},
): Promise<ControlServer> {
  const { config, mark, door, boxes, unlock } = await takeFolder(given, log);
  const instance = randomUUID();
  let drained: Promise<void> | null = null;

  const apis = createApis(config.apiUrl);
  const callbacks = callbacksOf(config, log, apis);
  const pidFiles = createPidFiles(pidsOf(config.workDir), mark, log);
  const repoMutex = createKeyedMutex();
  const freeBytes = (): number => space(config.workDir).free_bytes;
  const halting = createHalting(config.workDir);
  const shared = { config, mark, halting, callbacks, pidFiles, repoMutex, log, startAnswer_ms, freeBytes, door };
  const agents = createAgents({ ...shared, apis, agentBoxes: boxes.agents });
  const setupMutex = createKeyedMutex();
  const checker = createChecker({ config, mark, box: boxes.checks, holder: boxes.checksHolder, setupMutex, freeBytes });
  const trains = createTrains({ config, callbacks, checker, log, halting, checksIn: boxes.checksIn });
  const places = createPlaces({ config, mark, agents, trains, repoMutex, space, log, now });
  const merges = createMerges({ config, callbacks, log, halting });
  const tickets = createTickets();

  const draining = (): boolean => drained !== null;
  const health = createHealth({ agents, places, callbacks, config, instance, box: boxes.says, draining });

  if (config.launcher !== null) serveUsers(config);
  await takeOver({ workDir: config.workDir, callbacks, agents, places, log });

  const app = createApp({
    apis,
    agents,
    merges,
    trains,
    handIns: createHandIns(config),
    diffs: createDiffs(config),
    capabilities: capabilitiesOf(config, boxes),
    places,
    halt: createHalt({ workDir: config.workDir, mark, halting, agents, trains, log }),
    repositories: createRepositories(config),
    tickets,
    health,
    instance,
    controlToken: config.controlToken,
    log,
  });
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  const closeStreams = serveStreams(server, { agents, tickets, controlToken: config.controlToken });
  const { url, leave } = await listen(server, config).catch((error: unknown) => {
    callbacks.close();
    unlock();
    throw error;
  });

  return {
    url,
    drain: () =>
      (drained ??= drain({
        agents,
        merges,
        trains,
        callbacks,
        server,
        closeStreams,
        grace_ms: config.stopGrace_ms,
        flush_ms,
        log,
      }).finally(async () => {
        await door.close();
        boxes.agents.gateways.close();
        leave();
        unlock();
      })),
    killAll: agents.killAll,
  };
}

/** Agents that are users of their own find their way to what is theirs, by its name, and hear signals by the launcher. */
function serveUsers({ launcher, workDir }: Config): void {
  for (const name of ["rigs", "checkpoints", "git"]) {
    mkdirSync(path.join(workDir, name), { recursive: true });
    chmodSync(path.join(workDir, name), 0o711);
  }
  onForeign((pid, isGroup, signal) => signalLaunched(launcher ?? "", pid, isGroup, signal));
}

interface Taken {
  readonly config: Config;
  readonly mark: string;
  readonly door: AgentDoor;
  readonly boxes: Boxes;
  readonly unlock: () => void;
}

/** The WORK_DIR is this server's, and what it keeps agents in is known. @throws Error when it is another one's, or as openBoxes */
async function takeFolder(given: Config, log: Log): Promise<Taken> {
  const unlock = lockWorkDir(given.workDir);
  // Git prints real paths; ours must compare equal to them.
  const workDir = realpathSync(given.workDir);
  const mark = openMark(workDir);
  const hostEnv = { ...given.hostEnv, [MARK]: markOf(mark, "git") };
  const door = createAgentDoor({ log, proxyEnv: proxiesOf(hostEnv) });
  try {
    const boxes = await openBoxes({ config: { ...given, workDir, hostEnv }, mark, door, log });
    return { config: { ...given, workDir, hostEnv, reading: boxes.reading }, mark, door, boxes, unlock };
  } catch (error) {
    unlock();
    throw error;
  }
}

const capabilitiesOf = ({ ephemeral, agentRuntime }: Config, { checks, agents }: Boxes): Capabilities => ({
  inspect: true,
  ephemeral,
  trains: true,
  box: checks.kind,
  agentBox: agents.box.kind,
  runtime: agentRuntime === null ? null : (runtimeNamed(agentRuntime)?.name ?? null),
});

const callbacksOf = ({ workDir, callbackMax_ms }: Config, log: Log, apis: Apis): Callbacks =>
  createCallbacks({
    dir: path.join(workDir, "callbacks"),
    max_ms: callbackMax_ms,
    log,
    apis,
    onTaken: (body) => isTold(workDir, body),
  });
