import { expect, test } from "vitest";
import {
  createFakeRig,
  createOrigin,
  eventually,
  git,
  isRunning,
  spawnControl,
  startBody,
  tempDir,
  worktreeOf,
} from "./world.ts";

test("SIGTERM hands the work back: leaves it in the clone, reports it as evicted, and exits 0 with nothing left running", async () => {
  const rig = await createFakeRig();
  const workDir = tempDir();
  const control = await spawnControl({ WORK_DIR: workDir, GASTOWN_API_URL: rig.url });
  const { url } = createOrigin();
  const script = "echo draft > draft.txt; echo pid $$; exec sleep 60";
  await control.post("/agents/start", startBody(url, script, { agentId: "a1", dispatchId: "a1:1" }));
  await control.post("/agents/start", startBody(url, script, { agentId: "a2", dispatchId: "a2:1" }));
  const pids = await Promise.all(
    ["a1", "a2"].map((id) =>
      eventually("the pid", async () => Number((await control.lines(id))[0]?.replace("pid ", "")) || null),
    ),
  );
  control.kill("SIGTERM");
  expect(await control.exited).toBe(0);
  expect(pids.map(isRunning)).toEqual([false, false]);
  expect(rig.to("/completed").map(({ body }) => body)).toEqual(
    expect.arrayContaining([
      { status: "failed", reason: "evicted", dispatch_id: "a1:1", tail: `pid ${pids[0]}` },
      { status: "failed", reason: "evicted", dispatch_id: "a2:1", tail: `pid ${pids[1]}` },
    ]),
  );
  expect(rig.to("/completed")).toHaveLength(2);
  expect(git(worktreeOf(workDir, "a1"), "log", "-1", "--format=%s")).toBe("write README.md");
  expect(git(worktreeOf(workDir, "a1"), "status", "--porcelain")).toBe("?? draft.txt");
});

test("while draining, agents get their grace and may save, and new starts are refused with 503", async () => {
  const rig = await createFakeRig();
  const control = await spawnControl({ WORK_DIR: tempDir(), GASTOWN_API_URL: rig.url, STOP_GRACE_MS: "5000" });
  const { url } = createOrigin();
  const save = `'fetch(process.env.GASTOWN_API_URL + "/saved", { method: "POST" })'`;
  const script = `trap '"${process.execPath}" -e ${save.replaceAll("'", "'\\''")}; sleep 0.5; exit 143' TERM; echo ready; while :; do sleep 0.05; done`;
  await control.post("/agents/start", startBody(url, script, { dispatchId: "a1:1" }));
  await eventually("it is ready", async () => (await control.lines("a1")).includes("ready"));
  control.kill("SIGTERM");
  const refused = await eventually("a start is refused", async () => {
    const reply = await control.post("/agents/start", startBody(url, "true", { agentId: "a2" }));
    return reply.status === 503 ? reply : null;
  });
  expect(refused.body.code).toBe("draining");
  expect((await control.get("/health")).body).toMatchObject({ status: "degraded", reasons: ["draining"] });
  expect(await control.exited).toBe(0);
  expect(rig.to("/saved")).toHaveLength(1);
  expect(rig.to("/completed").map(({ body }) => body)).toEqual([
    { status: "failed", reason: "evicted", dispatch_id: "a1:1", tail: expect.stringMatching(/^ready/) },
  ]);
});

test("an eviction that the rig could not be told is told by the next server", async () => {
  const rig = await createFakeRig();
  const workDir = tempDir();
  rig.answer = () => ({ status: 503 });
  const env = { WORK_DIR: workDir, GASTOWN_API_URL: rig.url };
  const first = await spawnControl(env);
  await first.post("/agents/start", startBody(createOrigin().url, "sleep 60", { dispatchId: "a1:1" }));
  first.kill("SIGTERM");
  await eventually("it was tried", () => rig.to("/completed").length > 0);
  first.kill("SIGTERM"); // Do not wait for the ten seconds of the flush.
  expect(await first.exited).toBe(1);
  rig.answer = () => ({ status: 200 });
  rig.requests.length = 0;
  await spawnControl(env);
  expect((await eventually("the report", () => rig.to("/completed")[0])).body).toEqual({
    status: "failed",
    reason: "evicted",
    dispatch_id: "a1:1",
    tail: "",
  });
});

test("a second signal exits at once and takes the agents along", async () => {
  const control = await spawnControl({ WORK_DIR: tempDir(), STOP_GRACE_MS: "60000" });
  await control.post(
    "/agents/start",
    startBody(createOrigin().url, 'trap "" TERM; echo pid $$; while :; do sleep 0.05; done'),
  );
  const pid = await eventually(
    "the pid",
    async () => Number((await control.lines("a1"))[0]?.replace("pid ", "")) || null,
  );
  control.kill("SIGINT");
  await eventually("it drains", async () => (await control.get("/health")).body.status === "degraded");
  control.kill("SIGINT");
  expect(await control.exited).toBe(1);
  await eventually("the agent is gone", () => !isRunning(pid));
});
