import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { startTimeOf } from "../../../container/processes/groups.ts";
import { type Child, endLeftovers, startChild } from "../../../scripts/stack/children.ts";
import { agentProcesses, killAgents } from "../../../scripts/stack/control.ts";
import { openState, runningOn, type State } from "../../../scripts/stack/state.ts";

/** Who is ended by the next start on a state folder, shown with real processes and a real copy. */

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

function folder(): string {
  const dir = mkdtempSync(path.join(tmpdir(), "ticktown-leftovers-"));
  undo.push(() => rmSync(dir, { recursive: true, force: true }));
  return path.join(dir, "state");
}

async function sleeper(state: State): Promise<Child> {
  const env = { PATH: process.env["PATH"] };
  const child = await startChild(state, { name: "sleeper", command: "sleep", args: ["600"], cwd: "/", env });
  undo.push(() => child.stop({ grace_ms: 0, ask: "leader" }));
  return child;
}
const isAlive = ({ pid }: Child): boolean => startTimeOf(pid) !== null;

/** As after a SIGKILL: what was recorded stays, and nobody holds the folder. */
function copyOf(state: State): State {
  const dir = `${state.dir}-copy`;
  cpSync(state.dir, dir, { recursive: true, preserveTimestamps: true });
  return openState(dir);
}

test("what an earlier start on this folder left running is ended", async () => {
  const state = openState(folder());
  const child = await sleeper(state);
  await endLeftovers(openState(state.dir));
  expect(isAlive(child)).toBe(false);
});

test("a copy of the folder ends nothing of the one that it was copied from, and forgets it", async () => {
  const state = openState(folder());
  const child = await sleeper(state);
  const copy = copyOf(state);
  await endLeftovers(copy);
  expect(isAlive(child)).toBe(true);
  await endLeftovers(openState(copy.dir));
  expect(isAlive(child)).toBe(true);
});

test("a folder that was renamed is still itself", async () => {
  const state = openState(folder());
  const child = await sleeper(state);
  const moved = `${state.dir}-moved`;
  renameSync(state.dir, moved);
  const reopened = openState(moved);
  await endLeftovers(reopened);
  expect(isAlive(child)).toBe(false);
});

test("a process that merely got the same number is left alone", async () => {
  const state = openState(folder());
  const child = await sleeper(state);
  const record = { pid: child.pid, startTime: startTimeOf(child.pid), folder: state.folder, nonce: "of another start" };
  writeFileSync(path.join(state.run, "sleeper.json"), JSON.stringify(record));
  await endLeftovers(state);
  expect(isAlive(child)).toBe(true);
});

test("a record of a version that wrote no nonce is known by the folder's path in the environment", async () => {
  const state = openState(folder());
  const child = await sleeper(state);
  const copy = copyOf(state);
  const record = JSON.stringify({ pid: child.pid, startTime: startTimeOf(child.pid) });
  for (const { run } of [state, copy]) writeFileSync(path.join(run, "sleeper.json"), record);
  await endLeftovers(copy);
  expect(isAlive(child)).toBe(true);
  await endLeftovers(state);
  expect(isAlive(child)).toBe(false);
});

test("a copy ends no agent of the folder that it was copied from, also where an earlier version recorded it without a mark", () => {
  const state = openState(folder());
  const worktree = path.join(state.container, "rigs", "r1", "worktrees", "a1");
  mkdirSync(worktree, { recursive: true });
  const agent = spawn("sleep", ["600"], { cwd: worktree, detached: true, stdio: "ignore" });
  undo.push(() => agent.kill("SIGKILL"));
  const pid = agent.pid ?? 0;
  const record = { agentId: "a1", rigId: "r1", dispatchId: "a1:1", pid, startTime: startTimeOf(pid), startedAt_ms: 0 };
  mkdirSync(path.join(state.container, "pids"));
  writeFileSync(
    path.join(state.container, "pids", "a1.json"),
    JSON.stringify({ ...record, apiUrl: null, token: null }),
  );
  const copy = copyOf(state);
  killAgents(copy.container);
  expect([agentProcesses(copy.container), agentProcesses(state.container)]).toEqual([[], [{ agentId: "a1", pid }]]);
  expect(startTimeOf(pid)).not.toBe(null);
});

test("a program finds the Ticktown of a folder by its lock, and not by the lock that came with a copy", async () => {
  const state = openState(folder());
  expect(() => runningOn(state.dir)).toThrow("is not up yet");
  writeFileSync(path.join(state.dir, "operator-token"), "secret\n");
  state.announce("http://127.0.0.1:1");
  expect(runningOn(state.dir)).toEqual({ url: "http://127.0.0.1:1", token: "secret" });
  const dir = `${state.dir}-copy`;
  cpSync(state.dir, dir, { recursive: true });
  expect(() => runningOn(dir)).toThrow(`no Ticktown runs on ${dir}`);
  state.unlock();
  expect(() => runningOn(state.dir)).toThrow("no Ticktown runs on");
});
