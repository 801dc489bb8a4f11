/** What may be asked of a model's provider: these paths, letter by letter, and nothing else. Pure. */
import type { Provider } from "./upstreams.ts";

/** In which words is asked and answered. */
export type ModelApi = "messages" | "responses" | "chat" | "gemini";

export interface ModelRoute {
  readonly provider: Provider;
  readonly api: ModelApi;
  /** Behind the upstream's base URL, with what is left of the query. */
  readonly path: string;
  /** Of a model that the path names. */
  readonly model: string | null;
  /** Whether it makes a model answer, which is what costs. */
  readonly generates: boolean;
}

interface Known {
  readonly provider: Provider;
  readonly api: ModelApi;
  readonly method: "GET" | "POST";
  readonly path: RegExp;
  readonly generates: boolean;
}

const known = (provider: Provider, api: ModelApi, method: Known["method"], path: RegExp, generates = true): Known => ({
  provider,
  api,
  method,
  path,
  generates,
});

/** No percent sign, no dot alone, no slash is in a name: nothing that another server might read as another path. */
const KNOWN: readonly Known[] = [
  known("anthropic", "messages", "POST", /^\/v1\/messages$/),
  known("anthropic", "messages", "POST", /^\/v1\/messages\/count_tokens$/, false),
  known("anthropic", "messages", "GET", /^\/v1\/models(\/[\w-][\w.-]*)?$/, false),
  known("openai", "responses", "POST", /^\/v1\/responses(\/compact)?$/),
  known("openai", "chat", "POST", /^\/v1\/chat\/completions$/),
  known("openai", "chat", "GET", /^\/v1\/models(\/[\w-][\w.:-]*)?$/, false),
  known(
    "gemini",
    "gemini",
    "POST",
    /^\/v1(?:beta)?\/models\/([\w-][\w.-]*):(?:streamGenerateContent|generateContent)$/,
  ),
  known("gemini", "gemini", "POST", /^\/v1(?:beta)?\/models\/([\w-][\w.-]*):countTokens$/, false),
  known("gemini", "gemini", "GET", /^\/v1(?:beta)?\/models(\/[\w-][\w.-]*)?$/, false),
];

const PREFIX = /^\/model\/(anthropic|openai|gemini)(\/.*)$/;
/** Names in a query by which a key may be said; ours goes in a header. */
const KEYS = ["key", "access_token", "oauth_token", "api_key"];

/** @param target as it stands in the request line @returns null for anything that is not known */
export function modelRouteOf(method: string, target: string): ModelRoute | null {
  const [pathname = "", query = ""] = cut(target, "?");
  const [, provider, path = ""] = PREFIX.exec(pathname) ?? [];
  const route = KNOWN.find((one) => one.provider === provider && one.method === method && one.path.test(path));
  if (route === undefined || path.includes("..")) return null;
  const named = route.method === "POST" ? (route.path.exec(path)?.[1] ?? null) : null;
  return {
    provider: route.provider,
    api: route.api,
    path: `${inUpstream(route.provider, path)}${queryWithoutKeys(query)}`,
    model: route.provider === "gemini" ? named : null,
    generates: route.generates,
  };
}

/** In whose words a request is refused that is none of these. */
export function apiOfTarget(target: string): ModelApi {
  const provider = PREFIX.exec(cut(target, "?")[0] ?? "")?.[1];
  if (provider === "gemini") return "gemini";
  return provider === "openai" ? "responses" : "messages";
}

/** The key in a query, as Gemini's CLIs say it, or null. */
export function keyInQuery(target: string): string | null {
  return new URLSearchParams(cut(target, "?")[1] ?? "").get("key");
}

/** OpenAI's base URL has the version in it, ours as theirs. */
const inUpstream = (provider: Provider, path: string): string =>
  provider === "openai" ? path.slice("/v1".length) : path;

function queryWithoutKeys(query: string): string {
  const left = new URLSearchParams(query);
  for (const name of KEYS) left.delete(name);
  return left.size === 0 ? "" : `?${left.toString()}`;
}

function cut(text: string, at: string): string[] {
  const place = text.indexOf(at);
  return place < 0 ? [text] : [text.slice(0, place), text.slice(place + 1)];
}
