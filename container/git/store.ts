/**
 * One store per rig: a bare clone that no agent writes, from which every agent's clone borrows its objects. Its
 * `refs/heads/*` are the remote's; what Ticktown keeps of its own is under `refs/ticktown/`.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { ExecResult } from "../processes/exec.ts";
import { causeOf } from "./causes.ts";
import { GIT_REFS_MAX_BYTES } from "../limits.ts";
import { readRefs } from "./foreign.ts";
import { type Git, lastWords, mustGit, revision } from "./git.ts";
import { REFS, type RigFolders, isRealFolder, liesThere, moveAside, moveTo, scratchName } from "./layout.ts";
import { depthOf, isPartial, isShallow, markOf, partialLines } from "./modes.ts";
import { AS_THEY_ARE, fetchFrom, writeBareSkeleton } from "./reader.ts";
import type { Remote } from "./remotes.ts";
import { lineOf } from "./user-config.ts";

export type FetchResult = { readonly ok: true } | { readonly ok: false; readonly error: string };

export function isComplete(store: string): boolean {
  return isRealFolder(store) && liesThere(markOf(store));
}

interface Refreshing {
  readonly running: Promise<FetchResult>;
  next: Promise<FetchResult> | null;
}
const refreshing = new Map<string, Refreshing>();

/**
 * Makes the store if there is none, and brings its `refs/heads/*` up to date. Safe to repeat after a crash at any point.
 * Who asks while a fetch runs gets the next one, together with everybody else who asks meanwhile.
 */
export function refreshStore(git: Git, folders: RigFolders, remote: Remote): Promise<FetchResult> {
  const key = `${folders.store} ${remote.url}`;
  const now = refreshing.get(key);
  const begin = (): Promise<FetchResult> => {
    const running = refresh(git, folders, remote).finally(() => {
      if (refreshing.get(key) === mine) refreshing.delete(key);
    });
    const mine: Refreshing = { running, next: null };
    refreshing.set(key, mine);
    return running;
  };
  if (now === undefined) return begin();
  return (now.next ??= now.running.then(begin, begin));
}

async function refresh(git: Git, folders: RigFolders, remote: Remote): Promise<FetchResult> {
  if (!isComplete(folders.store)) return make(git, folders, remote);
  const { store } = folders;
  const { clone, clone_timeout_ms, fetch_timeout_ms } = git.place;
  configure(store, remote, isPartial(store));
  const isToBeWhole = isShallow(store) && depthOf(clone) === null;
  const result = isToBeWhole
    ? await fetchHeads(git, store, clone_timeout_ms, ["--unshallow"])
    : await fetchHeads(git, store, fetch_timeout_ms);
  return result.code === 0 ? { ok: true } : { ok: false, error: whyNoFetch(result, remote) };
}

/** In words of the cause where it is known, with git's own behind. */
function whyNoFetch(result: ExecResult, { url }: Remote): string {
  const cause = causeOf(result.stderr, url);
  return cause === null ? lastWords(result) : `${cause} (git: ${lastWords(result)})`;
}

/** Under a temporary name until it is complete. */
async function make(git: Git, folders: RigFolders, remote: Remote): Promise<FetchResult> {
  if (liesThere(folders.store)) moveAside(folders, folders.store, "store-without-its-mark");
  const making = scratchName(folders, "store");
  try {
    writeBareSkeleton(making, []);
    configure(making, remote, false);
    const hadOld = isRealFolder(folders.old.repo) && (await takeOldCommits(git, folders, making));
    const { clone, clone_timeout_ms } = git.place;
    // What was there is whole, and stays so.
    const depth = hadOld ? null : depthOf(clone);
    const partial = !hadOld && clone === "blobless";
    configure(making, remote, partial);
    const result = await fetchHeads(git, making, clone_timeout_ms, depth === null ? [] : [`--depth=${depth}`]);
    // A remote that is away does not lose what the version before had fetched.
    if (result.code !== 0 && !hadOld) return { ok: false, error: whyNoFetch(result, remote) };
    writeFileSync(markOf(making), partial ? "blobless\n" : "");
    moveTo(making, folders.store);
    return result.code === 0 ? { ok: true } : { ok: false, error: whyNoFetch(result, remote) };
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

/** The version before had one clone for all: its branches are the agents' work. @returns whether it had any */
async function takeOldCommits(git: Git, folders: RigFolders, making: string): Promise<boolean> {
  const { repo } = folders.old;
  const heads = [...readRefs(repo, "refs/heads/", Infinity).found];
  const remotes = [...readRefs(repo, "refs/remotes/origin/", Infinity).found].filter(([name]) => name !== "HEAD");
  const wanted = new Map([
    ...remotes.map(([name, sha]) => [`refs/heads/${name}`, sha] as const),
    ...heads.map(([name, sha]) => [REFS.work(name), sha] as const),
  ]);
  // All of its history comes with it, whatever is in there.
  await fetchFrom(git, folders, making, { objects: path.join(repo, "objects"), root: repo }, wanted, AS_THEY_ARE);
  return wanted.size > 0;
}

/**
 * The store's configuration. For http(s) a credential helper reads GIT_TOKEN from the environment of whoever runs git: the
 * secret itself is in no file. It answers for the remote's own host only.
 */
function configure(store: string, remote: Remote, partial: boolean): void {
  const text = [
    lineOf({ key: "core.repositoryformatversion", value: partial ? "1" : "0" }),
    lineOf({ key: "core.bare", value: "true" }),
    lineOf({ key: "gc.auto", value: "0" }),
    lineOf({ key: "maintenance.auto", value: "false" }),
    lineOf({ key: "uploadpack.hideRefs", value: "refs/ticktown" }),
    lineOf({ key: "receive.denyCurrentBranch", value: "refuse" }),
    lineOf({ key: "remote.origin.url", value: remote.url }),
    lineOf({ key: "remote.origin.fetch", value: "+refs/heads/*:refs/heads/*" }),
    ...(partial ? partialLines("origin") : []),
    ...credentialLines(remote),
  ].join("");
  const file = path.join(store, "config");
  if (readFileSync(file, "utf8") === text) return;
  const draft = `${file}.ticktown`;
  writeFileSync(draft, text);
  moveTo(draft, file);
}

export function credentialLines(remote: Remote): string[] {
  return credentialsOf(remote).map(lineOf);
}

/** The same for one command, as that of a git that has no store to read it from. */
export function credentialArgs(remote: Remote): string[] {
  return credentialsOf(remote).flatMap(({ key, value }) => ["-c", `${key}=${value}`]);
}

function credentialsOf(remote: Remote): { key: string; value: string }[] {
  // Without a token the host's own helpers stay in charge, which is what a developer's machine wants.
  if (remote.origin === null || remote.credentials === null) return [];
  const key = `credential.${remote.origin}.helper`;
  // The empty value drops the host's helpers: they would be asked first, and would be told to store our token.
  return ["", CREDENTIAL_HELPER].map((value) => ({ key, value }));
}

const CREDENTIAL_HELPER =
  '!f() { test "$1" = get && test -n "$GIT_TOKEN" && printf "username=%s\\npassword=%s\\n" ' +
  '"${GIT_USERNAME:-x-access-token}" "$GIT_TOKEN"; }; f';

async function fetchHeads(
  git: Git,
  store: string,
  timeout_ms: number,
  more: readonly string[] = [],
): Promise<ExecResult> {
  const fetch = (): Promise<ExecResult> =>
    git(store, ["fetch", "--quiet", "--prune", "--no-write-fetch-head", ...more, "origin"], { timeout_ms });
  const first = await fetch();
  // A push of ours may be noting the same branch at this moment.
  return first.code !== 0 && /cannot lock ref|\.lock'/.test(first.stderr) ? fetch() : first;
}

/** The environment in which a clone that does not borrow reads the store's objects as well. */
export function lending(store: string): Record<string, string> {
  return { GIT_ALTERNATE_OBJECT_DIRECTORIES: path.join(store, "objects") };
}

/** Branch names of the remote as of the last fetch. */
export async function remoteBranches(git: Git, store: string): Promise<string[]> {
  const out = await mustGit(git, store, ["for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads"], {
    stdoutMax_bytes: GIT_REFS_MAX_BYTES,
  });
  return out.split("\n").filter((name) => name !== "");
}

export function remoteTip(git: Git, store: string, branch: string): Promise<string | null> {
  return revision(git, store, `refs/heads/${branch}`);
}

/** The refs below a numbered prefix, the newest last. */
export async function numbered(
  git: Git,
  store: string,
  prefix: string,
): Promise<{ n: number; ref: string; commit: string }[]> {
  const out = await mustGit(git, store, ["for-each-ref", "--format=%(refname) %(objectname)", `${prefix}/`]);
  return out
    .split("\n")
    .flatMap((line) => {
      const [ref = "", commit = ""] = line.split(" ");
      const n = Number(ref.slice(prefix.length + 1));
      return Number.isInteger(n) && n > 0 ? [{ n, ref, commit }] : [];
    })
    .sort((a, b) => a.n - b.n);
}

/** Keeps a commit under the next number, on disk when this returns. @returns the ref */
export async function keepNumbered(git: Git, store: string, prefix: string, commit: string): Promise<string> {
  const n = ((await numbered(git, store, prefix)).at(-1)?.n ?? 0) + 1;
  const ref = `${prefix}/${n}`;
  await mustGit(git, store, ["-c", "core.fsync=all", "update-ref", ref, commit, ""]);
  return ref;
}

/** Keeps a commit at the remote, under the same ref, or where only branches are allowed as a branch. @returns what git said when it cannot be */
export async function pushKept(git: Git, store: string, commit: string, ref: string): Promise<ExecResult | null> {
  const push = (to: string): ReturnType<Git> =>
    git(store, ["push", "--quiet", "--no-verify", "origin", `+${commit}:${to}`], {
      timeout_ms: git.place.push_timeout_ms,
    });
  if ((await push(ref)).code === 0) return null;
  const asBranch = await push(ref.replace("refs/", "refs/heads/"));
  return asBranch.code === 0 ? null : asBranch;
}

export function emptyTree(git: Git, store: string): Promise<string> {
  return mustGit(git, store, ["hash-object", "-t", "tree", "--stdin"], { input: "" });
}
