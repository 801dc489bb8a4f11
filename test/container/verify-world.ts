/** What the tests of `verify` share: a repository with what real trains pushed, the journal that a rig has of them, and the command itself. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { command } from "../../scripts/verify/command.ts";
import type { Pushed } from "../../src/wire/train.ts";
import { git, tempDir } from "./world.ts";
import { member, ran, trainBody, world } from "./train-world.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/verify.ts", import.meta.url));

export interface Fact {
  readonly at: number;
  readonly type: string;
  readonly body: Record<string, any>;
  readonly v?: number;
}

export interface History {
  /** A bare repository, this test's own. */
  readonly url: string;
  readonly facts: Fact[];
  /** ms */
  readonly began: number;
  /** What the trains pushed, in their order: two merges, a squash, a rebase of two commits, a revert, and a merge without checks. */
  readonly pushed: readonly Pushed[];
}

let made: Promise<History> | null = null;

/** A copy of what five trains came to, run once. */
export async function history(): Promise<History> {
  made ??= make();
  const { url, facts, ...rest } = await made;
  const copy = path.join(tempDir(), "origin.git");
  cpSync(url, copy, { recursive: true });
  return { ...rest, url: copy, facts: structuredClone(facts) };
}

const GREEN = [{ name: "test", commandDigest: "c", exit: 0, ms: 1, outputDigest: "o" }];

async function make(): Promise<History> {
  const w = await world();
  // git knows whole seconds, and the first commit is not of the rig's time.
  const began = Number(git(w.url, "log", "-1", "--format=%ct", "main")) * 1_000 + 1;
  const pushed: Pushed[] = [];
  const facts: Fact[] = [
    {
      at: began,
      type: "rig.configured",
      v: 2,
      body: {
        rigId: "rig1",
        townId: "t",
        userId: "u",
        name: "one",
        gitUrl: "https://git.example/one.git",
        defaultBranch: "main",
        rules: 2,
      },
    },
  ];
  const go = async (strategy: string, members: Member[], checks: readonly unknown[] = GREEN): Promise<void> => {
    const n = pushed.length + 1;
    const at = began + n * 1_000;
    facts.push(...members.flatMap((one) => handedIn(one, at)), ...departed(n, members, at));
    const report = await ran(w, trainBody(w.url, members, { trainId: `rig1:${n}`, gate: { checks: [], strategy } }));
    if (report.pushed === null) throw new Error(JSON.stringify(report));
    pushed.push(report.pushed);
    facts.push(...reported(n, report.pushed, at, checks));
  };
  const files = (name: string, count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`${name}${n}.txt`, name]));
  await go("merge", [member(w, "a", files("a", 1)), member(w, "b", files("b", 1))]);
  await go("squash", [member(w, "c", files("c", 2))]);
  await go("rebase", [member(w, "d", files("d", 2))]);
  const reverts = pushed[0]?.members[0]?.commit;
  await go("merge", [{ ...member(w, "back", files("back", 1)), reverts }]);
  await go("merge", [member(w, "e", files("e", 1))], []);
  const kept = realpathSync(mkdtempSync(path.join(tmpdir(), "ticktown-verify-")));
  process.once("exit", () => rmSync(kept, { recursive: true, force: true }));
  const url = path.join(kept, "origin.git");
  cpSync(w.url, url, { recursive: true });
  // A clone of today has no other branches, and what the container noted comes some time after.
  for (const branch of ["a", "b", "c", "d", "e", "back"]) git(url, "update-ref", "-d", `refs/heads/${branch}`);
  execFileSync("git", ["update-ref", "-d", "refs/notes/ticktown"], { cwd: url });
  return { url, facts, began, pushed };
}

type Member = ReturnType<typeof member> & { reverts?: string | undefined };

export const handedIn = (
  { beadId, entryId, commit, reverts }: Record<string, any> & { commit: string },
  at: number,
): Fact[] => [
  ...(reverts === undefined
    ? [{ at, type: "hand_in.accepted", body: { agentId: "a1", dispatchId: "a1:1", beadId, commit, base: null } }]
    : []),
  {
    at,
    type: "review.opened",
    body: { reviewId: entryId, beadId, agentId: "a1", ...(reverts === undefined ? { commit } : { reverts }) },
  },
];

export const departed = (train: number, members: readonly Record<string, any>[], at: number): Fact[] => [
  { at, type: "train.departed", body: { train, members: [], gates: [1], again: null } },
  ...members.map(({ entryId }) => ({ at, type: "review.boarded", body: { reviewId: entryId, claim: 1, train } })),
];

export const reported = (train: number, pushed: Pushed, at: number, checks: readonly unknown[] = GREEN): Fact[] => [
  {
    at,
    type: "review.checked",
    body: {
      train,
      from: pushed.from,
      to: pushed.to,
      tree: pushed.tree,
      checks,
      boxed: false,
      members: pushed.members.map(({ entryId, ...one }) => ({ reviewId: entryId, ...one, flaky: false })),
    },
  },
  { at, type: "train.reported", body: { train, target: pushed.from, pushed: pushed.to, stopped: null } },
  ...pushed.members.flatMap(({ entryId: reviewId, beadId, commit }) => merged(reviewId, beadId, commit, at)),
];

export const merged = (reviewId: string, beadId: string, commitSha: string, at: number): Fact[] => [
  { at, type: "review.completed", body: { reviewId, claim: 1, verdict: "merged", commitSha } },
  { at, type: "bead.merged", body: { beadId, reviewId, commitSha } },
];

const ROW = '{"actor":{"kind":"rig","id":"rig","v":1,"value":{},"context":{},"error":null}}';

/** The lines of an export. */
export const linesOf = (facts: readonly Fact[]): string[] => [
  '{"ticktown":"journal","schema":1,"rig":"one"}',
  ...facts.map(({ at, type, body, v = 1 }, n) =>
    JSON.stringify({ seq: n + 1, at, type, v, cause: null, batch: n + 1, body, effects: [], missing: null }),
  ),
  ROW,
];

export function journal(lines: readonly string[]): string {
  const file = path.join(tempDir(), "journal.ndjson");
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}

export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
  readonly last: string;
}

export async function run(args: readonly string[]): Promise<Said> {
  const out: string[] = [];
  const error: string[] = [];
  const print = (line: string): void => void out.push(line);
  const code = await command(args, print, (line) => void error.push(line));
  return { code, out: out.join("\n"), error: error.join("\n"), last: out.at(-1) ?? "" };
}

/** The command as a process, with an environment of its own. */
export function spawned(args: readonly string[], env: Record<string, string> = {}): Said {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", ...env },
  });
  return { code: status, out: stdout, error: stderr, last: stdout.trimEnd().split("\n").at(-1) ?? "" };
}

export const verify = (repo: string, facts: readonly Fact[], ...more: string[]): Promise<Said> =>
  run([repo, journal(linesOf(facts)), ...more]);

/** What it says of a history that nobody has touched. */
export const ALL = "7 commits, 7 covered by receipts, 1 of them unchecked";

/** The body of the n-th receipt. */
export const receipt = (facts: readonly Fact[], n: number): Record<string, any> =>
  facts.filter(({ type }) => type === "review.checked")[n]?.body ?? {};

/** The rows of one answer. */
export const rows = ({ out }: Said, answer: string): string[] =>
  out.split("\n").filter((line) => line.startsWith(answer.padEnd(16)));

export interface Made {
  readonly message?: string;
  readonly name?: string;
  readonly email?: string;
  /** s */
  readonly date?: number;
  /** After the first parent, which is main. */
  readonly parents?: readonly string[];
  readonly tree?: string;
}

/** Somebody commits to main. */
export function onTop(
  url: string,
  { message = "Something else", name = "Jo", email = "jo@x.example", ...of }: Made = {},
) {
  const { date = Math.floor(Date.now() / 1_000), parents = [], tree = "main^{tree}" } = of;
  const parent = ["main", ...parents].flatMap((one) => ["-p", one]);
  const hash = execFileSync("git", ["commit-tree", git(url, "rev-parse", tree), ...parent, "-F", "-"], {
    cwd: url,
    input: `${message}\n`,
    encoding: "utf8",
    env: {
      PATH: process.env["PATH"] ?? "",
      GIT_AUTHOR_NAME: name,
      GIT_AUTHOR_EMAIL: email,
      GIT_AUTHOR_DATE: `${date} +0000`,
      GIT_COMMITTER_NAME: name,
      GIT_COMMITTER_EMAIL: email,
      GIT_COMMITTER_DATE: `${date} +0000`,
    },
  }).trim();
  git(url, "update-ref", "refs/heads/main", hash);
  return hash;
}

/** A commit of an agent, on no branch, on top of something. */
export function work(url: string, on = "main"): string {
  return git(
    url,
    "commit-tree",
    git(url, "rev-parse", `${on}^{tree}`),
    "-p",
    on,
    "-m",
    `work on ${on} ${Math.random()}`,
  );
}
