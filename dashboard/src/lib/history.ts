import type { JournalEntry } from "../../../src/core/journal.ts";

/** What the facts that this page has tell of the last hour: what no chart remembers, because nothing is decided by it. */

export interface History {
  /** When each agent's newest dispatch was granted, ms. */
  readonly startedAt: ReadonlyMap<string, number>;
  /** Facts of each agent in the last hour, oldest first, in BARS parts. */
  readonly activity: ReadonlyMap<string, readonly number[]>;
  /** How long a train takes, ms: the median of those that are known; null: none is. */
  readonly train_ms: number | null;
}

export const BARS = 24;
const HOUR_MS = 3_600_000;

export function historyOf(entries: readonly JournalEntry[], now: number): History {
  const startedAt = new Map<string, number>();
  const activity = new Map<string, number[]>();
  const departed = new Map<number, number>();
  const trains: number[] = [];
  for (const { fact } of entries) {
    if (fact.type === "dispatch.granted") startedAt.set(fact.agentId, fact.at);
    if (fact.type === "train.departed") departed.set(fact.train, fact.at);
    if (fact.type === "train.reported") {
      const since = departed.get(fact.train);
      if (since !== undefined) trains.push(fact.at - since);
    }
    if (fact.at < now - HOUR_MS || fact.type === "TICK" || !("agentId" in fact) || typeof fact.agentId !== "string")
      continue;
    const bars = activity.get(fact.agentId) ?? Array.from({ length: BARS }, () => 0);
    const bar = Math.min(BARS - 1, Math.floor(((fact.at - now + HOUR_MS) / HOUR_MS) * BARS));
    bars[bar] = (bars[bar] ?? 0) + 1;
    activity.set(fact.agentId, bars);
  }
  const sorted = trains.toSorted((a, b) => a - b);
  return { startedAt, activity, train_ms: sorted[Math.floor(sorted.length / 2)] ?? null };
}
