/** What a bead's work changes: asked of the store, into which a living clone's commits and files are copied first. */
import path from "node:path";
import { Diff, type DiffRequest, type FoundDiff } from "../../src/wire/diff.ts";
import type { Config } from "../config.ts";
import {
  DIFF_COMMITS_MAX,
  DIFF_FILES_MAX,
  DIFF_LARGE_FILE_BYTES,
  DIFF_LINES_MAX,
  DIFF_PATCH_MAX_BYTES,
  DIFF_TIMEOUT_MS,
  DIFFS_PENDING_MAX,
} from "../limits.ts";
import { messageOf } from "../log.ts";
import { createKeyedMutex } from "../mutex.ts";
import { redactorOf, secretsIn } from "../redact.ts";
import { Refusal } from "../refusal.ts";
import { mergeBase } from "./content.ts";
import { lookAt } from "./files-of.ts";
import { readClone } from "./foreign.ts";
import { type Git, GitFailure, TICKTOWN_IDENTITY, createGit, isAncestor, mustGit, revision } from "./git.ts";
import { fetchHandedIn } from "./inspect.ts";
import { REFS, type RigFolders, agentFoldersOf, foldersOf } from "./layout.ts";
import { mergedTree } from "./merge-tree.ts";
import { filesOf, listIn, sectionsIn } from "./patch.ts";
import { fetchFrom } from "./reader.ts";
import { type Remote, parseRemote } from "./remotes.ts";
import { readState, type CloneState } from "./state.ts";
import { emptyTree, isComplete, numbered, refreshStore, remoteTip } from "./store.ts";

export interface Diffs {
  /** @throws Refusal 400 git_url_refused, 429 too_many_diffs; 422 diff_failed with what git says */
  readonly diff: (request: DiffRequest) => Promise<Diff>;
}

export function createDiffs(config: Config): Diffs {
  const oneAtATime = createKeyedMutex();
  let pending = 0;
  return {
    diff: async (request) => {
      const envVars = request.envVars ?? {};
      const remote = parseRemote(request.gitUrl, envVars);
      const redact = redactorOf(secretsIn(envVars, remote.credentials ? [remote.credentials.token] : []));
      const git = createGit(config, TICKTOWN_IDENTITY, redact, remote, request.place);
      if (pending >= DIFFS_PENDING_MAX)
        throw new Refusal(429, "too_many_diffs", `${DIFFS_PENDING_MAX} diffs are being made already; ask again`);
      pending++;
      try {
        return await oneAtATime(request.rigId, () =>
          diffOf(request, git, foldersOf(config.workDir, request.rigId), remote),
        );
      } catch (error) {
        if (!(error instanceof GitFailure)) throw error;
        throw new Refusal(422, "diff_failed", `the diff could not be made: ${messageOf(error)}`);
      } finally {
        pending--;
      }
    },
  };
}

interface Work {
  readonly of: FoundDiff["of"];
  readonly tip: string;
  /** What it is compared with; null: where it parted from the target. */
  readonly before: string | null;
  /** Its files with what is in no commit yet. */
  readonly tree: string | null;
}

const none = (sentence: string): Diff => ({ result: "none", sentence });

async function diffOf(request: DiffRequest, git: Git, folders: RigFolders, remote: Remote): Promise<Diff> {
  const { store } = folders;
  if (!isComplete(folders.store)) return none("This container has no clone of the repository yet.");
  const work = await workOf(request, git, folders, remote);
  if (work === null)
    return none(
      request.branch === null && request.merged === null
        ? "Nobody has begun it yet, so nothing is changed."
        : "Nothing of its work is in this container: its clone is gone, and nothing was handed in.",
    );
  const targetTip = await remoteTip(git, store, request.targetBranch);
  const base = work.before ?? (targetTip === null ? null : await mergeBase(git, store, targetTip, work.tip));
  const from = base ?? (await emptyTree(git, store));
  const to = work.tree ?? work.tip;
  const { files, file_count, added, deleted } = await changes(git, store, from, to);
  const isOpen = work.of !== "merged" && targetTip !== null && base !== null;
  return {
    result: "found",
    of: work.of,
    base,
    tip: work.tip,
    target: request.targetBranch,
    target_tip: targetTip,
    uncommitted: work.tree !== null,
    conflicts: isOpen ? await conflictsWith(git, folders, targetTip, work.tip) : null,
    ...(await commitsOf(git, store, base, work.tip)),
    files,
    file_count,
    added,
    deleted,
  };
}

/** The newest that there is: what was merged, what its agent has now, what was handed in, or its branch as it was last taken. */
async function workOf(request: DiffRequest, git: Git, folders: RigFolders, remote: Remote): Promise<Work | null> {
  const { store } = folders;
  const { beadId, branch, agentId, commit, merged } = request;
  const landed = merged === null ? null : await landedAs(git, folders, remote, merged);
  const living =
    landed === null && branch !== null && agentId !== null ? await inClone(git, folders, agentId, branch) : null;
  if (living !== null) return living;
  const handedIn = await handedInOf(git, store, beadId, commit);
  if (landed !== null) return mergedWork(git, store, landed, handedIn);
  if (handedIn !== null) return { of: "handed_in", tip: handedIn, before: null, tree: null };
  const taken = branch === null ? null : await revision(git, store, REFS.work(branch));
  return taken === null ? null : { of: "branch", tip: taken, before: null, tree: null };
}

/** The commit on the target, which this container may not have heard of yet. */
async function landedAs(git: Git, folders: RigFolders, remote: Remote, commit: string): Promise<string | null> {
  const here = await revision(git, folders.store, commit);
  if (here !== null) return here;
  await refreshStore(git, folders, remote);
  return revision(git, folders.store, commit);
}

async function handedInOf(git: Git, store: string, beadId: string, commit: string | null): Promise<string | null> {
  if (commit === null) return (await numbered(git, store, REFS.handedIn(beadId))).at(-1)?.commit ?? null;
  const isThere = (await revision(git, store, commit)) !== null || (await fetchHandedIn(git, store, beadId, commit));
  return isThere ? commit : null;
}

/** What a merge brought is the difference to its first parent; of commits that were made anew it is what was handed in. */
async function mergedWork(git: Git, store: string, landed: string, handedIn: string | null): Promise<Work> {
  const first = await revision(git, store, `${landed}^1`);
  if (handedIn !== null && !(await isAncestor(git, store, handedIn, landed))) {
    const fork = await mergeBase(git, store, landed, handedIn);
    if (fork !== null) return { of: "merged", tip: handedIn, before: fork, tree: null };
  }
  return { of: "merged", tip: landed, before: first ?? (await emptyTree(git, store)), tree: null };
}

/** What an agent has in its clone now. What cannot be read there leaves what was taken out of it before. */
async function inClone(git: Git, folders: RigFolders, agentId: string, branch: string): Promise<Work | null> {
  const mine = agentFoldersOf(folders, agentId);
  const state = readState(mine.state);
  const foreign = readClone(mine.clone);
  if (state?.phase !== "ready" || state.branch !== branch || foreign === null) return null;
  const tip = foreign.heads.get(branch) ?? foreign.head.commit ?? state.base;
  try {
    await fetchFrom(git, folders, folders.store, foreign, new Map([[REFS.seen(agentId, "shown"), tip]]));
    const isOnBranch = foreign.head.branch === branch && foreign.operation === null;
    const tree = isOnBranch ? await treeIn(git, folders, mine, state, tip).catch(() => null) : null;
    return { of: "clone", tip, before: null, tree };
  } catch {
    return null;
  }
}

/** @returns the tree of all that is not ignored, or null: it is as it was committed */
async function treeIn(
  git: Git,
  folders: RigFolders,
  mine: ReturnType<typeof agentFoldersOf>,
  state: CloneState,
  commit: string,
): Promise<string | null> {
  const exclude = path.join(mine.clone, ".git", "info", "exclude");
  const onlooker = await lookAt(git, folders, { work: mine.clone, commit, index: mine.index, exclude });
  try {
    const { changed, untracked } = await onlooker.files();
    const before = new Set(state.untracked);
    if (changed.length === 0 && untracked.every((name) => before.has(name))) return null;
    return (await onlooker.snapshot()).tree;
  } finally {
    onlooker.close();
  }
}

/** No attribute of the work's own decides what is shown of it. */
const PLAIN = ["-c", "core.quotePath=false", "-c", "attr.tree=4b825dc642cb6eb9a060e54bf8d69288fbee4904"];
const HONEST = ["--no-ext-diff", "--no-textconv", "--no-color", "--find-renames", "-l", "400", "--submodule=short"];

type Changes = Pick<FoundDiff, "files" | "file_count" | "added" | "deleted">;

async function changes(git: Git, store: string, from: string, to: string): Promise<Changes> {
  const options = { timeout_ms: DIFF_TIMEOUT_MS, stdoutMax_bytes: DIFF_PATCH_MAX_BYTES };
  const list = await git(store, [...PLAIN, "diff", ...HONEST, "--raw", "--numstat", "-z", from, to], options);
  if (list.code !== 0) throw new GitFailure("git diff failed", list);
  const listed = listIn(list.stdout);
  const large = ["-c", `core.bigFileThreshold=${DIFF_LARGE_FILE_BYTES}`];
  const patch = await git(store, [...PLAIN, ...large, "diff", ...HONEST, "--patch", from, to], options);
  const isWhole = patch.code === 0;
  if (!isWhole && !/printed too much/.test(patch.stderr)) throw new GitFailure("git diff failed", patch);
  const most = { files: DIFF_FILES_MAX, lines: DIFF_LINES_MAX };
  return {
    files: filesOf(listed, sectionsIn(patch.stdout), most, isWhole),
    file_count: listed.length,
    added: listed.reduce((sum, file) => sum + (file.added ?? 0), 0),
    deleted: listed.reduce((sum, file) => sum + (file.deleted ?? 0), 0),
  };
}

async function conflictsWith(git: Git, folders: RigFolders, target: string, tip: string): Promise<string[] | null> {
  const merged = await mergedTree(git, folders, target, tip).catch(() => null);
  if (merged?.kind === "clean") return [];
  return merged?.kind === "conflict" ? merged.files.slice(0, DIFF_FILES_MAX) : null;
}

async function commitsOf(
  git: Git,
  store: string,
  base: string | null,
  tip: string,
): Promise<Pick<FoundDiff, "commits" | "commit_count">> {
  const range = base === null ? [tip] : [tip, `^${base}`];
  const count = Number(await mustGit(git, store, ["rev-list", "--count", ...range]));
  const format = ["--format=%H%x00%an%x00%aI%x00%s%x00", "-z", `--max-count=${DIFF_COMMITS_MAX}`];
  const said = await mustGit(git, store, ["log", ...format, ...range]);
  const parts = said.split("\0");
  const commits = [];
  for (let n = 0; n + 3 < parts.length; n += 5) {
    const [id = "", author = "", at = "", subject = ""] = parts.slice(n, n + 4);
    commits.push({ id: id.trim(), author: author.slice(0, 200), at, subject: subject.slice(0, 500) });
  }
  return { commits, commit_count: count };
}
