/** Which commit of a bead is merged. */
import { collectBranch } from "./collect.ts";
import { type Git, isAncestor, revision } from "./git.ts";
import { fetchHandedIn } from "./inspect.ts";
import { REFS, type RigFolders } from "./layout.ts";
import { remoteTip } from "./store.ts";

export interface Work {
  readonly beadId: string;
  readonly agentId: string;
  readonly branch: string;
  readonly commit?: string | undefined;
}

/**
 * Exactly the commit that was handed in; without one, the branch as it is in its agent's clone, or at the remote.
 * @returns null when it is neither here nor there
 */
export async function sourceOf(work: Work, git: Git, folders: RigFolders): Promise<string | null> {
  const { branch, agentId, beadId, commit } = work;
  const { store } = folders;
  if (commit !== undefined) {
    const here = await revision(git, store, commit);
    return here ?? ((await fetchHandedIn(git, store, beadId, commit)) ? commit : null);
  }
  await collectBranch(git, folders, agentId, branch);
  const local = await revision(git, store, REFS.work(branch));
  return furtherOf(git, store, local, await remoteTip(git, store, branch));
}

/** The one that contains the other. If they diverged, the local one: it is what the agent reported as done. */
async function furtherOf(git: Git, repo: string, local: string | null, pushed: string | null): Promise<string | null> {
  if (local === null || pushed === null) return local ?? pushed;
  return (await isAncestor(git, repo, local, pushed)) ? pushed : local;
}
