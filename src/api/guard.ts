import { HttpError } from "./errors.ts";

/** By which names this Worker is called: those of the list, and the one that agents are told. */
interface Names {
  readonly ALLOWED_HOSTS?: string;
  readonly GASTOWN_API_URL?: string;
}

/**
 * What is asked of every request before anything else is looked at, also before its token. A page on another origin can send
 * requests to a loopback address, and a name that an attacker rebinds can make its page look like ours; neither gets
 * further than this function. Programs (agents, containers, curl) send no Origin and no Sec-Fetch-Site, and pass.
 * @returns the refusal, or null.
 */
export function guard(request: Request, env: Names): HttpError | null {
  const { headers, method } = request;
  // A request without the header (a binding, a test) says in its URL which host it means.
  const url = URL.parse(request.url);
  const host = (headers.get("host") ?? url?.host ?? "").toLowerCase();
  // A request line may name a host of its own, beside the header; then both must be ours.
  const stranger = [host, url?.host.toLowerCase() ?? host].find((name) => !isOurs(name, env));
  if (stranger !== undefined)
    return new HttpError(
      421,
      `this Ticktown is not ${clipped(stranger)}: use one of its own names, or add this one to ALLOWED_HOSTS`,
    );

  if (url === null) return new HttpError(400, "the request names no path that can be read");

  const origin = headers.get("origin");
  if (origin !== null && !isOwnOrigin(origin, host, isSecure(url, host, env)))
    return new HttpError(403, `a page of another origin (${clipped(origin)}) may not call this Ticktown`);

  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none" && !isLinkToPage(request))
    return new HttpError(403, `a page of another origin may not call this Ticktown (Sec-Fetch-Site: ${clipped(site)})`);

  // A form and a beacon of another page cannot say that they send JSON without asking first.
  const hasBody = request.body !== null && headers.get("content-length") !== "0";
  if (hasBody && !/^application\/(json|x-ndjson) *(;|$)/i.test(headers.get("content-type") ?? ""))
    return new HttpError(NOT_JSON, `a ${method} with a body must say \`content-type: application/json\``);
  return null;
}

/** Asked last: who is refused with it has passed everything else. */
export const NOT_JSON = 415;

/** A body that is none ends at once; whoever has not shown a token yet is not waited for. */
const END_MS = 1_000;

/**
 * Whether a body that says neither what it is nor how long is none at all, which is what some clients and proxies make of a POST without one.
 * Reads up to its first byte, and leaves the request as it was.
 */
export async function isEmpty(request: Request): Promise<boolean> {
  if (request.headers.has("content-type") || request.headers.has("content-length")) return false;
  const reader = request.clone().body?.getReader();
  let stop = (): void => {};
  const late = new Promise<{ done: false; value: undefined }>((resolve) => {
    const timer = setTimeout(() => resolve({ done: false, value: undefined }), END_MS);
    stop = () => clearTimeout(timer);
  });
  for (;;) {
    const { done = true, value } = (await Promise.race([reader?.read(), late])) ?? {};
    if (!done && value?.byteLength === 0) continue;
    stop();
    // Not waited for: it ends when the other copy is read or dropped.
    if (!done) void reader?.cancel().catch(() => {});
    return done;
  }
}

const clipped = (text: string): string => text.slice(0, 100);

const hostOf = (address: string): string | null => URL.parse(address)?.host.toLowerCase() || null;

/** `name`, `name:port` or `[address]:port`; nothing else is a host. */
const HOST = /^([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/;

/** Whether it is reached by https alone: as it was called, or as agents are told to call it. */
const isSecure = (url: URL, host: string, { GASTOWN_API_URL = "" }: Names): boolean =>
  url.protocol === "https:" || (hostOf(GASTOWN_API_URL) === host && GASTOWN_API_URL.startsWith("https:"));

/**
 * Whether an origin, as a browser writes it, is that of our own pages. What is called by http may have a page by https, where a
 * proxy ends TLS; never the other way round: whoever is on the network writes pages of http.
 */
const isOwnOrigin = (origin: string, host: string, secure: boolean): boolean =>
  [...(secure ? [] : ["http:"]), "https:"].some((scheme) => origin.toLowerCase() === `${scheme}//${host}`);

/** Whether a host is on the list: by its name and port, or by a name that stands there without a port. Without a list any is. */
function isOurs(host: string, { ALLOWED_HOSTS = "", GASTOWN_API_URL = "" }: Names): boolean {
  const [, name = ""] = HOST.exec(host) ?? [];
  if (name === "") return false;
  const list = ALLOWED_HOSTS.split(",")
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== "");
  if (list.length === 0) return true;
  return list.includes(host) || list.includes(name) || host === hostOf(GASTOWN_API_URL);
}

/** A link on another page that a person follows to one of our pages; the API is no page. */
const isLinkToPage = (request: Request): boolean =>
  (request.method === "GET" || request.method === "HEAD") &&
  request.headers.get("sec-fetch-mode") === "navigate" &&
  // The router decodes what is escaped here.
  !/^\/api\/|%/.test(new URL(request.url).pathname);
