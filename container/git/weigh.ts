/**
 * How much a commit comes to as files. Folders may stand in each other a thousand times at no cost, so what is a few KiB of objects may be
 * millions of files: they are counted in a stream, before any git of ours holds all of them in memory or writes them out.
 */
import { GIT_OBJECTS_MAX_BYTES, TREE_ENTRIES_MAX, TREE_LIST_MAX_BYTES, TREES_REMEMBERED_MAX } from "../limits.ts";
import { type Git, GitFailure, mustGit } from "./git.ts";

/** The commits that were asked for are not all there, or git finds a fault in them, or they come to too much. */
export class Unsound extends GitFailure {}

export interface Weight {
  /** Files and folders. */
  readonly entries: number;
  /** Of the list of them, which has all their names. */
  readonly list_bytes: number;
}

/** @returns null: it is more than that, or git has no room for it */
export async function countIn(git: Git, store: string, commit: string, most: Weight): Promise<Weight | null> {
  const seen = { entries: 0, list_bytes: 0 };
  const isMore = (): boolean => seen.entries > most.entries || seen.list_bytes > most.list_bytes;
  const result = await git(store, ["ls-tree", "-r", "-t", "-z", "--full-tree", commit], {
    isWalled: true,
    onStdout: (chunk) => {
      seen.list_bytes += chunk.length;
      for (let at = chunk.indexOf(0); at !== -1; at = chunk.indexOf(0, at + 1)) seen.entries++;
      return !isMore();
    },
  });
  if (isMore() || isOutOfRoom(result)) return null;
  if (result.code !== 0) throw new GitFailure("git ls-tree failed", result);
  return seen;
}

const NO_BOUND: Weight = { entries: Infinity, list_bytes: Infinity };

/** A git that was held to less memory than it wanted says so, or is ended where its folders lie too deep in each other. */
export const isOutOfRoom = ({ code, stderr }: { readonly code: number | null; readonly stderr: string }): boolean =>
  /out of memory|allocate memory|malloc failed|mmap failed/i.test(stderr) ||
  code === ENDED_BY_SIGXCPU ||
  (code === null && stderr === "");

/** As a box says it. */
const ENDED_BY_SIGXCPU = 128 + 24;

/** Those that were counted; what a commit comes to never changes. */
const light = new Set<string>();

/**
 * Refuses what an agent has made of a tree: more files and folders than what it is built on by so many. What the remote has on a branch is
 * the operator's own, however much it is. @throws Unsound
 */
export async function refuseOvergrown(git: Git, store: string, commit: string): Promise<void> {
  if (light.has(commit)) return;
  const most: Weight = { entries: TREE_ENTRIES_MAX, list_bytes: TREE_LIST_MAX_BYTES };
  if ((await countIn(git, store, commit, most)) === null) {
    const base = await builtOn(git, store, commit);
    if (base === "itself") return;
    const there = base === null ? null : await countIn(git, store, base, NO_BOUND);
    const allowed = there === null ? null : sum(most, there);
    if (allowed === null || (await countIn(git, store, commit, allowed)) === null) throw overgrown(commit);
  }
  if (light.size >= TREES_REMEMBERED_MAX) light.clear();
  light.add(commit);
}

/** The same, where it is only not to be looked at. */
export async function isOvergrown(git: Git, store: string, commit: string): Promise<boolean> {
  try {
    await refuseOvergrown(git, store, commit);
    return false;
  } catch (error) {
    if (error instanceof Unsound) return true;
    throw error;
  }
}

const sum = (one: Weight, other: Weight): Weight => ({
  entries: one.entries + other.entries,
  list_bytes: one.list_bytes + other.list_bytes,
});

function overgrown(commit: string): Unsound {
  const words = `${commit.slice(0, 12)} comes to more than ${TREE_ENTRIES_MAX} files and folders, or ${TREE_LIST_MAX_BYTES} bytes of their names, beside those that it is built on`;
  return new Unsound("its tree is too large", { code: 1, stdout: "", stderr: words });
}

/**
 * @returns a commit of the remote's that this one was made from, or one that came of it; `itself`: a branch of the remote's is there; null:
 * there is none
 */
export async function builtOn(git: Git, store: string, commit: string): Promise<string | null> {
  const args = ["rev-list", "--boundary", commit, "--not", "--glob=refs/heads/*"];
  const listed = await git(store, args, { isWalled: true, stdoutMax_bytes: GIT_OBJECTS_MAX_BYTES });
  if (listed.code === 0 && listed.stdout === "") {
    const one = async (how: string): Promise<string> =>
      (
        await mustGit(git, store, ["for-each-ref", "--count=1", "--format=%(objectname)", how, commit, "refs/heads"])
      ).trim();
    // In the middle of what was merged may be what nobody has looked at.
    return (await one("--points-at")) === "" ? (await one("--contains")) || null : "itself";
  }
  return /^-(\w+)$/m.exec(listed.stdout)?.[1] ?? null;
}
