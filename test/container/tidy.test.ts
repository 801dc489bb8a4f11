import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { createGit } from "../../container/git/git.ts";
import { foldersOf } from "../../container/git/layout.ts";
import { maintain } from "../../container/place/maintain.ts";
import { readConfig } from "../../container/config.ts";
import { DEFAULT_PLACE, TidyAnswer } from "../../src/wire/container.ts";
import {
  type Client,
  type Control,
  LIKE_ANYBODY,
  commitFile,
  createOrigin,
  eventually,
  fileExists,
  git,
  hostEnv,
  isRunning,
  spawnControl,
  startBody,
  startControl,
  storeOf,
  tempDir,
  worktreeOf,
} from "./world.ts";

const DAY_MS = 86_400_000;
const WORK = "echo $GASTOWN_AGENT_ID > $GASTOWN_AGENT_ID.txt; git add --all; git commit --quiet -m work";

async function work(control: Control, url: string, n: number, script = WORK): Promise<void> {
  const agentId = `a${n}`;
  const body = startBody(url, script, { agentId, dispatchId: `${agentId}:1`, beadId: `bead${n}` });
  expect((await control.post("/agents/start", body)).status).toBe(201);
  await control.ended(agentId);
}

async function tidy(control: Client, more: Record<string, unknown> = {}): Promise<TidyAnswer> {
  const reply = await control.post("/rigs/rig1/tidy", { agents: [], beads: [], keepDays: 7, ...more });
  expect(reply.status).toBe(200);
  return TidyAnswer.parse(reply.body);
}

const refs = (control: Control): string[] =>
  git(storeOf(control.workDir), "for-each-ref", "--format=%(refname)", "refs/ticktown").split("\n").filter(Boolean);

test("F-205 clone and refs of a bead that has ended go when they were kept for the days of the setting, and not a moment before", async () => {
  let now = 1_000 * DAY_MS;
  const control = await startControl({}, { now: () => now });
  const { url } = createOrigin();
  await work(control, url, 1);
  await work(control, url, 2);
  const agents = ["a1", "a2"];
  const open = { agents, beads: [{ id: "bead2", branch: "work/a2" }] };
  const first = await tidy(control, open);
  expect(first).toMatchObject({ removed: 0, nextAt: new Date(now + 7 * DAY_MS).toISOString() });
  expect(first.disk.rig_bytes).toBeGreaterThan(10_000);
  now += 7 * DAY_MS - 1;
  expect(await tidy(control, open)).toMatchObject({ removed: 0 });
  expect(fileExists(worktreeOf(control.workDir, "a1"))).toBe(true);
  now += 1;
  expect((await tidy(control, open)).removed).toBeGreaterThan(0);
  expect(readdirSync(path.join(control.workDir, "rigs/rig1/agents"))).toEqual(["a2"]);
  expect(refs(control).some((ref) => ref.includes("bead1") || ref.includes("a1"))).toBe(false);
  expect(refs(control).some((ref) => ref.includes("work%2Fa2"))).toBe(true);
  // The bead that goes on is as it was.
  expect(fileExists(path.join(worktreeOf(control.workDir, "a2"), "a2.txt"))).toBe(true);
});

test("F-205 a deleted agent gives its clone back at once; what it had not committed is kept for its bead", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await work(control, url, 1, `${WORK}; echo left > left.txt`);
  await tidy(control, { beads: [{ id: "bead1", branch: "work/a1" }] });
  expect(readdirSync(path.join(control.workDir, "rigs/rig1/agents"))).toEqual([]);
  const next = startBody(url, "cat a1.txt left.txt; git status --porcelain", {
    agentId: "a2",
    dispatchId: "a2:1",
    beadId: "bead1",
    branch: "work/a1",
  });
  await control.post("/agents/start", next);
  await control.ended("a2");
  expect(await control.lines("a2")).toEqual(["a1", "left", "?? left.txt"]);
});

test("F-205 an agent that runs keeps its clone, whatever the rig says", async () => {
  const control = await startControl();
  await control.post("/agents/start", startBody(createOrigin().url, "sleep 60", { dispatchId: "a1:1" }));
  await tidy(control, { keepDays: 0 });
  expect((await control.status("a1")).status).toBe("running");
  expect(fileExists(worktreeOf(control.workDir))).toBe(true);
});

test("F-205 a deleted rig gives all of its disk back, and its agents are ended", async () => {
  const control = await startControl({ STOP_GRACE_MS: "100" });
  await control.post("/agents/start", startBody(createOrigin().url, "echo pid $$; sleep 60", { dispatchId: "a1:1" }));
  const pid = await eventually(
    "the pid is printed",
    async () => Number(/pid (\d+)/.exec((await control.lines("a1")).join())?.[1]) || null,
  );
  const forget = async (id: string): Promise<number> => (await control.post(`/rigs/${id}/forget`, {})).status;
  expect(await forget("..%2F..")).toBe(400);
  expect(await forget("rig1")).toBe(202);
  await eventually("the rig is gone", () => !existsSync(path.join(control.workDir, "rigs/rig1")));
  expect(isRunning(pid)).toBe(false);
  expect(await forget("rig1")).toBe(202);
});

test("a server that was killed while it forgot a rig goes on with it", async () => {
  const control = await startControl();
  const rig = path.join(control.workDir, "rigs/rig9");
  mkdirSync(rig);
  writeFileSync(path.join(rig, "forgotten.json"), "{}");
  mkdirSync(path.join(control.workDir, "doomed/rig8-1"), { recursive: true });
  await control.server.drain();
  await startControl({ WORK_DIR: control.workDir });
  expect(existsSync(rig)).toBe(false);
  expect(existsSync(path.join(control.workDir, "doomed"))).toBe(false);
});

test("egg#1510 with too little free disk nothing is started, which is said as such; at the bound it is", async () => {
  let free = 999;
  const space = (): { free_bytes: number; total_bytes: number } => ({ free_bytes: free, total_bytes: 5_000 });
  const control = await startControl({ MIN_FREE_BYTES: "1000" }, { space });
  const { url } = createOrigin();
  const refused = await control.post("/agents/start", startBody(url, "true", { dispatchId: "a1:1" }));
  expect(refused).toMatchObject({ status: 422, body: { code: "disk_full" } });
  expect((await control.get("/health")).body).toMatchObject({ status: "degraded", disk: { free_bytes: 999 } });
  free = 1000;
  expect((await control.post("/agents/start", startBody(url, "true", { dispatchId: "a1:2" }))).status).toBe(201);
  expect((await control.get("/health")).body.status).toBe("ok");
});

test("maintenance with five borrowers after a forced remote takes nothing from any of them; without one it prunes", async () => {
  const control = await startControl();
  const { url, clone } = createOrigin();
  commitFile(clone, "old.txt", "old\n");
  git(clone, "push", "--quiet", "origin", "main");
  for (let n = 1; n <= 5; n++) await work(control, url, n);
  git(clone, "reset", "--quiet", "--hard", "HEAD~1");
  commitFile(clone, "new.txt", "new\n");
  git(clone, "push", "--quiet", "--force", "origin", "main");
  await work(control, url, 6);
  const store = storeOf(control.workDir);
  // Whatever was a reason to keep the old commits: only the borrowers are left.
  for (const ref of refs(control)) git(store, "update-ref", "-d", ref);
  const config = readConfig({ ...hostEnv(), CONTROL_TOKEN: "x", WORK_DIR: control.workDir });
  const who = { name: "t", email: "t@example.com" };
  const own = createGit(config, who, (text) => text);
  expect(await maintain(own, foldersOf(control.workDir, "rig1"), true)).toBe(true);
  for (let n = 1; n <= 5; n++) {
    const borrower = worktreeOf(control.workDir, `a${n}`);
    expect(git(borrower, "fsck", "--connectivity-only", "--no-dangling")).toBe("");
    expect(git(borrower, "show", "HEAD:old.txt")).toBe("old");
  }
  expect(Number(/packs: (\d+)/.exec(git(store, "count-objects", "-v"))?.[1])).toBeLessThanOrEqual(2);
});

test("F-205c folders that are read-only, as caches of packages are, are moved, given back, and keep no server from starting", async () => {
  const workDir = tempDir();
  const { url } = createOrigin();
  const env = { WORK_DIR: workDir };
  const first = await spawnControl(env, LIKE_ANYBODY);
  const setUp = async (n: number, command: string): Promise<void> => {
    const setup = { command, cache_keys: [], cache_dirs: ["cache"], timeout_ms: 60_000 };
    const body = startBody(url, "ls cache", { dispatchId: `a1:${n}`, place: { ...DEFAULT_PLACE, setup } });
    const started = await first.post("/agents/start", body);
    expect([started.status, started.body.error]).toEqual([201, undefined]);
    await first.ended("a1");
  };
  const fill = (name: string): string =>
    `mkdir -p cache; chmod -R u+w cache; mkdir -p cache/${name}; echo > cache/${name}/f; chmod -R a-w cache`;
  await setUp(1, fill("one"));
  await setUp(2, fill("two"));
  await setUp(3, fill("one"));
  expect(await first.lines("a1")).toEqual(["one", "one", "two", "one"]);
  await tidy(first, { agents: [], keepDays: 0 });
  expect(readdirSync(path.join(workDir, "rigs/rig1/agents"))).toEqual([]);
  expect(readdirSync(path.join(workDir, "rigs/rig1/scratch"))).toEqual([]);
  const left = path.join(workDir, "rigs/rig1/scratch/doomed/cache");
  mkdirSync(left, { recursive: true });
  writeFileSync(path.join(left, "f"), "");
  chmodSync(left, 0o555);
  first.kill("SIGKILL");
  await first.exited;
  expect(await (await spawnControl(env, LIKE_ANYBODY)).get("/health")).toMatchObject({ status: 200 });
  expect(existsSync(left)).toBe(false);
});
