/**
 * Copying commits from one folder to another through a git folder of our own, which has nothing of the first but its objects: no
 * configuration, hook or filter of an agent's is read.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { GIT_COPY_TIMEOUT_MS, GIT_FILE_IN_MEMORY_MAX_BYTES, GIT_REFS_MAX_BYTES } from "../limits.ts";
import { type ExecResult, exec } from "../processes/exec.ts";
import { type Git, GitFailure, mustGit } from "./git.ts";
import type { Foreign } from "./foreign.ts";
import { type RigFolders, isRealFolder, scratchName } from "./layout.ts";
import { borrowedFrom, linkIn } from "./links.ts";
import { isPartial, isShallow, shallowFileOf } from "./modes.ts";
import { waryGit } from "./untidy.ts";
import { Unsound, isOutOfRoom, refuseOvergrown } from "./weigh.ts";

/** A bare git folder without a template, and so without hooks. */
export function writeBareSkeleton(
  dir: string,
  alternates: readonly string[],
  config = "",
  head = "refs/heads/main",
): void {
  mkdirSync(path.join(dir, "objects", "info"), { recursive: true });
  mkdirSync(path.join(dir, "refs", "heads"), { recursive: true });
  writeFileSync(path.join(dir, "HEAD"), `ref: ${head}\n`);
  writeFileSync(
    path.join(dir, "config"),
    `[core]\n\trepositoryformatversion = 0\n\tbare = true\n[gc]\n\tauto = 0\n${config}`,
  );
  if (alternates.length > 0)
    writeFileSync(path.join(dir, "objects", "info", "alternates"), alternates.map((one) => `${one}\n`).join(""));
}

/** Runs a task with a git folder that shows these refs (name -> commit) of these objects. */
async function withReader<T>(
  folders: RigFolders,
  store: string,
  objects: string,
  refs: ReadonlyMap<string, string>,
  task: (reader: string) => Promise<T>,
): Promise<T> {
  const reader = scratchName(folders, "reader");
  const ours = path.join(store, "objects");
  const [partial, shallow] = [isPartial(store), isShallow(store)];
  try {
    // What an agent's clone does not borrow any more, and what its copy has not, is the store's.
    writeBareSkeleton(reader, objects === ours ? [objects] : [objects, ours], PACKING);
    if (shallow) copyFileSync(shallowFileOf(store), shallowFileOf(reader));
    // Work may name contents that nobody here has: a revert brings back a file without reading it.
    if (partial) writeFileSync(path.join(reader, "config"), readFileSync(path.join(store, "config"), "utf8") + PACKING);
    writeFileSync(path.join(reader, "packed-refs"), [...refs].map(([name, sha]) => `${sha} ${name}\n`).join(""));
    return await task(reader);
  } finally {
    rmSync(reader, { recursive: true, force: true });
  }
}

/**
 * It took too long, or this machine lacks something: what an agent made unreadable is not among it, nor is what would take more memory than
 * such a git may have.
 */
function isOurs(result: ExecResult): boolean {
  return !isOutOfRoom(result) && (result.code === null || OURS.test(result.stderr));
}

const OURS =
  /No space left|Disk quota|Read-only file system|insufficient permission|Too many open files|Resource temporarily/i;

/** What its reading end packs for us, which an agent may have made, takes little memory at a time. */
const PACKING = `[pack]\n\tthreads = 1\n\twindowMemory = ${GIT_FILE_IN_MEMORY_MAX_BYTES}\n`;

const FETCH = ["fetch", "--quiet", "--atomic", "--no-tags", "--no-write-fetch-head"];

/**
 * What a repository may have had for years, and harms nobody who does not look for it. All else that git finds wrong, which is folders
 * that nobody can check out, keeps work out.
 */
const TOLERATED = [
  "gitmodulesBlob",
  "gitmodulesLarge",
  "gitmodulesMissing",
  "gitmodulesName",
  "gitmodulesParse",
  "gitmodulesPath",
  "gitmodulesSymlink",
  "gitmodulesUpdate",
  "gitmodulesUrl",
  "gitattributesBlob",
  "gitattributesLarge",
  "gitattributesLineLength",
  "gitattributesMissing",
  "zeroPaddedFilemode",
  "missingEmail",
  "missingNameBeforeEmail",
  "missingSpaceBeforeEmail",
  "missingSpaceBeforeDate",
  "badDate",
  "badDateOverflow",
  "badEmail",
  "badName",
  "badTimezone",
  "zeroPaddedDate",
  "multipleAuthors",
  "badFilemode",
].flatMap((fault) => ["-c", `fetch.fsck.${fault}=ignore`]);

/** Of a blobless store git would fetch each file that a new folder names, to look whether it is one. */
function checked(store: string): string[] {
  return isPartial(store) ? [] : ["-c", "fetch.fsckObjects=true", ...TOLERATED];
}

/** How commits are taken that are not what an agent has made, but were here all along. */
export const AS_THEY_ARE = { checks: [], isWeighed: false } as const;

interface Taking {
  readonly checks: readonly string[];
  /** Whether what comes to too many files is refused. */
  readonly isWeighed: boolean;
}

/**
 * Copies commits, with all that they need, from somewhere into the store. A file `.git` in one of them would keep everybody from
 * checking it out, so their objects are checked first.
 * @param wanted ref in the store -> commit. Either all of the refs are written, or none.
 * @throws Unsound; GitFailure when it says nothing of the commits; Untidy
 */
export async function fetchFrom(
  git: Git,
  folders: RigFolders,
  store: string,
  from: Pick<Foreign, "objects" | "root">,
  wanted: ReadonlyMap<string, string>,
  taking: Taking = { checks: checked(store), isWeighed: true },
): Promise<void> {
  if (wanted.size === 0) return;
  refuseElsewhere(from.objects, store);
  const copy = await ownCopy(git, folders, store, from);
  try {
    await fetchObjects(git, folders, store, copy ?? from, wanted, taking);
  } finally {
    if (copy !== null) rmSync(copy.root, { recursive: true, force: true });
  }
}

async function fetchObjects(
  git: Git,
  folders: RigFolders,
  store: string,
  { objects, root }: Pick<Foreign, "objects" | "root">,
  wanted: ReadonlyMap<string, string>,
  { checks, isWeighed }: Taking,
): Promise<void> {
  const refs = [...wanted].map(([to, sha], n) => ({ sha, at: `refs/wanted/${n}`, to }));
  const shown = new Map(refs.map(({ at, sha }) => [at, sha]));
  const result = await withReader(folders, store, objects, shown, (reader) =>
    waryGit(git, path.dirname(objects))(
      store,
      ["-c", "core.fsync=all", ...checks, ...FETCH, ...alone(git, store, [reader, root]), "--stdin", reader],
      {
        timeout_ms: GIT_COPY_TIMEOUT_MS,
        isWalled: true,
        // Objects alone: a ref is what the next start, or a look at the diff, goes by.
        input: refs.map(({ at }) => `${at}\n`).join(""),
      },
    ),
  );
  if (result.code !== 0) throw new (isOurs(result) ? GitFailure : Unsound)("git fetch failed", result);
  if (isWeighed) for (const sha of new Set(wanted.values())) await refuseOvergrown(git, store, sha);
  await mustGit(git, store, ["-c", "core.fsync=all", "update-ref", "--stdin"], {
    input: refs.map(({ to, sha }) => `update ${to} ${sha}\n`).join(""),
  });
}

/**
 * What an agent links, or borrows, would be read as this server may read it. Looked at for what says why; what it changes meanwhile
 * leads nowhere in a box, where the way to the objects is gone by git, and not by who makes the box. @throws Unsound
 */
function refuseElsewhere(objects: string, store: string): void {
  const found = objects === path.join(store, "objects") ? null : (linkIn(objects) ?? borrowedFrom(objects, store));
  if (found !== null)
    throw new Unsound("its objects lead elsewhere", { code: 1, stdout: "", stderr: `fatal: there is ${found}` });
}

/**
 * Of a blobless store the reading end of a fetch is in no box. It reads what a box has copied, which no agent writes.
 * @returns null: nothing is to be copied @throws Unsound
 */
async function ownCopy(
  { reading }: Git,
  folders: RigFolders,
  store: string,
  { objects, root }: Pick<Foreign, "objects" | "root">,
): Promise<Pick<Foreign, "objects" | "root"> | null> {
  if (reading === null || !isPartial(store)) return null;
  const copy = { root: scratchName(folders, "objects"), objects: "" };
  mkdirSync(copy.root);
  copy.objects = path.join(copy.root, "objects");
  const [program = "", ...args] = reading({ readable: [root], writable: [copy.root] }, [
    "cp",
    "--recursive",
    "--no-dereference",
    "--",
    objects,
    copy.objects,
  ]);
  const result = await exec(program, args, { cwd: "/", env: hostPath(), timeout_ms: GIT_COPY_TIMEOUT_MS });
  try {
    if (result.code !== 0 || !isRealFolder(copy.objects)) throw new Unsound("its objects cannot be copied", result);
    refuseElsewhere(copy.objects, store);
    return copy;
  } catch (error) {
    rmSync(copy.root, { recursive: true, force: true });
    throw error;
  }
}

const hostPath = (): Record<string, string> => ({ PATH: process.env["PATH"] ?? "", LC_ALL: "C" });

/** The reading end of a fetch sees these and the store's objects, and nothing else of this machine. */
function alone(git: Git, store: string, readable: readonly string[]): string[] {
  // What a blobless store has not is asked of the remote, which takes all that this server reaches it by: of a copy.
  if (git.reading === null || isPartial(store)) return [];
  const seen = { readable: [...readable, path.join(store, "objects")] };
  const program = git.reading(seen, ["git", "upload-pack"]);
  return [`--upload-pack=${program.map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(" ")}`];
}

/**
 * Copies the remote's branches, as the store knows them, and one commit into a clone that does not borrow. @throws GitFailure
 */
export async function copyInto(git: Git, folders: RigFolders, clone: string, start: string | null): Promise<void> {
  const { store } = folders;
  const listed = await git(store, ["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags"], {
    stdoutMax_bytes: GIT_REFS_MAX_BYTES,
  });
  const refs = listed.stdout.split("\n").flatMap((line): [string, string][] => {
    const [sha = "", name = ""] = line.split(" ");
    return name === "" ? [] : [[name, sha]];
  });
  const specs = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
  const shown = new Map([...refs, ...(start === null ? [] : [["refs/start", start] as const])]);
  const result = await withReader(folders, store, path.join(store, "objects"), shown, (reader) => {
    const fetch = ["fetch", "--quiet", "--prune", "--no-write-fetch-head", "--update-shallow", reader, ...specs];
    return git(clone, start === null ? fetch : [...fetch, "refs/start"], { timeout_ms: GIT_COPY_TIMEOUT_MS });
  });
  if (result.code !== 0) throw new GitFailure("git fetch failed", result);
}

/** Copies one commit, without its history, into a new git folder. @throws GitFailure */
export async function copyOne(git: Git, folders: RigFolders, clone: string, commit: string): Promise<void> {
  const { store } = folders;
  const shown = new Map([["refs/wanted/0", commit]]);
  const result = await withReader(folders, store, path.join(store, "objects"), shown, (reader) =>
    git(clone, [...FETCH, "--depth=1", reader, "refs/wanted/0"], { timeout_ms: GIT_COPY_TIMEOUT_MS }),
  );
  if (result.code !== 0) throw new GitFailure("git fetch failed", result);
}

/** Whether clones must have copies of what is in the store: git cannot borrow from one whose history was cut. */
export function mustCopy(folders: RigFolders): boolean {
  return isShallow(folders.store);
}
