import { exports } from "cloudflare:workers";

/** The Worker as a client sees it: the status and what the envelope holds. */
export interface Answer {
  readonly status: number;
  // Tests look into answers freely; what they expect is their assertion.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly data: any;
  readonly error: string | undefined;
  readonly body: Record<string, unknown>;
}

export async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await exports.default.fetch(
    new Request(`http://localhost${path}`, { method, headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) }, ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }) }),
  );
  const text = await response.text();
  const parsed = (response.headers.get("content-type")?.includes("application/json") ? JSON.parse(text) : { text }) as Record<string, unknown>;
  return { status: response.status, data: parsed["data"], error: parsed["error"] as string | undefined, body: parsed };
}

/** The routes of one rig. */
export const api = (rigId: string, headers: Record<string, string> = {}) => ({
  get: (path: string, more: Record<string, string> = {}) => call("GET", `/api/rigs/${rigId}${path}`, undefined, { ...headers, ...more }),
  post: (path: string, body: unknown = {}, more: Record<string, string> = {}) => call("POST", `/api/rigs/${rigId}${path}`, body, { ...headers, ...more }),
  put: (path: string, body: unknown) => call("PUT", `/api/rigs/${rigId}${path}`, body, headers),
  patch: (path: string, body: unknown) => call("PATCH", `/api/rigs/${rigId}${path}`, body, headers),
  del: (path: string) => call("DELETE", `/api/rigs/${rigId}${path}`, undefined, headers),
});
