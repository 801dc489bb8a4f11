import { expect, test } from "vitest";
import { troubleInStream, troubleOf } from "../../../container/agents/door/classify.ts";
import { resetOf } from "../../../container/agents/door/resets.ts";

/** When a limit is over, in every way in which a provider says it; and what an error means. */

const NOW = Date.parse("2026-11-26T12:00:00Z");
const DAY_MS = 86_400_000;

test.each([
  ["seconds", { "retry-after": "30" }, 30_000],
  ["half a second", { "retry-after": "0.5" }, 500],
  ["milliseconds", { "retry-after-ms": "1500", "retry-after": "60" }, 1500],
  ["a date", { "retry-after": "Thu, 26 Nov 2026 14:00:00 GMT" }, 7_200_000],
  ["a date that is over", { "retry-after": "Thu, 26 Nov 2020 14:00:00 GMT" }, 0],
  ["a century", { "retry-after": "3153600000" }, 31 * DAY_MS],
  ["no date and no number", { "retry-after": "soon 7" }, null],
  ["nothing", {}, null],
  [
    "a subscription that is used up, beside a short retry-after",
    {
      "retry-after": "30",
      "anthropic-ratelimit-unified-status": "rejected",
      "anthropic-ratelimit-unified-reset": "1795701600",
    },
    7_200_000,
  ],
  [
    "a subscription that is not used up",
    { "anthropic-ratelimit-unified-status": "allowed", "anthropic-ratelimit-unified-reset": "1795701600" },
    null,
  ],
  [
    "of several limits the one that is used up",
    {
      "anthropic-ratelimit-requests-remaining": "0",
      "anthropic-ratelimit-requests-reset": "2026-11-26T12:01:00Z",
      "anthropic-ratelimit-tokens-remaining": "4000",
      "anthropic-ratelimit-tokens-reset": "2026-11-26T18:00:00Z",
    },
    60_000,
  ],
  ["lengths of time", { "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1h2m3.5s" }, 3_723_500],
  ["a length of milliseconds", { "x-ratelimit-reset-requests": "20ms" }, 20],
  ["milliseconds since epoch", { "x-ratelimit-reset": String(NOW + 5000) }, 5000],
] as const)("a reset in the headers: %s", (_, headers, after) => {
  expect(resetOf(headers, null, NOW)).toBe(after === null ? null : NOW + after);
});

test.each([
  ["Google's delay", { error: { details: [{ "@type": "x" }, null, { retryDelay: "34.5s" }] } }, 34_500],
  ["a time of OpenAI's", { error: { type: "usage_limit_reached", resets_at: NOW / 1000 + 600 } }, 600_000],
  ["a wait of OpenAI's", { error: { resets_in_seconds: 90 } }, 90_000],
  ["a text", "later", null],
  ["what is no list", { error: { details: "x", resets_at: {} } }, null],
] as const)("a reset in the body: %s", (_, body, after) => {
  expect(resetOf({}, body, NOW)).toBe(after === null ? null : NOW + after);
});

const trouble = (status: number, error: unknown) => troubleOf(status, {}, error, { keyName: "THE_KEY" }, NOW);

test("money that is used up is no limit of time, whichever status says it", () => {
  for (const [status, error] of [
    [402, null],
    [429, { code: "insufficient_quota", message: "You exceeded your current quota" }],
    [400, { type: "invalid_request_error", message: "Your credit balance is too low to access the API" }],
    [403, { type: "billing_error" }],
  ] as const)
    expect(trouble(status, error)).toEqual({ type: "limited", kind: "quota", status, until: null });
});

test("a prompt that does not fit is told from any other bad request", () => {
  for (const error of [
    { code: "context_length_exceeded", message: "x" },
    { message: "prompt is too long: 208310 tokens > 200000 maximum" },
    { message: "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000" },
    { message: "This model's maximum context length is 128000 tokens." },
    { message: "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576)." },
  ])
    expect(trouble(400, error)).toMatchObject({ type: "context_full" });
  expect(trouble(400, { message: "messages: at least one is required" })).toBeNull();
  expect(trouble(404, { message: "model: no such model" })).toBeNull();
});

test("an error inside of a stream is known by its type or its code", () => {
  const of = (error: unknown) => troubleInStream(error, { keyName: "THE_KEY" }, NOW);
  expect(of({ code: "rate_limit_exceeded" })).toMatchObject({ type: "limited", kind: "rate" });
  expect(of({ code: "insufficient_quota" })).toMatchObject({ type: "limited", kind: "quota" });
  expect(of({ code: "context_length_exceeded" })).toMatchObject({ type: "context_full" });
  expect(of({ type: "authentication_error" })).toEqual({ type: "unauthorized", status: 401, key: "THE_KEY" });
  expect(of({ code: 503, status: "UNAVAILABLE" })).toMatchObject({ type: "provider_failed", status: 503 });
  expect(of({ message: "something else" })).toMatchObject({ type: "provider_failed", status: 500 });
});
