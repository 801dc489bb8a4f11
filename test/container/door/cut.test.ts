import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { eventually } from "../world.ts";
import { ask, createProvider, openPass } from "./world.ts";

/** What an answer has cost that its provider has not told: cut off by whoever asked, or by the provider, or never told. */

const WORDS = "x".repeat(400);
const BODY = JSON.stringify({ model: "gpt-x", stream: true, messages: [{ role: "user", content: "y".repeat(4_000) }] });
const chunk = (delta: object): string => `data: ${JSON.stringify({ model: "gpt-x", choices: [{ delta }] })}\n\n`;
const USAGE = `data: ${JSON.stringify({ model: "gpt-x", choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } })}\n\n`;

type Opened = Awaited<ReturnType<typeof openPass>>;
const chat = ({ pass }: Opened) =>
  ask(`${pass.modelUrl("openai")}/chat/completions`, {
    headers: { authorization: `Bearer ${pass.token}` },
    body: BODY,
  });

const begin = (response: ServerResponse, text: string): void => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(text);
};
const INPUT = Math.ceil(Buffer.byteLength(BODY) / 4);
const COUNTED = { input_tokens: INPUT, cached_tokens: 0, output_tokens: 100, requests: 1, unreported: 1 };

test("DOOR-cut who goes away before the end of an answer, where its cost is told, has paid for what was asked and said", async () => {
  const provider = await createProvider();
  provider.answer = (_, response) => begin(response, chunk({ content: WORDS }));
  const opened = await openPass(provider.url);
  const { pass } = opened;
  const abort = new AbortController();
  const got = await fetch(`${pass.modelUrl("openai")}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${pass.token}` },
    body: BODY,
    signal: abort.signal,
  });
  await got.body?.getReader().read();
  abort.abort();
  await eventually("it is counted", () => pass.usage().length === 1);
  expect(pass.usage()).toMatchObject([COUNTED]);
});

test("DOOR-cut a provider that breaks off in mid-answer is paid for what it has said, and the place of the answer is free again", async () => {
  const provider = await createProvider();
  provider.answer = (_, response) => {
    begin(response, chunk({ content: WORDS }));
    setTimeout(() => response.destroy(), 30);
  };
  const opened = await openPass(provider.url, { inFlight: () => 1 });
  await chat(opened);
  expect(opened.pass.usage()).toMatchObject([COUNTED]);
  provider.answer = (_, response) => {
    begin(response, chunk({ content: WORDS }) + USAGE);
    response.end();
  };
  expect((await chat(opened)).status).toBe(200);
  // One that is whole costs what its provider says.
  expect(opened.pass.usage()).toMatchObject([
    { input_tokens: INPUT + 7, output_tokens: 103, requests: 2, unreported: 1 },
  ]);
});

test("DOOR-unsaid an answer whose cost nobody has asked for costs what was asked and said, in words and in what tools are asked for", async () => {
  const provider = await createProvider();
  provider.answer = (_, response) => {
    begin(
      response,
      chunk({ content: WORDS.slice(200) }) + chunk({ tool_calls: [{ function: { arguments: WORDS.slice(200) } }] }),
    );
    response.end("data: [DONE]\n\n");
  };
  const opened = await openPass(provider.url);
  await chat(opened);
  expect(opened.pass.usage()).toMatchObject([COUNTED]);
});

test("DOOR-unsaid who asks and does not wait for a word has asked", async () => {
  const provider = await createProvider();
  let isAsked = false;
  provider.answer = () => (isAsked = true);
  const { pass } = await openPass(provider.url);
  const abort = new AbortController();
  const got = fetch(`${pass.modelUrl("openai")}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${pass.token}` },
    body: BODY,
    signal: abort.signal,
  }).catch(() => null);
  await eventually("it is asked", () => isAsked);
  abort.abort();
  await got;
  await eventually("it is counted", () => pass.usage().length === 1);
  expect(pass.usage()).toMatchObject([{ ...COUNTED, output_tokens: 0 }]);
});
