import { early } from "./early.ts";
import { token } from "./session.ts";

/** The Worker API as this page calls it, with the token that it was let in with. */

/** A refusal or a failure, in the API's own words. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

let onUnauthorized: () => void = () => {};
/** Called whenever the API does not take the token, or there is none. */
export const whenUnauthorized = (handler: () => void): void => {
  onUnauthorized = handler;
};

/** @throws ApiError */
export async function request(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = {};
  const known = token();
  if (known !== null) headers["authorization"] = `Bearer ${known}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  let response: Response;
  try {
    response = await ((method === "GET" ? early(path, known) : null) ??
      fetch(path, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      }));
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ApiError(0, "Ticktown does not answer: is the Worker running?");
  }
  if (response.ok) return response;
  if (response.status === 401) onUnauthorized();
  const text = await response.text();
  throw new ApiError(response.status, errorIn(text) ?? `HTTP ${response.status} ${response.statusText}`);
}

function errorIn(text: string): string | null {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === "string" ? error : null;
  } catch {
    return null;
  }
}

/** The `data` of the success envelope. @throws ApiError */
export async function api<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await request(method, path, body, signal);
  return ((await response.json()) as { data: T }).data;
}

export const get = <T>(path: string, signal?: AbortSignal): Promise<T> => api<T>("GET", path, undefined, signal);
export const post = <T>(path: string, body: unknown = {}): Promise<T> => api<T>("POST", path, body);

export const rigPath = (rigId: string, rest = ""): string => `/api/rigs/${encodeURIComponent(rigId)}${rest}`;

/** A WebSocket on the same host. A browser cannot give it a header, so the token is offered as a protocol, unless a ticket in the path is the key. */
export function openSocket(path: string, { withToken = true } = {}): WebSocket {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const known = withToken ? token() : null;
  return known === null ? new WebSocket(url) : new WebSocket(url, ["ticktown", `bearer.${known}`]);
}

export { messageOf } from "../../../src/events/message-of.ts";
