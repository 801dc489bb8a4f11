/**
 * Lock files that a git left behind when it was killed in the middle. Git itself never removes them, and every later one that wants the
 * same file fails because of it.
 */
import { type Dirent, lstatSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import type { Place } from "../../src/wire/container.ts";
import { GIT_CHECKOUT_TIMEOUT_MS, GIT_COPY_TIMEOUT_MS, GIT_LOCK_MARGIN_MS, LOCK_SEARCH_MAX } from "../limits.ts";
import type { ExecResult } from "../processes/exec.ts";
import { agentFoldersOf, foldersOf, isRealFolder, isStore } from "./layout.ts";

/**
 * For when the control server has taken its folder, and what an earlier one had started is ended: no git of anybody's runs in
 * a store or an inbox, so whatever is locked there was left.
 * @returns the files that were removed
 */
export function removeLocks(workDir: string): string[] {
  const rigs = path.join(workDir, "rigs");
  return foldersIn(rigs).flatMap((rigId) => {
    const folders = foldersOf(workDir, rigId);
    const inboxes = foldersIn(folders.agents).map((agentId) => agentFoldersOf(folders, agentId).inbox);
    return [folders.store, ...inboxes].flatMap(removeLocksOf);
  });
}

/** Of one bare repository in which no git runs. Follows no link. */
export function removeLocksOf(repository: string): string[] {
  const objects = path.join(repository, "objects");
  const removed = [
    ...locksIn(repository),
    ...locksIn(objects),
    ...locksIn(path.join(objects, "pack")),
    ...locksBelow(path.join(objects, "info"), { seen: 0 }),
    ...locksBelow(path.join(repository, "refs"), { seen: 0 }),
  ];
  for (const file of removed) rmSync(file, { force: true });
  return removed;
}

/**
 * Removes the lock of a store at which a git failed, where it is older than any git of ours may be: each is killed at its time limit, so
 * whoever made it is gone. Nobody else writes a store; in an agent's clone a lock may be the agent's own, however old it is.
 * @returns whether there was one, so that the command is worth another try
 */
export function removeLockThatFailed({ code, stderr }: ExecResult, folder: string, place: Place, now: number): boolean {
  if (code === 0 || !isStore(folder)) return false;
  const file = LOCK_THERE.exec(stderr)?.[1];
  if (file === undefined || path.relative(folder, file).startsWith("..")) return false;
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (!found?.isFile() || now - found.mtimeMs <= longestRun_ms(place) + GIT_LOCK_MARGIN_MS) return false;
  rmSync(file, { force: true });
  return true;
}

const LOCK_THERE = /Unable to create '(\/[^'\n]+\.lock)': File exists/;

const longestRun_ms = (place: Place): number =>
  Math.max(
    GIT_COPY_TIMEOUT_MS,
    GIT_CHECKOUT_TIMEOUT_MS,
    place.clone_timeout_ms,
    place.fetch_timeout_ms,
    place.push_timeout_ms,
    place.merge_timeout_ms,
  );

const entriesOf = (folder: string): Dirent[] =>
  isRealFolder(folder) ? readdirSync(folder, { withFileTypes: true }) : [];

const foldersIn = (folder: string): string[] =>
  entriesOf(folder).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));

/** No ref may be called so. */
const isLock = (entry: Dirent): boolean => entry.isFile() && entry.name.endsWith(".lock");

const locksIn = (folder: string): string[] =>
  entriesOf(folder).flatMap((entry) => (isLock(entry) ? [path.join(folder, entry.name)] : []));

/** Lock files below a folder. @param counted files and folders that were looked at before; past LOCK_SEARCH_MAX none is */
export function locksBelow(folder: string, counted: { seen: number }): string[] {
  return entriesOf(folder).flatMap((entry) => {
    if (++counted.seen > LOCK_SEARCH_MAX) return [];
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return locksBelow(file, counted);
    return isLock(entry) ? [file] : [];
  });
}
