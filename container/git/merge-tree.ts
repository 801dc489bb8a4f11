/** A merge without a checkout (git >= 2.38), and with one where git is older. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ATTRIBUTE_FILES_MAX } from "../limits.ts";
import { type Git, lastWords, mustGit } from "./git.ts";
import type { RigFolders } from "./layout.ts";

export type Outcome =
  | { readonly kind: "clean"; readonly tree: string }
  | { readonly kind: "conflict"; readonly files: readonly string[] }
  | { readonly kind: "failed"; readonly error: string };
export type Merged = Outcome | /** Git is too old. */ { readonly kind: "unknown" };

/** The tree of theirs merged into ours, whatever git it is. No ref is written. */
export async function mergedTree(git: Git, folders: RigFolders, ours: string, theirs: string): Promise<Outcome> {
  const merged = await mergeTree(git, folders.store, ours, theirs);
  return merged.kind === "unknown" ? mergeInCheckout(git, folders, ours, theirs) : merged;
}

let counter = 0;

/** How a git before 2.38 merges. */
async function mergeInCheckout(git: Git, folders: RigFolders, ours: string, theirs: string): Promise<Outcome> {
  const { store } = folders;
  mkdirSync(folders.merges, { recursive: true });
  const worktree = path.join(folders.merges, `merge-${Date.now().toString(36)}-${++counter}`);
  const timeout_ms = git.place.merge_timeout_ms;
  try {
    await git(store, ["worktree", "prune"]);
    await mustGit(git, store, ["worktree", "add", "--quiet", "--detach", worktree, ours], { timeout_ms });
    const merging = await git(worktree, ["merge", "--no-ff", "--no-commit", "--quiet", theirs], { timeout_ms });
    if (merging.code === 0) return { kind: "clean", tree: await mustGit(git, worktree, ["write-tree"]) };
    const unmerged = await mustGit(git, worktree, ["diff", "--name-only", "--diff-filter=U", "-z"]);
    const files = unmerged.split("\0").filter((name) => name !== "");
    return files.length === 0 ? { kind: "failed", error: lastWords(merging) } : { kind: "conflict", files };
  } finally {
    await git(store, ["worktree", "remove", "--force", worktree]);
    rmSync(worktree, { recursive: true, force: true });
  }
}

/** Merges theirs into ours, without writing a file or a ref. Attributes are those of ours, as in a checkout of it. */
export async function mergeTree(git: Git, store: string, ours: string, theirs: string): Promise<Merged> {
  const attributes = await writeAttributes(git, store, ours);
  try {
    const args = ["merge-tree", "--write-tree", "--no-messages", "--name-only", "-z", ours, theirs];
    const timeout_ms = git.place.merge_timeout_ms;
    const result =
      attributes === null
        ? await git(store, args, { timeout_ms })
        : await git(attributes, ["-c", "core.bare=false", ...args], {
            env: { GIT_DIR: store, GIT_WORK_TREE: attributes },
            timeout_ms,
          });
    const [tree = "", ...files] = result.stdout.split("\0").filter((part) => part !== "");
    if (result.code === 0) return { kind: "clean", tree };
    if (result.code === 1 && files.length > 0) return { kind: "conflict", files: [...new Set(files)] };
    // 129 is git's answer to arguments that it does not know.
    return result.code === 129 ? { kind: "unknown" } : { kind: "failed", error: lastWords(result) };
  } finally {
    if (attributes !== null) rmSync(attributes, { recursive: true, force: true });
  }
}

/** A bare repository has no attributes (`merge=union`, `binary`), so those of a commit are put into a folder of their own. */
async function writeAttributes(git: Git, store: string, commit: string): Promise<string | null> {
  const found = await git(store, [
    "grep",
    "-l",
    "-z",
    "--full-name",
    "-e",
    "",
    commit,
    "--",
    ":(top,glob)**/.gitattributes",
  ]);
  const names = found.stdout
    .split("\0")
    .flatMap((name) => name.slice(commit.length + 1) || [])
    .slice(0, ATTRIBUTE_FILES_MAX);
  if (names.length === 0) return null;
  const folder = mkdtempSync(path.join(tmpdir(), "ticktown-attributes-"));
  for (const name of names) {
    if (name.split("/").includes("..")) continue; // Somebody made this tree by hand.
    const { stdout } = await git(store, ["cat-file", "blob", `${commit}:${name}`]);
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), stdout);
  }
  return folder;
}
