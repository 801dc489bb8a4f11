/**
 * Users for boxes, where this server is root: who is root in a box reads what only root may, and is bound by no limit of a user's. Each box has
 * a user that nobody else is, to whom its folders are given while something runs in it.
 */
import { lstatSync, readdirSync, statSync } from "node:fs";
import { BOX_USERS, CHOWN_TIMEOUT_MS, FIRST_BOX_UID } from "../limits.ts";
import { exec } from "../processes/exec.ts";

/** Who runs a program that is not this server's user, and what is theirs meanwhile. */
export type Runner =
  /** Started by the launcher, which chooses the user. */
  | { readonly socket: string; readonly owns: readonly string[] }
  /** Started by this server, which is root, in a box that drops to this user. */
  | { readonly uid: number; readonly owns: readonly string[] };

export const isRoot = (): boolean => process.getuid?.() === 0;

let counter = process.pid;

/** @returns a user that nothing runs as; null: this server is not root, and neither is who is in its boxes */
export function nextUser(): number | null {
  if (!isRoot()) return null;
  const busy = new Set(readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? uidOf(name) : [])));
  for (let tried = 0; tried < BOX_USERS; tried++) {
    const uid = FIRST_BOX_UID + (++counter % BOX_USERS);
    if (!busy.has(uid)) return uid;
  }
  throw new Error(`something runs as each of the ${BOX_USERS} users from ${FIRST_BOX_UID} on`);
}

function uidOf(pid: string): number[] {
  try {
    return [statSync(`/proc/${pid}`).uid];
  } catch {
    return []; // It ended meanwhile.
  }
}

/** All that lies there becomes theirs; no link is followed, and who is in a box can link nothing that is not its own. @throws Error */
export async function give(files: readonly string[], uid: number): Promise<void> {
  const there = files.filter((file) => ownerOf(file) !== null);
  if (there.length === 0) return;
  const { code, stderr } = await exec("chown", ["-h", "-R", "-P", `${uid}:${uid}`, "--", ...there], {
    cwd: "/",
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    timeout_ms: CHOWN_TIMEOUT_MS,
  });
  if (code !== 0) throw new Error(`folders of a box cannot be given to its user: ${stderr.trim().slice(-300)}`);
}

/** @returns those of these files and folders that only their owner may read, whom nobody in a box is */
export const keptFromOthers = (files: readonly string[]): string[] =>
  files.filter((file) => {
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat === undefined) return false;
    const wanted = stat.isDirectory() ? 0o005 : 0o004;
    return (stat.mode & wanted) !== wanted;
  });

/** Takes back what a server that was killed had given to the user of a box. */
export async function takeBack(files: readonly string[]): Promise<void> {
  const isTheirs = (file: string): boolean => {
    const uid = ownerOf(file);
    return uid !== null && uid >= FIRST_BOX_UID && uid < FIRST_BOX_UID + BOX_USERS;
  };
  if (isRoot() && files.some(isTheirs)) await give(files, 0);
}

const ownerOf = (file: string): number | null => lstatSync(file, { throwIfNoEntry: false })?.uid ?? null;
