import { spawn } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { createCallbacks } from "../../container/reports/callbacks.ts";
import {
  cleanUp,
  createFakeRig,
  createOrigin,
  eventually,
  isRunning,
  spawnControl,
  startBody,
  startControl,
  tempDir,
} from "./world.ts";

const filesIn = (dir: string): string[] => readdirSync(dir).filter((name) => name.endsWith(".json"));

test("a callback is repeated, with growing pauses, until the rig has answered it", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url });
  rig.answer = ({ path }) => ({ status: path.endsWith("/completed") && rig.to("/completed").length < 3 ? 503 : 200 });
  await control.post("/agents/start", startBody(createOrigin().url, "true", { dispatchId: "a1:1" }));
  await eventually("three attempts", () => rig.to("/completed").length === 3);
  const [first, second, third] = rig.to("/completed").map(({ at }) => at) as [number, number, number];
  expect(second - first).toBeGreaterThanOrEqual(240);
  expect(third - second).toBeGreaterThanOrEqual(490);
  await eventually("it is forgotten", () => filesIn(path.join(control.workDir, "callbacks")).length === 0);
  expect(new Set(rig.to("/completed").map(({ body }) => JSON.stringify(body))).size).toBe(1);
});

test.each([401, 403, 404, 409, 410, 422])("the answer %i decides, so the callback is not repeated", async (status) => {
  const rig = await createFakeRig();
  rig.answer = () => ({ status });
  const dir = tempDir();
  const callbacks = createCallbacks({ dir, max_ms: 60_000, log: () => {} });
  callbacks.enqueue({ id: "x", url: `${rig.url}/x`, token: null, body: {} });
  await eventually("it is forgotten", () => callbacks.pending() === 0);
  expect(rig.requests).toHaveLength(1);
  expect(filesIn(dir)).toEqual([]);
});

test("a callback is given up after its time, but never without having been tried", async () => {
  const rig = await createFakeRig();
  rig.answer = () => ({ status: 500 });
  const log: string[] = [];
  const dir = tempDir();
  const callbacks = createCallbacks({ dir, max_ms: 0, log: (message) => log.push(message) });
  callbacks.enqueue({ id: "x", url: `${rig.url}/x`, token: "t", body: {} });
  await eventually("it is given up", () => callbacks.pending() === 0);
  expect(rig.requests).toHaveLength(1);
  expect(log.join()).toContain('callback "x" given up after 1 attempts: HTTP 500');
  expect(filesIn(dir)).toEqual([]);
});

test("the same callback twice is queued once", async () => {
  const callbacks = createCallbacks({ dir: tempDir(), max_ms: 60_000, log: () => {} });
  cleanUp(callbacks.close);
  for (let n = 0; n < 2; n++) callbacks.enqueue({ id: "x", url: "http://127.0.0.1:9/", token: null, body: { n } });
  expect(callbacks.pending()).toBe(1);
});

test("what one server could not deliver the next one delivers", async () => {
  const dir = tempDir();
  const rig = await createFakeRig();
  rig.answer = () => ({ status: 500 });
  const first = createCallbacks({ dir, max_ms: 60_000, log: () => {} });
  first.enqueue({ id: "x", url: `${rig.url}/x`, token: "t1", body: { n: 1 } });
  await eventually("it was tried", () => rig.requests.length === 1);
  first.close();
  rig.answer = () => ({ status: 200 });
  const second = createCallbacks({ dir, max_ms: 60_000, log: () => {} });
  expect(second.resume()).toBe(1);
  await eventually("it is delivered", () => second.pending() === 0);
  expect(rig.requests.at(-1)).toMatchObject({ token: "t1", body: { n: 1 } });
  expect(filesIn(dir)).toEqual([]);
});

test("a control server that is killed leaves nothing running: the next one ends the agents and reports them", async () => {
  const rig = await createFakeRig();
  const workDir = tempDir();
  const env = { WORK_DIR: workDir, GASTOWN_API_URL: rig.url };
  const { url } = createOrigin();
  const first = await spawnControl(env);
  const body = startBody(url, 'trap "" TERM; sleep 60 & echo pid $!; echo pid $$; wait', { dispatchId: "a1:3" });
  await first.post("/agents/start", body);
  const pids = await eventually("both pids", async () => {
    const found = (await first.lines("a1")).map((line) => Number(line.replace("pid ", "")));
    return found.length === 2 ? found : null;
  });
  first.kill("SIGKILL");
  await first.exited;
  expect(pids.map(isRunning)).toEqual([true, true]);

  const second = await spawnControl(env);
  expect(pids.map(isRunning)).toEqual([false, false]);
  const report = await eventually("the report", () => rig.to("/completed")[0]);
  expect(report).toMatchObject({
    token: "session-token-1",
    body: { status: "failed", reason: "container restarted", dispatch_id: "a1:3" },
  });
  // A start of that dispatch that was on its way must not bring it back to life; the next dispatch may.
  expect(await second.post("/agents/start", body)).toMatchObject({
    status: 200,
    body: { status: "failed", exitReason: "container restarted" },
  });
  expect((await second.post("/agents/start", startBody(url, "sleep 60", { dispatchId: "a1:4" }))).status).toBe(201);
});

test("children whose leader died with the control server are ended as well", async () => {
  const env = { WORK_DIR: tempDir(), GASTOWN_API_URL: (await createFakeRig()).url };
  const first = await spawnControl(env);
  await first.post("/agents/start", startBody(createOrigin().url, "echo $$; sleep 60 & echo $!; wait"));
  const [leader, child] = await eventually("both pids", async () => {
    const found = (await first.lines("a1")).map(Number);
    return found.length === 2 ? found : null;
  });
  first.kill("SIGKILL");
  await first.exited;
  process.kill(leader as number, "SIGKILL");
  await eventually("the leader is gone", () => !isRunning(leader as number));
  expect(isRunning(child as number)).toBe(true);
  await spawnControl(env);
  expect(isRunning(child as number)).toBe(false);
});

test("a pid that belongs to somebody else by now is not touched", async () => {
  const workDir = tempDir();
  const rig = await createFakeRig();
  const first = await spawnControl({ WORK_DIR: workDir, GASTOWN_API_URL: rig.url });
  await first.post(
    "/agents/start",
    startBody(createOrigin().url, "echo pid $$; exec sleep 60", { dispatchId: "a1:1" }),
  );
  first.kill("SIGKILL");
  await first.exited;
  const file = path.join(workDir, "pids", "a1.json");
  const record = JSON.parse(readFileSync(file, "utf8")) as { pid: number; startTime: string };
  process.kill(record.pid, "SIGKILL");
  const somebody = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
  cleanUp(() => somebody.kill("SIGKILL"));
  writeFileSync(file, JSON.stringify({ ...record, pid: somebody.pid }));
  await spawnControl({ WORK_DIR: workDir, GASTOWN_API_URL: rig.url });
  await eventually("the dispatch is reported", () => rig.to("/completed").length === 1);
  expect(isRunning(somebody.pid as number)).toBe(true);
});

test("two control servers do not share a folder", async () => {
  const workDir = tempDir();
  await spawnControl({ WORK_DIR: workDir });
  await expect(spawnControl({ WORK_DIR: workDir })).rejects.toThrow("is in use by the control server");
});
