/**
 * What is spawned can be found before it is written down anywhere: every process carries a mark in its environment, and so does
 * everything that it starts, in whichever process group or session. A WORK_DIR has a mark of its own, so that a sweep of one folder
 * touches nothing of another one, not even of the folder that it was copied from.
 */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { folderIdOf, readPrivateJson, writePrivateJson } from "../files.ts";
import { GROUP_POLL_MS } from "../limits.ts";
import { signalProcess, startTimeOf } from "./groups.ts";

/** The variable. Its value is `<mark of the folder>:<what for>`. */
export const MARK = "TICKTOWN_MARK";

const MARK_BYTES = 12;
const Identity = z.object({ mark: z.string().min(1), folder: z.string() });

/** The mark of a WORK_DIR. Made anew in a copy: what runs elsewhere belongs to the folder that was copied. */
export function openMark(workDir: string): string {
  const known = readMark(workDir);
  if (known !== null) return known;
  const mark = randomBytes(MARK_BYTES).toString("hex");
  writePrivateJson(identityOf(workDir), { mark, folder: folderIdOf(workDir) });
  return mark;
}

/** @returns null where there is none yet, or the folder is a copy of the one that it was made for */
export function readMark(workDir: string): string | null {
  const identity = Identity.safeParse(readPrivateJson(identityOf(workDir))).data;
  return identity !== undefined && identity.folder === folderIdOf(workDir) ? identity.mark : null;
}

/** Where a WORK_DIR keeps its mark. */
export const identityOf = (workDir: string): string => path.join(workDir, "identity.json");

/** The environment entry of one run, or of everything else that a server starts. */
export function markOf(mark: string, what: string): string {
  return `${mark}:${what}`;
}

/** What everything of one agent begins with, of whichever dispatch. */
export function agentMarkOf(mark: string, rigId: string, agentId: string): string {
  const agent = createHash("sha256")
    .update(JSON.stringify([rigId, agentId]))
    .digest("hex")
    .slice(0, AGENT_CHARS);
  return markOf(mark, `${agent}.`);
}

const AGENT_CHARS = 16;

/** Users who run one thing alone: whatever is theirs has its mark, though its environment cannot be read. */
const users = new Map<number, string>();

/** @returns to be called when nothing of it runs any more */
export function markUser(uid: number, mark: string): () => void {
  users.set(uid, mark);
  return () => void users.delete(uid);
}

/** Living processes whose mark begins so: `<mark>:` for all of a folder, the whole value for one run. Never this process. */
export function markedProcesses(begin: string): number[] {
  return marked(begin).map(([pid]) => pid);
}

/** The marks of living processes that begin so, each once. */
export function marksInUse(begin: string): string[] {
  return [...new Set(marked(begin).map(([, mark]) => mark))];
}

type Marked = readonly [pid: number, mark: string];

function marked(begin: string): Marked[] {
  const found = process.platform === "linux" ? fromProc(begin) : fromPs(begin);
  return found.filter(([pid]) => pid !== process.pid && startTimeOf(pid) !== null);
}

/** Signals whatever carries the mark now. @returns how many that were */
const signalMarked = (begin: string, signal: NodeJS.Signals): number => signalEach(markedProcesses(begin), signal);

/** @returns how many of them there still were */
export function signalEach(pids: readonly number[], signal: NodeJS.Signals): number {
  return pids.filter((pid) => signalProcess(pid, signal)).length;
}

/**
 * Kills whatever carries the mark, and looks again until twice in a row there was nothing: a process that was just being made
 * gets its environment a moment later. @returns whether all was gone before the deadline (ms since epoch)
 */
export async function sweepMarked(begin: string, deadline: number): Promise<boolean> {
  for (let quiet = 0; quiet < 2;) {
    quiet = signalMarked(begin, "SIGKILL") === 0 ? quiet + 1 : 0;
    if (quiet === 2) break;
    if (Date.now() >= deadline) return false;
    await sleep(GROUP_POLL_MS);
  }
  return true;
}

/** The same for a program that is about to exit and cannot wait: what starts others is ended before they are. */
export function killMarked(begin: string): void {
  for (let round = 0; round < SYNC_ROUNDS && signalMarked(begin, "SIGKILL") > 0; round++);
}

/** A killed process may be seen for another moment; more rounds than this would only spin. */
const SYNC_ROUNDS = 20;

/** All processes of a WORK_DIR, whoever started them; none when the folder has no mark of its own. */
export function killAllOf(workDir: string): void {
  const mark = readMark(workDir);
  if (mark !== null) killMarked(`${mark}:`);
}

function fromProc(begin: string): Marked[] {
  return readdirSync("/proc").flatMap((name): Marked[] => {
    if (!/^\d+$/.test(name)) return [];
    const mark = markIn(name);
    return mark?.startsWith(begin) === true ? [[Number(name), mark]] : [];
  });
}

/** null: it has none, or has ended while we looked. */
function markIn(pid: string): string | null {
  try {
    const environment = `\0${readFileSync(`/proc/${pid}/environ`, "latin1")}`;
    const at = environment.indexOf(`\0${MARK}=`);
    return at === -1 ? null : (environment.slice(at + MARK.length + 2).split("\0", 1)[0] ?? null);
  } catch {
    return markOfUser(pid);
  }
}

/** Of what belongs to somebody else. */
function markOfUser(pid: string): string | null {
  if (users.size === 0) return null;
  const uid = statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
  return users.get(uid ?? -1) ?? null;
}

/** Elsewhere `ps` prints the environment of one's own processes behind their command line. */
function fromPs(begin: string): Marked[] {
  const table = execFileSync("ps", ["-A", "-E", "-ww", "-o", "pid=,command="], { encoding: "utf8" });
  return table.split("\n").flatMap((line): Marked[] => {
    const at = line.indexOf(` ${MARK}=${begin}`);
    if (at === -1) return [];
    return [[Number.parseInt(line, 10), line.slice(at + MARK.length + 2).split(" ", 1)[0] ?? begin]];
  });
}
