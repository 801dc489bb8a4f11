/** What the version before left: one bare clone per rig with a worktree per agent. Its uncommitted work is taken over. */
import { readFileSync, readdirSync, rmdirSync } from "node:fs";
import path from "node:path";
import type { SetAside } from "../../src/wire/container.ts";
import { messageOf } from "../log.ts";
import { readGitDir } from "./foreign.ts";
import type { Git } from "./git.ts";
import { type RigFolders, isRealFolder, moveAside } from "./layout.ts";
import { takeOut } from "./leftovers.ts";
import { leftoverKeyOf } from "./state.ts";

/**
 * Keeps what is uncommitted in old worktrees as leftovers of their branches, and moves the folders aside. Their commits
 * came into the store when it was made. Repeats safely: a worktree that was dealt with is no longer there.
 */
export async function takeOldWorktrees(
  git: Git,
  folders: RigFolders,
  warn: (message: string) => void,
): Promise<SetAside[]> {
  const { worktrees } = folders.old;
  if (!isRealFolder(worktrees)) return [];
  const all: SetAside[] = [];
  for (const name of readdirSync(worktrees)) {
    const work = path.join(worktrees, name);
    try {
      const one = await takeOne(git, folders, name, work);
      if (one !== null) all.push(one);
    } catch (error) {
      warn(`the old worktree of ${name} ${messageOf(error)}`);
    }
    const kept = moveAside(folders, work, `worktree-${name}`);
    warn(`the worktree of ${name} is from an older version; ignored files and all, it is kept at ${kept}`);
  }
  rmdirSync(worktrees);
  return all;
}

async function takeOne(git: Git, folders: RigFolders, agentId: string, work: string): Promise<SetAside | null> {
  const { repo } = folders.old;
  if (!isRealFolder(work)) return null;
  const admin = /^gitdir: (.+)$/m.exec(readFileSync(path.join(work, ".git"), "utf8"))?.[1] ?? "";
  if (path.dirname(admin) !== path.join(repo, "worktrees")) return null;
  const foreign = readGitDir(admin, repo);
  if (foreign === null) return null;
  const branch = foreign.head.branch ?? interrupted(admin) ?? `ticktown/${agentId}`;
  const exclude = path.join(repo, "info", "exclude");
  const key = leftoverKeyOf(undefined, branch);
  return (await takeOut(git, folders, { agentId, work, foreign, index: null, exclude, branch, base: null, key }))
    .setAside;
}

/** The branch that a rebase in this worktree is about. */
function interrupted(admin: string): string | null {
  for (const kind of ["rebase-merge", "rebase-apply"]) {
    try {
      return /^refs\/heads\/(.+)$/m.exec(readFileSync(path.join(admin, kind, "head-name"), "utf8"))?.[1] ?? null;
    } catch {
      // Not this kind.
    }
  }
  return null;
}
