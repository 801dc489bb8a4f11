/** Rules of speaking with an agent that protect something: each is broken once by a mutant, and then fails here. */
import { expect, test } from "vitest";
import { createCodexDriver } from "../../../container/agents/drivers/codex.ts";
import type { DriverEvent, DriverKind } from "../../../container/agents/drivers/vocabulary.ts";
import { environmentFor } from "../../../container/agents/runtimes/environment.ts";
import { RUNTIMES } from "../../../container/agents/runtimes/runtimes.ts";
import { DRIVER_LINE_MAX_BYTES, NUDGES_MAX, TOOLS_TOLD_MAX, TURN_SILENCE_MS } from "../../../container/limits.ts";
import { openStage, settled, stageOf } from "./stage.ts";

const KINDS: readonly DriverKind[] = ["acp", "claude", "codex"];

test("TALK-replay what an old conversation tells again is no progress", () => {
  for (const kind of KINDS) {
    const stage = stageOf(kind);
    stage.conversation.open("old");
    stage.fake.replays("old", "t0");
    stage.conversation.tick();
    expect([stage.conversation.facts().progressAt, stage.types()], kind).toEqual([null, ["session"]]);
  }
});

test("TALK-line a line beyond the limit is skipped as a whole, and no part of it is taken for a message", () => {
  const stage = openStage("claude");
  const message = JSON.stringify({ type: "assistant", message: { content: [{ type: "text", text: "half" }] } });
  stage.conversation.heard(Buffer.alloc(DRIVER_LINE_MAX_BYTES + 1, " "));
  stage.print(`${message}\n`);
  stage.conversation.tick();
  expect(stage.types()).toEqual(["session", "line_skipped"]);
});

test("TRACE-ran of the tools that a dispatch has run the newest are known, with those that its end has broken off", () => {
  for (const kind of KINDS) {
    const stage = openStage(kind);
    const began = stage.now;
    for (let n = 0; n <= TOOLS_TOLD_MAX; n++) {
      stage.fake.startsTool(`t${n}`);
      stage.now += 1_000;
      stage.fake.endsTool(`t${n}`);
    }
    const { ran } = stage.conversation.facts();
    expect([ran.length, ran[0]?.from, ran[0]?.to], kind).toEqual([TOOLS_TOLD_MAX, began + 1_000, began + 2_000]);
    stage.fake.startsTool("open");
    stage.conversation.gone();
    expect(stage.conversation.facts().ran.at(-1), kind).toMatchObject({ from: stage.now, to: stage.now, ok: false });
  }
});

test("TALK-nudge an agent that never says done is told so a few times, and not for ever", async () => {
  for (const kind of KINDS) {
    const stage = openStage(kind);
    for (let n = 0; n <= NUDGES_MAX + 2; n++) {
      stage.fake.endsTurn();
      await settled();
    }
    expect(stage.ends, kind).toMatchObject([{ kind: "ended_without_done" }]);
  }
});

test("TALK-once an agent that was asked to wait for a person's answer is not told to go on", async () => {
  const stage = openStage("codex");
  stage.afterTurn = () => ({ kind: "waits" });
  stage.fake.endsTurn();
  await settled();
  expect(stage.heard("prompt")).toHaveLength(1);
});

test("TALK-silence a tool that runs for long is no model that does not answer", () => {
  const stage = openStage("codex");
  stage.fake.startsTool("t1");
  stage.now += 2 * TURN_SILENCE_MS;
  stage.conversation.tick();
  expect(stage.conversation.facts().waiting).toBeNull();
});

test("TALK-secrets no token of the rig or of git is in the environment of a coding agent", () => {
  const given = {
    GASTOWN_SESSION_TOKEN: "rig-token",
    GIT_TOKEN: "git-token",
    ANTHROPIC_API_KEY: "model-key",
    KEPT: "x",
  };
  const door = { token: "t", modelUrl: () => "http://127.0.0.1:1", hasKey: () => true };
  for (const runtime of RUNTIMES) {
    const place = { home: "/h", model: null, systemPrompt: "", session: { id: "s", resume: false }, door, mcp: null };
    const plan = runtime.plan({ ...place, asksPermission: false, hasOwnKey: false });
    const { env } = environmentFor(given, { hostEnv: {}, agentPass: [] }, runtime, plan, door, "/h");
    expect(JSON.stringify(env), runtime.name).not.toMatch(/rig-token|git-token|model-key/);
    expect(env["KEPT"]).toBe("x");
  }
});

test("TALK-ask the same ask asks once, and is answered once", () => {
  for (const kind of KINDS) {
    const stage = openStage(kind);
    stage.fake.asks("7", "ls");
    stage.fake.asks("7", "ls");
    expect(stage.asked, kind).toHaveLength(1);
    expect(stage.conversation.answer("permission-7", { text: "Allow" })).toBe(true);
    expect(stage.conversation.answer("permission-7", { text: "Allow" })).toBe(false);
  }
});

test("TALK-words the id of an option said in words is that option, and other words are no answer to a permission", async () => {
  for (const kind of KINDS) {
    for (const { label, allows } of [
      { label: "Allow", allows: true },
      { label: "Deny", allows: false },
    ]) {
      const stage = openStage(kind);
      stage.fake.asks("7", "ls");
      const id = stage.asked[0]?.options.find((option) => option.label === label)?.id ?? "";
      for (const text of ["perhaps", `${id} or not`, ""])
        expect(stage.conversation.answer("permission-7", { text }), kind).toBe(false);
      expect(stage.heard("answer"), kind).toEqual([]);
      expect(stage.conversation.answer("permission-7", { text: ` ${id.toUpperCase()} ` }), kind).toBe(true);
      expect(stage.heard("answer"), kind).toMatchObject([{ to: "7", allows }]);
      stage.fake.endsTurn();
      await settled();
      const told = [...stage.heard("prompt"), ...stage.heard("message")].map(({ text }) => text);
      expect(told, "an option's name is nothing to be told").not.toContain(` ${id.toUpperCase()} `);
    }
  }
});

test("where nobody can be asked, a permission is denied", () => {
  for (const kind of KINDS) {
    const stage = openStage(kind);
    stage.fake.asks("7", "ls");
    expect(stage.conversation.answer("permission-7", { denies: true, text: "Nobody can be asked here." })).toBe(true);
    expect(stage.heard("answer"), kind).toMatchObject([{ to: "7", allows: false }]);
  }
});

test("TALK-early what is said to a turn that has no id yet is said in it, and its end is asked for when there is one", () => {
  const lines: { id?: number; method: string; params: Record<string, unknown> }[] = [];
  const events: DriverEvent[] = [];
  const driver = createCodexDriver({
    write: (line) => lines.push(JSON.parse(line) as (typeof lines)[number]) > 0,
    emit: (event) => events.push(event),
    now: () => 0,
    newId: () => "id",
    cwd: "/w",
    model: null,
    mcp: null,
    asksPermission: false,
    takesMessages: true,
  });
  const answer = (method: string, result: object): void => {
    const asked = lines.findLast((line) => line.method === method);
    driver.line(JSON.stringify({ id: asked?.id, result }));
  };
  const said = (method: string) => lines.filter((line) => line.method === method).map(({ params }) => params);
  driver.open(null);
  answer("initialize", {});
  answer("thread/start", { thread: { id: "t" } });
  driver.prompt("Work.");
  expect(driver.message("Mail.")).toBe(true);
  driver.cancel();
  expect([said("turn/steer"), said("turn/interrupt")]).toEqual([[], []]);
  answer("turn/start", { turn: { id: "turn-1" } });
  expect(said("turn/steer")).toMatchObject([{ expectedTurnId: "turn-1", input: [{ text: "Mail." }] }]);
  expect(said("turn/interrupt")).toMatchObject([{ turnId: "turn-1" }]);
  driver.line(JSON.stringify({ method: "turn/completed", params: { threadId: "t", turn: { id: "turn-1" } } }));
  // A turn whose end comes before its id: what was to be said in it is said later.
  driver.prompt("More.");
  expect(driver.message("Late.")).toBe(true);
  driver.line(JSON.stringify({ method: "turn/completed", params: { threadId: "t", turn: {} } }));
  expect(events.filter(({ type }) => type === "unsaid")).toEqual([{ type: "unsaid", text: "Late." }]);
});
