/** Control groups, of either version: a group of its own per box, below the one that this server is in, where the system allows it. */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { GROUP_POLL_MS, KILL_WAIT_MS } from "../limits.ts";

/** What a group can hold its processes to. */
export const CONTROLLERS = ["memory", "pids", "cpu"] as const;
export type Controller = (typeof CONTROLLERS)[number];

/** Where the groups of boxes are made: the folder of a group that processes can be put below. */
export interface Hierarchy {
  readonly version: 1 | 2;
  readonly folder: string;
  readonly controllers: readonly Controller[];
}

export interface CgroupBounds {
  readonly memory_bytes: number | null;
  readonly pids: number | null;
}

export interface Cgroup {
  /** The same program, which puts itself into the group before it is anything else; it does not run where it cannot. */
  readonly enter: (argv: readonly string[]) => readonly string[];
  /** What its processes were kept from, in words. */
  readonly hits: () => string[];
  /** Takes the group away once its processes are gone. */
  readonly close: () => Promise<void>;
}

/**
 * Reads which groups this process is in, and where they lie.
 * @param cgroups the text of /proc/self/cgroup: `id:controllers:path`
 * @param mounts the text of /proc/self/mountinfo: `id parent dev root place options... - type source options`
 */
export function groupsIn(cgroups: string, mounts: string): { version: 1 | 2; folder: string; controllers: string[] }[] {
  const mounted = mounts.split("\n").flatMap((line) => {
    const [left = "", right = ""] = line.split(" - ");
    const [, , , root = "/", place = ""] = left.split(" ");
    const [type = "", , options = ""] = right.split(" ");
    return type.startsWith("cgroup") ? [{ root, place, type, names: options.split(",") }] : [];
  });
  return cgroups.split("\n").flatMap((line) => {
    const [, id, named = "", at = ""] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (id === undefined) return [];
    const version = id === "0" ? 2 : 1;
    const controllers = named.split(",").filter((name) => name !== "");
    const mount = mounted.find(({ type, names }) =>
      version === 2 ? type === "cgroup2" : type === "cgroup" && controllers.every((name) => names.includes(name)),
    );
    if (mount === undefined) return [];
    const below = mount.root === "/" ? at : path.posix.relative(mount.root, at);
    return below.startsWith("..")
      ? []
      : [{ version, folder: path.join(mount.place, below).replace(/\/$/, ""), controllers }];
  });
}

/** @returns where groups can be made here, and for what; none where the system keeps that to itself */
export function hierarchies(): Hierarchy[] {
  let found: ReturnType<typeof groupsIn>;
  try {
    found = groupsIn(readFileSync("/proc/self/cgroup", "utf8"), readFileSync("/proc/self/mountinfo", "utf8"));
  } catch {
    return [];
  }
  return found.flatMap(({ version, folder, controllers }): Hierarchy[] => {
    if (version === 1) {
      const wanted = CONTROLLERS.filter((name) => controllers.includes(name));
      return wanted.length > 0 && isWritable(folder) ? [{ version, folder, controllers: wanted }] : [];
    }
    // A group with processes of its own delegates nothing, but the one above it may have been given to this user.
    for (const place of [folder, path.dirname(folder)]) {
      const able = isWritable(place) ? delegated(place) : [];
      if (able.length > 0) return [{ version, folder: place, controllers: able }];
    }
    return [];
  });
}

function isWritable(folder: string): boolean {
  try {
    for (const file of [folder, path.join(folder, "cgroup.procs")]) accessSync(file, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Of version 2: what groups below this one can be bounded in. */
function delegated(folder: string): Controller[] {
  const read = (name: string): string[] => readFileSync(path.join(folder, name), "utf8").trim().split(" ");
  try {
    const there = CONTROLLERS.filter((name) => read("cgroup.controllers").includes(name));
    for (const name of there) tryWrite(path.join(folder, "cgroup.subtree_control"), `+${name}`);
    return there.filter((name) => read("cgroup.subtree_control").includes(name));
  } catch {
    return [];
  }
}

/** @throws Error when a group cannot be made, or not be bounded */
export function makeCgroup(places: readonly Hierarchy[], name: string, bounds: CgroupBounds): Cgroup {
  const made = places.map((place) => ({ ...place, folder: path.join(place.folder, name) }));
  for (const { folder, version, controllers } of made) {
    mkdirSync(folder, { recursive: true });
    for (const [file, value] of settingsOf(version, controllers, bounds)) {
      const isExtra = file.includes("swap") || file.includes("memsw");
      if (isExtra) tryWrite(path.join(folder, file), value);
      else writeFileSync(path.join(folder, file), value);
    }
  }
  const folders = made.map(({ folder }) => folder);
  return {
    enter: (argv) => ["sh", "-c", ENTER, "sh", ...folders, "--", ...argv],
    hits: () => made.flatMap(hitsIn),
    close: () => removeGroups(folders),
  };
}

const ENTER = 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit 126; shift; done; shift; exec "$@"';

/** Half of what any other process has when all want more than there is. */
const SHARES = { 1: ["cpu.shares", "512"], 2: ["cpu.weight", "50"] } as const;

function settingsOf(
  version: 1 | 2,
  controllers: readonly Controller[],
  { memory_bytes, pids }: CgroupBounds,
): (readonly [string, string])[] {
  const memory = String(memory_bytes);
  const names = version === 1 ? ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"] : ["memory.max"];
  return [
    ...(controllers.includes("memory") && memory_bytes !== null
      ? [...names.map((name) => [name, memory] as const), ...(version === 2 ? [["memory.swap.max", "0"] as const] : [])]
      : []),
    ...(controllers.includes("pids") && pids !== null ? [["pids.max", String(pids)] as const] : []),
    ...(controllers.includes("cpu") ? [SHARES[version]] : []),
  ];
}

const COUNTERS: readonly (readonly [file: string, counter: RegExp, words: string])[] = [
  ["memory.oom_control", /^oom_kill ([1-9]\d*)$/m, "processes were ended at the bound of its memory"],
  ["memory.events", /^oom_kill ([1-9]\d*)$/m, "processes were ended at the bound of its memory"],
  ["pids.events", /^max ([1-9]\d*)$/m, "processes were not started at the bound of their number"],
];

const hitsIn = ({ folder }: { readonly folder: string }): string[] =>
  COUNTERS.flatMap(([file, counter, words]) => {
    const place = path.join(folder, file);
    const times = existsSync(place) ? counter.exec(readFileSync(place, "utf8"))?.[1] : undefined;
    return times === undefined ? [] : [`${times} ${words}`];
  });

/** Its processes have ended; that the system has noticed may take a moment. */
async function removeGroups(folders: readonly string[]): Promise<void> {
  const deadline = Date.now() + KILL_WAIT_MS;
  for (const folder of folders)
    while (existsSync(folder) && !tryRemove(folder) && Date.now() < deadline) await sleep(GROUP_POLL_MS);
}

/** Groups that an earlier server left. */
export function removeLeftGroups({ folder }: Hierarchy, begin: string): void {
  for (const name of readdirSync(folder)) if (name.startsWith(begin)) tryRemove(path.join(folder, name));
}

function tryRemove(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

function tryWrite(file: string, value: string): void {
  try {
    writeFileSync(file, value);
  } catch {
    // What it would have set is not there, or not ours to set; what follows from that is looked at.
  }
}
