import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import {
  CONTAINER_DIR,
  type Control,
  type FakeRig,
  commitFile,
  createFakeRig,
  createOrigin,
  eventually,
  git,
  mergeBody,
  startBody,
  startControl,
  worktreeOf,
} from "./world.ts";

const DEMO = `exec "${process.execPath}" "${path.join(CONTAINER_DIR, "demo-agent.ts")}"`;

interface World {
  readonly control: Control;
  readonly rig: FakeRig;
  readonly url: string;
  readonly clone: string;
  /** What the rig answers to prime and mail. */
  bead: { id: string; title: string; body: string | null; metadata: Record<string, unknown> } | null;
  mail: { subject: string; body: string }[];
  readonly start: (n: number, more?: Record<string, unknown>) => Promise<void>;
  readonly lastCheckpoint: () => unknown;
}

async function world(body: string): Promise<World> {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url, AGENT_COMMAND: DEMO, HEARTBEAT_MS: "200" });
  const origin = createOrigin();
  const lastCheckpoint = (): unknown => rig.to("/checkpoint").at(-1)?.body["data"] ?? null;
  const it: World = {
    control,
    rig,
    ...origin,
    bead: { id: "bead1", title: "Write", body, metadata: {} },
    mail: [],
    start: async (n, more = {}) => {
      const body = startBody(origin.url, "", {
        dispatchId: `a1:${n}`,
        branch: "work/bead1",
        checkpoint: lastCheckpoint(),
        ...more,
      });
      expect((await control.post("/agents/start", body)).status).toBe(201);
    },
    lastCheckpoint,
  };
  rig.answer = ({ path }) => {
    if (path.endsWith("/prime"))
      return {
        status: 200,
        data: { agent: { checkpoint: lastCheckpoint() }, hooked_bead: it.bead, undelivered_mail: [], open_beads: [] },
      };
    if (path.endsWith("/mail")) return { status: 200, data: it.mail.splice(0) };
    return { status: 200, data: {} };
  };
  return it;
}

const linesOf = (it: World, file = "work/bead1.md"): string[] =>
  readFileSync(path.join(worktreeOf(it.control.workDir), file), "utf8")
    .trim()
    .split("\n");

test("the demo agent works in steps, each a commit and a checkpoint, and reports done", async () => {
  const it = await world("steps: 3\nstep_ms: 20");
  await it.start(1);
  expect(await it.control.ended("a1")).toMatchObject({ status: "exited", exitReason: "exit 0", activeTools: [] });
  expect(linesOf(it)).toEqual(["Write: step 1 of 3", "Write: step 2 of 3", "Write: step 3 of 3"]);
  expect(
    git(worktreeOf(it.control.workDir), "log", "--reverse", "--format=%s by %an", "origin/main..work/bead1").split(
      "\n",
    ),
  ).toEqual([
    "Write: step 1 of 3 (bead1) by Toast",
    "Write: step 2 of 3 (bead1) by Toast",
    "Write: step 3 of 3 (bead1) by Toast",
  ]);
  expect(it.rig.to("/checkpoint").map(({ body }) => body)).toEqual(
    [1, 2, 3].map((step) => ({ data: { bead_id: "bead1", step } })),
  );
  expect(it.rig.to("/agent-events").map(({ body }) => body)[0]).toEqual({
    agent_id: "a1",
    event_type: "tool_call",
    data: { tool: "write_file", file: "work/bead1.md", step: 1, steps: 3 },
  });
  expect(it.rig.to("/done").map(({ body }) => body)).toEqual([
    { branch: "work/bead1", summary: "Write: 3 steps in work/bead1.md", wait_ms: 8_000 },
  ]);
  expect(new Set(it.rig.requests.map(({ token }) => token))).toEqual(new Set(["session-token-1"]));
});

test("killed in the middle, the demo agent resumes from its checkpoint and does no step twice", async () => {
  const it = await world("steps: 6\nstep_ms: 80");
  await it.start(1);
  await eventually("two checkpoints", () => it.rig.to("/checkpoint").length >= 2);
  await it.control.post("/agents/a1/stop", { signal: "SIGKILL" });
  await it.control.ended("a1");
  const saved = (it.lastCheckpoint() as { step: number }).step;
  await it.start(2);
  expect(await it.control.ended("a1")).toMatchObject({ status: "exited" });
  expect(await it.control.lines("a1")).toContain(`resuming at step ${saved + 1}`);
  expect(linesOf(it)).toEqual([1, 2, 3, 4, 5, 6].map((step) => `Write: step ${step} of 6`));
  expect(it.rig.to("/done")).toHaveLength(1);
});

test("a checkpoint of another bead is not resumed from", async () => {
  const it = await world("steps: 1\nstep_ms: 0");
  await it.start(1, { checkpoint: { bead_id: "other", step: 1 } });
  await it.control.ended("a1");
  expect(linesOf(it)).toEqual(["Write: step 1 of 1"]);
});

test("asked to stop, the demo agent saves a checkpoint and exits at once", async () => {
  const it = await world("steps: 2\nstep_ms: 60000");
  await it.start(1);
  await eventually("it works", async () => (await it.control.status("a1")).activeTools.length === 1);
  await it.control.post("/agents/a1/stop", {});
  await it.control.ended("a1");
  expect(it.lastCheckpoint()).toEqual({ bead_id: "bead1", step: 0 });
  const exited = (await it.control.events("a1")).find(({ type }) => type === "agent_exited");
  expect(exited?.data).toMatchObject({ code: 143 });
});

test("the demo agent asks once for help, even across a restart, and goes on with the answer from stdin", async () => {
  const it = await world("steps: 2\nstep_ms: 0\nhelp: Which colour?");
  const waits = async (): Promise<number> =>
    (await it.control.lines("a1")).filter((line) => line.startsWith("waiting for an answer")).length;
  await it.start(1);
  await eventually("it waits", async () => (await waits()) === 1);
  expect(it.rig.to("/escalations")[0]?.body).toEqual({
    title: "Which colour?",
    metadata: { agent_id: "a1", bead_id: "bead1", kind: "help" },
  });
  expect(it.lastCheckpoint()).toEqual({ bead_id: "bead1", step: 0, help: "asking" });
  await it.control.post("/agents/a1/stop", { signal: "SIGKILL" });
  await it.control.ended("a1");

  await it.start(2);
  await eventually("it waits again", async () => (await waits()) === 2);
  await it.control.post("/agents/a1/message", { prompt: "GUPP_CHECK: are you there?" });
  await it.control.post("/agents/a1/message", { prompt: "blue" });
  expect(await it.control.ended("a1")).toMatchObject({ status: "exited" });
  expect(linesOf(it)).toEqual(["answer: blue", "Write: step 1 of 2", "Write: step 2 of 2"]);
  expect(it.rig.to("/escalations")).toHaveLength(1);
});

test("the answer may also come as mail", async () => {
  const it = await world("steps: 1\nstep_ms: 0\nhelp: Which colour?");
  await it.start(1);
  await eventually("it asks", () => it.rig.to("/escalations").length === 1);
  it.mail.push({ subject: "GUPP_CHECK", body: "still there?" }, { subject: "Answer", body: "red" });
  expect(await it.control.ended("a1")).toMatchObject({ status: "exited" });
  expect(linesOf(it)[0]).toBe("answer: red");
});

test("fail: N makes N dispatches fail, rate_limit_ms one of them with the time to come back", async () => {
  const it = await world("steps: 1\nstep_ms: 0\nfail: 1\nrate_limit_ms: 60000");
  await it.start(1);
  expect(await it.control.ended("a1")).toMatchObject({ exitReason: "exit 1" });
  await it.start(2);
  expect(await it.control.ended("a1")).toMatchObject({
    exitReason: expect.stringMatching(/^rate_limited until 2\d{3}-/),
  });
  await it.start(3);
  expect(await it.control.ended("a1")).toMatchObject({ status: "exited" });
  expect(
    it.rig
      .to("/completed")
      .slice(0, 2)
      .map(({ body }) => body),
  ).toMatchObject([{ status: "failed" }, { status: "failed", reset_at: expect.any(String) }]);
});

test("the demo agent is patient with an API that fails for a moment", async () => {
  const it = await world("steps: 1\nstep_ms: 0");
  const { answer } = it.rig;
  it.rig.answer = (request) =>
    it.rig.requests.filter(({ path }) => path === request.path).length <= 1 ? { status: 503 } : answer(request);
  await it.start(1);
  expect(await it.control.ended("a1")).toMatchObject({ status: "exited" });
  expect(it.rig.to("/done")).toHaveLength(2);
});

test("an answer that says no ends the demo agent with an error", async () => {
  const it = await world("steps: 1");
  it.rig.answer = () => ({ status: 401 });
  await it.start(1);
  expect(await it.control.ended("a1")).toMatchObject({ exitReason: "exit 1" });
  expect((await it.control.lines("a1")).join()).toContain("HTTP 401");
});

test("after a conflict a rework keeps the lines of both sides, and then the merge succeeds", async () => {
  const it = await world("steps: 2\nstep_ms: 0\nfile: shared.md");
  await it.start(1);
  await it.control.ended("a1");
  commitFile(it.clone, "shared.md", "somebody else was faster\n");
  git(it.clone, "push", "--quiet", "origin", "main");
  await it.control.post("/git/merge", mergeBody(it.url, "work/bead1", { dispatchId: "entry1:1" }));
  expect((await eventually("the conflict", () => it.rig.to("/complete")[0])).body).toMatchObject({
    status: "conflict",
    message: "work/bead1 conflicts with main in shared.md",
  });

  if (it.bead) it.bead.metadata = { rework: true };
  await it.start(2);
  expect(await it.control.ended("a1")).toMatchObject({ status: "exited" });
  await it.control.post("/git/merge", mergeBody(it.url, "work/bead1", { dispatchId: "entry1:2" }));
  expect((await eventually("the merge", () => it.rig.to("/complete")[1])).body).toMatchObject({ status: "merged" });
  expect(git(it.url, "show", "main:shared.md").split("\n").sort()).toEqual([
    "Write: step 1 of 2",
    "Write: step 2 of 2",
    "somebody else was faster",
  ]);
});

test("without a bead on its hook the demo agent says so and ends well", async () => {
  const it = await world("");
  it.bead = null;
  await it.start(1);
  expect(await it.control.ended("a1")).toMatchObject({ status: "exited" });
  expect(await it.control.lines("a1")).toEqual(["nothing on the hook"]);
});
