/** Coding agents that are spoken with, as processes of a control server: without a model, in each of the three protocols. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { COMMIT, completed, drivenWorld } from "./drivers/driven-world.ts";
import { createOrigin, eventually, git, isRunning, startBody, startControl, worktreeOf } from "./world.ts";

describe.each(["acp", "claude", "codex"])("a coding agent that speaks %s", (runtime) => {
  test("is prompted, works in its clone, stops, and is handed in or told to say done; the rest is reported", async () => {
    const { control, rig, start, noted } = await drivenWorld(runtime);
    await start({ tellsTools: true });
    const end = await completed(rig);
    const [tool] = end["tools"] as { from: number; to: number }[];
    expect(tool).toEqual({ name: expect.any(String), from: expect.any(Number), to: expect.any(Number), ok: true });
    expect(tool?.to).toBeGreaterThanOrEqual(tool?.from ?? Infinity);
    expect(JSON.stringify(end["tools"])).not.toContain("git");
    const [opened, first] = noted();
    expect(opened?.["opened"]).toBe("new");
    expect(first?.["prompt"]).toContain("do the work");
    expect(git(worktreeOf(control.workDir), "log", "-1", "--format=%s")).toBe("hello");
    expect(end).toMatchObject({ bead_id: "b1", dispatch_id: "a1:1", runtime });
    if (runtime === "acp") {
      // It takes no tools, so it is handed in when it stops.
      expect(rig.to("/done")).toHaveLength(1);
      expect(end).toMatchObject({ status: "completed", reason: "handed in" });
      expect(end["ending"]).toBeUndefined();
    } else {
      expect(noted().filter(({ prompt }) => prompt !== undefined)).toHaveLength(3);
      expect(noted().at(-1)?.["prompt"]).toContain("gt_done");
      expect(end).toMatchObject({ status: "failed", ending: "ended_without_done" });
    }
    const beats = rig.to("/heartbeat").map(({ body }) => body);
    const last = beats.findLast(({ usage }) => usage !== undefined) ?? {};
    expect(last["session"]).toMatchObject({ driver: runtime });
    expect(last["usage"]).toMatchObject({ input_tokens: expect.any(Number), output_tokens: expect.any(Number) });
    expect(beats.at(-1)).toMatchObject({ progress_at: expect.any(String), waiting: null });
  });

  test("goes on in its old conversation where the start names one; and in a new one, with its note, where that is lost", async () => {
    const old = runtime === "claude" ? "11111111-2222-4333-8444-555555555555" : "old-1";
    const kept = await drivenWorld(runtime);
    await kept.start({ session: { driver: runtime, id: old } });
    await completed(kept.rig);
    expect(kept.noted()[0]?.["opened"]).toBe(old);
    expect(kept.noted()[1]?.["prompt"]).toContain("You were interrupted");

    const lost = await drivenWorld(runtime);
    await lost.start(
      { session: { driver: runtime, id: old }, checkpoint: { step: "half of it" } },
      { FAKE_LOSES: "1" },
    );
    await completed(lost.rig);
    const opened = lost.noted().flatMap(({ opened }) => opened ?? []);
    expect(opened).toEqual([old, "new"]);
    const prompt = lost.noted().find(({ prompt }) => prompt !== undefined)?.["prompt"];
    expect(prompt).toContain("half of it");
    expect(prompt).not.toContain("You were interrupted");
  });

  test("another program's conversation is not asked for", async () => {
    const { rig, start, noted } = await drivenWorld(runtime);
    await start({ session: { driver: "another", id: "x" } });
    // Which tools it has run is told where it is asked for.
    expect(await completed(rig)).not.toHaveProperty("tools");
    expect(noted()[0]?.["opened"]).toBe("new");
  });

  test("asks for a permission, is answered by its exact id, and does it", async () => {
    const { control, rig, start } = await drivenWorld(runtime, { AGENT_ASKS: "true" });
    await start({}, { FAKE_ASK: "1", FAKE_SHELL: `${COMMIT}; echo secret is git-token-value` });
    const asked = (await eventually("it asks", () => rig.to("/asked")[0]?.body)) as Record<string, unknown>;
    expect(asked).toMatchObject({ dispatch_id: "a1:1", kind: "permission", ask_id: expect.any(String) });
    expect(asked["command"]).toBe(`${COMMIT}; echo secret is [redacted]`);
    const options = asked["options"] as { id: string; label: string }[];
    const wrong = await control.post("/agents/a1/answer", { dispatchId: "a1:1", askId: "another", optionId: "x" });
    expect([wrong.status, wrong.body.code]).toEqual([404, "nobody_waits"]);
    const stale = await control.post("/agents/a1/answer", {
      dispatchId: "a1:0",
      askId: asked["ask_id"],
      optionId: "x",
    });
    expect([stale.status, stale.body.code]).toEqual([404, "nobody_waits"]);
    const optionId = options.find(({ label }) => label === "Allow")?.id;
    const said = await control.post("/agents/a1/answer", { dispatchId: "a1:1", askId: asked["ask_id"], optionId });
    expect([said.status, said.body]).toEqual([200, { answered: true }]);
    await eventually("it has done it", () => existsSync(path.join(worktreeOf(control.workDir), "HELLO.md")));
    await control.post("/agents/a1/stop", {});
    await completed(rig);
  });

  test.each([
    ["429", "rate_limited"],
    ["401", "not_authorized"],
    ["500", "crashed"],
  ])("fails with %s of its model: it is ended, and reported as %s", async (status, ending) => {
    const { rig, start } = await drivenWorld(runtime);
    await start({}, { FAKE_ERROR: status });
    expect(await completed(rig)).toMatchObject({ status: "failed", ending, reason: expect.stringContaining(ending) });
  });

  test("dies in mid-turn: it has crashed, and its open tool is closed", async () => {
    const { control, rig, start } = await drivenWorld(runtime);
    await start({}, { FAKE_DIES: "1" });
    expect(await completed(rig)).toMatchObject({
      status: "failed",
      ending: "crashed",
      reason: expect.stringMatching(/^crashed: it ended in mid-turn.*, (signal SIGKILL|exit 137)$/),
    });
    expect((await control.status("a1")).activeTools).toEqual([]);
  });

  test("is stopped: that is the reason, and no kind of end of its own", async () => {
    const { control, rig, start } = await drivenWorld(runtime);
    await start({}, { FAKE_SHELL: "sleep 600" });
    await eventually("its tool runs", async () => (await control.status("a1")).activeTools.length === 1);
    await control.post("/agents/a1/stop", {});
    const end = await completed(rig);
    expect(end).toMatchObject({ status: "failed", reason: "stopped" });
    expect(end["ending"]).toBeUndefined();
  });

  test("no token of the rig, of git, or of a model is in the environment of its tools", async () => {
    const keys = { ANTHROPIC_API_KEY: "model-key-1", OPENAI_API_KEY: "model-key-2", GEMINI_API_KEY: "model-key-3" };
    const { control, rig, start } = await drivenWorld(runtime, keys);
    await start({}, { FAKE_SHELL: "env > environment" });
    await completed(rig);
    const seen = readFileSync(path.join(worktreeOf(control.workDir), "environment"), "utf8");
    for (const secret of [
      "session-token-1",
      "git-token-value",
      "model-key-1",
      "model-key-2",
      "model-key-3",
      "host-secret",
    ])
      expect(seen).not.toContain(secret);
    expect(seen).not.toMatch(/^(GASTOWN_SESSION_TOKEN|GIT_TOKEN)=/m);
    expect(/^HOME=(.*)$/m.exec(seen)?.[1]).toBe(path.join(control.workDir, "rigs/rig1/agents/a1/home", runtime));
  });

  test("leaves something running in a session of its own: it is ended with it", async () => {
    const { control, rig, start } = await drivenWorld(runtime);
    await start(
      {},
      { FAKE_SHELL: "setsid sleep 611 >/dev/null 2>&1 & echo $! > pid; sleep 0.3; pgrep -f 'sleep 611' > pids" },
    );
    await completed(rig);
    const pids = readFileSync(path.join(worktreeOf(control.workDir), "pids"), "utf8")
      .trim()
      .split("\n")
      .map(Number);
    expect(pids.length).toBeGreaterThan(0);
    expect(pids.filter(isRunning)).toEqual([]);
  });
});

test("a message goes into the conversation while the agent works, and one that comes too late is refused", async () => {
  const { control, rig, start, noted } = await drivenWorld("codex", { AGENT_ASKS: "true" });
  // Its turn lasts as long as nobody allows what it asks for.
  await start({}, { FAKE_ASK: "1" });
  await eventually("its turn runs", () => noted().some(({ prompt }) => prompt !== undefined));
  await eventually(
    "it is taken",
    async () => (await control.post("/agents/a1/message", { prompt: "Mail." })).status === 200,
  );
  await eventually("it hears it", () => noted().some(({ steered }) => steered === "Mail."));
  expect((await control.status("a1")).messageCount).toBe(1);
  await control.post("/agents/a1/stop", { signal: "SIGKILL" });
  await completed(rig);
  const late = await control.post("/agents/a1/message", { prompt: "Too late." });
  expect([late.status, late.body.code]).toEqual([404, "not_running"]);
});

test("what was refused is told in the same conversation, and mended there", async () => {
  const { rig, start, noted } = await drivenWorld("acp");
  const answers = [
    { code: "untracked_files", sentence: "notes.txt is not committed." },
    { code: "accepted", sentence: "Your work was taken." },
  ];
  rig.answer = ({ path: to }) =>
    to.endsWith("/done") ? { status: 200, data: { hand_in: answers.shift() } } : { status: 200 };
  await start();
  expect(await completed(rig)).toMatchObject({ status: "completed" });
  const prompts = noted().flatMap(({ prompt }) => prompt ?? []);
  expect(prompts).toHaveLength(2);
  expect(prompts[1]).toContain("notes.txt is not committed.");
  expect(rig.to("/done")).toHaveLength(2);
});

test("what a conversation has used is counted over its processes", async () => {
  const { control, rig, start } = await drivenWorld("claude");
  await start();
  await completed(rig);
  const { session, usage } = await control.status("a1");
  expect(usage).toMatchObject({ input_tokens: 100, cached_tokens: 10, output_tokens: 10, cost_microdollars: 250_000 });
  rig.requests.splice(0);
  await start({ dispatchId: "a1:2", session });
  await completed(rig);
  const second = await control.status("a1");
  expect(second.session).toEqual(session);
  expect(second.usage).toMatchObject({ input_tokens: 200, cost_microdollars: 500_000, model: "claude-x" });
});

test("a start may name a coding agent; one that nobody knows is refused, and so is a command from outside", async () => {
  const { control, rig, start, url } = await drivenWorld("acp");
  await start({ runtime: "codex" });
  expect(await completed(rig)).toMatchObject({ runtime: "codex" });
  rig.requests.splice(0);
  await start({ runtime: "acp", dispatchId: "a1:2" });
  expect(await completed(rig)).toMatchObject({ runtime: "acp" });
  for (const runtime of ["gremlin", "acp:id"]) {
    const reply = await control.post("/agents/start", startBody(url, "", { agentId: "a2", runtime }));
    expect([reply.status, reply.body.code]).toEqual([422, "runtime_unknown"]);
  }
});

test("a plain command runs as before where a coding agent is not named", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await control.post("/agents/start", startBody(url, "echo plain; exit 3"));
  const status = await control.ended("a1");
  expect(status).toMatchObject({ exitReason: "exit 3" });
  expect(Object.keys(status)).not.toContain("session");
  expect(Object.keys(status)).not.toContain("waiting");
  const answer = await control.post("/agents/a1/answer", { dispatchId: "a1:1", askId: "x", text: "y" });
  expect([answer.status, answer.body.code]).toEqual([404, "nobody_waits"]);
});

test("a program that is not there is said at the start", async () => {
  const { control, url } = await drivenWorld("gemini", { PATH: "/usr/bin:/bin" });
  const reply = await control.post("/agents/start", startBody(url, ""));
  expect([reply.status, reply.body.code]).toEqual([422, "runtime_missing"]);
  expect(reply.body.error).toContain("gemini");
});
