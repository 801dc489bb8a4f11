import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { ClearAnswer, Inventory, LISTED_MAX } from "../../src/wire/inventory.ts";
import { INVENTORY_MAX_BYTES } from "../../container/limits.ts";
import { agentMarkOf, MARK, readMark } from "../../container/processes/marks.ts";
import {
  type Control,
  cleanUp,
  createOrigin,
  eventually,
  fileExists,
  git,
  isRunning,
  startBody,
  startControl,
  storeOf,
  worktreeOf,
} from "./world.ts";

const WORK = "echo $GASTOWN_AGENT_ID > $GASTOWN_AGENT_ID.txt; git add --all; git commit --quiet -m work";

async function inventory(control: Control, rig = "rig1"): Promise<Inventory> {
  const reply = await control.get(`/rigs/${rig}/inventory`);
  expect(reply.status).toBe(200);
  return Inventory.parse(reply.body);
}

async function clear(control: Control, what: Record<string, unknown>): Promise<ClearAnswer> {
  const reply = await control.post("/rigs/rig1/clear", { processes: [], clones: [], folders: [], ...what });
  expect([reply.status, reply.body.error]).toEqual([200, undefined]);
  return ClearAnswer.parse(reply.body);
}

const start = async (control: Control, url: string, script: string, n = 1): Promise<void> => {
  const body = startBody(url, script, { agentId: `a${n}`, dispatchId: `a${n}:1`, beadId: `bead${n}` });
  const reply = await control.post("/agents/start", body);
  expect([reply.status, reply.body.error]).toEqual([201, undefined]);
};

const rigOf = (control: Control): string => path.join(control.workDir, "rigs/rig1");

/** What a dispatch left behind: in a session of its own, with the mark of its agent. @returns its pid */
function leftBehind(control: Control, agentId: string): number {
  const mark = `${agentMarkOf(readMark(control.workDir) ?? "", "rig1", agentId)}left`;
  const child = spawn("sleep", ["300"], { env: { ...process.env, [MARK]: mark }, detached: true, stdio: "ignore" });
  cleanUp(() => child.kill("SIGKILL"));
  return child.pid ?? 0;
}

test("RECONCILE-lists a container says which dispatches run, which clones it has and for whom, and what lies there that is no part of a rig", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  expect(await inventory(control)).toEqual({ processes: [], clones: [], folders: [], leftOut: 0 });
  await start(control, url, "sleep 300");
  await start(control, url, WORK, 2);
  await control.ended("a2");
  mkdirSync(path.join(rigOf(control), "odd"));
  mkdirSync(path.join(rigOf(control), "agents/..odd"), { recursive: true });
  const clone = (n: number) => ({
    agentId: `a${n}`,
    parts: ["clone", "inbox"],
    branch: `work/a${n}`,
    beadId: `bead${n}`,
  });
  const all = await inventory(control);
  expect({
    ...all,
    clones: all.clones.map((one) => ({ ...one, parts: one.parts.filter((part) => part !== "home") })),
  }).toEqual({
    processes: [{ agentId: "a1", dispatchId: "a1:1" }],
    clones: [clone(1), clone(2)],
    folders: ["odd", "agents/..odd"],
    leftOut: 0,
  });
  expect(await inventory(control, "rig2")).toMatchObject({ processes: [], clones: [], folders: [] });
  expect((await control.get("/rigs/..%2Frig1/inventory")).status).toBe(400);
});

test("RECONCILE-lists a list is no longer than it may be, in number and in bytes, and says how much is left out", async () => {
  const control = await startControl();
  const agents = path.join(rigOf(control), "agents");
  for (let n = 0; n < LISTED_MAX + 3; n++) mkdirSync(path.join(agents, `a${n}`), { recursive: true });
  const many = await inventory(control);
  expect([many.clones.length, many.leftOut]).toEqual([LISTED_MAX, 3]);
  for (let n = 0; n < LISTED_MAX; n++) mkdirSync(path.join(rigOf(control), `${n}-${"x".repeat(250)}`));
  const large = await inventory(control);
  expect(large.leftOut).toBeGreaterThan(3);
  expect(Buffer.byteLength(JSON.stringify(large))).toBeLessThanOrEqual(INVENTORY_MAX_BYTES + 200);
});

test("RECONCILE-stops a process goes only as exactly the dispatch that was named, and what one left behind only where none runs", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await start(control, url, "sleep 300");
  const nobody = { stopped: 0, removed: 0, left: 1 };
  expect(await clear(control, { processes: [{ agentId: "a1", dispatchId: "a1:2" }] })).toEqual(nobody);
  expect(await clear(control, { processes: [{ agentId: "a1", dispatchId: null }] })).toEqual(nobody);
  expect((await control.status("a1")).status).toBe("running");
  const one = { stopped: 1, removed: 0, left: 0 };
  expect(await clear(control, { processes: [{ agentId: "a1", dispatchId: "a1:1" }] })).toEqual(one);
  await control.ended("a1");
  expect((await control.status("a1")).exitReason).toBe("evicted");
  const pid = leftBehind(control, "a1");
  await eventually("it is seen", async () => (await inventory(control)).processes.length === 1);
  expect((await inventory(control)).processes).toEqual([{ agentId: "a1", dispatchId: null }]);
  expect(await clear(control, { processes: [{ agentId: "a1", dispatchId: null }] })).toEqual(one);
  await eventually("it is gone", () => !isRunning(pid));
  expect((await inventory(control)).processes).toEqual([]);
});

test("RECONCILE-keeps a clone goes only without its agent, and what was in it comes back with the next dispatch of its bead", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await start(control, url, `${WORK}; echo left > left.txt; sleep 300`);
  await eventually("it has worked", () => fileExists(path.join(worktreeOf(control.workDir), "left.txt")));
  expect(await clear(control, { clones: ["a1"] })).toEqual({ stopped: 0, removed: 0, left: 1 });
  expect(fileExists(path.join(worktreeOf(control.workDir), "left.txt"))).toBe(true);
  await control.post("/agents/a1/stop", {});
  await control.ended("a1");
  expect(await clear(control, { clones: ["a1"] })).toEqual({ stopped: 0, removed: 1, left: 0 });
  expect(readdirSync(path.join(rigOf(control), "agents"))).toEqual([]);
  const next = startBody(url, "cat a1.txt left.txt; git status --porcelain", {
    agentId: "a2",
    dispatchId: "a2:1",
    beadId: "bead1",
    branch: "work/a1",
  });
  expect((await control.post("/agents/start", next)).status).toBe(201);
  await control.ended("a2");
  expect(await control.lines("a2")).toEqual(["a1", "left", "?? left.txt"]);
  // It is safe to be told twice.
  expect(await clear(control, { clones: ["a1"] })).toEqual({ stopped: 0, removed: 1, left: 0 });
});

test("RECONCILE-keeps what nobody can say what it is goes out of the way and is kept; a part of the rig's own is left alone, whoever asks", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await start(control, url, WORK);
  await control.ended("a1");
  mkdirSync(path.join(rigOf(control), "odd"));
  writeFileSync(path.join(rigOf(control), "odd/f"), "");
  mkdirSync(path.join(rigOf(control), "agents/a9/clone"), { recursive: true });
  const ours = ["store.git", "aside", "agents", "agents/a1", "../rig1", "..", "."];
  expect(await clear(control, { folders: ["odd", ...ours], clones: ["a9"] })).toEqual({
    stopped: 0,
    removed: 2,
    left: ours.length,
  });
  const aside = readdirSync(path.join(rigOf(control), "aside")).toSorted();
  expect(aside.map((name) => name.split("-")[0])).toEqual(["a9", "odd"]);
  expect(existsSync(path.join(rigOf(control), "aside", aside[1] ?? "", "f"))).toBe(true);
  expect(git(storeOf(control.workDir), "rev-parse", "--verify", "main")).toMatch(/^[0-9a-f]{40}$/);
  expect(readdirSync(path.join(rigOf(control), "agents"))).toEqual(["a1"]);
});
