import type { Entry } from "../core/fold.ts";
import { freeSlots } from "../core/schedule.ts";
import { dayOf, NOTHING_SPENT } from "../events/budget.ts";
import type { Sample } from "../wire/metrics.ts";
import { healthOf } from "./health.ts";
import type { Rig } from "./rig.ts";

/**
 * What a rig counts for whoever watches it from outside. Counters are of this life of the object, in memory only: one that began anew
 * counts from nothing, which a reader of counters knows how to read.
 */
export interface Meter {
  readonly counts: Map<
    string,
    { readonly name: string; readonly labels: Readonly<Record<string, string>>; value: number }
  >;
  /** When the train that runs left, ms. */
  departedAt: number | null;
}

export const newMeter = (): Meter => ({ counts: new Map(), departedAt: null });

/** What a failed dispatch is counted as: the outcome that its reason begins with. */
const OUTCOMES: ReadonlySet<string> = new Set(["failed", "gone", "completed", "refused", "lease_over"]);

export function count(meter: Meter, name: string, value = 1, labels: Readonly<Record<string, string>> = {}): void {
  const key = `${name} ${Object.values(labels).join(" ")}`;
  const known = meter.counts.get(key);
  if (known === undefined) meter.counts.set(key, { name, labels, value });
  else known.value += value;
}

/** Counts what a commit says. */
export function countEntries(meter: Meter, entries: readonly Entry[]): void {
  for (const { fact } of entries) {
    switch (fact.type) {
      case "dispatch.granted":
        count(meter, "ticktown_dispatches_total");
        break;
      case "dispatch.failed": {
        const said = fact.reason.split(":")[0] ?? "";
        count(meter, "ticktown_dispatch_failures_total", 1, { class: OUTCOMES.has(said) ? said : "other" });
        break;
      }
      case "bead.merged":
        count(meter, "ticktown_merges_total");
        break;
      case "bead.failed":
        count(meter, "ticktown_beads_failed_total");
        break;
      case "spend.counted":
        count(meter, "ticktown_tokens_total", fact.inputTokens, { direction: "in" });
        count(meter, "ticktown_tokens_total", fact.outputTokens, { direction: "out" });
        count(meter, "ticktown_cost_dollars_total", (fact.costMicrodollars ?? 0) / 1e6);
        break;
      case "train.departed":
        meter.departedAt = fact.at;
        break;
      case "train.reported":
        count(meter, "ticktown_trains_total");
        if (meter.departedAt !== null)
          count(meter, "ticktown_train_seconds_total", (fact.at - meter.departedAt) / 1_000);
        meter.departedAt = null;
        break;
      default:
    }
  }
}

/** How late an alarm rang, ms. */
export function countAlarm(meter: Meter, late_ms: number): void {
  count(meter, "ticktown_alarms_total");
  count(meter, "ticktown_alarm_lateness_seconds_total", Math.max(0, late_ms) / 1_000);
}

/** Everything that the rig tells of itself now. */
export function metrics(rig: Rig): Sample[] {
  const { world, meter } = rig;
  const now = rig.ports.now();
  const { counts, oldest_ready_ms, outbox } = healthOf(rig);
  const samples: Sample[] = Array.from(meter.counts.values(), ({ name, labels, value }) => ({ name, labels, value }));
  const tell = (name: string, value: number, labels: Readonly<Record<string, string>> = {}): void =>
    void samples.push({ name, labels, value });
  for (const [state, n] of Object.entries(counts.agents)) tell("ticktown_agents", n, { state });
  for (const [status, n] of Object.entries(counts.beads)) tell("ticktown_beads", n, { status });
  for (const [state, n] of Object.entries(counts.reviews)) tell("ticktown_reviews", n, { state });
  const waiting = [...world.index.queued].map((id) => world.reviews.get(id)?.context.createdAt ?? now);
  tell("ticktown_queue_age_seconds", waiting.length === 0 ? 0 : (now - Math.min(...waiting)) / 1_000);
  tell("ticktown_oldest_ready_seconds", (oldest_ready_ms ?? 0) / 1_000);
  tell("ticktown_slots_free", freeSlots(world));
  tell("ticktown_outbox_effects", outbox);
  const { budget } = world;
  const today = budget?.context.day === dayOf(now) ? budget.context.today : NOTHING_SPENT;
  tell("ticktown_day_tokens", today.tokens);
  tell("ticktown_day_cost_dollars", today.microdollars / 1e6);
  tell("ticktown_day_capped", budget?.value === "capped" ? 1 : 0);
  return samples;
}
