/**
 * What an agent's git folder says, read as plain files. Its configuration, hooks and filters are the agent's, so no git of
 * ours runs in it; its commits are copied by reader.ts.
 */
import { type Dirent, readdirSync } from "node:fs";
import path from "node:path";
import { readPlain } from "../files.ts";
import { FOREIGN_REFS_MAX, GIT_REFS_MAX_BYTES, REF_FILE_MAX_BYTES } from "../limits.ts";
import { isRealFolder, liesThere } from "./layout.ts";

export interface Foreign {
  /** Where its objects are. */
  readonly objects: string;
  /** The folder with all of it that an agent in a box cannot exchange for another one: what lies in it, it can at any moment. */
  readonly root: string;
  readonly head: {
    readonly branch: string | null;
    readonly commit: string | null;
    /** Whether git itself can read it: where not, its commits are there all the same. */
    readonly sound: boolean;
  };
  /** Its branches and their tips. */
  readonly heads: ReadonlyMap<string, string>;
  /** What git is in the middle of: merge, rebase, cherry-pick, revert, bisect, am; null: nothing. */
  readonly operation: string | null;
  /** The lock file that a git left which was killed here. */
  readonly lock: string | null;
}

const SHA = /^[0-9a-f]{40}([0-9a-f]{24})?$/;
/** A branch, or one that is another name of it. */
const BRANCH_REF = /^ref: refs\/heads\/(.+)$/;
const SYMBOLIC_STEPS_MAX = 5;

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
  return liesThere(path.join(gitDir, "commondir")) ? null : readGitDir(gitDir, gitDir, clone);
}

/** In words for its agent, what a clone that cannot be read has come to. */
export function faultOf(clone: string): string {
  const gitDir = path.join(clone, ".git");
  if (!liesThere(gitDir)) return ".git is gone";
  if (!isRealFolder(gitDir)) return ".git is no folder any more";
  if (liesThere(path.join(gitDir, "commondir"))) return ".git is a part of another repository";
  return isRealFolder(path.join(gitDir, "objects")) ? "its branches cannot be read" : ".git/objects is no folder";
}

/** @param common where refs and objects are: another folder than gitDir for a linked worktree @returns null: not readable */
export function readGitDir(gitDir: string, common: string, root = common): Foreign | null {
  const objects = path.join(common, "objects");
  if (!isRealFolder(gitDir) || !isRealFolder(objects)) return null;
  try {
    const refs = readRefs(common, "refs/heads/");
    return {
      objects,
      root,
      head: readHead(gitDir, refs.found),
      heads: refs.found,
      operation: OPERATIONS.find(([file]) => liesThere(path.join(gitDir, file)))?.[1] ?? null,
      lock:
        lockIn(gitDir, ["index.lock", "HEAD.lock", "config.lock"]) ?? lockIn(common, ["packed-refs.lock"]) ?? refs.lock,
    };
  } catch {
    return null;
  }
}

function readHead(gitDir: string, heads: ReadonlyMap<string, string>): Foreign["head"] {
  let text = "";
  try {
    text = readPlain(path.join(gitDir, "HEAD"), REF_FILE_MAX_BYTES).trim();
  } catch {
    // As one that says nothing.
  }
  const branch = BRANCH_REF.exec(text)?.[1] ?? null;
  if (branch !== null) return { branch, commit: heads.get(branch) ?? null, sound: true };
  return { branch: null, commit: SHA.test(text) ? text : null, sound: text.startsWith("ref: refs/") || SHA.test(text) };
}

function lockIn(dir: string, names: readonly string[]): string | null {
  return names.find((name) => liesThere(path.join(dir, name))) ?? null;
}

/**
 * Refs below a prefix, without it.
 * @param most refs that are looked at, and files and folders of them
 * @throws Error when they are too many, or not plain files in plain folders
 */
export function readRefs(
  common: string,
  prefix: string,
  most = FOREIGN_REFS_MAX,
): { found: Map<string, string>; lock: string | null } {
  const found = new Map<string, string>();
  const others = new Map<string, string>();
  let lock: string | null = null;
  let seen = 0;
  const checkNumber = (): void => {
    if (seen > most || found.size > most) throw new Error(`more than ${most} refs`);
  };
  const packed = path.join(common, "packed-refs");
  if (liesThere(packed)) {
    for (const line of readPlain(packed, GIT_REFS_MAX_BYTES).split("\n")) {
      const [sha = "", ref = ""] = line.split(" ");
      if (SHA.test(sha) && ref.startsWith(prefix)) found.set(ref.slice(prefix.length), sha);
      checkNumber();
    }
  }
  const take = (dir: string, entry: Dirent, name: string): void => {
    if (entry.name.endsWith(".lock")) lock = prefix + name;
    if (entry.name.endsWith(".lock") || !entry.isFile()) return;
    const text = readPlain(path.join(dir, entry.name), REF_FILE_MAX_BYTES).trim();
    const other = BRANCH_REF.exec(text)?.[1];
    if (SHA.test(text)) found.set(name, text);
    else if (other !== undefined) others.set(name, other);
  };
  const visit = (dir: string, name: string): void => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      seen++;
      checkNumber();
      if (entry.isDirectory()) visit(path.join(dir, entry.name), `${name}${entry.name}/`);
      else take(dir, entry, name + entry.name);
      checkNumber();
    }
  };
  const loose = path.resolve(common, prefix);
  for (const folder of [path.join(common, "refs"), loose])
    if (liesThere(folder) && !isRealFolder(folder)) throw new Error(`${folder} is no folder`);
  if (isRealFolder(loose)) visit(loose, "");
  if (prefix === "refs/heads/") followNames(found, others);
  return { found, lock };
}

/** A branch that is another name of a branch has its tip. */
function followNames(found: Map<string, string>, others: ReadonlyMap<string, string>): void {
  for (const name of others.keys()) {
    let at: string | undefined = name;
    for (let n = 0; n < SYMBOLIC_STEPS_MAX && at !== undefined && others.has(at); n++) at = others.get(at);
    const tip = at === undefined || others.has(at) ? undefined : found.get(at);
    if (tip === undefined) found.delete(name);
    else found.set(name, tip);
  }
}
