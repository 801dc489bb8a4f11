/** What may be spent, and what happens when it is: settings of the rig. */
import * as z from "zod";
import { LIMITS } from "./limits.ts";

const MINUTE_MS = 60_000;
/** Nobody is kept from anything as long as it is null. */
const cap = z.int().min(0).max(Number.MAX_SAFE_INTEGER).nullable().default(null);
const price = z.int().min(0).max(1_000_000_000);

/** Millionths of a dollar for a million tokens: the estimate where nobody says what an answer has cost. */
export const Price = z.strictObject({ input: price, cached: price, output: price });
export type Price = z.infer<typeof Price>;

export const Budget = z.object({
  /** Tokens in and out, for one bead over all its attempts. */
  bead_tokens: cap,
  bead_microdollars: cap,
  /** The same for all of the rig within a day of UTC. */
  day_tokens: cap,
  day_microdollars: cap,
  /** What an agent may use without a commit, a checkpoint or a tool that it had not run like this before: then a person is told. */
  fruitless_tokens: z.int().min(1).max(Number.MAX_SAFE_INTEGER).nullable().default(5_000_000),
  /** A person is told once when this share of a cap is spent. */
  budget_told_percent: z.int().min(1).max(100).default(80),
  /** Who runs when a cap is reached: is stopped in the middle of its turn, or ends with the answer that it has asked for. */
  on_cap: z.enum(["stop", "finish_answer"]).default("finish_answer"),
  /** Under a cap, a process that tells nothing of what it uses is stopped after this. */
  unmetered_ms: z
    .int()
    .min(0)
    .max(31_536_000_000)
    .default(30 * MINUTE_MS),
  /** How many answers of its model one dispatch may have under way at once, under a cap. */
  answers_in_flight: z.int().min(1).max(1_000).default(4),
  /** By the beginning of a model's name; the longest that fits counts. */
  prices: z
    .record(z.string().min(1).max(LIMITS.model_chars), Price)
    .refine((all) => Object.keys(all).length <= LIMITS.prices, `at most ${LIMITS.prices} prices`)
    .default({}),
});
export type Budget = z.infer<typeof Budget>;

export const DEFAULT_BUDGET: Budget = Budget.parse({});

/** What something has used. */
export interface Used {
  readonly inputTokens: number;
  /** Of the input, what came from a cache. */
  readonly cachedTokens: number;
  readonly outputTokens: number;
}

/** What is counted against a cap. Money that nobody knows is not in it. */
export interface Spent {
  /** In and out. */
  readonly tokens: number;
  readonly microdollars: number;
}
export const NOTHING_SPENT: Spent = { tokens: 0, microdollars: 0 };

/** What is more than a whole number can be is as much as one can be: no cap is reached any less by it. */
const sum = (a: number, b: number): number => Math.min(a + b, Number.MAX_SAFE_INTEGER);

export const plusSpent = (a: Spent, b: Spent): Spent => ({
  tokens: sum(a.tokens, b.tokens),
  microdollars: sum(a.microdollars, b.microdollars),
});

/** A cap in tokens and one in money; null: none. */
export interface Caps {
  readonly tokens: number | null;
  readonly microdollars: number | null;
}

/** Whether a share of either cap is spent. @param percent of the cap; 100: all of it */
export const reaches = (spent: Spent, caps: Caps, percent = 100): boolean =>
  (["tokens", "microdollars"] as const).some((name) => {
    const most = caps[name];
    return most !== null && spent[name] * 100 >= most * percent;
  });

/** What is left of each cap, never less than nothing; null: no cap. */
export const leftOf = (spent: Spent, caps: Caps): Caps => ({
  tokens: caps.tokens === null ? null : Math.max(0, caps.tokens - spent.tokens),
  microdollars: caps.microdollars === null ? null : Math.max(0, caps.microdollars - spent.microdollars),
});

/** An estimate of what tokens have cost, in millionths of a dollar; null: no price is known for the model. */
export function estimate(used: Used, model: string | null, prices: Budget["prices"]): number | null {
  if (model === null) return null;
  const name = Object.keys(prices)
    .filter((prefix) => model.startsWith(prefix))
    .sort((a, b) => b.length - a.length)[0];
  const one = name === undefined ? undefined : prices[name];
  if (one === undefined) return null;
  const cached = Math.min(used.cachedTokens, used.inputTokens);
  const sum = (used.inputTokens - cached) * one.input + cached * one.cached + used.outputTokens * one.output;
  return Math.ceil(sum / 1_000_000);
}

/** The day of UTC that a time (ms) is in, counted from 1970. */
export const dayOf = (at: number): number => Math.floor(at / 86_400_000);
/** When a day begins, ms. */
export const startOfDay = (day: number): number => day * 86_400_000;

/** "1,200 of 1,000 tokens", "$0.25 of $1.00": each cap that there is. */
export function spentText(spent: Spent, caps: Caps): string {
  const parts = [
    ...(caps.tokens === null ? [] : [`${grouped(spent.tokens)} of ${grouped(caps.tokens)} tokens`]),
    ...(caps.microdollars === null ? [] : [`${dollars(spent.microdollars)} of ${dollars(caps.microdollars)}`]),
  ];
  return parts.join(" and ");
}

/** "1,200 tokens, $0.25": what was used, without what there is nothing of. */
export function usedText(spent: Spent): string {
  const money = spent.microdollars === 0 ? [] : [dollars(spent.microdollars)];
  return [`${grouped(spent.tokens)} tokens`, ...money].join(", ");
}

export const grouped = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
export const dollars = (microdollars: number): string => `$${(microdollars / 1_000_000).toFixed(2)}`;
