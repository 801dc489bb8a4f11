import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import {
  tempDir,
  createFakeRig,
  createOrigin,
  eventually,
  git,
  isRunning,
  startBody,
  startControl,
  worktreeOf,
} from "./world.ts";

const SLEEP = "echo ready; sleep 60";

async function pidsIn(lines: () => Promise<string[]>, count: number): Promise<number[]> {
  return eventually(`${count} pids are printed`, async () => {
    const pids = (await lines()).flatMap((line) => /^pid (\d+)$/.exec(line)?.[1] ?? []).map(Number);
    return pids.length >= count ? pids : null;
  });
}

test("what an agent prints is kept as events with ascending ids, JSON lines under their own type", async () => {
  const control = await startControl();
  const script = `echo plain; echo oops >&2; echo '{"type":"tool","name":"grep"}'; echo '{"no":"type"}'; printf 'no newline'`;
  await control.post("/agents/start", startBody(createOrigin().url, script));
  await control.ended("a1");
  const events = await control.events("a1");
  expect(events.map(({ id }) => id)).toEqual(events.map((_, n) => n + 1));
  expect(events.filter(({ type }) => type === "tool")).toMatchObject([
    { data: { name: "grep" }, at: expect.stringMatching(/Z$/) },
  ]);
  expect(events.filter(({ type }) => type === "output").map(({ data }) => data)).toEqual(
    expect.arrayContaining([
      { stream: "stdout", line: "plain" },
      { stream: "stderr", line: "oops" },
      { stream: "stdout", line: '{"no":"type"}' },
      { stream: "stdout", line: "no newline" },
    ]),
  );
  const second = events[1]?.id ?? 0;
  expect((await control.get(`/agents/a1/events?after=${second}`)).body.events).toEqual(events.slice(2));
  expect((await control.get("/agents/a1/events?after=-1")).status).toBe(400);
});

test("of a flood the last 2,000 events are kept, and a long line is cut and marked", async () => {
  const control = await startControl();
  const script = `seq 1 3000; head -c 20000 /dev/zero | tr '\\0' x; echo`;
  await control.post("/agents/start", startBody(createOrigin().url, script));
  await control.ended("a1");
  const events = await control.events("a1");
  expect(events).toHaveLength(2000);
  expect(events.at(-1)?.id).toBeGreaterThan(3000);
  const long = events.find(({ data }) => (data as { truncated?: boolean }).truncated);
  expect(long?.data).toMatchObject({ stream: "stdout", line: expect.stringMatching(/^x{8192}$/) });
});

test("a message reaches the agent's stdin as one line of JSON and is counted", async () => {
  const control = await startControl();
  await control.post(
    "/agents/start",
    startBody(createOrigin().url, `IFS= read -r line; printf 'got %s\\n' "$line"; sleep 60`),
  );
  expect((await control.post("/agents/a1/message", { prompt: "GUPP_CHECK\nare you there?" })).body).toEqual({
    sent: true,
  });
  await eventually("the message is printed", async () =>
    (await control.lines("a1")).includes('got {"type":"message","prompt":"GUPP_CHECK\\nare you there?"}'),
  );
  expect(await control.status("a1")).toMatchObject({ messageCount: 1 });
});

test("a message to an agent that is unknown or over is answered with 404", async () => {
  const control = await startControl();
  expect((await control.post("/agents/nobody/message", { prompt: "hi" })).status).toBe(404);
  await control.post("/agents/start", startBody(createOrigin().url, "true"));
  await control.ended("a1");
  expect((await control.post("/agents/a1/message", { prompt: "hi" })).status).toBe(404);
});

test("an agent that never reads its stdin is not given messages without bound", async () => {
  const control = await startControl();
  await control.post("/agents/start", startBody(createOrigin().url, SLEEP));
  const prompt = "x".repeat(200 * 1024);
  const statuses: number[] = [];
  for (let n = 0; n < 8; n++) statuses.push((await control.post("/agents/a1/message", { prompt })).status);
  expect(statuses[0]).toBe(200);
  expect(statuses.at(-1)).toBe(429);
});

test("tool_start and tool_end keep the list of active tools, and an exit empties it", async () => {
  const control = await startControl();
  const script = `echo '{"type":"tool_start","name":"bash"}'; echo '{"type":"tool_start","name":"grep"}'; echo '{"type":"tool_end","name":"bash"}'; read x`;
  await control.post("/agents/start", startBody(createOrigin().url, script));
  await eventually(
    "grep is the one that is active",
    async () => (await control.status("a1")).activeTools.join() === "grep",
  );
  await control.post("/agents/a1/message", { prompt: "go on" });
  expect(await control.ended("a1")).toMatchObject({ activeTools: [], exitReason: "exit 0", status: "exited" });
});

test("a running agent's heartbeats reach the rig at once and then at every interval, and end with it", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url, HEARTBEAT_MS: "50" });
  await control.post("/agents/start", startBody(createOrigin().url, SLEEP, { dispatchId: "a1:4" }));
  await eventually("three heartbeats", () => rig.to("/heartbeat").length >= 3);
  expect(rig.to("/heartbeat")[1]).toMatchObject({
    path: "/api/rigs/rig1/agents/a1/heartbeat",
    token: "session-token-1",
    body: {
      dispatch_id: "a1:4",
      status: "running",
      last_activity_at: expect.stringMatching(/Z$/),
      active_tools: [],
      message_count: 0,
    },
  });
  await control.post("/agents/a1/stop", {});
  await control.ended("a1");
  const count = rig.to("/heartbeat").length;
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(rig.to("/heartbeat").length).toBeLessThanOrEqual(count + 1);
});

test("a heartbeat, and the status, name the newest commit that is the agent's own: none before there is one", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url, HEARTBEAT_MS: "50" });
  const go = path.join(tempDir(), "go");
  const commit = "echo 1 > mine.txt; git add mine.txt; git commit --quiet -m mine; git rev-parse HEAD";
  const script = `while ! test -e '${go}'; do sleep 0.05; done; ${commit}; ${SLEEP}`;
  await control.post("/agents/start", startBody(createOrigin().url, script, { dispatchId: "a1:4" }));
  await eventually("a heartbeat", () => rig.to("/heartbeat").length >= 2);
  expect(rig.to("/heartbeat").filter(({ body }) => "head" in body)).toEqual([]);
  writeFileSync(go, "");
  const head = await eventually("the commit", async () => (await control.lines("a1")).at(0));
  await eventually("it is told", () => rig.to("/heartbeat").at(-1)?.body["head"] === head);
  expect((await control.get("/agents/a1/status")).body).toMatchObject({ head });
  await control.post("/agents/a1/stop", {});
  await control.ended("a1");
  expect((await control.get("/agents/a1/status")).body["head"]).toBeUndefined();
});

test("heartbeats that fail do no harm and are counted", async () => {
  const control = await startControl({
    GASTOWN_API_URL: "http://127.0.0.1:9",
    HEARTBEAT_MS: "30",
    CALLBACK_MAX_MS: "0",
  });
  await control.post("/agents/start", startBody(createOrigin().url, "sleep 0.2"));
  expect((await control.ended("a1")).status).toBe("exited");
  const exited = (await control.events("a1")).find(({ type }) => type === "agent_exited");
  expect(exited?.data).toMatchObject({ code: 0, failed_heartbeats: expect.any(Number) });
  expect((await control.events("a1")).filter(({ type }) => type === "heartbeat_failed")).toHaveLength(1);
});

test.each([
  ["exit 0", "true", { status: "completed", reason: "exit 0" }],
  ["another exit code", "exit 3", { status: "failed", reason: "exit 3" }],
  ["a signal", "kill -KILL $$", { status: "failed", reason: "signal SIGKILL" }],
  ["a command that does not exist", "no-such-agent", { status: "failed", reason: "exit 127" }],
  [
    "a reason that the agent states",
    `echo '{"type":"exit_reason","reason":"rate_limited","reset_at":"2030-01-01T00:00:00Z"}'; exit 1`,
    { status: "failed", reason: "rate_limited until 2030-01-01T00:00:00.000Z", reset_at: "2030-01-01T00:00:00.000Z" },
  ],
])("an exit with %s is reported once, with the reason and the dispatch", async (_, script, expected) => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url });
  await control.post("/agents/start", startBody(createOrigin().url, script, { dispatchId: "a1:2" }));
  const report = await eventually("the report", () => rig.to("/completed")[0]);
  expect(report).toMatchObject({ path: "/api/rigs/rig1/agents/a1/completed", token: "session-token-1" });
  expect(report.body).toEqual({ ...expected, dispatch_id: "a1:2", tail: expect.any(String) });
  expect(await control.status("a1")).toMatchObject({ exitReason: expected.reason });
  expect(rig.to("/completed")).toHaveLength(1);
});

test("GASTOWN_API_URL of the request wins over the container's own", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: "http://127.0.0.1:9" });
  await control.post(
    "/agents/start",
    startBody(createOrigin().url, "true", { envVars: { GASTOWN_API_URL: `${rig.url}/` } }),
  );
  await eventually("the report", () => rig.to("/completed").length === 1);
});

test("a stop ends an agent that obeys SIGTERM, answers at once and may be repeated", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url, STOP_GRACE_MS: "5000" });
  await control.post(
    "/agents/start",
    startBody(createOrigin().url, 'trap "exit 143" TERM; echo ready; while :; do sleep 0.05; done'),
  );
  await eventually("it is ready", async () => (await control.lines("a1")).includes("ready"));
  expect((await control.post("/agents/a1/stop")).body).toEqual({ stopped: true });
  expect(await control.ended("a1")).toMatchObject({ status: "failed", exitReason: "stopped" });
  expect((await control.post("/agents/a1/stop", {})).body).toEqual({ stopped: true });
  expect((await control.post("/agents/nobody/stop", {})).status).toBe(404);
  expect((await eventually("the report", () => rig.to("/completed")[0])).body).toEqual({
    status: "failed",
    reason: "stopped",
    tail: expect.stringMatching(/^ready/),
  });
});

test("a process whose work is done ends by itself within its time, and is asked to end after it; a newer dispatch does not wait for that", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  const start = async (agentId: string, script: string, n = 1): Promise<void> =>
    void (await control.post("/agents/start", startBody(url, script, { agentId, dispatchId: `${agentId}:${n}` })));
  await start("a1", "echo up; sleep 1; echo said goodbye");
  await start("a2", "echo up; exec sleep 60");
  for (const id of ["a1", "a2"]) await eventually("it is up", async () => (await control.lines(id)).includes("up"));
  for (const id of ["a1", "a2"])
    expect((await control.post(`/agents/${id}/stop`, { lingerMs: id === "a1" ? 20_000 : 3_000 })).body).toEqual({
      stopped: true,
    });
  expect((await control.status("a2")).status).toBe("running");
  expect(await control.ended("a1")).toMatchObject({ status: "exited", exitReason: "exit 0" });
  expect(await control.lines("a1")).toEqual(["up", "said goodbye"]);
  expect((await control.ended("a2")).exitReason).toBe("stopped");
  await start("a3", "exec sleep 60");
  await control.post("/agents/a3/stop", { lingerMs: 60_000 });
  await start("a3", "echo second", 2);
  await control.ended("a3");
  expect(await control.lines("a3")).toContain("second");
});

test("a stop kills an agent that ignores SIGTERM, and its grandchildren, after the grace", async () => {
  const control = await startControl({ STOP_GRACE_MS: "300" });
  const script = `trap "" TERM; sh -c 'trap "" TERM; echo pid $$; sleep 60 & echo pid $!; wait' & echo pid $$; wait; sleep 60`;
  await control.post("/agents/start", startBody(createOrigin().url, script));
  const pids = await pidsIn(() => control.lines("a1"), 3);
  const before = Date.now();
  await control.post("/agents/a1/stop", {});
  expect(await control.status("a1")).toMatchObject({ status: "stopping" });
  await control.ended("a1");
  expect(Date.now() - before).toBeGreaterThanOrEqual(290);
  expect(pids.filter(isRunning)).toEqual([]);
});

test("an agent below a shell that died of SIGTERM still gets its grace to save its work", async () => {
  const control = await startControl({ STOP_GRACE_MS: "5000" });
  const script = `sh -c 'trap "sleep 0.3; echo saved; exit 0" TERM; echo ready; while :; do sleep 0.05; done' & wait`;
  await control.post("/agents/start", startBody(createOrigin().url, script));
  await eventually("it is ready", async () => (await control.lines("a1")).includes("ready"));
  await control.post("/agents/a1/stop", {});
  await control.ended("a1");
  expect(await control.lines("a1")).toContain("saved");
});

test("what an agent starts to save its work, once it was asked to stop, is not asked itself", async () => {
  const control = await startControl({ STOP_GRACE_MS: "60000" });
  const save =
    "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 0.02 || echo cut; done; echo saved; exit 0";
  const script = `trap "${save}" TERM; echo ready; while :; do sleep 0.05; done`;
  await control.post("/agents/start", startBody(createOrigin().url, script));
  await eventually("it is ready", async () => (await control.lines("a1")).includes("ready"));
  await control.post("/agents/a1/stop", {});
  await control.ended("a1");
  const lines = await control.lines("a1");
  expect(lines).toContain("saved");
  expect(lines).not.toContain("cut");
});

test("nothing of the group outlives an agent that exits by itself", async () => {
  const control = await startControl();
  await control.post("/agents/start", startBody(createOrigin().url, "sleep 60 & echo pid $!; exit 0"));
  expect(await control.ended("a1")).toMatchObject({ status: "exited" });
  const [pid] = await pidsIn(() => control.lines("a1"), 1);
  expect(isRunning(pid as number)).toBe(false);
});

test("SIGKILL as the signal does not wait for the grace", async () => {
  const control = await startControl({ STOP_GRACE_MS: "60000" });
  await control.post(
    "/agents/start",
    startBody(createOrigin().url, 'trap "" TERM; echo ready; while :; do sleep 0.05; done'),
  );
  expect((await control.post("/agents/a1/stop", { signal: "SIGUSR9" })).status).toBe(400);
  expect((await control.post("/agents/a1/stop", { signal: "SIGKILL" })).body).toEqual({ stopped: true });
  expect(await control.ended("a1")).toMatchObject({ exitReason: "stopped" });
});

test("a stop of an older dispatch stops nothing", async () => {
  const control = await startControl();
  await control.post("/agents/start", startBody(createOrigin().url, SLEEP, { dispatchId: "a1:5" }));
  expect((await control.post("/agents/a1/stop", { dispatchId: "a1:4" })).body).toEqual({ stopped: false });
  expect(await control.status("a1")).toMatchObject({ status: "running" });
  expect((await control.post("/agents/a1/stop", { dispatchId: "a1:5" })).body).toEqual({ stopped: true });
  expect(await control.ended("a1")).toMatchObject({ exitReason: "stopped" });
});

test("a stop with evict leaves what is uncommitted in the clone and reports the dispatch as evicted", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url });
  await control.post(
    "/agents/start",
    startBody(createOrigin().url, "echo draft > draft.txt; echo ready; sleep 60", { dispatchId: "a1:1" }),
  );
  await eventually("it is ready", async () => (await control.lines("a1")).includes("ready"));
  await control.post("/agents/a1/stop", { evict: true });
  const report = await eventually("the report", () => rig.to("/completed")[0]);
  expect(report.body).toEqual({ status: "failed", reason: "evicted", dispatch_id: "a1:1", tail: "ready" });
  expect(git(worktreeOf(control.workDir), "status", "--porcelain")).toBe("?? draft.txt");
  expect(git(worktreeOf(control.workDir), "log", "-1", "--format=%s")).toBe("write README.md");
});

test("a mere stop commits nothing: what is on the branch is what the agent committed", async () => {
  const control = await startControl();
  await control.post("/agents/start", startBody(createOrigin().url, "echo draft > draft.txt; echo ready; sleep 60"));
  await eventually("it is ready", async () => (await control.lines("a1")).includes("ready"));
  await control.post("/agents/a1/stop", {});
  await control.ended("a1");
  expect(git(worktreeOf(control.workDir), "status", "--porcelain")).toBe("?? draft.txt");
});

test("an agent killed by somebody else is reported as killed", async () => {
  const control = await startControl();
  await control.post("/agents/start", startBody(createOrigin().url, "echo pid $$; exec sleep 60"));
  const [pid] = await pidsIn(() => control.lines("a1"), 1);
  process.kill(pid as number, "SIGKILL");
  expect(await control.ended("a1")).toMatchObject({ status: "failed", exitReason: "signal SIGKILL" });
});

test("a process that leaves the group and keeps the pipes does not keep the exit from being reported", async () => {
  const control = await startControl();
  await control.post(
    "/agents/start",
    startBody(
      createOrigin().url,
      "setsid sh -c 'echo pid $$; touch said; exec sleep 60' & until [ -e said ]; do sleep 0.05; done; exit 0",
    ),
  );
  expect(await control.ended("a1")).toMatchObject({ status: "exited" });
  const [pid] = await pidsIn(() => control.lines("a1"), 1);
  expect(isRunning(pid as number)).toBe(false);
});
