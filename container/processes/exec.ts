/** Runs one short-lived child in its own process group, with a deadline that takes the whole group. */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { GIT_STDERR_MAX_CHARS, GIT_STDOUT_MAX_BYTES } from "../limits.ts";
import { signalGroup } from "./groups.ts";

export interface ExecResult {
  /** null: it did not run, was killed, or took too long; `stderr` says which. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  readonly cwd: string;
  readonly env: Record<string, string>;
  readonly timeout_ms: number;
  /** Written to stdin, which is closed after it. */
  readonly input?: string;
  /** A file that takes what it prints, byte by byte. */
  readonly output?: string;
  /** Stops the child before its time. */
  readonly signal?: AbortSignal;
  /** A child that prints more is stopped. */
  readonly stdoutMax_bytes?: number;
  /** Takes what it prints as it comes, and nothing of it is kept; false: that is enough, and the child is stopped. */
  readonly onStdout?: (chunk: Buffer) => boolean;
}

/** One step of something that is made in several: a program that was started, one that ended, or a rename. */
export interface Step {
  readonly what: string;
  readonly phase: "begun" | "done";
  /** The process group of a program. */
  readonly pid?: number;
}

let watchStep: (step: Step) => void = () => {};

/** For tests that end this process after any step, to see what the next one makes of it. */
export function onStep(watch: (step: Step) => void): void {
  watchStep = watch;
}

/** Tells of a step that is not a program. */
export function noteStep(step: Step): void {
  watchStep(step);
}

/** What a result says of a child that printed more than it might. */
export const PRINTED_TOO_MUCH = "printed too much and was stopped";

/** Never rejects: a child that cannot be started is a result too. */
export function exec(command: string, args: readonly string[], options: ExecOptions): Promise<ExecResult> {
  const { stdoutMax_bytes = GIT_STDOUT_MAX_BYTES } = options;
  return new Promise((resolve) => {
    const output = options.output === undefined ? null : openSync(options.output, "w", 0o600);
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: [options.input === undefined ? "ignore" : "pipe", output ?? "pipe", "pipe"],
    });
    if (output !== null) closeSync(output); // The child has its own.
    const what = `${command} ${args.join(" ")}`;
    if (child.pid !== undefined) watchStep({ what, phase: "begun", pid: child.pid });
    child.stdin?.on("error", () => {}); // It ended without reading; its exit says why.
    child.stdin?.end(options.input);
    const stdout: Buffer[] = [];
    let stdoutBytes = 0;
    let stderr = "";
    let note = "";
    const kill = (why: string): void => {
      note = why;
      if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
    };
    options.signal?.addEventListener("abort", () => kill("was stopped"), { once: true });
    const timer = setTimeout(
      () => kill(`took longer than ${options.timeout_ms / 1000} s and was stopped`),
      options.timeout_ms,
    );
    const { onStdout } = options;
    child.stdout?.on("data", (chunk: Buffer) => {
      if (onStdout !== undefined) return note === "" && !onStdout(chunk) ? kill("printed enough") : undefined;
      stdoutBytes += chunk.length;
      if (stdoutBytes > stdoutMax_bytes) kill(PRINTED_TOO_MUCH);
      else stdout.push(chunk);
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr = (stderr + chunk.toString("utf8")).slice(-GIT_STDERR_MAX_CHARS);
    });
    child.on("error", (error) => {
      clearTimeout(timer);
      resolve({ code: null, stdout: "", stderr: error.message });
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      watchStep({ what, phase: "done" });
      resolve({
        code: note ? null : code,
        stdout: Buffer.concat(stdout).toString("utf8"),
        stderr: note ? `${stderr}${note}` : stderr,
      });
    });
  });
}
