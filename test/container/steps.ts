/**
 * A process that brings two beads from a start to the target branch, and kills itself and its git at the step that it is
 * told. Run by steps.test.ts: `node steps.ts WORK_DIR URL DIE_AT TRACE CLONE`; DIE_AT 0 never dies.
 */
import { appendFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { execFileSync } from "node:child_process";
import { readConfig } from "../../container/config.ts";
import { TICKTOWN_IDENTITY, createGit } from "../../container/git/git.ts";
import { inspect } from "../../container/git/inspect.ts";
import { agentFoldersOf, foldersOf } from "../../container/git/layout.ts";
import { merge } from "../../container/git/merge.ts";
import { removeLocks } from "../../container/git/locks.ts";
import { parseRemote } from "../../container/git/remotes.ts";
import { prepareWorkspace } from "../../container/git/workspaces.ts";
import { DEFAULT_PLACE } from "../../src/wire/container.ts";
import { onStep } from "../../container/processes/exec.ts";

const [workDir = "", url = "", dieAt = "0", trace = "", clone = "full"] = process.argv.slice(2);

const config = readConfig({
  PATH: process.env["PATH"],
  HOME: "/nonexistent",
  WORK_DIR: workDir,
  CONTROL_TOKEN: "steps",
});
const remote = parseRemote(url, {});
const place = { ...DEFAULT_PLACE, clone };
const git = createGit(config, TICKTOWN_IDENTITY, (text) => text, remote, place);
const folders = foldersOf(workDir, "rig1");
removeLocks(workDir); // As the control server does when it has taken its folder.

const CHANGES =
  /^rename|^mark|^git (-c \S+ )*(fetch|checkout|clean|update-ref|restore|push|commit-tree|add|update-index|write-tree)/;

let steps = 0;
onStep(({ what, phase, pid }) => {
  if (!CHANGES.test(what)) return;
  appendFileSync(trace, `${phase} ${what.replaceAll(workDir, "").slice(0, 100)}\n`);
  if (++steps !== Number(dieAt)) return;
  // Somewhere inside of what git does, not always before it.
  if (pid !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, (steps * 7) % 13);
  if (pid !== undefined) process.kill(-pid, "SIGKILL");
  process.kill(process.pid, "SIGKILL");
});

async function prepare(agentId: string, bead: string): Promise<string> {
  await prepareWorkspace({
    git,
    remote,
    folders,
    agentId,
    beadId: bead,
    dispatchId: `${agentId}:1`,
    branch: `ticktown/${bead}`,
    defaultBranch: "main",
    isLive: () => false,
    withRig: (task) => task(),
    warn: () => {},
    patience_ms: 30_000,
    bringBack: null,
  });
  return agentFoldersOf(folders, agentId).clone;
}

/** What an agent does that adds everything it finds. */
function agent(clone: string, bead: string): void {
  const env = { PATH: process.env["PATH"], GIT_CONFIG_GLOBAL: "/dev/null" };
  const run = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=A", "-c", "user.email=a@a", ...args], { cwd: clone, env, encoding: "utf8" });
  writeFileSync(path.join(clone, `${bead}.txt`), "work\n");
  run("add", "--all");
  if (run("status", "--porcelain") !== "") run("commit", "--quiet", "-m", `work of ${bead}`);
}

async function handIn(agentId: string, bead: string): Promise<void> {
  const branch = `ticktown/${bead}`;
  const request = { rigId: "rig1", townId: "t", beadId: bead, gitUrl: url, branch, targetBranch: "main" };
  const answer = await inspect(
    agentId,
    { ...request, dispatchId: `${agentId}:1`, named: branch, resolution: "work", asIs: null, maxDeletions: 0 },
    { git, folders, remote, ephemeral: false },
  );
  // No commits: it was merged before this process was started again.
  if (answer.result === "refused" && answer.code === "no_commits") return;
  if (answer.result !== "accepted") throw new Error(JSON.stringify(answer));
  const result = await merge({ ...request, entryId: bead, agentId, commit: answer.commit }, { git, remote, folders });
  if (result.status !== "merged") throw new Error(JSON.stringify(result));
}

// One bead leaves something uncommitted; its agent gets the next bead, and another agent takes the first one over.
const first = await prepare("a1", "b1");
writeFileSync(path.join(first, "draft.txt"), "draft\n");
agent(await prepare("a1", "b2"), "b2");
await handIn("a1", "b2");
agent(await prepare("a2", "b1"), "b1");
await handIn("a2", "b1");
