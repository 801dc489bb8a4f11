/**
 * Large files, where the repository keeps them with git-lfs: git has a pointer, and the content is beside it. The store has the
 * contents of what was checked out and of what was handed in; a push uploads them first.
 */
import { createHash } from "node:crypto";
import { closeSync, constants, createReadStream, existsSync } from "node:fs";
import { copyFile, rm } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { openBeneath } from "../files.ts";
import { GIT_COPY_TIMEOUT_MS, GIT_OBJECTS_MAX_BYTES, LFS_BATCH, LFS_POINTER_MAX_BYTES } from "../limits.ts";
import { Refusal } from "../refusal.ts";
import { type Git, lastWords, mustGit } from "./git.ts";
import { type RigFolders, moveTo, scratchName } from "./layout.ts";
import { lineOf } from "./user-config.ts";

/** Whether large files are looked after: the rig wants it, and git-lfs is installed. */
export function hasLfs(git: Git): boolean {
  return git.place.lfs === "auto" && isInstalled();
}

function isInstalled(): boolean {
  return (process.env["PATH"] ?? "").split(path.delimiter).some((folder) => existsSync(path.join(folder, "git-lfs")));
}

/** Ours, and never an agent's: a filter is a program. */
const FILTER: readonly (readonly [string, string])[] = [
  ["filter.lfs.clean", "git-lfs clean -- %f"],
  ["filter.lfs.smudge", "git-lfs smudge -- %f"],
  ["filter.lfs.process", "git-lfs filter-process"],
  ["filter.lfs.required", "true"],
  ["lfs.locksverify", "false"],
];

/** The operator's own configuration may say otherwise, for all that is not said here. */
const NO_FILTER: typeof FILTER = [
  ["filter.lfs.clean", ""],
  ["filter.lfs.smudge", ""],
  ["filter.lfs.process", ""],
  ["filter.lfs.required", "false"],
];

/**
 * For a checkout of ours: large files are what the store has of them, and else stay pointers. Where else they might be is said by files of
 * the commit itself (`.lfsconfig`), and so by an agent. https://github.com/git-lfs/git-lfs/blob/main/docs/man/git-lfs-config.adoc
 */
export const FROM_STORE_ALONE = ["-c", "lfs.url=nowhere://", "-c", "lfs.skipdownloaderrors=true"] as const;

function filterOf(git: Git): typeof FILTER {
  if (git.place.lfs === "off") return NO_FILTER;
  return isInstalled() ? FILTER : [];
}

/** The configuration of a clone. */
export function filterLines(git: Git): string[] {
  return filterOf(git).map(([key, value]) => lineOf({ key, value }));
}

/** The same for one command. */
export function filterArgs(git: Git): string[] {
  return filterOf(git).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
}

/** Whether a commit says of any file that it is a large one. */
export async function usesLfs(git: Git, store: string, commit: string): Promise<boolean> {
  if (git.place.lfs !== "auto") return false;
  const args = ["grep", "--quiet", "-F", "-e", "filter=lfs", commit, "--", ":(top,glob)**/.gitattributes"];
  return (await git(store, args)).code === 0;
}

/**
 * Brings the store the large files of a commit. @returns a warning, where they stay pointers
 * @throws Refusal 422 remote_unreachable when the remote does not give them
 */
export async function fetchLfs(git: Git, store: string, commit: string): Promise<string | null> {
  if (!(await usesLfs(git, store, commit))) return null;
  if (!hasLfs(git)) return "the repository keeps large files with git-lfs, which is not installed: they stay pointers";
  const fetched = await git(store, ["lfs", "fetch", "origin", commit], { timeout_ms: git.place.clone_timeout_ms });
  if (fetched.code === 0) return null;
  throw new Refusal(
    422,
    "remote_unreachable",
    `the large files could not be fetched: ${lastWords(fetched)}. Where they are nowhere, set the rig's lfs to off: they stay pointers`,
  );
}

/** The large files of all commits that are new with this one: the digest of each content. */
async function newLfs(git: Git, store: string, commit: string): Promise<string[]> {
  const filter = [`--filter=blob:limit=${LFS_POINTER_MAX_BYTES + 1}`, "--filter=object:type=blob"];
  const args = ["rev-list", "--objects", "--no-object-names", ...filter, "--filter-provided-objects", commit];
  // The remote has the contents of its own branches.
  const listed = await mustGit(git, store, [...args, "--not", "--glob=refs/heads/*"], {
    stdoutMax_bytes: GIT_OBJECTS_MAX_BYTES,
    timeout_ms: GIT_COPY_TIMEOUT_MS,
  });
  const blobs = listed.split("\n").filter(Boolean);
  const found = new Set<string>();
  for (let n = 0; n < blobs.length; n += LFS_BATCH) {
    const input = blobs
      .slice(n, n + LFS_BATCH)
      .map((blob) => `${blob}\n`)
      .join("");
    const text = await mustGit(git, store, ["cat-file", "--batch"], { input });
    for (const [, id = ""] of text.matchAll(POINTER)) found.add(id);
  }
  return [...found];
}

/** What is no pointer but holds the text of one leads to nothing: no file has that name. */
const POINTER = /^version https:\/\/git-lfs\.github\.com\/spec\/v1\n(?:ext-.*\n)*oid sha256:([0-9a-f]{64})$/gm;

/** Where a git folder has the content of a large file, if it has it. */
export const contentOf = (gitDir: string, id: string): string =>
  path.join(gitDir, "lfs", "objects", id.slice(0, 2), id.slice(2, 4), id);

/** Takes the contents of new large files out of an agent's clone into the store; each is what its name says. */
export async function keepLfs(git: Git, folders: RigFolders, clone: string, commit: string): Promise<void> {
  if (!hasLfs(git) || !(await usesLfs(git, folders.store, commit))) return;
  for (const id of await newLfs(git, folders.store, commit)) {
    const to = contentOf(folders.store, id);
    if (existsSync(to)) continue;
    const from = contentOf(path.join(clone, ".git"), id);
    const fd = openedIn(clone, from);
    if (fd === null) continue;
    const copy = scratchName(folders, "lfs");
    try {
      await copyFile(`/proc/self/fd/${fd}`, copy, constants.COPYFILE_FICLONE);
      if ((await digestOf(copy)) === id) moveTo(copy, to);
    } finally {
      closeSync(fd);
      await rm(copy, { force: true });
    }
  }
}

/** @returns null: it is not there, or the way to it leads elsewhere */
function openedIn(clone: string, file: string): number | null {
  try {
    return openBeneath(clone, file);
  } catch {
    return null;
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

/** Why a commit must not be pushed. */
export interface NoUpload {
  readonly reason: "push_rejected" | "remote_unreachable";
  readonly sentence: string;
}

/** Uploads the contents that are new with a commit, before the commit itself is pushed. @returns null: it may be pushed */
export async function uploadLfs(git: Git, store: string, commit: string): Promise<NoUpload | null> {
  if (!hasLfs(git) || !(await usesLfs(git, store, commit))) return null;
  const ids = await newLfs(git, store, commit);
  const sentence = await missingOf(git, store, commit, ids);
  if (sentence !== null) return { reason: "push_rejected", sentence };
  for (let n = 0; n < ids.length; n += LFS_BATCH) {
    const args = ["lfs", "push", "--object-id", "origin", ...ids.slice(n, n + LFS_BATCH)];
    const pushed = await git(store, args, { timeout_ms: git.place.push_timeout_ms });
    if (pushed.code !== 0)
      return {
        reason: "remote_unreachable",
        sentence: `the large files could not be uploaded: ${lastWords(pushed)}`,
      };
  }
  return null;
}

/** Whether contents of a commit's large files are lost, in words; null: they are not. */
export async function missingLfs(git: Git, store: string, commit: string): Promise<string | null> {
  if (!hasLfs(git) || !(await usesLfs(git, store, commit))) return null;
  return missingOf(git, store, commit, await newLfs(git, store, commit));
}

async function missingOf(git: Git, store: string, commit: string, ids: readonly string[]): Promise<string | null> {
  const options = { timeout_ms: git.place.fetch_timeout_ms };
  const isHere = ids.every((id) => existsSync(contentOf(store, id)));
  const fetched = isHere ? null : await git(store, ["lfs", "fetch", "origin", commit], options);
  const said = fetched === null || fetched.code === 0 ? "" : `: ${lastWords(fetched)}`;
  const missing: string[] = [];
  for (const id of ids) if ((await digestOf(contentOf(store, id)).catch(() => null)) !== id) missing.push(id);
  return missing.length === 0
    ? null
    : `the contents of ${missing.length} large files are neither here nor at the remote (sha256 ${missing[0]})${said}`;
}
