import { expect, test } from "vitest";
import { startModel, steps } from "../../agents/model/server.ts";
import { cleanUp } from "../world.ts";
import { ask, openPass } from "./world.ts";

/** The scripted model of `npm run test:agents`, spoken to through the door in the words of each API. */

const SHELL = { anthropic: "Bash", responses: "exec_command", chat: "bash", gemini: "run_shell_command" } as const;
const marked = "Do it. [[script:work]]";
const said = (role: string) => [
  { role: "user", content: marked },
  { role, content: "I did." },
];

const APIS = [
  {
    name: "Anthropic Messages",
    provider: "anthropic",
    path: "/v1/messages",
    body: (messages: unknown[]) => ({ model: "m", messages, tools: [{ name: SHELL.anthropic }] }),
  },
  {
    name: "OpenAI Responses",
    provider: "openai",
    path: "/responses",
    body: (input: unknown[]) => ({ model: "m", input, tools: [{ type: "function", name: SHELL.responses }] }),
  },
  {
    name: "OpenAI Chat Completions",
    provider: "openai",
    path: "/chat/completions",
    body: (messages: unknown[]) => ({ model: "m", messages, tools: [{ function: { name: SHELL.chat } }] }),
  },
  {
    name: "Gemini",
    provider: "gemini",
    path: "/v1beta/models/m:generateContent",
    body: (messages: unknown[]) => ({
      contents: (messages as { role: string; content: string }[]).map(({ role, content }) => ({
        role: role === "assistant" ? "model" : "user",
        parts: [{ text: content }],
      })),
      tools: [{ functionDeclarations: [{ name: SHELL.gemini }] }],
    }),
  },
] as const;

test.each(APIS)(
  "$name: the step that is due, as a stream and whole, with its calls, its cost and its errors",
  async (api) => {
    const model = await startModel({
      work: steps(
        { text: "first", calls: [{ shell: "ls" }], tokens: { input: 500, cached: 100, output: 7 } },
        { fails: { status: 429, headers: { "retry-after": "9" } } },
      ),
    });
    cleanUp(model.close);
    const { pass, of } = await openPass(model.url);
    const send = (messages: unknown[], stream: boolean) =>
      ask(`${pass.modelUrl(api.provider)}${stream ? api.path.replace(":g", ":streamG") : api.path}`, {
        headers: { "x-api-key": pass.token },
        body: JSON.stringify({ ...api.body(messages), ...(stream ? { stream: true } : {}) }),
      });
    for (const stream of [true, false]) {
      const got = await send([{ role: "user", content: marked }], stream);
      expect(got.status).toBe(200);
      for (const word of ["first", "ls"]) expect(got.text).toContain(word);
    }
    expect(pass.usage()).toEqual([
      { model: "m", input_tokens: 1000, cached_tokens: 200, output_tokens: 14, requests: 2, unreported: 0 },
    ]);
    expect(model.requests).toMatchObject([
      { spoken: 0, again: 0, missed: false, last: marked },
      { spoken: 0, again: 1, missed: false },
    ]);
    expect((await send(said("assistant"), true)).status).toBe(429);
    expect(of("limited")).toHaveLength(1);
  },
);
