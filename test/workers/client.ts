import { exports } from "cloudflare:workers";
import { ROUTES } from "../../src/api/routes/index.ts";
import type { Route } from "../../src/api/route.ts";

/** The Worker as a client sees it: the status and what the envelope holds. */
export interface Answer {
  readonly status: number;
  // Tests look into answers freely; what they expect is their assertion.
  readonly data: any;
  readonly error: string | undefined;
  readonly body: Record<string, unknown>;
}

const patterns = ROUTES.map((entry) => ({ entry, pattern: new RegExp(`^${entry.path.replace(/:\w+/g, "[^/]+")}$`) }));

/** The declared route of a request, if there is one; fixed paths go before patterns, as in the router. */
export const routeOf = (method: string, pathname: string): Route | undefined =>
  patterns
    .filter(({ entry, pattern }) => entry.method === method && pattern.test(pathname))
    .sort((a, b) => a.entry.path.split(":").length - b.entry.path.split(":").length)[0]?.entry;

export async function send(request: Request): Promise<Response> {
  return exports.default.fetch(request);
}

/** The first operator's. */
export const OPERATOR = { authorization: "Bearer test-operator-token" };

/**
 * Sends a request, as the operator unless `headers` say who speaks, and, whatever the test is about, holds the answer against the contract: a success must have its route's
 * status and schema, a failure the protocol's shape.
 */
export async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await send(
    new Request(`http://localhost${path}`, {
      method,
      headers: { ...OPERATOR, ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    }),
  );
  const text = new TextDecoder().decode(await response.arrayBuffer());
  const isJson = response.headers.get("content-type")?.includes("application/json") ?? false;
  const parsed = (isJson ? JSON.parse(text) : { text }) as Record<string, unknown>;
  if (isJson) keepsContract(method, path, response.status, parsed);
  return { status: response.status, data: parsed["data"], error: parsed["error"] as string | undefined, body: parsed };
}

/** How many answers were held against the contract. */
export let checkedAnswers = 0;

function keepsContract(method: string, path: string, status: number, body: Record<string, unknown>): void {
  checkedAnswers++;
  const entry = routeOf(method, path.split("?")[0] ?? path);
  if (status >= 400) {
    if (body["success"] !== false || typeof body["error"] !== "string" || body["error"] === "")
      throw new Error(`${method} ${path}: a failure must be { success: false, error }, got ${JSON.stringify(body)}`);
    return;
  }
  if (entry === undefined) throw new Error(`${method} ${path} answers ${status} but is not in the table of routes`);
  if (status !== (entry.status ?? 200))
    throw new Error(`${method} ${path} answers ${status} instead of ${entry.status ?? 200}`);
  if (entry.bare !== true && body["success"] !== true)
    throw new Error(`${method} ${path}: a success must be { success: true, data }`);
  const result = entry.answer?.safeParse(entry.bare === true ? body : body["data"]);
  if (result !== undefined && !result.success)
    throw new Error(`${method} ${path} breaks its schema: ${result.error.message}`);
}

/** Tries until it holds, in real time: `vi.waitFor` would move a faked clock. */
export async function eventually(holds: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await holds();
      return;
    } catch (error) {
      if (tries === 200) throw error;
      await scheduler.wait(25);
    }
  }
}

/** The routes of one rig. */
export const api = (rigId: string, headers: Record<string, string> = {}) => ({
  get: (path: string, more: Record<string, string> = {}) =>
    call("GET", `/api/rigs/${rigId}${path}`, undefined, { ...headers, ...more }),
  post: (path: string, body: unknown = {}, more: Record<string, string> = {}) =>
    call("POST", `/api/rigs/${rigId}${path}`, body, { ...headers, ...more }),
  put: (path: string, body: unknown) => call("PUT", `/api/rigs/${rigId}${path}`, body, headers),
  patch: (path: string, body: unknown) => call("PATCH", `/api/rigs/${rigId}${path}`, body, headers),
  del: (path: string) => call("DELETE", `/api/rigs/${rigId}${path}`, undefined, headers),
});
