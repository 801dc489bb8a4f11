/** Locks that a git left when it was killed: nobody else removes them, and everything after it would fail at them. */
import { existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { readConfig } from "../../container/config.ts";
import { TICKTOWN_IDENTITY, createGit } from "../../container/git/git.ts";
import { GIT_COPY_TIMEOUT_MS, GIT_LOCK_MARGIN_MS } from "../../container/limits.ts";
import {
  LIKE_ANYBODY,
  createOrigin,
  git,
  spawnControl,
  startBody,
  startControl,
  storeOf,
  tempDir,
  worktreeOf,
} from "./world.ts";

const WORK =
  'echo "$TICKTOWN_BRANCH" >> mine.txt; git add mine.txt; git commit --quiet -m work; git push --quiet origin HEAD 2>&1';

const lock = (file: string, age_ms = 0): string => {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, "");
  const at = new Date(Date.now() - age_ms);
  utimesSync(file, at, at);
  return file;
};

test("F-213 a git that was killed in the middle leaves a lock: the next control server removes those of stores and inboxes, and work goes on", async () => {
  const workDir = tempDir();
  const { url } = createOrigin();
  const first = await spawnControl({ WORK_DIR: workDir }, LIKE_ANYBODY);
  expect((await first.post("/agents/start", startBody(url, WORK, { dispatchId: "a1:1" }))).status).toBe(201);
  await first.ended("a1");
  const store = storeOf(workDir);
  const [branch] = git(store, "for-each-ref", "--format=%(refname)", "refs/ticktown/work").split("\n");
  const inbox = path.join(workDir, "rigs/rig1/agents/a1/inbox.git");
  first.kill("SIGKILL");
  await first.exited;
  const left = [
    `${store}/${branch}.lock`,
    `${store}/refs/heads/main.lock`,
    `${store}/packed-refs.lock`,
    `${store}/HEAD.lock`,
    `${store}/config.lock`,
    `${store}/objects/info/commit-graph.lock`,
    `${inbox}/refs/heads/ticktown/b1.lock`,
  ].map((file) => lock(file));
  const agentsOwn = lock(path.join(worktreeOf(workDir), "notes.lock"));
  const second = await spawnControl({ WORK_DIR: workDir }, LIKE_ANYBODY);
  expect(left.filter((file) => existsSync(file))).toEqual([]);
  expect(existsSync(agentsOwn)).toBe(true);
  const again = await second.post("/agents/start", startBody(url, WORK, { dispatchId: "a1:2" }));
  expect([again.status, again.body.error]).toEqual([201, undefined]);
  await second.ended("a1");
  expect(git(store, "rev-parse", branch as string)).toBe(git(worktreeOf(workDir), "rev-parse", "HEAD"));
});

test("F-213b a lock that its agent's last push left is gone when the agent starts again", async () => {
  const { url } = createOrigin();
  const control = await startControl();
  expect((await control.post("/agents/start", startBody(url, WORK, { dispatchId: "a1:1" }))).status).toBe(201);
  await control.ended("a1");
  const inbox = path.join(control.workDir, "rigs/rig1/agents/a1/inbox.git");
  const [pushed] = git(inbox, "for-each-ref", "--format=%(refname)", "refs/heads").split("\n");
  const left = lock(`${inbox}/${pushed}.lock`);
  expect((await control.post("/agents/start", startBody(url, WORK, { dispatchId: "a1:2" }))).status).toBe(201);
  await control.ended("a1");
  expect(existsSync(left)).toBe(false);
  expect(git(inbox, "rev-parse", pushed as string)).toBe(git(worktreeOf(control.workDir), "rev-parse", "HEAD"));
});

/** A store as one of a rig, whose one git is the test's. */
function store(): { at: string; run: ReturnType<typeof createGit> } {
  const workDir = tempDir();
  const config = readConfig({ PATH: process.env["PATH"], HOME: "/nonexistent", WORK_DIR: workDir, CONTROL_TOKEN: "t" });
  const at = path.join(workDir, "rigs/rig1/store.git");
  git(workDir, "init", "--quiet", "--bare", at);
  const run = createGit(config, TICKTOWN_IDENTITY, (text) => text);
  return { at, run };
}

test("F-213c while the server runs, a lock in a store goes when it is older than any git may run, and not before", async () => {
  const { at, run } = store();
  const blob = (await run(at, ["hash-object", "-w", "--stdin"], { input: "x" })).stdout.trim();
  const keep = () => run(at, ["-c", "core.filesRefLockTimeout=0", "update-ref", "refs/ticktown/left", blob]);
  const OLD_MS = GIT_COPY_TIMEOUT_MS + GIT_LOCK_MARGIN_MS;
  const file = lock(`${at}/refs/ticktown/left.lock`, OLD_MS - 30_000);
  expect(await keep()).toMatchObject({ code: 128, stderr: expect.stringContaining("File exists") });
  expect(existsSync(file)).toBe(true);
  lock(file, OLD_MS + 1_000);
  expect(await keep()).toMatchObject({ code: 0 });
  expect(existsSync(file)).toBe(false);
});

test("F-213d a lock in an agent's clone is the agent's, however old it is", async () => {
  const { at, run } = store();
  const clone = path.join(path.dirname(at), "agents/a1/clone");
  git(path.dirname(at), "init", "--quiet", clone);
  const file = lock(`${clone}/.git/index.lock`, 30 * 24 * 3_600_000);
  writeFileSync(path.join(clone, "f"), "");
  expect(await run(clone, ["add", "f"])).toMatchObject({ code: 128 });
  expect(existsSync(file)).toBe(true);
});
