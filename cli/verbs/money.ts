/** Verbs about what was done, and what agents used for it. */
import type * as z from "zod";
import type { Bead, RigInfo } from "../../scripts/stack/api-client.ts";
import type { Report, Reports } from "../../src/wire/report.ts";
import type { Amounts, Spend, SpendQuery } from "../../src/wire/spend.ts";
import type { Context } from "../context.ts";
import { Failure } from "../exits.ts";
import { rigPath } from "../find.ts";
import { columns, indented, oneLine } from "../text.ts";
import { verb } from "../verb.ts";

const BY = ["day", "bead", "agent", "runtime", "model", "attempt"] as const satisfies readonly z.infer<
  typeof SpendQuery
>["by"][];

/** Millionths of a dollar as people write them. */
export const dollars = (microdollars: number): string => `$${(microdollars / 1_000_000).toFixed(2)}`;

/** `7d`, `12h`: so long ago; or an ISO time. @throws Failure for anything else */
export function timeOf(text: string, now: number): string {
  const [, count, unit] = /^(\d{1,5})(d|h)$/.exec(text) ?? [];
  const at = count === undefined ? Date.parse(text) : now - Number(count) * (unit === "d" ? 86_400_000 : 3_600_000);
  if (!Number.isFinite(at)) throw new Failure("misuse", `"${text}" is no time: write 7d, 12h, or 2026-11-26T00:00:00Z`);
  return new Date(at).toISOString();
}

/** `?from=…&to=…` of what was typed. */
export function between(from: string | undefined, to: string | undefined, now: number): URLSearchParams {
  return new URLSearchParams({
    ...(from === undefined ? {} : { from: timeOf(from, now) }),
    ...(to === undefined ? {} : { to: timeOf(to, now) }),
  });
}

export const FROM_TO = {
  from: { type: "text", about: "since then: 7d, 12h, or a time as 2026-11-26T00:00:00Z", value: "TIME" },
  to: { type: "text", about: "until then", value: "TIME" },
} as const;

const amounts = ({
  input_tokens,
  cached_tokens,
  output_tokens,
  cost_microdollars,
  failed_microdollars,
  incomplete,
}: z.infer<typeof Amounts>): string[] => [
  String(input_tokens),
  String(cached_tokens),
  String(output_tokens),
  dollars(cost_microdollars),
  dollars(failed_microdollars),
  incomplete === 0 ? "" : `incomplete: ${incomplete}`,
];

/** Titles and names instead of ids, where they are known. */
async function namesFor(
  by: string,
  rig: Awaited<ReturnType<Context["find"]["rig"]>>,
  { find }: Context,
): Promise<ReadonlyMap<string, string>> {
  if (by === "bead") return new Map((await find.beads(rig, "&type=issue")).map(({ id, title }) => [id, title]));
  if (by === "agent") return new Map((await find.agents(rig)).map(({ id, name }) => [id, name]));
  return new Map();
}

export const spend = verb({
  name: "spend",
  about: "what agents have used, by day, bead, agent, runtime, model or attempt, and what is left of the day's budget",
  effect: "reads",
  examples: ["spend", "spend --by bead --from 7d"],
  args: {},
  options: { by: { type: "text", about: "of what each row is (day)", choices: BY }, ...FROM_TO },
  run: async ({ by = "day", from, to }, context) => {
    const rig = await context.find.rig();
    const search = between(from, to, context.now());
    search.set("by", by);
    const found = await context.api.call<z.infer<typeof Spend>>("GET", rigPath(rig, `/spend?${search}`));
    const names = await namesFor(by, rig, context);
    const { today, total, failures, rows, is_cut } = found;
    const left = today.left.microdollars ?? null;
    const text = [
      columns(
        [
          [by, "input", "of it cached", "output", "cost", "of it failed", ""],
          ...rows.map((row) => [names.get(row.key) ?? (row.key || "-"), ...amounts(row)]),
          [is_cut ? "all, also what is not shown" : "all", ...amounts(total)],
          ["of it in attempts that failed", ...amounts(failures).slice(0, 4)],
        ],
        "",
      ),
      `today: ${dollars(today.microdollars)}, ${today.tokens} tokens${left === null ? "" : `; ${dollars(left)} left`} (${today.state})${BOUNDS[found.bound ?? ""] ?? ""}`,
    ];
    return { data: { rig: rig.id, ...found }, text: text.join("\n") };
  },
});

export const budget = verb({
  name: "budget",
  about: "let a bead spend more than its cap: whoever waits for it goes on",
  effect: "changes",
  examples: [`budget "Fix the login" --dollars 5`],
  args: { bead: { about: "its title, or the beginning of its id" } },
  options: {
    tokens: { type: "number", about: "so many tokens more", value: "N" },
    dollars: { type: "number", about: "so many dollars more", value: "N" },
  },
  run: async ({ bead, tokens, dollars }, { find, api }) => {
    if (!tokens && !dollars) throw new Failure("misuse", "say how much more: --tokens, --dollars");
    const { rig, it } = await find.bead(bead);
    const more = { ...(tokens ? { tokens } : {}), ...(dollars ? { microdollars: dollars * 1_000_000 } : {}) };
    const done = await api.call<Bead>("POST", rigPath(rig, `/beads/${encodeURIComponent(it.id)}/budget`), more);
    return { data: done, text: `"${oneLine(done.title)}" may spend more` };
  },
});

/** By what a cap may be passed. */
const BOUNDS: Readonly<Partial<Record<string, string>>> = {
  answers_in_flight: "; a cap may be passed by the answers under way",
  unmetered_ms: "; a cap may be passed by what is used between two reports",
};

/** What was used, what of it went into failures, and whether there is more that nobody was told of. */
const spentWords = (spent: z.infer<typeof Amounts>): string =>
  [
    `${dollars(spent.cost_microdollars)}, ${spent.input_tokens + spent.output_tokens} tokens`,
    ...(spent.failed_tokens === 0
      ? []
      : [`of it in attempts that failed ${dollars(spent.failed_microdollars)}, ${spent.failed_tokens} tokens`]),
    ...(spent.incomplete === 0 ? [] : [`incomplete: the last words of ${spent.incomplete} attempts were lost`]),
  ].join("; ");

const hourly = (hours: Report["hours"]): string =>
  columns(
    [
      ["hour (UTC)", "started", "merged", "failed", "places", "spent"],
      ...hours.map(({ at, ...counts }) => [
        `${at.slice(0, 13)}h`,
        ...[counts.started, counts.merged, counts.failed].map(String),
        (counts.slot_ms / 3_600_000).toFixed(1),
        dollars(counts.microdollars),
      ]),
    ],
    "",
  );

/** What each rig came to; of several they are asked for at once. @throws Failure where one does not answer */
async function reportsOf({ api, userPath }: Context, rigs: readonly RigInfo[], search: URLSearchParams) {
  const [only] = rigs;
  if (only === undefined) return [];
  if (rigs.length === 1) return [await api.call<Report>("GET", rigPath(only, `/report?${search}`))];
  const { rigs: told } = await api.call<Reports>("GET", userPath(`/report?${search}`));
  return rigs.map(({ id, name }) => {
    const { report, error } = told.find((one) => one.id === id) ?? { report: null, error: "it is not on the list" };
    if (report === null) throw new Failure("unreachable", `${name}: ${error ?? "it does not answer"}`);
    return report;
  });
}

export const report = verb({
  name: "report",
  about:
    "what the rigs came to between two moments (the last day): merged, failed by cause, asked, stuck, spent, and each hour",
  effect: "reads",
  examples: ["report", "report --from 7d"],
  args: {},
  options: FROM_TO,
  run: async ({ from, to }, context) => {
    const search = between(from, to, context.now());
    const rigs = await context.find.rigs();
    const found = await reportsOf(context, rigs, search);
    const text = found.map(({ merged, failed, asked, stuck, attempts, hours, spent, is_cut, ...span }, n) =>
      [
        `${rigs[n]?.name}, ${span.from} to ${span.to}${is_cut ? " (there was more; ask from there on)" : ""}`,
        `  merged    ${merged.count}`,
        `  failed    ${failed.count}`,
        ...failed.causes.map(({ count, words }) => `    ${count}  ${oneLine(words)}`),
        `  asked     ${asked.count}`,
        `  stuck     ${stuck.count}`,
        `  attempts  ${attempts.started}, of which ${attempts.failed} failed`,
        `  spent     ${spentWords(spent)}`,
        ...(hours.length === 0 ? [] : [indented(hourly(hours))]),
      ].join("\n"),
    );
    return { data: found.map((one, n) => ({ rig: rigs[n]?.id, ...one })), text: text.join("\n") };
  },
});

export const MONEY = [report, spend, budget];
