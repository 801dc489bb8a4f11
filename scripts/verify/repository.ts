/** What `verify` reads of a repository: nothing is fetched, and nothing that the repository's own configuration says changes the answer. */
import { spawn } from "node:child_process";
import { realpathSync, statSync } from "node:fs";
import path from "node:path";
import type { Commit } from "../../src/core/verify.ts";

/** What cannot be read is no answer: the sentence says what to do. */
export class BadInput extends Error {
  override name = "BadInput";
}

/** Of one field: the rest of a longer one is not kept. */
const FIELD_BYTES_MAX = 65_536;
const WORDS_CHARS_MAX = 200;
const COMMITS_MAX = 1_000_000;
const STDERR_BYTES_MAX = 65_536;

export interface Target {
  readonly ref: string;
  readonly tip: string;
  /** The same branch of the other kind (of this clone, of its remote), where it is elsewhere. */
  readonly other: string | null;
}

export interface Repository {
  /** @throws BadInput when there is no such branch */
  readonly target: (branch: string, gitUrl: string, isSaid: boolean) => Promise<Target>;
  /** The first-parent line, the newest first. */
  readonly line: (tip: string) => Promise<Commit[]>;
  /** All that can be reached, children before parents. @param without null: from the very beginning */
  readonly walk: (
    tip: string,
    without: string | null,
    push: (hash: string, parents: string[]) => void,
  ) => Promise<void>;
  /** Commits that have a note of Ticktown's. */
  readonly noted: () => Promise<ReadonlySet<string>>;
}

/** @throws BadInput when the folder is no repository, or has only a part of the history */
export async function openRepository(folder: string): Promise<Repository> {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new BadInput(`${folder} is not a repository: there is no such folder`);
  const root = realpathSync(folder);
  const asked = await git(root, ["rev-parse", "--is-shallow-repository"]);
  if (asked.code !== 0) throw new BadInput(`${folder} is not a repository: ${asked.stderr.trim() || "git says so"}`);
  if (asked.stdout.trim() === "true")
    throw new BadInput(`${folder} has only a part of the history: run \`git fetch --unshallow\` there first`);
  const renamed = await renamedTrailer(root);
  if (renamed !== null)
    throw new BadInput(`in ${folder} git is told to read trailers by other names: unset ${renamed} first`);
  return {
    target: (branch, gitUrl, isSaid) => findTarget(root, folder, branch, gitUrl, isSaid),
    line: (tip) => readLine(root, tip),
    walk: (tip, without, push) => walk(root, tip, without, push),
    noted: async () => {
      const { code, stdout } = await git(root, ["notes", "--ref=refs/notes/ticktown", "list"]);
      const lines = code === 0 ? stdout.split("\n") : [];
      return new Set(lines.map((line) => line.split(" ")[1] ?? "").filter((hash) => hash !== ""));
    },
  };
}

const OURS = ["bead", "handed-in"];

/** A setting by which git reads a trailer of Ticktown's as another one; there is none that would undo it. */
async function renamedTrailer(root: string): Promise<string | null> {
  const { stdout } = await git(root, ["config", "-z", "--get-regexp", "^trailer\\."]);
  const isOurs = (text: string): boolean => OURS.some((own) => text.toLowerCase().startsWith(own));
  const entries = stdout.split("\0").map((entry) => entry.split("\n"));
  const found = entries.find(([name = "", value = ""]) => isOurs(name.slice("trailer.".length)) || isOurs(value));
  return found?.[0] ?? null;
}

async function findTarget(
  root: string,
  folder: string,
  branch: string,
  gitUrl: string,
  isSaid: boolean,
): Promise<Target> {
  const at = async (ref: string): Promise<string | null> => {
    const { code, stdout } = await git(root, ["show-ref", "--verify", "--hash", ref]);
    return code === 0 ? stdout.trim() : null;
  };
  const own = `refs/heads/${branch}`;
  const named = `refs/remotes/${branch}`;
  const remote = isSaid && (await at(named)) !== null ? named : `refs/remotes/origin/${branch}`;
  const [ownTip, remoteTip] = [await at(own), await at(remote)];
  const origin = (await git(root, ["config", "--get", "remote.origin.url"])).stdout.trim();
  // A clone of what the rig works on knows best by what it fetched; of the rig's own repository its branch is the target.
  const isRemoteFirst = remoteTip !== null && (ownTip === null || isSame(origin, gitUrl));
  const [ref, tip, otherRef, otherTip] = isRemoteFirst
    ? [remote, remoteTip, own, ownTip]
    : [own, ownTip, remote, remoteTip];
  if (tip === null) throw new BadInput(`${folder} has no branch ${branch}${isSaid ? "" : ": name one with --branch"}`);
  return {
    ref,
    tip,
    other: otherTip === null || otherTip === tip ? null : `${otherRef} is at ${otherTip.slice(0, 12)}`,
  };
}

const isSame = (a: string, b: string): boolean => a !== "" && plain(a) === plain(b);
const plain = (url: string): string =>
  url
    .replace(/^file:\/\//, "")
    .replace(/\/+$/, "")
    .replace(/\.git$/, "");

const trailer = (key: string): string => `%(trailers:key=${key},valueonly,separator=%x1F)`;
const FORMAT = ["%H", "%P", "%T", "%ct", "%an", "%ae", "%cn", "%ce", trailer("Bead"), trailer("Handed-In"), "%s"];

async function readLine(root: string, tip: string): Promise<Commit[]> {
  const commits: Commit[] = [];
  const reader = recordReader(FORMAT.length, (record) => {
    if (commits.length >= COMMITS_MAX) throw new BadInput(`the line has more than ${COMMITS_MAX} commits`);
    commits.push(commitOf(record));
  });
  const args = ["log", "--first-parent", "--no-show-signature", "--no-notes", "--no-patch", "--encoding=UTF-8", "-z"];
  const { code, stderr } = await git(root, [...args, `--format=${FORMAT.join("%x00")}`, tip, "--"], reader);
  if (code !== 0) throw new BadInput(`git cannot read the history: ${stderr.trim()}`);
  const gap = commits.find(({ parents }, n) => parents[0] !== commits[n + 1]?.hash);
  if (gap !== undefined) throw new BadInput(`git does not follow the first parent of ${gap.hash}`);
  return commits;
}

function commitOf(record: readonly string[]): Commit {
  const [hash = "", parents = "", tree = "", date = "", an = "", ae = "", cn = "", ce = "", beads = "", from = ""] =
    record;
  const list = (text: string, by: string): string[] => text.split(by).filter((one) => one !== "");
  return {
    hash,
    parents: list(parents, " "),
    tree,
    date: Number(date),
    author: { name: words(an), email: words(ae) },
    committer: { name: words(cn), email: words(ce) },
    subject: words(record[10] ?? ""),
    beads: list(beads, "\u001F").map((one) => words(one.trim())),
    handedIn: list(from, "\u001F").map((one) => one.trim()),
  };
}

/** What somebody else wrote, for a terminal: without what would move its cursor, or turn its lines round. */
const words = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}]/gu, " ").slice(0, WORDS_CHARS_MAX);

/** Fields that end with NUL, so many to a record. Each is copied, so that what was read can be let go. */
function recordReader(fields: number, onRecord: (record: string[]) => void): (chunk: Buffer) => void {
  let record: string[] = [];
  let begun: Buffer[] = [];
  let size = 0;
  const keep = (part: Buffer): void => {
    const room = FIELD_BYTES_MAX - size;
    if (room > 0 && part.length > 0) begun.push(Buffer.from(part.subarray(0, room)));
    size += part.length;
  };
  return (chunk) => {
    for (let at = 0; ;) {
      const end = chunk.indexOf(0, at);
      if (end === -1) return keep(chunk.subarray(at));
      keep(chunk.subarray(at, end));
      record.push(Buffer.concat(begun).toString("utf8"));
      [begun, size, at] = [[], 0, end + 1];
      if (record.length < fields) continue;
      onRecord(record);
      record = [];
    }
  };
}

async function walk(
  root: string,
  tip: string,
  without: string | null,
  push: (hash: string, parents: string[]) => void,
): Promise<void> {
  let rest = "";
  const args = ["rev-list", "--topo-order", "--parents", tip, ...(without === null ? [] : [`^${without}`]), "--"];
  const { code, stderr } = await git(root, args, (chunk) => {
    const lines = (rest + chunk.toString("latin1")).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [hash = "", ...parents] = line.split(" ");
      push(hash, parents);
    }
  });
  if (code !== 0) throw new BadInput(`git cannot read the history: ${stderr.trim()}`);
}

/** Overrides that win over the repository's configuration: what is stored beside the objects is not believed. */
const CONFIG = [
  "core.commitGraph=false",
  "trailer.separators=:",
  "core.commentChar=#",
  "core.fsmonitor=false",
  "core.useReplaceRefs=false",
];

/** @param onData what it prints, in place of a result's stdout */
function git(
  root: string,
  args: readonly string[],
  onData?: (chunk: Buffer) => void,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"));
  const env = {
    ...Object.fromEntries(inherited),
    LC_ALL: "C",
    GIT_CEILING_DIRECTORIES: path.dirname(root),
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_GRAFT_FILE: "/dev/null",
    GIT_NO_LAZY_FETCH: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_OPTIONAL_LOCKS: "0",
  };
  const options = [...CONFIG.flatMap((one) => ["-c", one]), "-C", root];
  return new Promise((resolve, reject) => {
    const child = spawn("git", [...options, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    const out: Buffer[] = [];
    let stderr = "";
    let failed: unknown = null;
    child.stdout.on("data", (chunk: Buffer) => {
      if (failed !== null) return;
      try {
        if (onData === undefined) out.push(chunk);
        else onData(chunk);
      } catch (error) {
        failed = error;
        child.kill();
      }
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (stderr.length < STDERR_BYTES_MAX) stderr += chunk.toString("utf8");
    });
    child.on("error", (error) => reject(new BadInput(`git cannot be run: ${error.message}`)));
    child.on("close", (code) => {
      if (failed === null) resolve({ code, stdout: Buffer.concat(out).toString("utf8"), stderr });
      else reject(failed instanceof Error ? failed : new Error(String(failed)));
    });
  });
}
