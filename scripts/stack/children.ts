/** Programs that Ticktown starts: each one leads a process group of its own, which ends as a whole. */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { readJsonDir, removeFile, writePrivateJson } from "../../container/files.ts";
import { groupMembers, hasEnvironment, signalGroup, startTimeOf, waitForGroupToGo } from "../../container/groups.ts";
import { type LogFile, openLogFile } from "./log-file.ts";
import type { State } from "./state.ts";

export interface Child {
  readonly pid: number;
  readonly log: LogFile;
  /** How it ended, in words. */
  readonly exited: Promise<string>;
  /** Asks it to end, kills what is left of its group after the grace, and returns when nothing is. */
  readonly stop: (options: { readonly grace_ms: number; readonly ask: "leader" | "group" }) => Promise<void>;
}

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onLine?: (line: string) => void;
  /** What must end with it and is not in its group. */
  readonly alsoKill?: () => void;
}

/** How long a group may take to disappear after SIGKILL. */
const KILL_WAIT_MS = 5_000;
/** In the environment of everything that was started for a state folder, to recognise it by. */
const MARKER = "TICKTOWN_STATE";

/** What ends with this process, however that ends. */
const onExit = new Set<() => void>();
process.on("exit", () => {
  for (const kill of onExit) kill();
});

/** Starts a program and writes down that it is ours. */
export async function startChild(state: State, options: ChildOptions): Promise<Child> {
  const { name, alsoKill } = options;
  const record = path.join(state.run, `${name}.json`);
  const log = openLogFile(path.join(state.logs, `${name}.log`));
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: { ...options.env, [MARKER]: state.dir },
    detached: true, // A group of its own: Ctrl-C reaches only us, and we end the others in order.
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("exit", (code, signal) => resolve(signal === null ? `exited with ${code}` : `was ended by ${signal}`));
  });
  collect(child, log, options.onLine);

  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} ${await ended}`);
  writePrivateJson(record, { pid, startTime: startTimeOf(pid) });
  const killNow = (): void => {
    signalGroup(pid, "SIGKILL");
    alsoKill?.();
  };
  onExit.add(killNow);

  async function sweep(): Promise<void> {
    killNow();
    await waitForGroupToGo(pid as number, Date.now() + KILL_WAIT_MS);
    onExit.delete(killNow);
    removeFile(record);
  }
  // Its children must not outlive it: a restart would find their ports and locks taken.
  const exited = ended.then(async (how) => {
    await sweep();
    return how;
  });

  return {
    pid,
    log,
    exited,
    stop: async ({ grace_ms, ask }) => {
      if (ask === "group") signalGroup(pid, "SIGTERM");
      else child.kill("SIGTERM");
      const timer = setTimeout(killNow, grace_ms);
      await exited;
      clearTimeout(timer);
      log.close();
    },
  };
}

function collect(child: ChildProcess, log: LogFile, onLine: ((line: string) => void) | undefined): void {
  let rest = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    log.write(chunk);
    if (onLine === undefined) return;
    const lines = `${rest}${chunk.toString("utf8")}`.split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(onLine);
  });
  child.stderr?.on("data", log.write);
}

/** Ends what an earlier Ticktown on this state folder left running because it was killed without a chance to. */
export async function endLeftovers(state: State): Promise<void> {
  for (const { file, value } of readJsonDir(state.run, removeFile)) {
    const { pid, startTime } = value as { pid?: unknown; startTime?: unknown };
    if (typeof pid !== "number") continue;
    // Never a process that merely got the same number: the leader is known by its start, its children by their environment.
    const isLeader = typeof startTime === "string" && startTimeOf(pid) === startTime;
    if (isLeader || groupMembers(pid).some((member) => hasEnvironment(member, `${MARKER}=${state.dir}`))) {
      signalGroup(pid, "SIGKILL");
      await waitForGroupToGo(pid, Date.now() + KILL_WAIT_MS);
    }
    removeFile(file);
  }
}
