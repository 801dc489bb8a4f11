import { spawnSync } from "node:child_process";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { parsePlan } from "../../container/demo/plan.ts";
import { judgeStart } from "../../container/agents/dispatch.ts";
import { markedProcesses } from "../../container/processes/marks.ts";
import { createKeyedMutex } from "../../container/mutex.ts";
import { createEventRing, createLineSplitter, type Line, parseAgentLine } from "../../container/agents/output.ts";
import { tailOf } from "../../container/agents/tail.ts";

test("dispatch numbers are compared as numbers, and only within one agent", () => {
  const last = { dispatchId: "a1:9", live: true, spawned: true };
  expect(judgeStart("a1", "a1:10", last)).toBe("newer");
  expect(judgeStart("a1", "a1:9", last)).toBe("same");
  expect(judgeStart("a1", "a1:8", last)).toBe("older");
  expect(judgeStart("a1", null, last)).toBe("same");
  expect(judgeStart("a1", null, { ...last, live: false })).toBe("newer");
  expect(judgeStart("a1", "a1:9", { ...last, live: false })).toBe("same");
  expect(judgeStart("a1", "a1:9", { ...last, live: false, spawned: false })).toBe("newer");
  expect(judgeStart("a1", "a1:1", { ...last, dispatchId: null })).toBe("newer");
  expect(() => judgeStart("a1", "a2:1", null)).toThrow("is not a1:<number>");
});

test("an agent's last words are its own, or the sentence in what is told of it, and never the form that Ticktown tells it in", () => {
  const ring = createEventRing();
  ring.append("agent_started", { pid: 1 });
  for (const [type, data] of [
    ["text", { text: "I look at it." }],
    ["tool_start", { name: "Bash", title: "ls" }],
    ["asks", { id: "p1", kind: "permission", text: "May I run it?", command: "ls", options: [] }],
    ["waiting", { until: null, says: "the model is overloaded" }],
    ["output", { stream: "stderr", line: "warning: low on disk" }],
    ["result", { cost: 3 }],
    ["hand_in", { result: "refused", code: "untidy", sentence: "There are files without a commit." }],
    ["hand_in_failed", { error: "HTTP 500: broken" }],
    ["waiting", { until: null }],
    ["turn_end", { stop: "failed" }],
    ["messages_undelivered", { count: 1 }],
    ["agent_exited", { reason: "exit 9" }],
  ] as const)
    ring.append(type, data);
  expect(tailOf(ring).split("\n")).toEqual([
    "I look at it.",
    "May I run it?",
    "the model is overloaded",
    "warning: low on disk",
    // What a plain command prints as JSON is its own word.
    '{"type":"result","cost":3}',
    "There are files without a commit.",
    "HTTP 500: broken",
  ]);
});

test("tasks of one key run one after the other, of other keys at the same time, and a failure stops nobody", async () => {
  const mutex = createKeyedMutex();
  const log: string[] = [];
  const task =
    (name: string, fails = false) =>
    async () => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 10));
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
    };
  await Promise.allSettled([mutex("x", task("a", true)), mutex("x", task("b")), mutex("y", task("c"))]);
  expect(log.slice(0, 2)).toEqual(["a begins", "c begins"]);
  expect(log.filter((line) => !line.startsWith("c"))).toEqual(["a begins", "a ends", "b begins", "b ends"]);
});

test("a line is put together from any chunks, even through the middle of a character", () => {
  const lines: Line[] = [];
  const splitter = createLineSplitter(
    (text) => text,
    (line) => lines.push(line),
  );
  for (const byte of Buffer.from("grüße\r\nlast")) splitter.push(Buffer.from([byte]));
  splitter.end();
  expect(lines.map(({ text }) => text)).toEqual(["grüße", "last"]);
});

test("the end of a line too long to read is cut before half a secret could show", () => {
  const lines: Line[] = [];
  const secret = "s".repeat(3000);
  const splitter = createLineSplitter(
    (text) => text.replaceAll(secret, "-"),
    (line) => lines.push(line),
  );
  splitter.push(Buffer.from(`${"x".repeat(100)}${secret}${"y".repeat(8000)}${secret}\n`));
  expect(lines[0]?.truncated).toBe(true);
  expect(lines[0]?.text).not.toContain("s");
});

test("an `after` from before a restart is beyond every id, so everything is new", () => {
  const ring = createEventRing();
  ring.append("a", {});
  ring.append("b", {});
  expect(ring.since(1).map(({ type }) => type)).toEqual(["b"]);
  expect(ring.since(2)).toEqual([]);
  expect(ring.since(5000).map(({ type }) => type)).toEqual(["a", "b"]);
});

test("only a JSON object with a type speaks to the control server", () => {
  expect(parseAgentLine('{"type":"tool","name":"x"}')).toEqual({ type: "tool", name: "x" });
  for (const text of ["hello", "{broken", '["type"]', '{"type":7}', '{"type":""}', "{}", "null"])
    expect(parseAgentLine(text)).toBeNull();
});

test("a demo plan takes what it knows from the body and has a default for the rest", () => {
  expect(parsePlan(null, "b1")).toEqual({
    steps: 3,
    step_ms: 300,
    file: "work/b1.md",
    help: null,
    fail: 0,
    rate_limit_ms: 0,
    hang: false,
    forget: false,
    todo: false,
    spend: 0,
  });
  const body =
    "Please write it.\n- steps: 5\nstep_ms: 10\nfile: docs/x.md\nhelp: Which colour: red or blue?\nfail: 2\nhang: once\ncolour: red";
  expect(parsePlan(body, "b1")).toEqual({
    steps: 5,
    step_ms: 10,
    file: "docs/x.md",
    help: "Which colour: red or blue?",
    fail: 2,
    rate_limit_ms: 0,
    hang: true,
    forget: false,
    todo: false,
    spend: 0,
  });
});

test.each(["../x", "/etc/passwd", "a/../../b", ".git/config", "a//b"])("a demo plan does not write to %s", (file) => {
  expect(parsePlan(`file: ${file}`, "b1").file).toBe("work/b1.md");
});

test("a server that exits while it makes a process leaves none behind", async () => {
  const supervisor = path.resolve(import.meta.dirname, "../../container/agents/supervisor.ts");
  const mark = `test-${process.pid}-${Date.now()}:run`;
  const server = (end: string) => `
    const { spawnAgent } = await import(${JSON.stringify(supervisor)});
    const agent = spawnAgent({ command: "setsid sleep 60 & sleep 60", cwd: "/", env: { PATH: process.env.PATH }, mark: ${JSON.stringify(mark)}, redact: (text) => text, onLine: () => {} });
    ${end}`;
  // At once, when nobody knows of the process yet; and when it runs. What it prints says that it came so far.
  for (const end of [
    "console.log('here'); process.exit(0);",
    "await agent; console.log('here'); process.exit(1);",
    "await agent; setTimeout(() => { console.log('here'); throw new Error('a bug'); });",
  ]) {
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", server(end)], { encoding: "utf8" });
    expect([end, stdout]).toEqual([end, "here\n"]);
    for (let tries = 0; markedProcesses(mark).length > 0 && tries < 40; tries++) await sleep(25);
    expect([end, markedProcesses(mark)]).toEqual([end, []]);
  }
});
