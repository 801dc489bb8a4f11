/** The Prometheus text format (version 0.0.4, as Prometheus documents its exposition formats). */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface About {
  readonly type: "gauge" | "counter";
  readonly help: string;
}

/** Every metric, with its unit in its name; docs/operating.md prints this table. Counters begin anew with the object that counts. */
export const METRICS = {
  ticktown_rig_up: { type: "gauge", help: "1 where the rig has answered" },
  ticktown_agents: { type: "gauge", help: "Agents by state" },
  ticktown_beads: { type: "gauge", help: "Beads that are not over, by status" },
  ticktown_reviews: { type: "gauge", help: "Reviews that are not over, by state" },
  ticktown_queue_age_seconds: { type: "gauge", help: "Since when the oldest review waits to be merged" },
  ticktown_oldest_ready_seconds: { type: "gauge", help: "Age of the oldest ready bead without an agent" },
  ticktown_slots_free: { type: "gauge", help: "Slots of the capacity that nobody has" },
  ticktown_outbox_effects: { type: "gauge", help: "Effects that are still to be asked for" },
  ticktown_day_tokens: { type: "gauge", help: "Tokens in and out that were counted on this day of UTC" },
  ticktown_day_cost_dollars: {
    type: "gauge",
    help: "Cost that was counted on this day of UTC, as far as anybody knows",
  },
  ticktown_day_capped: { type: "gauge", help: "1 where the budget of the day is spent" },
  ticktown_dispatches_total: { type: "counter", help: "Dispatches granted" },
  ticktown_dispatch_failures_total: { type: "counter", help: "Dispatches that failed, by how they ended" },
  ticktown_merges_total: { type: "counter", help: "Beads merged" },
  ticktown_beads_failed_total: { type: "counter", help: "Beads that failed" },
  ticktown_tokens_total: { type: "counter", help: "Tokens counted, in and out" },
  ticktown_cost_dollars_total: { type: "counter", help: "Cost counted, as far as anybody knows" },
  ticktown_trains_total: { type: "counter", help: "Trains that have reported" },
  ticktown_train_seconds_total: {
    type: "counter",
    help: "Time from the departure of trains to their report: gates and merges",
  },
  ticktown_traces_total: { type: "counter", help: "Traces that a collector has taken" },
  ticktown_traces_dropped_total: {
    type: "counter",
    help: "Traces that no collector has taken: it did not answer, or too many waited",
  },
  ticktown_alarms_total: { type: "counter", help: "Alarms that rang" },
  ticktown_alarm_lateness_seconds_total: { type: "counter", help: "How much later than they were set" },
} as const satisfies Record<string, About>;

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

const labelsOf = (labels: Sample["labels"]): string => {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
};

/** One document of all samples; those of one name stand together. A name that is not in the table is left out. */
export function metricsText(samples: readonly Sample[]): string {
  const lines: string[] = [];
  for (const [name, { type, help }] of Object.entries(METRICS)) {
    const own = samples.filter((sample) => sample.name === name);
    if (own.length === 0) continue;
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const { labels, value } of own) lines.push(`${name}${labelsOf(labels)} ${value}`);
  }
  return `${lines.join("\n")}\n`;
}
