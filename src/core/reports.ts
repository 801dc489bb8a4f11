import { LIMITS } from "../events/limits.ts";
import { causeOf } from "./causes.ts";
import { NO_AMOUNTS, type Spent } from "./report.ts";

/** What many rigs came to together: each sum is that of the rigs' own. */

interface Counted {
  readonly count: number;
}

/** As far as it is added up here. */
export interface Addend {
  readonly merged: Counted;
  readonly failed: Counted & {
    readonly causes: readonly (Counted & { readonly code: string; readonly words: string })[];
  };
  readonly asked: Counted;
  readonly stuck: Counted;
  readonly attempts: { readonly started: number; readonly failed: number };
  readonly slot_ms: number;
  readonly spent: Spent;
  readonly hours: readonly ({ readonly at: string } & Readonly<Record<HourCount, number>>)[];
}
const HOUR_COUNTS = ["started", "merged", "failed", "slot_ms", "tokens", "microdollars"] as const;
type HourCount = (typeof HOUR_COUNTS)[number];

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

/** The causes that are most of all; the rest is one. */
function causesOf(reports: readonly Addend[]) {
  const found = new Map<string, { code: string; words: string; count: number }>();
  for (const { code, words, count } of reports.flatMap(({ failed }) => failed.causes)) {
    const key = `${code}:${causeOf(words)}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, { code, words, count });
    else known.count += count;
  }
  const causes = [...found.values()].toSorted((a, b) => b.count - a.count);
  const rest = causes.slice(LIMITS.report_causes);
  if (rest.length === 0) return causes;
  const words = rest[0]?.words ?? "";
  return [
    ...causes.slice(0, LIMITS.report_causes),
    { code: "other", words, count: sum(rest.map(({ count }) => count)) },
  ];
}

function hoursOf(reports: readonly Addend[]) {
  const hours = new Map<string, { at: string } & Record<HourCount, number>>();
  for (const hour of reports.flatMap(({ hours }) => hours)) {
    const known = hours.get(hour.at);
    if (known === undefined) hours.set(hour.at, { ...hour });
    else for (const name of HOUR_COUNTS) known[name] += hour[name];
  }
  return [...hours.values()].toSorted((a, b) => (a.at < b.at ? -1 : 1));
}

const AMOUNTS = Object.keys(NO_AMOUNTS) as (keyof Spent)[];

export function sumOf(reports: readonly Addend[]) {
  const spent = { ...NO_AMOUNTS };
  for (const report of reports) for (const name of AMOUNTS) spent[name] += report.spent[name];
  const count = (of: (report: Addend) => number): number => sum(reports.map(of));
  return {
    merged: count(({ merged }) => merged.count),
    failed: count(({ failed }) => failed.count),
    causes: causesOf(reports),
    asked: count(({ asked }) => asked.count),
    stuck: count(({ stuck }) => stuck.count),
    attempts: {
      started: count(({ attempts }) => attempts.started),
      failed: count(({ attempts }) => attempts.failed),
    },
    slot_ms: count(({ slot_ms }) => slot_ms),
    spent,
    hours: hoursOf(reports),
  };
}
