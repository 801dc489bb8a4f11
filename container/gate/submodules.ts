/** A pointer into another repository is a promise: that the commit is there for whoever clones it. */
import { appendFileSync, rmSync } from "node:fs";
import type { Config } from "../config.ts";
import { writeBareSkeleton } from "../git/reader.ts";
import { createGit, lastWords } from "../git/git.ts";
import { scratchName } from "../git/layout.ts";
import { type Remote, hostOf, parseRemote } from "../git/remotes.ts";
import { credentialLines } from "../git/store.ts";
import { SUBMODULES_MAX } from "../limits.ts";
import { messageOf } from "../log.ts";
import path from "node:path";
import { whyFailed } from "../train/classify.ts";
import type { TrainContext } from "../train/context.ts";

interface Pointer {
  readonly file: string;
  readonly commit: string;
}

/** @returns a sentence about the first pointer, new on the target, to a commit that is nowhere; null: there is none @throws Stopped */
export async function lostPointer(
  context: TrainContext,
  config: Config,
  target: string,
  commit: string,
): Promise<string | null> {
  const pointers = await newPointers(context, target, commit);
  if (pointers.length === 0) return null;
  // Behind those that are looked for one could hide that nobody has.
  if (pointers.length > SUBMODULES_MAX)
    return `it has ${pointers.length} new pointers into other repositories, and at most ${SUBMODULES_MAX} are looked for: bring them in parts`;
  const urls = await addresses(context, commit);
  const known = new Set((await addresses(context, target)).values());
  for (const pointer of pointers) {
    const url = urls.get(pointer.file);
    if (url === undefined)
      return `${pointer.file} points to ${pointer.commit}, and .gitmodules does not say where that is`;
    const lost = await look(context, config, pointer, { url, isKnown: known.has(url) });
    if (lost !== null) return lost;
  }
  return null;
}

/** A change of more files than git's answer may list is not searched for them. */
async function newPointers({ git, folders }: TrainContext, from: string, to: string): Promise<Pointer[]> {
  const args = ["diff-tree", "-r", "--raw", "-z", "--no-abbrev", "--no-renames", "--diff-filter=AMT", from, to];
  const parts = (await git(folders.store, args)).stdout.split("\0");
  return parts.flatMap((part, n) => {
    const [, mode, , commit = ""] = part.split(" ");
    return part.startsWith(":") && mode === "160000" ? [{ file: parts[n + 1] ?? "", commit }] : [];
  });
}

async function addresses({ git, folders, remote }: TrainContext, commit: string): Promise<Map<string, string>> {
  const args = ["config", "--blob", `${commit}:.gitmodules`, "-z", "--get-regexp", "^submodule\\..*\\.(path|url)$"];
  const found = new Map<string, { path?: string; url?: string }>();
  for (const entry of (await git(folders.store, args)).stdout.split("\0")) {
    const [key = "", value = ""] = entry.split("\n");
    const [, name = "", what = ""] = /^submodule\.(.*)\.(path|url)$/.exec(key) ?? [];
    found.set(name, { ...found.get(name), [what]: value });
  }
  return new Map(
    [...found.values()].flatMap(({ path: file, url }) =>
      file === undefined || url === undefined ? [] : [[file, absolute(remote.url, url)]],
    ),
  );
}

/** `../other.git` is beside the repository itself. */
export function absolute(base: string, url: string): string {
  if (!/^\.\.?\//.test(url)) return url;
  let [at, rest, joint] = [base.replace(/\/+$/, ""), url, "/"];
  for (;;) {
    if (rest.startsWith("./")) rest = rest.slice(2);
    else if (rest.startsWith("../")) {
      rest = rest.slice(3);
      // What is left of `host:folder/name` is joined by the colon in the end.
      joint = /:[^/]*$/.test(at) ? ":" : "/";
      at = at.replace(/[/:][^/:]*$/, "");
    } else return `${at}${joint}${rest}`;
  }
}

const isLocal = ({ url }: Remote): boolean => url.startsWith("/") || url.startsWith("file:");
const GONE =
  /not our ref|couldn't find remote ref|unadvertised object|no such remote ref|did not send all|not found|does not exist|does not appear to be a git repository/i;

interface Address {
  readonly url: string;
  /** The target names it too: somebody has taken it. */
  readonly isKnown: boolean;
}

/**
 * What only the branch names is an agent's word: on another host it is asked without what this server logs in with, where there is a
 * box for it.
 * @returns a sentence when it is not there @throws Stopped when nobody can tell now
 */
async function look(
  { git: own, remote, who, redact, folders, request }: TrainContext,
  config: Config,
  { file, commit }: Pointer,
  { url, isKnown }: Address,
): Promise<string | null> {
  const lost = `${file} points to ${commit}, which ${redact(url)} does not have`;
  const place = addressed(remote, url, request.envVars ?? {});
  if (typeof place === "string") return `${file}: ${place}`;
  const git = createGit(config, who, redact, place, own.place);
  const scratch = scratchName(folders, "submodule");
  const isTrusted = isKnown || hostOf(place) === hostOf(remote);
  const inBox = isTrusted ? {} : { seen: { readable: [], writable: [scratch] } };
  try {
    writeBareSkeleton(scratch, []);
    appendFileSync(path.join(scratch, "config"), credentialLines(place).join(""));
    const fetch = (what: string, more: readonly string[]): ReturnType<typeof git> =>
      git(scratch, ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", ...more, place.url, what], {
        timeout_ms: git.place.clone_timeout_ms,
        ...inBox,
      });
    const one = await fetch(commit, ["--depth=1"]);
    if (one.code === 0) return null;
    // There are servers that give nothing but branches away.
    if (/unadvertised object/i.test(one.stderr)) {
      const all = await fetch("+refs/heads/*:refs/heads/*", []);
      if ((await git(scratch, ["cat-file", "-e", commit])).code === 0) return null;
      if (all.code === 0) return lost;
    }
    if (GONE.test(one.stderr)) return `${lost}: ${lastWords(one)}`;
    throw whyFailed(
      one.stderr,
      `cannot tell whether ${redact(url)} has ${commit}, which ${file} points to`,
      "remote_unreachable",
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** @returns why it is not asked at all, in words */
function addressed(remote: Remote, url: string, envVars: Readonly<Record<string, string>>): Remote | string {
  try {
    const place = parseRemote(url, {});
    // A branch may not make this machine's own repositories known.
    if (isLocal(place) && !isLocal(remote)) return "its repository would be one of this machine";
    return place.origin !== null && place.origin === remote.origin ? parseRemote(url, envVars) : place;
  } catch (error) {
    return messageOf(error);
  }
}
