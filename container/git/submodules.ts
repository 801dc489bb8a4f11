/** Submodules in an agent's clone. */
import { lastWords, OVERRIDES, type Git } from "./git.ts";
import type { Remote } from "./remotes.ts";
import { credentialArgs } from "./store.ts";
import { Refusal } from "../refusal.ts";
import { liesThere } from "./layout.ts";
import path from "node:path";

/**
 * Checks out all submodules of a clone whose git folder is new, or has been made so: nothing of it is an agent's.
 * @throws Refusal 422 submodules_failed
 */
export async function initSubmodules(git: Git, clone: string, remote: Remote): Promise<void> {
  if (!liesThere(path.join(clone, ".gitmodules"))) return;
  const options = { timeout_ms: git.place.clone_timeout_ms };
  for (const args of [
    // Addresses that begin with ./ or ../ are meant from the remote, and the clone's `origin` is the store.
    [...settings(remote), "-c", `remote.origin.url=${remote.url}`, "submodule", "--quiet", "init"],
    [...settings(remote), "submodule", "--quiet", "update", "--init", "--recursive"],
  ]) {
    const result = await git(clone, args, options);
    if (result.code === 0) continue;
    throw new Refusal(422, "submodules_failed", `the submodules could not be checked out: ${lastWords(result)}`);
  }
}

/** Says in a clone's configuration, which is written anew at each start, where its submodules come from. */
export async function nameSubmodules(git: Git, clone: string, remote: Remote): Promise<void> {
  if (!liesThere(path.join(clone, ".gitmodules"))) return;
  await git(clone, [...settings(remote), "-c", `remote.origin.url=${remote.url}`, "submodule", "--quiet", "init"]);
}

/** On the command line, because git passes nothing else on to the git that it runs in a submodule. */
function settings(remote: Remote): string[] {
  const isLocal = remote.url.startsWith("/") || remote.url.startsWith("file:");
  return [
    ...OVERRIDES.flatMap(([key, value]) => ["-c", `${key}=${value}`]),
    // A repository on this machine may have submodules here; one from elsewhere may not.
    "-c",
    `protocol.file.allow=${isLocal ? "always" : "never"}`,
    ...credentialArgs(remote),
  ];
}
