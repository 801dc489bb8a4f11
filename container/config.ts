/** The control server's settings, read once from the environment. */
import path from "node:path";
import { checkSocketPath } from "./http/socket.ts";
import {
  AGENT_DISK_FILES_MAX,
  AGENT_DISK_MAX_BYTES,
  AGENT_FILES_MAX,
  AGENT_PIDS_MAX,
  MIN_FREE_BYTES,
  START_FETCH_PATIENCE_MS,
} from "./limits.ts";

export interface Config {
  readonly port: number;
  readonly host: string;
  /** The absolute path of a unix socket to listen on instead of host and port. */
  readonly socket: string | null;
  /** Clones, clones, checkpoints, pid files and pending callbacks live here. */
  readonly workDir: string;
  /** Run with `sh -c` in the agent's clone; null: a start that names no coding agent is refused with agent_command_missing. */
  readonly agentCommand: string | null;
  /** The coding agent that runs where a start names none: a preset's name, or `acp:` and a command. null: `agentCommand` does. */
  readonly agentRuntime: string | null;
  /** Whether a coding agent asks a person before it does something that it would ask its user for. */
  readonly agentAsks: boolean;
  /** What an agent hears of messages: lines on its stdin, or nothing, since many a command reads an open stdin to its end first. */
  readonly agentInput: "messages" | "none";
  /** Who says done: the agent itself, or this server for it when its command ends with 0 and nobody has said it. */
  readonly handsIn: "itself" | "at_exit";
  /** Names of the host's environment that agents see beside the allow-list, such as that of a key for their model. */
  readonly agentPass: readonly string[];
  /** Where the rig API is, unless a request's envVars say otherwise. */
  readonly apiUrl: string | null;
  /** Every route but /health asks for it; null only on a socket. */
  readonly controlToken: string | null;
  readonly heartbeat_ms: number;
  readonly stopGrace_ms: number;
  readonly callbackMax_ms: number;
  /** How long a start waits for the remote when there is a store already. */
  readonly startFetchPatience_ms: number;
  /** WORK_DIR does not outlive this container: what must last is pushed to the remote. */
  readonly ephemeral: boolean;
  /** With less free disk nothing is started. */
  readonly minFree_bytes: number;
  /** Whether checks are kept away from the rest of this machine: with bubblewrap where it works, or not at all. */
  readonly box: "auto" | "none";
  /** The same for agents; `bwrap`: this server does not start where it does not work. */
  readonly agentBox: "none" | "auto" | "bwrap";
  /** Where somebody listens who starts agents as users of their own (container/launcher); null: they are this server's user. */
  readonly launcher: string | null;
  /** What an agent in a box reaches: all that this machine does, or Ticktown's API and the agents' door alone. */
  readonly agentNetwork: "open" | "gateway";
  /** Whether boxes are control groups too, where this server may make some. */
  readonly agentCgroups: "auto" | "none";
  /** What one agent in a box may have at most; 0: as much as there is. Of memory null: most of the machine's. */
  readonly agentMemory_bytes: number | null;
  readonly agentPids: number;
  readonly agentFiles: number;
  readonly agentDisk_bytes: number;
  readonly agentDisk_files: number;
  /** Folders and files that are seen in a box beside the system's, such as toolchains in somebody's home. Absolute paths. */
  readonly boxVisible: readonly string[];
  /** STATE_DIR: where the stack keeps what is nobody's to see, its secrets among it; null: there is none beside the work folder. */
  readonly stateDir: string | null;
  /** How git reads what an agent wrote, where there is a box: seeing that and nothing else. Set at the server's start. */
  readonly reading: ((seen: Seen, argv: readonly string[]) => readonly string[]) | null;
  /** The host's environment, of which agents see an allow-list only. */
  readonly hostEnv: Readonly<Record<string, string | undefined>>;
}

/** What a program sees that reads what an agent wrote. */
export interface Seen {
  readonly readable: readonly string[];
  readonly writable?: readonly string[];
  /** Where it begins. */
  readonly cwd?: string;
}

/** @throws Error naming the variable that cannot be used. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  // A socket is kept by its folder; a port is reached by whoever is near it.
  if (!env["CONTROL_TOKEN"] && !env["LISTEN_SOCKET"]) {
    throw new Error(
      "CONTROL_TOKEN is not set, so whoever reaches the port could run programs here: nothing listens now. " +
        "Set it to a long random text and give the same one to the Worker, or listen on a socket (LISTEN_SOCKET)",
    );
  }
  return {
    port: integer(env, "PORT", 8080, 0, 65_535),
    host: env["HOST"] || "0.0.0.0",
    socket: socketPath(env["LISTEN_SOCKET"]),
    workDir: path.resolve(env["WORK_DIR"] || "/var/lib/ticktown"),
    agentCommand: env["AGENT_COMMAND"]?.trim() || null,
    agentRuntime: env["AGENT_RUNTIME"]?.trim() || null,
    agentAsks: env["AGENT_ASKS"] === "true",
    agentInput: oneOf(env, "AGENT_INPUT", ["messages", "none"]),
    handsIn: oneOf(env, "AGENT_HANDS_IN", ["itself", "at_exit"]),
    agentPass: (env["AGENT_PASS"] ?? "").split(",").flatMap((name) => name.trim() || []),
    apiUrl: env["GASTOWN_API_URL"] || null,
    controlToken: env["CONTROL_TOKEN"] || null,
    heartbeat_ms: integer(env, "HEARTBEAT_MS", 30_000, 10, 3_600_000),
    stopGrace_ms: integer(env, "STOP_GRACE_MS", 10_000, 0, 3_600_000),
    callbackMax_ms: integer(env, "CALLBACK_MAX_MS", 15 * 60_000, 0, 24 * 3_600_000),
    startFetchPatience_ms: integer(env, "START_FETCH_PATIENCE_MS", START_FETCH_PATIENCE_MS, 0, 3_600_000),
    ephemeral: env["EPHEMERAL_DISK"] === "true",
    minFree_bytes: bytes(env, "MIN_FREE_BYTES", MIN_FREE_BYTES),
    box: oneOf(env, "BOX", ["auto", "none"]),
    agentBox: oneOf(env, "AGENT_BOX", ["none", "auto", "bwrap"]),
    launcher: env["LAUNCHER_SOCKET"] || null,
    agentNetwork: oneOf(env, "AGENT_BOX_NETWORK", ["open", "gateway"]),
    agentCgroups: oneOf(env, "AGENT_CGROUPS", ["auto", "none"]),
    agentMemory_bytes: env["AGENT_MEMORY_BYTES"] ? bytes(env, "AGENT_MEMORY_BYTES", 0) : null,
    agentPids: integer(env, "AGENT_PIDS", AGENT_PIDS_MAX, 0, 4_000_000),
    agentFiles: integer(env, "AGENT_OPEN_FILES", AGENT_FILES_MAX, 0, 1_000_000_000),
    agentDisk_bytes: bytes(env, "AGENT_DISK_BYTES", AGENT_DISK_MAX_BYTES),
    agentDisk_files: integer(env, "AGENT_DISK_FILES", AGENT_DISK_FILES_MAX, 0, 1_000_000_000),
    stateDir: env["STATE_DIR"] ? path.resolve(env["STATE_DIR"]) : null,
    boxVisible: (env["BOX_VISIBLE"] ?? "").split(path.delimiter).filter((file) => path.isAbsolute(file)),
    reading: null,
    hostEnv: env,
  };
}

/** @returns the first where nothing is set */
function oneOf<const T extends string>(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  words: readonly [T, ...T[]],
): T {
  const text = env[name] || words[0];
  const word = words.find((one) => one === text);
  if (word === undefined) throw new Error(`${name} is "${text}"; it must be ${words.join(" or ")}`);
  return word;
}

function socketPath(file: string | undefined): string | null {
  if (file === undefined || file === "") return null;
  checkSocketPath(file);
  return file;
}

const bytes = (env: Readonly<Record<string, string | undefined>>, name: string, fallback: number): number =>
  integer(env, name, fallback, 0, Number.MAX_SAFE_INTEGER);

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
