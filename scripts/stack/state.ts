/** The state folder: everything that a Ticktown on this machine keeps, readable by its owner only. */
import { messageOf } from "../../src/events/message-of.ts";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, lstatSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { folderIdOf, makePrivateDir, removeFile, writePrivateJson } from "../../container/files.ts";
import { startTimeOf } from "../../container/processes/groups.ts";
import { LockTaken, takeLock } from "../../container/processes/lock.ts";
import { StackError } from "./errors.ts";

export interface State {
  readonly dir: string;
  /** Tells this folder from a copy of it, at whatever path. */
  readonly folder: string;
  /** The Worker's storage. */
  readonly worker: string;
  /** The control server's WORK_DIR. */
  readonly container: string;
  readonly logs: string;
  /** Which processes are ours. */
  readonly run: string;
  readonly secrets: Secrets;
  /** Writes a file that only its owner can read. @returns its path */
  readonly writePrivate: (name: string, text: string) => string;
  /** Says where the API answers, for programs that look for it. */
  readonly announce: (url: string) => void;
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
const LOCK = "ticktown.lock";
const CLAIM = "ticktown.claim";
const TOKEN = "operator-token";

/** What lies there beside the folders and the lock. */
const OWN_FILES = ["secrets.json", "operator-token", "worker.js", "worker.capnp"];

/** Takes a file, or all that is in a folder, from everybody but its owner. Follows no link. */
function makePrivate(file: string): void {
  const stats = lstatSync(file, { throwIfNoEntry: false });
  if (stats === undefined || stats.isSymbolicLink()) return;
  const mode = stats.isDirectory() ? PRIVATE_DIR : PRIVATE_FILE;
  if ((stats.mode & 0o777) !== mode) chmodSync(file, mode);
  if (stats.isDirectory()) for (const name of readdirSync(file)) makePrivate(path.join(file, name));
}

/** @throws StackError when another Ticktown that is alive uses the folder, or it cannot be used */
export function openState(dir: string): State {
  const inside = (name: string): string => path.join(dir, name);
  try {
    for (const folder of [dir, inside("worker"), inside("container"), inside("logs"), inside("run")])
      makePrivateDir(folder);
    chmodSync(dir, PRIVATE_DIR);
    // Versions before left it to the folder to keep others out.
    for (const name of [...OWN_FILES, "worker", "logs", "run"]) makePrivate(inside(name));
  } catch (error) {
    throw new StackError(`the state folder ${dir} cannot be used: ${messageOf(error)}`);
  }
  const folder = folderIdOf(dir);
  const release = claim(dir);
  const holder = livingHolder(dir);
  if (holder !== null && holder.pid !== process.pid) {
    release();
    throw inUse(dir, holder.pid);
  }
  const lock = (url: string | null): void =>
    writePrivateJson(inside(LOCK), { pid: process.pid, startTime: startTimeOf(process.pid), folder, url });
  lock(null);
  return {
    dir,
    folder,
    worker: inside("worker"),
    container: inside("container"),
    logs: inside("logs"),
    run: inside("run"),
    secrets: readSecrets(inside("secrets.json")),
    writePrivate: (name, text) => {
      const file = inside(name);
      rmSync(file, { force: true }); // Its mode would stay what it was.
      writeFileSync(file, text, { mode: PRIVATE_FILE });
      return file;
    },
    announce: lock,
    unlock: () => {
      removeFile(inside(LOCK));
      release();
    },
  };
}

/** Of two that start in the same moment one gets the folder; who has it, and where its API answers, is in the lock. */
function claim(dir: string): () => void {
  try {
    return takeLock(path.join(dir, CLAIM));
  } catch (error) {
    if (error instanceof LockTaken) throw inUse(dir, error.pid);
    throw error;
  }
}

const inUse = (dir: string, pid: number): StackError =>
  new StackError(
    `${dir} is in use by the Ticktown with pid ${pid}. Stop that one, or choose another folder with --state`,
  );

interface Holder {
  readonly pid: number;
  /** Where its API answers; null as long as it does not. */
  readonly url: string | null;
}

/** Whoever uses the folder now; a lock that came with a copy of it says nothing about the copy. */
function livingHolder(dir: string): Holder | null {
  const lock = readJson(path.join(dir, LOCK)) as Record<string, unknown> | null;
  const { pid, startTime, folder, url } = lock ?? {};
  if (typeof pid !== "number" || typeof startTime !== "string" || startTimeOf(pid) !== startTime) return null;
  // Versions before did not write the folder down.
  if (folder !== undefined && folder !== folderIdOf(dir)) return null;
  return { pid, url: typeof url === "string" ? url : null };
}

/** Where the operator's token is kept, for a `curl` that reads it from there. */
export const tokenFileOf = (dir: string): string => path.join(dir, TOKEN);

/** The Ticktown that runs on a state folder; null: none does. */
export const holderOf = (dir: string): Holder | null => (existsSync(dir) ? livingHolder(dir) : null);

/**
 * The Ticktown that runs on a state folder, and its operator's token.
 * @throws StackError when none does
 */
export function runningOn(dir: string): { readonly url: string; readonly token: string } {
  const holder = holderOf(dir);
  if (holder === null)
    throw new StackError(
      `no Ticktown runs on ${dir}. Start it with \`ticktown up\` (in a clone \`npm start\`), or name its state folder with --state`,
    );
  if (holder.url === null)
    throw new StackError(`the Ticktown on ${dir} (pid ${holder.pid}) is not up yet. Try again in a moment`);
  return { url: holder.url, token: readFileSync(tokenFileOf(dir), "utf8").trim() };
}

/** What its control server is spoken to with. */
export const controlTokenOf = (dir: string): string =>
  (readJson(path.join(dir, "secrets.json")) as Partial<Secrets> | null)?.CONTROL_TOKEN ?? "";

/** Writes the token where it is looked for, whoever made it. */
export function keepToken(state: State, token: string): void {
  state.writePrivate(TOKEN, `${token}\n`);
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
