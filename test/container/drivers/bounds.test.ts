/** What a driver keeps has an end: the last that is taken, and the first that is not. */
import { expect, test } from "vitest";
import { openAsks, openTools } from "../../../container/agents/drivers/books.ts";
import { endingOf, isFinal, statusIn } from "../../../container/agents/drivers/endings.ts";
import { createRpc } from "../../../container/agents/drivers/rpc.ts";
import type { Ask, DriverEvent } from "../../../container/agents/drivers/vocabulary.ts";
import {
  ASK_OPTIONS_MAX,
  ASK_TEXT_MAX_CHARS,
  DRIVER_ASKS_MAX,
  DRIVER_CALLS_MAX,
  DRIVER_TOOLS_MAX,
  TOOL_ENDS_MAX,
  TOOL_NAME_MAX_CHARS,
  TOOL_TITLE_MAX_CHARS,
} from "../../../container/limits.ts";
import { openStage } from "./stage.ts";

const ask = (id: string): Ask => ({ id, kind: "permission", text: "?", command: null, options: [] });

test("as many tools are open as there may be, and one more is not told", () => {
  const events: DriverEvent[] = [];
  const tools = openTools((event) => events.push(event));
  for (let n = 0; n <= DRIVER_TOOLS_MAX; n++) tools.start(`t${n}`, "n", "");
  expect(events).toHaveLength(DRIVER_TOOLS_MAX);
  tools.end("t0", true);
  tools.start("one more", "n", "");
  expect(events.slice(-2).map(({ type }) => type)).toEqual(["tool_end", "tool_start"]);
  tools.closeAll();
  expect(events.filter(({ type }) => type === "tool_end")).toHaveLength(DRIVER_TOOLS_MAX + 1);
});

test("a tool that has ended is known as ended until so many others have", () => {
  const events: DriverEvent[] = [];
  const tools = openTools((event) => events.push(event));
  const run = (id: string): void => {
    tools.start(id, "n", "");
    tools.end(id, true);
  };
  run("first");
  for (let n = 1; n < DRIVER_TOOLS_MAX; n++) run(`t${n}`);
  const before = events.length;
  run("first");
  expect(events).toHaveLength(before);
  run("the one that makes it forget");
  run("first");
  expect(events).toHaveLength(before + 4);
});

test("names and titles of tools are cut", () => {
  const events: DriverEvent[] = [];
  openTools((event) => events.push(event)).start("t", "n".repeat(1000), "t".repeat(1000));
  const [started] = events;
  if (started?.type !== "tool_start") throw new Error("nothing has started");
  expect([started.name.length, started.title.length]).toEqual([TOOL_NAME_MAX_CHARS, TOOL_TITLE_MAX_CHARS]);
});

test("as many asks are open as there may be, and one more is refused", () => {
  const events: DriverEvent[] = [];
  const asks = openAsks((event) => events.push(event));
  for (let n = 0; n < DRIVER_ASKS_MAX; n++) expect(asks.open(ask(`a${n}`), {})).toBe(true);
  expect(asks.open(ask("more"), {})).toBe(false);
  expect(asks.open(ask("a0"), {})).toBe(true);
  asks.close("a0");
  expect(asks.open(ask("more"), {})).toBe(true);
  expect(events.filter(({ type }) => type === "asks")).toHaveLength(DRIVER_ASKS_MAX + 1);
});

test("what is asked has the length and the options that the rig takes", () => {
  const stage = openStage("acp");
  const options = Array.from({ length: 20 }, (_, n) => ({
    optionId: `o${n}`,
    name: "n".repeat(500),
    kind: "allow_once",
  }));
  const params = { toolCall: { toolCallId: "c", title: "t".repeat(10_000) }, options };
  stage.print(
    `${JSON.stringify({ jsonrpc: "2.0", id: "x".repeat(200), method: "session/request_permission", params })}\n`,
  );
  const [asked] = stage.asked;
  expect([asked?.id.length, asked?.text.length, asked?.options.length]).toEqual([
    64,
    ASK_TEXT_MAX_CHARS,
    ASK_OPTIONS_MAX,
  ]);
});

test("as many calls wait for an answer as there may be, and one more is not made", () => {
  const lines: string[] = [];
  const write = (line: string): boolean => lines.push(line) > 0;
  const rpc = createRpc({ write, head: {}, onNotice: () => {}, onRequest: () => false, onOther: () => {} });
  for (let n = 0; n < DRIVER_CALLS_MAX; n++) expect(rpc.call("m", {}, () => {})).toBe(true);
  expect(rpc.call("m", {}, () => {})).toBe(false);
  rpc.line('{"id":1,"result":{}}');
  expect(rpc.call("m", {}, () => {})).toBe(true);
  expect(lines).toHaveLength(DRIVER_CALLS_MAX + 1);
});

test("a request that is not offered is answered with that", () => {
  const lines: string[] = [];
  const rpc = createRpc({
    write: (line) => lines.push(line) > 0,
    head: {},
    onNotice: () => {},
    onRequest: () => false,
    onOther: () => {},
  });
  rpc.line('{"id":"a","method":"fs/read_text_file","params":{}}');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { id: "a", error: { code: -32_601, message: "fs/read_text_file is not offered" } },
  ]);
});

test.each([
  [null, "Please run /login", "not_authorized"],
  [null, "API key not valid. Please pass a valid API key.", "not_authorized"],
  [null, "You exceeded your current quota, insufficient_quota", "over_budget"],
  [429, "You exceeded your current quota", "rate_limited"],
  [400, "prompt is too long: 208310 tokens > 200000 maximum", "context_full"],
  [null, "RESOURCE_EXHAUSTED", "rate_limited"],
  [529, "Overloaded", "rate_limited"],
  [500, "Internal server error", "crashed"],
  [null, "segmentation fault", "crashed"],
] as const)("an error with status %s and the words %j is %s", (status, text, kind) => {
  expect(endingOf({ status, text })).toBe(kind);
});

test("a key that is refused, an empty account and a full context are mended by no repetition", () => {
  expect(["not_authorized", "over_budget", "context_full"].every((kind) => isFinal(kind as never))).toBe(true);
  expect(["rate_limited", "crashed"].some((kind) => isFinal(kind as never))).toBe(false);
  expect([statusIn("API Error: 429 {}"), statusIn("took 429 ms"), statusIn("http 503")]).toEqual([429, null, 503]);
});

test.each(["acp", "claude", "codex"] as const)(
  "a tool of %s that ends as it has ended before shows nothing new, as long as it is remembered",
  (kind) => {
    const stage = openStage(kind);
    let n = 0;
    const shownAfter = (what: string): number => {
      stage.fake.startsTool(`t${++n}`, what);
      stage.fake.endsTool(`t${n}`);
      return stage.conversation.facts().shown;
    };
    expect([shownAfter("the same"), shownAfter("the same"), shownAfter("another")]).toEqual([1, 1, 2]);
    for (let i = 0; i < TOOL_ENDS_MAX - 2; i++) shownAfter(`other ${i}`);
    expect(shownAfter("the same")).toBe(TOOL_ENDS_MAX);
    expect([shownAfter("one more"), shownAfter("another")]).toEqual([TOOL_ENDS_MAX + 1, TOOL_ENDS_MAX + 2]);
  },
);
