/**
 * A model that follows scripts, on loopback, in the words of four APIs. Which script is said by `[[script:NAME]]` anywhere in a
 * conversation, so that one server serves many agents at once; which step is due, by how often the model has spoken in it.
 */
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { anthropic } from "./anthropic.ts";
import type { Api, Call, Failure, Heard, Json, Offered, Tokens } from "./api.ts";
import { gemini } from "./gemini.ts";
import { chat, responses } from "./openai.ts";

/** One answer of the model. */
export interface Step {
  readonly text?: string;
  /** `shell`: a command, for the CLI's own tool of that kind; `tool`: the end of a tool's name. */
  readonly calls?: readonly ({ readonly shell: string } | { readonly tool: string; readonly args: object })[];
  readonly tokens?: Partial<Tokens>;
  /** In place of an answer. */
  readonly fails?: Partial<Failure> & { readonly status: number; readonly headers?: Record<string, string> };
  /** Before the first byte, and after the first event. */
  readonly waits_ms?: number;
  readonly stalls_ms?: number;
}

export interface Turn extends Heard {
  readonly api: string;
  readonly script: string;
  /** How often this step has been asked for before. */
  readonly again: number;
}

/** What the model says next. */
export type Script = (turn: Turn) => Step | Promise<Step>;

/** A script of steps, one after the other, and then nothing more. */
export const steps =
  (...all: readonly Step[]): Script =>
  ({ spoken }) =>
    all[spoken] ?? { text: "There is nothing more to do." };

export interface ModelRequest extends Turn {
  readonly at_ms: number;
  readonly headers: IncomingMessage["headers"];
  /** Whether a tool was wanted that the CLI does not offer. */
  readonly missed: boolean;
}

export interface Model {
  readonly url: string;
  readonly scripts: Map<string, Script>;
  /** Those with a script, in their order. */
  readonly requests: ModelRequest[];
  readonly close: () => Promise<void>;
}

const APIS: readonly Api[] = [anthropic, responses, chat, gemini];

/** The shell tools of the CLIs, and what each calls a command. */
const SHELLS: Readonly<Record<string, (command: string) => object>> = {
  Bash: (command) => ({ command, description: "as scripted" }),
  bash: (command) => ({ command, description: "as scripted" }),
  run_shell_command: (command) => ({ command, description: "as scripted" }),
  exec_command: (cmd) => ({ cmd }),
  shell_command: (command) => ({ command }),
  shell: (command) => ({ command: ["bash", "-lc", command] }),
};

/** @param port 0: a free one */
export async function startModel(scripts: Readonly<Record<string, Script>> = {}, port = 0): Promise<Model> {
  const model: Omit<Model, "url" | "close"> = { scripts: new Map(Object.entries(scripts)), requests: [] };
  const asked = new Map<string, number>();
  let serial = 0;
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      process.stderr.write(`scripted model: ${String(error)}\n`);
      response.destroy();
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "").split("?")[0] ?? "";
    const text = await bodyOf(request);
    const api = APIS.find((one) => one.path.test(path));
    if (request.method !== "POST" || api === undefined) return other(path, response);
    const heard = api.hear(JSON.parse(text) as Json, path);
    const script = /\[\[script:([\w-]+)\]\]/.exec(text)?.[1] ?? "";
    const key = `${script} ${heard.spoken}`;
    // What is asked without tools is the CLI's own: a title, a summary, a look at its quota.
    const isOwn = heard.offered.length === 0;
    const turn: Turn = { ...heard, api: api.name, script, again: isOwn ? 0 : (asked.get(key) ?? 0) };
    if (!isOwn) asked.set(key, turn.again + 1);
    const follow = model.scripts.get(script);
    const step = isOwn || follow === undefined ? { text: "As scripted." } : await follow(turn);
    const calls = (step.calls ?? []).map((call) => callOf(call, heard.offered, `call_${++serial}`));
    if (!isOwn)
      model.requests.push({ ...turn, at_ms: Date.now(), headers: request.headers, missed: calls.includes(null) });
    await sleep(step.waits_ms ?? 0);
    if (step.fails !== undefined) {
      const { status, headers = {}, type = TYPES[status] ?? "api_error", message = `scripted ${status}` } = step.fails;
      return json(response, status, api.failure({ status, type, message }), headers);
    }
    const said = {
      id: String(++serial).padStart(8, "0"),
      model: heard.model,
      text: step.text ?? "",
      calls: calls.filter((call) => call !== null),
      tokens: { input: 1000, cached: 0, output: 50, ...step.tokens },
    };
    if (!heard.isStream) return json(response, 200, api.whole(said));
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
    for (const [index, event] of api.events(said).entries()) {
      response.write(frame(event, api.namesEvents));
      if (index === 0 && step.stalls_ms !== undefined) await sleep(step.stalls_ms);
    }
    response.end(api.epilogue === undefined ? "" : `data: ${api.epilogue}\n\n`);
  }

  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    ...model,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

const TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  429: "rate_limit_error",
  529: "overloaded_error",
};

const frame = (event: Json, isNamed: boolean): string =>
  `${isNamed ? `event: ${String(event["type"])}\n` : ""}data: ${JSON.stringify(event)}\n\n`;

/** @returns null when the CLI offers no such tool */
function callOf(wanted: NonNullable<Step["calls"]>[number], offered: readonly Offered[], id: string): Call | null {
  if ("shell" in wanted) {
    const tool = offered.find(({ name }) => name in SHELLS);
    const args = tool === undefined ? undefined : SHELLS[tool.name]?.(wanted.shell);
    return tool === undefined || args === undefined ? null : { ...tool, id, args };
  }
  const tool =
    offered.find(({ name }) => name === wanted.tool) ?? offered.find(({ name }) => name.endsWith(wanted.tool));
  return tool === undefined ? null : { ...tool, id, args: wanted.args };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** What CLIs ask beside. */
function other(path: string, response: ServerResponse): void {
  if (/count_tokens$|:countTokens$/.test(path)) return json(response, 200, { input_tokens: 1000, totalTokens: 1000 });
  if (path.endsWith("/models"))
    return json(response, 200, { object: "list", data: [{ id: "scripted", object: "model" }] });
  json(response, 404, { error: { type: "not_found_error", message: "this is not scripted" } });
}

function json(response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(value));
}
