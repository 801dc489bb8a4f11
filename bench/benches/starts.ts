/**
 * What a start costs on a store that is there: a clone that borrows, against a worktree as the version before made it, by the
 * git commands of 38640e0 in their order.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { readConfig } from "../../container/config.ts";
import { type Git, TICKTOWN_IDENTITY, createGit, mustGit } from "../../container/git/git.ts";
import { agentFoldersOf, foldersOf } from "../../container/git/layout.ts";
import { type Remote, parseRemote } from "../../container/git/remotes.ts";
import { prepareWorkspace } from "../../container/git/workspaces.ts";
import { bytesIn } from "../../container/place/disk.ts";
import type { Bench } from "../context.ts";
import { median, type Result } from "../report.ts";

const FILES = 2_000;
/** Agents of each kind; each is first as often as second. */
const AGENTS = 6;
/** Noise of a small machine: two runs of the same command differ by as much. */
const TOLERANCE = 1.1;

export const starts: Bench = async ({ quick }): Promise<Result> => {
  const files = Number(process.env["BENCH_FILES"] ?? FILES);
  const dir = mkdtempSync(path.join(tmpdir(), "ticktown-bench-starts-"));
  try {
    const url = makeRemote(dir, files);
    const config = readConfig({ ...process.env, WORK_DIR: path.join(dir, "work"), CONTROL_TOKEN: "bench" });
    const remote = parseRemote(url, {});
    const git = createGit(config, TICKTOWN_IDENTITY, (text) => text, remote);
    mkdirSync(config.workDir, { recursive: true });
    const before = await worktrees(git, path.join(config.workDir, "before"), url);
    const clone = (agentId: string): Promise<string> => cloneOf(git, remote, config.workDir, agentId);
    await clone("warm");
    // Nothing is removed in between: some file systems make files many times slower just after as many were removed.
    const took = { clone: [] as number[], again: [] as number[], worktree: [] as number[] };
    const rounds = quick || files > FILES ? AGENTS : 2 * AGENTS;
    let disk = { clone: 0, worktree: 0 };
    for (let n = 0; n < rounds; n++) {
      const tasks: (readonly ["clone" | "worktree", () => Promise<string>])[] = [
        ["clone", () => clone(`a${n}`)],
        ["worktree", () => before(`a${n}`)],
      ];
      for (const [kind, task] of n % 2 === 0 ? tasks : tasks.toReversed()) {
        const began = performance.now();
        const folder = await task();
        took[kind].push(performance.now() - began);
        disk = { ...disk, [kind]: await bytesIn(folder) };
      }
      const began = performance.now();
      await clone(`a${n}`);
      took.again.push(performance.now() - began);
    }
    return reportOf(files, took, disk);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};

function makeRemote(dir: string, files: number): string {
  const url = path.join(dir, "origin.git");
  const work = path.join(dir, "origin");
  const env = { PATH: process.env["PATH"], HOME: "/nonexistent" };
  const run = (cwd: string, ...args: string[]): unknown =>
    execFileSync("git", ["-c", "user.name=b", "-c", "user.email=b@b", ...args], { cwd, env, stdio: "ignore" });
  run(dir, "init", "--bare", "--initial-branch=main", url);
  run(dir, "clone", url, work);
  for (let n = 0; n < files; n++) {
    const folder = path.join(work, `d${n % 200}`);
    if (n < 200) mkdirSync(folder);
    writeFileSync(path.join(folder, `f${n}.txt`), `${n}\n`.repeat(100));
  }
  run(work, "checkout", "-B", "main");
  run(work, "add", "--all");
  run(work, "commit", "-m", "files");
  run(work, "push", "origin", "main");
  return url;
}

async function cloneOf(git: Git, remote: Remote, workDir: string, agentId: string): Promise<string> {
  const folders = foldersOf(workDir, "rig1");
  await prepareWorkspace({
    git,
    remote,
    folders,
    agentId,
    beadId: agentId,
    dispatchId: `${agentId}:1`,
    branch: `ticktown/${agentId}`,
    defaultBranch: "main",
    isLive: () => false,
    withRig: (task) => task(),
    warn: (message) => {
      throw new Error(message);
    },
    patience_ms: 60_000,
    bringBack: null,
  });
  return agentFoldersOf(folders, agentId).root;
}

/** The way of 38640e0, command by command, on a clone that is there. @returns what makes one worktree */
async function worktrees(git: Git, dir: string, url: string): Promise<(agentId: string) => Promise<string>> {
  const repo = path.join(dir, "repo.git");
  mkdirSync(repo, { recursive: true });
  const must = (...args: string[]): Promise<string> => mustGit(git, repo, args, { timeout_ms: 600_000 });
  const refresh = async (): Promise<void> => {
    await must("config", "--replace-all", "remote.origin.url", url);
    await must("config", "--replace-all", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*");
    await must("fetch", "--quiet", "--prune", "origin");
    await must("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin");
  };
  await must("init", "--quiet", "--bare", ".");
  await refresh();
  return async (agentId) => {
    const here = path.join(dir, "worktrees", agentId);
    const branch = `ticktown/${agentId}`;
    await refresh();
    await must("worktree", "prune");
    await must("worktree", "list", "--porcelain");
    await git(repo, ["rev-parse", "--verify", "--quiet", `refs/heads/${branch}^{commit}`]);
    await git(repo, ["rev-parse", "--verify", "--quiet", `refs/remotes/origin/${branch}^{commit}`]);
    await must("branch", "--no-track", branch, "refs/remotes/origin/main");
    await must("worktree", "add", "--quiet", here, branch);
    return here;
  };
}

const MIB = 1024 * 1024;

function reportOf(
  files: number,
  took: { clone: number[]; again: number[]; worktree: number[] },
  disk: { clone: number; worktree: number },
): Result {
  const ratio = median(took.clone) / median(took.worktree);
  return {
    tables: [
      {
        title: `A start on a warm store, ${files.toLocaleString("en-US")} files (Node, git)`,
        columns: ["what", "median, ms", "disk per agent, MiB"],
        rows: [
          ["a clone that borrows (now)", median(took.clone), disk.clone / MIB],
          ["a worktree (38640e0)", median(took.worktree), disk.worktree / MIB],
          ["the same agent and bead again", median(took.again), ""],
        ],
        notes: ["Fetch, clone or worktree, checkout, and all that is looked at before; in turns. Without a setup."],
      },
    ],
    targets: [
      {
        what: `a start on a warm store against a worktree, ${files.toLocaleString("en-US")} files`,
        wanted: `at most ${TOLERANCE} times`,
        is: `${ratio.toFixed(2)} times`,
        reached: ratio <= TOLERANCE,
      },
    ],
  };
}
