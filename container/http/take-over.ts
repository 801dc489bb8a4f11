/** What an earlier control server left in the folder that this one has taken: reports to deliver, processes, and what is half made. */
import { readdirSync } from "node:fs";
import path from "node:path";
import type { Agents } from "../agents/agents.ts";
import { makePrivateDir } from "../files.ts";
import { gatesOf } from "../gate/copy.ts";
import { foldersOf } from "../git/layout.ts";
import { removeLocks } from "../git/locks.ts";
import type { Log } from "../log.ts";
import type { Places } from "../place/places.ts";
import { removeTree } from "../place/remove.ts";
import type { Callbacks } from "../reports/callbacks.ts";

export interface TakeOver {
  readonly workDir: string;
  readonly callbacks: Callbacks;
  readonly agents: Agents;
  readonly places: Places;
  readonly log: Log;
}

/** Before anybody may ask for anything. */
export async function takeOver({ workDir, callbacks, agents, places, log }: TakeOver): Promise<void> {
  const resumed = callbacks.resume();
  const lost = await agents.recover();
  if (resumed + lost > 0) log(`after a restart: ${resumed} callbacks to deliver, ${lost} dispatches reported as lost`);
  await removeUnfinished(workDir, log);
  await places.resume();
}

/** What a crash cut off: nothing in these folders is complete, or anybody's. */
async function removeUnfinished(workDir: string, log: Log): Promise<void> {
  await removeTree(gatesOf(workDir));
  const rigs = path.join(workDir, "rigs");
  makePrivateDir(rigs);
  for (const rigId of readdirSync(rigs)) {
    const { merges, scratch } = foldersOf(workDir, rigId);
    for (const folder of [merges, scratch]) await removeTree(folder);
  }
  // Where processes cannot be found by their mark, a git of the server before may still run; there a lock goes when it is too old.
  const locks = process.platform === "linux" ? removeLocks(workDir) : [];
  if (locks.length > 0) log(`${locks.length} lock files of a git that was killed are removed`);
}
