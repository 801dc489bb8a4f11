/**
 * What an agent's git folder says, read as plain files. Its configuration, hooks and filters are the agent's, so no git of
 * ours runs in it; its commits are copied by reader.ts.
 */
import { readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { FOREIGN_REFS_MAX, REF_FILE_MAX_BYTES } from "../limits.ts";
import { isRealFolder, liesThere } from "./layout.ts";

export interface Foreign {
  /** Where its objects are. */
  readonly objects: string;
  readonly head: { readonly branch: string | null; readonly commit: string | null };
  /** Its branches and their tips. */
  readonly heads: ReadonlyMap<string, string>;
  /** What git is in the middle of: merge, rebase, cherry-pick, revert, bisect, am; null: nothing. */
  readonly operation: string | null;
  /** The lock file that a git left which was killed here. */
  readonly lock: string | null;
}

const SHA = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

const OPERATIONS: readonly (readonly [string, string])[] = [
  ["MERGE_HEAD", "merge"],
  ["rebase-merge", "rebase"],
  ["rebase-apply", "rebase"],
  ["CHERRY_PICK_HEAD", "cherry-pick"],
  ["REVERT_HEAD", "revert"],
  ["BISECT_LOG", "bisect"],
];

/** @returns null for what is no plain clone any more: gone, a link, or a git folder of another kind. */
export function readClone(clone: string): Foreign | null {
  const gitDir = path.join(clone, ".git");
  if (!isRealFolder(path.dirname(clone)) || !isRealFolder(clone) || !isRealFolder(gitDir)) return null;
  // With a commondir its configuration, objects and refs would be somewhere else.
  return liesThere(path.join(gitDir, "commondir")) ? null : readGitDir(gitDir, gitDir);
}

/** @param common where refs and objects are: another folder than gitDir for a linked worktree @returns null: not readable */
export function readGitDir(gitDir: string, common: string): Foreign | null {
  const objects = path.join(common, "objects");
  if (!isRealFolder(gitDir) || !isRealFolder(objects)) return null;
  try {
    const refs = readRefs(common, "refs/heads/");
    const text = readSmall(path.join(gitDir, "HEAD")).trim();
    const branch = /^ref: refs\/heads\/(.+)$/.exec(text)?.[1] ?? null;
    if (branch === null && !SHA.test(text)) return null;
    return {
      objects,
      head: { branch, commit: branch === null ? text : (refs.found.get(branch) ?? null) },
      heads: refs.found,
      operation: OPERATIONS.find(([file]) => liesThere(path.join(gitDir, file)))?.[1] ?? null,
      lock:
        lockIn(gitDir, ["index.lock", "HEAD.lock", "config.lock"]) ?? lockIn(common, ["packed-refs.lock"]) ?? refs.lock,
    };
  } catch {
    return null;
  }
}

function lockIn(dir: string, names: readonly string[]): string | null {
  return names.find((name) => liesThere(path.join(dir, name))) ?? null;
}

/** Refs below a prefix, without it. @throws Error when they are too many, or not plain files */
export function readRefs(common: string, prefix: string): { found: Map<string, string>; lock: string | null } {
  const found = new Map<string, string>();
  let lock: string | null = null;
  const packed = path.join(common, "packed-refs");
  if (liesThere(packed)) {
    for (const line of readSmall(packed).split("\n")) {
      const [sha = "", ref = ""] = line.split(" ");
      if (SHA.test(sha) && ref.startsWith(prefix)) found.set(ref.slice(prefix.length), sha);
    }
  }
  const visit = (dir: string, name: string): void => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      const inner = name + entry.name;
      if (entry.isDirectory()) visit(path.join(dir, entry.name), `${inner}/`);
      else if (entry.name.endsWith(".lock")) lock = prefix + inner;
      else if (entry.isFile()) {
        const sha = readSmall(path.join(dir, entry.name)).trim();
        if (SHA.test(sha)) found.set(inner, sha);
      }
      if (found.size > FOREIGN_REFS_MAX) throw new Error(`more than ${FOREIGN_REFS_MAX} refs`);
    }
  };
  const loose = path.join(common, prefix);
  if (isRealFolder(loose)) visit(loose, "");
  return { found, lock };
}

function readSmall(file: string): string {
  const { size } = statSync(file);
  if (size > REF_FILE_MAX_BYTES) throw new Error(`${file} is larger than ${REF_FILE_MAX_BYTES} bytes`);
  return readFileSync(file, "utf8");
}
