/** Which headers pass the door, in either direction. Pure. */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Upstream } from "./upstreams.ts";
import { veiled } from "./veil.ts";

/** Of one connection only, and made anew for the next. */
const OF_A_CONNECTION = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "http2-settings",
];

/** What would be believed of an agent in place of what the door says: who asks, for whom, and what. */
const NOT_THEIRS = new Set([
  ...OF_A_CONNECTION,
  "host",
  "authorization",
  "x-api-key",
  "x-goog-api-key",
  "api-key",
  "cookie",
  "origin",
  "referer",
  "accept-encoding",
  "content-length",
  "forwarded",
  "via",
  "x-real-ip",
  "openai-organization",
  "openai-project",
  "x-goog-user-project",
]);
const NOT_THEIRS_BEGIN = /^(x-forwarded-|x-http-method|x-method-override|cf-|x-goog-iam-|sec-)/;

/** What the agent said, without what is not its to say, and with the real key. */
export function requestHeaders(request: IncomingMessage, { auth, key }: Upstream): OutgoingHttpHeaders {
  const named = namedBy(request.headers.connection);
  const passed = Object.entries(request.headers).filter(
    ([name, value]) => value !== undefined && !NOT_THEIRS.has(name) && !NOT_THEIRS_BEGIN.test(name) && !named.has(name),
  );
  const length = request.headers["content-length"];
  return {
    ...Object.fromEntries(passed),
    // So that it can be read while it passes.
    "accept-encoding": "identity",
    ...(length === undefined || request.headers["transfer-encoding"] !== undefined ? {} : { "content-length": length }),
    ...(auth === "bearer" ? { authorization: `Bearer ${key}` } : { [auth]: key ?? "" }),
  };
}

const NOT_FOR_AGENTS = new Set([...OF_A_CONNECTION, "set-cookie", "alt-svc", "location", "content-encoding"]);

/** @param isAsItCame false: an encoding was taken off, so that its length is another one */
export function responseHeaders(answer: IncomingMessage, isAsItCame: boolean, key: string | null): OutgoingHttpHeaders {
  const named = namedBy(answer.headers.connection);
  return Object.fromEntries(
    Object.entries(answer.headers).flatMap(([name, value]) => {
      if (value === undefined || NOT_FOR_AGENTS.has(name) || named.has(name)) return [];
      if (name === "content-length" && !isAsItCame) return [];
      return [[name, Array.isArray(value) ? value.map((one) => veiled(one, key)) : veiled(value, key)]];
    }),
  );
}

/** All of them but those of the connection that it came by. */
export function headersOfMessage(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = namedBy(headers.connection);
  const passed = Object.entries(headers).filter(
    ([name, value]) => value !== undefined && !OF_A_CONNECTION.includes(name) && !named.has(name),
  );
  return Object.fromEntries(passed);
}

/** What an agent says to Ticktown's API, without what would be believed of it in place of whoever passes it on. */
export function headersToApi(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const said = Object.entries(headersOfMessage(headers));
  return Object.fromEntries(said.filter(([name]) => !SAID_BY_PROXIES.has(name) && !NOT_THEIRS_BEGIN.test(name)));
}

const SAID_BY_PROXIES: ReadonlySet<string> = new Set([
  "forwarded",
  "via",
  "x-real-ip",
  "true-client-ip",
  "cookie",
  "origin",
  "referer",
]);

/** Headers that a `connection` header calls its own. */
const namedBy = (connection: string | undefined): ReadonlySet<string> =>
  new Set((connection ?? "").split(",").map((name) => name.trim().toLowerCase()));
