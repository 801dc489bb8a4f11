/** What an error of a program or of its model says of the dispatch. Pure. */
import type { EndingKind } from "./vocabulary.ts";

export interface SaidError {
  /** HTTP status of the model's answer, where the program tells it. */
  readonly status: number | null;
  readonly text: string;
}

/** Above these words nothing else counts: a status is what a provider means, and words are many. */
const BY_STATUS: ReadonlyMap<number, EndingKind> = new Map([
  [401, "not_authorized"],
  [403, "not_authorized"],
  [402, "over_budget"],
  [413, "context_full"],
  [429, "rate_limited"],
  [503, "rate_limited"],
  [529, "rate_limited"],
]);

/** In this order: a full context is told as a 400, and an empty account as a rate limit. */
const BY_WORDS: readonly (readonly [RegExp, EndingKind])[] = [
  [
    /prompt is too long|context.?(window|length)|maximum context|too many (input )?tokens|input.{0,40}too long/i,
    "context_full",
  ],
  [/credit balance|insufficient.?(quota|funds|credit)|billing|payment required|over budget|\b402\b/i, "over_budget"],
  [
    /invalid.{0,10}api.?key|api.?key.{0,20}(missing|invalid|not valid|required|not set)|authenticat|unauthori[sz]ed|not logged in|log ?in (first|required)|please (run )?\/?login|\b401\b|\b403\b/i,
    "not_authorized",
  ],
  [/rate.?limit|usage limit|too many requests|overloaded|quota|resource.?exhausted|\b(429|529|503)\b/i, "rate_limited"],
];

/** @param fallback what it is when nothing is recognised */
export function endingOf({ status, text }: SaidError, fallback: EndingKind = "crashed"): EndingKind {
  const full = BY_WORDS[0];
  if (full?.[0].test(text) === true) return full[1];
  const known = status === null ? undefined : BY_STATUS.get(status);
  return known ?? BY_WORDS.find(([words]) => words.test(text))?.[1] ?? fallback;
}

/** Errors that no repetition by the program itself mends. */
export const isFinal = (kind: EndingKind): boolean =>
  kind === "not_authorized" || kind === "over_budget" || kind === "context_full";

/** A status in words such as `API Error: 429 {...}` or `http 429 Too Many Requests`. */
export function statusIn(text: string): number | null {
  const [, found] = /\b(?:error|http|status|code)\D{0,12}\b([45]\d\d)\b/i.exec(text) ?? [];
  return found === undefined ? null : Number(found);
}
