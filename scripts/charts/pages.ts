import type { FactType } from "../../src/events/facts.ts";
import type { Kind } from "../../src/core/step.ts";
import { drawnOf } from "./edges.ts";
import { COMMANDED, IGNORED } from "./facts.ts";
import { shortId, type Chart } from "./graph.ts";
import { mermaidOf, textOf } from "./mermaid.ts";
import type { Said } from "./said.ts";
import { ignoredIn, sectionsOf, tableOf } from "./table.ts";

/** The Markdown pages of a chart. */

const GENERATED = "<!-- Generated from src/machines by `npm run charts`; do not edit. -->";

export function chartPage(chart: Chart, said: ReadonlyMap<string, Said>): string {
  const guards = [...new Set(chart.transitions.flatMap((one) => one.guards))].sort();
  return page([
    GENERATED,
    `# The ${chart.name} chart`,
    "",
    chart.description,
    "",
    `![Statechart of ${chart.name}](${chart.name}.svg)`,
    "",
    `What every fact does in every state: [${chart.name}.table.md](${chart.name}.table.md). Source: [src/machines/${chart.name}.ts](../../src/machines/${chart.name}.ts).`,
    "",
    "## The same as text",
    "",
    "```mermaid",
    mermaidOf(chart, said),
    "```",
    "",
    ...insideOf(chart, said),
    "## What it says",
    "",
    "| action | says | |",
    "| --- | --- | --- |",
    ...Array.from(
      said,
      ([action, { as, what }]) => `| ${action} | ${as === "effect" ? "effect" : "derived fact"} | \`${what}\` |`,
    ).sort(),
    "",
    "All other actions only change the actor's own context.",
    "",
    "## Its guards",
    "",
    guards.join(", "),
    "",
  ]);
}

/** Mermaid has no room for what happens inside a state that has inner states. */
function insideOf(chart: Chart, said: ReadonlyMap<string, Said>): string[] {
  const { inside } = drawnOf(chart, said);
  const rows = chart.states
    .filter((state) => state.kind !== "atomic")
    .flatMap((state) => (inside.get(state.id) ?? []).map((row) => `- ${shortId(chart, state.id)}: ${textOf(row)}`));
  return rows.length === 0 ? [] : ["Inside a state that has inner states:", "", ...rows, ""];
}

/** @throws Error naming a fact that may be ignored and has no reason, or has a reason and is never ignored. */
export function tablePage(chart: Chart, kind: Kind, events: readonly FactType[]): string {
  const sections = sectionsOf(chart, kind, events);
  const ignored = ignoredIn(sections);
  const reasons = IGNORED[kind];
  const missing = ignored.filter((event) => reasons[event] === undefined);
  const idle = Object.keys(reasons).filter((event) => !ignored.includes(event as FactType));
  if (missing.length > 0)
    throw new Error(`the rows of src/events do not say why a ${kind} may ignore ${missing.join(", ")}`);
  if (idle.length > 0)
    throw new Error(
      `the rows of src/events say why a ${kind} ignores ${idle.join(", ")}, but it never does, or it is not routed there`,
    );
  const commanded = Object.entries(COMMANDED[kind]);
  return page([
    GENERATED,
    `# The ${chart.name} chart: every fact in every state`,
    "",
    "Branches are tried from top to bottom; the first whose guards all hold is taken. `→` names the state that is entered; *stays* changes only the context; *ignored* changes nothing at all, not even a row.",
    ...(commanded.length === 0
      ? []
      : [
          "*Refused*: somebody asked for it, and is answered with 409, the state's name and what it would take. *Already so*: asked again, answered with 200, no fact.",
        ]),
    ...(chart.states.some((state) => state.kind === "parallel")
      ? [
          "Regions of a parallel state take a fact each; what the parallel state itself would do is done only if no region does anything.",
        ]
      : []),
    "",
    ...tableOf(chart, sections),
    "## Why a fact may be ignored",
    "",
    "| fact | because |",
    "| --- | --- |",
    ...ignored.map((event) => `| \`${event}\` | ${reasons[event] ?? ""} |`),
    "",
    ...(commanded.length === 0
      ? []
      : [
          "## Who is refused",
          "",
          "| fact | is asked for with |",
          "| --- | --- |",
          ...commanded.map(([event, how]) => `| \`${event}\` | ${how?.command ?? ""} |`),
          "",
        ]),
  ]);
}

export const indexPage = (charts: readonly Chart[]): string =>
  page([
    GENERATED,
    "# Statecharts",
    "",
    "Everything Ticktown decides, it decides in seven statecharts: pure functions of a snapshot and a fact. These pages are generated from the machines that run; `npm run charts -- --check` fails when they are out of date.",
    "",
    "| chart | what it is | states | transitions | every fact in every state |",
    "| --- | --- | ---: | ---: | --- |",
    ...charts.map(
      (chart) =>
        `| [${chart.name}](${chart.name}.md) | ${chart.description} | ${chart.states.filter((state) => state.kind === "atomic").length} | ${chart.transitions.length} | [table](${chart.name}.table.md) |`,
    ),
    "",
    ...charts.flatMap((chart) => [
      `## ${chart.name}`,
      "",
      `[![Statechart of ${chart.name}](${chart.name}.svg)](${chart.name}.svg)`,
      "",
    ]),
    "How to read a picture: an arrow's label says **fact** *[guards]* ▸ effects ⇢ derived facts. An effect asks the container or a person to do something; a derived fact tells another actor in the same commit. What only changes the actor's own context is left out, except inside a box, where it is all there is to say. Branches of one fact are tried in the order in which they are written.",
    "",
    "`layout/<name>.json` has the same picture as data: states and arrows with their ids in XState, positions and routes, for pages that draw it live.",
    "",
  ]);

const page = (lines: readonly string[]): string => lines.join("\n");
