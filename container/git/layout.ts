/** Where things lie on disk, and how they are called among git's refs. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import path from "node:path";
import { REF_PART_MAX_CHARS } from "../limits.ts";
import { removeTree } from "../place/remove.ts";
import { noteStep } from "../processes/exec.ts";

export interface RigFolders {
  /** The rig's own bare clone. No agent writes it. */
  readonly store: string;
  /** One folder per agent. */
  readonly agents: string;
  /** Checkouts of merges, where git is too old to merge without one. */
  readonly merges: string;
  /** Folders that could not be tidied: kept for a while, never used again. */
  readonly aside: string;
  /** What the rig's setup made, per digest of its keys. */
  readonly setups: string;
  /** What trains were about to push, until the rig has heard of it. */
  readonly pushes: string;
  /** What is being made or removed; nothing in it outlives the server that made it. */
  readonly scratch: string;
  /** What the version before this layout had instead. */
  readonly old: { readonly repo: string; readonly worktrees: string };
}

export interface AgentFolders {
  readonly root: string;
  /** The agent's clone: its process runs here. */
  readonly clone: string;
  /** What the agent pushes to `origin` lands here. */
  readonly inbox: string;
  /** Says what the clone is for, and whether it is complete. */
  readonly state: string;
  /** Homes of the programs that run as the agent, one folder each. */
  readonly home: string;
  /** Our own index of the clone's files, which knows the time of each; the agent's own is never read. */
  readonly index: string;
}

const STORE = "store.git";

/** Whether a folder is some rig's store. */
export const isStore = (folder: string): boolean => path.basename(folder) === STORE;

export function foldersOf(workDir: string, rigId: string): RigFolders {
  const rig = path.join(workDir, "rigs", rigId);
  return {
    store: path.join(rig, STORE),
    agents: path.join(rig, "agents"),
    merges: path.join(rig, "merges"),
    aside: path.join(rig, "aside"),
    setups: path.join(rig, "setups"),
    pushes: path.join(rig, "pushes"),
    scratch: path.join(rig, "scratch"),
    old: { repo: path.join(rig, "repo.git"), worktrees: path.join(rig, "worktrees") },
  };
}

/** What lies in a rig's folder beside its folders: see place/tidy.ts. */
const FILES = ["ended.json", "forgotten.json"];

/** Names in a rig's folder that are no part of what a rig has on disk. */
export function oddNamesIn(folders: RigFolders): string[] {
  const { store, agents, merges, aside, setups, pushes, scratch, old } = folders;
  const rig = path.dirname(store);
  if (!isRealFolder(rig)) return [];
  const known = new Set(
    [store, agents, merges, aside, setups, pushes, scratch, old.repo, old.worktrees].map((one) => path.basename(one)),
  );
  for (const file of FILES) known.add(file).add(`${file}.tmp`);
  return readdirSync(rig).filter((name) => !known.has(name));
}

export function agentFoldersOf(folders: RigFolders, agentId: string): AgentFolders {
  const root = path.join(folders.agents, agentId);
  return {
    root,
    clone: path.join(root, "clone"),
    inbox: path.join(root, "inbox.git"),
    state: path.join(root, "state.json"),
    home: path.join(root, "home"),
    index: path.join(root, "index"),
  };
}

/** Any text as one part of a ref name. Different texts stay different, and none is a folder of another. */
export function refPart(text: string): string {
  const part = encodeURIComponent(Buffer.from(text, "utf8").toString("utf8")).replaceAll(
    /[.!'()*~]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  if (part.length <= REF_PART_MAX_CHARS) return part;
  // A part becomes a file name, of which no file system takes more than 255 bytes.
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 32);
  return `${part.slice(0, REF_PART_MAX_CHARS - 33).replace(/%.?$/, "")}-${digest}`;
}

const PREFIX = "refs/ticktown";
export const REFS = {
  /** The tip of a branch as it was last fetched out of its agent's clone. */
  work: (branch: string): string => `${PREFIX}/work/${refPart(branch)}`,
  /** What a clone borrows: its objects stay as long as it is there. */
  pin: (agentId: string, what: "base" | "head"): string => `${PREFIX}/pins/${refPart(agentId)}/${what}`,
  pins: (agentId: string): string => `${PREFIX}/pins/${refPart(agentId)}`,
  /** Commits that an inspection looks at; `shown`: what a person looked at last. */
  seen: (agentId: string, what: "tip" | "head" | "other" | "shown"): string =>
    `${PREFIX}/seen/${refPart(agentId)}/${what}`,
  leftovers: (key: string): string => `${PREFIX}/leftovers/${refPart(key)}`,
  givenBack: (key: string): string => `${PREFIX}/given-back/${refPart(key)}`,
  handedIn: (beadId: string): string => `${PREFIX}/handed-in/${refPart(beadId)}`,
  /** What it was made in: a text, and no commit. */
  handedInBox: (beadId: string, commit: string): string => `${PREFIX}/handed-in/${refPart(beadId)}/box-${commit}`,
  /** At a remote that has to remember it for a disk that does not last. */
  pushes: (rigId: string): string => `${PREFIX}/pushes/${refPart(rigId)}`,
} as const;

/** A folder, and not a link to one. */
export function isRealFolder(folder: string): boolean {
  return lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Whatever lies there, also a link that leads nowhere. */
export function liesThere(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}

/** One step: before it nothing is there under the new name, after it all of it. */
export function moveTo(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true });
  noteStep({ what: `rename ${from} ${to}`, phase: "begun" });
  rename(from, to);
  noteStep({ what: `rename ${from} ${to}`, phase: "done" });
}

/** A folder that its maker made read-only, as caches of packages are, keeps its mode; whoever is not root could not move it. */
function rename(from: string, to: string): void {
  const { mode } = lstatSync(from);
  const isLocked = isRealFolder(from) && (mode & OWNER_WRITES) === 0;
  if (isLocked) chmodSync(from, mode | OWNER_WRITES);
  renameSync(from, to);
  if (isLocked) chmodSync(to, mode);
}

const OWNER_WRITES = 0o200;

let counter = 0;

/** A name in the rig's scratch folder that nobody has. */
export function scratchName(folders: RigFolders, what: string): string {
  mkdirSync(folders.scratch, { recursive: true });
  return path.join(folders.scratch, `${what}-${process.pid}-${Date.now().toString(36)}-${++counter}`);
}

/** Gone at once under its name; its files may take a moment longer. */
export function discard(folders: RigFolders, file: string): void {
  if (!liesThere(file)) return;
  const doomed = scratchName(folders, "doomed");
  moveTo(file, doomed);
  try {
    rmSync(doomed, { recursive: true, force: true });
  } catch {
    void removeTree(doomed);
  }
}

/** Out of the way, for somebody to look at. @returns where it is now */
export function moveAside(folders: RigFolders, file: string, name: string): string {
  const to = path.join(folders.aside, `${name}-${Date.now().toString(36)}-${++counter}`);
  moveTo(file, to);
  return to;
}

/**
 * A copy of an index with the time of the original: git takes a file that was changed in the second in which the index was
 * written for unchanged unless it knows that time.
 */
export function copyIndex(from: string, to: string): void {
  const { atime, mtime } = statSync(from);
  copyFileSync(from, to);
  utimesSync(to, atime, mtime);
}
