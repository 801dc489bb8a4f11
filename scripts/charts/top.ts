import { lineage, type Chart, type ChartTransition } from "./graph.ts";

/** What an arrow names at most; the full chart has all. */
const NAMED = 2;

/**
 * The chart of the top-level states alone: one arrow for each pair of them, named after the facts that most transitions along it
 * wait for.
 */
export function topOf(chart: Chart): Chart {
  const top = chart.states.filter(({ parent }) => parent === chart.name);
  const topId = (id: string): string | undefined => lineage(chart, id).at(-2)?.id;
  const root = chart.states.find(({ id }) => id === chart.name);
  const arrows = new Map<string, { source: string; target: string; events: Map<string, number> }>();
  for (const { source, target, event } of chart.transitions) {
    const from = topId(source);
    const to = target === null ? undefined : topId(target);
    if (from === undefined || to === undefined || from === to) continue;
    const key = `${from}>${to}`;
    const arrow = arrows.get(key) ?? { source: from, target: to, events: new Map<string, number>() };
    const name = event === "" ? "at once" : event;
    arrow.events.set(name, (arrow.events.get(name) ?? 0) + 1);
    arrows.set(key, arrow);
  }
  const transitions = Array.from(arrows.entries(), ([key, { source, target, events }]): ChartTransition => {
    const names = [...events].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([name]) => name);
    const more = names.length > NAMED ? " …" : "";
    return {
      id: key,
      source,
      event: `${names.slice(0, NAMED).join(", ")}${more}`,
      guards: [],
      target,
      actions: [],
      description: "",
    };
  });
  return {
    name: chart.name,
    description: chart.description,
    states: [
      ...(root === undefined ? [] : [root]),
      ...top.map((state) => ({ ...state, kind: "atomic" as const, initial: null, tags: [] })),
    ],
    transitions,
  };
}
