import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from "xstate";

/**
 * A machine as plain data: its states, and its transitions with the names of their guards and actions. Everything that is
 * drawn, listed or counted of a chart is made from this, so all of it agrees.
 */

export interface ChartState {
  /** The id XState gives it, such as `agent.working.process.running`. */
  readonly id: string;
  readonly key: string;
  readonly parent: string | null;
  readonly kind: "atomic" | "compound" | "parallel";
  /** A region is a child of a parallel state: it is active as long as its parent is. */
  readonly isRegion: boolean;
  /** The child that is entered when nothing says otherwise. */
  readonly initial: string | null;
  readonly description: string;
  /** Its own tags, without those of its ancestors. */
  readonly tags: readonly string[];
}

export interface ChartTransition {
  /** `<source>|<event>|<index>`; the index counts the branches of one event, which are tried in order. */
  readonly id: string;
  readonly source: string;
  /** Empty for a transition that is taken at once (`always`). */
  readonly event: string;
  /** The guards that must all hold, by name; none for "otherwise". */
  readonly guards: readonly string[];
  /** Null: the state is not left. */
  readonly target: string | null;
  /** Named actions, in order. */
  readonly actions: readonly string[];
  readonly description: string;
}

export interface Chart {
  readonly name: string;
  readonly description: string;
  /** Parents before children, in the order of the chart's file. */
  readonly states: readonly ChartState[];
  readonly transitions: readonly ChartTransition[];
}

export function chartOf(machine: AnyStateMachine): Chart {
  const states: ChartState[] = [];
  const transitions: ChartTransition[] = [];
  const visit = (node: AnyStateNode): void => {
    states.push(stateOf(node));
    transitions.push(...transitionsOf(node));
    for (const child of Object.values(node.states)) visit(child);
  };
  visit(machine.root);
  return { name: machine.id, description: machine.root.description ?? "", states, transitions };
}

const stateOf = (node: AnyStateNode): ChartState => ({
  id: node.id,
  key: node.key,
  parent: node.parent?.id ?? null,
  kind: node.type === "parallel" ? "parallel" : node.type === "compound" ? "compound" : "atomic",
  isRegion: node.parent?.type === "parallel",
  initial: node.type === "compound" ? (node.initial.target[0]?.id ?? null) : null,
  description: node.description ?? "",
  tags: [...node.tags],
});

function transitionsOf(node: AnyStateNode): ChartTransition[] {
  const branches = [["", node.always ?? []] as const, ...[...node.transitions].filter(([event]) => event !== "")];
  return branches.flatMap(([event, definitions]) =>
    definitions.map((definition, index) => transitionOf(definition, event, index)),
  );
}

const transitionOf = (definition: AnyTransitionDefinition, event: string, index: number): ChartTransition => ({
  id: transitionId(definition.source.id, event, index),
  source: definition.source.id,
  event,
  guards: conjuncts(definition.guard),
  target: definition.target?.[0]?.id ?? null,
  actions: definition.actions.map(nameOf),
  description: definition.description ?? "",
});

export const transitionId = (source: string, event: string, index: number): string => `${source}|${event}|${index}`;

const nameOf = (action: unknown): string =>
  typeof action === "string" ? action : String((action as { type?: string }).type ?? "(unnamed)");

/** `and`, `not` and `stateIn` of xstate are functions that carry what they were given. */
interface Combined {
  readonly name?: string;
  readonly type?: string;
  readonly guards?: readonly unknown[];
}

const conjuncts = (guard: unknown): string[] => {
  if (guard === undefined) return [];
  const { name, guards } = guard as Combined;
  return typeof guard === "function" && name === "and" ? (guards ?? []).flatMap(conjuncts) : [guardText(guard)];
};

function guardText(guard: unknown): string {
  if (typeof guard === "string") return guard;
  const { name, type, guards = [] } = guard as Combined;
  if (typeof guard !== "function") return type ?? "(unnamed)";
  if (name === "not") return `not ${guardText(guards[0])}`;
  if (name === "and" || name === "or") return `(${guards.map(guardText).join(` ${name} `)})`;
  return name ?? "(unnamed)";
}

/** The state and its ancestors, innermost first. */
export function lineage(chart: Chart, id: string): ChartState[] {
  const found: ChartState[] = [];
  for (
    let state = chart.states.find((one) => one.id === id);
    state !== undefined;
    state = chart.states.find((one) => one.id === state?.parent)
  )
    found.push(state);
  return found;
}

export const parentOf = (chart: Chart, id: string): ChartState | null => lineage(chart, id)[1] ?? null;

export const childrenOf = (chart: Chart, id: string): ChartState[] =>
  chart.states.filter((state) => state.parent === id);

export const isInside = (chart: Chart, id: string, ancestor: string): boolean =>
  lineage(chart, id).some((state) => state.id === ancestor);

/** `working.process.running`: the id without the machine's name. */
export const shortId = (chart: Chart, id: string): string =>
  id === chart.name ? chart.name : id.slice(chart.name.length + 1);
