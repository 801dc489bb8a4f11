/** What git says about the repository that somebody named on the command line. */
import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Ask,
  type Heads,
  Unfit,
  checkBranch,
  headsOf,
  lastLine,
  repositoryAt,
  whyNoPush,
  workingTreeOn,
} from "../../container/git/look.ts";
import { StackError } from "./errors.ts";

export interface Repository {
  readonly name: string;
  /** Without credentials: what is stored and shown. */
  readonly gitUrl: string;
  readonly defaultBranch: string;
  /** Where it is on this machine; null: elsewhere. */
  readonly folder: string | null;
  /** Credentials that came in the URL, for the rig's processes. */
  readonly secrets: Record<string, string>;
  /** Why merges would be refused, or null. */
  readonly warning: string | null;
  /** What was on the command line and should not have been, or null. */
  readonly caution: string | null;
}

const GIT_TIMEOUT_MS = 60_000;

/** What the command line says beside the repository. */
export interface Wishes {
  /** Merge into this branch instead of the default one. */
  readonly target?: string | null;
  /** Let a push into a local repository update the files that lie there. */
  readonly updateInstead?: boolean;
  /** What to log in with to a repository at http(s)://, from TICKTOWN_REPO_TOKEN: unlike a command line, nobody else reads an environment. */
  readonly token?: string | undefined;
}

/**
 * Looks before anything is paid for: can it be read, where would work go, and would a push be taken?
 * @param base what a relative path is relative to
 * @throws StackError for anything that no agent could work on
 */
export async function inspectRepository(named: string, base: string, wishes: Wishes = {}): Promise<Repository> {
  const place = await placeOf(named, base, wishes.token ?? "");
  const { gitUrl, secrets, folder, caution } = place;
  const asking = { ask: askWith(loginOf(gitUrl, secrets)), login: LOGIN };
  const target = targetOf(gitUrl, folder, wishes.target ?? null, await headsOf(asking, gitUrl).catch(asStackError));
  if (folder !== null && wishes.updateInstead === true) await setUpdateInstead(folder);
  const warning = folder === null ? await whyNoPush(asking, gitUrl) : await refusesPushes(folder, target);
  return { name: nameOf(gitUrl), gitUrl, secrets, folder, defaultBranch: target, warning, caution };
}

/** How a login is given here. */
const LOGIN =
  "Put a token into the environment variable TICKTOWN_REPO_TOKEN (and a user, if it wants one, into the URL: https://USER@HOST/...)";

/** Whether clones have such a file; of a repository elsewhere nobody knows yet. */
export function hasFileOf({ folder, defaultBranch }: Repository, file: string): "yes" | "no" | "unknown" {
  if (path.isAbsolute(file)) return "no";
  if (folder === null) return "unknown";
  const name = path.posix.normalize(file);
  const has = spawnSync("git", ["cat-file", "-e", `refs/heads/${defaultBranch}:${name}`], {
    cwd: folder,
    stdio: "ignore",
    timeout: GIT_TIMEOUT_MS,
  });
  return has.status === 0 ? "yes" : "no";
}

/** Where work is merged. @throws StackError when there is no such branch */
function targetOf(gitUrl: string, folder: string | null, wished: string | null, heads: Heads): string {
  const target = wished ?? defaultBranch(heads, gitUrl);
  const cure = folder === null ? "" : `. To make it: git -C '${folder}' branch '${target}'`;
  try {
    checkBranch(heads, gitUrl, target, cure);
    return target;
  } catch (error) {
    return asStackError(error);
  }
}

interface Place {
  readonly gitUrl: string;
  readonly secrets: Record<string, string>;
  /** Where it is on this machine; null: elsewhere. */
  readonly folder: string | null;
  readonly caution: string | null;
}

async function placeOf(named: string, base: string, token: string): Promise<Place> {
  if (/^file:\/\//i.test(named)) {
    const local = await findLocal(fileURLToPath(named), base);
    return { gitUrl: named, secrets: {}, folder: local, caution: null };
  }
  if (isRemote(named, base)) return { ...withCredentials(named, token), folder: null };
  // A shell leaves the ~ of --repo=~/x as it is.
  const expanded = /^~(\/|$)/.test(named) ? path.join(homedir(), named.slice(1)) : named;
  if (/^[\w.-]+\/[\w.-]+$/.test(named) && !existsSync(path.resolve(base, named)))
    throw new StackError(
      `${path.resolve(base, named)} does not exist. If ${named} is a repository on a forge, give its whole URL: https://github.com/${named}.git`,
    );
  const folder = await findLocal(expanded, base);
  return { gitUrl: folder, secrets: {}, folder, caution: null };
}

function defaultBranch({ head, branches }: Heads, gitUrl: string): string {
  if (head !== null) return head;
  const usual = ["main", "master"].find((name) => branches.includes(name));
  if (usual !== undefined || branches.length <= 1) return usual ?? branches[0] ?? "main";
  throw new StackError(
    `${gitUrl} does not say which of its ${branches.length} branches is the default one: its HEAD is on none of them. Check out the branch that work shall be merged into`,
  );
}

/** `scheme://...` and `user@host:path`, unless a folder has that very name. */
function isRemote(named: string, base: string): boolean {
  return (
    /^[a-z][a-z0-9+.-]*:\/\//i.test(named) || (/^[^/]+:[^/]/.test(named) && !existsSync(path.resolve(base, named)))
  );
}

/** A name before the @ goes with the token of the environment; without one it is a token itself, as GitHub takes it. */
function withCredentials(named: string, token: string): Omit<Place, "folder"> {
  const url = /^https?:/i.test(named) ? URL.parse(named) : null;
  if (url === null) return { gitUrl: named, secrets: {}, caution: null };
  const [username, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  if (username === "" && password === "")
    return { gitUrl: named, secrets: token === "" ? {} : { GIT_TOKEN: token }, caution: null };
  url.username = "";
  url.password = "";
  const gitUrl = url.href;
  if (password === "" && token !== "")
    return { gitUrl, secrets: { GIT_TOKEN: token, GIT_USERNAME: username }, caution: null };
  const secrets: Record<string, string> =
    password === "" ? { GIT_TOKEN: username } : { GIT_TOKEN: password, GIT_USERNAME: username };
  return { gitUrl, secrets, caution: cautionOf(url, password === "" ? "" : username) };
}

/** It is used all the same: by now it was there to be read. */
function cautionOf(url: URL, username: string): string {
  const safe = new URL(url);
  safe.username = username;
  return [
    "WARNING: a password on the command line is read by everybody on this machine (ps), as long as this runs, and stays in your",
    "shell's history. Change it at its host, and next time give it in the environment:",
    `  read -rs TICKTOWN_REPO_TOKEN; export TICKTOWN_REPO_TOKEN; npm start -- --repo ${safe.href}`,
  ].join("\n");
}

/** What git is given to log in with: for this host only, and in its environment, never on its command line. */
function loginOf(gitUrl: string, { GIT_TOKEN: token, GIT_USERNAME: username }: Record<string, string>): Environment {
  if (token === undefined) return {};
  const key = `credential.${new URL(gitUrl).origin}.helper`;
  const helper = `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$TICKTOWN_LOGIN" "$TICKTOWN_REPO_TOKEN"; }; f`;
  const before = Number(process.env["GIT_CONFIG_COUNT"] ?? 0) || 0;
  return {
    // The user that GitHub, GitLab and others expect beside a token, as the control server says it.
    TICKTOWN_LOGIN: username ?? "x-access-token",
    TICKTOWN_REPO_TOKEN: token,
    GIT_CONFIG_COUNT: String(before + 2),
    [`GIT_CONFIG_KEY_${before}`]: key,
    [`GIT_CONFIG_VALUE_${before}`]: "",
    [`GIT_CONFIG_KEY_${before + 1}`]: key,
    [`GIT_CONFIG_VALUE_${before + 1}`]: helper,
  };
}

type Environment = Readonly<Record<string, string>>;

async function findLocal(named: string, base: string): Promise<string> {
  return repositoryAt(askWith(), path.resolve(base, named)).catch(asStackError);
}

/** Why a push under a working tree would be refused, with what helps, or null. */
async function refusesPushes(folder: string, target: string): Promise<string | null> {
  const holder = await workingTreeOn(askWith(), folder, target);
  if (holder === null) return null;
  return [
    `${target} is checked out in ${holder}, and git refuses to merge under a working tree. One of these helps:`,
    `  --update-instead        let a merge update the files there as well, whenever they have no uncommitted changes`,
    `                          (git -C '${folder}' config receive.denyCurrentBranch updateInstead)`,
    `  --target BRANCH         merge into a branch that is not checked out (git -C '${folder}' branch ticktown '${target}')`,
  ].join("\n");
}

async function setUpdateInstead(folder: string): Promise<void> {
  const set = await askWith()(folder, ["config", "receive.denyCurrentBranch", "updateInstead"]);
  if (set.code !== 0)
    throw new StackError(`--update-instead: git cannot write the config of ${folder}: ${lastLine(set.stderr)}`);
}

function nameOf(gitUrl: string): string {
  return path.basename(gitUrl.replace(/\/+$/, "").replace(/\/?\.git$/, "")).replace(/^.*:/, "") || "repository";
}

function askWith(login: Environment = {}): Ask {
  const env = {
    ...process.env,
    ...login,
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_SSH_COMMAND: process.env["GIT_SSH_COMMAND"] ?? "ssh -o BatchMode=yes -o ConnectTimeout=20",
  };
  return (cwd, args) =>
    new Promise((resolve) => {
      execFile("git", args, { cwd, env, timeout: GIT_TIMEOUT_MS }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : 1, stdout, stderr: stderr || (error?.message ?? "") }),
      );
    });
}

function asStackError(error: unknown): never {
  throw error instanceof Unfit ? new StackError(error.message) : error;
}
