import { spawn } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { createApis } from "../../container/reports/apis.ts";
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

test("RENEW-newer of two callbacks of one id the newer one is delivered, also after a restart and while the older one is on its way", async () => {
  const rig = await createFakeRig();
  rig.answer = () => ({ status: 503 });
  const dir = tempDir();
  const first = createCallbacks({ dir, max_ms: 60_000, log: () => {} });
  const say = (n: number): void => first.enqueue({ id: "x", url: `${rig.url}/x`, token: `t${n}`, body: { n } });
  say(1);
  await eventually("the first was tried", () => rig.requests.length >= 1);
  say(2);
  await eventually("the second is tried", () => rig.requests.at(-1)?.token === "t2");
  first.close();
  const tried = rig.requests.length;
  rig.answer = () => ({ status: 200 });
  const second = createCallbacks({ dir, max_ms: 60_000, log: () => {} });
  cleanUp(second.close);
  expect(second.resume()).toBe(1);
  await eventually("it is delivered", () => second.pending() === 0);
  expect(rig.requests.slice(tried).map(({ body }) => body)).toEqual([{ n: 2 }]);
  // The older one is answered while the newer one comes.
  let isSecond = false;
  rig.answer = ({ body }) => {
    if ((body as { n: number }).n === 3 && !isSecond) {
      isSecond = true;
      second.enqueue({ id: "y", url: `${rig.url}/y`, token: null, body: { n: 4 } });
    }
    return { status: 200 };
  };
  second.enqueue({ id: "y", url: `${rig.url}/y`, token: null, body: { n: 3 } });
  await eventually("both were heard", () => second.pending() === 0);
  expect(rig.to("/y").map(({ body }) => body)).toEqual([{ n: 3 }, { n: 4 }]);
});

/** Where nobody listens. */
const NOWHERE = "http://127.0.0.1:9";

test("RENEW-moved what was saved for an API that has moved since is delivered where it is now", async () => {
  const dir = tempDir();
  const rig = await createFakeRig();
  const other = await createFakeRig();
  other.answer = () => ({ status: 503 });
  const first = createCallbacks({ dir, max_ms: 60_000, log: () => {} });
  const place = "/api/rigs/rig1/agents/a1/completed";
  first.enqueue({ id: "nobody is there any more", url: `${NOWHERE}${place}`, token: "t1", body: { n: 1 } });
  first.enqueue({ id: "somebody else is", url: `${other.url}${place}`, token: "t1", body: { n: 2 } });
  await eventually("it was tried", () => other.requests.length > 0);
  first.close();
  other.answer = () => ({ status: 404 });
  // As a control server that is started with another GASTOWN_API_URL.
  const log: string[] = [];
  const apis = createApis(`${rig.url}/`);
  const second = createCallbacks({ dir, max_ms: 60_000, log: (message) => log.push(message), apis });
  cleanUp(second.close);
  expect(second.resume()).toBe(2);
  await eventually("both are delivered", () => second.pending() === 0);
  expect(
    rig
      .to(place)
      .map(({ body, token }) => [body, token])
      .toSorted(),
  ).toEqual([
    [{ n: 1 }, "t1"],
    [{ n: 2 }, "t1"],
  ]);
  expect(log).toEqual([]);
});

test("RENEW-moved who does not answer where it was is not taken as refused by another, and an address that was named goes nowhere else", async () => {
  const rig = await createFakeRig();
  rig.answer = () => ({ status: 404 });
  const callbacks = createCallbacks({ dir: tempDir(), max_ms: 60_000, log: () => {}, apis: createApis(rig.url) });
  cleanUp(callbacks.close);
  const url = `${NOWHERE}/api/rigs/rig1/review-queue/e1/complete`;
  callbacks.enqueue({ id: "x", url, token: null, body: {} });
  await eventually("the other was asked", () => rig.requests.length >= 2);
  expect(callbacks.pending()).toBe(1);
  const named = createCallbacks({ dir: tempDir(), max_ms: 0, log: () => {}, apis: createApis(rig.url) });
  const before = rig.to("/e2/complete").length;
  named.enqueue({ id: "x", url: url.replace("e1", "e2"), fixed: true, token: null, body: {} });
  await eventually("it is given up", () => named.pending() === 0);
  expect(rig.to("/e2/complete").length).toBe(before);
});

test("RENEW-moved with the next order of a rig whose API has moved, what waits for it and what its agents say goes there", async () => {
  const before = await createFakeRig();
  const now = await createFakeRig();
  before.answer = () => ({ status: 503 });
  const control = await startControl({ HEARTBEAT_MS: "50" });
  const { url } = createOrigin();
  const start = async (agentId: string, script: string, apiUrl: string): Promise<number> => {
    const envVars = { GASTOWN_API_URL: apiUrl };
    const body = startBody(url, script, { agentId, dispatchId: `${agentId}:1`, envVars });
    return (await control.post("/agents/start", body)).status;
  };
  expect(await start("a1", "true", before.url)).toBe(201);
  expect(await start("a2", "sleep 60", before.url)).toBe(201);
  await eventually("its end is told in vain", () => before.to("/a1/completed").length > 0);
  expect(await start("a3", "sleep 60", now.url)).toBe(201);
  await eventually("its end is heard", () => now.to("/a1/completed").length === 1);
  await eventually("who runs is heard", () => now.to("/a2/heartbeat").length > 0);
  const told = before.to("/a2/heartbeat").length;
  await eventually("and is heard again", () => now.to("/a2/heartbeat").length > 3);
  expect(before.to("/a2/heartbeat").length).toBeLessThanOrEqual(told + 1);
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
    body: { status: "failed", reason: "container restarted", dispatch_id: "a1:3", unheard: true },
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
