import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { ENV_VALUE_MAX_BYTES } from "../../container/limits.ts";
import type { SetAside } from "../../src/wire/container.ts";
import {
  type Control,
  SOAK,
  createFakeRig,
  createOrigin,
  eventually,
  git,
  mergeBody,
  spawnControl,
  startBody,
  startControl,
  storeOf,
  tempDir,
  worktreeOf,
} from "./world.ts";

async function run(
  control: Control,
  url: string,
  script: string,
  more: Record<string, unknown> = {},
): Promise<SetAside[]> {
  const body = startBody(url, script, { branch: "ticktown/b1", beadId: "b1", ...more });
  const reply = await control.post("/agents/start", body);
  expect(reply, JSON.stringify(reply.body)).toMatchObject({ status: 201 });
  await control.ended(String(body["agentId"]));
  return (reply.body.setAside ?? []) as SetAside[];
}

const status = (clone: string): string[] =>
  git(clone, "status", "--porcelain", "--untracked-files=all")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

/** States in which an agent may leave its clone, on a branch with one commit `mine` of its own. */
const CONFLICT = `
  git checkout -q -b theirs HEAD~1; echo theirs > f; git add f; git commit -qm theirs; git checkout -q ticktown/b1`;
const STATES: Readonly<Record<string, string>> = {
  clean: "true",
  "uncommitted work": "echo more >> f; echo new > new.txt; rm README.md",
  "a conflicting rebase": `${CONFLICT}; git rebase -q theirs`,
  "an edit-stop": "GIT_SEQUENCE_EDITOR='sed -i s/^pick/edit/' git rebase -q -i HEAD~1; echo edited >> f",
  "a conflicting merge": `${CONFLICT}; git merge -q theirs`,
  "a conflicting cherry-pick": `${CONFLICT}; git cherry-pick theirs`,
  "a bisect": "git bisect start -q; git bisect bad; git bisect good HEAD~1",
  "a detached HEAD with a commit": "git checkout -q --detach; echo d > d; git add d; git commit -qm detached",
  "a branch of its own": "git checkout -q -b own; echo o > o; git add o; git commit -qm own",
  "an orphan branch": "git checkout -q --orphan empty",
  "a lock": "touch .git/index.lock .git/HEAD.lock",
  "an empty nested repository": "git init -q nested",
  "a stash": "echo stashed >> f; git stash -q",
  "no git folder": "rm -rf .git",
};
/** The others of them differ less from one another. */
const SAMPLE = ["uncommitted work", "an edit-stop", "a detached HEAD with a commit", "a lock", "no git folder"];
const CHOSEN = Object.entries(STATES).filter(([name]) => SOAK || SAMPLE.includes(name));
const INTERRUPTED = /rebase|edit-stop|merge|cherry|bisect/;

test.each(CHOSEN)("An agent stopped with %s: its bead goes to another agent, which starts", async (name, script) => {
  const control = await startControl();
  const { url } = createOrigin();
  await run(control, url, `echo mine > f; git add f; git commit -qm mine; ${script}; true`);
  const setAside = await run(control, url, "true", { agentId: "a2" });
  const clone = worktreeOf(control.workDir, "a2");
  expect(git(clone, "branch", "--show-current")).toBe("ticktown/b1");
  if (name !== "no git folder") expect(git(clone, "log", "-1", "--format=%s")).toBe("mine");
  expect(existsSync(path.join(clone, ".git", "rebase-merge"))).toBe(false);
  if (name === "uncommitted work") expect(status(clone)).toEqual(["D README.md", "M f", "?? new.txt"]);
  else expect(status(clone)).toEqual([]);
  const told = name === "uncommitted work" || INTERRUPTED.test(name) || /HEAD|own|no git/.test(name);
  if (told && name !== "a bisect") expect(setAside.length, JSON.stringify(setAside)).toBeGreaterThan(0);
  for (const { ref, commit } of setAside)
    if (ref !== null && !setAside.some(({ givenBack }) => givenBack))
      expect(git(storeOf(control.workDir), "rev-parse", ref)).toBe(commit);
  // A stash is in the clone of whoever made it, and in no other.
  expect(git(clone, "stash", "list")).toBe("");
});

test.each(CHOSEN)(
  "An agent stopped with %s: the same bead goes on where it was; then it gets another bead, and starts clean",
  async (name, script) => {
    const control = await startControl();
    const { url } = createOrigin();
    await run(control, url, `echo mine > f; git add f; git commit -qm mine; ${script}; true`);
    const clone = worktreeOf(control.workDir);
    const before = name === "no git folder" || name === "a lock" ? null : git(clone, "status");
    await run(control, url, "git status > /dev/null");
    if (before !== null) expect(git(clone, "status")).toBe(before);
    expect((await control.status("a1")).exitReason).toBe("exit 0");
    await run(control, url, "echo 2 > two; git add two; git commit -qm two", { branch: "ticktown/b2", beadId: "b2" });
    expect(git(clone, "log", "--format=%s")).toBe("two\nwrite README.md");
    expect(status(clone)).toEqual([]);
  },
);

test("F-206 an agent stopped in the middle of a rebase: its bead goes to another agent, the rebase is kept and named", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await run(control, url, `echo mine > f; git add f; git commit -qm mine; ${STATES["an edit-stop"]}; true`);
  const setAside = await run(control, url, "true", { agentId: "a2" });
  const clone = worktreeOf(control.workDir, "a2");
  expect(git(clone, "log", "-1", "--format=%s")).toBe("mine");
  expect(status(clone)).toEqual([]);
  expect(setAside).toMatchObject([{ agentId: "a1", givenBack: false, ref: "refs/ticktown/leftovers/b1/1" }]);
  expect(setAside[0]?.sentence).toContain("the middle of a rebase");
});

test("F-206b what was set aside or given back is told at the end of the next prompt, and nothing is where there was nothing", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  const prompt = 'printf "%s\\n" "$TICKTOWN_PROMPT"';
  const prompts = async (agentId: string): Promise<string> => (await control.lines(agentId)).join("\n");
  await run(control, url, `echo draft > draft.txt; echo more > more.txt; ${prompt}`);
  expect(await prompts("a1")).toBe("do the work");
  await run(control, url, prompt, { agentId: "a2" });
  const told = await prompts("a2");
  expect(told).toMatch(/^do the work\n\nFrom before this dispatch there is work that was never committed:\n- /);
  expect(told).toContain("a1 left 2 uncommitted files on ticktown/b1; kept as refs/ticktown/leftovers/b1/1");
  expect(told).toContain("the 2 files that were left uncommitted before lie in the clone again, uncommitted");
  expect(told).toContain("git status");
  // Another bead comes between: it was set aside then, and is given back now.
  await run(control, url, "true", { agentId: "a2", branch: "ticktown/b2", beadId: "b2" });
  const [back] = await run(control, url, prompt, { agentId: "a3" });
  expect(back).toMatchObject({ givenBack: true, files: 2 });
  expect(await prompts("a3")).toContain(back?.sentence);
});

test("a prompt that a process could not be given any more stays as it is", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await run(control, url, "echo draft > draft.txt");
  const prompt = "x".repeat(ENV_VALUE_MAX_BYTES - "TICKTOWN_PROMPT".length - 2);
  const setAside = await run(control, url, "echo ${#TICKTOWN_PROMPT}", { agentId: "a2", prompt });
  expect(setAside).toHaveLength(1);
  expect(await control.lines("a2")).toEqual([String(prompt.length)]);
});

test("cezar#62 .env and node_modules survive an interruption uncommitted, and neither gets onto main", async () => {
  const rig = await createFakeRig();
  const workDir = tempDir();
  const env = { WORK_DIR: workDir, GASTOWN_API_URL: rig.url, HOME: tempDir() };
  const { url } = createOrigin();
  const first = await spawnControl(env);
  const script =
    "mkdir -p node_modules/x; echo 1 > node_modules/x/i.js; echo SECRET=1 > .env; echo ready; exec sleep 60";
  const bead = { branch: "ticktown/b1", beadId: "b1" };
  await first.post("/agents/start", startBody(url, script, { dispatchId: "a1:1", ...bead }));
  await eventually("it has begun", async () => (await first.lines("a1")).includes("ready"));
  first.kill("SIGTERM");
  await first.exited;
  const second = await startControl(env);
  const finish = "echo work > work.txt; git add work.txt; git commit -qm work";
  await second.post("/agents/start", startBody(url, finish, { dispatchId: "a1:2", ...bead }));
  await second.ended("a1");
  const inspected = await second.post("/agents/a1/inspect", {
    dispatchId: "a1:2",
    rigId: "rig1",
    townId: "town1",
    beadId: "b1",
    gitUrl: url,
    branch: "ticktown/b1",
    named: "ticktown/b1",
    targetBranch: "main",
    resolution: "work",
    asIs: null,
    maxDeletions: 100,
  });
  expect(inspected.body).toMatchObject({ result: "accepted", files: 1 });
  await second.post("/git/merge", mergeBody(url, "ticktown/b1", { commit: inspected.body.commit }));
  expect((await eventually("the result", () => rig.to("/complete").at(-1))).body).toMatchObject({ status: "merged" });
  expect(git(url, "ls-tree", "-r", "--name-only", "main")).toBe("README.md\nwork.txt");
  expect(status(worktreeOf(workDir))).toEqual(["?? .env", "?? node_modules/x/i.js"]);
  // Also with another agent.
  await run(second, url, "true", { agentId: "a2", ...bead });
  expect(status(worktreeOf(workDir, "a2"))).toEqual(["?? .env", "?? node_modules/x/i.js"]);
  expect(readFileSync(path.join(worktreeOf(workDir, "a2"), ".env"), "utf8")).toBe("SECRET=1\n");
});

test("gastown#2536 an empty nested repository does not stop the agent's next bead, which gets a fresh clone", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await run(control, url, "git init -q nested; echo 1 > draft");
  await run(control, url, "true", { branch: "ticktown/b2", beadId: "b2" });
  expect(readdirSync(worktreeOf(control.workDir)).sort()).toEqual([".git", "README.md"]);
  const back = await run(control, url, "true", { agentId: "a2" });
  expect(back).toMatchObject([{ givenBack: true }]);
  expect(status(worktreeOf(control.workDir, "a2"))).toEqual(["?? draft"]);
});

test("A clone that was replaced by a link to a folder of the operator: nothing of it is read, committed or removed", async () => {
  const rig = await createFakeRig();
  const workDir = tempDir();
  const { url } = createOrigin();
  const precious = tempDir();
  writeFileSync(path.join(precious, "private.txt"), "x");
  const control = await spawnControl({ WORK_DIR: workDir, GASTOWN_API_URL: rig.url });
  const swap = `cd ..; mv clone elsewhere; ln -s ${precious} clone; echo swapped; exec sleep 60`;
  await control.post("/agents/start", startBody(url, swap, { dispatchId: "a1:1" }));
  await eventually("it is swapped", async () => (await control.lines("a1")).includes("swapped"));
  control.kill("SIGTERM");
  await control.exited;
  const next = await startControl({ WORK_DIR: workDir });
  await run(next, url, "true", { branch: "work/a1", dispatchId: "a1:2" });
  await run(next, url, "true", { branch: "work/next", dispatchId: "a1:3" });
  expect(readdirSync(precious)).toEqual(["private.txt"]);
  const objects = git(storeOf(workDir), "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)");
  const blobs = objects.split("\n").filter((line) => line.endsWith("blob"));
  expect(blobs.map((line) => git(storeOf(workDir), "cat-file", "blob", line.split(" ")[0] ?? ""))).not.toContain("x");
});

test("a leftover that does not fit onto the branch any more is kept and named, and stops nothing", async () => {
  const control = await startControl();
  const { url, clone } = createOrigin();
  await run(control, url, "echo draft > README.md");
  await run(control, url, "true", { branch: "ticktown/b2", beadId: "b2" });
  writeFileSync(path.join(clone, "README.md"), "other\n");
  git(clone, "commit", "--quiet", "--all", "-m", "other");
  git(clone, "push", "--quiet", "origin", "HEAD:ticktown/b1");
  await run(control, url, "true", { agentId: "a2" });
  expect(status(worktreeOf(control.workDir, "a2"))).toEqual([]);
  const warned = (await control.events("a2")).map(({ data }) => JSON.stringify(data)).join();
  expect(warned).toContain("does not fit onto the branch any more; it is kept as refs/ticktown/leftovers/b1/1");
});

test("a worktree of the version before is taken over: its commits, its uncommitted work, its interrupted rebase", async () => {
  const { url } = createOrigin();
  const workDir = tempDir();
  const rig = path.join(workDir, "rigs", "rig1");
  const repo = path.join(rig, "repo.git");
  mkdirSync(path.join(rig, "worktrees"), { recursive: true });
  git(rig, "init", "--quiet", "--bare", repo);
  git(repo, "config", "remote.origin.url", url);
  git(repo, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*");
  git(repo, "fetch", "--quiet", "origin");
  for (const n of ["1", "2"]) {
    const work = path.join(rig, "worktrees", `a${n}`);
    git(repo, "branch", "--no-track", `ticktown/b${n}`, "origin/main");
    git(repo, "worktree", "add", "--quiet", work, `ticktown/b${n}`);
    writeFileSync(path.join(work, "f"), "mine\n");
    git(work, "add", "f");
    git(work, "commit", "--quiet", "-m", "mine");
  }
  writeFileSync(path.join(rig, "worktrees", "a1", "draft"), "draft\n");
  rmSync(path.join(rig, "worktrees", "a1", "README.md"));
  const second = path.join(rig, "worktrees", "a2");
  git(second, "checkout", "--quiet", "-b", "theirs", "HEAD~1");
  writeFileSync(path.join(second, "f"), "theirs\n");
  git(second, "add", "f");
  git(second, "commit", "--quiet", "-m", "theirs");
  git(second, "checkout", "--quiet", "ticktown/b2");
  expect(() => git(second, "rebase", "--quiet", "theirs")).toThrow();

  const control = await startControl({ WORK_DIR: workDir });
  const setAside = await run(control, url, "true");
  expect(status(worktreeOf(workDir))).toEqual(["D README.md", "?? draft"]);
  expect(git(worktreeOf(workDir), "log", "-1", "--format=%s")).toBe("mine");
  expect(setAside.map(({ agentId, beadId, givenBack }) => [agentId, beadId, givenBack])).toEqual([
    ["a1", "b1", true],
    ["a2", "b2", false],
  ]);
  await run(control, url, "true", { agentId: "a2", branch: "ticktown/b2", beadId: "b2" });
  expect(git(worktreeOf(workDir, "a2"), "log", "-1", "--format=%s")).toBe("mine");
  expect(existsSync(path.join(rig, "worktrees"))).toBe(false);
});

test("what five clones borrow outlives a forced remote and a pruning of the store", async () => {
  const control = await startControl();
  const { url, clone } = createOrigin();
  const ids = ["a1", "a2", "a3", "a4", "a5"];
  for (const agentId of ids)
    await run(control, url, "true", { agentId, branch: `ticktown/${agentId}`, beadId: agentId });
  git(clone, "checkout", "--quiet", "--orphan", "fresh");
  writeFileSync(path.join(clone, "README.md"), "all new\n");
  git(clone, "commit", "--quiet", "--all", "-m", "new history");
  git(clone, "push", "--quiet", "--force", "origin", "HEAD:main");
  await run(control, url, "true", { agentId: "a6", branch: "ticktown/a6", beadId: "a6" });
  git(storeOf(control.workDir), "gc", "--quiet", "--prune=now");
  for (const id of ids) expect(git(worktreeOf(control.workDir, id), "show", "HEAD:README.md")).toBe("hello");
});

test("F-202 a clone whose checkout was cut off is absent for the next start", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await run(control, url, "true");
  const clone = worktreeOf(control.workDir);
  // As a git that took too long leaves it: a part of the files, and no mark.
  rmSync(path.join(clone, "README.md"));
  const state = path.join(path.dirname(clone), "state.json");
  writeFileSync(state, readFileSync(state, "utf8").replace('"ready"', '"making"'));
  await run(control, url, "git add --all; git commit -qm everything --allow-empty");
  expect(git(clone, "ls-tree", "--name-only", "HEAD")).toBe("README.md");
  expect(git(clone, "log", "-1", "--format=%s")).toBe("everything");
});

test("a remote that hangs holds up no start on a store that is there", async () => {
  const ssh = path.join(tempDir(), "ssh");
  const go = path.join(tempDir(), "go");
  writeFileSync(ssh, `#!/bin/sh\ntest -e ${go} || sleep 600\nfor command; do :; done\nexec sh -c "$command"\n`, {
    mode: 0o755,
  });
  writeFileSync(go, "");
  const control = await startControl({ GIT_SSH_COMMAND: ssh, START_FETCH_PATIENCE_MS: "200" });
  const url = `ssh://host${createOrigin().url}`;
  await run(control, url, "true");
  rmSync(go);
  await run(control, url, "true", { agentId: "a2", branch: "ticktown/b2", beadId: "b2" });
  expect(JSON.stringify(await control.events("a2"))).toContain(
    "no answer within 0.2 s; going on with what was fetched before",
  );
});
