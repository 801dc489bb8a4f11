/** The control server on this machine, started again whenever it ends by itself. */
import { request } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { readJsonDir } from "../../container/files.ts";
import { openControlSocket } from "../../container/http/socket.ts";
import { isOurs, pidsOf, ProcessRecord } from "../../container/processes/pidfiles.ts";
import { killAllOf, readMark } from "../../container/processes/marks.ts";
import { Health } from "../../src/wire/container.ts";
import { signalGroup, startTimeOf } from "../../container/processes/groups.ts";
import { type Child, startChild } from "./children.ts";
import { StackError } from "./errors.ts";
import { PROJECT, programFile } from "./project.ts";
import type { State } from "./state.ts";
import { supervise } from "./supervise.ts";

export interface Control {
  /** `unix:/path/of/the.sock`. */
  readonly url: string;
  readonly pid: () => number;
  /** Hands running work back to the rig, if it is there to take it, and ends. */
  readonly stop: (options?: { readonly withRig: boolean }) => Promise<void>;
}

export interface ControlOptions {
  readonly agentCommand: string;
  readonly apiUrl: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly say: (line: string) => void;
}

const READY_MS = 30_000;
/** The control server's own grace for its agents and its reports, and a little more. */
const DRAIN_MS = 25_000;
/** Without a rig to report to, waiting for its answers is in vain: agents get this long to save their files. */
const DRAIN_ALONE_MS = 3_000;

export async function startControl(state: State, options: ControlOptions): Promise<Control> {
  const socket = openControlSocket(state.dir, options.environment);
  if (socket.note !== null) options.say(socket.note);
  const url = `unix:${socket.path}`;
  const supervised = supervise({
    name: "the control server",
    first: await launch(state, options, url).catch((error: unknown) => {
      socket.leave();
      throw error;
    }),
    launch: () => launch(state, options, url),
    // The rig goes on without it, and it may come up once what keeps it down is mended.
    most_failures: Infinity,
    say: options.say,
  });
  const { box } = await healthOf(socket.path);
  if (box !== undefined) options.say(box);
  return {
    url,
    pid: () => supervised.child().pid,
    stop: async ({ withRig } = { withRig: true }) => {
      await supervised.stop({ grace_ms: withRig ? DRAIN_MS : DRAIN_ALONE_MS, ask: "leader" });
      socket.leave();
    },
  };
}

function healthOf(socketPath: string): Promise<Health> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: "/health" }, (answer) => {
      json(answer).then((value) => resolve(Health.parse(value)), reject);
    });
    asked.once("error", reject).end();
  });
}

async function launch(
  state: State,
  { agentCommand, apiUrl, environment }: ControlOptions,
  url: string,
): Promise<Child> {
  let announced: () => void = () => {};
  const ready = new Promise<void>((resolve) => {
    announced = resolve;
  });
  const child = await startChild(state, {
    name: "control",
    command: process.execPath,
    args: [programFile("container/main")],
    cwd: PROJECT,
    env: {
      ...environment,
      LISTEN_SOCKET: url.slice("unix:".length),
      WORK_DIR: state.container,
      STATE_DIR: state.dir,
      CONTROL_TOKEN: state.secrets.CONTROL_TOKEN,
      AGENT_COMMAND: agentCommand,
      GASTOWN_API_URL: apiUrl,
    },
    onLine: (line) => {
      if (line === `control ready ${url}`) announced();
    },
    alsoKill: () => killAgents(state.container),
  });
  const outcome = await Promise.race([
    ready.then(() => null),
    child.exited,
    sleep(READY_MS, `was not ready within ${READY_MS} ms`, { ref: false }),
  ]);
  if (outcome === null) return child;
  await child.stop({ grace_ms: 0, ask: "leader" });
  throw new StackError(`the control server ${outcome}. The end of ${child.log.path}:\n${child.log.tail(20)}`);
}

/** Agents lead groups of their own, which a killed control server cannot end any more. The next one reports them as lost. */
export function killAgents(workDir: string): void {
  for (const { pid } of agentProcesses(workDir)) signalGroup(pid, "SIGKILL");
  // Also one that was being started in that very moment, and what has left its process group.
  killAllOf(workDir);
}

/** The agent processes that run now, from the files in which the control server records them. */
export function agentProcesses(workDir: string): { agentId: string; pid: number }[] {
  const [mark, dir] = [readMark(workDir), pidsOf(workDir)];
  return readJsonDir(dir, () => {}).flatMap(({ value }) => {
    const record = ProcessRecord.safeParse(value).data;
    // Not one of the folder that this one is a copy of.
    if (record === undefined || !isOurs(record, mark, dir)) return [];
    const { agentId, pid, startTime } = record;
    return startTime !== null && startTimeOf(pid) === startTime ? [{ agentId, pid }] : [];
  });
}
