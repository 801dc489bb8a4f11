import * as z from "zod";

/** What is spent, as the board and others are told. */

const amount = z.int().min(0);

export const Amounts = z.object({
  input_tokens: amount,
  /** Of the input, what came from a cache. */
  cached_tokens: amount,
  output_tokens: amount,
  /** Millionths of a dollar, as far as anybody knows; with the estimates. */
  cost_microdollars: amount,
  /** Of the cost, what is the rig's own estimate by its prices. */
  estimated_microdollars: amount,
  /** Tokens of which nobody knows what they cost. */
  unpriced_tokens: amount,
  /** Of the tokens in and out, and of the cost, what went into dispatches that failed: the price of failures. */
  failed_tokens: amount,
  failed_microdollars: amount,
  /** Dispatches whose last words were lost: at least so much was used. The next report of their conversation makes up for it. */
  incomplete: amount,
});

export const Caps = z.object({ tokens: amount.nullable(), microdollars: amount.nullable() });

export const SpendRow = Amounts.extend({
  /** A day (YYYY-MM-DD), or the id or name that was asked by; empty: nobody said. */
  key: z.string(),
});

export const Spend = z.object({
  today: z.object({
    tokens: amount,
    microdollars: amount,
    caps: Caps,
    left: Caps,
    state: z.enum(["counting", "told", "capped"]),
    /** When the next day of UTC begins. */
    ends_at: z.iso.datetime({ offset: true }),
  }),
  total: Amounts,
  /** Of the total, what went into dispatches that failed. */
  failures: Amounts,
  /** The dearest first. */
  rows: z.array(SpendRow),
  /** There are more rows than are shown; the total is of all. */
  is_cut: z.boolean(),
  /**
   * What bounds how far a cap may be passed by those that run now: the answers under way (all of them are counted at the door), or what an
   * agent may use within `unmetered_ms`. Null: nothing is capped, or nobody runs.
   */
  bound: z.enum(["answers_in_flight", "unmetered_ms"]).nullable(),
});

export const SpendQuery = z.object({
  by: z.enum(["day", "bead", "agent", "runtime", "model", "attempt"]).default("day"),
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional(),
});

const cap = amount.nullable();

/** The town's day: what it may cost, who has leased what of it, and what its rigs have used. */
export const TownSpend = z.object({
  today: z.object({
    tokens: amount,
    microdollars: amount,
    /** What rigs hold of it, spent or not: the sum that never passes the caps. */
    leased: z.object({ tokens: amount, microdollars: amount }),
    caps: z.object({
      tokens: cap,
      microdollars: cap,
      told_percent: z.int(),
      on_cap: z.enum(["stop", "finish_answer"]),
    }),
    ends_at: z.iso.datetime({ offset: true }),
  }),
  /** Of all rigs that have answered. */
  total: Amounts,
  failures: Amounts,
  rows: z.array(SpendRow.extend({ rig_id: z.string().optional() })),
  is_cut: z.boolean(),
  /** Rigs that did not answer: what they have used is missing. */
  missing: z.array(z.string()),
  /** Accounts that are limited, by a digest, and until when. */
  accounts: z.array(z.object({ account: z.string(), until: z.iso.datetime({ offset: true }), rig_id: z.string() })),
  /** Who has changed the budget, and when it was told or reached; the newest first. */
  changes: z.array(z.object({ at: z.iso.datetime({ offset: true }), by: z.string(), what: z.json() })),
});

export const TownSpendQuery = SpendQuery.extend({
  by: z.enum(["day", "bead", "agent", "runtime", "model", "attempt", "rig", "town"]).default("day"),
});

/** What a town may spend in a day of UTC. What is not said is not capped. */
export const TownBudget = z.strictObject({
  tokens: cap.default(null),
  microdollars: cap.default(null),
  told_percent: z.int().min(1).max(100).default(80),
  on_cap: z.enum(["stop", "finish_answer"]).default("finish_answer"),
});

/** What a bead may spend beyond its cap from now on. */
export const BudgetRaise = z
  .strictObject({ tokens: amount.optional(), microdollars: amount.optional() })
  .refine(({ tokens = 0, microdollars = 0 }) => tokens + microdollars > 0, "say by how many tokens or microdollars");
