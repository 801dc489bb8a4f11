/** Merges one branch into another and says what became of it. What git does is in steps; when to do it is in merges.ts. */
import type { MergeFailure, MergeReport, MergeRequest } from "../../src/wire/container.ts";
import { uploadLfs } from "./lfs.ts";
import { type Git, isAncestor, lastWords, mustGit } from "./git.ts";
import { CONFLICT_FILES_MAX, PUSH_ATTEMPTS_MAX } from "../limits.ts";
import { messageOf } from "../log.ts";
import type { RigFolders } from "./layout.ts";
import { mergedTree } from "./merge-tree.ts";
import { underWorkingTree } from "./look.ts";
import { deepenFor } from "./modes.ts";
import type { Remote } from "./remotes.ts";
import { sourceOf } from "./source.ts";
import { refreshStore, remoteBranches, remoteTip } from "./store.ts";

export interface MergeContext {
  readonly git: Git;
  readonly remote: Remote;
  readonly folders: RigFolders;
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
    if (await isAncestor(context.git, context.folders.store, source, target)) {
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

async function findTips(request: MergeRequest, context: MergeContext): Promise<Tips | MergeResult> {
  const { branch, targetBranch } = request;
  const { git, remote, folders } = context;
  const { store } = folders;
  const fetched = await refreshStore(git, folders, remote);
  if (!fetched.ok) return failed("remote_unreachable", `cannot fetch ${remote.url}: ${fetched.error}`);
  const branches = await remoteBranches(git, store);
  if (branches.length === 0) return failed("empty_repository", `${remote.url} has no commits to merge onto`);
  const target = await remoteTip(git, store, targetBranch);
  if (target === null) return failed("target_missing", `${remote.url} has no branch ${targetBranch}`);

  const source = await sourceOf(request, git, folders);
  if (source !== null) {
    const known = await deepenFor(git, store, source, target).then(() => null, messageOf);
    return known === null
      ? { source, target }
      : failed("remote_unreachable", `cannot fetch the history of ${remote.url} that the merge needs: ${known}`);
  }
  return request.commit === undefined
    ? failed(
        "branch_missing",
        `${branch} exists neither in this container nor at ${remote.url}; its work must be done again`,
      )
    : failed(
        "branch_missing",
        `the commit ${request.commit} of ${branch} is not in this container; its work must be done again`,
      );
}

async function mergeOnto(
  target: string,
  source: string,
  request: MergeRequest,
  context: MergeContext,
): Promise<MergeResult | "target_moved"> {
  const { git, folders } = context;
  const title = `Merge ${request.branch} (${request.beadId})`;
  const merged = await mergedTree(git, folders, target, source);
  if (merged.kind === "failed") return failed("internal", `git could not merge ${request.branch}: ${merged.error}`);
  if (merged.kind === "conflict") return { status: "conflict", message: conflictMessage(request, merged.files) };
  const args = ["commit-tree", merged.tree, "-p", target, "-p", source, "-m", title];
  return push(await mustGit(git, folders.store, args), source, request, context);
}

function conflictMessage({ branch, targetBranch }: MergeRequest, files: readonly string[]): string {
  const more = files.length > CONFLICT_FILES_MAX ? ` and ${files.length - CONFLICT_FILES_MAX} more` : "";
  return `${branch} conflicts with ${targetBranch} in ${files.slice(0, CONFLICT_FILES_MAX).join(", ")}${more}`;
}

async function push(
  commit: string,
  source: string,
  request: MergeRequest,
  { git, remote, folders }: MergeContext,
): Promise<MergeResult | "target_moved"> {
  const { branch, targetBranch } = request;
  const refusal = await uploadLfs(git, folders.store, commit);
  if (refusal !== null) return failed(refusal.reason, `${branch} is not merged: ${refusal.sentence}`);
  const pushing = await git(
    folders.store,
    ["push", "--porcelain", "--no-verify", "origin", `${commit}:refs/heads/${targetBranch}`],
    { timeout_ms: git.place.push_timeout_ms },
  );
  if (pushing.code !== 0) {
    const said = `${pushing.stdout}\n${pushing.stderr}`;
    if (/branch is currently checked out/i.test(said)) {
      return failed("push_rejected", underWorkingTree(remote.url, targetBranch));
    }
    if (/\[rejected\]|cannot lock ref|failed to update ref|fetch first|non-fast-forward/i.test(said))
      return "target_moved";
    if (/\[remote rejected\]/i.test(said)) {
      return failed("push_rejected", `${remote.url} refused the push to ${targetBranch}: ${rejectionIn(said)}`);
    }
    // The connection may have broken after the push arrived, so what counts is the look below.
  }
  const fetched = await refreshStore(git, folders, remote);
  if (!fetched.ok)
    return failed("remote_unreachable", `cannot tell whether the push arrived at ${remote.url}: ${fetched.error}`);
  if (await isAncestor(git, folders.store, source, `refs/heads/${targetBranch}`)) {
    return { status: "merged", message: `Merged ${branch} into ${targetBranch}`, commit_sha: commit };
  }
  return pushing.code === 0
    ? failed(
        "internal",
        `the push to ${targetBranch} was accepted, but ${remote.url} does not contain ${branch}; was its history rewritten?`,
      )
    : failed("remote_unreachable", `cannot push to ${remote.url}: ${lastWords(pushing)}`);
}

function rejectionIn(said: string): string {
  const lines = said.split("\n").filter((line) => /^remote:|\[remote rejected\]/.test(line));
  return lines
    .slice(-4)
    .map((line) => line.replaceAll("\t", " ").trim())
    .join(" | ");
}

function failed(reason: MergeFailure, message: string): MergeResult {
  return { status: "failed", reason, message };
}
