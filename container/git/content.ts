/** What is in the commits of a hand-in: asked of the store, where they are by now. */
import { CONFLICT_FILES_MAX, TREE_LIST_MAX_BYTES } from "../limits.ts";
import { type Git, GitFailure } from "./git.ts";

/** No list of files is longer than twice that of a tree, which was counted when its commit was taken. */
const LISTED = { stdoutMax_bytes: 2 * TREE_LIST_MAX_BYTES };

/** Files with a whole conflict in the lines that were added. */
export async function conflictMarkers(git: Git, store: string, base: string, tip: string): Promise<string[]> {
  const settings = [
    "-c",
    "core.whitespace=-blank-at-eol,-blank-at-eof,-space-before-tab",
    "-c",
    "core.quotePath=false",
  ];
  const said = await git(store, [...settings, "diff", "--check", "--no-ext-diff", "--no-textconv", base, tip]);
  const suspects = new Set(
    said.stdout.split("\n").flatMap((line) => /^(.+):\d+: leftover conflict marker$/.exec(line)?.[1] ?? []),
  );
  if (suspects.size === 0) return [];
  const paths = [...suspects].slice(0, CONFLICT_FILES_MAX).map((name) => `:(literal,top)${unquoted(name)}`);
  // A line of seven = alone underlines a heading.
  const both = ["--all-match", "-E", "-e", "^<{7}( |$)", "-e", "^>{7}( |$)"];
  const found = await git(store, ["grep", "-l", "-z", "-I", ...both, tip, "--", ...paths]);
  return found.stdout.split("\0").flatMap((name) => name.slice(tip.length + 1) || []);
}

/** Repositories inside that were added as if they were files, and of which nobody will know where they are from. */
export async function nestedIn(git: Git, store: string, base: string, tip: string): Promise<string[]> {
  const raw = await git(
    store,
    ["diff", "--raw", "-z", "--no-renames", "--no-ext-diff", "--diff-filter=AT", base, tip],
    LISTED,
  );
  if (raw.code !== 0) throw new GitFailure("git diff failed", raw);
  const parts = raw.stdout.split("\0");
  const links = parts.flatMap((part, n) => (/^:\d+ 160000 /.test(part) ? (parts[n + 1] ?? []) : []));
  if (links.length === 0) return [];
  const listedThere = ["config", "-z", "--blob", `${tip}:.gitmodules`, "--get-regexp", "^submodule\\..*\\.path$"];
  const modules = (await git(store, listedThere)).stdout
    .split("\0")
    .map((entry) => entry.slice(entry.indexOf("\n") + 1));
  return links.filter((name) => !modules.includes(name));
}

function unquoted(name: string): string {
  if (!name.startsWith('"')) return name;
  try {
    return JSON.parse(name) as string;
  } catch {
    return name;
  }
}

export async function changedFiles(
  git: Git,
  store: string,
  base: string,
  tip: string,
  more: string[],
): Promise<string[]> {
  const result = await git(store, ["diff", "--name-only", "-z", "--no-ext-diff", ...more, base, tip], LISTED);
  if (result.code !== 0) throw new GitFailure("git diff failed", result);
  return result.stdout.split("\0").filter((name) => name !== "");
}

export async function mergeBase(git: Git, store: string, one: string, other: string): Promise<string | null> {
  const result = await git(store, ["merge-base", one, other]);
  return result.code === 0 ? result.stdout.trim() : null;
}

export function listed(names: readonly string[]): string {
  const more = names.length > 5 ? ` and ${names.length - 5} more` : "";
  return `${names.slice(0, 5).join(", ")}${more}`;
}
