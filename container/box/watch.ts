/**
 * Holds a box to its bounds where the system does not: looks at its processes and at its files again and again, and says so when they are
 * more. All processes of a box are below the one that it was started by: who loses its parent is given to the box's own first process.
 */
import { readFileSync, readdirSync } from "node:fs";
import { BOX_WATCH_MS, DISK_MEASURE_TIMEOUT_MS, DISK_WATCH_MS, DISK_WATCH_SHARE } from "../limits.ts";
import { type Unlinked, diskOf, memoryOf, unlinkedOf } from "./usage.ts";

/** null: that is held by somebody else, or by nobody. */
export interface WatchBounds {
  readonly memory_bytes: number | null;
  readonly pids: number | null;
  readonly disk_bytes: number | null;
  readonly disk_files: number | null;
}

export interface Watched {
  /** Of what was started. */
  readonly pid: number;
  /** What counts for its disk. */
  readonly folder: string;
  readonly bounds: WatchBounds;
  /** Whether its folder is this server's to look into, all of it. */
  readonly isOurs: boolean;
  /** Called once, with what it has too much of. */
  readonly onOver: (why: string) => void;
}

export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly threads: number;
}

/** @returns to be called when it is gone */
export function watchBox({ pid, folder, bounds, isOurs, onOver }: Watched): () => void {
  let isOver = false;
  let unlinked: Unlinked = { disk_bytes: 0, memory_bytes: 0 };
  const over = (why: string): void => {
    if (isOver) return;
    stop();
    onOver(why);
  };
  const processes =
    bounds.memory_bytes === null && bounds.pids === null
      ? undefined
      : setInterval(() => {
          const why = tooMuch(pid, bounds, unlinked.memory_bytes);
          if (why !== null) over(why);
        }, BOX_WATCH_MS);
  let disk: NodeJS.Timeout | undefined;
  const isDiskBound = bounds.disk_bytes !== null || bounds.disk_files !== null;
  const lookAtDisk = async (): Promise<void> => {
    const began = Date.now();
    const named = isDiskBound ? await diskOf(folder, isOurs) : null;
    if (isOver) return;
    const pids = below(pid, processTable()).map((one) => one.pid);
    unlinked = unlinkedOf(pids, folder);
    const why = isDiskBound ? tooFull(named, unlinked.disk_bytes, bounds) : null;
    if (why !== null) return over(why);
    disk = setTimeout(() => void lookAtDisk(), pauseAfter(Date.now() - began));
  };
  if (isDiskBound || bounds.memory_bytes !== null) void lookAtDisk();
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

/** @param named what its folders hold; null: so much that it was not added up in time @returns why it is too much */
export function tooFull(
  named: Awaited<ReturnType<typeof diskOf>>,
  unlinked: number,
  { disk_bytes, disk_files }: Pick<WatchBounds, "disk_bytes" | "disk_files">,
): string | null {
  if (named === "hidden")
    return "disk_exceeded: it has folders that nobody can look into, so what is in them is not counted";
  if (named === null)
    return `disk_exceeded: its clone and its home could not be added up within ${DISK_MEASURE_TIMEOUT_MS / 1000} s`;
  const where = "disk_exceeded: its clone and its home have";
  if (disk_files !== null && named.files > disk_files)
    return `${where} ${named.files} of ${disk_files} files and folders`;
  const all = named.bytes + unlinked;
  if (disk_bytes === null || all <= disk_bytes) return null;
  const deleted = unlinked === 0 ? "" : `, ${mib(unlinked)} of them in files that it has deleted and keeps open`;
  return `${where} ${mib(all)} of ${mib(disk_bytes)} MiB${deleted}`;
}

function tooMuch(pid: number, { memory_bytes, pids }: WatchBounds, unlinked: number): string | null {
  const all = below(pid, processTable());
  const threads = all.reduce((sum, one) => sum + one.threads, 0);
  if (pids !== null && threads > pids) return `pids_exceeded: it has ${threads} processes and threads of ${pids}`;
  if (memory_bytes === null) return null;
  const used =
    unlinked +
    memoryOf(
      all.map((one) => one.pid),
      memory_bytes - unlinked,
    );
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
