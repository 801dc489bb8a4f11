/** What one agent in a box may use of the machine, by what it is held to that here, and what is not held at all. */
import { readFileSync } from "node:fs";
import { release } from "node:os";
import { Refusal } from "../refusal.ts";
import { messageOf } from "../log.ts";
import { type Cgroup, type Controller, type Hierarchy, hierarchies, makeCgroup, removeLeftGroups } from "./cgroups.ts";
import { type Watched, watchBox } from "./watch.ts";

/** Of one box. null: not bounded. */
export interface Bounds {
  readonly memory_bytes: number | null;
  /** Processes and their threads. */
  readonly pids: number | null;
  /** Open at once, of one process. */
  readonly files: number | null;
  /** Its clone, its inbox and its home. */
  readonly disk_bytes: number | null;
  /** Files and folders of these. */
  readonly disk_files: number | null;
}

/** `watch`: it is ended when it has more. */
export type By = "cgroup" | "rlimit" | "watch" | "nobody";
export type HeldBy = Readonly<Record<"memory" | "pids" | "files" | "disk" | "cpu", By>>;

export interface Holder {
  readonly bounds: Bounds;
  readonly by: HeldBy;
  /** One line for people. */
  readonly says: string;
  /** The same program, held to what the system counts per process or user: first in a box. */
  readonly rlimits: (argv: readonly string[]) => readonly string[];
  /** @param name of its group, unlike that of any other box @throws Refusal 422 limits_failed */
  readonly hold: (name: string) => Held;
}

/** One box that is held to its bounds. */
export interface Held {
  /** Around the box. */
  readonly outside: (argv: readonly string[]) => readonly string[];
  /** @returns to be called when it is gone */
  readonly watch: (watched: Omit<Watched, "bounds" | "isOurs">) => () => void;
  /** What it was kept from, in words. */
  readonly hits: () => string[];
  readonly close: () => Promise<void>;
}

export interface HolderOptions {
  readonly bounds: Bounds;
  /** Where this server's groups can be made. */
  readonly places?: readonly Hierarchy[];
  /** Whether prlimit is there. */
  readonly hasPrlimit: boolean;
  readonly isRoot: boolean;
  /** Whether its programs are users of their own, whose files are not this server's. */
  readonly isLaunched?: boolean;
  /** What the names of this server's groups begin with. */
  readonly begin: string;
  readonly kernel?: string;
}

export function createHolder(options: HolderOptions): Holder {
  const { bounds, hasPrlimit, isRoot, begin, isLaunched = false, kernel = release() } = options;
  const places = usable(options.places ?? hierarchies(), begin, bounds);
  const by = heldBy({ bounds, places, hasPrlimit, isRoot, kernel });
  const prlimit = [
    ...(by.files === "rlimit" ? [`--nofile=${Math.min(bounds.files ?? Infinity, hardFiles())}`] : []),
    ...(by.pids === "rlimit" ? [`--nproc=${bounds.pids}`] : []),
    // Of all its files a watcher counts; no single one gets so far before it is looked at.
    ...(hasPrlimit && bounds.disk_bytes !== null ? [`--fsize=${bounds.disk_bytes}`] : []),
  ];
  const watched = {
    memory_bytes: by.memory === "watch" ? bounds.memory_bytes : null,
    pids: by.pids === "watch" ? bounds.pids : null,
    disk_bytes: bounds.disk_bytes,
    disk_files: bounds.disk_files,
  };
  return {
    bounds,
    by,
    says: inWords(bounds, by),
    rlimits: (argv) => (prlimit.length === 0 ? argv : ["prlimit", ...prlimit, "--", ...argv]),
    hold: (name) => {
      const group = places.length === 0 ? null : groupFor(places, `${begin}${name}`, bounds);
      return {
        outside: group === null ? (argv) => argv : group.enter,
        watch: (one) => watchBox({ ...one, bounds: watched, isOurs: !isLaunched }),
        hits: () => group?.hits() ?? [],
        close: async () => group?.close(),
      };
    },
  };
}

/** Tried once: a group that can be made may still refuse its bounds. */
function usable(places: readonly Hierarchy[], begin: string, bounds: Bounds): readonly Hierarchy[] {
  return places.filter((place) => {
    try {
      removeLeftGroups(place, begin);
      makeCgroup([place], `${begin}probe`, bounds);
      removeLeftGroups(place, begin);
      return true;
    } catch {
      return false;
    }
  });
}

function groupFor(places: readonly Hierarchy[], name: string, bounds: Bounds): Cgroup {
  try {
    return makeCgroup(places, name, bounds);
  } catch (error) {
    throw new Refusal(422, "limits_failed", `the agent's control group cannot be made: ${messageOf(error)}`);
  }
}

interface Means {
  readonly bounds: Bounds;
  readonly places: readonly Hierarchy[];
  readonly hasPrlimit: boolean;
  readonly isRoot: boolean;
  readonly kernel: string;
}

/** The system's own bounds where there are some: they hold at once, and who watches is late by a moment. */
export function heldBy({ bounds, places, hasPrlimit, isRoot, kernel }: Means): HeldBy {
  const grouped = new Set<Controller>(places.flatMap(({ controllers }) => controllers));
  // Before that kernel it counted all processes of the user, wherever they are; and root is not bound by it at all.
  const countsInBox = hasPrlimit && !isRoot && isSince(kernel, 5, 14);
  return {
    memory: bounds.memory_bytes === null ? "nobody" : grouped.has("memory") ? "cgroup" : "watch",
    pids: bounds.pids === null ? "nobody" : pidsBy(grouped.has("pids"), countsInBox),
    files: bounds.files === null || !hasPrlimit ? "nobody" : "rlimit",
    disk: bounds.disk_bytes === null && bounds.disk_files === null ? "nobody" : "watch",
    cpu: grouped.has("cpu") ? "cgroup" : "nobody",
  };
}

function pidsBy(isGrouped: boolean, countsInBox: boolean): By {
  if (isGrouped) return "cgroup";
  return countsInBox ? "rlimit" : "watch";
}

function isSince(kernel: string, major: number, minor: number): boolean {
  const [, first = "0", second = "0"] = /^(\d+)\.(\d+)/.exec(kernel) ?? [];
  return Number(first) > major || (Number(first) === major && Number(second) >= minor);
}

/** Nobody but root can have more than this. */
function hardFiles(): number {
  const [, hard = ""] = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  return hard === "unlimited" || hard === "" ? Infinity : Number(hard);
}

const WORDS: Readonly<Record<By, string>> = {
  cgroup: "control group",
  rlimit: "rlimit",
  watch: "watched, and ended above it",
  nobody: "NOT BOUNDED",
};

function inWords(bounds: Bounds, by: HeldBy): string {
  const mib = (bytes: number | null): string => (bytes === null ? "" : ` ${Math.round(bytes / 1024 / 1024)} MiB`);
  const files = (number: number | null): string => (number === null ? "" : ` in ${number} files`);
  const count = (number: number | null): string => (number === null ? "" : ` ${number}`);
  return [
    `memory${mib(bounds.memory_bytes)} (${WORDS[by.memory]})`,
    `processes and threads${count(bounds.pids)} (${WORDS[by.pids]})`,
    `open files of a process${count(bounds.files)} (${WORDS[by.files]})`,
    `clone and home${mib(bounds.disk_bytes)}${files(bounds.disk_files)} (${WORDS[by.disk]})`,
    `share of the processor (${WORDS[by.cpu]})`,
  ].join(", ");
}
