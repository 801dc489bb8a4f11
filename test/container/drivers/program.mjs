#!/usr/bin/env node
/**
 * A coding agent without a model, in a process of its own: program.mjs acp|claude|codex. In each turn it runs FAKE_SHELL as its only tool,
 * says what that printed, and stops. FAKE_ASK=1 asks for permission first; FAKE_ERROR=<status> fails the turn; FAKE_DIES=1 dies in the
 * turn; FAKE_SAYS=<text> stands in what ACP asks and fails with, and is said in two pieces; FAKE_STOPS=<reason> ends each turn for that reason, as ACP and Codex say it; FAKE_LOSES=1 knows no old conversation; FAKE_NOTE=<file> notes every prompt in it; FAKE_STUBBORN=1 does not end by itself.
 */
import { spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";

const { env, argv } = process;
const kind = argv[2];
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const note = (what) => env.FAKE_NOTE && appendFileSync(env.FAKE_NOTE, `${JSON.stringify(what)}\n`);
const option = (name) => (argv.includes(name) ? argv[argv.indexOf(name) + 1] : undefined);
let serial = 0;
let allowed = null;

/** The moves of each protocol: how it says that it has begun a tool, and so on. */
const MOVES = {
  acp: {
    start: (id, command) =>
      update({ sessionUpdate: "tool_call", toolCallId: id, kind: "execute", title: command, status: "in_progress" }),
    end: (id) => update({ sessionUpdate: "tool_call_update", toolCallId: id, status: "completed" }),
    text: (text) => update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } }),
    ask: (id, command) =>
      say({
        jsonrpc: "2.0",
        id: 900 + serial,
        method: "session/request_permission",
        params: {
          toolCall: { toolCallId: id, kind: "execute", title: `${command} ${env.FAKE_SAYS ?? ""}`.trim() },
          options: [
            { optionId: "yes", name: `Allow ${env.FAKE_SAYS ?? ""}`.trim(), kind: "allow_once" },
            { optionId: "no", name: "Deny", kind: "reject_once" },
          ],
        },
      }),
    stop: (turn) =>
      say({
        jsonrpc: "2.0",
        id: turn,
        result: { stopReason: env.FAKE_STOPS ?? "end_turn", usage: { inputTokens: 100, outputTokens: 10 } },
      }),
    fail: (turn, status) =>
      say({ jsonrpc: "2.0", id: turn, error: { code: status, message: `API error ${status} ${env.FAKE_SAYS ?? ""}` } }),
  },
  claude: {
    start: (id, command) => assistant({ type: "tool_use", id, name: "Bash", input: { command } }),
    end: (id) => say({ type: "user", message: { content: [{ type: "tool_result", tool_use_id: id, content: "" }] } }),
    text: (text) => assistant({ type: "text", text }),
    ask: (id, command) =>
      say({
        type: "control_request",
        request_id: id,
        request: { subtype: "can_use_tool", tool_name: "Bash", input: { command } },
      }),
    stop: () =>
      say({
        type: "result",
        is_error: false,
        result: "",
        total_cost_usd: 0.25,
        modelUsage: {
          "claude-x": { inputTokens: 90, cacheReadInputTokens: 10, outputTokens: 10, cacheCreationInputTokens: 0 },
        },
      }),
    fail: (_, status) =>
      say({ type: "result", is_error: true, api_error_status: status, result: `API error ${status}` }),
  },
  codex: {
    start: (id, command) => item("item/started", { type: "commandExecution", id, command, status: "inProgress" }),
    end: (id) => item("item/completed", { type: "commandExecution", id, status: "completed" }),
    text: (text) => item("item/completed", { type: "agentMessage", id: `m${++serial}`, text }),
    ask: (id, command) =>
      say({ id: 900 + serial, method: "item/commandExecution/requestApproval", params: { itemId: id, command } }),
    stop: (turn) => {
      const total = { inputTokens: 100 * ++turns, cachedInputTokens: 10, outputTokens: 10 };
      say({ method: "thread/tokenUsage/updated", params: { threadId: thread, tokenUsage: { total } } });
      say({
        method: "turn/completed",
        params: { threadId: thread, turn: { id: turn, status: env.FAKE_STOPS ?? "completed" } },
      });
    },
    fail: (turn, status) =>
      say({
        method: "turn/completed",
        params: {
          threadId: thread,
          turn: { id: turn, status: "failed", error: { message: `API error: status ${status}` } },
        },
      }),
  },
};
let turns = 0;
let thread = "thread-1";
const update = (of) =>
  say({ jsonrpc: "2.0", method: "session/update", params: { sessionId: "session-1", update: of } });
const assistant = (block) => say({ type: "assistant", message: { content: [block] } });
const item = (method, of) => say({ method, params: { threadId: thread, item: of } });
const { start, end, text, ask, stop, fail } = MOVES[kind];

async function turn(id, prompt) {
  note({ prompt });
  const tool = `tool-${++serial}`;
  const command = env.FAKE_SHELL ?? "true";
  if (env.FAKE_ASK) {
    ask(tool, command);
    if (!(await new Promise((resolve) => (allowed = resolve)))) {
      text("It was denied.");
      return stop(id);
    }
  }
  start(tool, command);
  if (env.FAKE_DIES) process.kill(process.pid, "SIGKILL");
  if (env.FAKE_ERROR) return fail(id, Number(env.FAKE_ERROR));
  const done = spawnSync("sh", ["-c", command], { encoding: "utf8", env: { ...env, FAKE_PROMPT: prompt } });
  end(tool);
  if (env.FAKE_SAYS) {
    text(`I say ${env.FAKE_SAYS.slice(0, 9)}`);
    // Longer than it takes until what was said is told.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    text(env.FAKE_SAYS.slice(9));
  }
  text(`${done.stdout}${done.stderr}`.trim() || "Nothing was printed.");
  stop(id);
}

const hear = {
  acp: ({ id, method, params, result }) => {
    const answer = (value) => say({ jsonrpc: "2.0", id, result: value });
    if (method === "initialize") answer({ protocolVersion: 1, agentCapabilities: { loadSession: true } });
    if (method === "session/new") {
      note({ opened: "new" });
      answer({ sessionId: "session-1" });
    }
    if (method === "session/load") {
      note({ opened: params.sessionId });
      if (env.FAKE_LOSES) say({ jsonrpc: "2.0", id, error: { code: -1, message: "no such session" } });
      else answer({});
    }
    if (method === "session/prompt") void turn(id, params.prompt[0].text);
    if (result?.outcome) allowed?.(result.outcome.optionId === "yes");
  },
  claude: (message) => {
    if (message.request?.subtype === "initialize") {
      note({ opened: option("--resume") ?? "new", chosen: option("--session-id") });
      if (env.FAKE_LOSES && option("--resume")) {
        say({ type: "result", subtype: "error_during_execution", is_error: true });
        process.exit(1);
      }
      say({ type: "control_response", response: { subtype: "success", request_id: message.request_id } });
    }
    if (message.type === "user") {
      say({ ...message, isReplay: true });
      void turn(null, message.message.content[0].text);
    }
    if (message.type === "control_response") allowed?.(message.response.response.behavior === "allow");
  },
  codex: ({ id, method, params, result }) => {
    if (method === "initialize") say({ id, result: {} });
    if (method === "thread/start") {
      note({ opened: "new" });
      say({ id, result: { thread: { id: "thread-1" } } });
    }
    if (method === "thread/resume") {
      note({ opened: params.threadId });
      if (!env.FAKE_LOSES) thread = params.threadId;
      if (env.FAKE_LOSES) say({ id, error: { code: -1, message: "no rollout found" } });
      else say({ id, result: { thread: { id: params.threadId } } });
    }
    if (method === "turn/start") {
      say({ id, result: { turn: { id: `turn-${id}` } } });
      void turn(`turn-${id}`, params.input[0].text);
    }
    if (method === "turn/steer") {
      note({ steered: params.input[0].text });
      say({ id, result: {} });
    }
    if (result?.decision) allowed?.(result.decision === "accept");
  },
}[kind];

const input = createInterface({ input: process.stdin });
input.on("line", (line) => hear(JSON.parse(line)));
input.on("close", () => env.FAKE_STUBBORN || process.exit(0));
if (env.FAKE_STUBBORN) setInterval(() => {}, 1000);
