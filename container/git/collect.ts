/** An agent's commits live in its clone alone until they are fetched into the store. */
import { existsSync, readdirSync } from "node:fs";
import { readClone } from "./foreign.ts";
import type { Git } from "./git.ts";
import { keepLfs } from "./lfs.ts";
import { REFS, type RigFolders, agentFoldersOf } from "./layout.ts";
import { fetchFrom } from "./reader.ts";
import { readState } from "./state.ts";
import { isComplete } from "./store.ts";

/**
 * Fetches the branch out of the clone of this agent, or, if it has none of that name, of the agent it was handed out to.
 * @returns its tip; null when no clone has it @throws GitFailure when the clone's objects are not all there
 */
export async function collectBranch(
  git: Git,
  folders: RigFolders,
  agentId: string,
  branch: string,
): Promise<string | null> {
  if (!isComplete(folders.store)) return null;
  for (const id of [agentId, ...holders(folders, agentId, branch)]) {
    const mine = agentFoldersOf(folders, id);
    if (readState(mine.state)?.phase !== "ready") continue;
    const foreign = readClone(mine.clone);
    const tip = foreign?.heads.get(branch);
    if (foreign === null || tip === undefined) continue;
    await fetchFrom(git, folders, folders.store, foreign, new Map([[REFS.work(branch), tip]]));
    await keepLfs(git, folders, mine.clone, tip);
    return tip;
  }
  return null;
}

function holders(folders: RigFolders, agentId: string, branch: string): string[] {
  if (!existsSync(folders.agents)) return [];
  return readdirSync(folders.agents).filter(
    (id) => id !== agentId && readState(agentFoldersOf(folders, id).state)?.branch === branch,
  );
}
