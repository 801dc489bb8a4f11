/** Looks at what an agent hands in, and keeps exactly that commit before it says accepted. Nothing the agent wrote is run. */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import type { InspectAnswer, InspectRequest } from "../../src/wire/container.ts";
import { HEADS_NAMED_MAX, SENTENCE_MAX_CHARS } from "../limits.ts";
import { Refusal } from "../refusal.ts";
import { changedFiles, conflictMarkers, listed, mergeBase, nestedIn } from "./content.ts";
import { lookAt } from "./files-of.ts";
import { type Foreign, faultOf, readClone } from "./foreign.ts";
import { type Git, isAncestor, lastWords, mustGit, revision } from "./git.ts";
import { keepLfs, uploadLfs } from "./lfs.ts";
import { type AgentFolders, REFS, type RigFolders, agentFoldersOf, isRealFolder } from "./layout.ts";
import { deepenFor, isPartial } from "./modes.ts";
import { fetchFrom } from "./reader.ts";
import type { Remote } from "./remotes.ts";
import { whyNoRoom } from "./room.ts";
import { type CloneState, readState, writeState } from "./state.ts";
import { Untidy } from "./untidy.ts";
import { emptyTree, isComplete, keepNumbered, numbered, pushKept, remoteTip } from "./store.ts";
import { Unsound } from "./weigh.ts";

export interface InspectContext {
  readonly git: Git;
  readonly folders: RigFolders;
  readonly remote: Remote;
  /** The disk may be gone tomorrow: what is accepted is pushed to the remote as well. */
  readonly ephemeral: boolean;
}

type Refused = Extract<InspectAnswer, { result: "refused" }>;

/** What is looked at: the agent's clone, and the commits in it that matter, which are in the store now. */
interface Sight {
  readonly agentId: string;
  readonly request: InspectRequest;
  readonly mine: AgentFolders;
  readonly state: CloneState;
  readonly foreign: Foreign;
  readonly target: string;
  /** The granted branch's. */
  readonly tip: string | null;
  readonly head: string | null;
  /** What a person may take as it is. */
  readonly own: string | null;
}

/**
 * @throws Refusal 409 stale_dispatch when the clone was handed out to another dispatch since; 503 not_durable when the
 *   commit could not be kept; GitFailure
 */
export async function inspect(
  agentId: string,
  request: InspectRequest,
  context: InspectContext,
): Promise<InspectAnswer> {
  const { folders } = context;
  if (request.resolution === "no_change") return { result: "no_change" };
  const mine = agentFoldersOf(folders, agentId);
  const state = readState(mine.state);
  if (state !== null && state.dispatchId !== null && state.dispatchId !== request.dispatchId) {
    throw new Refusal(
      409,
      "stale_dispatch",
      `the clone of ${agentId} is that of ${state.dispatchId} now, so there is nothing of ${request.dispatchId} to look at`,
    );
  }
  const foreign = readClone(mine.clone);
  if (state === null || state.phase !== "ready" || foreign === null || !isComplete(folders.store)) {
    const before = state?.handedIn;
    if (before !== undefined && before.dispatchId === request.dispatchId)
      return accepted(request, before.commit, context);
    if (state?.phase === "ready" && foreign === null && isRealFolder(mine.clone) && isComplete(folders.store))
      return broken(`cannot be read any more (${faultOf(mine.clone)})`);
    return {
      result: "lost",
      sentence: `the clone of ${agentId} is gone, and nothing of ${request.dispatchId} was kept`,
    };
  }
  const verdict = await judged(agentId, request, mine, state, foreign, context).catch((error: unknown) => {
    if (error instanceof Untidy) return broken(error.message);
    if (error instanceof Unsound) return broken(`has commits that cannot be taken (${error.message})`);
    throw error;
  });
  if (typeof verdict !== "string") return { ...verdict, sentence: clipped(verdict.sentence) };
  await keepLfs(context.git, folders, mine.clone, verdict);
  const full = isPartial(folders.store) ? null : await whyNoRoom(context.git, folders.store, verdict);
  if (full !== null) return broken(`has commits that cannot be taken (${full})`);
  await keepBox(context, request.beadId, verdict, state.box);
  const answer = await accepted(request, verdict, context);
  writeState(mine.state, { ...state, handedIn: { dispatchId: request.dispatchId, commit: verdict } });
  return answer;
}

/** Beside the commit that it was made in: its receipt may be written by a server that has another one. */
async function keepBox({ git, folders: { store } }: InspectContext, bead: string, commit: string, box = UNKNOWN_BOX) {
  const ref = REFS.handedInBox(bead, commit);
  if ((await git(store, ["rev-parse", "--verify", "--quiet", ref])).code === 0) return;
  const blob = await mustGit(git, store, ["hash-object", "-w", "--stdin"], { input: box });
  await mustGit(git, store, ["update-ref", ref, blob]);
}

const UNKNOWN_BOX = "what nobody has kept";

/** What the dispatch was kept in that handed a commit in, in words. */
export async function boxOfHandIn(git: Git, store: string, bead: string, commit: string): Promise<string> {
  const kept = await git(store, ["cat-file", "blob", REFS.handedInBox(bead, commit)]);
  return kept.code === 0 ? kept.stdout : UNKNOWN_BOX;
}

/** It is there, and no git can work with it. */
function broken(what: string): Refused {
  const sentence = `Your clone ${what}. Put it in order, or end: the next start has a fresh clone, and this one is kept aside.`;
  return { result: "refused", code: "broken_clone", sentence: clipped(sentence), commit: null };
}

async function judged(
  ...[agentId, request, mine, state, foreign, context]: Parameters<typeof see>
): Promise<string | Refused> {
  const sight = await see(agentId, request, mine, state, foreign, context);
  return request.asIs === null ? judge(sight, context) : judgeAsIs(request.asIs, sight, context);
}

async function see(
  agentId: string,
  request: InspectRequest,
  mine: AgentFolders,
  state: CloneState,
  foreign: Foreign,
  { git, folders }: InspectContext,
): Promise<Sight> {
  const { store } = folders;
  const named = { tip: foreign.heads.get(request.branch) ?? null, head: foreign.head.commit };
  const wanted = new Map<string, string>();
  if (named.tip !== null) wanted.set(REFS.seen(agentId, "tip"), named.tip);
  if (named.head !== null) wanted.set(REFS.seen(agentId, "head"), named.head);
  await fetchFrom(git, folders, store, foreign, wanted);
  // A branch may be made to name a tag, which is no parent of a merge.
  const tip = named.tip === null ? null : await revision(git, store, named.tip);
  const head = named.head === null ? null : await revision(git, store, named.head);
  const target = (await remoteTip(git, store, request.targetBranch)) ?? state.base;
  if (tip !== null) await deepenFor(git, store, target, tip);
  const ahead = async (commit: string | null): Promise<string | null> =>
    commit !== null && !(await isAncestor(git, store, commit, target)) ? commit : null;
  const own = (await ahead(head)) ?? (await ahead(tip));
  return { agentId, request, mine, state, foreign, target, tip, head, own };
}

/** @returns the commit to accept, or why not */
async function judge(sight: Sight, context: InspectContext): Promise<string | Refused> {
  const { git, folders } = context;
  const { request, foreign, tip, head, target, own } = sight;
  const refuse = (code: Refused["code"], sentence: string): Refused => ({
    result: "refused",
    code,
    sentence,
    commit: own,
  });
  const named = await judgeName(sight, context);
  if (named !== null) return refuse(...named);
  if (foreign.operation !== null) {
    return refuse(
      "unfinished_merge",
      `A ${foreign.operation} is not finished in your clone. Finish or abort it, then hand in again.`,
    );
  }
  if (own !== null && (await mergeBase(git, folders.store, target, own)) === null)
    return refuse("unrelated", unrelated(request, folders));
  const where = foreign.head.branch === null ? "a detached HEAD" : `the branch ${foreign.head.branch}`;
  if (head !== null && head === own && (tip === null || !(await isAncestor(git, folders.store, head, tip)))) {
    return refuse(
      "wrong_branch",
      `You are on ${where}, with ${await shown(git, folders.store, head)}, which is not on ${request.branch}. ` +
        `Bring your commits onto ${request.branch} (git checkout ${request.branch} && git merge ${head.slice(0, 12)}), then hand in again.`,
    );
  }
  if (tip === null) {
    return refuse("unknown_branch", `Your clone has no branch ${request.branch} any more, and no commits of yours.`);
  }
  const files = await uncommitted(sight, context);
  if (await isAncestor(git, folders.store, tip, target)) {
    const elsewhere = await commitsElsewhere(sight, context);
    if (elsewhere !== null) {
      const sentence = `Your commits are on ${elsewhere.branch} and not on ${request.branch}. Bring them onto ${request.branch}, then hand in again.`;
      return { result: "refused", code: "wrong_branch", sentence, commit: elsewhere.commit };
    }
    const left = files.length === 0 ? "" : ` Uncommitted: ${listed(files)}.`;
    return refuse(
      "no_commits",
      `${request.branch} has no commit that ${request.targetBranch} does not have.${left} ` +
        "Commit your work and hand in again, or say that nothing needs to be changed.",
    );
  }
  if (files.length > 0) {
    return refuse(
      "dirty",
      `Not committed: ${listed(files)}. Commit what belongs to the work, remove or ignore the rest.`,
    );
  }
  return judgeContent(sight, context, refuse, tip);
}

/** As after `rm -rf .git; git init`. */
function unrelated({ branch, targetBranch }: InspectRequest, { store }: RigFolders): string {
  return (
    `Your commits share no history with ${targetBranch}, so they cannot be merged. Put your files on top of it ` +
    `(git fetch ${store} ${targetBranch} && git reset --soft FETCH_HEAD), commit on ${branch}, then hand in again.`
  );
}

async function judgeContent(
  { request, target }: Sight,
  { git, folders: { store } }: InspectContext,
  refuse: (code: Refused["code"], sentence: string) => Refused,
  tip: string,
): Promise<string | Refused> {
  const base = (await mergeBase(git, store, target, tip)) ?? target;
  const nested = await nestedIn(git, store, base, tip);
  if (nested.length > 0) {
    return refuse(
      "dirty",
      `${listed(nested)} is a git repository of its own, so nothing in it is in your commit. ` +
        "Remove its .git and add its files, or name it in .gitmodules.",
    );
  }
  const markers = await conflictMarkers(git, store, base, tip);
  if (markers.length > 0) {
    return refuse(
      "conflict_markers",
      `Conflict markers were committed in ${listed(markers)}. Resolve them and commit.`,
    );
  }
  const deleted = await changedFiles(git, store, base, tip, ["--diff-filter=D", "--find-renames"]);
  if (deleted.length > request.maxDeletions) {
    return refuse(
      "too_many_deletions",
      `${deleted.length} files are deleted (${listed(deleted)}), and ${request.maxDeletions} are allowed. ` +
        "If it is meant, ask a person to take it as it is.",
    );
  }
  return tip;
}

/** What was named in `done`: the branch that was granted, and nothing else. */
async function judgeName(
  { agentId, request, foreign }: Sight,
  { git, folders }: InspectContext,
): Promise<[Refused["code"], string] | null> {
  const { named, branch } = request;
  if (named === branch) return null;
  const shownName = JSON.stringify(named.slice(0, 100));
  const checked = /[\0\n]/.test(named) ? null : await git(folders.store, ["check-ref-format", "--branch", named]);
  if (named === "HEAD" || checked?.code !== 0 || checked.stdout.trim() !== named)
    return ["bad_name", `${shownName} is no name of a branch. Your branch is ${branch}.`];
  const other = holderOf(folders, agentId, named);
  if (other !== null)
    return ["another_agents_branch", `${named} is the branch of ${other}. Yours is ${branch}; hand in that one.`];
  const exists = foreign.heads.has(named) || (await remoteTip(git, folders.store, named)) !== null;
  return exists
    ? [
        "wrong_branch",
        `${named} is not the branch of this work. Bring your commits onto ${branch} and hand in that one.`,
      ]
    : ["unknown_branch", `There is no branch ${shownName}. Your branch is ${branch}.`];
}

function holderOf(folders: RigFolders, agentId: string, branch: string): string | null {
  if (!existsSync(folders.agents)) return null;
  return (
    readdirSync(folders.agents).find((other) => {
      const state = other === agentId ? null : readState(agentFoldersOf(folders, other).state);
      return state?.phase === "ready" && state.branch === branch;
    }) ?? null
  );
}

/** Changed files, and untracked ones that were not there before this dispatch: those are leftovers, not forgotten work. */
async function uncommitted({ mine, head, tip, state }: Sight, { git, folders }: InspectContext): Promise<string[]> {
  const commit = head ?? tip ?? state.base;
  const exclude = path.join(mine.clone, ".git", "info", "exclude");
  const onlooker = await lookAt(git, folders, { work: mine.clone, commit, index: mine.index, exclude });
  try {
    const { changed, untracked } = await onlooker.files();
    const before = new Set(state.untracked);
    return [...changed, ...untracked.filter((name) => !before.has(name))];
  } finally {
    onlooker.close();
  }
}

/** A branch of the agent's own with commits that nobody else has. */
async function commitsElsewhere(
  { agentId, foreign, request, state }: Sight,
  { git, folders }: InspectContext,
): Promise<{ branch: string; commit: string } | null> {
  const { store } = folders;
  const others = [...foreign.heads].filter(([name]) => name !== request.branch).slice(-HEADS_NAMED_MAX);
  for (const [branch, commit] of others) {
    await fetchFrom(git, folders, store, foreign, new Map([[REFS.seen(agentId, "other"), commit]]));
    // Known to the remote, or the work of an earlier bead.
    const known = await mustGit(git, store, [
      "for-each-ref",
      "--count=1",
      "--contains",
      commit,
      "refs/heads",
      "refs/ticktown/work",
      "refs/ticktown/handed-in",
    ]);
    if (known === "" && (await isAncestor(git, store, state.base, commit))) return { branch, commit };
  }
  return null;
}

/** A person decided: only that it is a commit of this agent, with something in it, is looked at. */
async function judgeAsIs(asIs: string, sight: Sight, { git, folders }: InspectContext): Promise<string | Refused> {
  const { request, head, tip, target, own, foreign, agentId } = sight;
  const known = new Set([head, tip, ...foreign.heads.values()]);
  const refuse = (code: Refused["code"], sentence: string): Refused => ({
    result: "refused",
    code,
    sentence,
    commit: own,
  });
  if (!known.has(asIs)) {
    return refuse("unknown_branch", `${asIs.slice(0, 12)} is no tip of a branch in the clone of ${agentId} any more.`);
  }
  await fetchFrom(git, folders, folders.store, foreign, new Map([[REFS.seen(agentId, "other"), asIs]]));
  if (await isAncestor(git, folders.store, asIs, target))
    return refuse("no_commits", `${request.targetBranch} contains ${asIs.slice(0, 12)} already.`);
  const related = await mergeBase(git, folders.store, target, asIs);
  return related === null ? refuse("unrelated", unrelated(request, folders)) : asIs;
}

/** Keeps the commit, durably, and only then says so. The same commit again is the same pin. */
async function accepted(
  { beadId, branch, targetBranch }: InspectRequest,
  commit: string,
  { git, folders, ephemeral, remote }: InspectContext,
): Promise<InspectAnswer> {
  const { store } = folders;
  const prefix = REFS.handedIn(beadId);
  const last = (await numbered(git, store, prefix)).at(-1);
  const ref = last?.commit === commit ? last.ref : await keepNumbered(git, store, prefix, commit);
  if (ephemeral) await pushAway(git, store, remote, commit, ref);
  const target = await remoteTip(git, store, targetBranch);
  const base = target === null ? null : await mergeBase(git, store, target, commit);
  const ahead = await mustGit(git, store, ["rev-list", "--count", commit, ...(target === null ? [] : [`^${target}`])]);
  const from = base ?? (await emptyTree(git, store));
  const files = await changedFiles(git, store, from, commit, []);
  const deletions = await changedFiles(git, store, from, commit, ["--diff-filter=D", "--find-renames"]);
  return {
    result: "accepted",
    branch,
    commit,
    base,
    ahead: Number(ahead),
    files: files.length,
    deletions: deletions.length,
  };
}

/** To the remote under the same ref, or, where only branches are allowed, as a branch `ticktown/handed-in/...`. */
async function pushAway(git: Git, store: string, remote: Remote, commit: string, ref: string): Promise<void> {
  const refused = (why: string): Refusal =>
    new Refusal(
      503,
      "not_durable",
      `the commit could not be kept at ${remote.url}, and this container's disk does not last: ${why}`,
    );
  const missing = await uploadLfs(git, store, commit);
  if (missing !== null) throw refused(missing.sentence);
  const failed = await pushKept(git, store, commit, ref);
  if (failed !== null) throw refused(lastWords(failed));
}

async function shown(git: Git, store: string, commit: string): Promise<string> {
  return mustGit(git, store, ["log", "-1", '--format=%h "%s"', commit]);
}

/** Fetches what an earlier container with a disk that did not last had pushed. @returns whether the commit is here now */
export async function fetchHandedIn(git: Git, store: string, beadId: string, commit: string): Promise<boolean> {
  const ref = REFS.handedIn(beadId);
  for (const from of [ref, ref.replace("refs/", "refs/heads/")]) {
    await git(store, ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", `+${from}/*:${ref}/*`]);
    if ((await revision(git, store, commit)) !== null) return true;
  }
  return false;
}

function clipped(sentence: string): string {
  return sentence.length <= SENTENCE_MAX_CHARS ? sentence : `${sentence.slice(0, SENTENCE_MAX_CHARS - 1)}…`;
}
