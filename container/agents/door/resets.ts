/** When a limit ends, as each provider says it. Pure. */
import type { IncomingHttpHeaders } from "node:http";
import { RESET_MAX_MS } from "../../limits.ts";

/** Limits that a provider counts one by one; each header's value is when that one is full again, which matters only of one that is used up. */
const COUNTED = [
  ["anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"],
  ["anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"],
  ["anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"],
  ["anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"],
  ["x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
  ["x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
  ["x-ratelimit-remaining", "x-ratelimit-reset"],
] as const;

/**
 * The latest of what is said: `retry-after` (seconds or a date), the unified limit of a subscription, and the resets of what is used
 * up. Only where none of them says anything the resets of limits whose rest is not said, and then the body.
 * @returns ms since epoch, between now and RESET_MAX_MS later; null: it is not said
 */
export function resetOf(headers: IncomingHttpHeaders, body: unknown, now_ms: number): number | null {
  const said = [retryAfter(headers, now_ms), unified(headers, now_ms), ...counted(headers, "0", now_ms)];
  const later = [latest(said), latest(counted(headers, null, now_ms)), inBody(body, now_ms)];
  const until = later.find((one) => one !== null) ?? null;
  return until === null ? null : Math.min(Math.max(until, now_ms), now_ms + RESET_MAX_MS);
}

type When = number | null;

const latest = (times: readonly When[]): When => {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.max(...known);
};

function retryAfter(headers: IncomingHttpHeaders, now_ms: number): When {
  const ms = Number(one(headers, "retry-after-ms") ?? Number.NaN);
  if (Number.isFinite(ms)) return now_ms + ms;
  return whenOf(one(headers, "retry-after"), now_ms);
}

/** Of an account as a whole; it says so only once it is used up. */
function unified(headers: IncomingHttpHeaders, now_ms: number): When {
  const isUsedUp = one(headers, "anthropic-ratelimit-unified-status") === "rejected";
  return isUsedUp ? whenOf(one(headers, "anthropic-ratelimit-unified-reset"), now_ms) : null;
}

function counted(headers: IncomingHttpHeaders, left: "0" | null, now_ms: number): When[] {
  return COUNTED.filter(([remaining]) => (one(headers, remaining) ?? null) === left).map(([, reset]) =>
    whenOf(one(headers, reset), now_ms),
  );
}

/** `retryDelay` of Google's errors; `resets_at`, `resets_in_seconds` of a subscription of OpenAI's. */
function inBody(body: unknown, now_ms: number): When {
  const error = (body as { error?: Record<string, unknown> } | null)?.error;
  if (typeof error !== "object" || error === null) return null;
  const details = Array.isArray(error["details"]) ? (error["details"] as unknown[]) : [];
  const delays = details.map((detail) => (detail as { retryDelay?: unknown } | null)?.retryDelay);
  const seconds = error["resets_in_seconds"];
  return latest([
    ...delays.map((delay) => whenOf(delay, now_ms)),
    whenOf(error["resets_at"], now_ms),
    typeof seconds === "number" ? now_ms + seconds * 1000 : null,
  ]);
}

/** More seconds than this are a time, not a wait. */
const EPOCH_FROM_S = 1_000_000_000;
const EPOCH_FROM_MS = 1_000_000_000_000;
const UNITS_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Seconds from now, seconds or milliseconds since epoch, a length of time such as 1h2m3.5s, or a date. */
function whenOf(said: unknown, now_ms: number): When {
  const text = typeof said === "number" ? String(said) : typeof said === "string" ? said.trim() : "";
  if (/^\d+(\.\d+)?$/.test(text)) {
    const n = Number(text);
    if (n >= EPOCH_FROM_MS) return n;
    return n >= EPOCH_FROM_S ? n * 1000 : now_ms + n * 1000;
  }
  if (/^(\d+(\.\d+)?(ms|[dhms]))+$/.test(text)) {
    const parts = Array.from(text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g));
    return now_ms + parts.reduce((sum, [, n, unit = ""]) => sum + Number(n) * (UNITS_MS[unit] ?? 0), 0);
  }
  // A year, at least: many a word with a digit is a date to Date.parse.
  const date = /\b\d{4}\b/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? null : date;
}

function one(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
