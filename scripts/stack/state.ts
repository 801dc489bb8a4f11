/** The state folder: everything that a Ticktown on this machine keeps, readable by its owner only. */
import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { makePrivateDir, removeFile, writePrivateJson } from "../../container/files.ts";
import { startTimeOf } from "../../container/groups.ts";
import { StackError } from "./errors.ts";

export interface State {
  readonly dir: string;
  /** The Worker's storage. */
  readonly worker: string;
  /** The control server's WORK_DIR. */
  readonly container: string;
  readonly logs: string;
  /** Which processes are ours. */
  readonly run: string;
  readonly secrets: Secrets;
  /** Writes the Worker's variables where only its owner can read them. @returns the file */
  readonly writeWorkerEnv: (variables: Readonly<Record<string, string>>) => string;
  /** Gives the folder up to the next one. */
  readonly unlock: () => void;
}

/** Made once and kept: tokens of running agents must stay valid over a restart. */
export interface Secrets {
  readonly GASTOWN_JWT_SECRET: string;
  readonly TICKTOWN_OPERATOR_TOKEN: string;
  readonly CONTROL_TOKEN: string;
}

const SECRET_BYTES = 32;
const PRIVATE_FILE = 0o600;
const PRIVATE_DIR = 0o700;

/** @throws StackError when another Ticktown that is alive uses the folder, or it cannot be used */
export function openState(dir: string): State {
  const inside = (name: string): string => path.join(dir, name);
  try {
    for (const folder of [dir, inside("worker"), inside("container"), inside("logs"), inside("run")]) makePrivateDir(folder);
    chmodSync(dir, PRIVATE_DIR);
  } catch (error) {
    throw new StackError(`the state folder ${dir} cannot be used: ${error instanceof Error ? error.message : String(error)}`);
  }
  const unlock = lock(inside("ticktown.lock"), dir);
  return {
    dir,
    worker: inside("worker"),
    container: inside("container"),
    logs: inside("logs"),
    run: inside("run"),
    secrets: readSecrets(inside("secrets.json")),
    writeWorkerEnv: (variables) => {
      const file = inside("worker.env");
      writeFileSync(file, `${Object.entries(variables).map(envLine).join("\n")}\n`, { mode: PRIVATE_FILE });
      chmodSync(file, PRIVATE_FILE);
      return file;
    },
    unlock,
  };
}

function lock(file: string, dir: string): () => void {
  const holder = readJson(file) as { pid?: unknown; startTime?: unknown } | null;
  if (typeof holder?.pid === "number" && holder.pid !== process.pid && typeof holder.startTime === "string" && startTimeOf(holder.pid) === holder.startTime) {
    throw new StackError(`${dir} is in use by the Ticktown with pid ${holder.pid}. Stop that one, or choose another folder with --state`);
  }
  writePrivateJson(file, { pid: process.pid, startTime: startTimeOf(process.pid) });
  return () => removeFile(file);
}

function readSecrets(file: string): Secrets {
  const kept = (readJson(file) ?? {}) as Partial<Secrets>;
  const make = (): string => randomBytes(SECRET_BYTES).toString("base64url");
  const secrets: Secrets = {
    GASTOWN_JWT_SECRET: kept.GASTOWN_JWT_SECRET ?? make(),
    TICKTOWN_OPERATOR_TOKEN: kept.TICKTOWN_OPERATOR_TOKEN ?? make(),
    CONTROL_TOKEN: kept.CONTROL_TOKEN ?? make(),
  };
  writePrivateJson(file, secrets);
  return secrets;
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as unknown;
  } catch {
    return null; // Not there yet, or cut off by a crash: made anew.
  }
}

/** One line of a dotenv file. `$` would begin an expansion, inside of either kind of quotes. */
function envLine([name, value]: [string, string]): string {
  const quote = value.includes("'") ? '"' : "'";
  if (value.includes(quote) || /[\r\n]/.test(value)) throw new StackError(`${name} cannot be handed to the Worker: it has a line break, or quotes of both kinds`);
  return `${name}=${quote}${value.replaceAll("$", "\\$")}${quote}`;
}
