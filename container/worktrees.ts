/** One worktree per agent, on the branch of its bead. Whatever it finds there, it loses no work. */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { type RigFolders, originBranches, refreshClone } from "./clones.ts";
import { type Git, GitFailure, lastWords, mustGit, revision } from "./git.ts";
import { Refusal } from "./refusal.ts";
import type { Remote } from "./remotes.ts";

export interface WorktreeRequest {
  readonly git: Git;
  readonly remote: Remote;
  readonly folders: RigFolders;
  readonly agentId: string;
  readonly branch: string;
  readonly defaultBranch: string;
  /** Whether that agent has a process, so that its worktree must not be touched. */
  readonly isLive: (agentId: string) => boolean;
  readonly warn: (message: string) => void;
}

/** @throws Refusal 400 branch_refused */
export async function checkBranchName(git: Git, cwd: string, branch: string): Promise<void> {
  const result = await git(cwd, ["check-ref-format", "--branch", branch]);
  // `--branch` also expands @{-1}; a name is only good as itself.
  if (result.code !== 0 || result.stdout.trim() !== branch) {
    throw new Refusal(400, "branch_refused", `"${branch}" is not a branch name that git accepts`);
  }
}

/**
 * Clones or refreshes the repository and makes the agent's worktree ready on its branch. Idempotent.
 * @returns the worktree's folder
 * @throws Refusal 422 remote_unreachable, empty_repository, default_branch_missing, branch_in_use, branch_refused
 * @throws GitFailure when git fails in a way that nobody foresaw
 */
export async function prepareWorktree(request: WorktreeRequest): Promise<string> {
  const { git, folders, agentId, branch } = request;
  await refresh(request);
  mkdirSync(folders.worktrees, { recursive: true });
  await git(folders.repo, ["worktree", "prune"]);

  const here = worktreeOf(folders, agentId);
  const known = await listWorktrees(git, folders.repo);
  const mine = known.find((worktree) => worktree.path === here);
  if (mine === undefined) moveAside(here, request.warn);
  if (mine?.branch === branch) {
    await removeStaleLocks(git, here, branch);
    return here;
  }
  if (mine !== undefined) await commitLeftovers(git, here, `WIP: left in the worktree of ${agentId}`);

  const holder = known.find((worktree) => worktree.branch === branch && worktree.path !== here);
  if (holder !== undefined) await takeBranchFrom(holder, request);
  await createBranch(request);

  if (mine !== undefined) await mustGit(git, here, ["checkout", "--quiet", branch]);
  else await mustGit(git, folders.repo, ["worktree", "add", "--quiet", here, branch]);
  return here;
}

export function worktreeOf(folders: RigFolders, agentId: string): string {
  return path.join(folders.worktrees, agentId);
}

/**
 * Commits everything uncommitted on the branch, or, where HEAD is detached, on a new branch `ticktown/leftover/...`.
 * @returns the branch that now holds the work; null when there was nothing to keep
 */
export async function commitLeftovers(git: Git, worktree: string, message: string): Promise<string | null> {
  const head = await git(worktree, ["symbolic-ref", "--quiet", "--short", "HEAD"]);
  let branch = head.code === 0 ? head.stdout.trim() : null;
  await removeStaleLocks(git, worktree, branch);
  const dirty = (await mustGit(git, worktree, ["status", "--porcelain"])) !== "";
  if (dirty) await mustGit(git, worktree, ["add", "--all"]);
  if (branch === null && (dirty || (await isUnreachable(git, worktree)))) {
    branch = `ticktown/leftover/${path.basename(worktree).replaceAll(/[^A-Za-z0-9-]/g, "-")}-${Date.now()}`;
    await mustGit(git, worktree, ["checkout", "--quiet", "-b", branch]);
  }
  if (dirty) await mustGit(git, worktree, ["commit", "--quiet", "--no-verify", "--allow-empty", "-m", message]);
  // A merge, rebase or the like that was under way would stop the next checkout; its work is committed now.
  for (const operation of ["merge", "rebase", "cherry-pick", "revert"]) await git(worktree, [operation, "--quit"]);
  return dirty ? branch : null;
}

async function refresh({ git, remote, folders, defaultBranch, warn }: WorktreeRequest): Promise<void> {
  const fetched = await refreshClone(git, folders.repo, remote);
  const branches = await originBranches(git, folders.repo);
  if (!fetched.ok) {
    const error = `cannot fetch ${remote.url}: ${fetched.error}`;
    if (branches.length === 0) {
      throw new Refusal(422, "remote_unreachable", `${error}. Check the URL, the credentials and the network`);
    }
    warn(`${error}; going on with what was fetched before`);
  }
  if (branches.length === 0) {
    throw new Refusal(422, "empty_repository", `${remote.url} has no commits; push a first commit to ${defaultBranch}`);
  }
  if (!branches.includes(defaultBranch)) {
    const some = branches.slice(0, 10).join(", ");
    throw new Refusal(
      422,
      "default_branch_missing",
      `${remote.url} has no branch ${defaultBranch}; it has ${some}. Set the rig's default branch to one of them`,
    );
  }
}

async function createBranch({ git, folders, branch, defaultBranch }: WorktreeRequest): Promise<void> {
  if ((await revision(git, folders.repo, `refs/heads/${branch}`)) !== null) return;
  const onOrigin = `refs/remotes/origin/${branch}`;
  const start = (await revision(git, folders.repo, onOrigin)) === null ? `refs/remotes/origin/${defaultBranch}` : onOrigin;
  const result = await git(folders.repo, ["branch", "--no-track", branch, start]);
  if (result.code === 0) return;
  // `a` and `a/b` cannot both be branches.
  if (/exists; cannot create|cannot lock ref/.test(result.stderr)) {
    throw new Refusal(422, "branch_refused", `cannot create the branch ${branch}: ${lastWords(result)}`);
  }
  throw new GitFailure("git branch failed", result);
}

interface Worktree {
  readonly path: string;
  readonly branch: string | null;
}

async function listWorktrees(git: Git, repo: string): Promise<Worktree[]> {
  const out = await mustGit(git, repo, ["worktree", "list", "--porcelain"]);
  return out.split("\n\n").flatMap((entry) => {
    const worktree = /^worktree (.+)$/m.exec(entry)?.[1];
    const branch = /^branch refs\/heads\/(.+)$/m.exec(entry)?.[1] ?? null;
    return worktree === undefined || /^bare$/m.test(entry) ? [] : [{ path: worktree, branch }];
  });
}

/** Git allows a branch in one worktree only, and the bead's new agent needs it. */
async function takeBranchFrom(holder: Worktree, { git, branch, isLive, warn }: WorktreeRequest): Promise<void> {
  const other = path.basename(holder.path);
  if (isLive(other)) {
    throw new Refusal(422, "branch_in_use", `${branch} is checked out by ${other}, which is running; stop it first`);
  }
  const kept = await commitLeftovers(git, holder.path, `WIP: left in the worktree of ${other}`);
  if (kept !== null) warn(`committed what ${other} had left uncommitted on ${kept}`);
  await mustGit(git, holder.path, ["checkout", "--quiet", "--detach"]);
}

/** A folder that git does not know (its clone was lost) may hold work: out of the way, not deleted. */
function moveAside(folder: string, warn: (message: string) => void): void {
  if (!existsSync(folder)) return;
  const aside = `${folder}.lost-${Date.now()}`;
  renameSync(folder, aside);
  warn(`${folder} was not a worktree of this clone; it is kept at ${aside}`);
}

/** A git that was killed leaves its lock files, and every later commit would fail. The agent's process is gone by now. */
async function removeStaleLocks(git: Git, worktree: string, branch: string | null): Promise<void> {
  const names = ["index.lock", "HEAD.lock", ...(branch === null ? [] : [`refs/heads/${branch}.lock`])];
  const out = await mustGit(git, worktree, ["rev-parse", ...names.flatMap((name) => ["--git-path", name])]);
  for (const file of out.split("\n")) rmSync(path.resolve(worktree, file), { force: true });
}

async function isUnreachable(git: Git, worktree: string): Promise<boolean> {
  return (await mustGit(git, worktree, ["for-each-ref", "--count=1", "--contains", "HEAD"])) === "";
}
