/** Keeps a store quick without dropping anything that somebody may have borrowed. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { GIT_COPY_TIMEOUT_MS, LOOSE_OBJECTS_MAX, PACKS_MAX } from "../limits.ts";
import { type Git, mustGit } from "../git/git.ts";
import { type RigFolders, isRealFolder } from "../git/layout.ts";
import { isComplete } from "../git/store.ts";

/**
 * Packs anew when there are too many packs or loose objects. While any clone borrows, every object stays, reachable or not: a
 * borrower's branch may begin at a commit that the remote has forgotten. @returns whether there was anything to do
 */
export async function maintain(git: Git, folders: RigFolders, force = false): Promise<boolean> {
  const { store, agents } = folders;
  if (!isComplete(store)) return false;
  const counted = await mustGit(git, store, ["count-objects", "-v"]);
  const count = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(counted)?.[1] ?? 0);
  if (!force && count("count") <= LOOSE_OBJECTS_MAX && count("packs") <= PACKS_MAX) return false;
  const borrowed = isRealFolder(agents) && readdirSync(agents).some((id) => isRealFolder(path.join(agents, id)));
  const options = { timeout_ms: GIT_COPY_TIMEOUT_MS };
  await mustGit(git, store, ["pack-refs", "--all"], options);
  await mustGit(git, store, ["repack", "-a", "-d", "--quiet", ...(borrowed ? ["--keep-unreachable"] : [])], options);
  if (!borrowed) await mustGit(git, store, ["prune", "--expire=1.day.ago"], options);
  return true;
}
