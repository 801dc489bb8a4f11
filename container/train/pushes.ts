/**
 * What a train is about to push is written down before: a server that dies behind the push and before its report does not lose the
 * receipt, which a later train then tells. Struck out once the rig has answered. Where the disk does not last, a copy is at the remote.
 */
import path from "node:path";
import { Pushed, TrainReport } from "../../src/wire/train.ts";
import { readJsonDir, removeFile, writePrivateJson } from "../files.ts";
import { type Git, isAncestor, lastWords, mustGit, revision } from "../git/git.ts";
import { REFS, type RigFolders, foldersOf } from "../git/layout.ts";
import { emptyTree, pushKept } from "../git/store.ts";
import { messageOf } from "../log.ts";
import { passing, type TrainContext } from "./context.ts";

type Written = TrainReport & { readonly pushed: Pushed };

const numberOf = (trainId: string): number => Number(trainId.slice(trainId.lastIndexOf(":") + 1));
const nameOf = ({ trainId, pushed }: Written): string => `${numberOf(trainId)}-${pushed.to}`;
const fileOf = (folders: RigFolders, written: Written): string => path.join(folders.pushes, `${nameOf(written)}.json`);

function isWritten(report: TrainReport | undefined): report is Written {
  return report !== undefined && report.pushed !== null;
}

/** On disk when this returns, and at the remote where the disk does not last. @throws Stopped: nothing may be pushed then */
export async function writeDown(context: TrainContext, report: Written): Promise<void> {
  const { folders, git, remote } = context;
  try {
    writePrivateJson(fileOf(folders, report), report);
  } catch (error) {
    throw passing("disk_full", `what is to be pushed cannot be written down: ${messageOf(error)}`);
  }
  if (!context.ephemeral) return;
  const known = `${REFS.pushes(context.request.rigId)}/${nameOf(report)}`;
  const commit = await asCommit(context, report);
  await mustGit(git, folders.store, ["update-ref", known, commit]);
  const refused = await pushKept(git, folders.store, commit, known);
  if (refused !== null)
    throw passing("remote_unreachable", `what is to be pushed cannot be kept at ${remote.url}: ${lastWords(refused)}`);
}

/**
 * Those that nobody heard of and that the target has, oldest first. One that can never arrive any more is forgotten: the target is not
 * what it was to be pushed onto. One that still can, by a git that outlived its server, is kept.
 */
export async function untold(context: TrainContext, target: string): Promise<Written[]> {
  const { git, folders } = context;
  if (context.ephemeral) await takeUp(context);
  const arrived: Written[] = [];
  for (const written of inFolder(folders)) {
    const { from, to } = written.pushed;
    const isThere = (await revision(git, folders.store, to)) !== null;
    if (isThere && (await isAncestor(git, folders.store, to, target))) arrived.push(written);
    else if (from !== target) removeFile(fileOf(folders, written));
  }
  return arrived.sort((a, b) => numberOf(a.trainId) - numberOf(b.trainId));
}

/** The rig has answered this report: what it tells of is told. */
export function isTold(workDir: string, body: unknown): void {
  const report = TrainReport.safeParse(body).data;
  if (report === undefined) return;
  const folders = foldersOf(workDir, report.trainId.slice(0, report.trainId.lastIndexOf(":")));
  if (isWritten(report)) removeFile(fileOf(folders, report));
  for (const { trainId, pushed } of report.earlier ?? []) removeFile(fileOf(folders, { ...report, trainId, pushed }));
}

function inFolder(folders: RigFolders): Written[] {
  return readJsonDir(folders.pushes, () => {}).flatMap(({ value }) => {
    const report = TrainReport.safeParse(value).data;
    return isWritten(report) ? [report] : [];
  });
}

/** What only a remote that takes nothing but commits would keep too. */
async function asCommit({ git, folders }: TrainContext, report: Written): Promise<string> {
  const tree = await emptyTree(git, folders.store);
  return mustGit(git, folders.store, ["commit-tree", tree, "-F", "-"], { input: `${JSON.stringify(report)}\n` });
}

/** Takes up what a container wrote down whose disk is gone; gives back what was struck out since. @throws Stopped */
async function takeUp(context: TrainContext): Promise<void> {
  const { git, folders, request, remote } = context;
  const { store } = folders;
  const prefix = REFS.pushes(request.rigId);
  const patterns = [`${prefix}/*`, `${prefix.replace("refs/", "refs/heads/")}/*`];
  const options = { timeout_ms: git.place.fetch_timeout_ms };
  const listing = await git(store, ["ls-remote", "--refs", "origin", ...patterns], options);
  if (listing.code !== 0)
    throw passing("remote_unreachable", `cannot see what was pushed to ${remote.url}: ${lastWords(listing)}`);
  const here = new Set(inFolder(folders).map(nameOf));
  const over: Kept[] = [];
  for (const line of listing.stdout.split("\n")) {
    const [commit = "", ref = ""] = line.split("\t");
    const name = ref.slice(ref.lastIndexOf("/") + 1);
    if (ref === "" || here.has(name)) continue;
    const kept = { ref, known: `${prefix}/${name}` };
    const wasHere = (await revision(git, store, kept.known)) !== null;
    const report = wasHere ? undefined : await fetchKept(context, kept, commit);
    if (report === undefined) over.push(kept);
    else writePrivateJson(fileOf(folders, report), report);
  }
  if (over.length > 0) await giveBack(context, over);
}

interface Kept {
  /** At the remote. */
  readonly ref: string;
  /** In the store: it was taken up, or made, on this disk. */
  readonly known: string;
}

/** @returns undefined for what is none of ours @throws Stopped */
async function fetchKept(
  { git, folders: { store }, request }: TrainContext,
  { ref, known }: Kept,
  commit: string,
): Promise<Written | undefined> {
  const args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", `+${ref}:${known}`];
  const fetched = await git(store, args, { timeout_ms: git.place.fetch_timeout_ms });
  if (fetched.code !== 0)
    throw passing("remote_unreachable", `cannot fetch what was pushed before: ${lastWords(fetched)}`);
  const report = await readKept(git, store, commit);
  return isWritten(report) && report.trainId.startsWith(`${request.rigId}:`) ? report : undefined;
}

async function readKept(git: Git, store: string, commit: string): Promise<TrainReport | undefined> {
  const text = await mustGit(git, store, ["log", "-1", "--format=%B", commit]);
  try {
    return TrainReport.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Here last, so that it is tried again. */
async function giveBack({ git, folders }: TrainContext, kept: readonly Kept[]): Promise<void> {
  const { store } = folders;
  const pushed = await git(store, ["push", "--quiet", "--no-verify", "origin", ...kept.map(({ ref }) => `:${ref}`)], {
    timeout_ms: git.place.push_timeout_ms,
  });
  if (pushed.code !== 0) return;
  await mustGit(git, store, ["update-ref", "--stdin"], {
    input: kept.map(({ known }) => `delete ${known}\n`).join(""),
  });
}
