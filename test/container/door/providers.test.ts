import { expect, test } from "vitest";
import { eventually } from "../world.ts";
import { KEYS, createProvider, json, message, openPass } from "./world.ts";

/** A provider may be anybody, and says what it likes, or nothing. */

test("a provider that never answers, or never ends, is let go in time, and told; the other dispatches do not wait for it", async () => {
  const provider = await createProvider();
  const limits = { firstByte_ms: 150, silence_ms: 150, error_ms: 150 };
  const { pass, of } = await openPass(provider.url, {}, { limits });
  provider.answer = () => {};
  const never = await message(pass);
  expect(never.status).toBe(502);
  expect(of("provider_failed")[0]).toMatchObject({ status: null });
  provider.answer = (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("event: ping\ndata: {}\n\n");
  };
  expect(await message(pass)).toMatchObject({ status: 200, whole: false });
  provider.answer = (_, response) => {
    response.writeHead(429, { "retry-after": "60" });
    response.write("{");
  };
  expect(await message(pass)).toMatchObject({ status: 429, whole: false });
  expect(of("limited")).toHaveLength(1);
  await eventually("nothing is open there", () => provider.open() === 0);
  expect(pass.waitingSince()).toBeNull();
});

test("an answer that never ends though it goes on is cut off by its time, and one that is too long by its length", async () => {
  const provider = await createProvider();
  provider.answer = (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const timer = setInterval(() => response.write(`data: ${"x".repeat(1000)}\n\n`), 5);
    response.once("close", () => clearInterval(timer));
  };
  const byTime = await openPass(provider.url, {}, { limits: { answer_ms: 200 } });
  expect(await message(byTime.pass)).toMatchObject({ status: 200, whole: false });
  const byLength = await openPass(provider.url, {}, { limits: { answer_bytes: 50_000 } });
  const got = await message(byLength.pass);
  expect(got.whole).toBe(false);
  expect(got.body.length).toBeLessThanOrEqual(50_000);
  await eventually("nothing is open there", () => provider.open() === 0);
});

test("PASS-cut an answer that breaks off reaches the CLI as one that broke off, not as a whole one", async () => {
  const provider = await createProvider();
  provider.answer = (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(
      'event: message_start\ndata: {"type":"message_start","message":{"model":"m","usage":{"input_tokens":9}}}\n\n',
    );
    setTimeout(() => response.destroy(), 30);
  };
  const { pass } = await openPass(provider.url);
  expect(await message(pass)).toMatchObject({ status: 200, whole: false });
  expect(pass.usage()).toMatchObject([{ model: "m", input_tokens: 9 }]);
});

test("a provider that is not there is an error in the API's words, at once, and without its key", async () => {
  const { pass, of } = await openPass("http://127.0.0.1:9");
  const got = await message(pass);
  expect(got.status).toBe(502);
  expect(JSON.parse(got.text)).toMatchObject({ type: "error", error: { type: "api_error" } });
  expect(of("provider_failed")).toHaveLength(1);
});

test("a CLI that goes away in mid-answer ends the request at the provider", async () => {
  const provider = await createProvider();
  provider.answer = (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: {}\n\n");
  };
  const { pass } = await openPass(provider.url);
  const abort = new AbortController();
  const response = await fetch(`${pass.modelUrl("anthropic")}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": pass.token },
    body: "{}",
    signal: abort.signal,
  });
  expect(response.status).toBe(200);
  abort.abort();
  await eventually("it is ended", () => provider.open() === 0);
});

test("PASS-flight so many requests of a dispatch are with a model at once; one more is told to wait", async () => {
  const provider = await createProvider();
  const held: (() => void)[] = [];
  provider.answer = (_, response) => void held.push(() => json(response, 200, {}));
  const { pass } = await openPass(provider.url, {}, { limits: { inFlight: 2 } });
  const two = [message(pass), message(pass)];
  await eventually("both are there", () => held.length === 2);
  provider.answer = (_, response) => json(response, 200, {});
  const third = await message(pass);
  expect(third.status).toBe(429);
  expect(third.headers["retry-after"]).toBe("1");
  for (const goOn of held) goOn();
  for (const got of await Promise.all(two)) expect(got.status).toBe(200);
  expect((await message(pass)).status).toBe(200);
});

const GARBAGE = [
  "data: {not json\n\n",
  "data\n\n:::\n\ndata:data:data\n\n",
  'data: {"usage": null}\n\ndata: {"usage": []}\n\ndata: {"usage": {"input_tokens": {}}}\n\n',
  'data: "usage"\n\ndata: 7\n\ndata: null\n\ndata: [1,"usage",null]\n\n',
  'data: {"error": "usage"}\n\n',
  "\0\u0001\n\n\n\n\n",
  `data: ${'{"usage":'.repeat(3000)}\n\n`,
];

test.each(GARBAGE)("whatever a stream says is passed on, and breaks nothing: %j", async (garbage) => {
  const provider = await createProvider();
  const { pass, log } = await openPass(provider.url);
  provider.answer = (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(garbage);
  };
  expect((await message(pass)).text).toBe(garbage);
  expect(log).toEqual([]);
  provider.answer = (_, response) => json(response, 200, { model: "m", usage: { input_tokens: 1, output_tokens: 1 } });
  await message(pass);
  expect(pass.usage().at(-1)).toMatchObject({ model: "m", input_tokens: 1 });
});

test("an event that is larger than what is read of one is passed on unread, and the next one is read", async () => {
  const provider = await createProvider();
  const huge = `data: {"usage":{"input_tokens":5},"x":"${"y".repeat(9 * 1024 * 1024)}"}\n\n`;
  const many = `${"data: x\n".repeat(1_200_000)}\n`;
  const last = 'data: {"model":"m","usage":{"input_tokens":2,"output_tokens":3}}\n\n';
  provider.answer = (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(huge + many + last);
  };
  const { pass } = await openPass(provider.url);
  expect((await message(pass)).body.length).toBe(huge.length + many.length + last.length);
  expect(pass.usage()).toMatchObject([{ model: "m", input_tokens: 2, output_tokens: 3 }]);
});

test("PASS-veil a key that a provider repeats, in an error, a header or an answer, in one piece or cut in two, does not reach the agent", async () => {
  const provider = await createProvider();
  const key = KEYS.ANTHROPIC_API_KEY;
  const { pass, events } = await openPass(provider.url);
  for (const status of [200, 401, 500]) {
    provider.answer = (_, response) => {
      response.writeHead(status, { "content-type": "application/json", "x-debug": `key=${key}` });
      const said = JSON.stringify({ error: { type: "authentication_error", message: `invalid key: ${key} (${key})` } });
      const middle = said.indexOf(key) + 9;
      response.write(said.slice(0, middle));
      setTimeout(() => response.end(said.slice(middle)), 20);
    };
    const got = await message(pass);
    expect(got.status).toBe(status);
    expect(got.text + JSON.stringify(got.headers)).not.toContain(key.slice(8));
    expect(got.text).toContain("invalid key: ****");
  }
  expect(events.length).toBeGreaterThan(0);
  expect(JSON.stringify(events)).not.toContain(key.slice(8));
});

test("PASS-redirect an answer that sends elsewhere is followed by nobody, and does not reach the agent", async () => {
  const [provider, elsewhere] = [await createProvider(), await createProvider()];
  provider.answer = (_, response) => {
    response.writeHead(307, { location: `${elsewhere.url}/v1/messages` });
    response.end();
  };
  const { pass } = await openPass(provider.url);
  const got = await message(pass);
  expect(got.status).toBe(502);
  expect(got.headers["location"]).toBeUndefined();
  expect(elsewhere.asked).toEqual([]);
});
