/**
 * The door of the agents: one listener on loopback where each dispatch, with a token of its own, reaches its models and Ticktown's
 * tools. The keys of the models and the rig's token stay on this side of it.
 */
import { Agent as HttpAgent, type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { AddressInfo } from "node:net";
import { DOOR_CONNECTIONS_MAX, DOOR_HEADERS_TIMEOUT_MS, DOOR_IDLE_MS, DOOR_REQUEST_TIMEOUT_MS } from "../../limits.ts";
import { type Log, messageOf } from "../../log.ts";
import { Refusal } from "../../refusal.ts";
import { type Accounts, createAccounts } from "./accounts.ts";
import { type Budgets, createBudgets } from "./budget.ts";
import { type Agents, forward, refuseModel } from "./forward.ts";
import { serveTools } from "./mcp.ts";
import {
  DOOR_LIMITS,
  type DoorDispatch,
  type DoorLimits,
  type ModelUsage,
  type Pass,
  type PassList,
  createPass,
  createPassList,
} from "./pass.ts";
import { createRig } from "./rig.ts";
import { apiOfTarget, keyInQuery, modelRouteOf } from "./routes.ts";
import { type AskAnswer, answered } from "./tools.ts";
import type { Provider } from "./upstreams.ts";

export interface AgentDoor {
  /** What the rigs let their agents spend. */
  readonly budgets: Budgets;
  /** Listens from the first dispatch on. @throws Refusal 422 door_unavailable when no port of loopback can be had */
  readonly open: (dispatch: DoorDispatch) => Promise<DoorPass>;
  /** The same door for who comes by a socket of its own, where no other page and no other user is. */
  readonly answer: (request: IncomingMessage, response: ServerResponse) => void;
  /** Ends every pass and the listener. The same promise however often it is called. */
  readonly close: () => Promise<void>;
}

export interface DoorPass {
  /** Of this dispatch alone, and worth nothing after close(): the CLI's API key, and the bearer token of the tools. */
  readonly token: string;
  /** `http://127.0.0.1:PORT/mcp`: MCP over streamable HTTP. */
  readonly mcpUrl: string;
  /** The base URL for a CLI; of OpenAI with /v1 at its end. */
  readonly modelUrl: (provider: Provider) => string;
  /** One row per model, of this dispatch until now. */
  readonly usage: () => readonly ModelUsage[];
  /** When the oldest request was sent that nothing has come of yet, ms since epoch; null: there is none. */
  readonly waitingSince: () => number | null;
  /** Whether a gt_done was taken. */
  readonly handedIn: () => boolean;
  /** The rig's answer to a question of this pass, in the words of the agent's next prompt; null: nobody waits for it. */
  readonly answered: (askId: string, answer: AskAnswer) => string | null;
  /** Ends the token and all that is in flight with it. Repeating it does nothing. */
  readonly close: () => void;
}

export interface DoorOptions {
  readonly log: Log;
  readonly now?: () => number;
  readonly limits?: Partial<DoorLimits>;
  /** What is known of the credentials that it sends; tests look at them. */
  readonly accounts?: Accounts;
  /** HTTP_PROXY, HTTPS_PROXY and NO_PROXY, by which providers are reached. */
  readonly proxyEnv?: NodeJS.ProcessEnv;
  /** From a connection's first moment to the end of a request's headers, and of its body. */
  readonly headers_ms?: number;
  readonly request_ms?: number;
}

export function createAgentDoor(options: DoorOptions): AgentDoor {
  const { log } = options;
  const passes = createPassList();
  let listening: Promise<{ server: Server; port: number }> | null = null;
  let closed: Promise<void> | null = null;
  const agents = agentsFor(options.proxyEnv);
  const serve = createServe(options, passes, agents);

  const listen = (): Promise<{ server: Server; port: number }> =>
    (listening ??= listenOn(serverFor(options, serve)).catch((error: unknown) => {
      listening = null;
      throw new Refusal(422, "door_unavailable", `no port on 127.0.0.1 for the agents: ${messageOf(error)}`);
    }));

  return {
    budgets: createBudgets(),
    open: async (dispatch) => {
      if (closed !== null) throw new Refusal(503, "draining", "this container is shutting down");
      const base = dispatch.reachedAt ?? `http://127.0.0.1:${(await listen()).port}`;
      const pass: Pass = createPass(
        dispatch,
        () => passes.remove(pass),
        (error) => log(`a listener of agent ${dispatch.agentId}'s door failed: ${messageOf(error)}`),
      );
      passes.add(pass);
      return {
        token: pass.token,
        mcpUrl: `${base}/mcp`,
        modelUrl: (provider) => `${base}/model/${provider}${provider === "openai" ? "/v1" : ""}`,
        usage: pass.usage,
        waitingSince: () => [...pass.waiting][0]?.since ?? null,
        handedIn: () => pass.handedIn,
        answered: (askId, answer) => answered(pass, askId, answer),
        close: pass.close,
      };
    },
    answer: serve,
    close: () =>
      (closed ??= (async () => {
        for (const pass of passes.all()) pass.close();
        const open = await listening?.catch(() => null);
        if (open) {
          const ended = new Promise<void>((resolve) => open.server.close(() => resolve()));
          open.server.closeAllConnections();
          await ended;
        }
        agents.http.destroy();
        agents.https.destroy();
      })()),
  };
}

/** A connection that nobody uses is closed by us before most providers close it, so that no request is sent into its end. */
const FREE_SOCKET_MS = 30_000;

function agentsFor(proxyEnv: NodeJS.ProcessEnv | undefined): Agents {
  const how = { keepAlive: true, timeout: FREE_SOCKET_MS, ...(proxyEnv === undefined ? {} : { proxyEnv }) };
  return { http: new HttpAgent(how), https: new HttpsAgent(how) };
}

/** Answers whoever shows the token of a dispatch. */
type Serve = (request: IncomingMessage, response: ServerResponse) => void;

function createServe(options: DoorOptions, passes: PassList, agents: Agents): Serve {
  const { log, now = Date.now, limits: shorter, accounts = createAccounts() } = options;
  const limits: DoorLimits = { ...DOOR_LIMITS, ...shorter };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = request.url ?? "";
    // Said by every page, and by nobody else.
    if (request.headers.origin !== undefined) return plainly(response, 403);
    const isTools = target === "/mcp";
    const pass = passes.of(tokenOf(request, isTools ? null : target));
    if (pass === null) {
      if (isTools) return plainly(response, 401);
      return refuseModel(response, { api: apiOfTarget(target) }, 401, "this token is of no dispatch that runs");
    }
    if (isTools) {
      const rig = createRig(pass.dispatch, pass.isOpen);
      return serveTools(request, response, { pass, rig, limits });
    }
    const route = modelRouteOf(request.method ?? "", target);
    if (route === null)
      return refuseModel(response, { api: apiOfTarget(target) }, 404, "this is nothing that is passed on to a model");
    return forward(request, response, pass, route, { agents, limits, accounts, now });
  }
  return (request, response) => {
    response.on("error", () => {});
    serve(request, response).catch((error: unknown) => {
      log(`the agents' door failed: ${messageOf(error)}`);
      response.destroy();
    });
  };
}

function serverFor(
  { headers_ms = DOOR_HEADERS_TIMEOUT_MS, request_ms = DOOR_REQUEST_TIMEOUT_MS }: DoorOptions,
  serve: Serve,
): Server {
  const server = createServer({
    headersTimeout: headers_ms,
    requestTimeout: request_ms,
    keepAliveTimeout: DOOR_IDLE_MS,
    connectionsCheckingInterval: Math.min(headers_ms, 1000),
  });
  server.maxConnections = DOOR_CONNECTIONS_MAX;
  server.on("request", (request, response) => {
    // A page in a browser that was told that its host is 127.0.0.1 says another one.
    if (isOurs(request, server)) serve(request, response);
    else plainly(response, 403);
  });
  return server;
}

function listenOn(server: Server): Promise<{ server: Server; port: number }> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: 0 }, () => {
      server.off("error", reject);
      server.on("error", () => {});
      resolve({ server, port: (server.address() as AddressInfo).port });
    });
  });
}

function isOurs(request: IncomingMessage, server: Server): boolean {
  const address = server.address() as AddressInfo | null;
  const { host } = request.headers;
  return address !== null && (host === `127.0.0.1:${address.port}` || host === `localhost:${address.port}`);
}

/** However a CLI of one of the makers sends its key. @param target null: only as a bearer token */
function tokenOf({ headers }: IncomingMessage, target: string | null): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1] ?? null;
  if (target === null) return bearer;
  const keys = [headers["x-api-key"], headers["x-goog-api-key"]].map((key) => (typeof key === "string" ? key : null));
  return keys.find((key) => key !== null) ?? bearer ?? keyInQuery(target);
}

function plainly(response: ServerResponse, status: 401 | 403): void {
  response.writeHead(status, { "content-length": 0, connection: "close" });
  response.end();
}
