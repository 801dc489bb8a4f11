/** What the end-to-end tests share: temporary folders, programs, and a look at which processes exist. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeEach } from "vitest";
import { PROJECT } from "../../scripts/stack/project.ts";

export function temporaryDir(): string {
  return realpathSync(mkdtempSync(path.join(tmpdir(), "ticktown-e2e-")));
}

/** A folder of its own for each try of each test of a file, gone at its end: a test that is tried again finds nothing of its first try. */
export function eachTry(use: (dir: string) => void): void {
  const made: string[] = [];
  beforeEach(() => {
    made.push(temporaryDir());
    use(made.at(-1) ?? "");
  });
  afterAll(() => made.forEach((dir) => rmSync(dir, { recursive: true, force: true })));
}

/** The operator's token of the Ticktown on a state folder. */
export function tokenIn(state: string): string {
  return readFileSync(path.join(state, "operator-token"), "utf8").trim();
}

/** @throws Error with `what` when it does not become true in time */
export async function until<T>(what: string, look: () => T | Promise<T>, timeout_ms = 60_000): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeout_ms;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() >= deadline) throw new Error(`not within ${timeout_ms} ms: ${what}`);
    await sleep(100);
  }
}

export interface Program {
  readonly process: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The exit code, or the signal. */
  readonly exited: Promise<number | NodeJS.Signals | null>;
}

/** Runs a script of the project as `npm run` would. */
export function run(script: string, args: readonly string[], env: Record<string, string> = {}): Program {
  return runCommand(process.execPath, [path.join(PROJECT, "scripts", script), ...args], env);
}

/** The command line, as it is typed in the project's folder. */
export const ticktown = (args: readonly string[], env: Record<string, string> = {}): Program =>
  runCommand(process.execPath, [path.join(PROJECT, "cli", "ticktown.ts"), ...args], env);

/** What a test that failed left running ends with the test's process, in its own order. */
const running = new Set<ChildProcess>();
process.once("exit", () => running.forEach((child) => child.kill("SIGTERM")));

export function runCommand(command: string, args: readonly string[], env: Record<string, string> = {}): Program {
  const child = spawn(command, args, {
    cwd: PROJECT,
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.once("close", () => running.delete(child));
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    exited: new Promise((resolve) => child.once("close", (code, signal) => resolve(code ?? signal))),
  };
}

/** A first start also builds the pages and the Worker. */
const READY_MS = 100_000;

/** Waits until `npm start` answers; fails at once when it ends instead. @returns its URL */
export async function ready(program: Program): Promise<string> {
  const ended = program.exited.then((code) => {
    throw new Error(`npm start ended with ${code}: ${program.stderr()}`);
  });
  ended.catch(() => {});
  return Promise.race([
    until("a ready line", () => /^ready (http:\S+)$/m.exec(program.stdout())?.[1], READY_MS),
    ended,
  ]);
}

export interface RunningProcess {
  readonly pid: number;
  readonly command: string;
}

/** Processes that have to do with the folder: by their command line, their environment or where they are. Linux only. */
export function processesIn(dir: string): RunningProcess[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      const environment = readFileSync(`/proc/${name}/environ`, "utf8");
      // A zombie has no command line any more.
      const isRelated =
        command !== "" && [command, environment, readlinkSync(`/proc/${name}/cwd`)].some((text) => text.includes(dir));
      return isRelated ? [{ pid: Number(name), command }] : [];
    } catch {
      return []; // It ended while we looked.
    }
  });
}

/** Nothing may be left; what was killed a moment ago gets that moment. */
export async function nothingLeftIn(dir: string): Promise<RunningProcess[]> {
  await until("no processes are left", () => processesIn(dir).length === 0, 2_000).catch(() => {});
  return processesIn(dir);
}
