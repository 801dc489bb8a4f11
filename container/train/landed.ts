/** Whether the target has a bead's work already, under whichever commit. */
import { type Git, GitFailure, isAncestor, mustGit } from "../git/git.ts";
import type { RigFolders } from "../git/layout.ts";
import { mergedTree } from "../git/merge-tree.ts";
import { isOutOfRoom } from "../git/weigh.ts";
import { LANDINGS_SEARCHED_MAX } from "../limits.ts";

/** What a commit says of itself when it is not the one that was handed in. */
export const HANDED_IN = "Handed-In";

/** Commits of the target by what was handed in, without those that were taken back since. */
export async function landingsOn(git: Git, store: string, target: string): Promise<ReadonlyMap<string, string>> {
  // With --grep, -n counts what is found and not what is searched.
  const skip = ["rev-list", "--first-parent", "-n1", `--skip=${LANDINGS_SEARCHED_MAX}`, target];
  const older = await mustGit(git, store, skip);
  const range = older === "" ? [target] : [target, `^${older}`];
  const log = (grep: string, format: string): Promise<string> =>
    mustGit(git, store, ["log", "--first-parent", `--grep=${grep}`, `--format=${format}`, ...range]);
  const landed = await log(`^${HANDED_IN}: `, `%H %(trailers:key=${HANDED_IN},valueonly,separator=%x20)`);
  if (landed === "") return new Map();
  const takenBack = await takenBackOn(git, store, target);
  const found = new Map<string, string>();
  for (const line of landed.split("\n")) {
    const [commit = "", source = ""] = line.split(" ");
    // The newest comes first.
    if (source !== "" && !takenBack.has(commit) && !found.has(source)) found.set(source, commit);
  }
  return found;
}

/** Commits of the target that were taken back since, without those whose taking back was taken back. */
export async function takenBackOn(git: Git, store: string, target: string): Promise<ReadonlySet<string>> {
  const args = ["log", "--first-parent", `-n${LANDINGS_SEARCHED_MAX}`, "--grep=^This reverts commit "];
  const log = await mustGit(git, store, [...args, "--format=%x00%H%n%b", target]);
  const found = new Set<string>();
  // The newest comes first.
  for (const said of log.split("\0")) {
    if (found.has(said.slice(0, said.indexOf("\n")))) continue;
    for (const [, sha = ""] of said.matchAll(/^This reverts commit ([0-9a-f]{40,64})\.$/gm)) found.add(sha);
  }
  return found;
}

/** The first commit of the target, along its first parents, that contains an ancestor of it. */
export async function firstWith(git: Git, store: string, target: string, source: string): Promise<string> {
  const args = ["rev-list", "--first-parent", `-n${LANDINGS_SEARCHED_MAX}`, `${source}..${target}`];
  const out = await mustGit(git, store, args);
  const chain = out.split("\n").filter((sha) => sha !== "");
  // The newest first: those that contain it, then those that do not.
  let [low, high] = [0, chain.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (await isAncestor(git, store, source, chain[middle] as string)) low = middle + 1;
    else high = middle;
  }
  const commit = chain[low - 1] ?? source;
  // It may be one of the first parents itself.
  const parent = await git(store, ["rev-parse", "--verify", "--quiet", `${commit}^1`]);
  return parent.stdout.trim() === source ? source : commit;
}

/** Whether merging it would change nothing. */
export async function addsNothing(git: Git, folders: RigFolders, target: string, source: string): Promise<boolean> {
  const merged = await mergedTree(git, folders, target, source);
  return merged.kind === "clean" && merged.tree === (await treeOf(git, folders.store, target));
}

export function treeOf(git: Git, store: string, commit: string): Promise<string> {
  return mustGit(git, store, ["rev-parse", "--verify", `${commit}^{tree}`]);
}

/** Whether somebody else's commits make the same changes: each one for itself, or all of them as one (a forge's squash). */
export async function isContainedByPatch(git: Git, store: string, target: string, source: string): Promise<boolean> {
  const fork = await git(store, ["merge-base", target, source]);
  if (fork.code !== 0) return false;
  const base = fork.stdout.trim();
  const allThere = async (tip: string): Promise<boolean> => {
    // Each commit of it is compared with each of the target's, whatever it comes to.
    const compared = await git(store, ["cherry", target, tip], { isWalled: true });
    if (isOutOfRoom(compared)) return false;
    if (compared.code !== 0) throw new GitFailure("git cherry failed", compared);
    const lines = compared.stdout.split("\n").filter((line) => line !== "");
    return lines.length > 0 && lines.every((line) => line.startsWith("-"));
  };
  if (await allThere(source)) return true;
  return allThere(await mustGit(git, store, ["commit-tree", `${source}^{tree}`, "-p", base, "-m", "as one"]));
}
