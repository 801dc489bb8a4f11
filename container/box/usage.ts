/** What a box uses of the machine where nobody counts it for us: its memory with what it shares, and files that nobody finds by their name. */
import { readFileSync, readdirSync, readlinkSync, statSync, statfsSync } from "node:fs";
import { DISK_MEASURE_TIMEOUT_MS } from "../limits.ts";
import { exec } from "../processes/exec.ts";

const KIB = 1024;

/** Files that were deleted and are open still, in bytes on disk. */
export interface Unlinked {
  /** On the same file system as its folders. */
  readonly disk_bytes: number;
  /** On any other one: those in a box are in memory. */
  readonly memory_bytes: number;
}

/** @param pids of the box @param folder one of its own on disk */
export function unlinkedOf(pids: readonly number[], folder: string): Unlinked {
  const disk = statSync(folder, { throwIfNoEntry: false })?.dev;
  const seen = new Set<string>();
  let [disk_bytes, memory_bytes] = [0, 0];
  for (const file of pids.flatMap((pid) => entriesOf(`/proc/${pid}/fd`))) {
    const stat = tryTo(() => statSync(file));
    if (stat === null || !stat.isFile() || stat.nlink > 0) continue;
    const key = `${stat.dev}:${stat.ino}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const bytes = stat.blocks * BLOCK_BYTES;
    if (stat.dev === disk) disk_bytes += bytes;
    else memory_bytes += bytes;
  }
  return { disk_bytes, memory_bytes };
}

const BLOCK_BYTES = 512;

const entriesOf = (folder: string): string[] =>
  (tryTo(() => readdirSync(folder)) ?? []).map((name) => `${folder}/${name}`);

/** Its own memory, what it shares with itself, and its folders in memory. What is shared is split only where it matters: that takes time. */
export function memoryOf(pids: readonly number[], bound: number): number {
  const inFolders = foldersInMemory(pids);
  const parts = pids.map(residentOf);
  const roughly = parts.reduce((sum, one) => sum + one, inFolders);
  return roughly <= bound ? roughly : pids.reduce((sum, pid, n) => sum + (splitOf(pid) ?? parts[n] ?? 0), inFolders);
}

/** What is no file's: with what it shares, once for each process. */
function residentOf(pid: number): number {
  const status = tryTo(() => readFileSync(`/proc/${pid}/status`, "utf8")) ?? "";
  return kibIn(status, "RssAnon") + kibIn(status, "RssShmem");
}

/** The same, of what is shared this process's part; null: the system does not tell. */
function splitOf(pid: number): number | null {
  const rollup = tryTo(() => readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
  return rollup?.includes("Pss_Anon:") ? kibIn(rollup, "Pss_Anon") + kibIn(rollup, "Pss_Shmem") : null;
}

const kibIn = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? 0) * KIB;

/** As its own processes see them, whose table of mounts is none of ours. */
function foldersInMemory(pids: readonly number[]): number {
  const ours = tryTo(() => readlinkSync("/proc/self/ns/mnt"));
  const inside = pids.findLast((pid) => {
    const theirs = tryTo(() => readlinkSync(`/proc/${pid}/ns/mnt`));
    return theirs !== null && theirs !== ours;
  });
  if (inside === undefined) return 0;
  return ["/tmp", "/var/tmp", "/dev/shm"].reduce((sum, dir) => {
    const space = tryTo(() => statfsSync(`/proc/${inside}/root${dir}`));
    return space?.type === TMPFS ? sum + (space.blocks - space.bfree) * space.bsize : sum;
  }, 0);
}

const TMPFS = 0x01021994;

/** What lies below a folder. */
export interface Disk {
  readonly bytes: number;
  /** With folders. */
  readonly files: number;
}

/**
 * @returns null: that could not be added up in time; `hidden`: there are folders that nobody can look into
 * @param isOurs whether what lies there is this server's user's, or it is root
 */
export async function diskOf(
  folder: string,
  isOurs: boolean,
  timeout_ms = DISK_MEASURE_TIMEOUT_MS,
): Promise<Disk | null | "hidden"> {
  const plain = await measure([], folder, timeout_ms);
  if (!plain.isHidden || !isOurs) return plain.disk;
  // Its owner may look into it, whatever its mode, where it may be root of a namespace of its own.
  const rights = ["--unshare-user", "--uid", "0", "--gid", "0", "--cap-add", "CAP_DAC_READ_SEARCH"];
  const allowed = await measure(["bwrap", ...rights, "--ro-bind", "/", "/", "--"], folder, timeout_ms);
  return allowed.isHidden || allowed.disk === null ? "hidden" : allowed.disk;
}

async function measure(
  within: readonly string[],
  folder: string,
  timeout_ms: number,
): Promise<{ disk: Disk | null; isHidden: boolean }> {
  const look = (what: string): ReturnType<typeof du> => du([...within, "du", what, "-s", folder], timeout_ms);
  const [size, count] = await Promise.all([look("-k"), look("--inodes")]);
  const isWhole = size.number !== null && count.number !== null;
  return {
    disk: isWhole ? { bytes: Number(size.number) * KIB, files: Number(count.number) } : null,
    isHidden: size.isHidden || count.isHidden,
  };
}

async function du(
  [program = "", ...args]: readonly string[],
  timeout_ms: number,
): Promise<{ number: number | null; isHidden: boolean }> {
  const { stdout, stderr } = await exec(program, args, {
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C" },
    timeout_ms,
  });
  const said = /^(\d+)/.exec(stdout)?.[1];
  return { number: said === undefined ? null : Number(said), isHidden: /Permission denied/.test(stderr) };
}

function tryTo<T>(look: () => T): T | null {
  try {
    return look();
  } catch {
    return null; // It ended, or closed it, while we looked.
  }
}
