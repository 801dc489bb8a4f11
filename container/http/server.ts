/** Puts the parts together: recover what an earlier server left, listen, and drain on the way out. */
import { randomUUID } from "node:crypto";
import { realpathSync, readdirSync } from "node:fs";
import type { Server } from "node:http";
import path from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { type Agents, createAgents } from "../agents/agents.ts";
import { createAgentDoor } from "../agents/door/door.ts";
import { createApp } from "./app.ts";
import { type Callbacks, createCallbacks } from "../reports/callbacks.ts";
import { foldersOf } from "../git/layout.ts";
import type { Config } from "../config.ts";
import { drain } from "../drain.ts";
import { makePrivateDir } from "../files.ts";
import { FLUSH_MS, START_ANSWER_MS } from "../limits.ts";
import type { Log } from "../log.ts";
import { lockWorkDir } from "../processes/lock.ts";
import { removeLocks } from "../git/locks.ts";
import { createHandIns } from "../git/hand-ins.ts";
import { proxiesOf } from "../processes/host-env.ts";
import { MARK, identityOf, markOf, openMark } from "../processes/marks.ts";
import { createMerges } from "../git/merges.ts";
import { createRepositories } from "../git/repositories.ts";
import { type Box, NO_BOX, openBox } from "../box/box.ts";
import { createChecker } from "../gate/checker.ts";
import { gatesOf } from "../gate/copy.ts";
import { isTold } from "../train/pushes.ts";
import { createTrains } from "../train/trains.ts";
import { createKeyedMutex } from "../mutex.ts";
import { createPidFiles, pidsOf } from "../processes/pidfiles.ts";
import { createHealth } from "./health.ts";
import { listen } from "./listen.ts";
import { serveStreams } from "./stream.ts";
import { type Space, spaceOf } from "../place/disk.ts";
import { removeTree } from "../place/remove.ts";
import { createPlaces } from "../place/places.ts";
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
  const unlock = lockWorkDir(given.workDir);
  // Git prints real paths; ours must compare equal to them.
  const workDir = realpathSync(given.workDir);
  const mark = openMark(workDir);
  const config: Config = { ...given, workDir, hostEnv: { ...given.hostEnv, [MARK]: markOf(mark, "git") } };
  const instance = randomUUID();
  let drained: Promise<void> | null = null;

  const callbacks = callbacksOf(config, log);
  const pidFiles = createPidFiles(pidsOf(config.workDir), mark, log);
  const repoMutex = createKeyedMutex();
  const freeBytes = (): number => space(config.workDir).free_bytes;
  const door = createAgentDoor({ log, proxyEnv: proxiesOf(config.hostEnv) });
  const agents = createAgents({ config, mark, callbacks, pidFiles, repoMutex, log, startAnswer_ms, freeBytes, door });
  const box = await boxFor(config, log);
  const setupMutex = createKeyedMutex();
  const checker = createChecker({ config, mark, box, setupMutex, freeBytes });
  const trains = createTrains({ config, callbacks, checker, log });
  const places = createPlaces({ config, agents, trains, repoMutex, space, log, now });
  const merges = createMerges({ config, callbacks, log });
  const tickets = createTickets();

  const health = createHealth({ agents, places, callbacks, config, instance, draining: () => drained !== null });

  const resumed = callbacks.resume();
  const lost = await agents.recover();
  if (resumed + lost > 0) log(`after a restart: ${resumed} callbacks to deliver, ${lost} dispatches reported as lost`);
  await removeUnfinished(config.workDir, log);
  await places.resume();

  const app = createApp({
    agents,
    merges,
    trains,
    handIns: createHandIns(config),
    capabilities: { inspect: true, ephemeral: config.ephemeral, trains: true, box: box.kind },
    places,
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
        leave();
        unlock();
      })),
    killAll: agents.killAll,
  };
}

async function boxFor({ box, workDir, hostEnv }: Config, log: Log): Promise<Box> {
  if (box === "none") return NO_BOX;
  const hidden = [workDir, hostEnv["HOME"] ?? ""].filter((dir) => path.isAbsolute(dir));
  const opened = await openBox({ path: hostEnv["PATH"] ?? "", hidden, secret: identityOf(workDir) });
  if (opened.why !== "") log(`checks run without a box: ${opened.why}`);
  return opened.box;
}

/** What a crash cut off: nothing in these folders is complete, or anybody's. */
async function removeUnfinished(workDir: string, log: Log): Promise<void> {
  await removeTree(gatesOf(workDir));
  const rigs = path.join(workDir, "rigs");
  makePrivateDir(rigs);
  for (const rigId of readdirSync(rigs)) {
    const { merges, scratch } = foldersOf(workDir, rigId);
    for (const folder of [merges, scratch]) await removeTree(folder);
  }
  // Where processes cannot be found by their mark, a git of the server before may still run; there a lock goes when it is too old.
  const locks = process.platform === "linux" ? removeLocks(workDir) : [];
  if (locks.length > 0) log(`${locks.length} lock files of a git that was killed are removed`);
}

const callbacksOf = ({ workDir, callbackMax_ms }: Config, log: Log): Callbacks =>
  createCallbacks({
    dir: path.join(workDir, "callbacks"),
    max_ms: callbackMax_ms,
    log,
    onTaken: (body) => isTold(workDir, body),
  });
