/** Merges one branch into another and says what became of it. What git does is in steps; when to do it is in merges.ts. */
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import type { MergeFailure, MergeReport, MergeRequest } from "../src/container/contract.ts";
import { type RigFolders, originBranches, refreshClone } from "./clones.ts";
import { type Git, isAncestor, lastWords, mustGit, revision } from "./git.ts";
import { CONFLICT_FILES_MAX, PUSH_ATTEMPTS_MAX } from "./limits.ts";
import { messageOf } from "./log.ts";
import type { Remote } from "./remotes.ts";

export interface MergeContext {
  readonly git: Git;
  readonly remote: Remote;
  readonly folders: RigFolders;
  /** Serialises what touches the clone's refs. The merge itself has its own worktree and runs beside starts. */
  readonly withRepo: <T>(task: () => Promise<T>) => Promise<T>;
}

export type MergeResult = Omit<MergeReport, "dispatch_id">;

/** Never throws. `merged` is said only of what was seen on the remote after the push. */
export async function merge(request: MergeRequest, context: MergeContext): Promise<MergeResult> {
  try {
    return await attempts(request, context);
  } catch (error) {
    return failed("internal", `Ticktown could not merge ${request.branch}: ${messageOf(error)}`);
  }
}

async function attempts(request: MergeRequest, context: MergeContext): Promise<MergeResult> {
  const { branch, targetBranch } = request;
  for (let attempt = 1; attempt <= PUSH_ATTEMPTS_MAX; attempt++) {
    const tips = await findTips(request, context);
    if (!("source" in tips)) return tips;
    const { source, target } = tips;
    if (await isAncestor(context.git, context.folders.repo, source, target)) {
      return { status: "merged", message: `${targetBranch} already contains ${branch}`, commit_sha: target };
    }
    const outcome = await mergeOnto(target, source, request, context);
    if (outcome !== "target_moved") return outcome;
  }
  return failed(
    "push_rejected",
    `${targetBranch} moved during each of ${PUSH_ATTEMPTS_MAX} attempts to push the merge of ${branch}; try again when it is quieter`,
  );
}

interface Tips {
  readonly source: string;
  readonly target: string;
}

async function findTips(request: MergeRequest, { git, remote, folders, withRepo }: MergeContext): Promise<Tips | MergeResult> {
  const { branch, targetBranch } = request;
  const fetched = await withRepo(() => refreshClone(git, folders.repo, remote));
  if (!fetched.ok) return failed("remote_unreachable", `cannot fetch ${remote.url}: ${fetched.error}`);
  const branches = await originBranches(git, folders.repo);
  if (branches.length === 0) return failed("empty_repository", `${remote.url} has no commits to merge onto`);
  const target = await revision(git, folders.repo, `refs/remotes/origin/${targetBranch}`);
  if (target === null) return failed("target_missing", `${remote.url} has no branch ${targetBranch}`);

  const local = await revision(git, folders.repo, `refs/heads/${branch}`);
  const pushed = await revision(git, folders.repo, `refs/remotes/origin/${branch}`);
  const source = await furtherOf(git, folders.repo, local, pushed);
  if (source === null) {
    return failed("branch_missing", `${branch} exists neither in this container nor at ${remote.url}; its work must be done again`);
  }
  return { source, target };
}

/** The one that contains the other. If they diverged, the local one: it is what the agent reported as done. */
async function furtherOf(git: Git, repo: string, local: string | null, pushed: string | null): Promise<string | null> {
  if (local === null || pushed === null) return local ?? pushed;
  return (await isAncestor(git, repo, local, pushed)) ? pushed : local;
}

async function mergeOnto(
  target: string,
  source: string,
  request: MergeRequest,
  context: MergeContext,
): Promise<MergeResult | "target_moved"> {
  const { git, folders, withRepo } = context;
  mkdirSync(folders.merges, { recursive: true });
  const worktree = path.join(folders.merges, `${request.entryId}-${Date.now().toString(36)}`);
  try {
    await withRepo(() => mustGit(git, folders.repo, ["worktree", "add", "--quiet", "--detach", worktree, target]));
    const title = `Merge ${request.branch} (${request.beadId})`;
    const merging = await git(worktree, ["merge", "--no-ff", "--quiet", "-m", title, source]);
    if (merging.code !== 0) {
      const files = await conflictingFiles(git, worktree);
      if (files.length === 0) return failed("internal", `git could not merge ${request.branch}: ${lastWords(merging)}`);
      return { status: "conflict", message: conflictMessage(request, files) };
    }
    const commit = await mustGit(git, worktree, ["rev-parse", "HEAD"]);
    return await push(worktree, commit, source, request, context);
  } finally {
    await withRepo(() => git(folders.repo, ["worktree", "remove", "--force", worktree]));
    rmSync(worktree, { recursive: true, force: true });
  }
}

async function conflictingFiles(git: Git, worktree: string): Promise<string[]> {
  const out = await mustGit(git, worktree, ["diff", "--name-only", "--diff-filter=U", "-z"]);
  return out.split("\0").filter((name) => name !== "");
}

function conflictMessage({ branch, targetBranch }: MergeRequest, files: readonly string[]): string {
  const more = files.length > CONFLICT_FILES_MAX ? ` and ${files.length - CONFLICT_FILES_MAX} more` : "";
  return `${branch} conflicts with ${targetBranch} in ${files.slice(0, CONFLICT_FILES_MAX).join(", ")}${more}`;
}

async function push(
  worktree: string,
  commit: string,
  source: string,
  request: MergeRequest,
  { git, remote, folders, withRepo }: MergeContext,
): Promise<MergeResult | "target_moved"> {
  const { branch, targetBranch } = request;
  const pushing = await withRepo(() =>
    git(worktree, ["push", "--porcelain", "--no-verify", "origin", `${commit}:refs/heads/${targetBranch}`]),
  );
  if (pushing.code !== 0) {
    const said = `${pushing.stdout}\n${pushing.stderr}`;
    if (/branch is currently checked out/i.test(said)) {
      return failed(
        "push_rejected",
        `${remote.url} is a repository with ${targetBranch} checked out, and git does not push under a working tree. ` +
          "Run `git config receive.denyCurrentBranch updateInstead` there, or use a bare repository",
      );
    }
    if (/\[rejected\]|cannot lock ref|failed to update ref|fetch first|non-fast-forward/i.test(said)) return "target_moved";
    if (/\[remote rejected\]/i.test(said)) {
      return failed("push_rejected", `${remote.url} refused the push to ${targetBranch}: ${rejectionIn(said)}`);
    }
    // The connection may have broken after the push arrived, so what counts is the look below.
  }
  const fetched = await withRepo(() => refreshClone(git, folders.repo, remote));
  if (!fetched.ok) return failed("remote_unreachable", `cannot tell whether the push arrived at ${remote.url}: ${fetched.error}`);
  if (await isAncestor(git, folders.repo, source, `refs/remotes/origin/${targetBranch}`)) {
    return { status: "merged", message: `Merged ${branch} into ${targetBranch}`, commit_sha: commit };
  }
  return pushing.code === 0
    ? failed("internal", `the push to ${targetBranch} was accepted, but ${remote.url} does not contain ${branch}; was its history rewritten?`)
    : failed("remote_unreachable", `cannot push to ${remote.url}: ${lastWords(pushing)}`);
}

function rejectionIn(said: string): string {
  const lines = said.split("\n").filter((line) => /^remote:|\[remote rejected\]/.test(line));
  return lines.slice(-4).map((line) => line.replaceAll("\t", " ").trim()).join(" | ");
}

function failed(reason: MergeFailure, message: string): MergeResult {
  return { status: "failed", reason, message };
}
