import { isInside, parentOf, shortId, type Chart, type ChartTransition } from "./graph.ts";
import type { Said } from "./said.ts";

/**
 * What is drawn between states. Transitions with the same source and target share one arrow; branches into several children
 * of one state share an arrow to that state, and say which child. What does not leave its state is listed inside the box.
 */

/** One row of a label: events that do the same here, with guards, what is said, and where it leads if the arrow does not tell. */
export interface Row {
  readonly events: readonly string[];
  readonly guards: readonly string[];
  readonly effects: readonly string[];
  readonly facts: readonly string[];
  /** Assigns; only where nothing else would be left to say. */
  readonly context: readonly string[];
  readonly target: string | null;
  /** A branch that only keeps the later ones from being tried. */
  readonly isNothing: boolean;
  /** Ids of the transitions that it stands for. */
  readonly transitions: readonly string[];
}

export interface Arrow {
  readonly id: string;
  readonly source: string;
  readonly target: string;
  readonly rows: readonly Row[];
}

export interface Drawn {
  readonly arrows: readonly Arrow[];
  /** Rows listed inside a state's box, by state id. */
  readonly inside: ReadonlyMap<string, readonly Row[]>;
}

export function drawnOf(chart: Chart, said: ReadonlyMap<string, Said>): Drawn {
  const inside = new Map<string, ChartTransition[]>();
  const between = new Map<string, { source: string; target: string; transitions: ChartTransition[] }>();
  for (const transition of chart.transitions) {
    const { source, target } = transition;
    if (target === null || isInside(chart, target, source)) {
      inside.set(source, [...(inside.get(source) ?? []), transition]);
      continue;
    }
    const end = bundledTarget(chart, transition);
    const id = `${source}>${end}`;
    const known = between.get(id);
    if (known) known.transitions.push(transition);
    else between.set(id, { source, target: end, transitions: [transition] });
  }
  return {
    arrows: Array.from(between, ([id, { source, target, transitions }]) => ({
      id,
      source,
      target,
      rows: rowsOf(chart, said, transitions, target),
    })),
    inside: new Map(Array.from(inside, ([id, transitions]) => [id, rowsOf(chart, said, transitions, id)])),
  };
}

/**
 * Where an arrow from outside ends: at the parent of its target when that is where the parent starts anyway, or when the
 * source leads to two or more of the parent's children.
 */
function bundledTarget(chart: Chart, { source, target }: ChartTransition): string {
  if (target === null) return source;
  const parent = parentOf(chart, target);
  if (parent === null || isInside(chart, source, parent.id)) return target;
  const reached = new Set(
    chart.transitions
      .filter((one) => one.source === source && one.target !== null && parentOf(chart, one.target) === parent)
      .map((one) => one.target),
  );
  return reached.size > 1 || parent.initial === target ? parent.id : target;
}

function rowsOf(
  chart: Chart,
  said: ReadonlyMap<string, Said>,
  transitions: readonly ChartTransition[],
  end: string,
): Row[] {
  const rows = new Map<string, Row>();
  for (const { id, event, guards, actions, source, target } of transitions) {
    const effects = actions.filter((action) => said.get(action)?.as === "effect");
    const facts = actions.filter((action) => said.get(action)?.as === "fact");
    const stays = target === null;
    const context = stays ? actions.filter((action) => !said.has(action)) : [];
    // The arrow tells where it leads, unless it ends at a parent and the target is not where that one starts.
    const told =
      stays ||
      target === end ||
      (!isInside(chart, target, source) && chart.states.find((state) => state.id === end)?.initial === target);
    const row: Row = {
      events: [event],
      guards,
      effects,
      facts,
      context,
      target: told ? null : leafName(chart, target, end),
      isNothing: stays && actions.length === 0,
      transitions: [id],
    };
    const key = JSON.stringify([guards, effects, facts, context, row.target]);
    const known = rows.get(key);
    rows.set(
      key,
      known ? { ...known, events: [...known.events, event], transitions: [...known.transitions, id] } : row,
    );
  }
  return [...rows.values()];
}

/** A target's name as seen from the state at which the arrow ends. */
const leafName = (chart: Chart, target: string, end: string): string =>
  target.startsWith(`${end}.`) ? target.slice(end.length + 1) : shortId(chart, target);
