import type { Principal } from "./auth.ts";
import { HttpError } from "./errors.ts";

/**
 * A token bucket per token. Kept in the memory of one isolate: it stops a client in a loop, it is no accounting. Operators
 * have a larger one; the development pass has none, because there is nobody to protect from.
 */
export const RATE = {
  agent: { burst: 300, per_second: 30 },
  operator: { burst: 3_000, per_second: 300 },
} as const;

/** Buckets remembered per isolate; the oldest is forgotten, which only makes its owner's bucket full. */
const MOST = 10_000;

const buckets = new Map<string, { tokens: number; at: number }>();

/**
 * Takes one turn.
 * @param now ms since epoch.
 * @throws HttpError 429 when the bucket is empty.
 */
export function takeTurn(principal: Principal, now: number): void {
  if (principal.kind === "anonymous" || (principal.kind === "operator" && principal.id === "development")) return;
  const name = principal.kind === "operator" ? `operator:${principal.id}` : `agent:${principal.rigId}:${principal.agentId}`;
  const { burst, per_second } = RATE[principal.kind];
  const bucket = buckets.get(name) ?? { tokens: burst, at: now };
  const tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1_000) * per_second);
  if (tokens < 1) throw new HttpError(429, `too many requests: ${per_second} a second, ${burst} at once; try again in a second`);
  buckets.delete(name);
  buckets.set(name, { tokens: tokens - 1, at: now });
  const oldest = buckets.size > MOST ? buckets.keys().next().value : undefined;
  if (oldest !== undefined) buckets.delete(oldest);
}
