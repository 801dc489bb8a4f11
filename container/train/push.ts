/** Onto the remote: only what is still on top of what was checked, and `pushed` is said only of what was seen there. */
import type { Left } from "../../src/wire/train.ts";
import { isAncestor, revision } from "../git/git.ts";
import { REFS } from "../git/layout.ts";
import { uploadLfs } from "../git/lfs.ts";
import { numbered, refreshStore, remoteBranches, remoteTip } from "../git/store.ts";
import { whyFailed, whyNotPushed } from "./classify.ts";
import { type TrainContext, leaves, ofPlace, passing } from "./context.ts";
import { lookFor, type Onto, type Stacked } from "./stack.ts";

/** Fetches, and says where the target is. @throws Stopped */
export async function targetOf({ git, remote, folders, request }: TrainContext): Promise<string> {
  const { targetBranch } = request;
  const fetched = await refreshStore(git, folders, remote);
  if (!fetched.ok) throw whyFailed(fetched.error, `cannot fetch ${remote.url}`, "remote_unreachable");
  const branches = await remoteBranches(git, folders.store);
  if (branches.length === 0) throw ofPlace("empty_repository", `${remote.url} has no commits to merge onto`);
  const target = await remoteTip(git, folders.store, targetBranch);
  if (target === null) throw ofPlace("target_missing", `${remote.url} has no branch ${targetBranch}`);
  return target;
}

/** @returns false when somebody else was there first: fetch, and all of it again @throws Stopped */
export async function pushTarget(context: TrainContext, from: string, to: string): Promise<boolean> {
  const { git, remote, folders, request } = context;
  const { targetBranch } = request;
  const ref = `refs/heads/${targetBranch}`;
  // Also when it was put back to an older commit meanwhile, which a push would silently undo.
  const lease = `--force-with-lease=${ref}:${from}`;
  const args = ["push", "--porcelain", "--no-verify", lease, "origin", `${to}:${ref}`];
  await upload(context, to);
  const pushing = await git(folders.store, args, { timeout_ms: git.place.push_timeout_ms });
  const said = `${pushing.stdout}\n${pushing.stderr}`;
  const stopped = pushing.code === 0 ? null : whyNotPushed(said, { url: remote.url, branch: targetBranch });
  // The connection may have broken after the push arrived, and a rejection may be that of the same push before.
  const fetched = await refreshStore(git, folders, remote);
  if (!fetched.ok)
    throw whyFailed(fetched.error, `cannot tell whether the push arrived at ${remote.url}`, "remote_unreachable");
  const now = await remoteTip(git, folders.store, targetBranch);
  if (now !== null && (await isAncestor(git, folders.store, to, now))) return true;
  if (stopped !== null) throw stopped;
  if (pushing.code === 0 && now === from)
    throw passing("internal", `the push to ${targetBranch} was accepted, but ${remote.url} does not have it`);
  return false;
}

/** Large files first: the remote never has a pointer that leads to nothing. @throws Stopped */
async function upload({ git, folders }: TrainContext, commit: string): Promise<void> {
  const refusal = await uploadLfs(git, folders.store, commit);
  if (refusal?.reason === "remote_unreachable") throw passing("remote_unreachable", refusal.sentence);
  // Whoever lacks contents left the train before.
  if (refusal !== null) throw passing("internal", refusal.sentence);
}

/** Pushes the member's own branch, for somebody else to merge. @throws Stopped */
export async function handOver(context: TrainContext, onto: Onto, member: Stacked["member"]): Promise<Left> {
  const { git, remote, folders } = context;
  const { store } = folders;
  const { branch, beadId } = member;
  const found = await lookFor(context, onto, member);
  if ("why" in found) return found;
  const { handedIn } = found;
  const there = await remoteTip(git, store, branch);
  const done = (): Left =>
    leaves(member, "handed_over", `${branch} is at ${remote.url}, for somebody to merge`, { commit: handedIn });
  if (there === handedIn) return done();
  if (member.handedOver === true)
    return there === null
      ? leaves(member, "missing", `${branch} was handed over and is gone at ${remote.url}, without being merged`)
      : done();
  if (there !== null && !(await isAncestor(git, store, there, handedIn))) {
    // An earlier hand-in of the same bead may be replaced; what somebody else put there may not.
    const earlier = (await numbered(git, store, REFS.handedIn(beadId))).map(({ commit }) => commit);
    const own = await Promise.all(earlier.map((commit) => isAncestor(git, store, there, commit)));
    if (!own.includes(true))
      return leaves(member, "conflict", `${branch} at ${remote.url} has commits that are not of this work`);
  }
  const ref = `refs/heads/${branch}`;
  const lease = `--force-with-lease=${ref}:${there ?? ""}`;
  await upload(context, handedIn);
  const args = ["push", "--porcelain", "--no-verify", lease, "origin", `${handedIn}:${ref}`];
  const pushing = await git(store, args, { timeout_ms: git.place.push_timeout_ms });
  if (pushing.code !== 0)
    throw (
      whyNotPushed(`${pushing.stdout}\n${pushing.stderr}`, { url: remote.url, branch }) ??
      passing("target_moves", `${branch} at ${remote.url} was changed while it was handed over`)
    );
  const fetched = await refreshStore(git, folders, remote);
  if (!fetched.ok) throw whyFailed(fetched.error, `cannot tell whether ${branch} arrived`, "remote_unreachable");
  if ((await revision(git, store, ref)) !== handedIn)
    throw passing("internal", `the push of ${branch} was accepted, but ${remote.url} does not have it`);
  return done();
}
