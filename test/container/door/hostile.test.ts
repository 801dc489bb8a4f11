import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { modelRouteOf } from "../../../container/agents/door/routes.ts";
import { upstreamsOf, withoutModelKeys } from "../../../container/agents/door/upstreams.ts";
import { MODEL_BODY_MAX_BYTES } from "../../../container/limits.ts";
import { eventually } from "../world.ts";
import { KEYS, ask, createDoor, createProvider, dispatchAt, json, message, openPass, raw } from "./world.ts";

/** Whoever is on this machine knocks at the door, an agent says what it likes, and a provider may be anybody. */

const HOST = (url: string): string => new URL(url).host;

test("PASS-token nothing is passed on and no tool is there without a token of a dispatch that runs, or with another one's beginning", async () => {
  const provider = await createProvider();
  const { pass } = await openPass(provider.url);
  const url = `${pass.modelUrl("anthropic")}/v1/messages`;
  for (const token of ["", "x", pass.token.slice(0, -1), `${pass.token}0`, KEYS.ANTHROPIC_API_KEY, "__proto__"]) {
    const got = await ask(url, { headers: token === "" ? {} : { "x-api-key": token }, body: "{}" });
    expect(got.status).toBe(401);
    expect(JSON.parse(got.text)).toMatchObject({ type: "error", error: { type: "authentication_error" } });
    expect((await ask(pass.mcpUrl, { headers: { authorization: `Bearer ${token}` }, body: "{}" })).status).toBe(401);
  }
  // The tools take it as a bearer token only.
  expect((await ask(pass.mcpUrl, { headers: { "x-api-key": pass.token }, body: "{}" })).status).toBe(401);
  expect((await ask(`${pass.mcpUrl}?key=${pass.token}`, { body: "{}" })).status).toBe(404);
  expect(provider.asked).toEqual([]);
});

test("PASS-ended a token is worth nothing once its dispatch is over, and what was in flight with it is cut off; another one's goes on", async () => {
  const provider = await createProvider();
  provider.answer = () => {};
  const { door } = createDoor();
  const [one, other] = [await door.open(dispatchAt(provider.url)), await door.open(dispatchAt(provider.url))];
  const inFlight = message(one).then(
    (got) => got.whole,
    () => false,
  );
  await eventually("it is with the model", () => provider.asked.length === 1);
  one.close();
  one.close();
  expect(await inFlight).toBe(false);
  await eventually("the provider sees it go", () => provider.open() === 0);
  expect((await message(one)).status).toBe(401);
  expect((await ask(one.mcpUrl, { headers: { authorization: `Bearer ${one.token}` }, body: "{}" })).status).toBe(401);
  provider.answer = (_, response) => json(response, 200, {});
  expect((await message(other)).status).toBe(200);
});

test("PASS-own each token is of one dispatch: its use, its events and its keys are nobody else's", async () => {
  const provider = await createProvider();
  provider.answer = (_, response) => json(response, 200, { model: "m", usage: { input_tokens: 3, output_tokens: 4 } });
  const { door } = createDoor();
  const mine = await door.open(dispatchAt(provider.url));
  const theirs = await door.open(
    dispatchAt(provider.url, {
      upstreams: upstreamsOf({}, { ANTHROPIC_API_KEY: "sk-of-another-rig-123", ANTHROPIC_BASE_URL: provider.url }),
    }),
  );
  expect(theirs.token).not.toBe(mine.token);
  await message(theirs);
  expect(provider.asked[0]?.headers["x-api-key"]).toBe("sk-of-another-rig-123");
  expect(mine.usage()).toEqual([]);
  expect(theirs.usage()).toHaveLength(1);
});

test("PASS-host a page whose name was made to point here, or any page at all, gets nothing, whatever it knows", async () => {
  const provider = await createProvider();
  const { pass } = await openPass(provider.url);
  const port = new URL(pass.mcpUrl).port;
  const token = { "x-api-key": pass.token, authorization: `Bearer ${pass.token}` };
  for (const host of [
    "evil.example",
    `evil.example:${port}`,
    "127.0.0.1",
    `127.0.0.1:1`,
    `[::1]:${port}`,
    `127.0.0.1.evil.example:${port}`,
  ])
    for (const url of [`${pass.modelUrl("anthropic")}/v1/messages`, pass.mcpUrl])
      expect((await ask(url, { headers: { ...token, host }, body: "{}" })).status).toBe(403);
  for (const origin of ["https://evil.example", `http://127.0.0.1:${port}`, "null"])
    expect((await ask(pass.mcpUrl, { headers: { ...token, origin }, body: "{}" })).status).toBe(403);
  expect(provider.asked).toEqual([]);
  expect(
    (
      await ask(`http://localhost:${port}/model/anthropic/v1/messages`, {
        headers: { ...token, host: `localhost:${port}` },
        body: "{}",
      })
    ).status,
  ).toBe(200);
});

test("PASS-path only the paths of the APIs are passed on, letter by letter", async () => {
  const provider = await createProvider();
  const { pass } = await openPass(provider.url);
  const headers = { "x-api-key": pass.token };
  const base = new URL(pass.mcpUrl).origin;
  const targets = [
    "/",
    "/model/anthropic",
    "/model/anthropic/",
    "/model/anthropic/v1/../../secrets",
    "/model/anthropic/v1/messages/../files",
    "/model/anthropic/v1/messages/",
    "/model/anthropic//v1/messages",
    "/model/anthropic/v1/%6dessages",
    "/model/anthropic/v1/messages%2f..%2ffiles",
    "/model/anthropic/v1/files",
    "/model/anthropic/v1/organizations/api_keys",
    "/model/anthropic\\v1\\messages",
    "/model/openai/v1/files",
    "/model/openai/v1/models/..",
    "/model/gemini/v1beta/models/../x:generateContent",
    "/model/gemini/v1beta/models/a/b:generateContent",
    "/model/gemini/v1beta/files",
    "/model/other/v1/messages",
  ];
  for (const target of targets) {
    const said = await raw(
      base,
      `POST ${target} HTTP/1.1\r\nHost: ${HOST(base)}\r\nx-api-key: ${pass.token}\r\nContent-Length: 2\r\n\r\n{}`,
    );
    expect(said, target).toMatch(/^HTTP\/1\.1 40[04] /);
  }
  for (const method of ["GET", "PUT", "DELETE", "PATCH"])
    expect((await ask(`${pass.modelUrl("anthropic")}/v1/messages`, { method, headers })).status).toBe(404);
  expect(provider.asked).toEqual([]);
});

test("an absolute address in the request line, a tunnel and another protocol lead nowhere", async () => {
  const provider = await createProvider();
  const { pass } = await openPass(provider.url);
  const host = HOST(pass.mcpUrl);
  const key = `x-api-key: ${pass.token}\r\nContent-Length: 2`;
  const to = (line: string, more = ""): Promise<string> =>
    raw(pass.mcpUrl, `${line} HTTP/1.1\r\nHost: ${host}\r\n${more}${key}\r\n\r\n{}`);
  expect(await to(`POST ${provider.url}/v1/messages`)).toMatch(/^HTTP\/1\.1 404 /);
  expect(await to(`POST http://${host}/model/anthropic/v1/messages`)).toMatch(/^HTTP\/1\.1 404 /);
  expect(await to(`CONNECT ${HOST(provider.url)}`)).not.toMatch(/^HTTP\/1\.1 2/);
  expect(provider.asked).toEqual([]);
});

test("PASS-headers what an agent says in place of the door is not passed on: keys, hosts, who it is for, and what a connection calls its own", async () => {
  const provider = await createProvider();
  const { pass } = await openPass(provider.url);
  await ask(`${pass.modelUrl("anthropic")}/v1/messages`, {
    headers: {
      "x-api-key": pass.token,
      authorization: `Bearer ${pass.token}`,
      "x-goog-api-key": "mine",
      "api-key": "mine",
      cookie: "session=mine",
      "openai-organization": "mine",
      "x-forwarded-for": "10.0.0.1",
      "x-forwarded-host": "evil.example",
      "x-http-method-override": "DELETE",
      "proxy-authorization": "mine",
      "accept-encoding": "gzip",
      connection: "keep-alive, anthropic-mine",
      "anthropic-mine": "mine",
      "anthropic-version": "2023-06-01",
      "anthropic-beta": "some-beta",
      "user-agent": "cli/1",
    },
    body: "{}",
  });
  const { host, connection, ...sent } = provider.asked[0]?.headers ?? {};
  expect(host).toBe(HOST(provider.url));
  expect(connection).toBe("keep-alive");
  expect(sent).toEqual({
    "x-api-key": KEYS.ANTHROPIC_API_KEY,
    "accept-encoding": "identity",
    "content-length": "2",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "some-beta",
    "user-agent": "cli/1",
  });
});

test("a request that says its length twice, or in two ways, is refused and nothing of it is passed on", async () => {
  const provider = await createProvider();
  const { pass } = await openPass(provider.url);
  const begin = `POST /model/anthropic/v1/messages HTTP/1.1\r\nHost: ${HOST(pass.mcpUrl)}\r\nx-api-key: ${pass.token}\r\n`;
  const smuggled = `0\r\n\r\nPOST /v1/files HTTP/1.1\r\nHost: x\r\n\r\n`;
  for (const lengths of [
    "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
    "Content-Length: 2\r\nContent-Length: 60\r\n\r\n",
    "Transfer-Encoding: chunked, identity\r\n\r\n",
    "Transfer-Encoding : chunked\r\n\r\n",
    "Content-Length: +2\r\n\r\n",
    "x: a\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
  ])
    expect(await raw(pass.mcpUrl, begin + lengths + smuggled)).toMatch(/^HTTP\/1\.1 400 /);
  expect(provider.asked).toEqual([]);
});

test("a body of 100 MB is refused at once where it says so, and cut off where it does not; nothing is kept of it", async () => {
  const provider = await createProvider();
  let heard = 0;
  provider.begin = (request, response) => {
    request.on("data", (chunk: Buffer) => (heard += chunk.length));
    request.on("error", () => {});
    response.on("error", () => {});
    return true;
  };
  const { pass } = await openPass(provider.url);
  const begin = `POST /model/anthropic/v1/messages HTTP/1.1\r\nHost: ${HOST(pass.mcpUrl)}\r\nx-api-key: ${pass.token}\r\n`;
  expect(await raw(pass.mcpUrl, `${begin}Content-Length: 104857600\r\n\r\n`)).toMatch(/^HTTP\/1\.1 413 /);
  expect(heard).toBe(0);
  const before = process.memoryUsage().rss;
  const megabyte = `100000\r\n${"x".repeat(1024 * 1024)}\r\n`;
  await raw(pass.mcpUrl, `${begin}Transfer-Encoding: chunked\r\n\r\n`, (socket) => pour(socket, megabyte, 100));
  expect(heard).toBeLessThanOrEqual(MODEL_BODY_MAX_BYTES + 1024 * 1024);
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  await eventually("the provider is let go", () => provider.open() === 0);
  // The tools take far less.
  const tools = `POST /mcp HTTP/1.1\r\nHost: ${HOST(pass.mcpUrl)}\r\nAuthorization: Bearer ${pass.token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  expect(await raw(pass.mcpUrl, tools, (socket) => pour(socket, megabyte, 3))).toMatch(/^HTTP\/1\.1 413 |^$/);
});

/** Writes a piece so often, as fast as it is taken, until nobody takes it. */
function pour(socket: Socket, piece: string, times: number): void {
  let left = times;
  const more = (): void => {
    while (left-- > 0 && !socket.destroyed) if (!socket.write(piece)) return void socket.once("drain", more);
  };
  more();
}

test("who sends headers or a body letter by letter is cut off in time, and meanwhile the others are answered", async () => {
  const provider = await createProvider();
  const { pass } = await openPass(provider.url, {}, { headers_ms: 300, request_ms: 600 });
  const begin = `POST /model/anthropic/v1/messages HTTP/1.1\r\nHost: ${HOST(pass.mcpUrl)}\r\nx-api-key: ${pass.token}\r\n`;
  const slow = ["", "POST /m", begin, `${begin}Content-Length: 1000\r\n\r\n{`].map((bytes) =>
    raw(pass.mcpUrl, bytes, (socket) => {
      const timer = setInterval(
        () => (socket.destroyed ? clearInterval(timer) : bytes !== "" && socket.write(" ")),
        50,
      );
    }),
  );
  expect((await message(pass)).status).toBe(200);
  for (const said of await Promise.all(slow)) expect(said).not.toMatch(/^HTTP\/1\.1 200/);
  expect(provider.asked).toHaveLength(1);
});

test("PASS-refuses who may not ask is refused before anything is sent, in the words of each API, and hears of it after a long prompt too", async () => {
  const provider = await createProvider();
  const asked: unknown[] = [];
  const { pass, of } = await openPass(provider.url, {
    mayAnswer: (one) => {
      asked.push(one);
      return one.model === "cheap" ? null : { says: "the budget of this bead is used up", until: null };
    },
  });
  const body = (model: string): string =>
    JSON.stringify({ tools: [{ model: "cheap" }], model, text: "x".repeat(2_000_000) });
  const calls = [
    [`${pass.modelUrl("anthropic")}/v1/messages`, { type: "error", error: { type: "invalid_request_error" } }],
    [`${pass.modelUrl("openai")}/responses`, { error: { type: "invalid_request_error" } }],
    [`${pass.modelUrl("openai")}/chat/completions`, { error: { type: "invalid_request_error" } }],
    [
      `${pass.modelUrl("gemini")}/v1beta/models/dear:generateContent`,
      { error: { code: 400, status: "INVALID_ARGUMENT" } },
    ],
  ] as const;
  for (const [url, shape] of calls) {
    const got = await ask(url, { headers: { "x-api-key": pass.token }, body: body("dear") });
    expect(got.status).toBe(400);
    expect(got.headers["x-should-retry"]).toBe("false");
    expect(JSON.parse(got.text)).toMatchObject(shape);
    expect(got.text).toContain("the budget of this bead is used up");
  }
  expect(provider.asked).toEqual([]);
  expect(asked).toMatchObject(
    ["messages", "responses", "chat", "gemini"].map((api) => ({ api, model: "dear", usage: [] })),
  );
  expect(of("over_budget")).toHaveLength(4);
  expect((await ask(calls[0][0], { headers: { "x-api-key": pass.token }, body: body("cheap") })).status).toBe(200);
});

test("without a key nothing is sent: the answer and the event name the variable that is missing", async () => {
  const provider = await createProvider();
  const { pass, of } = await openPass(provider.url, {
    upstreams: upstreamsOf({ ANTHROPIC_BASE_URL: provider.url }, {}),
  });
  const got = await message(pass, { text: "x".repeat(500_000) });
  expect(got.status).toBe(401);
  expect(got.text).toContain("ANTHROPIC_API_KEY");
  expect(of("unauthorized")).toEqual([{ type: "unauthorized", status: 401, key: "ANTHROPIC_API_KEY" }]);
  expect(provider.asked).toEqual([]);
});

test("PASS-address an address that a rig says gets the rig's own key, and never this server's", () => {
  const host = { ANTHROPIC_API_KEY: "host-key", ANTHROPIC_BASE_URL: "https://host.example" };
  const evil = "https://evil.example";
  expect(upstreamsOf(host, { ANTHROPIC_BASE_URL: evil }).anthropic).toMatchObject({
    baseUrl: "https://host.example",
    key: "host-key",
  });
  // Nor is a rig's key sent to where this server's key goes.
  expect(upstreamsOf(host, { ANTHROPIC_API_KEY: "rig-key" }).anthropic).toMatchObject({
    baseUrl: "https://api.anthropic.com",
    key: "rig-key",
  });
  expect(upstreamsOf(host, { ANTHROPIC_API_KEY: "rig-key", ANTHROPIC_BASE_URL: `${evil}/` }).anthropic).toMatchObject({
    baseUrl: evil,
    key: "rig-key",
  });
  // A key that is none is none.
  expect(upstreamsOf(host, { ANTHROPIC_API_KEY: "a\r\nb", ANTHROPIC_BASE_URL: evil }).anthropic?.key).toBe("host-key");
});

test.each(["ftp://x", "file:///etc/passwd", "https://user:pw@x", "https://x/?a=b", "not a url", "https://x/#y"])(
  "an address that is none is not used: %s",
  (address) => {
    expect(upstreamsOf({ OPENAI_API_KEY: "k", OPENAI_BASE_URL: address }, {}).openai?.baseUrl).toBe(
      "https://api.openai.com/v1",
    );
  },
);

test("which key, in which header: the first name that is set, the rig's before this server's", () => {
  const both = upstreamsOf(
    { ANTHROPIC_API_KEY: "a", OPENAI_API_KEY: "o", CODEX_API_KEY: "c" },
    { ANTHROPIC_AUTH_TOKEN: "t" },
  );
  expect(both.anthropic).toMatchObject({ key: "t", keyName: "ANTHROPIC_AUTH_TOKEN", auth: "bearer" });
  expect(both.openai).toMatchObject({ key: "c", keyName: "CODEX_API_KEY", auth: "bearer" });
  expect(both.gemini).toMatchObject({ key: null, keyName: "GEMINI_API_KEY", auth: "x-goog-api-key" });
});

test("PASS-env no variable that says a key or an address of a model is left in an agent's environment", () => {
  const env = {
    ...KEYS,
    ANTHROPIC_AUTH_TOKEN: "x",
    OPENAI_BASE_URL: "x",
    CLAUDE_CODE_OAUTH_TOKEN: "x",
    PATH: "/bin",
    MY_TOKEN: "x",
  };
  expect(withoutModelKeys(env)).toEqual({ PATH: "/bin", MY_TOKEN: "x" });
});

test("PASS-loopback the door is on 127.0.0.1 alone, and is gone when it is closed", async () => {
  const provider = await createProvider();
  const { door, pass } = await openPass(provider.url);
  const { port } = new URL(pass.mcpUrl);
  await expect(fetch(`http://[::1]:${port}/mcp`)).rejects.toThrow("fetch failed");
  await door.close();
  await expect(fetch(pass.mcpUrl)).rejects.toThrow("fetch failed");
  await expect(door.open(dispatchAt(provider.url))).rejects.toMatchObject({ code: "draining" });
});

test("what is asked of a model is known by method and path alone", () => {
  expect(modelRouteOf("POST", "/model/openai/v1/responses?key=a&x=1&access_token=b")).toEqual({
    provider: "openai",
    api: "responses",
    path: "/responses?x=1",
    model: null,
    generates: true,
  });
  expect(modelRouteOf("POST", "/model/gemini/v1beta/models/gemini-2.5-pro:generateContent")?.model).toBe(
    "gemini-2.5-pro",
  );
  expect(modelRouteOf("post", "/model/openai/v1/responses")).toBeNull();
});
