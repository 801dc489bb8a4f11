/**
 * What an agent did not commit is never work: it is kept on a side ref of the store, and comes back uncommitted at the next
 * dispatch of its bead. Ignored files stay in the folder they are in.
 */
import path from "node:path";
import type { SetAside } from "../../src/wire/container.ts";
import { type Git, isAncestor, lastWords, mustGit, revision } from "./git.ts";
import type { Foreign } from "./foreign.ts";
import { lookAt, treeOf } from "./files-of.ts";
import { keepLfs } from "./lfs.ts";
import { REFS, type RigFolders } from "./layout.ts";
import { keepNumbered, lending, numbered } from "./store.ts";
import { mergeTree } from "./merge-tree.ts";
import { fetchFrom } from "./reader.ts";
import { whyNoRoom } from "./room.ts";
import { Untidy } from "./untidy.ts";

export interface Source {
  readonly agentId: string;
  /** Where the files are. */
  readonly work: string;
  readonly foreign: Foreign;
  readonly index: string | null;
  /** The agent's list of ignored files. */
  readonly exclude: string;
  /** The branch that was handed out, its first commit, and the bead it is for. */
  readonly branch: string;
  readonly base: string | null;
  readonly key: string;
}

export interface Taken {
  readonly setAside: SetAside | null;
  /** Why the folder is not to be used again; null: it may. */
  readonly spoilt: string | null;
}

function whySpoilt({ operation, lock, head }: Foreign, nested: readonly string[]): string | null {
  if (!head.sound) return "has a HEAD that git cannot read";
  if (nested.length > 0) return `has a git repository of its own in ${nested[0]}`;
  if (operation !== null) return `is in the middle of a ${operation}`;
  return lock === null ? null : `has the lock file ${lock} of a git that was killed`;
}

const GIVE_BACK = "Ticktown-Give-Back";
const DELETIONS = "Ticktown-Deletions";

/**
 * Takes out of a folder whatever is not in the store yet: the branch's commits, where HEAD is, and all uncommitted files.
 * @throws Untidy, GitFailure when that cannot be done; then the folder itself must be kept
 */
export async function takeOut(git: Git, folders: RigFolders, source: Source): Promise<Taken> {
  const { left, spoilt } = await lookAtLeft(git, folders, source);
  if (left === null) return { setAside: null, spoilt };
  const ref = await keepNumbered(git, folders.store, REFS.leftovers(source.key), left.commit);
  const { agentId, key } = source;
  const { commit, files } = left;
  const sentence = `${agentId} left ${wordsOf(source, left)}; kept as ${ref}`;
  return { setAside: { beadId: key, agentId, ref, commit, files, givenBack: false, sentence }, spoilt };
}

/** What an agent left that is not on its branch. */
export interface Left {
  /** All of it, on top of what was checked out. */
  readonly commit: string;
  /** How many files are uncommitted. */
  readonly files: number;
  /** Whether commits are elsewhere than on the branch. */
  readonly stray: boolean;
}

/** Brings the agent's commits into the store, and all that is uncommitted as a commit that no ref names. @throws as takeOut */
export async function lookAtLeft(
  git: Git,
  folders: RigFolders,
  source: Source,
): Promise<{ left: Left | null; spoilt: string | null }> {
  const { foreign, branch, agentId } = source;
  const { store } = folders;
  const tip = foreign.heads.get(branch) ?? null;
  const head = foreign.head.commit ?? tip ?? source.base;
  if (head === null) throw new Untidy("has no commit");
  // Mostly it was fetched when the agent's process ended.
  if (tip === null || head !== tip || (await revision(git, store, REFS.work(branch))) !== tip) {
    const held = `${REFS.pins(agentId)}/taken-out`;
    const wanted = new Map([...(tip === null ? [] : [[REFS.work(branch), tip] as const]), [held, head]]);
    await fetchFrom(git, folders, store, foreign, wanted);
    await keepLfs(git, folders, source.work, head);
    if (tip !== null && tip !== head) await keepLfs(git, folders, source.work, tip);
  }
  const onlooker = await lookAt(git, folders, { ...source, commit: head });
  try {
    const { changed, untracked } = await onlooker.files();
    const clean = changed.length + untracked.length === 0;
    const { tree, nested } = clean ? { tree: null, nested: [] } : await onlooker.snapshot();
    const dirty = tree !== null && tree !== (await treeOf(git, store, head));
    const stray = tip === null || !(await isAncestor(git, store, head, tip));
    const spoilt = whySpoilt(foreign, nested);
    if (!dirty && !(stray && head !== source.base)) return { left: null, spoilt };
    return { left: await wrap(git, folders, source, { head, tree, dirty, stray }), spoilt };
  } finally {
    onlooker.close();
  }
}

const whereOf = ({ foreign }: Source): string =>
  foreign.operation === null
    ? `on ${foreign.head.branch ?? "a detached HEAD"}`
    : `in the middle of a ${foreign.operation}`;

async function wrap(
  git: Git,
  { store }: RigFolders,
  source: Source,
  { head, tree, dirty, stray }: { head: string; tree: string | null; dirty: boolean; stray: boolean },
): Promise<Left> {
  const { foreign, agentId } = source;
  // Files from the middle of a merge or of another line of commits would not fit: they are named, and given back by hand.
  const giveBack = dirty && !stray && foreign.operation === null;
  const message = [
    `Left by ${agentId} ${whereOf(source)}`,
    "",
    `${GIVE_BACK}: ${giveBack ? "yes" : "no"}`,
    // A git that was killed may not have written every file yet.
    `${DELETIONS}: ${foreign.lock === null ? "real" : "doubtful"}`,
  ].join("\n");
  const commit =
    tree !== null && dirty ? await mustGit(git, store, ["commit-tree", tree, "-p", head, "-m", message]) : head;
  return { commit, files: dirty ? await countFiles(git, store, head, commit) : 0, stray };
}

/** In words, without who it was. */
export function wordsOf(source: Source, { files, stray }: Left): string {
  const what = [
    ...(stray ? [`commits that are not on ${source.branch}`] : []),
    ...(files > 0 ? [`${files} uncommitted ${files === 1 ? "file" : "files"}`] : []),
  ].join(" and ");
  return `${what} ${whereOf(source)}`;
}

async function countFiles(git: Git, store: string, from: string, to: string): Promise<number> {
  const result = await git(store, ["diff-tree", "-r", "--name-only", "--no-renames", "-z", from, to]);
  return result.stdout.split("\0").filter((name) => name !== "").length;
}

export interface Returned {
  readonly ref: string;
  readonly commit: string;
  readonly files: number;
}

/**
 * Writes the newest leftover of the bead into a clone that has `tip` checked out, uncommitted.
 * @returns what it was; null when there is none, or it does not fit any more, which `warn` is told
 */
export async function giveBack(
  git: Git,
  { store }: RigFolders,
  clone: string,
  keys: readonly string[],
  tip: string,
  warn: (message: string) => void,
): Promise<Returned | null> {
  const kept = (await Promise.all(keys.map((key) => numbered(git, store, REFS.leftovers(key))))).flat();
  for (const { ref, commit } of kept.toReversed()) {
    const message = await mustGit(git, store, ["log", "-1", "--format=%B", commit]);
    if (!message.includes(`${GIVE_BACK}: yes`)) continue;
    const tree = await fitted(git, store, commit, tip);
    if (tree === null) {
      warn(`what was left uncommitted before does not fit onto the branch any more; it is kept as ${ref} of ${store}`);
      return null;
    }
    const overlay = message.includes(`${DELETIONS}: doubtful`) ? "--overlay" : "--no-overlay";
    const full = await whyNoRoom(git, store, tree);
    if (full !== null) {
      warn(`what was left uncommitted before is not given back (${full}); it is kept as ${ref} of ${store}`);
      return null;
    }
    const args = ["restore", `--source=${tree}`, "--worktree", overlay, "--", "."];
    const result = await git(clone, args, { env: lending(store) });
    if (result.code !== 0) {
      warn(
        `what was left uncommitted before could not be given back (${lastWords(result)}); it is kept as ${ref} of ${store}`,
      );
      return null;
    }
    return { ref, commit, files: await countFiles(git, store, `${commit}^`, commit) };
  }
  return null;
}

/** The leftover's files as they look on top of `tip`; null when they conflict with it. */
async function fitted(git: Git, store: string, leftover: string, tip: string): Promise<string | null> {
  if ((await revision(git, store, `${leftover}^`)) === tip) return `${leftover}^{tree}`;
  const merged = await mergeTree(git, store, tip, leftover);
  return merged.kind === "clean" ? merged.tree : null;
}

/** From now on the clone has it; the ref stays under another name. Safe to repeat. */
export async function markGivenBack(git: Git, { store }: RigFolders, ref: string): Promise<void> {
  const commit = await revision(git, store, ref);
  if (commit === null) return;
  const key = path.posix.basename(path.posix.dirname(ref));
  const to = `refs/ticktown/given-back/${key}`;
  const n = ((await numbered(git, store, to)).at(-1)?.n ?? 0) + 1;
  await mustGit(git, store, ["update-ref", "--stdin"], {
    input: `create ${to}/${n} ${commit}\ndelete ${ref} ${commit}\n`,
  });
}
