/** Process groups: an agent is its leader and everything that the leader started. */
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { GROUP_POLL_MS } from "../limits.ts";

const ON_LINUX = process.platform === "linux";

/** How a process of another user's is signalled, where somebody may; null: nobody may. */
let signalForeign: ((pid: number, isGroup: boolean, signal: NodeJS.Signals) => void) | null = null;

export function onForeign(handler: typeof signalForeign): void {
  signalForeign = handler;
}

/** @returns whether it was signalled, or somebody was asked to */
export function signalProcess(pid: number, signal: NodeJS.Signals, isGroup = false): boolean {
  try {
    process.kill(isGroup ? -pid : pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM" || signalForeign === null) return false;
    signalForeign(pid, isGroup, signal);
    return true;
  }
}

/** @returns false when there is no such group (any more). */
export function signalGroup(pgid: number, signal: NodeJS.Signals): boolean {
  // 0 and 1 would signal ourselves or everything.
  return pgid > 1 && signalProcess(pgid, signal, true);
}

/** Pids in the group that still run. Zombies are left out: a lazy init may keep them for ever. */
export function groupMembers(pgid: number): number[] {
  return (ON_LINUX ? statsFromProc() : statsFromPs())
    .filter((stat) => stat.pgid === pgid && !/^[ZX]/.test(stat.state))
    .map((stat) => stat.pid);
}

/** @returns whether the group was gone before the deadline (ms since epoch). */
export async function waitForGroupToGo(pgid: number, deadline: number): Promise<boolean> {
  while (groupMembers(pgid).length > 0) {
    if (Date.now() >= deadline) return false;
    await sleep(GROUP_POLL_MS);
  }
  return true;
}

/**
 * Something that tells a process from a later one with the same pid, or null when there is no such process.
 * On Linux the start time in clock ticks since boot; elsewhere the text `ps` prints.
 */
export function startTimeOf(pid: number): string | null {
  try {
    if (ON_LINUX) {
      const stat = parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
      return stat && !/^[ZX]/.test(stat.state) ? stat.startTime : null;
    }
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim() || null;
  } catch {
    return null;
  }
}

/** Where the process is. Only Linux tells; elsewhere, and of a process that is gone, the answer is null. */
export function workingFolderOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}

/** Whether the process was given this environment entry. Only Linux tells; elsewhere the answer is no. */
export function hasEnvironment(pid: number, entry: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(entry);
  } catch {
    return false;
  }
}

interface Stat {
  readonly pid: number;
  readonly pgid: number;
  readonly state: string;
  readonly startTime: string;
}

function statsFromProc(): Stat[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = parseStat(readFileSync(`/proc/${name}/stat`, "utf8"));
      return stat ? [stat] : [];
    } catch {
      return []; // It ended while we looked.
    }
  });
}

/** Fields after the command name, which is in parentheses and may itself contain spaces and parentheses. */
function parseStat(text: string): Stat | null {
  const pid = Number.parseInt(text, 10);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, , pgid] = fields;
  const startTime = fields[19];
  return state && pgid && startTime ? { pid, pgid: Number(pgid), state, startTime } : null;
}

function statsFromPs(): Stat[] {
  const table = execFileSync("ps", ["-A", "-o", "pid=,pgid=,stat="], { encoding: "utf8" });
  return table.split("\n").flatMap((line) => {
    const [pid, pgid, state] = line.trim().split(/\s+/);
    return pid && pgid && state ? [{ pid: Number(pid), pgid: Number(pgid), state, startTime: "" }] : [];
  });
}
