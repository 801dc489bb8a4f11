/** Gives disk back: clones, refs and folders of what the rig says is over, once they were kept long enough. */
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import type { TidyAnswer, TidyRequest } from "../../src/wire/container.ts";
import { writePrivateJson } from "../files.ts";
import { type Git, mustGit } from "../git/git.ts";
import { type RigFolders, agentFoldersOf, isRealFolder, moveTo, refPart, scratchName } from "../git/layout.ts";
import { readState } from "../git/state.ts";
import { isComplete } from "../git/store.ts";
import { emptyClone } from "../git/workspaces.ts";
import { messageOf } from "../log.ts";
import { maintain } from "./maintain.ts";
import { removeTree } from "./remove.ts";

export interface TidyContext {
  readonly git: Git;
  readonly folders: RigFolders;
  readonly isLive: (agentId: string) => boolean;
  readonly withRig: <T>(task: () => Promise<T>) => Promise<T>;
  readonly warn: (message: string) => void;
  /** ms since epoch */
  readonly now: number;
}

const DAY_MS = 86_400_000;
/** Since when each part of a ref's name was seen to be of no open bead, ms. */
const Ended = z.record(z.string(), z.number());

/** Safe to repeat, and to be cut off anywhere: what is removed is renamed first. Never throws for one thing that cannot be removed. */
export async function tidyRig(request: TidyRequest, context: TidyContext): Promise<Omit<TidyAnswer, "disk">> {
  const { folders, withRig, now } = context;
  if (!isRealFolder(path.dirname(folders.store))) return { removed: 0, nextAt: null };
  const keep_ms = request.keepDays * DAY_MS;
  const open = new Set(request.beads.flatMap(({ id, branch }) => [refPart(id), refPart(branch)]));
  const answer = await withRig(async () => {
    const seen = await namesIn(context);
    const before = readEnded(folders);
    const ended = new Map([...seen].filter((name) => !open.has(name)).map((name) => [name, before[name] ?? now]));
    writePrivateJson(endedFile(folders), Object.fromEntries(ended));
    const isOver = (name: string): boolean => now - (ended.get(name) ?? now + 1) >= keep_ms;
    let removed = await removeClones(request, context, isOver);
    removed += await removeRefs(context, isOver);
    removed += await removeAside(folders, now - keep_ms);
    const waiting = [...ended].filter(([name]) => !isOver(name)).map(([, since]) => since + keep_ms);
    return { removed, nextAt: waiting.length === 0 ? null : new Date(Math.min(...waiting)).toISOString() };
  });
  // Nobody waits for it: git's own locks are enough.
  await maintain(context.git, folders).catch((error: unknown) => context.warn(`maintenance: ${messageOf(error)}`));
  return answer;
}

const endedFile = (folders: RigFolders): string => path.join(path.dirname(folders.store), "ended.json");

function readEnded(folders: RigFolders): Record<string, number> {
  try {
    return Ended.parse(JSON.parse(readFileSync(endedFile(folders), "utf8")));
  } catch {
    return {}; // Not there yet, or cut off: everything is kept a little longer.
  }
}

/** Beads and branches that anything is kept for, as parts of refs. */
async function namesIn({ git, folders }: TidyContext): Promise<Set<string>> {
  const names = new Set(
    agentsIn(folders).flatMap((id) => {
      const state = readState(agentFoldersOf(folders, id).state);
      return state === null ? [] : [refPart(state.key), refPart(state.branch)];
    }),
  );
  for (const ref of await refsIn(git, folders)) if (ref.bead !== null) names.add(ref.bead);
  return names;
}

function agentsIn(folders: RigFolders): string[] {
  return existsSync(folders.agents) ? readdirSync(folders.agents) : [];
}

async function removeClones(
  request: TidyRequest,
  { git, folders, isLive, warn }: TidyContext,
  isOver: (name: string) => boolean,
): Promise<number> {
  const known = new Set(request.agents);
  let removed = 0;
  for (const id of agentsIn(folders)) {
    const mine = agentFoldersOf(folders, id);
    const state = readState(mine.state);
    if (isLive(id)) continue;
    const over = state !== null && isOver(refPart(state.key));
    if (known.has(id) && !over) continue;
    // Its agent is gone, but not its bead: what is not in the store yet moves there.
    if (state?.phase === "ready" && !over && isComplete(folders.store)) await emptyClone(id, { git, folders, warn });
    if (isLive(id)) continue; // It was started while we looked.
    await remove(folders, mine.root);
    removed += 1;
  }
  return removed;
}

interface Ref {
  readonly name: string;
  /** The part that names a bead or branch. */
  readonly bead: string | null;
  /** The part that names an agent. */
  readonly agent: string | null;
}

async function refsIn(git: Git, { store }: RigFolders): Promise<Ref[]> {
  if (!isComplete(store)) return [];
  const out = await mustGit(git, store, ["for-each-ref", "--format=%(refname)", "refs/ticktown"]);
  return out.split("\n").flatMap((name): Ref[] => {
    const [, , kind = "", part = ""] = name.split("/");
    if (part === "") return [];
    if (kind === "pins" || kind === "seen") return [{ name, bead: null, agent: part }];
    return ["work", "leftovers", "given-back", "handed-in", "sealed"].includes(kind)
      ? [{ name, bead: part, agent: null }]
      : [];
  });
}

async function removeRefs({ git, folders }: TidyContext, isOver: (name: string) => boolean): Promise<number> {
  // A pin goes with the clone that borrows; a start makes the agent's folder before it pins.
  const borrowing = new Set(agentsIn(folders).map(refPart));
  const refs = (await refsIn(git, folders)).filter(({ bead, agent }) =>
    agent === null ? bead !== null && isOver(bead) : !borrowing.has(agent),
  );
  if (refs.length === 0) return 0;
  await mustGit(git, folders.store, ["update-ref", "--stdin"], {
    input: refs.map(({ name }) => `delete ${name}\n`).join(""),
  });
  return refs.length;
}

async function removeAside(folders: RigFolders, before: number): Promise<number> {
  if (!isRealFolder(folders.aside)) return 0;
  const due = readdirSync(folders.aside)
    .map((name) => path.join(folders.aside, name))
    .filter((file) => (lstatSync(file, { throwIfNoEntry: false })?.ctimeMs ?? before + 1) <= before);
  for (const file of due) await remove(folders, file);
  return due.length;
}

/** Gone at once under its name; a large folder must not hold up everybody else while its files go. */
export async function remove(folders: RigFolders, file: string): Promise<void> {
  const doomed = scratchName(folders, "doomed");
  moveTo(file, doomed);
  await removeTree(doomed);
}

/** Written first, so that a server which is killed meanwhile goes on with it when it starts again. */
export function markForgotten(rig: string): void {
  if (isRealFolder(rig)) writePrivateJson(path.join(rig, FORGOTTEN), {});
}

const FORGOTTEN = "forgotten.json";

export function isForgotten(rig: string): boolean {
  return existsSync(path.join(rig, FORGOTTEN));
}

/** A rig that was deleted: all of it. */
export async function forgetRig(workDir: string, rigId: string): Promise<void> {
  const rig = path.join(workDir, "rigs", rigId);
  if (!isRealFolder(rig)) return;
  const doomed = path.join(workDir, "doomed", `${rigId}-${Date.now().toString(36)}`);
  mkdirSync(path.dirname(doomed), { recursive: true });
  moveTo(rig, doomed);
  await removeTree(doomed);
}
