/** What git says about the repository that somebody named on the command line. */
import { execFile } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import path from "node:path";
import { StackError } from "./errors.ts";

export interface Repository {
  readonly name: string;
  /** Without credentials: what is stored and shown. */
  readonly gitUrl: string;
  readonly defaultBranch: string;
  /** Credentials that came in the URL, for the rig's processes. */
  readonly secrets: Record<string, string>;
  /** Why merges would be refused, or null. */
  readonly warning: string | null;
}

const GIT_TIMEOUT_MS = 60_000;

/**
 * @param base what a relative path is relative to
 * @throws StackError for anything that no agent could work on
 */
export async function inspectRepository(named: string, base: string): Promise<Repository> {
  const { gitUrl, secrets, local } = isRemote(named, base) ? { ...splitCredentials(named), local: false } : { ...(await findLocal(named, base)), local: true };
  const asked = await git(["ls-remote", "--symref", local ? gitUrl : named, "HEAD", "refs/heads/*"]);
  if (asked.code !== 0) throw new StackError(`git cannot read ${gitUrl}: ${lastLine(asked.stderr).replaceAll(named, gitUrl)}`);
  const branches = [...asked.stdout.matchAll(/^[0-9a-f]+\trefs\/heads\/(.+)$/gm)].flatMap(([, branch]) => branch ?? []);
  if (branches.length === 0) throw new StackError(`${gitUrl} has no commits yet, so there is nothing to branch from. Make a first commit there and start again`);
  return { name: nameOf(gitUrl), gitUrl, secrets, defaultBranch: defaultBranch(asked.stdout, branches, gitUrl), warning: local ? await refusesPushes(gitUrl) : null };
}

function defaultBranch(said: string, branches: readonly string[], gitUrl: string): string {
  const head = /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(said)?.[1];
  if (head !== undefined && branches.includes(head)) return head;
  const usual = ["main", "master"].find((name) => branches.includes(name)) ?? (branches.length === 1 ? branches[0] : undefined);
  if (usual !== undefined) return usual;
  throw new StackError(`${gitUrl} does not say which of its ${branches.length} branches is the default one: its HEAD is on none of them. Check out the branch that work shall be merged into`);
}

/** `scheme://...` and `user@host:path`, unless a folder has that very name. */
function isRemote(named: string, base: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(named) || (/^[^/]+:[^/]/.test(named) && !existsSync(path.resolve(base, named)));
}

function splitCredentials(named: string): { gitUrl: string; secrets: Record<string, string> } {
  const url = /^https?:/i.test(named) ? URL.parse(named) : null;
  if (url === null || (url.username === "" && url.password === "")) return { gitUrl: named, secrets: {} };
  const [username, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  url.username = "";
  url.password = "";
  return { gitUrl: url.href, secrets: { GIT_TOKEN: password || username, ...(password === "" ? {} : { GIT_USERNAME: username }) } };
}

async function findLocal(named: string, base: string): Promise<{ gitUrl: string; secrets: Record<string, string> }> {
  const folder = path.resolve(base, named);
  if (!existsSync(folder)) throw new StackError(`${folder} does not exist`);
  const top = await git(["-C", folder, "rev-parse", "--show-toplevel"]);
  if (top.code === 0) return { gitUrl: realpathSync(top.stdout.trim()), secrets: {} };
  const bare = await git(["-C", folder, "rev-parse", "--absolute-git-dir"]);
  if (bare.code !== 0) {
    const isNone = /not a git repository/i.test(bare.stderr);
    throw new StackError(isNone ? `${folder} is not a git repository. Run \`git init\` there and make a first commit, or name another folder` : `git refuses ${folder}: ${lastLine(bare.stderr)}`);
  }
  return { gitUrl: realpathSync(bare.stdout.trim()), secrets: {} };
}

/** Git does not push under a working tree, unless it is told how. */
async function refusesPushes(gitUrl: string): Promise<string | null> {
  const isBare = (await git(["-C", gitUrl, "rev-parse", "--is-bare-repository"])).stdout.trim() === "true";
  const policy = (await git(["-C", gitUrl, "config", "receive.denyCurrentBranch"])).stdout.trim();
  if (isBare || /^(updateInstead|ignore|warn|false)$/i.test(policy)) return null;
  return `${gitUrl} has its branch checked out, and git refuses to merge under a working tree. Let it update the files there as well, whenever they have no uncommitted changes:\n  git -C '${gitUrl}' config receive.denyCurrentBranch updateInstead`;
}

function nameOf(gitUrl: string): string {
  return path.basename(gitUrl.replace(/\/+$/, "").replace(/\/?\.git$/, "")).replace(/^.*:/, "") || "repository";
}

function git(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, LC_ALL: "C", GIT_TERMINAL_PROMPT: "0", GIT_SSH_COMMAND: process.env["GIT_SSH_COMMAND"] ?? "ssh -o BatchMode=yes -o ConnectTimeout=20" };
  return new Promise((resolve) => {
    execFile("git", args, { env, timeout: GIT_TIMEOUT_MS }, (error, stdout, stderr) => resolve({ code: error === null ? 0 : 1, stdout, stderr: stderr || (error?.message ?? "") }));
  });
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "no reason given";
}
