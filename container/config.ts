/** The control server's settings, read once from the environment. */
import path from "node:path";

export interface Config {
  readonly port: number;
  readonly host: string;
  /** Clones, worktrees, checkpoints, pid files and pending callbacks live here. */
  readonly workDir: string;
  /** Run with `sh -c` in the agent's worktree; null: every start is refused with agent_command_missing. */
  readonly agentCommand: string | null;
  /** Where the rig API is, unless a request's envVars say otherwise. */
  readonly apiUrl: string | null;
  /** When set, every route but /health asks for it. */
  readonly controlToken: string | null;
  readonly heartbeat_ms: number;
  readonly stopGrace_ms: number;
  readonly callbackMax_ms: number;
  /** The host's environment, of which agents see an allow-list only. */
  readonly hostEnv: Readonly<Record<string, string | undefined>>;
}

/** @throws Error naming the variable that cannot be used. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  return {
    port: integer(env, "PORT", 8080, 0, 65_535),
    host: env["HOST"] || "0.0.0.0",
    workDir: path.resolve(env["WORK_DIR"] || "/var/lib/ticktown"),
    agentCommand: env["AGENT_COMMAND"]?.trim() || null,
    apiUrl: env["GASTOWN_API_URL"] || null,
    controlToken: env["CONTROL_TOKEN"] || null,
    heartbeat_ms: integer(env, "HEARTBEAT_MS", 30_000, 10, 3_600_000),
    stopGrace_ms: integer(env, "STOP_GRACE_MS", 10_000, 0, 3_600_000),
    callbackMax_ms: integer(env, "CALLBACK_MAX_MS", 15 * 60_000, 0, 24 * 3_600_000),
    hostEnv: env,
  };
}

function integer(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  fallback: number,
  min: number,
  max: number,
): number {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new Error(`${name} is "${text}"; it must be an integer from ${min} to ${max}`);
  }
  return value;
}
