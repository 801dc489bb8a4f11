/** One agent process from spawn to the moment when nothing of its group is left. Knows nothing of dispatches or rigs. */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { signalGroup, waitForGroupToGo } from "./groups.ts";
import { KILL_WAIT_MS, PIPE_CLOSE_MS, STDIN_PENDING_MAX_BYTES } from "./limits.ts";
import { type Line, createLineSplitter } from "./output.ts";
import type { Redact } from "./redact.ts";

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
  /** One line to stdin. @returns false when the agent does not read and too much is waiting, or stdin is closed */
  readonly send: (line: string) => boolean;
}

export interface SpawnOptions {
  readonly command: string;
  readonly cwd: string;
  readonly env: Record<string, string>;
  readonly redact: Redact;
  readonly onLine: (stream: "stdout" | "stderr", line: Line) => void;
}

/** Groups that may be alive. Whatever ends this server but a SIGKILL ends them too, also one that was made in that very moment. */
const running = new Set<number>();
process.on("exit", () => {
  for (const pid of running) signalGroup(pid, "SIGKILL");
});

/** @throws Error when the operating system cannot start the process */
export async function spawnAgent(options: SpawnOptions): Promise<AgentProcess> {
  const child = spawn("sh", ["-c", options.command], {
    cwd: options.cwd,
    env: options.env,
    detached: true, // Its own group, so that a stop reaches everything it starts, and a Ctrl-C on us does not.
    stdio: ["pipe", "pipe", "pipe"],
  });
  if (child.pid !== undefined) running.add(child.pid);
  const output = readOutput(child, options);
  const exited = new Promise<Exit>((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  // Later errors (a failed kill, a closed pipe) are followed by an exit, which is what we wait for.
  child.on("error", () => {});
  child.stdin?.on("error", () => {});

  const pid = child.pid as number;
  let killAt: number | null = null;
  let timer: NodeJS.Timeout | undefined;
  let over = false;

  async function untilGone(): Promise<Exit> {
    const exit = await exited;
    // The leader may be a shell that died of our SIGTERM while the agent below it saves its work: give that its grace.
    if (killAt !== null) await waitForGroupToGo(pid, killAt);
    clearTimeout(timer);
    signalGroup(pid, "SIGKILL");
    over = true;
    running.delete(pid);
    await waitForGroupToGo(pid, Date.now() + KILL_WAIT_MS);
    await Promise.race([output, sleep(PIPE_CLOSE_MS, undefined, { ref: false })]);
    child.stdout?.destroy();
    child.stderr?.destroy();
    child.stdin?.destroy();
    return exit;
  }

  return {
    pid,
    gone: untilGone(),
    stop: (signal, grace_ms) => {
      if (over) return; // From here on the pid may belong to somebody else.
      signalGroup(pid, signal);
      if (killAt !== null) return;
      killAt = Date.now() + grace_ms;
      timer = setTimeout(() => signalGroup(pid, "SIGKILL"), grace_ms);
    },
    send: (line) => {
      const stdin = child.stdin;
      if (!stdin?.writable || stdin.writableLength + line.length > STDIN_PENDING_MAX_BYTES) return false;
      stdin.write(`${line}\n`);
      return true;
    },
  };
}

/** Resolves when both pipes are closed. */
function readOutput(child: ChildProcess, { redact, onLine }: SpawnOptions): Promise<unknown> {
  return Promise.all(
    (["stdout", "stderr"] as const).map(
      (name) =>
        new Promise<void>((resolve) => {
          const splitter = createLineSplitter(redact, (line) => onLine(name, line));
          child[name]?.on("data", splitter.push);
          child[name]?.on("error", () => {});
          child[name]?.once("close", () => {
            splitter.end();
            resolve();
          });
        }),
    ),
  );
}
