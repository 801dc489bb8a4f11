/** What an answer that is an error means for the dispatch. Pure. */
import type { IncomingHttpHeaders } from "node:http";
import { MODEL_WORDS_MAX_CHARS } from "../../limits.ts";
import { resetOf } from "./resets.ts";
import type { Upstream } from "./upstreams.ts";

export type Trouble =
  /** `quota`: nothing more is given until somebody pays. `until` in ms since epoch, as the provider says it; null: it does not. */
  | {
      readonly type: "limited";
      readonly kind: "rate" | "quota";
      readonly status: number;
      readonly until: number | null;
      /** Whose limit it is: a digest of the credential. */
      readonly account?: string;
    }
  /** `key` is the name of the variable whose value was refused, or that is missing; never the value. */
  | { readonly type: "unauthorized"; readonly status: number; readonly key: string }
  | { readonly type: "context_full"; readonly message: string }
  /** The provider is there and fails, or is not there (`status` null). The CLI tries again by itself. */
  | { readonly type: "provider_failed"; readonly status: number | null; readonly message: string };

const QUOTA = /insufficient_quota|billing|credit balance|exceeded your current quota|out of credits|payment required/i;
const CONTEXT_FULL =
  /context_length_exceeded|prompt is too long|exceed(s|ed)? (the |this model's )?(maximum )?context|maximum context length|input token count.{0,40}exceeds|too many (input )?tokens|input is too long/i;

/**
 * @param status of the answer
 * @param error what its body says under `error`, or the body
 * @returns null for what is no trouble, or only the CLI's own
 */
export function troubleOf(
  status: number,
  headers: IncomingHttpHeaders,
  error: unknown,
  upstream: Pick<Upstream, "keyName">,
  now_ms: number,
): Trouble | null {
  const said = wordsOf(error);
  if ((status === 400 || status === 413 || status === 422) && CONTEXT_FULL.test(said))
    return { type: "context_full", message: said };
  const isQuota = status === 402 || ((status === 400 || status === 429 || status === 403) && QUOTA.test(said));
  if (isQuota) return { type: "limited", kind: "quota", status, until: resetOf(headers, { error }, now_ms) };
  if (status === 429) return { type: "limited", kind: "rate", status, until: resetOf(headers, { error }, now_ms) };
  if (status === 401 || status === 403) return { type: "unauthorized", status, key: upstream.keyName };
  if (status >= 500) return { type: "provider_failed", status, message: said || `HTTP ${status}` };
  return null;
}

/** Of an error inside of a stream that began with 200. */
export function troubleInStream(error: unknown, upstream: Pick<Upstream, "keyName">, now_ms: number): Trouble | null {
  const status = Object.entries(STATUS_OF).find(([word]) => wordsOf(error).includes(word))?.[1];
  const coded = (error as { code?: unknown } | null)?.code;
  return troubleOf(typeof coded === "number" ? coded : (status ?? 500), {}, error, upstream, now_ms);
}

const STATUS_OF: Readonly<Record<string, number>> = {
  rate_limit: 429,
  insufficient_quota: 429,
  overloaded: 529,
  authentication: 401,
  invalid_api_key: 401,
  permission: 403,
  context_length: 400,
  invalid_request: 400,
  billing: 402,
};

/** Type, code and message, in one line that is not long. */
export function wordsOf(error: unknown): string {
  if (typeof error === "string") return short(error);
  if (typeof error !== "object" || error === null) return "";
  const { type, code, status, message } = error as Record<string, unknown>;
  return short([type, code, status, message].filter((part) => typeof part === "string").join(": "));
}

const short = (text: string): string => text.replaceAll(/\s+/g, " ").trim().slice(0, MODEL_WORDS_MAX_CHARS);
