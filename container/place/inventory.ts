/** What there is of a rig, and what of it is to go because nobody knows it. What is worked on is left alone, whoever asks. */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { Id } from "../../src/wire/container.ts";
import { type ClearAnswer, type ClearRequest, type Inventory, LISTED_MAX } from "../../src/wire/inventory.ts";
import type { Agents } from "../agents/agents.ts";
import type { Git } from "../git/git.ts";
import { type RigFolders, agentFoldersOf, liesThere, moveAside, oddNamesIn } from "../git/layout.ts";
import { readState } from "../git/state.ts";
import { isComplete } from "../git/store.ts";
import { emptyClone } from "../git/workspaces.ts";
import { INVENTORY_MAX_BYTES, KILL_WAIT_MS, ODD_NAME_MAX_CHARS } from "../limits.ts";
import { agentMarkOf, marksInUse, sweepMarked } from "../processes/marks.ts";
import { remove } from "./tidy.ts";

export interface InventoryContext {
  readonly rigId: string;
  readonly folders: RigFolders;
  /** The mark of the WORK_DIR. */
  readonly mark: string;
  readonly agents: Pick<Agents, "runsOf" | "endStray">;
}

export interface ClearContext extends InventoryContext {
  readonly git: Git;
  readonly withRig: <T>(task: () => Promise<T>) => Promise<T>;
  readonly warn: (message: string) => void;
}

type Process = Inventory["processes"][number];

/** All of it, within what one answer may hold. */
export function inventoryOf(context: InventoryContext): Inventory {
  const { folders } = context;
  const names = agentNamesIn(folders);
  let bytes = 0;
  let leftOut = 0;
  const within = <T>(all: readonly T[]): T[] =>
    all.filter((one, at) => {
      bytes += Buffer.byteLength(JSON.stringify(one)) + 1;
      const fits = at < LISTED_MAX && bytes <= INVENTORY_MAX_BYTES;
      if (!fits) leftOut += 1;
      return fits;
    });
  const processes = within(processesOf(context, names.filter(isId)));
  const folderNames = within(oddIn(folders, names));
  const clones = within(names.filter(isId).map((agentId) => cloneOf(folders, agentId)));
  return { processes, clones, folders: folderNames, leftOut };
}

const agentNamesIn = ({ agents }: RigFolders): string[] => (existsSync(agents) ? readdirSync(agents) : []);

const isId = (name: string): boolean => Id.safeParse(name).success;

/** By its name from the rig's folder. One that is too long to be said is left alone. */
const oddIn = (folders: RigFolders, agents: readonly string[]): string[] =>
  [...oddNamesIn(folders), ...agents.filter((name) => !isId(name)).map((name) => path.join("agents", name))].filter(
    (name) => name.length <= ODD_NAME_MAX_CHARS,
  );

const isLiveStatus = (status: string): boolean => status !== "exited" && status !== "failed";

/** Runs that are not over; and of agents without one whatever carries their mark still. */
function processesOf({ rigId, mark, agents }: InventoryContext, withFolder: readonly string[]): Process[] {
  const runs = agents.runsOf(rigId);
  const live = runs
    .filter(({ status }) => isLiveStatus(status))
    .map(({ agentId, dispatchId }) => ({ agentId, dispatchId }));
  const busy = new Set(live.map(({ agentId }) => agentId));
  const others = new Set([...runs.map(({ agentId }) => agentId), ...withFolder].filter((id) => !busy.has(id)));
  const inUse = others.size === 0 ? [] : marksInUse(`${mark}:`);
  const left = [...others].filter((id) => inUse.some((one) => one.startsWith(agentMarkOf(mark, rigId, id))));
  return [...live, ...left.map((agentId) => ({ agentId, dispatchId: null }))];
}

function cloneOf(folders: RigFolders, agentId: string): Inventory["clones"][number] {
  const mine = agentFoldersOf(folders, agentId);
  const state = readState(mine.state);
  const parts = (["clone", "inbox", "home"] as const).filter((part) => liesThere(mine[part]));
  return {
    agentId,
    parts: [...parts],
    branch: state?.branch.slice(0, 255) ?? null,
    beadId: state?.key.slice(0, 400) ?? null,
  };
}

/** Each thing once more as it is now: only what is still as it was listed goes. Safe to repeat, and to be cut off anywhere. */
export async function clearStrays(request: ClearRequest, context: ClearContext): Promise<ClearAnswer> {
  const { rigId, agents, mark, folders, withRig } = context;
  const answer = { stopped: 0, removed: 0, left: 0 };
  const isLive = (agentId: string): boolean =>
    agents.runsOf(rigId).some((run) => run.agentId === agentId && isLiveStatus(run.status));
  for (const { agentId, dispatchId } of request.processes) {
    if (agents.endStray(rigId, agentId, dispatchId)) answer.stopped += 1;
    else if (dispatchId !== null || isLive(agentId)) answer.left += 1;
    else if (await sweepMarked(agentMarkOf(mark, rigId, agentId), Date.now() + KILL_WAIT_MS)) answer.stopped += 1;
    else answer.left += 1;
  }
  for (const agentId of request.clones) {
    const isGone = await withRig(async () => !isLive(agentId) && (await removeClone(agentId, context, isLive)));
    answer[isGone ? "removed" : "left"] += 1;
  }
  await withRig(async () => {
    const odd = new Set(oddIn(folders, agentNamesIn(folders)));
    for (const name of request.folders) {
      if (odd.has(name)) moveAside(folders, path.join(path.dirname(folders.store), name), path.basename(name));
      answer[odd.has(name) ? "removed" : "left"] += 1;
    }
  });
  return answer;
}

/** What its agent left goes to the store, or its folder out of the way where that cannot be: nothing of it is lost. */
async function removeClone(
  agentId: string,
  { folders, git, warn }: ClearContext,
  isLive: (agentId: string) => boolean,
): Promise<boolean> {
  const mine = agentFoldersOf(folders, agentId);
  if (!liesThere(mine.root)) return true;
  const state = readState(mine.state);
  const isWork = state === null ? liesThere(mine.clone) : state.phase === "ready";
  if (isWork && (state === null || !isComplete(folders.store))) {
    warn(`the folder of ${agentId}, whom nobody knows, is kept at ${moveAside(folders, mine.root, agentId)}`);
    return true;
  }
  if (isWork) await emptyClone(agentId, { git, folders, warn });
  if (isLive(agentId)) return false; // It was started while we looked.
  await remove(folders, mine.root);
  return true;
}
