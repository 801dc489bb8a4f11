/** One clone per agent, on the branch of its bead. Whatever is found there, no work is lost, and none becomes a commit. */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SetAside } from "../../src/wire/container.ts";
import { messageOf } from "../log.ts";
import { Refusal } from "../refusal.ts";
import {
  type ClonePlace,
  configureClone,
  ensureInbox,
  keepIndex,
  makeClone,
  reuseClone,
  updateClone,
} from "./clone.ts";
import { lookAt } from "./files-of.ts";
import { type Foreign, readClone } from "./foreign.ts";
import { type Git, GitFailure, isAncestor, mustGit, revision } from "./git.ts";
import { type AgentFolders, REFS, type RigFolders, agentFoldersOf, discard, liesThere, moveAside } from "./layout.ts";
import { type Returned, giveBack, markGivenBack, takeOut } from "./leftovers.ts";
import { fetchLfs } from "./lfs.ts";
import { linkIn } from "./links.ts";
import { fetchContents } from "./modes.ts";
import { ownFiles } from "./own-files.ts";
import { takeOldWorktrees } from "./old-layout.ts";
import type { Remote } from "./remotes.ts";
import { type CloneState, leftoverKeyOf, readState, writeState } from "./state.ts";
import { nameSubmodules } from "./submodules.ts";
import { Untidy, waryGit } from "./untidy.ts";
import { type FetchResult, isComplete, refreshStore, remoteBranches, remoteTip } from "./store.ts";
import { UNTRACKED_REMEMBERED_MAX } from "../limits.ts";

export interface WorkspaceRequest {
  readonly git: Git;
  readonly remote: Remote;
  readonly folders: RigFolders;
  readonly agentId: string;
  readonly beadId: string | undefined;
  readonly dispatchId: string | null;
  readonly branch: string;
  readonly defaultBranch: string;
  /** Whether that agent has a process, so that its clone must not be touched. */
  readonly isLive: (agentId: string) => boolean;
  /** Serialises what moves work from one clone of the rig to another. Nothing in it waits for a remote. */
  readonly withRig: <T>(task: () => Promise<T>) => Promise<T>;
  readonly warn: (message: string) => void;
  /** How long a start waits for a remote when there is a store already. */
  readonly patience_ms: number;
  /** Opens what another container left of this work at the remote; null: nothing was left there. */
  readonly bringBack: ((key: string) => Promise<string | null>) | null;
}

/** @throws Refusal 400 branch_refused */
export async function checkBranchName(git: Git, cwd: string, branch: string): Promise<void> {
  const result = await git(cwd, ["check-ref-format", "--branch", branch]);
  // `--branch` also expands @{-1}; a name is only good as itself.
  if (result.code !== 0 || result.stdout.trim() !== branch) {
    throw new Refusal(400, "branch_refused", `"${branch}" is not a branch name that git accepts`);
  }
}

export interface Prepared {
  /** What was found in the way, or given back. */
  readonly setAside: SetAside[];
  /** Its folder is new, and its files are those of the default branch at some time: nothing in it is an agent's. */
  readonly isPristine: boolean;
}

/**
 * Makes or refreshes the store and makes the agent's clone ready on its branch. Idempotent, and safe to repeat after a
 * crash at any point.
 * @throws Refusal 422 remote_unreachable, empty_repository, default_branch_missing, branch_in_use, submodules_failed
 * @throws GitFailure when git fails in a way that nobody foresaw
 */
export async function prepareWorkspace(request: WorkspaceRequest): Promise<Prepared> {
  const { git, folders, agentId, branch } = request;
  await refresh(request);
  const mine = agentFoldersOf(folders, agentId);
  mkdirSync(mine.root, { recursive: true });
  const setAside: SetAside[] = [];
  const found = await request.withRig(async () => {
    setAside.push(...(await takeOldWorktrees(git, folders, request.warn)));
    for (const other of holdersOf(request)) setAside.push(...(await vacate(other, request)));
    return judge(mine, request, setAside);
  });
  if (found === "resume") {
    await resume(mine, request);
    return { setAside, isPristine: false };
  }
  const key = leftoverKeyOf(request.beadId, branch);
  const unopened = await request.bringBack?.(key);
  if (unopened) request.warn(unopened);
  const start = await startOf(request);
  await bringContents(request, start);
  const target = `refs/heads/${request.defaultBranch}`;
  const place: ClonePlace = { git, folders, mine, remote: request.remote, target };
  const state: Omit<CloneState, "phase"> = {
    version: 1,
    key,
    branch,
    base: start,
    dispatchId: request.dispatchId,
    gaveBack: null,
    untracked: [],
  };
  writeState(mine.state, { ...state, phase: "making" });
  await mustGit(git, folders.store, ["update-ref", REFS.pin(agentId, "base"), start]);
  if (found === "reuse") await reuse(place, request, start);
  else await makeClone(place, branch, start);
  ensureInbox(folders, mine);
  keepIndex(mine);
  const keys = [...new Set([key, leftoverKeyOf(undefined, branch)])];
  const returned = await giveBack(git, folders, mine.clone, keys, start, request.warn);
  if (returned !== null) await ownFiles(path.join(mine.clone, ".git"));
  const untracked = returned === null ? [] : await untrackedIn(mine, request, start);
  writeState(mine.state, { ...state, phase: "ready", gaveBack: returned?.ref ?? null, untracked });
  if (returned !== null) await markGivenBack(git, folders, returned.ref);
  const isPristine =
    found === "nothing" &&
    returned === null &&
    (await isAncestor(git, folders.store, start, `refs/heads/${request.defaultBranch}`));
  return { setAside: told(setAside, returned, request, key), isPristine };
}

/** What the files of a commit hold, where the store has not got it with the commit itself. */
async function bringContents({ git, folders, remote, warn }: WorkspaceRequest, start: string): Promise<void> {
  try {
    await fetchContents(git, folders.store, start);
  } catch (error) {
    if (!(error instanceof GitFailure)) throw error;
    throw new Refusal(422, "remote_unreachable", `cannot fetch from ${remote.url}: ${error.message}`);
  }
  const warning = await fetchLfs(git, folders.store, start);
  if (warning !== null) warn(warning);
}

function told(setAside: SetAside[], returned: Returned | null, { agentId }: WorkspaceRequest, key: string): SetAside[] {
  if (returned === null) return setAside;
  const what = returned.files === 1 ? "the file that was" : `the ${returned.files} files that were`;
  const lie = returned.files === 1 ? "lies" : "lie";
  const sentence = `${what} left uncommitted before ${lie} in the clone again, uncommitted`;
  const known = setAside.find(({ commit }) => commit === returned.commit);
  if (known !== undefined)
    return setAside.map((one) =>
      one === known ? { ...one, givenBack: true, sentence: `${one.sentence}; ${sentence}` } : one,
    );
  return [...setAside, { beadId: key, agentId, ...returned, givenBack: true, sentence }];
}

async function refresh(request: WorkspaceRequest): Promise<void> {
  const { git, remote, folders, defaultBranch, warn, patience_ms } = request;
  const fetched = await patient(refreshStore(git, folders, remote), isComplete(folders.store) ? patience_ms : null);
  const branches = isComplete(folders.store) ? await remoteBranches(git, folders.store) : [];
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

async function patient(fetching: Promise<FetchResult>, patience_ms: number | null): Promise<FetchResult> {
  if (patience_ms === null) return fetching;
  const timer = new AbortController();
  const late = sleep(patience_ms, null, { signal: timer.signal }).catch(() => null);
  const result = await Promise.race([fetching, late]);
  timer.abort();
  return result ?? { ok: false, error: `no answer within ${patience_ms / 1000} s` };
}

/** Other agents whose clone has the branch, or would have it again at their next start. */
function holdersOf({ folders, agentId, branch }: WorkspaceRequest): string[] {
  if (!existsSync(folders.agents)) return [];
  return readdirSync(folders.agents).filter((other) => {
    if (other === agentId) return false;
    const state = readState(agentFoldersOf(folders, other).state);
    return state !== null && state.phase === "ready" && state.branch === branch;
  });
}

/** The bead has a new agent: its branch and what was left go to the store, and the old clone is worth nothing. */
async function vacate(other: string, request: WorkspaceRequest): Promise<SetAside[]> {
  const { folders, branch, isLive } = request;
  if (isLive(other)) {
    throw new Refusal(422, "branch_in_use", `${branch} is checked out by ${other}, which is running; stop it first`);
  }
  const theirs = agentFoldersOf(folders, other);
  const state = readState(theirs.state);
  if (state === null) return [];
  const { setAside } = await empty(other, theirs, state, request);
  // Also where its folder was moved aside: that is told once.
  writeState(theirs.state, { ...state, phase: "spent" });
  return setAside;
}

/** Everything that an agent without a process left goes to the store. */
export async function emptyClone(
  agentId: string,
  place: Pick<WorkspaceRequest, "git" | "folders" | "warn">,
): Promise<void> {
  const mine = agentFoldersOf(place.folders, agentId);
  const state = readState(mine.state);
  if (state !== null) await empty(agentId, mine, state, place);
}

/** @returns kept: the folder may be used again for something else */
async function empty(
  agentId: string,
  agent: AgentFolders,
  state: CloneState,
  { git, folders, warn }: Pick<WorkspaceRequest, "git" | "folders" | "warn">,
): Promise<{ setAside: SetAside[]; kept: boolean }> {
  if (state.gaveBack !== null) await markGivenBack(git, folders, state.gaveBack);
  const outOfTheWay = (why: string): string => {
    if (!liesThere(agent.clone)) return `the clone of ${agentId} is gone`;
    const kept = moveAside(folders, agent.clone, agentId);
    const sentence = `the clone of ${agentId} ${why}; it is kept at ${kept}`;
    warn(sentence);
    return sentence;
  };
  try {
    const foreign = plainClone(agent.clone);
    if (foreign === null) throw new Untidy("is not a plain clone any more");
    const { setAside, spoilt } = await takeOut(git, folders, {
      agentId,
      work: agent.clone,
      foreign,
      index: agent.index,
      exclude: path.join(agent.clone, ".git", "info", "exclude"),
      branch: state.branch,
      base: state.base,
      key: state.key,
    });
    if (setAside !== null) warn(setAside.sentence);
    if (spoilt !== null) outOfTheWay(spoilt);
    return { setAside: setAside === null ? [] : [setAside], kept: spoilt === null };
  } catch (error) {
    // Whatever it is, it must not stop a start, and nothing of it may be lost.
    const why = error instanceof Untidy ? error.message : `could not be looked at (${messageOf(error)})`;
    const sentence = outOfTheWay(why);
    const lost = { beadId: state.key, agentId, ref: null, commit: null, files: 0, givenBack: false, sentence };
    return { setAside: [lost], kept: false };
  }
}

/** One that git may be let loose in: nothing in its git folder leads elsewhere. Its agent is gone, so that it stays so. */
const plainClone = (clone: string): Foreign | null => {
  const foreign = readClone(clone);
  return foreign !== null && linkIn(path.join(clone, ".git")) === null ? foreign : null;
};

type Found = "resume" | "reuse" | "nothing";

/** What is to be made of the agent's own clone. Afterwards it is either the bead's already, or worth nothing. */
async function judge(mine: AgentFolders, request: WorkspaceRequest, setAside: SetAside[]): Promise<Found> {
  const { folders, agentId, branch, beadId, warn } = request;
  const state = readState(mine.state);
  if (state === null) {
    if (liesThere(mine.clone)) {
      const kept = moveAside(folders, mine.clone, agentId);
      warn(`${mine.clone} was not made by Ticktown; it is kept at ${kept}`);
    }
    return "nothing";
  }
  if (state.phase === "making") {
    discard(folders, mine.clone); // Cut off before anybody worked in it.
    return "nothing";
  }
  const foreign = plainClone(mine.clone);
  if (state.phase === "spent") return foreign === null ? "nothing" : "reuse";
  const sameBead = state.branch === branch && state.key === leftoverKeyOf(beadId, branch);
  const sameBranch = state.branch === branch && (sameBead || state.key === leftoverKeyOf(undefined, branch));
  if (sameBranch && foreign !== null && foreign.lock === null && foreign.head.sound) return "resume";
  const { setAside: out, kept } = await empty(agentId, mine, state, request);
  setAside.push(...out);
  return kept ? "reuse" : "nothing";
}

/** The same bead again: everything stays as its last dispatch left it, half-finished merges and all. */
async function resume(mine: AgentFolders, request: WorkspaceRequest): Promise<void> {
  const { git, folders, remote, warn, agentId, branch, dispatchId, defaultBranch } = request;
  const state = readState(mine.state);
  const foreign = readClone(mine.clone);
  if (state === null || foreign === null) throw new Error(`the clone of ${agentId} was changed while it was looked at`);
  if (state.gaveBack !== null) await markGivenBack(git, folders, state.gaveBack);
  const target = `refs/heads/${defaultBranch}`;
  const place: ClonePlace = { git: waryGit(git, mine.clone), folders, mine, remote, target };
  configureClone(place);
  if (git.place.submodules === "init") await nameSubmodules(place.git, mine.clone, remote);
  ensureInbox(folders, mine);
  await updateClone(place, null).catch((error: unknown) =>
    warn(`the clone of ${agentId} could not be brought up to date: ${messageOf(error)}`),
  );
  const untracked = await untrackedIn(mine, request, state.base).catch(() => state.untracked);
  const key = leftoverKeyOf(request.beadId, branch);
  writeState(mine.state, { ...state, key, dispatchId, gaveBack: null, untracked });
}

/** The setup is done, and what it left untracked is no forgotten work. */
export async function markSetUp(
  { git, folders, agentId }: Pick<WorkspaceRequest, "git" | "folders" | "agentId">,
  digest: string,
): Promise<void> {
  const mine = agentFoldersOf(folders, agentId);
  const state = readState(mine.state);
  if (state?.phase !== "ready") throw new Error(`the clone of ${agentId} was changed while it was set up`);
  const untracked = await untrackedIn(mine, { git, folders }, state.base);
  writeState(mine.state, { ...state, setup: digest, untracked });
}

async function untrackedIn(
  mine: AgentFolders,
  { git, folders }: Pick<WorkspaceRequest, "git" | "folders">,
  base: string,
): Promise<string[]> {
  const foreign = readClone(mine.clone);
  const commit = foreign?.head.commit ?? base;
  // Its commits may be in the clone alone.
  const known = (await revision(git, folders.store, commit)) === null ? base : commit;
  const exclude = path.join(mine.clone, ".git", "info", "exclude");
  const onlooker = await lookAt(git, folders, { work: mine.clone, commit: known, index: mine.index, exclude });
  try {
    return (await onlooker.files()).untracked.slice(0, UNTRACKED_REMEMBERED_MAX);
  } finally {
    onlooker.close();
  }
}

/** Where the branch begins: its own last commits, from a clone or from the remote, or the default branch. */
async function startOf({ git, folders, branch, defaultBranch }: WorkspaceRequest): Promise<string> {
  const { store } = folders;
  const work = await revision(git, store, REFS.work(branch));
  const pushed = await remoteTip(git, store, branch);
  if (work !== null && pushed !== null) return (await isAncestor(git, store, work, pushed)) ? pushed : work;
  return work ?? pushed ?? mustGit(git, store, ["rev-parse", "--verify", `refs/heads/${defaultBranch}^{commit}`]);
}

async function reuse(place: ClonePlace, request: WorkspaceRequest, start: string): Promise<void> {
  const { agentId, branch, warn, folders } = request;
  try {
    await reuseClone({ ...place, git: waryGit(place.git, place.mine.clone) }, branch, start);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const kept = moveAside(folders, place.mine.clone, agentId);
    warn(`the clone of ${agentId} could not be tidied (${messageOf(error)}); it is kept at ${kept}`);
    await makeClone(place, branch, start);
  }
}
