/** The control server on this machine, started again whenever it ends by itself. */
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readJsonDir } from "../../container/files.ts";
import { signalGroup, startTimeOf } from "../../container/groups.ts";
import { type Child, startChild } from "./children.ts";
import { StackError } from "./errors.ts";
import { PROJECT } from "./project.ts";
import { LOOPBACK } from "./ports.ts";
import type { State } from "./state.ts";

export interface Control {
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
const RESTART_BASE_MS = 500;
const RESTART_MAX_MS = 30_000;
/** One that ran for so long did not fail to start. */
const STEADY_MS = 60_000;

export async function startControl(state: State, options: ControlOptions): Promise<Control> {
  let stopping = false;
  let child: Child;
  const giveUpWaiting = new AbortController();

  const first = await launch(state, options, 0);
  child = first.child;
  const { url } = first;
  const supervision = supervise();

  async function supervise(): Promise<void> {
    for (let failures = 0; ; failures++) {
      const since = Date.now();
      const how = await child.exited;
      if (stopping) return;
      if (Date.now() - since > STEADY_MS) failures = 0;
      const pause_ms = Math.min(RESTART_MAX_MS, RESTART_BASE_MS * 2 ** failures);
      options.say(`the control server ${how}; starting it again in ${pause_ms} ms (its log: ${child.log.path})`);
      await sleep(pause_ms, undefined, { signal: giveUpWaiting.signal }).catch(() => {});
      if (stopping) return;
      try {
        ({ child } = await launch(state, options, Number(new URL(url).port)));
        if (stopping) return child.stop({ grace_ms: DRAIN_ALONE_MS, ask: "leader" });
      } catch (error) {
        options.say(error instanceof Error ? error.message : String(error));
      }
    }
  }

  return {
    url,
    pid: () => child.pid,
    stop: async ({ withRig } = { withRig: true }) => {
      stopping = true;
      giveUpWaiting.abort();
      await child.stop({ grace_ms: withRig ? DRAIN_MS : DRAIN_ALONE_MS, ask: "leader" });
      await supervision;
    },
  };
}

async function launch(state: State, { agentCommand, apiUrl, environment }: ControlOptions, port: number): Promise<{ child: Child; url: string }> {
  let announced: (url: string) => void = () => {};
  const ready = new Promise<string>((resolve) => {
    announced = resolve;
  });
  const child = await startChild(state, {
    name: "control",
    command: process.execPath,
    args: [path.join(PROJECT, "container", "main.ts")],
    cwd: PROJECT,
    env: {
      ...environment,
      HOST: LOOPBACK,
      PORT: String(port),
      WORK_DIR: state.container,
      CONTROL_TOKEN: state.secrets.CONTROL_TOKEN,
      AGENT_COMMAND: agentCommand,
      GASTOWN_API_URL: apiUrl,
    },
    onLine: (line) => {
      const url = /^control ready (http:\S+)$/.exec(line)?.[1];
      if (url !== undefined) announced(url);
    },
    alsoKill: () => killAgents(state.container),
  });
  const outcome = await Promise.race([
    ready.then((url) => ({ url })),
    child.exited.then((how) => ({ how })),
    sleep(READY_MS, { how: `was not ready within ${READY_MS} ms` }, { ref: false }),
  ]);
  if ("url" in outcome) return { child, url: outcome.url };
  await child.stop({ grace_ms: 0, ask: "leader" });
  throw new StackError(`the control server ${outcome.how}. The end of ${child.log.path}:\n${child.log.tail(20)}`);
}

/** Agents lead groups of their own, which a killed control server cannot end any more. The next one reports them as lost. */
export function killAgents(workDir: string): void {
  for (const { pid } of agentProcesses(workDir)) signalGroup(pid, "SIGKILL");
}

/** The agent processes that run now, from the files in which the control server records them. */
export function agentProcesses(workDir: string): { agentId: string; pid: number }[] {
  return readJsonDir(path.join(workDir, "pids"), () => {}).flatMap(({ value }) => {
    const { agentId, pid, startTime } = value as { agentId?: unknown; pid?: unknown; startTime?: unknown };
    const isAlive = typeof pid === "number" && typeof startTime === "string" && startTimeOf(pid) === startTime;
    return isAlive && typeof agentId === "string" ? [{ agentId, pid }] : [];
  });
}
