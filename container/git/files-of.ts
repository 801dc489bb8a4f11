/** How the files of an agent's clone differ from a commit: seen with the store's git folder and an index of our own. */
import { existsSync, lstatSync, mkdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readPlain } from "../files.ts";
import { PRINTED_TOO_MUCH } from "../processes/exec.ts";
import { EXCLUDES_MAX_BYTES, GIT_CHECKOUT_TIMEOUT_MS, LEFTOVER_MAX_BYTES, NORMALISED_FILES_MAX } from "../limits.ts";
import { bringInto } from "./bring.ts";
import { type Git, GitFailure, type GitOptions, mustGit } from "./git.ts";
import { filterArgs } from "./lfs.ts";
import { isPartial } from "./modes.ts";
import { Untidy, waryGit } from "./untidy.ts";
import { type RigFolders, copyIndex, isRealFolder, scratchName } from "./layout.ts";
import { isOutOfRoom, refuseOvergrown } from "./weigh.ts";

export interface Files {
  /** Tracked files that are changed, deleted or added. */
  readonly changed: readonly string[];
  /** Neither tracked nor ignored; a folder of such files is one entry that ends with /. */
  readonly untracked: readonly string[];
}

/** Runs tasks on the files of one folder with the store's git folder; nothing of the folder's own git is read. */
export interface Onlooker {
  readonly files: () => Promise<Files>;
  /** Keeps all that is not ignored. @returns the tree @throws Untidy when there is too much */
  readonly snapshot: () => Promise<{ tree: string; nested: string[] }>;
  readonly close: () => void;
}

/**
 * @param work the folder with the files
 * @param commit what they are compared with; it must be in the store
 * @param index an index of ours that knows the files' times, or null: then every file is read
 * @param exclude the agent's own list of ignored files
 * @throws Untidy; Unsound when the commit comes to too many files; GitFailure
 */
export async function lookAt(
  git: Git,
  folders: RigFolders,
  { work, commit, index, exclude }: { work: string; commit: string; index: string | null; exclude: string },
): Promise<Onlooker> {
  if (!isRealFolder(work)) throw new Untidy(`${work} is not a folder`);
  await refuseOvergrown(git, folders.store, commit);
  const own = scratchName(folders, "look");
  mkdirSync(path.join(own, "objects"), { recursive: true });
  const [mine, excludes] = [path.join(own, "index"), path.join(own, "excludes")];
  if (index !== null && existsSync(index)) copyIndex(index, mine);
  writeFileSync(excludes, await ignoredNames(git, folders, exclude));
  const env = { GIT_DIR: folders.store, GIT_WORK_TREE: work, GIT_INDEX_FILE: mine };
  const told = ["core.bare=false", `core.excludesFile=${excludes}`, "diff.ignoreSubmodules=dirty"];
  const settings = [...told.flatMap((one) => ["-c", one]), ...filterArgs(git)];
  const apart = besides(folders, own);
  const runIn =
    (more: Pick<GitOptions, "seen">, extra: readonly string[] = []) =>
    (args: readonly string[], input?: string): ReturnType<Git> =>
      waryGit(git, work)(work, [...settings, ...extra, ...args], {
        env: { ...env, ...(more.seen === undefined ? {} : apart) },
        timeout_ms: GIT_CHECKOUT_TIMEOUT_MS,
        isWalled: true,
        ...more,
        ...(input === undefined ? {} : { input }),
      });
  const must = mustBy(runIn({}));
  // Its agent may be at work still, and exchange a folder for a link while it is gone through. What a blobless store has not is asked for.
  const isApart = git.reading !== null && !isPartial(folders.store);
  const see = isApart
    ? runIn({ seen: { readable: [folders.store, work], writable: [own] } }, [
        "-c",
        `lfs.storage=${path.join(own, "lfs")}`,
      ])
    : runIn({});
  const mustSee = mustBy(see);
  const close = (): void => rmSync(own, { recursive: true, force: true });
  try {
    // Entries that are the same in commit and index keep the times of their files. -i: the files may be newer than both.
    await must(existsSync(mine) ? ["read-tree", "-i", "-m", commit] : ["read-tree", commit]);
  } catch (error) {
    close();
    throw error;
  }
  let untouched: readonly Entry[] = [];
  return {
    files: async () => {
      const said = await mustSee(["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal"]);
      const { changed, untracked } = filesIn(said);
      untouched = await untouchedOf(work, changed, mustSee);
      const names = new Set(untouched.map(({ name }) => name));
      return { changed: changed.filter((name) => !names.has(name)), untracked };
    },
    snapshot: async () => {
      const listed = await see(["ls-files", "--others", "--exclude-standard", "-z"]);
      if (listed.code === null) throw new Untidy("has more untracked files than can be kept");
      if (listed.code !== 0) throw new GitFailure("git ls-files failed", listed);
      const untracked = listed.stdout.split("\0").filter((name) => name !== "");
      // A folder with a git of its own is not this repository's; git would refuse it, or keep but its name.
      const nested = untracked.filter((name) => name.endsWith("/"));
      const files = untracked.filter((name) => !name.endsWith("/"));
      checkSize(work, files);
      await mustSee(["add", "--update", "."]);
      const entries = untouched.map(({ mode, id, name }) => `${mode} ${id}\t${name}\0`);
      if (entries.length > 0) await mustSee(["update-index", "-z", "--index-info"], entries.join(""));
      if (files.length > 0)
        await mustSee(["update-index", "--add", "-z", "--stdin"], files.map((name) => `${name}\0`).join(""));
      const tree = (await mustSee(["write-tree"])).trim();
      if (isApart) bringInto(folders.store, own);
      return { tree, nested };
    },
    close,
  };
}

/** The store is only read in a box; what is written beside it is brought into it. */
const besides = ({ store }: RigFolders, own: string): Record<string, string> => ({
  GIT_OBJECT_DIRECTORY: path.join(own, "objects"),
  GIT_ALTERNATE_OBJECT_DIRECTORIES: path.join(store, "objects"),
});

type Run = (args: readonly string[], input?: string) => ReturnType<Git>;

const mustBy =
  (run: Run) =>
  async (args: readonly string[], input?: string): Promise<string> => {
    const result = await run(args, input);
    if (isOutOfRoom(result)) throw new Untidy("has files that take more memory, or time, than looking at them may");
    if (result.code === null && result.stderr.endsWith(PRINTED_TOO_MUCH))
      throw new Untidy("has more changed files than can be listed");
    if (result.code !== 0) throw new GitFailure(`git ${args[0]} failed`, result);
    return result.stdout;
  };

function filesIn(status: string): Files {
  const entries = status.split("\0").filter((entry) => entry !== "");
  return {
    // The first letter is about the store's HEAD, which is nobody's; the second about the files.
    changed: entries.filter((entry) => !entry.startsWith("??") && entry[1] !== " ").map((entry) => entry.slice(3)),
    untracked: entries.filter((entry) => entry.startsWith("??")).map((entry) => entry.slice(3)),
  };
}

interface Entry {
  readonly mode: string;
  readonly id: string;
  readonly name: string;
}

/**
 * Files that git would store otherwise than they are committed, as those with CRLF where an attribute says `text`: git says that they are
 * changed as soon as it has to read them. What is byte for byte as it was committed was changed by nobody.
 */
async function untouchedOf(
  work: string,
  changed: readonly string[],
  must: (args: readonly string[], input?: string) => Promise<string>,
): Promise<Entry[]> {
  const isPlain = (name: string): boolean =>
    !name.includes("\n") && (lstatSync(path.join(work, name), { throwIfNoEntry: false })?.isFile() ?? false);
  const names = changed.filter(isPlain);
  if (names.length === 0 || names.length > NORMALISED_FILES_MAX) return [];
  const listed = await must(["ls-files", "--stage", "-z", "--", ...names.map((name) => `:(top,literal)${name}`)]);
  const ids = (await must(["hash-object", "--no-filters", "--stdin-paths"], `${names.join("\n")}\n`)).split("\n");
  const now = new Map(names.map((name, n) => [name, ids[n]]));
  return listed.split("\0").flatMap((line) => {
    const [, mode = "", id = "", name = ""] = /^(\d+) (\w+) 0\t(.+)$/s.exec(line) ?? [];
    const runs = name !== "" && (lstatSync(path.join(work, name)).mode & 0o100) !== 0;
    return id !== "" && now.get(name) === id && mode === (runs ? "100755" : "100644") ? [{ mode, id, name }] : [];
  });
}

/** @throws Untidy when the files have more than LEFTOVER_MAX_BYTES together */
export function checkSize(work: string, files: readonly string[]): void {
  let bytes = 0;
  for (const name of files) {
    bytes += lstatSync(path.join(work, name), { throwIfNoEntry: false })?.size ?? 0;
    if (bytes > LEFTOVER_MAX_BYTES) throw new Untidy(`has more than ${LEFTOVER_MAX_BYTES} bytes of untracked files`);
  }
}

/** What the operator ignores everywhere, and what the agent ignores in its clone. */
async function ignoredNames(git: Git, folders: RigFolders, exclude: string): Promise<string> {
  const asked = await git(folders.store, ["config", "--type=path", "--get", "core.excludesFile"]);
  const global = asked.code === 0 ? asked.stdout.trim() : path.join(process.env["HOME"] ?? "/", ".config/git/ignore");
  // The operator may keep it elsewhere, with a link here; an agent may not.
  return [existsSync(global) ? realpathSync(global) : global, exclude].map(readIfSmall).join("\n");
}

function readIfSmall(file: string): string {
  try {
    return readPlain(file, EXCLUDES_MAX_BYTES);
  } catch {
    return "";
  }
}

/** The tree of a commit. */
export function treeOf(git: Git, store: string, commit: string): Promise<string> {
  return mustGit(git, store, ["rev-parse", "--verify", `${commit}^{tree}`]);
}
