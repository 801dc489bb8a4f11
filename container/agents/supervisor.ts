/** One agent process from spawn to the moment when nothing of its group is left. Knows nothing of dispatches or rigs. */
import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { type Runner, give } from "../box/users.ts";
import { type Program, launch } from "../launcher/client.ts";
import { groupMembers, signalGroup, waitForGroupToGo } from "../processes/groups.ts";
import { MARK, killMarked, markUser, markedProcesses, signalEach, sweepMarked } from "../processes/marks.ts";
import { GROUP_POLL_MS, KILL_WAIT_MS, PIPE_CLOSE_MS, STDIN_PENDING_MAX_BYTES } from "../limits.ts";
import { type Line, createLineSplitter } from "./output.ts";
import type { Redact } from "../redact.ts";

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface AgentProcess {
  readonly pid: number;
  /** Resolves when the whole group is gone and its output was read to the end. */
  readonly gone: Promise<Exit>;
  /** Signals the group now and kills what is left of it after the grace. Repeating it does not extend the grace. */
  readonly stop: (signal: NodeJS.Signals, grace_ms: number) => void;
  /** Whether it has a stdin that anything can be said on. */
  readonly hasInput: boolean;
  /** One line to stdin. @returns false when the agent does not read and too much is waiting, or stdin is closed */
  readonly send: (line: string) => boolean;
  /** Nothing more is said to it: who reads its stdin finds the end. */
  readonly endInput: () => void;
}

export interface SpawnOptions {
  readonly command: string;
  /** The whole program, in place of `sh -c command`: as in a box. */
  readonly argv?: readonly string[];
  readonly cwd: string;
  readonly env: Record<string, string>;
  /** What its process and everything that it starts is known by: see processes/marks.ts. */
  readonly mark: string;
  readonly redact: Redact;
  /** Makes it a user of its own, to whom these folders and files are given meanwhile; without it, it is this server's. */
  readonly launcher?: Runner | null;
  /** false: its stdin is empty from the beginning. */
  readonly hasInput?: boolean;
  /** Without it nothing is cut into lines and redacted, which takes its time where there are millions. */
  readonly onLine?: (stream: "stdout" | "stderr", line: Line) => void;
  /** Only what it prints on stderr is cut into lines: its stdout is a protocol, which somebody else reads. */
  readonly linesOfStderr?: boolean;
  /** All that it prints, as it is. */
  readonly onBytes?: (chunk: Buffer, stream: "stdout" | "stderr") => void;
}

/** Agents that may be alive. Whatever ends this server but a SIGKILL ends them too, also one that was made in that very moment. */
const running = new Map<number, string>();
process.on("exit", () => {
  for (const [pid, mark] of running) {
    signalGroup(pid, "SIGKILL");
    killMarked(mark);
  }
});

function spawnHere(options: SpawnOptions, program: string, args: readonly string[]): Program {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...options.env, [MARK]: options.mark },
    detached: true, // Its own group, so that a stop reaches everything it starts, and a Ctrl-C on us does not.
    stdio: [options.hasInput === false ? "ignore" : "pipe", "pipe", "pipe"],
  });
  if (child.pid !== undefined) running.set(child.pid, options.mark);
  const exited = new Promise<Exit>((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  const started = new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  // Later errors (a failed kill, a closed pipe) are followed by an exit, which is what we wait for.
  child.on("error", () => {});
  const { stdin, stdout, stderr } = child;
  return { pid: () => child.pid, stdin, stdout, stderr, started, exited, uid: null, release: async () => {} };
}

/** In a box that drops to a user of its own. @throws Error when its folders cannot be given to it */
async function spawnDropping(
  options: SpawnOptions,
  { uid, owns }: Extract<Runner, { uid: number }>,
  [program = "", ...args]: readonly string[],
): Promise<Program> {
  // What cannot be taken back is taken back before it is used again.
  const back = (): Promise<void> => give(owns, 0).catch(() => {});
  await give(owns, uid);
  const made = spawnHere(options, program, args);
  await made.started.catch(async (error: unknown) => {
    await back();
    throw error;
  });
  return { ...made, release: back };
}

/** As a user of its own: what it starts is known by that, also where its environment cannot be read. */
async function spawnElsewhere(
  { cwd, env, mark, hasInput = true }: SpawnOptions,
  { socket, owns }: Extract<Runner, { socket: string }>,
  argv: readonly string[],
): Promise<Program> {
  const program = await launch(socket, argv, { cwd, env: { ...env, ...TRUSTING, [MARK]: mark }, owns, hasInput });
  const forget = program.uid === null ? () => {} : markUser(program.uid, mark);
  await program.started.catch(async (error: unknown) => {
    await program.release();
    forget();
    throw error;
  });
  return { ...program, release: () => program.release().finally(forget) };
}

/** The store that it fetches from is another user's. */
const TRUSTING = { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "safe.directory", GIT_CONFIG_VALUE_0: "*" };

async function spawned(options: SpawnOptions, argv: readonly string[]): Promise<Program> {
  const { launcher = null } = options;
  if (launcher !== null)
    return "uid" in launcher ? spawnDropping(options, launcher, argv) : spawnElsewhere(options, launcher, argv);
  const [program = "sh", ...args] = argv;
  return spawnHere(options, program, args);
}

/** @throws Error when the operating system cannot start the process */
export async function spawnAgent(options: SpawnOptions): Promise<AgentProcess> {
  const argv = options.argv ?? ["sh", "-c", options.command];
  const child = await spawned(options, argv);
  const output = readOutput(child, options);
  const { exited } = child;
  await child.started;
  child.stdin?.on("error", () => {});

  const pid = child.pid() as number;
  let killAt: number | null = null;
  let timer: NodeJS.Timeout | undefined;
  let over = false;

  async function untilGone(): Promise<Exit> {
    const exit = await exited;
    // The leader may be a shell that died of our SIGTERM while the agent below it saves its work: give that its grace.
    if (killAt !== null) await untilNothingIsLeft(pid, options.mark, killAt);
    clearTimeout(timer);
    signalGroup(pid, "SIGKILL");
    over = true;
    await waitForGroupToGo(pid, Date.now() + KILL_WAIT_MS);
    // What has made itself a session of its own is in no group of ours, and is the agent's all the same.
    await sweepMarked(options.mark, Date.now() + KILL_WAIT_MS);
    running.delete(pid);
    await child.release();
    await Promise.race([output, sleep(PIPE_CLOSE_MS, undefined, { ref: false })]);
    child.stdout?.destroy();
    child.stderr?.destroy();
    child.stdin?.destroy();
    return exit;
  }

  return {
    pid,
    gone: untilGone(),
    hasInput: child.stdin !== null,
    stop: (signal, grace_ms) => {
      if (over) return; // From here on the pid may belong to somebody else.
      // Found before anybody is told: what an agent starts to save its work, once it was told, is left alone.
      const marked = markedProcesses(options.mark);
      const members = new Set(groupMembers(pid));
      const outside = marked.filter((one) => !members.has(one));
      signalGroup(pid, signal);
      signalEach(outside, signal);
      if (killAt !== null) return;
      killAt = Date.now() + grace_ms;
      timer = setTimeout(() => signalGroup(pid, "SIGKILL"), grace_ms);
      if (grace_ms === 0) killMarked(options.mark);
    },
    send: (line) => {
      const stdin = child.stdin;
      if (!stdin?.writable || stdin.writableLength + line.length > STDIN_PENDING_MAX_BYTES) return false;
      stdin.write(`${line}\n`);
      return true;
    },
    endInput: () => void child.stdin?.end(),
  };
}

/**
 * Ends a program for somebody who waits for one grace, and wants what is to be said of it within that: it has half of it. A box that
 * is asked to end while it is being made may not hear it.
 */
export function interrupt(program: AgentProcess, signal: NodeJS.Signals, grace_ms: number): void {
  program.stop(signal, grace_ms / 2);
}

/** Those in the group and those that have left it, until the deadline (ms since epoch). */
async function untilNothingIsLeft(pid: number, mark: string, deadline: number): Promise<void> {
  while ((await waitForGroupToGo(pid, deadline)) && markedProcesses(mark).length > 0) {
    if (Date.now() >= deadline) return;
    await sleep(GROUP_POLL_MS);
  }
}

/** Resolves when both pipes are closed. */
function readOutput(
  child: Program,
  { redact, onLine, onBytes, linesOfStderr = false }: SpawnOptions,
): Promise<unknown> {
  return Promise.all(
    (["stdout", "stderr"] as const).map(
      (name) =>
        new Promise<void>((resolve) => {
          const isCut = onLine !== undefined && (name === "stderr" || !linesOfStderr);
          const splitter = isCut ? createLineSplitter(redact, (line) => onLine(name, line)) : undefined;
          if (onBytes !== undefined) child[name]?.on("data", (chunk: Buffer) => onBytes(chunk, name));
          if (splitter !== undefined) child[name]?.on("data", splitter.push);
          child[name]?.on("error", () => {});
          child[name]?.once("close", () => {
            splitter?.end();
            resolve();
          });
        }),
    ),
  );
}
