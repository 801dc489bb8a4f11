import { createHash, randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { Provider as ProviderName } from "../../../container/agents/door/upstreams.ts";
import { eventually } from "../world.ts";
import { type Opened, KEYS, ask, createProvider, json, message, openPass } from "./world.ts";

/** What goes through the door to a model, what comes back, and what is read of it on the way. */

const sse = (events: readonly unknown[], named = true): string =>
  events
    .map((event) => {
      const { type } = event as { type?: string };
      return `${named && type !== undefined ? `event: ${type}\n` : ""}data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`;
    })
    .join("");

const stream = (response: ServerResponse, bytes: Buffer | string, cut = Number.POSITIVE_INFINITY): void => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const all = Buffer.from(bytes);
  for (let at = 0; at < all.length; at += cut) response.write(all.subarray(at, at + cut));
  response.end();
};

const MESSAGES = [
  {
    type: "message_start",
    message: {
      type: "message",
      model: "claude-x",
      usage: { input_tokens: 10, cache_read_input_tokens: 4000, cache_creation_input_tokens: 90, output_tokens: 1 },
    },
  },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: 'naïve "usage": 7 ✓' } },
  { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 77 } },
  { type: "message_stop" },
];
const RESPONSES = [
  { type: "response.created", response: { object: "response", model: "gpt-x", usage: null } },
  { type: "response.output_text.delta", delta: "hello" },
  {
    type: "response.completed",
    response: {
      object: "response",
      model: "gpt-x",
      usage: { input_tokens: 4100, input_tokens_details: { cached_tokens: 4000 }, output_tokens: 77 },
    },
  },
];
const CHAT = [
  { object: "chat.completion.chunk", model: "gpt-x", choices: [{ delta: { content: "hello" } }] },
  {
    object: "chat.completion.chunk",
    model: "gpt-x",
    choices: [],
    usage: { prompt_tokens: 4100, completion_tokens: 77, prompt_tokens_details: { cached_tokens: 4000 } },
  },
  "[DONE]",
];
const GEMINI = [
  {
    modelVersion: "gemini-x",
    candidates: [{ content: { parts: [{ text: "hel" }] } }],
    usageMetadata: { promptTokenCount: 4100, totalTokenCount: 4100 },
  },
  {
    modelVersion: "gemini-x",
    candidates: [{ content: { parts: [{ text: "lo" }] } }],
    usageMetadata: {
      promptTokenCount: 4100,
      cachedContentTokenCount: 4000,
      candidatesTokenCount: 70,
      thoughtsTokenCount: 7,
    },
  },
];

interface Api {
  readonly name: string;
  readonly provider: ProviderName;
  readonly path: string;
  readonly model: string;
  readonly events: readonly unknown[];
  readonly whole: unknown;
  readonly header: string;
  readonly sent: Record<string, string>;
}

const APIS: readonly Api[] = [
  {
    name: "Anthropic Messages",
    provider: "anthropic",
    path: "/v1/messages?beta=true",
    model: "claude-x",
    events: MESSAGES,
    whole: {
      type: "message",
      model: "claude-x",
      content: [],
      usage: { input_tokens: 10, cache_read_input_tokens: 4000, cache_creation_input_tokens: 90, output_tokens: 77 },
    },
    header: "x-api-key",
    sent: { "x-api-key": KEYS.ANTHROPIC_API_KEY },
  },
  {
    name: "OpenAI Responses",
    provider: "openai",
    path: "/responses",
    model: "gpt-x",
    events: RESPONSES,
    whole: RESPONSES[2]?.response,
    header: "authorization",
    sent: { authorization: `Bearer ${KEYS.OPENAI_API_KEY}` },
  },
  {
    name: "OpenAI Chat Completions",
    provider: "openai",
    path: "/chat/completions",
    model: "gpt-x",
    events: CHAT,
    whole: CHAT[1],
    header: "authorization",
    sent: { authorization: `Bearer ${KEYS.OPENAI_API_KEY}` },
  },
  {
    name: "Gemini",
    provider: "gemini",
    path: "/v1beta/models/gemini-x:streamGenerateContent?alt=sse",
    model: "gemini-x",
    events: GEMINI,
    whole: GEMINI,
    header: "x-goog-api-key",
    sent: { "x-goog-api-key": KEYS.GEMINI_API_KEY },
  },
];

const askApi = ({ pass }: Opened, api: Api, body = JSON.stringify({ model: api.model, stream: true })) =>
  ask(`${pass.modelUrl(api.provider)}${api.path}`, {
    headers: {
      [api.header]: api.header === "authorization" ? `Bearer ${pass.token}` : pass.token,
      "content-type": "application/json",
    },
    body,
  });

const COST = { input_tokens: 4100, cached_tokens: 4000, output_tokens: 77 };

test.each(APIS)(
  "$name: a stream passes byte for byte, with the real key upstream, and its usage is read",
  async (api) => {
    const provider = await createProvider();
    const text = sse(api.events, api.provider !== "gemini");
    provider.answer = (_, response) => stream(response, text);
    const opened = await openPass(provider.url);
    const got = await askApi(opened, api);
    expect(got).toMatchObject({ status: 200, text, whole: true });
    expect(provider.asked[0]?.url).toBe(api.provider === "openai" ? `/v1${api.path}` : api.path);
    expect(provider.asked[0]?.headers).toMatchObject(api.sent);
    expect(JSON.stringify(provider.asked)).not.toContain(opened.pass.token);
    expect(opened.pass.usage()).toEqual([{ model: api.model, ...COST, requests: 1, unreported: 0 }]);
    expect(opened.of("usage")).toHaveLength(1);
  },
);

test.each(APIS)("$name: an answer in one piece is read as well, and what two answers cost is added up", async (api) => {
  const provider = await createProvider();
  provider.answer = (_, response) => json(response, 200, api.whole);
  const opened = await openPass(provider.url);
  await askApi(opened, api);
  await askApi(opened, api);
  expect(opened.pass.usage()).toEqual([
    { model: api.model, input_tokens: 8200, cached_tokens: 8000, output_tokens: 154, requests: 2, unreported: 0 },
  ]);
});

test.each([1, 2, 3, 7, 64])(
  "usage is read however the stream is cut: into pieces of %d bytes, in the middle of a letter, with either end of line",
  async (cut) => {
    const provider = await createProvider();
    const opened = await openPass(provider.url);
    for (const text of [sse(MESSAGES), sse(MESSAGES).replaceAll("\n", "\r\n"), sse(MESSAGES).trimEnd()]) {
      provider.answer = (_, response) => stream(response, text, cut);
      expect((await message(opened.pass)).text).toBe(text);
    }
    expect(opened.pass.usage()).toMatchObject([
      { input_tokens: 3 * 4100, output_tokens: 3 * 77, requests: 3, unreported: 0 },
    ]);
  },
);

test("the first bytes of an answer are there while the model still speaks", async () => {
  const provider = await createProvider();
  let goOn = (): void => {};
  provider.answer = (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("event: ping\ndata: {}\n\n");
    goOn = () => response.end(sse(MESSAGES));
  };
  const { pass } = await openPass(provider.url);
  const response = await fetch(`${pass.modelUrl("anthropic")}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": pass.token, "content-type": "application/json" },
    body: "{}",
  });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("event: ping\ndata: {}\n\n");
  goOn();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read())
    rest += Buffer.from(part.value).toString();
  expect(rest).toBe(sse(MESSAGES));
});

test("a request of megabytes passes byte for byte, with its length and without one", async () => {
  const provider = await createProvider();
  const { pass } = await openPass(provider.url);
  const body = JSON.stringify({ model: "claude-x", text: randomBytes(3_000_000).toString("base64") });
  await ask(`${pass.modelUrl("anthropic")}/v1/messages`, { headers: { "x-api-key": pass.token }, body });
  await fetch(`${pass.modelUrl("anthropic")}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": pass.token },
    body: new Blob([body]).stream(),
    duplex: "half",
  } as RequestInit);
  const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
  expect(provider.asked.map((asked) => hash(asked.body))).toEqual([hash(body), hash(body)]);
});

test("an answer that comes compressed though nobody asked for it is passed on plain, and read", async () => {
  const provider = await createProvider();
  const text = sse(MESSAGES);
  provider.answer = (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" });
    response.end(gzipSync(text));
  };
  const { pass } = await openPass(provider.url);
  const got = await message(pass);
  expect(provider.asked[0]?.headers["accept-encoding"]).toBe("identity");
  expect(got.headers["content-encoding"]).toBeUndefined();
  expect(got.text).toBe(text);
  expect(pass.usage()).toMatchObject([{ output_tokens: 77 }]);
});

test("an answer that says nothing of its cost is counted as such, by its length, and one with numbers that are none costs nothing", async () => {
  const provider = await createProvider();
  const { pass } = await openPass(provider.url);
  await message(pass);
  provider.answer = (_, response) =>
    json(response, 200, {
      model: "odd",
      usage: { input_tokens: -5, output_tokens: "many", cache_read_input_tokens: 1e300 },
    });
  await message(pass);
  const huge = { input_tokens: 1_000_000_000, cached_tokens: 1_000_000_000, output_tokens: 0 };
  expect(pass.usage()).toMatchObject([
    { model: "claude-x", output_tokens: 1, requests: 1, unreported: 1 },
    { model: "odd", ...huge, requests: 1, unreported: 0 },
  ]);
});

test("counting tokens and listing models are passed on and are no answers that cost", async () => {
  const provider = await createProvider();
  const { pass } = await openPass(provider.url);
  const headers = { authorization: `Bearer ${pass.token}` };
  expect((await ask(`${pass.modelUrl("anthropic")}/v1/messages/count_tokens`, { headers, body: "{}" })).status).toBe(
    200,
  );
  expect((await ask(`${pass.modelUrl("openai")}/models?limit=3`, { method: "GET", headers })).status).toBe(200);
  expect(provider.asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
    "POST /v1/messages/count_tokens",
    "GET /v1/models?limit=3",
  ]);
  expect(pass.usage()).toEqual([]);
});

test("Gemini's key may come in the query, and does not go on", async () => {
  const provider = await createProvider();
  const { pass } = await openPass(provider.url);
  const got = await ask(`${pass.modelUrl("gemini")}/v1beta/models/gemini-x:generateContent?key=${pass.token}`, {
    body: "{}",
  });
  expect(got.status).toBe(200);
  expect(provider.asked[0]).toMatchObject({
    url: "/v1beta/models/gemini-x:generateContent",
    headers: { "x-goog-api-key": KEYS.GEMINI_API_KEY },
  });
});

interface Error {
  readonly name: string;
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body: unknown;
  readonly told: unknown[];
}

const NOW = Date.parse("2026-11-26T12:00:00Z");
const waiting = (until: number | null) => ({ type: "waiting", since: NOW, until });
const LIMITED = { type: "limited", account: expect.stringMatching(/^anthropic:[0-9a-f]{16}$/) };
const limited = (until: number | null, kind = "rate", status = 429) => ({ ...LIMITED, kind, status, until });

const ERRORS: readonly Error[] = [
  {
    name: "429 with seconds",
    status: 429,
    headers: { "retry-after": "7200" },
    body: { type: "error", error: { type: "rate_limit_error", message: "slow down" } },
    told: [limited(NOW + 7_200_000), waiting(NOW + 7_200_000)],
  },
  {
    name: "429 without a word",
    status: 429,
    body: "nothing that is JSON",
    told: [limited(null), waiting(null)],
  },
  {
    name: "401",
    status: 401,
    body: { type: "error", error: { type: "authentication_error", message: "invalid x-api-key" } },
    told: [{ type: "unauthorized", status: 401, key: "ANTHROPIC_API_KEY" }],
  },
  { name: "402", status: 402, body: {}, told: [limited(null, "quota", 402), waiting(null)] },
  {
    name: "529",
    status: 529,
    body: { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
    told: [{ type: "provider_failed", status: 529, message: "overloaded_error: Overloaded" }, waiting(null)],
  },
  {
    name: "a prompt that is too long",
    status: 400,
    body: { error: { type: "invalid_request_error", message: "prompt is too long: 208310 tokens > 200000 maximum" } },
    told: [
      { type: "context_full", message: "invalid_request_error: prompt is too long: 208310 tokens > 200000 maximum" },
    ],
  },
  {
    name: "another 400",
    status: 400,
    body: { error: { type: "invalid_request_error", message: "messages: must be non-empty" } },
    told: [],
  },
];

test.each(ERRORS)(
  "an error is passed on as it is, told, and costs nothing: $name",
  async ({ status, headers, body, told }) => {
    const provider = await createProvider();
    provider.answer = (_, response) => json(response, status, body, headers);
    const { pass, events } = await openPass(provider.url, {}, { now: () => NOW });
    const got = await message(pass);
    expect(got).toMatchObject({ status, text: JSON.stringify(body) });
    for (const [name, value] of Object.entries(headers ?? {})) expect(got.headers[name]).toBe(value);
    expect(events).toEqual(told);
    expect(pass.usage()).toEqual([]);
  },
);

test("an error in the middle of a stream is told, and what was said of the cost until then is counted", async () => {
  const provider = await createProvider();
  provider.answer = (_, response) =>
    stream(response, sse([MESSAGES[0], { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }]));
  const { pass, of } = await openPass(provider.url);
  await message(pass);
  expect(of("provider_failed")).toMatchObject([{ status: 529 }]);
  expect(pass.usage()).toMatchObject([{ input_tokens: 4100, output_tokens: 1 }]);
});

test("that nothing comes is told after a while, with the time since when; the first byte ends it", async () => {
  const provider = await createProvider();
  let goOn = (): void => {};
  provider.answer = (_, response) => (goOn = () => json(response, 200, {}));
  const { pass, of } = await openPass(provider.url, {}, { limits: { waiting_ms: 20 } });
  const got = message(pass);
  await eventually("it is told", () => of("waiting").length === 1);
  expect(pass.waitingSince()).toBe(of("waiting")[0]?.since);
  goOn();
  await got;
  expect(of("answering")).toHaveLength(1);
  expect(pass.waitingSince()).toBeNull();
});

test("a listener that throws costs nothing but a line in the log", async () => {
  const provider = await createProvider();
  const { pass, log } = await openPass(provider.url, {
    on: () => {
      throw new Error("listener");
    },
  });
  expect((await message(pass)).status).toBe(200);
  expect(log.join("\n")).toContain("listener");
});
