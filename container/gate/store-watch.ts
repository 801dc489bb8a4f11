/**
 * Without a box a check could write the rig's store. What it may not change is compared before and after; what others change there
 * meanwhile, as a fetch or a hand-in, is told apart from it.
 */
import { existsSync, lstatSync, readFileSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { GIT_REFS_MAX_BYTES } from "../limits.ts";
import { type Git, isAncestor, mustGit } from "../git/git.ts";
import { REFS, type RigFolders } from "../git/layout.ts";
import { refreshStore, remoteTip } from "../git/store.ts";
import type { TrainContext } from "../train/context.ts";

export interface StoreState {
  /** Files that decide what git does there. */
  readonly files: string;
  readonly refs: ReadonlyMap<string, string>;
  /** No full store becomes one: git then takes its history to end somewhere, and fetches nothing more. */
  readonly isShallow: boolean;
  /** What trains have written down of their pushes, by its file: receipts, until the rig has them. */
  readonly pushes: ReadonlyMap<string, string>;
}

const FILES = ["config", "HEAD", "info/grafts", "info/attributes", "objects/info/alternates"];
/** Written all the time by fetches, and for agents that work beside the gate; nothing is merged by these names. */
const BUSY = /^refs\/(tags|ticktown\/(work|pins|seen|leftovers|given-back))\//;

const shallowOf = (store: string): string => path.join(store, "shallow");

export async function stateOf(git: Git, { store, pushes }: RigFolders): Promise<StoreState> {
  const out = await mustGit(git, store, ["for-each-ref", "--format=%(refname) %(objectname)"], {
    stdoutMax_bytes: GIT_REFS_MAX_BYTES,
  });
  const refs = out.split("\n").flatMap((line): [string, string][] => {
    const [name = "", sha = ""] = line.split(" ");
    return name === "" || BUSY.test(name) ? [] : [[name, sha]];
  });
  const read = (name: string): string => {
    const file = path.join(store, name);
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  };
  const hooks = path.join(store, "hooks");
  const files = [...FILES.map(read), ...(existsSync(hooks) ? readdirSync(hooks).sort() : [])];
  const written = existsSync(pushes) ? readdirSync(pushes).map((name) => path.join(pushes, name)) : [];
  return {
    files: JSON.stringify(files),
    refs: new Map(refs),
    isShallow: existsSync(shallowOf(store)),
    pushes: new Map(written.map((file) => [file, lstatSync(file).isFile() ? readFileSync(file, "utf8") : ""])),
  };
}

/** @returns what somebody changed who may not; it is put back as it was, as far as it are refs. null: nothing */
export async function whatWasTouched(context: TrainContext, before: StoreState): Promise<string | null> {
  const { git, folders } = context;
  const { store } = folders;
  const after = await stateOf(git, folders);
  const names = [...new Set([...before.refs.keys(), ...after.refs.keys()])].filter(
    (name) => before.refs.get(name) !== after.refs.get(name),
  );
  const touched: string[] = [];
  for (const name of names)
    if (!name.startsWith("refs/heads/") && !isHandIn(context, before, after, name)) touched.push(name);
  const heads = names.filter((name) => name.startsWith("refs/heads/"));
  if (heads.length > 0) touched.push(...(await foreignHeads(context, heads, after)));
  const back = touched.filter((name) => !name.startsWith("refs/heads/"));
  if (back.length > 0)
    await mustGit(git, store, ["update-ref", "--stdin"], {
      input: back.map((name) => orderFor(name, before.refs.get(name))).join(""),
    });
  // The rig's answer takes one away at any time; none is written while a gate runs.
  const forged = [...after.pushes].filter(([file, text]) => before.pushes.get(file) !== text);
  for (const [file] of forged) rmSync(file, { recursive: true, force: true });
  if (forged.length > 0) touched.push("the receipts that wait for the rig");
  if (before.files !== after.files) touched.push("its configuration");
  if (after.isShallow && !before.isShallow) {
    touched.push("shallow");
    rmSync(shallowOf(store), { recursive: true, force: true });
  }
  return touched.length === 0 ? null : touched.slice(0, 5).join(", ");
}

const orderFor = (name: string, was: string | undefined): string =>
  was === undefined ? `delete ${name}\n` : `update ${name} ${was}\n`;

/** New ones come while agents work, and old ones go; no number is given twice. */
function isHandIn({ request }: TrainContext, before: StoreState, after: StoreState, name: string): boolean {
  if (!name.startsWith("refs/ticktown/handed-in/")) return false;
  if (!before.refs.has(name)) return true;
  const isOfTrain = request.members.some(({ beadId }) => name.startsWith(`${REFS.handedIn(beadId)}/`));
  return !after.refs.has(name) && !isOfTrain;
}

/** Branches are the remote's: whatever one was meanwhile, the remote has it, or had it a moment before. */
async function foreignHeads(
  { git, folders, remote }: TrainContext,
  names: string[],
  after: StoreState,
): Promise<string[]> {
  const { store } = folders;
  // It also sets right what was changed.
  if (!(await refreshStore(git, folders, remote)).ok) return names;
  const foreign: string[] = [];
  for (const name of names) {
    const was = after.refs.get(name);
    const now = await remoteTip(git, store, name.slice("refs/heads/".length));
    const fits =
      was === undefined || now === null ? was === undefined && now === null : await isAncestor(git, store, was, now);
    if (!fits) foreign.push(name);
  }
  return foreign;
}
