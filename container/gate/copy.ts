/** A tree to check: files of its own and a git folder of its own, with that one commit and nothing else of the store. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { lookAt } from "../git/files-of.ts";
import { lastWords } from "../git/git.ts";
import { copyIndex } from "../git/layout.ts";
import { FROM_STORE_ALONE, fetchLfs, filterLines } from "../git/lfs.ts";
import { fetchContents } from "../git/modes.ts";
import { ownFiles } from "../git/own-files.ts";
import { copyOne, writeBareSkeleton } from "../git/reader.ts";
import { whyNoRoom } from "../git/room.ts";
import { lending } from "../git/store.ts";
import { initSubmodules } from "../git/submodules.ts";
import { GIT_CHECKOUT_TIMEOUT_MS } from "../limits.ts";
import { messageOf } from "../log.ts";
import { removeTree } from "../place/remove.ts";
import { isPassing, whyFailed } from "../train/classify.ts";
import { type TrainContext, passing } from "../train/context.ts";

export interface Copy {
  readonly commit: string;
  /** All that is made for it. */
  readonly root: string;
  /** The files. */
  readonly tree: string;
  /** Where programs keep things for themselves: gone with the copy. */
  readonly home: string;
  readonly tmp: string;
  /** What is not as in the commit: tracked files that differ, and others that are not ignored. */
  readonly dirt: (
    reread?: boolean,
  ) => Promise<{ readonly changed: readonly string[]; readonly untracked: readonly string[] }>;
  readonly remove: () => Promise<void>;
}

/** git cannot make files of the commit: no disk would take them, or they are more than one agent may have. */
export class NoFiles extends Error {}

/** Where copies lie; nothing in it outlives the server that made it. */
export const gatesOf = (workDir: string): string => path.join(workDir, "gates");

let counter = 0;

/** @throws Stopped when the remote does not give what it needs; NoFiles; Refusal submodules_failed; GitFailure, or the disk's error */
export async function makeCopy(context: TrainContext, gates: string, commit: string): Promise<Copy> {
  const { git, folders } = context;
  const root = path.join(gates, `${process.pid}-${Date.now().toString(36)}-${++counter}`);
  const [tree, home, tmp] = [path.join(root, "tree"), path.join(root, "home"), path.join(root, "tmp")];
  const remove = async (): Promise<void> => void (await removeTree(root));
  try {
    for (const dir of [home, tmp]) mkdirSync(dir, { recursive: true });
    const index = path.join(root, "index");
    await checkOut(context, tree, commit);
    copyIndex(path.join(tree, ".git", "index"), index);
    const dirt = async (reread = false): ReturnType<Copy["dirt"]> => {
      // Without an index that knows their times all files are read.
      const known = reread ? null : index;
      const onlooker = await lookAt(git, folders, { work: tree, commit, index: known, exclude: "" });
      try {
        return await onlooker.files();
      } finally {
        onlooker.close();
      }
    };
    return { commit, root, tree, home, tmp, dirt, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** No worktree of the store, whose refs and objects a check could write, and no clone that borrows from it. */
async function checkOut({ git, folders, remote, request }: TrainContext, tree: string, commit: string): Promise<void> {
  const { store } = folders;
  const target = `refs/heads/${request.targetBranch}`;
  const gitDir = path.join(tree, ".git");
  writeBareSkeleton(gitDir, []);
  mkdirSync(path.join(gitDir, "info"));
  writeFileSync(path.join(gitDir, "config"), `${CONFIG}${filterLines(git).join("")}`);
  try {
    await fetchContents(git, store, commit);
    await fetchLfs(git, store, commit);
  } catch (error) {
    throw passing("remote_unreachable", messageOf(error));
  }
  const full = await whyNoRoom(git, store, commit);
  if (full !== null) throw new NoFiles(full);
  await copyOne(git, folders, tree, commit);
  const result = await git(tree, [...FROM_STORE_ALONE, "checkout", "--quiet", "--force", "--detach", commit], {
    timeout_ms: GIT_CHECKOUT_TIMEOUT_MS,
    // Large files are taken from the store.
    env: lending(store),
  });
  if (result.code !== 0 && isPassing(result.stderr))
    throw whyFailed(result.stderr, "the tree could not be checked out", "internal");
  if (result.code !== 0) throw new NoFiles(`the tree cannot be checked out: ${lastWords(result)}`);
  if (git.place.submodules === "init") await initSubmodules({ git, store, remote, target }, tree);
  await ownFiles(gitDir);
}

const CONFIG = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n[gc]\n\tauto = 0\n";
