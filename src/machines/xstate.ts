import { createActor, createMachine, type AnyActorScope, type ExecutableActionObject } from "xstate";
import type { MachineEvent } from "./event.ts";
import { isIn } from "./state-value.ts";
import { conjuncts, judgeOf, valueOf, type GuardValue } from "./xstate-guards.ts";

export { guardName } from "./xstate-guards.ts";
export type { GuardValue };

/**
 * All that is known here of xstate's inside: its nodes, its guards, and its macrostep, remembered. XState decides what happens;
 * what it has decided once for a configuration and a transition is not computed again. Nothing here knows a chart.
 */

/** A machine of xstate: the part that is used here, the same for all machines up to the type of their snapshots. */
export interface Machine {
  readonly id: string;
  readonly root: Node;
  getInitialSnapshot(
    scope: AnyActorScope,
    input: unknown,
  ): Taken & { readonly status: string; readonly error?: unknown };
  resolveState(config: { value: unknown; context: unknown }): Taken;
  getTransitionData(s: Taken, e: MachineEvent): Transition[];
  microstep(s: Taken, e: MachineEvent, scope: AnyActorScope): Taken[];
  readonly implementations: {
    readonly actions: Record<string, unknown>;
    readonly guards: Record<string, unknown>;
  };
}
interface Node {
  readonly id: string;
  readonly order: number;
  readonly parent?: Node;
  readonly type: string;
  readonly states: Readonly<Record<string, Node>>;
  readonly ownEvents: readonly string[];
  readonly transitions: ReadonlyMap<string, readonly Definition[]>;
  readonly entry: readonly unknown[];
  readonly exit: readonly unknown[];
  readonly invoke: readonly unknown[];
  readonly after: readonly unknown[];
  /** The first of its transitions for the event whose guard holds. */
  next(s: Taken, e: MachineEvent): Transition[] | undefined;
  readonly always: readonly unknown[] | undefined;
}
interface Transition {
  readonly actions: readonly unknown[];
  readonly target?: readonly Node[] | undefined;
}
export interface Definition extends Transition {
  readonly guard?: unknown;
}
/** The parts of a snapshot that a transition can change: its configuration (nodes, value and tags) and its context. */
export interface Taken {
  readonly machine: Machine;
  readonly _nodes: readonly Node[];
  readonly value: unknown;
  readonly tags: unknown;
  readonly context: object;
  readonly matches: unknown;
}
/** Takes what an action that is no assign has answered. */
export type Say = (said: unknown) => void;

/** An action of xstate that is ready to be run. Those of our charts are functions from (context, event) to what they say; calling one does nothing else. */
export type Executable = ExecutableActionObject;
export const saidBy = (action: Executable): unknown => action.exec?.(action.info as never, action.params as never);

/**
 * One inert scope for every transition. `transition()` of xstate builds a throw-away actor per call, five times as slow;
 * the results are identical (test/unit/model/step.test.ts compares both on random logs). Domain machines have no children,
 * timers or invocations (see `checkChart`), so a scope that nobody listens to is enough.
 */
const inert = createActor(createMachine({}));
let listener: Say = () => {};
const scope = {
  self: inert,
  system: inert.system,
  id: "",
  sessionId: "",
  logger: () => {},
  defer: () => {},
  stopChild: () => {},
  emit: () => {},
  actionExecutor: (action: Executable) => listener(saidBy(action)),
} as unknown as AnyActorScope;

/**
 * Refuses a chart for which what is remembered could be wrong: what a transition does must depend on nothing but the transition and
 * the configuration that it leaves. Entry and exit actions would have to be remembered too; invocations and delays need a scope that
 * listens; final states end their actor; a history is kept outside of the configuration.
 * @throws Error naming the state and what it has.
 */
export function checkChart(machine: Machine): void {
  const check = (node: Node): void => {
    const has = [
      // First: a delay is also an entry and an exit action.
      ["a delayed transition", node.after.length > 0],
      ["an entry action", node.entry.length > 0],
      ["an exit action", node.exit.length > 0],
      ["an invocation", node.invoke.length > 0],
      ["the type final", node.type === "final"],
      ["the type history", node.type === "history"],
    ] as const;
    for (const [what, is] of has)
      if (is)
        throw new Error(`the state ${node.id} has ${what}, which src/machines/xstate.ts does not remember rightly`);
    for (const child of Object.values(node.states)) check(child);
  };
  check(machine.root);
}

let remembers = true;

/** For tests: whether anything is remembered. Without it xstate is asked every time; the results are the same. */
export const remember = (on: boolean): void => {
  remembers = on;
};
type Args = { context: object; event: MachineEvent; self: unknown; system: unknown };
type Action = { readonly assign: unknown } | { readonly say: (args: Args, params: undefined) => unknown };

/** What one transition does from one configuration: where it leads, and its actions, resolved. Null: ask xstate every time. */
type Course = {
  readonly to: Pick<Taken, "_nodes" | "value" | "tags"> | null;
  readonly actions: readonly Action[];
} | null;
interface Configuration {
  /** It has eventless transitions, or may be left without an event. */
  readonly isTransient: boolean;
  /** Its nodes that say anything about an event, by type. */
  readonly hearers: Map<string, Node[]>;
  readonly courses: Map<Transition, Course>;
}
const configurations = new WeakMap<readonly Node[], Configuration>();
/** The same per machine, by the ids of its nodes in their order, which decides the order of keys in the state value. */
const known = new WeakMap<object, Map<string, Configuration>>();

const listen = ({ _nodes }: Taken, type: string): Node[] =>
  _nodes.filter(
    ({ transitions }) =>
      transitions.has(type) || Array.from(transitions.keys()).some((descriptor) => descriptor.endsWith("*")),
  );

function hearersOf({ hearers }: Configuration, snapshot: Taken, type: string): Node[] {
  let found = hearers.get(type);
  if (found === undefined) {
    found = listen(snapshot, type);
    hearers.set(type, found);
  }
  return found;
}

/** Whether any active state says anything about an event of this type. */
export const hears = (snapshot: Taken, type: string): boolean =>
  (remembers ? hearersOf(configurationOf(snapshot), snapshot, type) : listen(snapshot, type)).length > 0;

/** The types of events that any active state has a transition for, in no order. */
export const eventsOf = (snapshot: object): string[] => [
  ...new Set((snapshot as Taken)._nodes.flatMap((node) => node.ownEvents).filter((type) => type !== "")),
];

/** The transitions that xstate would take. Where one node alone hears the event, it need not look for it through the tree. */
function enabledBy(machine: Machine, from: Configuration, snapshot: Taken, event: MachineEvent): Transition[] {
  const hearers = hearersOf(from, snapshot, event.type);
  const [node] = hearers;
  if (hearers.length > 1) return machine.getTransitionData(snapshot, event);
  return node === undefined ? [] : chosen(machine, node, snapshot, event);
}

/** The first transition of a node whose guard holds, as `next` of xstate finds it, without looking up each guard by its name again. */
function chosen(machine: Machine, node: Node, snapshot: Taken, event: MachineEvent): Transition[] {
  const definitions = node.transitions.get(event.type);
  // A wildcard.
  if (definitions === undefined) return node.next(snapshot, event) ?? [];
  const args = { context: snapshot.context, event };
  try {
    for (const definition of definitions) if (judgeOf(machine, definition)(args, snapshot)) return [definition];
    return [];
  } catch {
    // It throws there as well, in the words of xstate.
    return node.next(snapshot, event) ?? [];
  }
}

/** Whether the chart would do anything with the event: what xstate's `can` answers, without its walk through the tree where that is known. */
export function canTake(snapshot: object, event: MachineEvent): boolean {
  const from = snapshot as Taken;
  const enabled = remembers
    ? enabledBy(from.machine, configurationOf(from), from, event)
    : from.machine.getTransitionData(from, event);
  return enabled.some(({ target, actions }) => target !== undefined || actions.length > 0);
}

function configurationOf({ machine, _nodes }: Taken): Configuration {
  let found = configurations.get(_nodes);
  if (found === undefined) {
    const ofMachine = known.get(machine) ?? new Map<string, Configuration>();
    known.set(machine, ofMachine);
    const name = _nodes.map((node) => node.id).join();
    found = ofMachine.get(name) ?? {
      isTransient: _nodes.some((node) => (node.always?.length ?? 0) > 0),
      hearers: new Map(),
      courses: new Map(),
    };
    ofMachine.set(name, found);
    configurations.set(_nodes, found);
  }
  return found;
}

/**
 * One macrostep. Which transition is enabled is asked of xstate, guards and all. Where an enabled transition leads from a
 * configuration, and which actions it runs on the way, does not depend on anything else as long as nothing is eventless: xstate
 * is asked once, and after that only the actions are run. Three times as fast, because xstate rebuilds a snapshot per action;
 * the results are identical (test/unit/model/step.test.ts compares both on random logs).
 */
export function macrostep(machine: Machine, snapshot: Taken, event: MachineEvent, say: Say): Taken {
  listener = say;
  if (!remembers) return ask(machine, snapshot, event);
  const from = configurationOf(snapshot);
  if (from.isTransient) return ask(machine, snapshot, event);
  const enabled = enabledBy(machine, from, snapshot, event);
  const [transition] = enabled;
  if (transition === undefined) return snapshot;
  if (enabled.length > 1) return ask(machine, snapshot, event);
  const course = from.courses.get(transition);
  if (course === null) return ask(machine, snapshot, event);
  if (course === undefined) {
    const steps = machine.microstep(snapshot, event, scope);
    const next = steps.at(-1) ?? snapshot;
    from.courses.set(
      transition,
      steps.length === 1 && !configurationOf(next).isTransient ? courseOf(machine, transition, snapshot, next) : null,
    );
    return next;
  }
  return follow(course, snapshot, event, say);
}

const ask = (machine: Machine, snapshot: Taken, event: MachineEvent): Taken =>
  machine.microstep(snapshot, event, scope).at(-1) ?? snapshot;

function courseOf(machine: Machine, { actions }: Transition, before: Taken, after: Taken): Course {
  const resolved: Action[] = [];
  for (const name of actions) {
    const action = typeof name === "string" ? machine.implementations.actions[name] : undefined;
    if (typeof action !== "function") return null;
    if (!("resolve" in action)) resolved.push({ say: action as () => unknown });
    else if ("assignment" in action && "type" in action && action.type === "xstate.assign")
      resolved.push({ assign: action.assignment });
    else return null;
  }
  const { _nodes, value, tags } = after;
  return { to: _nodes === before._nodes ? null : { _nodes, value, tags }, actions: resolved };
}

function follow({ to, actions }: NonNullable<Course>, snapshot: Taken, event: MachineEvent, say: Say): Taken {
  const { self, system } = scope;
  let { context } = snapshot;
  for (const action of actions) {
    const args: Args = { context, event, self, system };
    if ("say" in action) say(action.say(args, undefined));
    else context = { ...context, ...assigned(action.assign, args) };
  }
  if (to !== null) return { ...snapshot, context, _nodes: to._nodes, value: to.value, tags: to.tags, matches };
  return context === snapshot.context ? snapshot : { ...snapshot, context, matches };
}

/** `matches` of a snapshot as xstate answers it. */
function matches(this: Taken, wanted: unknown): boolean {
  return isIn(wanted, this.value);
}

function assigned(assignment: unknown, args: Args): object {
  if (typeof assignment === "function") return assignment(args, undefined) as object;
  const update: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(assignment as object))
    update[name] = typeof value === "function" ? value(args, undefined) : value;
  return update;
}

/** The snapshot that an actor begins with. @throws what making its context threw. */
export function firstSnapshot(machine: Machine, input: unknown, say: Say): Taken {
  listener = say;
  const snapshot = machine.getInitialSnapshot(scope, input);
  if (snapshot.status === "error") throw snapshot.error;
  return snapshot;
}

const resolved = new WeakMap<Machine, Map<string, Taken>>();

/** A snapshot of the machine in a state, from its value and context alone. All others of that state differ in nothing but their context. */
export function snapshotIn(machine: Machine, value: unknown, context: object): Taken {
  if (!remembers) return machine.resolveState({ value, context });
  const ofMachine = resolved.get(machine) ?? new Map<string, Taken>();
  resolved.set(machine, ofMachine);
  const name = JSON.stringify(value);
  const alike = ofMachine.get(name);
  if (alike !== undefined) return { ...alike, context };
  const snapshot = { ...machine.resolveState({ value, context }), matches };
  ofMachine.set(name, snapshot);
  return snapshot;
}

/** One transition that an event could take; branches of one state are tried in order. */
export interface Branch {
  /** `<state>|<event>|<index>`, as in the chart's layout. */
  readonly id: string;
  readonly guards: readonly GuardValue[];
  /** The id of the state that is entered, or null when none is left. */
  readonly target: string | null;
  readonly actions: readonly string[];
  /** Whether it is the one that is taken. */
  readonly taken: boolean;
}

/** The transitions of all active states for the event, innermost state first, each with its guards evaluated. */
export function branchesOf(of: object, event: MachineEvent): Branch[] {
  const snapshot = of as Taken;
  const nodes = [...snapshot._nodes]
    .filter((node) => node.transitions.has(event.type))
    .sort((a, b) => b.order - a.order);
  const served = new Set<string>();
  return nodes.flatMap((node) => {
    // An inner state that takes the event keeps it from the states around it.
    let open = !served.has(node.id);
    return (node.transitions.get(event.type) ?? []).map((definition, index): Branch => {
      const guards = conjuncts(definition.guard).map((guard) => valueOf(guard, snapshot, event));
      const taken = open && guards.every(({ holds }) => holds);
      if (taken) {
        open = false;
        for (let outer = node.parent; outer !== undefined; outer = outer.parent) served.add(outer.id);
      }
      return {
        id: `${node.id}|${event.type}|${index}`,
        guards,
        target: definition.target?.[0]?.id ?? null,
        actions: definition.actions.map(nameOf),
        taken,
      };
    });
  });
}

const nameOf = (action: unknown): string =>
  typeof action === "string" ? action : String((action as { type?: string }).type ?? "(unnamed)");
