/**
 * A process that leaves something in a container whose disk does not last, or takes it up in the next one, and kills itself and its
 * git at the step that it is told. Run by steps.test.ts: `node away-steps.ts leave|take WORK_DIR URL DIE_AT TRACE`; DIE_AT 0 never dies.
 */
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readConfig } from "../../container/config.ts";
import { bringBack, sendAway } from "../../container/git/away.ts";
import { collectBranch } from "../../container/git/collect.ts";
import { TICKTOWN_IDENTITY, createGit } from "../../container/git/git.ts";
import { agentFoldersOf, foldersOf } from "../../container/git/layout.ts";
import { removeLocks } from "../../container/git/locks.ts";
import { parseRemote } from "../../container/git/remotes.ts";
import { prepareWorkspace } from "../../container/git/workspaces.ts";
import { onStep } from "../../container/processes/exec.ts";

const [what = "", workDir = "", url = "", dieAt = "0", trace = ""] = process.argv.slice(2);

const config = readConfig({
  PATH: process.env["PATH"],
  HOME: "/nonexistent",
  WORK_DIR: workDir,
  CONTROL_TOKEN: "steps",
});
const remote = parseRemote(url, {});
const git = createGit(config, TICKTOWN_IDENTITY, (text) => text, remote);
const folders = foldersOf(workDir, "rig1");
removeLocks(workDir); // As the control server does when it has taken its folder.
const place = { git, folders, rigId: "rig1", sealKey: "5e".repeat(32) };
const branch = "ticktown/b1";

let steps = 0;
onStep(({ what: step, phase, pid }) => {
  if (!/^rename|^mark|^git (-c \S+ )*(fetch|checkout|update-ref|restore|push|bundle|hash-object|cat-file)/.test(step))
    return;
  appendFileSync(trace, `${phase} ${step.replaceAll(workDir, "").slice(0, 100)}\n`);
  if (++steps !== Number(dieAt)) return;
  if (pid !== undefined) process.kill(-pid, "SIGKILL");
  process.kill(process.pid, "SIGKILL");
});

async function prepare(agentId: string): Promise<string> {
  await prepareWorkspace({
    git,
    remote,
    folders,
    agentId,
    beadId: "b1",
    dispatchId: `${agentId}:1`,
    branch,
    defaultBranch: "main",
    isLive: () => false,
    withRig: (task) => task(),
    warn: (message) => process.stderr.write(message),
    patience_ms: 30_000,
    bringBack: (key) => bringBack(place, key, branch),
  });
  return agentFoldersOf(folders, agentId).clone;
}

if (what === "leave") {
  const clone = await prepare("a1");
  const env = { PATH: process.env["PATH"], GIT_CONFIG_GLOBAL: "/dev/null" };
  const run = (...args: string[]): unknown =>
    execFileSync("git", ["-c", "user.name=A", "-c", "user.email=a@a", ...args], { cwd: clone, env });
  if (!existsSync(path.join(clone, "mine.txt"))) {
    writeFileSync(path.join(clone, "mine.txt"), "mine\n");
    run("add", "mine.txt");
    run("commit", "--quiet", "-m", "mine");
  }
  writeFileSync(path.join(clone, "draft.txt"), "draft\n");
  await collectBranch(git, folders, "a1", branch);
  const left = await sendAway(place, "a1");
  if (left === null || left.ref === null) throw new Error(JSON.stringify(left));
} else {
  const clone = await prepare("a2");
  process.stdout.write(["mine.txt", "draft.txt"].map((name) => readFileSync(path.join(clone, name), "utf8")).join(""));
}
