/** One member on top of what is there: as a merge, one commit, its own commits again, or taken back. No ref is written. */
import type { TrainMember } from "../../src/wire/train.ts";
import { isAncestor, lastWords, mustGit } from "../git/git.ts";
import { type Outcome, mergedTree } from "../git/merge-tree.ts";
import { isOvergrown } from "../git/weigh.ts";
import { REBASE_COMMITS_MAX } from "../limits.ts";
import type { TrainContext } from "./context.ts";
import { HANDED_IN, treeOf } from "./landed.ts";

export type Applied =
  | { readonly kind: "clean"; readonly commit: string }
  | Exclude<Outcome, { readonly kind: "clean" }>
  /** It changes nothing. */
  | { readonly kind: "nothing" };

type Place = Pick<TrainContext, "git" | "folders" | "request">;

/** @param source what was handed in */
export async function apply(place: Place, before: string, member: TrainMember, source: string): Promise<Applied> {
  const { git, folders, request } = place;
  const merged = await mergedTree(git, folders, before, source);
  if (merged.kind !== "clean") return merged;
  const { strategy } = request.gate;
  if (strategy === "merge") {
    const message = messageOf(member, []);
    return { kind: "clean", commit: await commit(place, merged.tree, [before, source], message) };
  }
  const steps = strategy === "rebase" ? await replay(place, before, source) : [];
  // What cannot be had one by one is had as one: the tree decides.
  if (steps.length === 0 || steps.at(-1)?.tree !== merged.tree) {
    const message = messageOf(member, [`${HANDED_IN}: ${source}`]);
    return { kind: "clean", commit: await commit(place, merged.tree, [before], message, source) };
  }
  let tip = before;
  for (const [n, { commit: original, tree }] of steps.entries()) {
    const last = n === steps.length - 1;
    const trailers = [
      `Bead: ${member.beadId}`,
      ...(last ? [`${HANDED_IN}: ${source}`] : []),
      ...(steps.length > 1 ? [`${PART}: ${n + 1}/${steps.length}`] : []),
    ];
    tip = await commit(place, tree, [tip], await withTrailers(place, original, trailers), original);
  }
  return { kind: "clean", commit: tip };
}

/** Which of the commits of one bead it is, so that all of them can be taken back. */
const PART = "Bead-Part";
const OURS = new RegExp(`^(Bead|${HANDED_IN}|${PART})\\s*:`, "i");

/** Takes a commit of the target back, with the others of its bead. @param reverts it must be on the target */
export async function revert(place: Place, before: string, member: TrainMember, reverts: string): Promise<Applied> {
  const { git, folders } = place;
  const { store } = folders;
  const all = await partsOf(place, reverts);
  const first = all.at(-1) as string;
  const parent = await git(store, ["rev-parse", "--verify", "--quiet", `${first}^1`]);
  if (parent.code !== 0)
    return { kind: "failed", error: `${reverts} is the first commit, and there is nothing before it` };
  const merged = await threeWay(place, reverts, await treeOf(git, store, before), `${parent.stdout.trim()}^{tree}`);
  if (merged.kind !== "clean") return merged;
  if (merged.tree === (await treeOf(git, store, before))) return { kind: "nothing" };
  const lines = all.map((sha) => `This reverts commit ${sha}.`);
  return {
    kind: "clean",
    commit: await commit(place, merged.tree, [before], messageOf(member, [], lines)),
  };
}

/** The commits that a bead was rebased to, the last one first. */
async function partsOf({ git, folders }: Place, tip: string): Promise<string[]> {
  const trailer = (key: string): string => `%(trailers:key=${key},valueonly,separator=%x20)`;
  const said = async (commit: string): Promise<string[]> =>
    (await mustGit(git, folders.store, ["log", "-1", `--format=${trailer("Bead")}%x09${trailer(PART)}`, commit])).split(
      "\t",
    );
  const [bead, part = ""] = await said(tip);
  const total = Number(/^(\d+)\/\1$/.exec(part)?.[1] ?? 1);
  const all = [tip];
  for (let n = total - 1; n >= 1 && total <= REBASE_COMMITS_MAX; n--) {
    const next = `${tip}~${total - n}`;
    const [theirs, which] = await said(next);
    if (theirs !== bead || which !== `${n}/${total}`) return [tip];
    all.push(await mustGit(git, folders.store, ["rev-parse", "--verify", next]));
  }
  return all;
}

interface Replayed {
  readonly commit: string;
  readonly tree: string;
}

/** Each commit of the branch on top of the one before, without those that are there already. Empty: it cannot be done. */
async function replay({ git, folders, request }: Place, before: string, source: string): Promise<Replayed[]> {
  const { store } = folders;
  const args = ["rev-list", "--reverse", "--topo-order", "--parents", `${before}..${source}`];
  const lines = (await mustGit(git, store, args)).split("\n").filter((line) => line !== "");
  const commits = lines.map((line) => line.split(" "));
  // Who resolved a conflict in a merge has written its result down there and nowhere else.
  if (commits.length > REBASE_COMMITS_MAX || commits.some(({ length }) => length !== 2)) return [];
  const steps: Replayed[] = [];
  let tree = await treeOf(git, store, before);
  for (const [commit = "", parent = ""] of commits) {
    if (await isOvergrown(git, store, commit)) return [];
    const onto = await threeWay({ git, folders, request }, parent, tree, `${commit}^{tree}`);
    if (onto.kind !== "clean") return [];
    if (onto.tree !== tree) steps.push({ commit, tree: onto.tree });
    tree = onto.tree;
  }
  return steps;
}

/** `git merge-tree --merge-base` is of git 2.40; a merge finds the base by itself when both sides are its children. */
async function threeWay({ git, folders }: Place, base: string, ours: string, theirs: string): Promise<Outcome> {
  const child = (tree: string): Promise<string> =>
    mustGit(git, folders.store, ["commit-tree", tree, "-p", base, "-m", "a side of a merge"]);
  return mergedTree(git, folders, await child(ours), await child(theirs));
}

async function commit(
  { git, folders }: Place,
  tree: string,
  parents: readonly string[],
  message: string,
  authorOf: string | null = null,
): Promise<string> {
  const args = ["commit-tree", tree, ...parents.flatMap((parent) => ["-p", parent]), "-F", "-"];
  const authors = authorOf === null ? [] : await authorsOf({ git, folders }, authorOf);
  for (const env of authors) {
    const result = await git(folders.store, args, { input: message, env });
    if (result.code === 0) return result.stdout.trim();
  }
  return mustGit(git, folders.store, args, { input: message });
}

/** Whom to name as the author, in the order in which it is tried: a commit may have a date or a name that git itself would not write. */
async function authorsOf(
  { git, folders }: Pick<Place, "git" | "folders">,
  of: string,
): Promise<Record<string, string>[]> {
  const out = await mustGit(git, folders.store, ["log", "-1", "--format=%an%x00%ae%x00%ad", "--date=raw", of]);
  const [name = "", email = "", date = ""] = out.split("\0");
  // Made by hand it may have none, and git makes no commit of nobody.
  if (name.trim() === "") return [];
  const named = { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email };
  // Without the sign git takes few seconds for a day or a year.
  return [{ ...named, GIT_AUTHOR_DATE: `@${date}` }, named];
}

/** The bead's title, as one line, and whose it is. */
function messageOf(member: TrainMember, trailers: readonly string[], body: readonly string[] = []): string {
  const title = member.title.replaceAll(/[\s\p{Cc}]+/gu, " ").trim() || `Merge ${member.branch}`;
  const last = [`Bead: ${member.beadId}`, ...trailers].join("\n");
  return `${[title, ...(body.length === 0 ? [] : [body.join("\n")]), last].join("\n\n")}\n`;
}

/** A commit's own message, which may not say that it is another bead's. */
async function withTrailers({ git, folders }: Place, commit: string, trailers: readonly string[]): Promise<string> {
  const said = await mustGit(git, folders.store, ["log", "-1", "--format=%B", commit]);
  const own = said.split("\n").filter((line) => !OURS.test(line));
  const args = ["interpret-trailers", "--no-divider", "--if-exists=add", ...trailers.map((one) => `--trailer=${one}`)];
  const result = await git(folders.store, args, { input: `${own.join("\n").trim() || "(no message)"}\n` });
  if (result.code !== 0) throw new Error(`git interpret-trailers failed: ${lastWords(result)}`);
  return result.stdout;
}

/** Whether a commit is on the target, so that it can be taken back. */
export async function isThere({ git, folders }: Place, target: string, commit: string): Promise<boolean> {
  return (
    (await git(folders.store, ["cat-file", "-e", `${commit}^{commit}`])).code === 0 &&
    (await isAncestor(git, folders.store, commit, target))
  );
}
