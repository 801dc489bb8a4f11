/** The newest commit that is an agent's own, as far as its clone says so: a sign that it came further, and no proof of anything. */
import type { Config } from "../config.ts";
import { readClone } from "../git/foreign.ts";
import { agentFoldersOf, foldersOf } from "../git/layout.ts";
import { readState } from "../git/state.ts";

/** No git runs. @returns null: there is none yet, or the clone cannot be read */
export function ownHead({ workDir }: Config, rigId: string, agentId: string): string | null {
  const mine = agentFoldersOf(foldersOf(workDir, rigId), agentId);
  const state = readState(mine.state);
  const commit = state?.phase === "ready" ? (readClone(mine.clone)?.head.commit ?? null) : null;
  return commit === state?.base ? null : commit;
}
