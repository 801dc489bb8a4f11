/** What the tests of the agents' door share: a provider of models on loopback, a door, a pass, and requests that no client would make. */
import { type IncomingMessage, type ServerResponse, createServer, request as overHttp } from "node:http";
import { type AddressInfo, type Socket, connect } from "node:net";
import {
  type AgentDoor,
  type DoorOptions,
  type DoorPass,
  createAgentDoor,
} from "../../../container/agents/door/door.ts";
import type { DoorDispatch, DoorEvent } from "../../../container/agents/door/pass.ts";
import { upstreamsOf } from "../../../container/agents/door/upstreams.ts";
import { redactorOf } from "../../../container/redact.ts";
import { cleanUp } from "../world.ts";

export const KEYS = {
  ANTHROPIC_API_KEY: "sk-ant-real-0123456789abcdef",
  OPENAI_API_KEY: "sk-openai-real-0123456789abcdef",
  GEMINI_API_KEY: "AIza-real-0123456789abcdef",
} as const;

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly raw: readonly string[];
  readonly body: string;
}

export type Answers = (asked: Asked, response: ServerResponse) => void;

export interface Provider {
  readonly url: string;
  readonly asked: Asked[];
  /** Decides the answer; by default an empty JSON object. */
  answer: Answers;
  /** Called before the body is there; true: the test has taken over. */
  begin: (request: IncomingMessage, response: ServerResponse) => boolean;
  readonly open: () => number;
}

export async function createProvider(): Promise<Provider> {
  const asked: Asked[] = [];
  let open = 0;
  const server = createServer((request, response) => {
    open += 1;
    response.once("close", () => (open -= 1));
    if (provider.begin(request, response)) return;
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("error", () => {});
    request.on("end", () => {
      const one: Asked = {
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        raw: request.rawHeaders,
        body: Buffer.concat(chunks).toString(),
      };
      asked.push(one);
      provider.answer(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  const provider: Provider = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answer: (_, response) => json(response, 200, {}),
    begin: () => false,
    open: () => open,
  };
  return provider;
}

export function json(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(value));
}

export interface Opened {
  readonly door: AgentDoor;
  readonly pass: DoorPass;
  readonly events: DoorEvent[];
  readonly of: <T extends DoorEvent["type"]>(type: T) => Extract<DoorEvent, { type: T }>[];
  readonly log: string[];
}

export function createDoor(options: Partial<DoorOptions> = {}): { door: AgentDoor; log: string[] } {
  const log: string[] = [];
  const door = createAgentDoor({ log: (line) => void log.push(line), ...options });
  cleanUp(door.close);
  return { door, log };
}

/** A door with one pass, whose providers are all at `url`. */
export async function openPass(
  url: string,
  dispatch: Partial<DoorDispatch> = {},
  options: Partial<DoorOptions> = {},
): Promise<Opened> {
  const { door, log } = createDoor(options);
  const events: DoorEvent[] = [];
  const pass = await door.open(dispatchAt(url, { on: (event) => events.push(event), ...dispatch }));
  const of = <T extends DoorEvent["type"]>(type: T): Extract<DoorEvent, { type: T }>[] =>
    events.filter((event): event is Extract<DoorEvent, { type: T }> => event.type === type);
  return { door, pass, events, of, log };
}

export function dispatchAt(url: string, more: Partial<DoorDispatch> = {}): DoorDispatch {
  return {
    agentId: "a1",
    rigId: "rig1",
    dispatchId: "a1:1",
    branch: "gt/a1",
    defaultBranch: "main",
    apiUrl: null,
    token: null,
    upstreams: upstreamsOf(
      { ...KEYS, ANTHROPIC_BASE_URL: url, OPENAI_BASE_URL: `${url}/v1`, GOOGLE_GEMINI_BASE_URL: url },
      {},
    ),
    redact: redactorOf([]),
    ...more,
  };
}

export interface Got {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  readonly text: string;
  /** Whether it came to its end. */
  readonly whole: boolean;
}

/** A request by hand: with any header, and an answer in bytes as they came. */
export function ask(
  url: string,
  {
    method = "POST",
    headers = {},
    body = "",
  }: { method?: string; headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const request = overHttp(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      const end = (whole: boolean): void => {
        const all = Buffer.concat(chunks);
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: all,
          text: all.toString(),
          whole,
        });
      };
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("end", () => end(response.complete));
      response.once("error", () => end(false));
    });
    request.once("error", reject);
    request.end(body);
  });
}

/** To Anthropic's API, with the pass's token. */
export const message = (pass: DoorPass, body: unknown = { model: "claude-x", messages: [] }): Promise<Got> =>
  ask(`${pass.modelUrl("anthropic")}/v1/messages`, {
    headers: { "x-api-key": pass.token, "content-type": "application/json" },
    body: JSON.stringify(body),
  });

/** Bytes on a connection of their own. @returns all that comes back until it is closed */
export function raw(url: string, bytes: string, onOpen: (socket: Socket) => void = () => {}): Promise<string> {
  const { port } = new URL(url);
  return new Promise((resolve) => {
    let said = "";
    const socket = connect(Number(port), "127.0.0.1", () => {
      socket.write(bytes);
      onOpen(socket);
    });
    socket.on("data", (chunk: Buffer) => (said += chunk.toString()));
    socket.on("error", () => {});
    socket.once("close", () => resolve(said));
  });
}
