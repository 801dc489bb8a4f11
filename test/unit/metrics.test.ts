import { readFileSync } from "node:fs";
import parse from "parse-prometheus-text-format";
import { expect, test } from "vitest";
import { countAlarm, countEntries, newMeter } from "../../src/do/metrics.ts";
import { METRICS, metricsText } from "../../src/wire/metrics.ts";

/** Prometheus' text format, read by somebody else's parser. */

test("what is written is read as it was meant, whatever a label has in it", () => {
  const odd = 'a "rig" \\ of\nmine';
  const text = metricsText([
    { name: "ticktown_agents", labels: { rig: odd, state: "working" }, value: 3 },
    { name: "ticktown_merges_total", labels: { rig: "r" }, value: 2 },
    { name: "ticktown_agents", labels: { rig: "r", state: "idle" }, value: 0.5 },
    { name: "not_in_the_table", labels: {}, value: 1 },
  ]);
  expect(parse(text)).toEqual([
    {
      name: "ticktown_agents",
      type: "GAUGE",
      help: METRICS.ticktown_agents.help,
      metrics: [
        { value: "3", labels: { rig: odd, state: "working" } },
        { value: "0.5", labels: { rig: "r", state: "idle" } },
      ],
    },
    {
      name: "ticktown_merges_total",
      type: "COUNTER",
      help: METRICS.ticktown_merges_total.help,
      metrics: [{ value: "2", labels: { rig: "r" } }],
    },
  ]);
});

test("failures are counted by how they ended, a train by how long it took, an alarm by how late it rang", () => {
  const meter = newMeter();
  const entry = (fact: object) => ({ fact, effects: [], missing: null }) as never;
  countEntries(meter, [
    entry({ type: "dispatch.failed", reason: "failed: exit 1", at: 0 }),
    entry({ type: "dispatch.failed", reason: "whatever an agent says", at: 0 }),
    entry({ type: "train.departed", at: 1_000 }),
    entry({ type: "train.reported", at: 3_500 }),
  ]);
  countAlarm(meter, 250);
  countAlarm(meter, -5);
  expect(Array.from(meter.counts.values(), ({ name, labels, value }) => [name, labels, value])).toEqual([
    ["ticktown_dispatch_failures_total", { class: "failed" }, 1],
    ["ticktown_dispatch_failures_total", { class: "other" }, 1],
    ["ticktown_trains_total", {}, 1],
    ["ticktown_train_seconds_total", {}, 2.5],
    ["ticktown_alarms_total", {}, 2],
    ["ticktown_alarm_lateness_seconds_total", {}, 0.25],
  ]);
});

test("docs/operating.md lists every metric with its meaning", () => {
  const docs = readFileSync("docs/operating.md", "utf8");
  const rows = [...docs.matchAll(/^\| `(ticktown_\w+)` \| (\w+) \| (.+?) \|$/gm)].map(([, ...row]) => row);
  expect(rows).toEqual(Object.entries(METRICS).map(([name, { type, help }]) => [name, type, help]));
});
