/**
 * What git says of a repository before anything is paid for: can it be read, is there a branch to merge into, and would a
 * push be taken? Asked by the control server for a rig that is made through the API, and by `npm start`.
 */
import { existsSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { LookAnswer, LookRequest, LookWarning } from "../../src/wire/container.ts";
import type { Config } from "../config.ts";
import { BRANCHES_NAMED_MAX, GIT_LOOK_TIMEOUT_MS, GIT_REFS_MAX_BYTES } from "../limits.ts";
import { redactorOf, secretsIn } from "../redact.ts";
import { GIVE_LOGIN, causeOf, otherFormat } from "./causes.ts";
import { TICKTOWN_IDENTITY, createGit } from "./git.ts";
import { type Remote, parseRemote } from "./remotes.ts";
import { credentialArgs } from "./store.ts";

/** Runs `git ...args` in a folder; an exit that is not 0 is a result. */
export type Ask = (
  cwd: string,
  args: readonly string[],
) => Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;

/** What no agent could work on, in words that say what to do. */
export class Unfit extends Error {
  readonly code:
    | "not_found"
    | "not_a_repository"
    | "unreadable"
    | "empty_repository"
    | "no_such_branch"
    | "object_format";

  constructor(code: Unfit["code"], message: string) {
    super(message);
    this.name = "Unfit";
    this.code = code;
  }
}

export interface Heads {
  readonly branches: readonly string[];
  /** The branch that its HEAD is on, if there is one of that name. */
  readonly head: string | null;
}

/** How a remote is asked, and logged in to. */
export interface Asking {
  readonly ask: Ask;
  /** Options of git's own, before the command. */
  readonly options?: readonly string[];
  /** How a login that is missing is given. */
  readonly login: string;
}

/** @throws Unfit unreadable */
export async function headsOf({ ask, options = [], login }: Asking, url: string): Promise<Heads> {
  const asked = await ask("/", [...options, "ls-remote", "--symref", url, "HEAD", "refs/heads/*"]);
  if (asked.code !== 0)
    throw new Unfit(
      "unreadable",
      `git cannot read ${url}: ${causeOf(asked.stderr, url, login) ?? lastLine(asked.stderr)}`,
    );
  if (/^[0-9a-f]{64}\t/m.test(asked.stdout)) throw new Unfit("object_format", otherFormat(url));
  const branches = [...asked.stdout.matchAll(/^[0-9a-f]+\trefs\/heads\/(.+)$/gm)].flatMap(([, branch]) => branch ?? []);
  const head = /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(asked.stdout)?.[1] ?? null;
  return { branches, head: head !== null && branches.includes(head) ? head : null };
}

/** The folder of the repository that a folder is in: its working tree's top, or the bare repository. @throws Unfit */
export async function repositoryAt(ask: Ask, folder: string): Promise<string> {
  if (!existsSync(folder)) throw new Unfit("not_found", `${folder} does not exist`);
  const top = await ask(folder, ["rev-parse", "--show-toplevel"]);
  if (top.code === 0) return realpathSync(top.stdout.trim());
  const bare = await ask(folder, ["rev-parse", "--absolute-git-dir"]);
  if (bare.code === 0) return realpathSync(bare.stdout.trim());
  throw /not a git repository/i.test(bare.stderr)
    ? new Unfit(
        "not_a_repository",
        `${folder} is not a git repository. Run \`git init\` there and make a first commit, or name another folder`,
      )
    : new Unfit("unreadable", `git refuses ${folder}: ${lastLine(bare.stderr)}`);
}

/**
 * Git does not push under a working tree, of which a repository may have many, unless it is told how.
 * @returns the working tree that has the branch, or null when a push is taken
 */
export async function workingTreeOn(ask: Ask, folder: string, branch: string): Promise<string | null> {
  const policy = (await ask(folder, ["config", "receive.denyCurrentBranch"])).stdout.trim();
  if (/^(updateInstead|ignore|warn|false|no|off|0)$/i.test(policy)) return null;
  const listed = (await ask(folder, ["worktree", "list", "--porcelain"])).stdout;
  const holder = listed
    .split("\n\n")
    .filter((entry) => !/^bare$/m.test(entry) && entry.split("\n").includes(`branch refs/heads/${branch}`))
    .flatMap((entry) => /^worktree (.+)$/m.exec(entry)?.[1] ?? [])[0];
  return holder ?? null;
}

/**
 * Asks the remote to delete what it does not have: that needs the login of a push, and changes nothing.
 * @returns why it would not be let in, or null
 */
export async function whyNoPush({ ask, options = [], login }: Asking, url: string): Promise<string | null> {
  const scratch = mkdtempSync(path.join(tmpdir(), "ticktown-look-"));
  try {
    await ask("/", ["init", "--quiet", "--bare", scratch]);
    const probe = `:refs/heads/ticktown-login-${process.pid}-${Date.now()}`;
    const tried = await ask(scratch, [...options, "push", "--dry-run", url, probe]);
    if (tried.code === 0 || /remote ref does not exist/.test(tried.stderr)) return null;
    const cause = causeOf(tried.stderr, url, login) ?? lastLine(tried.stderr);
    return `${url} can be read, but not pushed to, so no merge will arrive there: ${cause}`;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

export function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) || "no reason given";
}

/** For a rig that is to be made. What hangs on a login or a network is a warning: both may come later. @throws Refusal 400 git_url_refused */
export async function look({ gitUrl, targetBranch, envVars = {} }: LookRequest, config: Config): Promise<LookAnswer> {
  const remote = parseRemote(gitUrl, envVars);
  const redact = redactorOf(secretsIn(envVars, remote.credentials ? [remote.credentials.token] : []));
  const git = createGit(config, TICKTOWN_IDENTITY, redact, remote);
  const ask: Ask = (cwd, args) =>
    git(cwd, args, { timeout_ms: GIT_LOOK_TIMEOUT_MS, stdoutMax_bytes: GIT_REFS_MAX_BYTES });
  try {
    const folder = folderOf(remote);
    return folder === null
      ? await lookAway(ask, remote, targetBranch)
      : { result: "ok", warnings: await lookHere(ask, folder, remote.url, targetBranch) };
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    return { result: "refused", code: error.code, sentence: error.message };
  }
}

/** Where a repository of this machine is; null: it is elsewhere. @throws Unfit for a file:// address of another machine */
function folderOf({ url }: Remote): string | null {
  if (!/^file:\/\//i.test(url)) return url.startsWith("/") ? url : null;
  try {
    return fileURLToPath(url);
  } catch {
    throw new Unfit("not_found", `${url} names no folder of the machine that the container is`);
  }
}

/** What a push to a branch that somebody has checked out comes to, with its cures. */
export const underWorkingTree = (url: string, branch: string): string =>
  `${url} is a repository with ${branch} checked out, and git does not push under a working tree. ` +
  "Run `git config receive.denyCurrentBranch updateInstead` there, or use a bare repository";

async function lookHere(ask: Ask, named: string, url: string, branch: string): Promise<LookWarning[]> {
  const folder = await repositoryAt(ask, named);
  checkBranch(
    await headsOf({ ask, login: GIVE_LOGIN }, url),
    url,
    branch,
    `. To make it: git -C '${folder}' branch '${branch}'`,
  );
  const holder = await workingTreeOn(ask, folder, branch);
  if (holder === null) return [];
  const sentence =
    `${branch} is checked out in ${holder}, and git refuses to merge under a working tree. Let a merge update the files there ` +
    `(git -C '${folder}' config receive.denyCurrentBranch updateInstead), or make the rig for a branch that is not ` +
    `checked out (git -C '${folder}' branch ticktown '${branch}', and default_branch ticktown)`;
  return [{ code: "checked_out", sentence }];
}

async function lookAway(ask: Ask, remote: Remote, branch: string): Promise<LookAnswer> {
  const asking = { ask, options: credentialArgs(remote), login: GIVE_LOGIN };
  const [heads, noPush] = await Promise.all([
    headsOf(asking, remote.url).catch((error: unknown) => error as Unfit),
    whyNoPush(asking, remote.url),
  ]);
  if (heads instanceof Error) {
    if (!(heads instanceof Unfit) || heads.code === "object_format") throw heads;
    return { result: "ok", warnings: [{ code: "unreadable", sentence: heads.message }] };
  }
  checkBranch(heads, remote.url, branch, "");
  return { result: "ok", warnings: noPush === null ? [] : [{ code: "no_push", sentence: noPush }] };
}

/** @throws Unfit */
export function checkBranch({ branches }: Heads, url: string, branch: string, cure: string): void {
  if (branches.length === 0)
    throw new Unfit(
      "empty_repository",
      `${url} has no branch of its own, so there is nothing to branch from: it has no commits yet, or is a clone in which none was checked out. Commit something, or \`git switch\` to a branch, and try again`,
    );
  if (branches.includes(branch)) return;
  const some = branches.slice(0, BRANCHES_NAMED_MAX).join(", ");
  throw new Unfit("no_such_branch", `${url} has no branch ${branch}; it has ${some}${cure}`);
}
