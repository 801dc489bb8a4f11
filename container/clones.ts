/** One bare clone per rig; worktrees and merges hang off it. Callers hold the rig's repository mutex. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { ExecResult } from "./exec.ts";
import { type Git, lastWords, mustGit } from "./git.ts";
import { GIT_CLONE_TIMEOUT_MS, GIT_TIMEOUT_MS } from "./limits.ts";
import type { Remote } from "./remotes.ts";

export interface RigFolders {
  readonly repo: string;
  readonly worktrees: string;
  readonly merges: string;
}

export function foldersOf(workDir: string, rigId: string): RigFolders {
  const rig = path.join(workDir, "rigs", rigId);
  return { repo: path.join(rig, "repo.git"), worktrees: path.join(rig, "worktrees"), merges: path.join(rig, "merges") };
}

export type FetchResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: string };

/** Creates what is missing of the clone and brings its `origin/*` up to date. Safe to repeat after a crash at any point. */
export async function refreshClone(git: Git, repo: string, remote: Remote): Promise<FetchResult> {
  const marker = path.join(repo, "ticktown-cloned");
  const fresh = !existsSync(marker);
  if (fresh) {
    mkdirSync(repo, { recursive: true });
    await mustGit(git, repo, ["init", "--quiet", "--bare", "."]);
  }
  await configureRemote(git, repo, remote);
  const result = await fetchOrigin(git, repo, fresh ? GIT_CLONE_TIMEOUT_MS : GIT_TIMEOUT_MS);
  if (result.code !== 0) return { ok: false, error: lastWords(result) };
  if (fresh) writeFileSync(marker, "");
  return { ok: true };
}

/**
 * Writes the remote and, for http(s), a credential helper that reads GIT_TOKEN from the environment of whoever runs git
 * (this server or an agent): the secret itself is in no file. It answers for the remote's own host only.
 */
async function configureRemote(git: Git, repo: string, remote: Remote): Promise<void> {
  const set = (key: string, value: string): Promise<string> => mustGit(git, repo, ["config", "--replace-all", key, value]);
  await set("remote.origin.url", remote.url);
  await set("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*");
  if (remote.origin === null) return;
  const key = `credential.${remote.origin}.helper`;
  await git(repo, ["config", "--unset-all", key]);
  // Without a token the host's own helpers stay in charge, which is what a developer's machine wants.
  if (remote.credentials === null) return;
  // The empty value drops the host's helpers: they would be asked first, and would be told to store our token.
  await mustGit(git, repo, ["config", "--add", key, ""]);
  await mustGit(git, repo, ["config", "--add", key, CREDENTIAL_HELPER]);
}

const CREDENTIAL_HELPER =
  '!f() { test "$1" = get && test -n "$GIT_TOKEN" && printf "username=%s\\npassword=%s\\n" ' +
  '"${GIT_USERNAME:-x-access-token}" "$GIT_TOKEN"; }; f';

async function fetchOrigin(git: Git, repo: string, timeout_ms: number): Promise<ExecResult> {
  const fetch = (): Promise<ExecResult> => git(repo, ["fetch", "--quiet", "--prune", "origin"], timeout_ms);
  const first = await fetch();
  // An agent may be fetching into the same clone at this moment.
  return first.code !== 0 && /cannot lock ref|\.lock'/.test(first.stderr) ? fetch() : first;
}

/** Branch names on origin as of the last fetch. */
export async function originBranches(git: Git, repo: string): Promise<string[]> {
  const out = await mustGit(git, repo, ["for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin"]);
  return out.split("\n").filter((name) => name !== "" && name !== "HEAD");
}
