/** The members on top of each other. Who cannot be there leaves, and the others go on. */
import type { Left, TrainMember } from "../../src/wire/train.ts";
import { missingLfs } from "../git/lfs.ts";
import { deepenFor } from "../git/modes.ts";
import { sourceOf } from "../git/source.ts";
import { messageOf } from "../log.ts";
import { isPassing, whyFailed } from "./classify.ts";
import { type Applied, apply, isThere, revert } from "./commits.ts";
import { type TrainContext, checkGoesOn, leaves, listed } from "./context.ts";
import { addsNothing, firstWith, isContainedByPatch, landingsOn, takenBackOn, treeOf } from "./landed.ts";
import { protectedChanges } from "./protect.ts";

export interface Stacked {
  readonly member: TrainMember;
  readonly handedIn: string;
  readonly commit: string;
}

export interface Stack {
  /** The tip with so many members of the request; the first is the target. */
  readonly tips: readonly string[];
  readonly stacked: readonly Stacked[];
  readonly left: readonly Left[];
}

/** @throws Stopped */
export async function stack(
  context: TrainContext,
  target: string,
  members: readonly TrainMember[],
  landings: ReadonlyMap<string, string>,
): Promise<Stack> {
  const tips = [target];
  const stacked: Stacked[] = [];
  const left: Left[] = [];
  for (const [n, member] of members.entries()) {
    checkGoesOn(context);
    context.say(`stacks ${n + 1} of ${members.length}: ${member.title}`);
    const before = tips.at(-1) as string;
    const one = await put(context, { target, before, landings }, member);
    if ("why" in one) left.push(one);
    else stacked.push(one);
    tips.push("why" in one ? before : one.commit);
  }
  return { tips, stacked, left };
}

export const landingsOf = ({ git, folders }: TrainContext, target: string): Promise<ReadonlyMap<string, string>> =>
  landingsOn(git, folders.store, target);

export interface Onto {
  readonly target: string;
  /** What is there, of the target and the members in front. */
  readonly before: string;
  readonly landings: ReadonlyMap<string, string>;
}

async function put(context: TrainContext, onto: Onto, member: TrainMember): Promise<Stacked | Left> {
  const { git, folders } = context;
  const found = await lookFor(context, onto, member);
  if ("why" in found) return found;
  const { handedIn, fork } = found;
  const applied =
    member.reverts === undefined
      ? await apply(context, onto.before, member, handedIn)
      : await revert(context, onto.before, member, handedIn);
  if (applied.kind === "nothing") return leaves(member, "contained", "nothing of it is left", { commit: onto.target });
  if (applied.kind !== "clean") return conflict(context, member, applied);
  // Nothing is between what was looked at and what is there.
  if (fork === onto.before) return { member, handedIn, commit: applied.commit };
  // Also what no difference to one merge base shows, as that of two histories that were merged crosswise.
  const seen = await protectedChanges(git, folders.store, context.request.gate.protect, onto.before, applied.commit);
  const refused = await refuseProtected(context, member, handedIn, seen);
  return refused ?? { member, handedIn, commit: applied.commit };
}

interface Found {
  readonly handedIn: string;
  /** Where it parted from the target; null: unknown, or it is taken back. */
  readonly fork: string | null;
}

/** What is to be merged, or taken back. */
export async function lookFor(
  context: TrainContext,
  { target, landings }: Onto,
  member: TrainMember,
): Promise<Found | Left> {
  const { git, folders, request } = context;
  const { store } = folders;
  if (member.reverts !== undefined) {
    if (await isThere(context, target, member.reverts)) return { handedIn: member.reverts, fork: null };
    return leaves(member, "missing", `${member.reverts} is not on ${request.targetBranch}, so it cannot be taken back`);
  }
  const source = await sourceOf(member, git, folders);
  if (source === null) return leaves(member, "missing", missing(member, context.remote.url));
  await deepenFor(git, store, source, target).catch((error: unknown) => {
    throw whyFailed(messageOf(error), "the history that is needed could not be fetched", "remote_unreachable");
  });
  const lost = await missingLfs(git, store, source);
  if (lost !== null && isPassing(lost)) throw whyFailed(lost, "large files could not be fetched", "remote_unreachable");
  if (lost !== null) return leaves(member, "missing", lost);
  const contained = (commit: string): Left =>
    leaves(member, "contained", `${request.targetBranch} already contains ${member.branch}`, { commit });
  const base = await git(store, ["merge-base", target, source]);
  const fork = base.code === 0 ? base.stdout.trim() : null;
  if (fork === source) {
    const carrier = await firstWith(git, store, target, source);
    if (!(await takenBackOn(git, store, target)).has(carrier)) return contained(carrier);
    return leaves(
      member,
      "missing",
      `${request.targetBranch} had ${member.branch} and took it back; git brings the same commits only once, so its work needs new ones`,
    );
  }
  const landed = landings.get(source);
  if (landed !== undefined) return contained(landed);
  const { strategy } = request.gate;
  if (strategy !== "merge" && (await addsNothing(git, folders, target, source))) return contained(target);
  if (strategy === "hand_over" && (await isContainedByPatch(git, store, target, source))) return contained(target);
  const files = await protectedChanges(git, store, request.gate.protect, fork ?? target, source);
  return (await refuseProtected(context, member, source, files)) ?? { handedIn: source, fork };
}

function missing({ branch, commit }: TrainMember, url: string): string {
  return commit === undefined
    ? `${branch} exists neither in this container nor at ${url}; its work must be done again`
    : `the commit ${commit} of ${branch} is not in this container; its work must be done again`;
}

/** What a person approves is one tree: that of what was handed in, or of what would be again. */
async function refuseProtected(
  { git, folders }: TrainContext,
  member: TrainMember,
  handedIn: string,
  files: readonly string[],
): Promise<Left | null> {
  if (files.length === 0) return null;
  const tree = await treeOf(git, folders.store, member.reverts === undefined ? handedIn : `${handedIn}^1`);
  if (member.approvedTree === tree) return null;
  return leaves(member, "protected", `it changes ${listed(files)}, which a person has to approve first`, {
    files,
    tree,
  });
}

/** @throws Stopped when it is no matter of the work */
function conflict(
  { request }: TrainContext,
  member: TrainMember,
  applied: Exclude<Applied, { readonly kind: "clean" | "nothing" }>,
): Left {
  const what = member.reverts === undefined ? member.branch : `taking ${member.reverts} back`;
  if (applied.kind === "conflict")
    return leaves(member, "conflict", `${what} conflicts with ${request.targetBranch} in ${listed(applied.files)}`, {
      files: applied.files,
    });
  if (isPassing(applied.error)) throw whyFailed(applied.error, `git could not merge ${what}`, "internal");
  // As histories without a common commit: nobody else has to wait for it.
  return leaves(member, "conflict", `git could not merge ${what}: ${applied.error}`);
}
