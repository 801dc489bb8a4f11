/**
 * How much of the remote's history a store holds. A blobless one has no contents of files but those that were needed once; it
 * asks the remote for others. A shallow one has the last commits, and is deepened when a merge needs more.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { DEEPENINGS_MAX, GIT_OBJECTS_MAX_BYTES } from "../limits.ts";
import { type Git, GitFailure, mustGit } from "./git.ts";
import { liesThere } from "./layout.ts";
import { lineOf } from "./user-config.ts";

/** Written last. A folder without it is one that was cut off, or not ours. */
export function markOf(store: string): string {
  return path.join(store, "ticktown-complete");
}

/** What it was made as, it stays: its packs name objects that it has not. */
export function isPartial(store: string): boolean {
  const mark = markOf(store);
  return liesThere(mark) && readFileSync(mark, "utf8").trim() === "blobless";
}

/** The configuration of a clone that has not everything, and the remote that it asks for the rest. */
export function partialLines(remote: string): string[] {
  return [
    lineOf({ key: "extensions.partialClone", value: remote }),
    lineOf({ key: `remote.${remote}.promisor`, value: "true" }),
    lineOf({ key: `remote.${remote}.partialclonefilter`, value: "blob:none" }),
  ];
}

/** `shallow:N` -> N; null for all other ways. */
export function depthOf(clone: string): number | null {
  const depth = /^shallow:(\d+)$/.exec(clone)?.[1];
  return depth === undefined ? null : Number(depth);
}

export const shallowFileOf = (gitDir: string): string => path.join(gitDir, "shallow");

export function isShallow(store: string): boolean {
  return rootsOf(store).size > 0;
}

/** Commits whose parents a store has not. */
function rootsOf(store: string): Set<string> {
  const file = shallowFileOf(store);
  return new Set(liesThere(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : []);
}

/**
 * Fetches as much history into a shallow store as it takes to know where two lines of commits parted. Nothing happens in
 * a store that is not shallow. @throws GitFailure when the remote does not give it
 */
export async function deepenFor(git: Git, store: string, one: string, other: string): Promise<void> {
  let by = Math.max(depthOf(git.place.clone) ?? 1, 8);
  for (let n = 0; n <= DEEPENINGS_MAX && !(await isKnown(git, store, one, other)); n++, by *= 2) {
    const how = n < DEEPENINGS_MAX ? `--deepen=${by}` : "--unshallow";
    const options = { timeout_ms: git.place.clone_timeout_ms };
    const result = await git(store, ["fetch", "--quiet", "--no-write-fetch-head", how, "origin"], options);
    if (result.code !== 0) throw new GitFailure("git fetch failed", result);
  }
}

/** Whether no commit between the two and where they parted has parents that are missing: there could be a nearer one. */
async function isKnown(git: Git, store: string, one: string, other: string): Promise<boolean> {
  const roots = rootsOf(store);
  if (roots.size === 0) return true;
  const base = await git(store, ["merge-base", one, other]);
  if (base.code !== 0) return false;
  const between = await mustGit(git, store, ["rev-list", one, other, `^${base.stdout.trim()}`], {
    stdoutMax_bytes: GIT_OBJECTS_MAX_BYTES,
  });
  return !between.split("\n").some((commit) => roots.has(commit));
}

/** Brings a blobless store the contents of all files of a commit, in one go. @throws GitFailure */
export async function fetchContents(git: Git, store: string, commit: string): Promise<void> {
  if (!isPartial(store)) return;
  const args = ["rev-list", "--objects", "--no-object-names", "--missing=print", `${commit}^{tree}`];
  const listed = await mustGit(git, store, args, { stdoutMax_bytes: GIT_OBJECTS_MAX_BYTES });
  const missing = listed.split("\n").flatMap((line) => (line.startsWith("?") ? [line.slice(1)] : []));
  if (missing.length === 0) return;
  const fetch = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--filter=blob:none", "--stdin", "origin"];
  const result = await git(store, ["-c", "fetch.negotiationAlgorithm=noop", ...fetch], {
    timeout_ms: git.place.clone_timeout_ms,
    input: missing.map((id) => `${id}\n`).join(""),
  });
  if (result.code !== 0) throw new GitFailure("git fetch failed", result);
}
