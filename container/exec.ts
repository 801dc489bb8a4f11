/** Runs one short-lived child in its own process group, with a deadline that takes the whole group. */
import { spawn } from "node:child_process";
import { GIT_STDERR_MAX_CHARS, GIT_STDOUT_MAX_BYTES } from "./limits.ts";
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
}

/** Never rejects: a child that cannot be started is a result too. */
export function exec(command: string, args: readonly string[], options: ExecOptions): Promise<ExecResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const stdout: Buffer[] = [];
    let stdoutBytes = 0;
    let stderr = "";
    let note = "";
    const kill = (why: string): void => {
      note = why;
      if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
    };
    const timer = setTimeout(
      () => kill(`took longer than ${options.timeout_ms / 1000} s and was stopped`),
      options.timeout_ms,
    );
    child.stdout.on("data", (chunk: Buffer) => {
      stdoutBytes += chunk.length;
      if (stdoutBytes > GIT_STDOUT_MAX_BYTES) kill("printed too much and was stopped");
      else stdout.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr = (stderr + chunk.toString("utf8")).slice(-GIT_STDERR_MAX_CHARS);
    });
    child.on("error", (error) => {
      clearTimeout(timer);
      resolve({ code: null, stdout: "", stderr: error.message });
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({
        code: note ? null : code,
        stdout: Buffer.concat(stdout).toString("utf8"),
        stderr: note ? `${stderr}${note}` : stderr,
      });
    });
  });
}
