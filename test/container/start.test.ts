import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { AgentStatus } from "../../src/wire/container.ts";
import {
  createFakeRig,
  createOrigin,
  eventually,
  git,
  isRunning,
  startBody,
  startControl,
  tempDir,
  worktreeOf,
} from "./world.ts";

const SLEEP = "echo pid $$; sleep 60";

test("a start clones the repository, makes the worktree and answers 201 with a running agent", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  const reply = await control.post("/agents/start", startBody(url, SLEEP, { dispatchId: "a1:1" }));
  expect(reply.status).toBe(201);
  expect(AgentStatus.parse(reply.body)).toMatchObject({
    agentId: "a1",
    status: "running",
    dispatchId: "a1:1",
    exitReason: null,
    messageCount: 0,
  });
  expect(git(worktreeOf(control.workDir), "branch", "--show-current")).toBe("work/a1");
});

test("the same dispatch twice, even at the same moment, starts one process", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  const body = startBody(url, SLEEP, { dispatchId: "a1:1" });
  const replies = await Promise.all([1, 2, 3].map(() => control.post("/agents/start", body)));
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
  expect(new Set(replies.map((reply) => reply.body.startedAt)).size).toBe(1);
  expect((await control.events("a1")).filter(({ type }) => type === "agent_started")).toHaveLength(1);
});

test("a dispatch that ran and ended is not started again by the same request", async () => {
  const control = await startControl();
  const body = startBody(createOrigin().url, "exit 3", { dispatchId: "a1:1" });
  await control.post("/agents/start", body);
  await control.ended("a1");
  const again = await control.post("/agents/start", body);
  expect(again).toMatchObject({ status: 200, body: { status: "failed", exitReason: "exit 3" } });
});

test("a newer dispatch waits until the older process is gone, then replaces it", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await control.post("/agents/start", startBody(url, SLEEP, { dispatchId: "a1:9" }));
  const pid = await eventually(
    "the pid is printed",
    async () => Number(/pid (\d+)/.exec((await control.lines("a1"))[0] ?? "")?.[1]) || null,
  );
  const newer = await control.post("/agents/start", startBody(url, SLEEP, { dispatchId: "a1:10" }));
  expect(newer).toMatchObject({ status: 201, body: { dispatchId: "a1:10", status: "running" } });
  expect(isRunning(pid)).toBe(false);
});

test("an older dispatch is refused with 409 and the newer one goes on", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await control.post("/agents/start", startBody(url, SLEEP, { dispatchId: "a1:10" }));
  const older = await control.post("/agents/start", startBody(url, SLEEP, { dispatchId: "a1:9" }));
  expect(older).toMatchObject({ status: 409, body: { code: "older_dispatch" } });
  expect(await control.status("a1")).toMatchObject({ status: "running", dispatchId: "a1:10" });
});

test("without a dispatch id a running agent is answered as it is", async () => {
  const control = await startControl();
  const body = startBody(createOrigin().url, SLEEP);
  const first = await control.post("/agents/start", body);
  const second = await control.post("/agents/start", body);
  expect(second.status).toBe(200);
  expect(second.body).toMatchObject({ status: "running", startedAt: first.body.startedAt });
  expect((await control.events("a1")).filter(({ type }) => type === "agent_started")).toHaveLength(1);
});

test("the same agent id in two rigs is refused while one of them runs it", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await control.post("/agents/start", startBody(url, SLEEP));
  const other = await control.post("/agents/start", startBody(url, SLEEP, { rigId: "rig2" }));
  expect(other).toMatchObject({ status: 409, body: { code: "agent_of_another_rig" } });
});

test("the environment is exactly what is documented, and no secret of the host is in it", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url, CONTROL_TOKEN_UNUSED: "x" });
  const out = path.join(tempDir(), "env.json");
  const dump = `"${process.execPath}" -e 'require("fs").writeFileSync("${out}", JSON.stringify(process.env))'`;
  await control.post(
    "/agents/start",
    startBody(createOrigin().url, dump, { dispatchId: "a1:1", checkpoint: { step: 2 }, envVars: { MY_OWN: "1" } }),
  );
  await control.ended("a1");
  const env = JSON.parse(readFileSync(out, "utf8")) as Record<string, string>;
  const fromShell = ["PWD", "OLDPWD", "SHLVL", "_"];
  const file = path.join(control.workDir, "checkpoints", "a1.json");
  expect(Object.fromEntries(Object.entries(env).filter(([name]) => !fromShell.includes(name)))).toEqual({
    PATH: process.env["PATH"],
    HOME: expect.any(String),
    LANG: "C.UTF-8",
    GASTOWN_API_URL: rig.url,
    GASTOWN_SESSION_TOKEN: "session-token-1",
    GASTOWN_AGENT_ID: "a1",
    GASTOWN_RIG_ID: "rig1",
    GASTOWN_TOWN_ID: "town1",
    GIT_AUTHOR_NAME: "Toast",
    GIT_AUTHOR_EMAIL: "a1@ticktown.local",
    GIT_COMMITTER_NAME: "Toast",
    GIT_COMMITTER_EMAIL: "a1@ticktown.local",
    GIT_CONFIG_GLOBAL: path.join(control.workDir, "git", "config"),
    GIT_CONFIG_NOSYSTEM: "1",
    TICKTOWN_PROMPT: "do the work",
    TICKTOWN_SYSTEM_PROMPT: "be good",
    TICKTOWN_MODEL: "none",
    TICKTOWN_BRANCH: "work/a1",
    TICKTOWN_DEFAULT_BRANCH: "main",
    TICKTOWN_ROLE: "polecat",
    TICKTOWN_MARK: expect.stringMatching(/^[0-9a-f]{24}:/),
    TICKTOWN_DISPATCH_ID: "a1:1",
    TICKTOWN_CHECKPOINT_FILE: file,
    TEST_SCRIPT: dump,
    MY_OWN: "1",
  });
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ step: 2 });
});

test("a prompt that no environment can hold is refused with the name of the variable", async () => {
  const control = await startControl();
  const reply = await control.post(
    "/agents/start",
    startBody(createOrigin().url, "true", { prompt: "x".repeat(130 * 1024) }),
  );
  expect(reply).toMatchObject({
    status: 422,
    body: { code: "environment_too_large", error: expect.stringContaining("TICKTOWN_PROMPT") },
  });
});

test("without AGENT_COMMAND every start is refused and health says so", async () => {
  const control = await startControl({ AGENT_COMMAND: "" });
  const reply = await control.post("/agents/start", startBody(createOrigin().url, "true"));
  expect(reply).toMatchObject({ status: 422, body: { code: "agent_command_missing" } });
  expect((await control.get("/health")).body).toMatchObject({ status: "degraded" });
  expect((await control.get("/agents/a1/status")).status).toBe(404);
});

test.each([
  ["agentId", "../../etc"],
  ["agentId", "a/b"],
  ["agentId", ".hidden"],
  ["agentId", "a..b"],
  ["rigId", "..%2f"],
  ["rigId", ""],
  ["branch", "../main"],
  ["branch", "-f"],
  ["branch", "a b"],
  ["branch", "@{-1}"],
  ["branch", "refs//x"],
  ["defaultBranch", "x.lock"],
  ["gitUrl", "--upload-pack=touch /tmp/x"],
  ["gitUrl", "ext::sh -c true"],
  ["gitUrl", "some/relative/path"],
  ["gitUrl", "ssh://-oProxyCommand=true/x"],
  ["dispatchId", "other:1"],
  ["dispatchId", "a1:"],
])("a start with %s %j is refused with 400 before anything is touched", async (field, value) => {
  const control = await startControl();
  const reply = await control.post("/agents/start", startBody("/nowhere", "true", { [field]: value }));
  expect(reply.status).toBe(400);
  expect(reply.body.error).toEqual(expect.any(String));
  expect((await control.get("/agents")).body).toMatchObject({ agents: [] });
});

test("a start that takes too long answers `starting` and a failure is reported like an exit", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url }, { startAnswer_ms: 0 });
  const missing = path.join(tempDir(), "missing.git");
  const reply = await control.post("/agents/start", startBody(missing, "true", { dispatchId: "a1:1" }));
  expect(reply).toMatchObject({ status: 201, body: { status: "starting", dispatchId: "a1:1" } });
  const report = await eventually("the failure is reported", () => rig.to("/completed")[0]);
  expect(report.body).toMatchObject({
    status: "failed",
    dispatch_id: "a1:1",
    reason: expect.stringContaining("remote_unreachable"),
  });
});

test("a start that takes too long goes on and the agent runs", async () => {
  const control = await startControl({}, { startAnswer_ms: 0 });
  expect((await control.post("/agents/start", startBody(createOrigin().url, SLEEP))).body.status).toBe("starting");
  await eventually("it runs", async () => (await control.status("a1")).status === "running");
});

test("a start that failed before there was a process may be tried again with the same dispatch", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  const parked = `${url}.parked`;
  git(tempDir(), "clone", "--quiet", "--bare", url, parked);
  const body = startBody(`${url}.later`, SLEEP, { dispatchId: "a1:1" });
  expect((await control.post("/agents/start", body)).status).toBe(422);
  git(tempDir(), "clone", "--quiet", "--bare", parked, `${url}.later`);
  expect((await control.post("/agents/start", body)).status).toBe(201);
});

test("a checkpoint of an earlier dispatch does not reach a start without one", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  const script = 'echo "checkpoint=${TICKTOWN_CHECKPOINT_FILE:-none}"';
  await control.post("/agents/start", startBody(url, script, { dispatchId: "a1:1", checkpoint: { step: 1 } }));
  await control.ended("a1");
  await control.post("/agents/start", startBody(url, script, { dispatchId: "a1:2", checkpoint: null }));
  await control.ended("a1");
  expect((await control.lines("a1")).at(-1)).toBe("checkpoint=none");
});

test("a stop while the repository is being cloned keeps the process from starting", async () => {
  const slowSsh = path.join(tempDir(), "ssh");
  writeFileSync(slowSsh, '#!/bin/sh\nsleep 0.5\nfor command; do :; done\nexec sh -c "$command"\n', { mode: 0o755 });
  const control = await startControl({ GIT_SSH_COMMAND: slowSsh });
  const starting = control.post(
    "/agents/start",
    startBody(`ssh://host${createOrigin().url}`, SLEEP, { dispatchId: "a1:1" }),
  );
  await eventually("it is known", async () => (await control.get("/agents/a1/status")).status === 200);
  expect((await control.post("/agents/a1/message", { prompt: "hi" })).status).toBe(409);
  expect((await control.post("/agents/a1/stop", {})).body).toEqual({ stopped: true });
  expect(await starting).toMatchObject({ status: 409, body: { code: "stopped" } });
  expect(await control.status("a1")).toMatchObject({
    status: "failed",
    exitReason: expect.stringContaining("stopped"),
  });
  expect((await control.events("a1")).map(({ type }) => type)).not.toContain("agent_started");
});

test("a start that brings a PATH along is refused with 400 and why, and the rig's own variable of that name is not", async () => {
  const control = await startControl();
  const body = startBody(createOrigin().url, "echo ran", { envVars: { PATH: process.env["PATH"] ?? "" } });
  expect(await control.post("/agents/start", body)).toMatchObject({
    status: 400,
    body: { code: "environment_refused", error: expect.stringContaining("envVars may not set PATH, which decides") },
  });
  expect((await control.post("/agents/start", { ...body, ownVars: ["PATH"] })).status).toBe(201);
  await control.ended("a1");
});

test("F-710 no variable of a start overrides who the process is: not as a secret of the rig, and not one that the start leaves out", async () => {
  const control = await startControl();
  const out = path.join(tempDir(), "env.json");
  const dump = `"${process.execPath}" -e 'require("fs").writeFileSync("${out}", JSON.stringify(process.env))'`;
  const claimed = {
    TICKTOWN_DISPATCH_ID: "a1:99",
    TICKTOWN_BRANCH: "main",
    TICKTOWN_CHECKPOINT_FILE: "/etc/passwd",
    GASTOWN_AGENT_ID: "another",
    GASTOWN_RIG_ID: "another",
    MY_KEY: "k",
  };
  const body = startBody(createOrigin().url, dump, { dispatchId: "a1:1", envVars: claimed });
  expect((await control.post("/agents/start", { ...body, ownVars: Object.keys(claimed) })).status).toBe(201);
  await control.ended("a1");
  const env = JSON.parse(readFileSync(out, "utf8")) as Record<string, string>;
  expect(env).toMatchObject({
    TICKTOWN_DISPATCH_ID: "a1:1",
    TICKTOWN_BRANCH: "work/a1",
    GASTOWN_AGENT_ID: "a1",
    GASTOWN_RIG_ID: "rig1",
    MY_KEY: "k",
  });
  expect(env).not.toHaveProperty("TICKTOWN_CHECKPOINT_FILE");
});
