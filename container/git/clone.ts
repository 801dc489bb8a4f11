/** Making an agent's clone, and bringing one that is there onto another branch. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { GIT_CHECKOUT_TIMEOUT_MS, GIT_REFS_MAX_BYTES, INBOX_MAX_BYTES } from "../limits.ts";
import { type Git, GitFailure, mustGit } from "./git.ts";
import {
  type AgentFolders,
  type RigFolders,
  copyIndex,
  discard,
  isRealFolder,
  liesThere,
  moveTo,
  scratchName,
} from "./layout.ts";
import { removeLocksOf } from "./locks.ts";
import { FROM_STORE_ALONE, filterLines, hasLfs } from "./lfs.ts";
import { isPartial, partialLines } from "./modes.ts";
import { ownFiles } from "./own-files.ts";
import { copyInto, mustCopy, writeBareSkeleton } from "./reader.ts";
import type { Remote } from "./remotes.ts";
import { refuseWithoutRoom } from "./room.ts";
import { credentialLines, lending } from "./store.ts";
import { initSubmodules } from "./submodules.ts";
import { lineOf } from "./user-config.ts";

/** Where a clone is made, and of what. */
export interface ClonePlace {
  readonly git: Git;
  readonly folders: RigFolders;
  readonly mine: AgentFolders;
  readonly remote: Remote;
  /** The branch that work is for, as the store has it. */
  readonly target: string;
}

/**
 * Makes the clone under a temporary name, with the branch checked out at `start`, and puts it into its place.
 * @throws GitFailure; Refusal 422 submodules_failed, too_large
 */
export async function makeClone(place: ClonePlace, branch: string, start: string): Promise<void> {
  const { git, folders, mine } = place;
  const making = scratchName(folders, "clone");
  try {
    await refuseWithoutRoom(git, folders.store, start);
    const gitDir = path.join(making, ".git");
    mkdirSync(path.join(gitDir, "objects", "info"), { recursive: true });
    mkdirSync(path.join(gitDir, "refs", "heads"), { recursive: true });
    mkdirSync(path.join(gitDir, "info"));
    mkdirSync(path.join(gitDir, "hooks"));
    writeFileSync(path.join(gitDir, "HEAD"), "ref: refs/heads/ticktown-nothing-yet\n");
    configureClone(place, gitDir);
    if (mustCopy(folders)) await copyInto(git, folders, making, start);
    else writeFileSync(path.join(gitDir, "packed-refs"), await remoteRefs(git, folders.store));
    await checkout(git, folders, making, branch, start);
    if (git.place.submodules === "init") await initSubmodules({ ...place, store: folders.store }, making);
    await ownFiles(gitDir);
    discard(folders, mine.clone);
    moveTo(making, mine.clone);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

/** The store's branches as the clone's `origin/*`, and its tags: one process, where a fetch would take three. */
async function remoteRefs(git: Git, store: string): Promise<string> {
  const format = "%(objectname) %(refname)";
  const out = await mustGit(git, store, ["for-each-ref", `--format=${format}`, "refs/heads", "refs/tags"], {
    stdoutMax_bytes: GIT_REFS_MAX_BYTES,
  });
  return `${out.replaceAll(" refs/heads/", " refs/remotes/origin/")}\n`;
}

/**
 * Writes the clone's configuration anew, whatever the agent made of it: `origin` fetches from the store, and pushes go to
 * the agent's inbox. Its objects are borrowed from the store, unless that is shallow. What a blobless store has not, and
 * large files, it may ask `upstream` for, the remote itself.
 */
export function configureClone(
  { git, folders, mine, remote }: ClonePlace,
  gitDir = path.join(mine.clone, ".git"),
): void {
  const [partial, lfs] = [isPartial(folders.store), hasLfs(git)];
  const text = [
    lineOf({ key: "core.repositoryformatversion", value: partial ? "1" : "0" }),
    lineOf({ key: "core.bare", value: "false" }),
    lineOf({ key: "core.logallrefupdates", value: "true" }),
    lineOf({ key: "gc.auto", value: "0" }),
    lineOf({ key: "push.default", value: "current" }),
    lineOf({ key: "remote.origin.url", value: folders.store }),
    lineOf({ key: "remote.origin.pushurl", value: mine.inbox }),
    lineOf({ key: "remote.origin.fetch", value: "+refs/heads/*:refs/remotes/origin/*" }),
    ...(partial || lfs ? [lineOf({ key: "remote.upstream.url", value: remote.url })] : []),
    ...(partial ? partialLines("upstream") : []),
    ...filterLines(git),
    ...(lfs ? [lineOf({ key: "remote.lfsdefault", value: "upstream" })] : []),
    ...credentialLines(remote),
  ].join("");
  const replace = (file: string, content: string): void => {
    const draft = scratchName(folders, "config");
    // Its agent may have made a folder of the file, and a file of the folder.
    if (!isRealFolder(path.dirname(file))) rmSync(path.dirname(file), { force: true });
    else if (isRealFolder(file)) rmSync(file, { recursive: true, force: true });
    writeFileSync(draft, content);
    moveTo(draft, file);
  };
  replace(path.join(gitDir, "config"), text);
  if (!mustCopy(folders))
    replace(path.join(gitDir, "objects", "info", "alternates"), `${path.join(folders.store, "objects")}\n`);
}

/**
 * The bare repository that the agent's pushes land in. It borrows as well, so that a push carries what is new. Made before the agent
 * runs: a push that was killed with its last process has left no lock then.
 */
export function ensureInbox(folders: RigFolders, mine: AgentFolders): void {
  if (liesThere(path.join(mine.inbox, "HEAD"))) {
    removeLocksOf(mine.inbox);
    return;
  }
  const making = scratchName(folders, "inbox");
  writeBareSkeleton(
    making,
    mustCopy(folders) ? [] : [path.join(folders.store, "objects")],
    lineOf({ key: "receive.maxInputSize", value: String(INBOX_MAX_BYTES) }) +
      lineOf({ key: "receive.shallowUpdate", value: "true" }),
  );
  discard(folders, mine.inbox);
  moveTo(making, mine.inbox);
}

/** Brings the `origin/*` of a clone that is there up to date; `start` is a commit that it needs besides. @throws GitFailure */
export async function updateClone({ git, folders, mine }: ClonePlace, start: string | null): Promise<void> {
  if (mustCopy(folders)) await copyInto(git, folders, mine.clone, start);
  else await mustGit(git, mine.clone, ["fetch", "--quiet", "--prune", "--no-write-fetch-head", "origin"]);
}

/**
 * Brings a clone whose files are worth nothing any more onto another branch. Ignored files stay.
 * @throws Error when it cannot be used again; then it is made anew; Refusal 422 too_large
 */
export async function reuseClone(place: ClonePlace, branch: string, start: string): Promise<void> {
  const { git, folders, mine } = place;
  // Submodules have configurations of their own, in which the agent may have named a program, wherever it has put them.
  if (git.place.submodules === "init" || liesThere(path.join(mine.clone, ".git", "modules")))
    return makeClone(place, branch, start);
  // What it says there of attributes and ignored files is said of no other work.
  rmSync(path.join(mine.clone, ".git", "info"), { recursive: true, force: true });
  mkdirSync(path.join(mine.clone, ".git", "info"));
  await refuseWithoutRoom(git, folders.store, start);
  configureClone(place);
  await updateClone(place, start);
  await checkout(git, folders, mine.clone, branch, start);
  await mustGit(git, mine.clone, ["clean", "--quiet", "-d", "--force"], { timeout_ms: GIT_CHECKOUT_TIMEOUT_MS });
  const left = await mustGit(git, mine.clone, ["status", "--porcelain", "--untracked-files=normal"]);
  if (left !== "") throw new Error(`git could not tidy ${mine.clone}: ${left.split("\n")[0]}`);
  await ownFiles(path.join(mine.clone, ".git"));
}

async function checkout(git: Git, folders: RigFolders, clone: string, branch: string, start: string): Promise<void> {
  const args = [...FROM_STORE_ALONE, "checkout", "--quiet", "--force", "--no-track", "-B", branch, start];
  const options = {
    timeout_ms: GIT_CHECKOUT_TIMEOUT_MS,
    env: mustCopy(folders) ? lending(folders.store) : {},
  };
  const result = await git(clone, args, options);
  if (result.code !== 0) throw new GitFailure("git checkout failed", result);
}

/** Our own copy of the index, from the one moment when it is known that no agent has written it. */
export function keepIndex(mine: AgentFolders): void {
  copyIndex(path.join(mine.clone, ".git", "index"), mine.index);
}
