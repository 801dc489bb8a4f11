import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { expect, test } from "vitest";
import type { DoorDispatch } from "../../../container/agents/door/pass.ts";
import { redactorOf } from "../../../container/redact.ts";
import { type FakeRig, cleanUp, createFakeRig, eventually } from "../world.ts";
import { type Opened, ask, openPass } from "./world.ts";

/** Ticktown's tools as an agent sees them, spoken to with the protocol's official client. */

interface World extends Opened {
  readonly rig: FakeRig;
  readonly client: Client;
  readonly call: (name: string, args?: Record<string, unknown>) => Promise<{ text: string; isError: boolean }>;
}

async function world(dispatch: Partial<DoorDispatch> = {}, limits = {}): Promise<World> {
  const rig = await createFakeRig();
  const opened = await openPass(
    "http://127.0.0.1:9",
    { apiUrl: rig.url, token: "rig-token-0123456789", ...dispatch },
    { limits },
  );
  const { pass } = opened;
  const client = new Client({ name: "test", version: "1" });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(pass.mcpUrl), {
      requestInit: { headers: { authorization: `Bearer ${pass.token}` } },
    }),
  );
  cleanUp(() => client.close());
  const call: World["call"] = async (name, args = {}) => {
    const { content, isError } = await client.callTool({ name, arguments: args });
    const [first] = content as { type: string; text: string }[];
    expect(first?.type).toBe("text");
    return { text: first?.text ?? "", isError: isError === true };
  };
  return { ...opened, rig, client, call };
}

const handedIn = (code: string, sentence: string) => () => ({
  status: 200,
  data: { done: true, hand_in: { code, sentence } },
});

test("the official client finds seven tools, each with a description and a schema of an object", async () => {
  const { client } = await world();
  expect(client.getServerVersion()?.name).toBe("ticktown");
  expect(client.getInstructions()).toContain("gt_done");
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toEqual([
    "gt_done",
    "gt_ask",
    "gt_mail",
    "gt_checkpoint",
    "gt_progress",
    "gt_prime",
    "gt_sync",
  ]);
  for (const tool of tools) {
    expect(tool.description?.length).toBeGreaterThan(20);
    expect(tool.inputSchema.type).toBe("object");
  }
  expect(tools[0]?.inputSchema).toMatchObject({
    required: ["summary"],
    properties: { resolution: { enum: ["work", "no_change"] } },
  });
  await client.ping();
});

test("gt_done says done with the dispatch's branch and the rig's token, and answers in the same call that it was accepted", async () => {
  const { rig, call, of, pass } = await world();
  rig.answer = handedIn("accepted", "Your work was taken: commit 0123456789, 1 changed file.");
  const got = await call("gt_done", { summary: "wrote it" });
  expect(got.isError).toBe(false);
  expect(got.text).toContain("commit 0123456789");
  expect(rig.to("/rigs/rig1/agents/a1/done")).toMatchObject([
    {
      token: "rig-token-0123456789",
      body: { branch: "gt/a1", summary: "wrote it", resolution: "work", wait_ms: 30_000 },
    },
  ]);
  expect(of("handed_in")).toMatchObject([{ code: "accepted", accepted: true }]);
  expect(of("tool")).toEqual([{ type: "tool", name: "gt_done", ok: true }]);
  expect(pass.handedIn()).toBe(true);
});

test("gt_done answers why a hand-in was refused and what to do, so that it is mended and handed in again in the same turn", async () => {
  const { rig, call, of, pass } = await world();
  rig.answer = handedIn("dirty", "x.txt is not committed.");
  const refused = await call("gt_done", { summary: "s" });
  expect(refused).toMatchObject({ isError: true });
  expect(refused.text).toMatch(/dirty.*x\.txt is not committed.*call gt_done again/);
  expect(pass.handedIn()).toBe(false);
  rig.answer = handedIn("accepted", "Taken.");
  expect((await call("gt_done", { summary: "s" })).isError).toBe(false);
  expect(of("handed_in").map(({ accepted }) => accepted)).toEqual([false, true]);
  expect(pass.handedIn()).toBe(true);
});

test("a hand-in that nobody has looked at yet is neither accepted nor an error, and one of nothing is said with its reason", async () => {
  const { rig, call, pass } = await world();
  rig.answer = handedIn("waiting", "It is being looked at; nothing is known yet.");
  const got = await call("gt_done", { summary: "it is right already", resolution: "no_change" });
  expect(got).toMatchObject({ isError: false });
  expect(got.text).toContain("gt_done again");
  expect(pass.handedIn()).toBe(false);
  expect(rig.requests[0]?.body).toMatchObject({ resolution: "no_change", reason: "it is right already" });
});

test("a rig that fails for a moment is asked again; what it refuses is told in its words", async () => {
  const { rig, call } = await world();
  let failures = 2;
  rig.answer = () => (failures-- > 0 ? { status: 503 } : handedIn("accepted", "Taken.")());
  expect((await call("gt_done", { summary: "s" })).isError).toBe(false);
  expect(rig.requests).toHaveLength(3);
  rig.answer = () => ({ status: 409 });
  expect(await call("gt_done", { summary: "s" })).toEqual({
    isError: true,
    text: "The rig refused it (HTTP 409): HTTP 409",
  });
});

test("gt_ask puts a question with its options to the rig, ends the turn, and the answer becomes the words of the next prompt", async () => {
  const { rig, call, of, pass } = await world();
  const got = await call("gt_ask", { question: "Which colour?", options: ["red", "blue"] });
  expect(got.text).toContain("next message");
  const [asked] = of("asked");
  expect(rig.to("/agents/a1/asked")[0]?.body).toEqual({
    dispatch_id: "a1:1",
    ask_id: asked?.askId,
    kind: "question",
    text: "Which colour?",
    options: [
      { id: "1", label: "red" },
      { id: "2", label: "blue" },
    ],
  });
  expect(asked?.askId.length).toBeLessThanOrEqual(64);
  expect(pass.answered("ask-of-somebody-else", { text: "red" })).toBeNull();
  expect(pass.answered(asked?.askId ?? "", { optionId: "2", text: "a dark one" })).toBe(
    "You asked: Which colour?\nThe answer: blue. a dark one",
  );
  expect(pass.answered(asked?.askId ?? "", { optionId: "2" })).toBeNull();
});

test("a rig that knows no questions gets an escalation, once, with the options in its text", async () => {
  const { rig, call, of } = await world();
  rig.answer = ({ path }) => ({ status: path.endsWith("/asked") ? 404 : 201 });
  expect((await call("gt_ask", { question: "Which\ncolour?", options: ["red"] })).isError).toBe(false);
  const [escalation] = rig.to("/rigs/rig1/escalations");
  expect(escalation?.body).toEqual({
    title: "Which colour?",
    body: "Which\ncolour?\n1. red",
    metadata: { agent_id: "a1", kind: "help" },
  });
  expect(escalation?.headers["idempotency-key"]).toBe(of("asked")[0]?.askId);
});

test("the other tools: a note, a line of progress, mail, what is known of the work, and what was merged meanwhile", async () => {
  const { rig, call } = await world();
  expect((await call("gt_checkpoint", { note: "half done" })).text).toBe("Saved.");
  expect(rig.to("/checkpoint")[0]?.body).toEqual({ data: { note: "half done" } });
  await call("gt_progress", { text: `looking\n at ${"x".repeat(500)}` });
  expect(rig.to("/status")[0]?.body["status"]).toBe(`looking at ${"x".repeat(189)}`);
  rig.answer = () => ({ status: 200, data: [] });
  expect((await call("gt_mail")).text).toBe("No mail.");
  rig.answer = () => ({ status: 200, data: [{ subject: "hello", body: "you" }] });
  expect(JSON.parse((await call("gt_mail")).text)).toEqual([{ subject: "hello", body: "you" }]);
  rig.answer = () => ({ status: 200, data: { hooked_bead: { id: "b1" } } });
  expect(JSON.parse((await call("gt_prime")).text)).toEqual({ hooked_bead: { id: "b1" } });
  rig.answer = () => ({ status: 200, data: { synced: true, target: "0123456789abcdef" } });
  expect((await call("gt_sync")).text).toContain(
    "main is at 0123456789abcdef. Take it in: git fetch origin && git merge origin/main",
  );
  expect(rig.requests.map(({ method }) => method)).toEqual(["POST", "POST", "GET", "GET", "GET", "POST"]);
});

test("arguments that do not fit are answered with what is wrong, and nothing is said to the rig", async () => {
  const { rig, call, client } = await world();
  for (const [name, args] of [
    ["gt_done", {}],
    ["gt_done", { summary: "s", resolution: "merged" }],
    ["gt_done", { summary: 7 }],
    ["gt_ask", { question: "q", options: Array.from({ length: 9 }, (_, n) => `${n}`) }],
    ["gt_ask", { question: "x".repeat(4_001) }],
    ["gt_checkpoint", { note: "x".repeat(100_001) }],
  ] as const)
    expect(await call(name, args)).toMatchObject({
      isError: true,
      text: expect.stringMatching(/^Nothing was done: \w+/),
    });
  await expect(client.callTool({ name: "gt_nuke", arguments: {} })).rejects.toThrow("no such tool");
  expect(rig.requests).toEqual([]);
});

test("PASS-rig the rig's token is in no answer of a tool, whatever the rig says", async () => {
  const token = "rig-token-0123456789";
  const { rig, call, pass, events } = await world({ redact: redactorOf([token]) });
  rig.answer = handedIn("dirty", `the token ${token} is wrong`);
  expect((await call("gt_done", { summary: "s" })).text).not.toContain(token);
  rig.answer = () => ({ status: 200, data: { env: token } });
  expect((await call("gt_prime")).text).toContain("[redacted]");
  expect(JSON.stringify([pass, events])).not.toContain(token);
});

test("without a rig the tools say so", async () => {
  const { call } = await world({ apiUrl: null });
  expect((await call("gt_mail")).text).toContain("there is no rig");
});

test("a dispatch that is over stops asking a rig that is away", async () => {
  const { rig, client, pass } = await world();
  rig.answer = () => ({ status: 503 });
  const call = client.callTool({ name: "gt_mail", arguments: {} }).catch(() => "cut off");
  await eventually("it was asked", () => rig.requests.length > 0);
  pass.close();
  await call;
  const asked = rig.requests.length;
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(rig.requests.length).toBe(asked);
});

test("so many questions may wait for an answer, and so many calls run at once", async () => {
  const { call, rig, pass } = await world({}, { tools: 1 });
  for (let n = 0; n < 20; n++) expect((await call("gt_ask", { question: `q${n}` })).isError).toBe(false);
  expect(await call("gt_ask", { question: "one more" })).toMatchObject({ isError: true });
  expect(rig.to("/asked")).toHaveLength(20);
  rig.answer = () => ({ status: 503 });
  const slow = call("gt_mail").catch(() => null);
  await eventually("it runs", () => rig.to("/mail").length > 0);
  await expect(call("gt_mail")).rejects.toThrow("under way");
  pass.close();
  await slow;
});

interface Post {
  readonly name: string;
  readonly body: string;
  readonly headers?: Record<string, string>;
  readonly method?: string;
  readonly status: number;
  readonly code?: number;
}

const call = (id: unknown, method: string, params: unknown = {}): string =>
  JSON.stringify({ jsonrpc: "2.0", id, method, params });

test.each<Post>([
  { name: "no JSON", body: "{", status: 400, code: -32_700 },
  { name: "an empty list", body: "[]", status: 400, code: -32_600 },
  {
    name: "a list that is too long",
    body: `[${Array.from({ length: 11 }, (_, n) => call(n, "ping")).join(",")}]`,
    status: 400,
    code: -32_600,
  },
  { name: "no message", body: "7", status: 200, code: -32_600 },
  { name: "an unknown method", body: call(1, "resources/list"), status: 200, code: -32_601 },
  { name: "an unknown tool", body: call(1, "tools/call", { name: "__proto__" }), status: 200, code: -32_602 },
  { name: "a call without a name", body: call(1, "tools/call"), status: 200, code: -32_602 },
  { name: "an id that is none", body: call({}, "ping"), status: 200, code: -32_600 },
  { name: "a form of a web page", body: "a=b", headers: { "content-type": "text/plain" }, status: 415 },
  {
    name: "a version from elsewhere",
    body: call(1, "ping"),
    headers: { "mcp-protocol-version": "1999-01-01" },
    status: 400,
  },
  { name: "a stream of the server's own", body: "", method: "GET", status: 405 },
  { name: "the end of a session", body: "", method: "DELETE", status: 405 },
  {
    name: "a notification",
    body: JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }),
    status: 202,
  },
])("spoken to by hand: $name", async ({ body, headers, method = "POST", status, code }) => {
  const { pass } = await openPass("http://127.0.0.1:9");
  const got = await ask(pass.mcpUrl, {
    method,
    headers: { authorization: `Bearer ${pass.token}`, "content-type": "application/json", ...headers },
    body,
  });
  expect(got.status).toBe(status);
  if (code !== undefined) expect(JSON.parse(got.text)).toMatchObject({ jsonrpc: "2.0", error: { code } });
});

test.each(["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])(
  "the protocol of %s is spoken, and to one that is not known the newest is offered",
  async (version) => {
    const { pass } = await openPass("http://127.0.0.1:9");
    const initialize = async (protocolVersion: string): Promise<string> => {
      const got = await ask(pass.mcpUrl, {
        headers: { authorization: `Bearer ${pass.token}`, "content-type": "application/json" },
        body: call(1, "initialize", { protocolVersion, capabilities: {}, clientInfo: { name: "x", version: "1" } }),
      });
      return (JSON.parse(got.text) as { result: { protocolVersion: string } }).result.protocolVersion;
    };
    expect(await initialize(version)).toBe(version);
    expect(await initialize("2099-01-01")).toBe("2025-11-25");
  },
);

test("several messages of the older protocol are answered together", async () => {
  const { pass } = await openPass("http://127.0.0.1:9");
  const got = await ask(pass.mcpUrl, {
    headers: { authorization: `Bearer ${pass.token}`, "content-type": "application/json" },
    body: `[${call(1, "ping")},${call("two", "tools/list")},${JSON.stringify({ jsonrpc: "2.0", method: "notifications/x" })}]`,
  });
  expect((JSON.parse(got.text) as { id: unknown }[]).map(({ id }) => id)).toEqual([1, "two"]);
});
