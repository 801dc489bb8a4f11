import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { type Run, newRun, noteLine } from "../../container/agents/run.ts";
import { createEventRing, createLineSplitter, type Line } from "../../container/agents/output.ts";
import { agentEnvironment } from "../../container/agents/environment.ts";
import { readConfig } from "../../container/config.ts";
import { createTickets } from "../../container/http/tickets.ts";
import * as LIMITS from "../../container/limits.ts";
import { exec } from "../../container/processes/exec.ts";
import { createCallbacks } from "../../container/reports/callbacks.ts";
import { StartAgentRequest } from "../../src/wire/container.ts";
import { CONTAINER_DIR, startBody, tempDir } from "./world.ts";

/** The bounds of the control server, from both sides: the last that is taken, and the first that is not. */

const CONFIG = readConfig({ CONTROL_TOKEN: "t", PATH: process.env["PATH"] });
const REQUEST = StartAgentRequest.parse(startBody("/r.git", "true"));
const SIZE = { cwd: "/", env: { PATH: process.env["PATH"] ?? "" } };

test("every bound is used somewhere", () => {
  const sources = readdirSync(CONTAINER_DIR, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && file !== "limits.ts")
    .map((file) => readFileSync(path.join(CONTAINER_DIR, file), "utf8"))
    .join("\n");
  expect(Object.keys(LIMITS).filter((name) => !new RegExp(`\\b${name}\\b`).test(sources))).toEqual([]);
});

test("a ring of events forgets by number and by bytes, the oldest first, and never the last one", () => {
  const ring = createEventRing();
  const ids = (): number[] => ring.since(0).map(({ id }) => id);
  for (let n = 0; n < LIMITS.EVENTS_PER_AGENT_MAX; n++) ring.append("e", {});
  expect([ids().length, ids()[0]]).toEqual([LIMITS.EVENTS_PER_AGENT_MAX, 1]);
  ring.append("e", {});
  expect([ids().length, ids()[0]]).toEqual([LIMITS.EVENTS_PER_AGENT_MAX, 2]);

  const large = createEventRing();
  const quarter = "x".repeat(LIMITS.EVENT_BYTES_PER_AGENT_MAX / 4 - 200);
  for (let n = 0; n < 4; n++) large.append("e", quarter);
  expect(large.since(0).length).toBe(4);
  large.append("e", quarter);
  expect(large.since(0).map(({ id }) => id)).toEqual([2, 3, 4, 5]);
  large.append("e", "x".repeat(2 * LIMITS.EVENT_BYTES_PER_AGENT_MAX));
  expect(large.since(0).map(({ id }) => id)).toEqual([6]);
});

test("a line is whole up to its bound, and cut and marked one character further", () => {
  const lines: Line[] = [];
  const splitter = createLineSplitter(
    (text) => text,
    (line) => lines.push(line),
  );
  for (const more of [0, 1]) splitter.push(Buffer.from(`${"x".repeat(LIMITS.LINE_MAX_CHARS + more)}\n`));
  expect(lines.map(({ text, truncated }) => [text.length, truncated])).toEqual([
    [LIMITS.LINE_MAX_CHARS, false],
    [LIMITS.LINE_MAX_CHARS, true],
  ]);
});

test("an agent has so many tools open and no more, and its reason fits into a row", () => {
  const run: Run = newRun(REQUEST, CONFIG);
  const say = (line: object): void =>
    noteLine(run, createEventRing(), "stdout", { text: JSON.stringify(line), truncated: false });
  for (let n = 0; n <= LIMITS.ACTIVE_TOOLS_MAX; n++) say({ type: "tool_start", name: `tool ${n}` });
  expect(run.activeTools.size).toBe(LIMITS.ACTIVE_TOOLS_MAX);
  say({ type: "exit_reason", reason: "r".repeat(LIMITS.REASON_MAX_CHARS + 1) });
  expect(run.stated?.reason.length).toBe(LIMITS.REASON_MAX_CHARS);
});

test("one variable and all of them together are refused one byte past what a process can be given", () => {
  const remote = { url: "/r.git", credentials: null, origin: null };
  const give = (envVars: Record<string, string>): Record<string, string> =>
    agentEnvironment({ ...REQUEST, envVars }, CONFIG, remote, null);
  const fits = LIMITS.ENV_VALUE_MAX_BYTES - "BIG".length - 2;
  expect(give({ BIG: "x".repeat(fits) })["BIG"]?.length).toBe(fits);
  expect(() => give({ BIG: "x".repeat(fits + 1) })).toThrow(`BIG is larger than ${LIMITS.ENV_VALUE_MAX_BYTES} bytes`);
  // Counted in bytes, as the kernel does.
  expect(() => give({ BIG: "ü".repeat(fits / 2 + 1) })).toThrow("BIG is larger");

  const sizeOf = (env: Record<string, string>): number =>
    Object.entries(env).reduce((sum, [name, value]) => sum + Buffer.byteLength(value) + name.length + 2, 0);
  const chunk = 100_000;
  const most: Record<string, string> = {};
  for (let n = 0; sizeOf(give(most)) + chunk + 10 < LIMITS.ENV_TOTAL_MAX_BYTES; n++) most[`V${n}`] = "x".repeat(chunk);
  const left = LIMITS.ENV_TOTAL_MAX_BYTES - sizeOf(give(most)) - "REST".length - 2;
  expect(sizeOf(give({ ...most, REST: "x".repeat(left) }))).toBe(LIMITS.ENV_TOTAL_MAX_BYTES);
  expect(() => give({ ...most, REST: "x".repeat(left + 1) })).toThrow(
    `the environment is larger than ${LIMITS.ENV_TOTAL_MAX_BYTES} bytes`,
  );
});

test("a git command has until its deadline: one that is quicker ends by itself, one that is not is stopped, with all that it started", async () => {
  const quick = await exec("sh", ["-c", "echo done"], { ...SIZE, timeout_ms: 60_000 });
  expect(quick).toEqual({ code: 0, stdout: "done\n", stderr: "" });
  const began = Date.now();
  const slow = await exec("sh", ["-c", "sleep 300 & echo begun; wait"], { ...SIZE, timeout_ms: 200 });
  expect(slow.code).toBe(null);
  expect(slow.stderr).toBe("took longer than 0.2 s and was stopped");
  // The pipes are closed, so the sleep is gone as well.
  expect(Date.now() - began).toBeLessThan(60_000);
});

test("of what git prints so much is read, and of what it complains about the end is kept", async () => {
  const printing = (bytes: number, to: string): Promise<{ code: number | null; stdout: string; stderr: string }> =>
    exec("sh", ["-c", `head -c ${bytes} /dev/zero | tr '\\0' x ${to}`], { ...SIZE, timeout_ms: 60_000 });
  expect((await printing(LIMITS.GIT_STDOUT_MAX_BYTES, "")).stdout.length).toBe(LIMITS.GIT_STDOUT_MAX_BYTES);
  const over = await printing(LIMITS.GIT_STDOUT_MAX_BYTES + 1, "");
  expect([over.code, over.stderr]).toEqual([null, "printed too much and was stopped"]);
  expect((await printing(LIMITS.GIT_STDERR_MAX_CHARS, ">&2")).stderr.length).toBe(LIMITS.GIT_STDERR_MAX_CHARS);
  expect((await printing(LIMITS.GIT_STDERR_MAX_CHARS + 1, ">&2")).stderr.length).toBe(LIMITS.GIT_STDERR_MAX_CHARS);
});

test("of too many tickets the oldest is forgotten, and one that is one less is not", () => {
  const tickets = createTickets(() => 0);
  const [first, second] = [tickets.issue("a1").ticket, tickets.issue("a1").ticket];
  for (let n = 2; n < LIMITS.TICKETS_MAX; n++) tickets.issue("a1");
  expect(Buffer.from(first, "base64url").length).toBe(LIMITS.TICKET_BYTES);
  tickets.issue("a1");
  expect(tickets.redeem(first, "a1")).toBe(false);
  expect(tickets.redeem(second, "a1")).toBe(true);
});

test("of too many callbacks the oldest is dropped, with a word in the log", () => {
  const log: string[] = [];
  const callbacks = createCallbacks({ dir: tempDir(), max_ms: 60_000, log: (line) => log.push(line) });
  const enqueue = (n: number): void =>
    callbacks.enqueue({ id: `completed ${n}`, url: "http://127.0.0.1:1/", token: null, body: {} });
  for (let n = 1; n <= LIMITS.CALLBACKS_PENDING_MAX; n++) enqueue(n);
  const dropped = (): string[] => log.filter((line) => line.includes("dropped"));
  expect([callbacks.pending(), dropped()]).toEqual([LIMITS.CALLBACKS_PENDING_MAX, []]);
  enqueue(LIMITS.CALLBACKS_PENDING_MAX + 1);
  expect(callbacks.pending()).toBe(LIMITS.CALLBACKS_PENDING_MAX);
  expect(dropped()).toEqual([`callback "completed 1" dropped: more than ${LIMITS.CALLBACKS_PENDING_MAX} are waiting`]);
  callbacks.close();
});
