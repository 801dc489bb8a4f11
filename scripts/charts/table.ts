import type { FactType } from "../../src/events/facts.ts";
import type { Commanded, Kind } from "../../src/events/row.ts";
import { COMMANDED } from "./facts.ts";
import { childrenOf, isInside, lineage, shortId, type Chart, type ChartState, type ChartTransition } from "./graph.ts";

/** What every fact does in every state: nothing is left to be guessed. */

export interface Cell {
  readonly lines: readonly string[];
  readonly isTaken: boolean;
  /** Some fact of this type may be ignored here. */
  readonly mayBeIgnored: boolean;
}

export interface Section {
  /** The state whose leaves these are. */
  readonly of: ChartState;
  readonly leaves: readonly ChartState[];
  readonly rows: readonly { readonly event: FactType; readonly cells: readonly Cell[] }[];
}

/** One section per top-level state, or per region; a chart without inner states is one section. */
export function sectionsOf(chart: Chart, kind: Kind, events: readonly FactType[]): Section[] {
  const [root] = chart.states;
  if (root === undefined) return [];
  const tops = childrenOf(chart, root.id);
  const parts = tops.every((top) => top.kind === "atomic") ? [root] : tops;
  return parts.map((of) => {
    const leaves = chart.states.filter(
      (state) => state.kind === "atomic" && isInside(chart, state.id, of.id) && !isTransient(chart, state.id),
    );
    return {
      of,
      leaves,
      rows: events.map((event) => ({
        event,
        cells: leaves.map((leaf) => cellOf(chart, leaf, event, of, COMMANDED[kind][event])),
      })),
    };
  });
}

/** A state that is left at once can take no fact. */
const isTransient = (chart: Chart, id: string): boolean =>
  chart.transitions.some((one) => one.source === id && one.event === "");

function cellOf(
  chart: Chart,
  leaf: ChartState,
  event: FactType,
  part: ChartState,
  commanded: Commanded | undefined,
): Cell {
  const branches = branchesOf(chart, leaf.id, event);
  const isCertain = branches.at(-1)?.guards.length === 0;
  const judges = commanded !== undefined && (commanded.judge === undefined || commanded.judge === part.id);
  const other = branches.length === 0 && !judges ? regionFor(chart, leaf.id, event) : null;
  if (other !== null) return { lines: [`left to ${shortId(chart, other.id)}`], isTaken: false, mayBeIgnored: false };
  const otherwise = !judges ? "ignored" : commanded.already?.includes(leaf.id) ? "already so" : "refused";
  const lines = branches.map((branch) => lineOf(chart, branch));
  if (!isCertain) lines.push(branches.length === 0 ? otherwise : `otherwise ${otherwise}`);
  const doesNothing = branches.some((branch) => branch.target === null && branch.actions.length === 0);
  return { lines, isTaken: branches.length > 0, mayBeIgnored: doesNothing || (!isCertain && otherwise === "ignored") };
}

/** The region beside the leaf's own that does something with such a fact. */
function regionFor(chart: Chart, leaf: string, event: string): ChartState | null {
  const own = new Set(lineage(chart, leaf).map((state) => state.id));
  const regions = chart.states.filter((state) => state.isRegion && !own.has(state.id) && own.has(state.parent ?? ""));
  return (
    regions.find((region) =>
      chart.transitions.some((one) => one.event === event && isInside(chart, one.source, region.id)),
    ) ?? null
  );
}

/** In the order in which they are tried: the leaf's own first, then its ancestors'. A branch that comes too late is left out. */
function branchesOf(chart: Chart, leaf: string, event: string): ChartTransition[] {
  const all = lineage(chart, leaf).flatMap((state) =>
    chart.transitions.filter((one) => one.source === state.id && one.event === event),
  );
  return all.filter(
    (one, i) => !all.slice(0, i).some((before) => before.guards.every((guard) => one.guards.includes(guard))),
  );
}

function lineOf(chart: Chart, { guards, target, actions }: ChartTransition): string {
  const when = guards.length === 0 ? "" : `[${guards.join(", ")}] `;
  if (target !== null) return `${when}→ ${shortId(chart, target)}`;
  return `${when}${actions.length === 0 ? "ignored" : `stays (${actions.join(", ")})`}`;
}

/** Facts of which some may be ignored in some state: each needs a reason. */
export const ignoredIn = (sections: readonly Section[]): FactType[] => [
  ...new Set(
    sections.flatMap((section) =>
      section.rows.filter((row) => row.cells.some((cell) => cell.mayBeIgnored)).map((row) => row.event),
    ),
  ),
];

export function tableOf(chart: Chart, sections: readonly Section[]): string[] {
  if (sections.length === 1) return sections.flatMap(sectionTable);
  const everywhere = chart.transitions.filter((one) => one.source === chart.name);
  const always =
    everywhere.length === 0
      ? []
      : ["In every state:", "", ...everywhere.map((one) => `- \`${one.event}\` ${lineOf(chart, one)}`), ""];
  const rest = sections.map((section) => ({
    ...section,
    rows: section.rows.filter((row) => everywhere.every((one) => one.event !== row.event)),
  }));
  return [
    ...always,
    ...rest.flatMap((section) => [
      `## ${shortId(chart, section.of.id)}`,
      "",
      ...(section.of.description === "" ? [] : [section.of.description, ""]),
      ...sectionTable(section),
    ]),
  ];
}

function sectionTable({ of, leaves, rows }: Section): string[] {
  const taken = rows.filter((row) => row.cells.some((cell) => cell.isTaken));
  const rest = rows.filter((row) => !taken.includes(row));
  // States that answer everything alike share a column.
  const columns = new Map<string, number[]>();
  leaves.forEach((_, i) => {
    const key = JSON.stringify(taken.map((row) => row.cells[i]?.lines));
    columns.set(key, [...(columns.get(key) ?? []), i]);
  });
  const groups = [...columns.values()];
  const name = (i: number) => (leaves[i]?.id ?? "").slice(of.id.length + 1);
  const table = [
    `| fact | ${groups.map((group) => group.map(name).join(", ")).join(" | ")} |`,
    `| --- |${groups.map(() => " --- |").join("")}`,
    ...taken.map(
      (row) => `| \`${row.event}\` | ${groups.map(([i = 0]) => row.cells[i]?.lines.join("<br>") ?? "").join(" | ")} |`,
    ),
  ];
  const others = new Map<string, string[]>();
  for (const row of rest) {
    const answers = new Map<string, string[]>();
    row.cells.forEach((cell, i) =>
      answers.set(cell.lines.join(), [...(answers.get(cell.lines.join()) ?? []), name(i)]),
    );
    const text =
      answers.size === 1
        ? [...answers.keys()].join()
        : [...answers].map(([answer, states]) => `${answer} in ${states.join(", ")}`).join("; ");
    others.set(text, [...(others.get(text) ?? []), `\`${row.event}\``]);
  }
  const heading = leaves.length === 1 ? "Everything else" : "Everything else, in all of these states";
  return [
    ...(taken.length === 0 ? [] : [...table, ""]),
    ...(others.size === 0
      ? []
      : [`${heading}:`, "", ...Array.from(others, ([answer, events]) => `- ${answer}: ${events.join(", ")}`), ""]),
  ];
}
