/** Submodules in an agent's clone, and in what is checked. */
import path from "node:path";
import { Refusal } from "../refusal.ts";
import { type Git, OVERRIDES, lastWords } from "./git.ts";
import { liesThere } from "./layout.ts";
import type { Remote } from "./remotes.ts";
import { credentialArgs } from "./store.ts";

export interface SubmodulePlace {
  readonly git: Git;
  readonly store: string;
  readonly remote: Remote;
  /** A commit of the target, or its branch as the store has it: what it names was taken by somebody. */
  readonly target: string;
}

/**
 * Checks out all submodules of a clone whose git folder is new, or has been made so: nothing of it is an agent's. Its `.gitmodules` may be:
 * what the target does not name is asked for without what this server logs in with, where there is a box for it.
 * @throws Refusal 422 submodules_failed
 */
export async function initSubmodules(place: SubmodulePlace, clone: string): Promise<void> {
  const { git, store, remote, target } = place;
  if (!liesThere(path.join(clone, ".gitmodules"))) return;
  const login = [...settings(remote), ...credentialArgs(remote)];
  await must(place, clone, [...login, ...origin(remote), ...INIT]);
  if (git.reading === null) {
    await must(place, clone, [...login, ...UPDATE, ...NESTED]);
    return;
  }
  const known = new Set((await namedIn(git, store, ["--blob", `${target}:.gitmodules`])).map(({ url }) => url));
  const all = await namedIn(git, clone, ["--file", ".gitmodules"]);
  const taken = await pointersOf(git, store, ["ls-tree", "-z", target], all);
  const there = await pointersOf(git, clone, ["ls-files", "--stage", "-z"], all);
  const named = all.filter((one) => there.has(one.path));
  const ours = named.filter(({ url }) => known.has(url)).map((one) => one.path);
  // What a commit names that the target does not point to is as new as the commit.
  const [same, moved] = [
    ours.filter((one) => taken.get(one) === there.get(one)),
    ours.filter((one) => taken.get(one) !== there.get(one)),
  ];
  if (same.length > 0) await must(place, clone, [...login, ...UPDATE, ...NESTED, ...same]);
  if (moved.length > 0) await must(place, clone, [...login, ...UPDATE, "--", ...moved]);
  const others = [...moved, ...named.filter(({ url }) => !known.has(url)).map((one) => one.path)];
  if (others.length > 0) await must(place, clone, [...settings(remote), ...UPDATE, ...NESTED, ...others], [clone]);
}

/** Says in a clone's configuration, which is written anew at each start, where its submodules come from. */
export async function nameSubmodules(git: Git, clone: string, remote: Remote): Promise<void> {
  if (!liesThere(path.join(clone, ".gitmodules"))) return;
  await git(clone, [...settings(remote), ...credentialArgs(remote), ...origin(remote), ...INIT]);
}

const INIT = ["submodule", "--quiet", "init"];
const UPDATE = ["--literal-pathspecs", "submodule", "--quiet", "update", "--init"];
const NESTED = ["--recursive", "--"];

/** Addresses that begin with ./ or ../ are meant from the remote, and the clone's `origin` is the store. */
const origin = (remote: Remote): string[] => ["-c", `remote.origin.url=${remote.url}`];

/** @param inBox folders that it writes, in a box that sees nothing else of this machine; without them it is in none */
async function must(
  { git, store }: SubmodulePlace,
  clone: string,
  args: readonly string[],
  inBox?: readonly string[],
): Promise<void> {
  const seen = inBox === undefined ? {} : { seen: { readable: [store], writable: inBox } };
  const result = await git(clone, args, { timeout_ms: git.place.clone_timeout_ms, ...seen });
  if (result.code === 0) return;
  const without = inBox === undefined ? "" : ", asked for without a login since the target does not name them,";
  throw new Refusal(
    422,
    "submodules_failed",
    `the submodules${without} could not be checked out: ${lastWords(result)}`,
  );
}

/** @returns which commit is named at which path, in what git lists as `mode … commit …\tpath` */
async function pointersOf(
  git: Git,
  folder: string,
  args: readonly string[],
  named: readonly Named[],
): Promise<Map<string, string>> {
  if (named.length === 0) return new Map();
  const paths = named.map((one) => one.path);
  const listed = (await git(folder, ["--literal-pathspecs", ...args, "--", ...paths])).stdout.split("\0");
  const pointers = listed.flatMap((line) => {
    const [, commit = "", file = ""] = /^160000 (?:commit )?(\w+)(?: 0)?\t(.+)$/s.exec(line) ?? [];
    return file === "" ? [] : [[file, commit] as const];
  });
  return new Map(pointers);
}

interface Named {
  readonly path: string;
  readonly url: string;
}

/** As they are written there. */
async function namedIn(git: Git, folder: string, from: readonly string[]): Promise<Named[]> {
  const listed = await git(folder, ["config", ...from, "-z", "--get-regexp", "^submodule\\..*\\.(path|url)$"]);
  const found = new Map<string, { path?: string; url?: string }>();
  for (const entry of listed.stdout.split("\0")) {
    const [, name, what = "", value = ""] = /^submodule\.(.*)\.(path|url)\n(.*)$/s.exec(entry) ?? [];
    if (name !== undefined) found.set(name, { ...found.get(name), [what]: value });
  }
  return [...found.values()].flatMap(({ path: file, url }) =>
    file === undefined || url === undefined ? [] : [{ path: file, url }],
  );
}

/** On the command line, because git passes nothing else on to the git that it runs in a submodule. */
function settings(remote: Remote): string[] {
  const isLocal = remote.url.startsWith("/") || remote.url.startsWith("file:");
  return [
    ...OVERRIDES.flatMap(([key, value]) => ["-c", `${key}=${value}`]),
    // A repository on this machine may have submodules here; one from elsewhere may not.
    "-c",
    `protocol.file.allow=${isLocal ? "always" : "never"}`,
  ];
}
