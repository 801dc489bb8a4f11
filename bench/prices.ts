/**
 * Published prices of the Workers Paid plan, US dollars, as of 2026-08 (developers.cloudflare.com/workers/platform/pricing,
 * /durable-objects/platform/pricing, /containers/pricing). Change them here when they change there.
 */
export const PRICES_AS_OF = "2026-08";

const MILLION = 1e6;
export const PRICES = {
  plan: 5,
  worker_requests: { included: 10 * MILLION, per_million: 0.3 },
  worker_cpu_ms: { included: 30 * MILLION, per_million: 0.02 },
  object_requests: { included: 1 * MILLION, per_million: 0.15 },
  object_gb_s: { included: 400_000, per_million: 12.5 },
  rows_read: { included: 25_000 * MILLION, per_million: 0.001 },
  rows_written: { included: 50 * MILLION, per_million: 1 },
  stored_gb_month: { included: 5, per_gb: 0.2 },
} as const;

/** What a month takes. */
export interface Month {
  worker_requests: number;
  worker_cpu_ms: number;
  object_requests: number;
  object_gb_s: number;
  rows_read: number;
  rows_written: number;
  stored_gb: number;
}

type Metered = "worker_requests" | "worker_cpu_ms" | "object_requests" | "object_gb_s" | "rows_read" | "rows_written";
const METERED: readonly Metered[] = [
  "worker_requests",
  "worker_cpu_ms",
  "object_requests",
  "object_gb_s",
  "rows_read",
  "rows_written",
];

/** Dollars above what the plan includes, per item; the plan itself comes on top. */
export function bill(month: Month): Record<Metered | "stored", number> & { total: number } {
  const items = {} as Record<Metered | "stored", number>;
  for (const name of METERED)
    items[name] = (Math.max(0, month[name] - PRICES[name].included) / MILLION) * PRICES[name].per_million;
  items.stored = Math.max(0, month.stored_gb - PRICES.stored_gb_month.included) * PRICES.stored_gb_month.per_gb;
  return { ...items, total: Object.values(items).reduce((sum, each) => sum + each, 0) };
}
