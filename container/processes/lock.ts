/**
 * One program per folder. Whoever wants the lock writes a claim of its own beside it, whole or not at all, and then looks: it has
 * the lock if nobody else who is alive has a claim. Of many that start in the same moment at most one finds itself alone, and
 * the last one that looks does; no claim is ever replaced, so a dead holder cannot be replaced by two. (One file that is opened with
 * `wx` would be shorter, but a dead holder's must be removed first, and of two that do so one removes the other's.)
 */
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import path from "node:path";
import { folderIdOf, makePrivateDir, readPrivateJson, removeFile, writePrivateJson } from "../files.ts";
import { startTimeOf } from "./groups.ts";

/** Somebody else who is alive holds the lock. */
export class LockTaken extends Error {
  readonly pid: number;

  constructor(file: string, pid: number) {
    super(`${file} is held by the process ${pid}`);
    this.name = "LockTaken";
    this.pid = pid;
  }
}

interface Holder {
  readonly pid: number;
  /** Tells it from a later process with the same pid. */
  readonly startTime: string;
  /** The folder that was locked: a copy of it is another one. Absent in locks of earlier versions. */
  readonly folder?: string;
}

/** @returns a function that gives the lock up @throws LockTaken */
export function takeLock(file: string): () => void {
  const folder = path.dirname(file);
  makePrivateDir(folder);
  const mine = `${file}.${process.pid}-${randomBytes(CLAIM_BYTES).toString("hex")}`;
  for (;;) {
    const holder = holderOf(file, mine);
    if (holder !== null) throw new LockTaken(file, holder.pid);
    writePrivateJson(mine, { pid: process.pid, startTime: startTimeOf(process.pid), folder: folderIdOf(folder) });
    if (holderOf(file, mine) === null) break;
    // Two at once: both step back, and whoever comes again first has it.
    removeFile(mine);
  }
  for (const dead of claimsOf(file)) if (dead !== mine) removeFile(dead);
  return () => removeFile(mine);
}

const CLAIM_BYTES = 8;

/** @throws Error when another control server that is alive holds it: it would take the other's agents for left-overs */
export function lockWorkDir(workDir: string): () => void {
  try {
    return takeLock(path.join(workDir, "control.lock"));
  } catch (error) {
    if (!(error instanceof LockTaken)) throw error;
    throw new Error(
      `WORK_DIR ${workDir} is in use by the control server with pid ${error.pid}; stop it, or choose another WORK_DIR`,
      { cause: error },
    );
  }
}

/** Files of claims. The bare name is how earlier versions said it. */
function claimsOf(file: string): string[] {
  const [folder, name] = [path.dirname(file), path.basename(file)];
  return readdirSync(folder)
    .filter((entry) => entry === name || (entry.startsWith(`${name}.`) && CLAIM.test(entry.slice(name.length + 1))))
    .map((entry) => path.join(folder, entry));
}

/** Not the draft of a claim, which says nothing yet. */
const CLAIM = /^\d+-[0-9a-f]+$/;

/** Somebody else who is alive and has a claim. */
function holderOf(file: string, mine: string): Holder | null {
  for (const claim of claimsOf(file)) {
    const holder = claim === mine ? null : readHolder(claim);
    if (holder !== null && isAlive(holder, path.dirname(file))) return holder;
  }
  return null;
}

function isAlive({ pid, startTime, folder }: Holder, here: string): boolean {
  if (pid === process.pid) return false; // One's own of an earlier start, which did not give it up.
  if (folder !== undefined && folder !== folderIdOf(here)) return false; // Copied with its folder.
  return startTimeOf(pid) === startTime;
}

function readHolder(file: string): Holder | null {
  const value = readPrivateJson(file) as Partial<Record<keyof Holder, unknown>> | null;
  const { pid, startTime, folder } = value ?? {};
  if (typeof pid !== "number" || typeof startTime !== "string") return null; // Cut off by a crash.
  return { pid, startTime, ...(typeof folder === "string" ? { folder } : {}) };
}
