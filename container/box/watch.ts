/**
 * Holds a box to its bounds where the system does not: looks at its processes and at its files again and again, and says so when they are
 * more. All processes of a box are below the one that it was started by: who loses its parent is given to the box's own first process.
 */
import { readFileSync, readdirSync } from "node:fs";
import { BOX_WATCH_MS, DISK_WATCH_MS, DISK_WATCH_SHARE } from "../limits.ts";
import { bytesIn } from "../place/disk.ts";

/** null: that is held by somebody else, or by nobody. */
export interface WatchBounds {
  readonly memory_bytes: number | null;
  readonly pids: number | null;
  readonly disk_bytes: number | null;
}

export interface Watched {
  /** Of what was started. */
  readonly pid: number;
  /** What counts for its disk. */
  readonly folder: string;
  readonly bounds: WatchBounds;
  /** Called once, with what it has too much of. */
  readonly onOver: (why: string) => void;
}

export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly threads: number;
}

/** @returns to be called when it is gone */
export function watchBox({ pid, folder, bounds, onOver }: Watched): () => void {
  let isOver = false;
  const over = (why: string): void => {
    if (isOver) return;
    stop();
    onOver(why);
  };
  const processes =
    bounds.memory_bytes === null && bounds.pids === null
      ? undefined
      : setInterval(() => {
          const why = tooMuch(pid, bounds);
          if (why !== null) over(why);
        }, BOX_WATCH_MS);
  let disk: NodeJS.Timeout | undefined;
  const lookAtDisk = async (bound: number): Promise<void> => {
    const began = Date.now();
    const used = await bytesIn(folder);
    if (used !== null && used > bound)
      return over(`disk_exceeded: its clone and its home have ${mib(used)} of ${mib(bound)} MiB`);
    if (!isOver) disk = setTimeout(() => void lookAtDisk(bound), pauseAfter(Date.now() - began));
  };
  if (bounds.disk_bytes !== null) void lookAtDisk(bounds.disk_bytes);
  const stop = (): void => {
    isOver = true;
    clearInterval(processes);
    clearTimeout(disk);
  };
  return stop;
}

/** Looking takes only a small share of a disk's time, however many files there are. */
const pauseAfter = (took_ms: number): number => Math.max(DISK_WATCH_MS, took_ms * DISK_WATCH_SHARE);

const mib = (bytes: number): number => Math.round(bytes / 1024 / 1024);

function tooMuch(pid: number, { memory_bytes, pids }: WatchBounds): string | null {
  const all = below(pid, processTable());
  const threads = all.reduce((sum, one) => sum + one.threads, 0);
  if (pids !== null && threads > pids) return `pids_exceeded: it has ${threads} processes and threads of ${pids}`;
  if (memory_bytes === null) return null;
  const used = all.reduce((sum, one) => sum + ownMemoryOf(one.pid), 0);
  return used > memory_bytes ? `memory_exceeded: it has ${mib(used)} of ${mib(memory_bytes)} MiB` : null;
}

/** A process and all that came of it. */
export function below(pid: number, table: readonly Process[]): Process[] {
  const children = new Map<number, Process[]>();
  for (const one of table) children.set(one.parent, [...(children.get(one.parent) ?? []), one]);
  const found = table.filter((one) => one.pid === pid);
  for (const one of found) found.push(...(children.get(one.pid) ?? []));
  return found;
}

function processTable(): Process[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const text = readFileSync(`/proc/${name}/stat`, "utf8");
      // Behind the name, which may hold anything: state, parent, and as the 18th the number of threads.
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      return [{ pid: Number(name), parent: Number(fields[1]), threads: Number(fields[17]) }];
    } catch {
      return []; // It ended while we looked.
    }
  });
}

const PAGE_BYTES = 4096;

/** What it shares with no file: resident without shared, in bytes. */
function ownMemoryOf(pid: number): number {
  try {
    const [, resident = 0, shared = 0] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ").map(Number);
    return (resident - shared) * PAGE_BYTES;
  } catch {
    return 0;
  }
}
