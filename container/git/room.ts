/**
 * What a checkout of a commit would write, added up before it is made: one file that is in a commit under a thousand names is a thousand
 * files, and so is a large one of git-lfs. What is written is the server's doing, and no watcher looks at it meanwhile.
 */
import { statSync } from "node:fs";
import { LFS_BATCH, LFS_POINTER_MAX_BYTES, ROOMS_REMEMBERED_MAX } from "../limits.ts";
import { Refusal } from "../refusal.ts";
import { type Git, GitFailure, mustGit } from "./git.ts";
import { contentOf, hasLfs, usesLfs } from "./lfs.ts";
import { builtOn, isOutOfRoom } from "./weigh.ts";

/** What a clone may hold at most; null: as much as there is. */
export interface Room {
  readonly bytes: number | null;
  readonly files: number | null;
}

/** Those of a commit never change. */
const known = new Map<string, { readonly bytes: number; readonly files: number }>();

/**
 * @param tree a commit, or the id of a tree, which the store has with the contents of all its files
 * @returns why it cannot be checked out, in words; null: it can @throws GitFailure
 */
export async function whyNoRoom(git: Git, store: string, tree: string): Promise<string | null> {
  const { room } = git;
  if (room.bytes === null && room.files === null) return null;
  const size = known.get(tree) ?? (await sizeOf(git, store, tree));
  const why = tooLarge(size, room);
  if (why !== null) return `the files of ${tree.slice(0, 12)} would be ${why}`;
  if (known.size >= ROOMS_REMEMBERED_MAX) known.clear();
  if (ID.test(tree)) known.set(tree, size);
  return null;
}

/**
 * Before a commit is checked out for an agent. @throws Refusal 422 too_large, and limits_failed where it is none of an agent's making;
 * GitFailure
 */
export async function refuseWithoutRoom(git: Git, store: string, commit: string): Promise<void> {
  const why = await whyNoRoom(git, store, commit);
  if (why === null) return;
  const isRemotes = (await builtOn(git, store, commit)) === "itself";
  throw new Refusal(422, isRemotes ? "limits_failed" : "too_large", `${why}: nothing is checked out`);
}

const ID = /^[0-9a-f]{40}([0-9a-f]{24})?$/;
const mib = (bytes: number): number => Math.ceil(bytes / 1024 / 1024);

function tooLarge(size: Size, room: Room): string | null {
  if (room.files !== null && size.files > room.files)
    return `more than the ${room.files} that one agent may have (AGENT_DISK_FILES)`;
  if (room.bytes !== null && size.bytes > room.bytes)
    return `more than the ${mib(room.bytes)} MiB that one agent may have (AGENT_DISK_BYTES)`;
  return null;
}

interface Size {
  readonly bytes: number;
  readonly files: number;
}

/** As far as it is not more than there is room for. */
async function sizeOf(git: Git, store: string, tree: string): Promise<Size> {
  const isLarge = hasLfs(git) && (await usesLfs(git, store, tree));
  const growth = await growthOf(git, store, tree);
  const seen = { bytes: 0, files: 0 };
  const pointers = new Map<string, number>();
  let rest = "";
  const take = (entry: string): void => {
    const [, type = "", id = "", size = ""] = /^\d+ (\w+) (\w+) +(\S+)\t/.exec(entry) ?? [];
    seen.files++;
    if (type !== "blob") return;
    const bytes = Number(size);
    seen.bytes += bytes * growth;
    if (isLarge && bytes <= LFS_POINTER_MAX_BYTES) pointers.set(id, (pointers.get(id) ?? 0) + 1);
  };
  const result = await git(store, ["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", tree], {
    isWalled: true,
    onStdout: (chunk) => {
      const entries = (rest + chunk.toString("latin1")).split("\0");
      rest = entries.pop() ?? "";
      entries.forEach(take);
      return tooLarge(seen, git.room) === null;
    },
  });
  if (tooLarge(seen, git.room) !== null) return seen;
  if (isOutOfRoom(result)) return { bytes: Infinity, files: Infinity };
  if (result.code !== 0) throw new GitFailure("git ls-tree failed", result);
  return { ...seen, bytes: seen.bytes + (await contentsOf(git, store, pointers)) };
}

/** Of large files, as often as each is there; a pointer may say what it likes of their size. */
async function contentsOf(git: Git, store: string, pointers: ReadonlyMap<string, number>): Promise<number> {
  let bytes = 0;
  const ids = [...pointers.keys()];
  for (let n = 0; n < ids.length; n += LFS_BATCH) {
    const some = ids.slice(n, n + LFS_BATCH);
    const text = await mustGit(git, store, ["cat-file", "--batch"], { input: some.map((id) => `${id}\n`).join("") });
    let times = 0;
    for (const [, blob, oid = ""] of text.matchAll(POINTERS)) {
      if (blob !== undefined) times = pointers.get(blob) ?? times;
      else bytes += times * (statSync(contentOf(store, oid), { throwIfNoEntry: false })?.size ?? 0);
    }
  }
  return bytes;
}

/** A blob begins, or names a content; git-lfs takes pointers of older versions as well. */
const POINTERS = /^(\w+) blob \d+$|^oid sha256:([0-9a-f]{64})$/gm;

/** What an attribute can make of each byte at a checkout, at worst: `$Id$` becomes 47, a letter of UTF-7 five, an end of line two. */
const GROWTH: readonly (readonly [RegExp, number])[] = [
  [/\bident\b/, 12],
  [/\bworking-tree-encoding\b/, 8],
  [/\bcrlf\b/i, 2],
];

async function growthOf(git: Git, store: string, tree: string): Promise<number> {
  const words = ["-e", "ident", "-e", "working-tree-encoding", "-e", "crlf"];
  const args = ["grep", "-h", "-o", "-i", "-w", ...words, tree, "--", ":(top,glob)**/.gitattributes"];
  const { stdout } = await git(store, args, { isWalled: true });
  return GROWTH.reduce((all, [word, times]) => (word.test(stdout) ? all * times : all), 1);
}
