/** Programs that Ticktown starts: each one leads a process group of its own, which ends as a whole. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import path from "node:path";
import { readJsonDir, removeFile, writePrivateJson } from "../../container/files.ts";
import {
  groupMembers,
  hasEnvironment,
  signalGroup,
  startTimeOf,
  waitForGroupToGo,
} from "../../container/processes/groups.ts";
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
  /** Whatever it writes is for its owner alone. Not for what writes into repositories: those files are somebody's. */
  readonly isPrivate?: true;
  /** What must end with it and is not in its group. */
  readonly alsoKill?: () => void;
}

/** How long a group may take to disappear after SIGKILL. */
const KILL_WAIT_MS = 5_000;
/** In the environment of everything that was started for a state folder, to recognise it by: where, and which start. */
const MARKER = "TICKTOWN_STATE";
const NONCE = "TICKTOWN_START";
const PRIVATE_UMASK = 0o077;
const ON_LINUX = process.platform === "linux";

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
  const nonce = randomUUID();
  const start = () =>
    spawn(options.command, options.args, {
      cwd: options.cwd,
      env: { ...options.env, [MARKER]: state.dir, [NONCE]: nonce },
      detached: true, // A group of its own: Ctrl-C reaches only us, and we end the others in order.
      stdio: ["ignore", "pipe", "pipe"],
    });
  const child = options.isPrivate === true ? withPrivateUmask(start) : start();
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("exit", (code, signal) => resolve(signal === null ? `exited with ${code}` : `was ended by ${signal}`));
  });
  collect(child, log, options.onLine);

  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} ${await ended}`);
  const written: ProcessRecord = { pid, startTime: startTimeOf(pid), folder: state.folder, nonce };
  writePrivateJson(record, written);
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

/** A child has the umask that its parent has in this moment. */
function withPrivateUmask<T>(start: () => T): T {
  const before = process.umask(PRIVATE_UMASK);
  try {
    return start();
  } finally {
    process.umask(before);
  }
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

/** In `run/`; what another version wrote may lack the last two. */
interface ProcessRecord {
  readonly pid: number;
  readonly startTime: string | null;
  readonly folder?: string;
  readonly nonce?: string;
}

/** Ends what an earlier Ticktown on this state folder left running because it was killed without a chance to. */
export async function endLeftovers(state: State): Promise<void> {
  for (const { file, value } of readJsonDir(state.run, removeFile)) {
    const record = value as Partial<ProcessRecord>;
    if (typeof record.pid !== "number") continue;
    if (isOurs(record as ProcessRecord, state)) {
      signalGroup(record.pid, "SIGKILL");
      await waitForGroupToGo(record.pid, Date.now() + KILL_WAIT_MS);
    }
    removeFile(file);
  }
}

/**
 * Whether the group is one that was started for this very folder. Never a process that merely got the same number, and never
 * one of the folder that this is a copy of: the record must have been written here, and who it is about must say so itself.
 */
function isOurs({ pid, startTime, folder, nonce }: ProcessRecord, state: State): boolean {
  if (folder !== undefined && folder !== state.folder) return false;
  const mark = nonce === undefined ? `${MARKER}=${state.dir}` : `${NONCE}=${nonce}`;
  if (groupMembers(pid).some((member) => hasEnvironment(member, mark))) return true;
  return !ON_LINUX && startTime !== null && startTimeOf(pid) === startTime;
}
