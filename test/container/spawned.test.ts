import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { startTimeOf } from "../../container/processes/groups.ts";
import { LockTaken, takeLock } from "../../container/processes/lock.ts";
import { killAllOf, openMark, readMark } from "../../container/processes/marks.ts";
import { agentProcesses, killAgents } from "../../scripts/stack/control.ts";
import {
  CONTAINER_DIR,
  type Client,
  cleanUp,
  createOrigin,
  eventually,
  isRunning,
  spawnControl,
  startBody,
  startControl,
  tempDir,
} from "./world.ts";

/** An agent with one child in its group and one in a session of its own, each of which prints its pid. */
const FAMILY = `sh -c 'echo pid $$; exec sleep 300' & setsid sh -c 'echo pid $$; exec sleep 300' & echo pid $$`;

async function familyOf(control: Client): Promise<number[]> {
  const pids = await eventually("three pids", async () => {
    const found = (await control.lines("a1")).flatMap((line) => /^pid (\d+)$/.exec(line)?.[1] ?? []).map(Number);
    return found.length === 3 ? found : null;
  });
  cleanUp(() => pids.filter(isRunning).forEach((pid) => process.kill(pid, "SIGKILL")));
  return pids;
}

const gone = (pids: number[]) => eventually("all of them are gone", () => !pids.some(isRunning));

/** What makes a process impossible to write down: its record's name is taken by a folder. */
function neverRecorded(workDir: string): void {
  mkdirSync(path.join(workDir, "pids", "a1.json"), { recursive: true });
}

test("F-603 an agent that was spawned and not yet recorded when the control server was killed is ended by the next one", async () => {
  const workDir = tempDir();
  neverRecorded(workDir);
  const first = await spawnControl({ WORK_DIR: workDir });
  await first.post("/agents/start", startBody(createOrigin().url, `${FAMILY}; sleep 300`));
  const family = await familyOf(first);
  first.kill("SIGKILL");
  await first.exited;
  expect(agentProcesses(workDir)).toEqual([]);
  expect(family.every(isRunning)).toBe(true);
  await startControl({ WORK_DIR: workDir });
  await gone(family);
});

test("F-603b the stack's own sweep, without a control server, finds it too", async () => {
  const workDir = tempDir();
  neverRecorded(workDir);
  const first = await spawnControl({ WORK_DIR: workDir });
  await first.post("/agents/start", startBody(createOrigin().url, `${FAMILY}; sleep 300`));
  const family = await familyOf(first);
  first.kill("SIGKILL");
  await first.exited;
  killAgents(workDir);
  await gone(family);
});

test("hermes-agent#88562 a child in a session of its own ends with its agent", async () => {
  const control = await startControl();
  await control.post("/agents/start", startBody(createOrigin().url, `${FAMILY}; read x; exit 0`));
  const family = await familyOf(control);
  await control.post("/agents/a1/message", { prompt: "done" });
  await control.ended("a1");
  await gone(family);
});

test("hermes-agent#88562b a child in a session of its own is asked to end by a stop, and gets the same grace", async () => {
  const control = await startControl({ STOP_GRACE_MS: "20000" });
  const saves = `setsid sh -c 'trap "sleep 0.2; echo saved; exit 0" TERM; echo pid $$; while :; do sleep 0.05; done' &`;
  await control.post("/agents/start", startBody(createOrigin().url, `${saves} sleep 300`));
  await eventually("it runs", async () => (await control.lines("a1")).some((line) => line.startsWith("pid ")));
  await control.post("/agents/a1/stop", {});
  await control.ended("a1");
  expect(await control.lines("a1")).toContain("saved");
});

test("the copy of a work folder ends none of the original's processes, and has a mark of its own", async () => {
  const workDir = tempDir();
  const original = await spawnControl({ WORK_DIR: workDir });
  await original.post("/agents/start", startBody(createOrigin().url, `${FAMILY}; sleep 300`, { dispatchId: "a1:1" }));
  const family = await familyOf(original);
  const copy = path.join(tempDir(), "copy");
  cpSync(workDir, copy, { recursive: true });
  expect(readdirSync(path.join(copy, "pids"))).toEqual(["a1.json"]);

  killAgents(copy);
  expect(agentProcesses(copy)).toEqual([]);
  const second = await startControl({ WORK_DIR: copy });
  expect(second.log.join("\n")).toContain("is of the folder that this one is a copy of");
  expect(readdirSync(path.join(copy, "pids"))).toEqual([]);
  killAllOf(copy);
  await second.server.drain();
  expect(family.every(isRunning)).toBe(true);
  expect(readMark(copy)).not.toBe(readMark(workDir));

  // And the original's own sweep still finds them.
  killAllOf(workDir);
  await gone(family);
});

test("a record of an earlier version, which has no mark, is ended in its own folder and left alone in a copy", async () => {
  const [workDir, copy] = [tempDir(), tempDir()];
  const worktree = path.join(workDir, "rigs", "r1", "worktrees", "a1");
  mkdirSync(worktree, { recursive: true });
  const child = spawn("sleep", ["300"], { cwd: worktree, detached: true, stdio: "ignore" });
  cleanUp(() => child.kill("SIGKILL"));
  const pid = child.pid as number;
  const record = {
    agentId: "a1",
    rigId: "r1",
    dispatchId: "a1:1",
    pid,
    startTime: startTimeOf(pid),
    startedAt_ms: 1,
    apiUrl: null,
    token: null,
  };
  for (const dir of [workDir, copy]) {
    mkdirSync(path.join(dir, "pids"));
    writeFileSync(path.join(dir, "pids", "a1.json"), JSON.stringify(record));
  }
  await startControl({ WORK_DIR: copy });
  expect(isRunning(pid)).toBe(true);
  await startControl({ WORK_DIR: workDir });
  await gone([pid]);
});

/** Programs that take the lock when all of them are ready for it. @returns what became of each */
async function contenders(count: number, file: string): Promise<string[]> {
  const lock = path.join(CONTAINER_DIR, "processes", "lock.ts");
  const program = `const { takeLock } = await import(${JSON.stringify(lock)});
    process.stdin.once("data", () => {
      try { takeLock(${JSON.stringify(file)}); console.log("won"); } catch (error) { console.log(error.name); }
    });
    console.log("ready");`;
  const said: string[] = [];
  const children = Array.from({ length: count }, (_, n) => {
    said[n] = "";
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    cleanUp(() => child.kill("SIGKILL"));
    child.stdout.on("data", (chunk: Buffer) => (said[n] += chunk.toString()));
    return child;
  });
  const lines = (text: string): string[] => text.trim().split("\n");
  await eventually("all are ready", () => said.every((text) => lines(text)[0] === "ready"), 60_000);
  for (const child of children) child.stdin.write("go\n");
  await eventually("all have answered", () => said.every((text) => lines(text).length === 2), 60_000);
  return said.map((text) => lines(text)[1] ?? "");
}

test("of many servers that start in the same moment one gets the folder, also when a dead one had it", async () => {
  for (const dead of [false, true]) {
    const file = path.join(tempDir(), "control.lock");
    if (dead) writeFileSync(file, JSON.stringify({ pid: 2 ** 22 - 1, startTime: "1" }));
    const said = await contenders(6, file);
    expect(said.toSorted()).toEqual([...Array.from({ length: 5 }, () => "LockTaken"), "won"]);
  }
}, 150_000);

test("a lock whose pid belongs to another process now is free, and one that was copied with its folder too", () => {
  const dir = tempDir();
  const file = path.join(dir, "control.lock");
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  cleanUp(() => child.kill("SIGKILL"));
  const pid = child.pid as number;
  const claim = `${file}.${pid}-00`;
  const write = (more: object) => writeFileSync(claim, JSON.stringify({ pid, startTime: startTimeOf(pid), ...more }));
  write({});
  expect(() => takeLock(file)).toThrow(LockTaken);
  // The same pid, started at another time.
  write({ startTime: "1" });
  takeLock(file)();
  write({ folder: "1 /somewhere/else" });
  takeLock(file)();
  expect(existsSync(claim)).toBe(false);
  // As an earlier version wrote it.
  writeFileSync(file, JSON.stringify({ pid, startTime: startTimeOf(pid) }));
  expect(() => takeLock(file)).toThrow(`is held by the process ${pid}`);
});

test("a folder keeps its mark over a restart", () => {
  const dir = tempDir();
  const mark = openMark(dir);
  expect(openMark(dir)).toBe(mark);
  expect(readFileSync(path.join(dir, "identity.json"), "utf8")).toContain(mark);
});
