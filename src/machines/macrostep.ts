import { matchesState, type AnyActorScope } from "xstate";
import type { MachineEvent } from "./event.ts";

/**
 * A macrostep of xstate, remembered. XState decides what happens; what it has decided once for a configuration and a transition
 * is not computed again. Nothing here knows a chart.
 */

/** A machine of xstate: the part that is used here, the same for all machines up to the type of their snapshots. */
export interface Machine {
  getTransitionData(s: Taken, e: MachineEvent): Transition[];
  microstep(s: Taken, e: MachineEvent, scope: AnyActorScope): Taken[];
  readonly implementations: { readonly actions: Record<string, unknown> };
}
interface Node {
  readonly id: string;
  readonly transitions: ReadonlyMap<string, unknown>;
  /** The first of its transitions for the event whose guard holds. */
  next(s: Taken, e: MachineEvent): Transition[] | undefined;
  readonly always: readonly unknown[] | undefined;
}
interface Transition {
  readonly actions: readonly unknown[];
}
/** The parts of a snapshot that a transition can change: its configuration (nodes, value and tags) and its context. */
export interface Taken {
  readonly machine: object;
  readonly _nodes: readonly Node[];
  readonly value: unknown;
  readonly tags: unknown;
  readonly context: object;
  readonly matches: unknown;
}
/** Takes what an action that is no assign has answered. */
export type Say = (said: unknown) => void;
type Args = { context: object; event: MachineEvent; self: unknown; system: unknown };
type Action = { readonly assign: unknown } | { readonly say: (args: Args, params: undefined) => unknown };

/** What one transition does from one configuration: where it leads, and its actions, resolved. Null: ask xstate every time. */
type Course = { readonly to: Pick<Taken, "_nodes" | "value" | "tags"> | null; readonly actions: readonly Action[] } | null;
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

function hearersOf({ hearers }: Configuration, { _nodes }: Taken, type: string): Node[] {
  let found = hearers.get(type);
  if (found === undefined) {
    found = _nodes.filter(({ transitions }) => transitions.has(type) || Array.from(transitions.keys()).some((descriptor) => descriptor.endsWith("*")));
    hearers.set(type, found);
  }
  return found;
}

/** Whether any active state says anything about an event of this type. */
export const hears = (snapshot: Taken, type: string): boolean => hearersOf(configurationOf(snapshot), snapshot, type).length > 0;

/** The transitions that xstate would take. Where one node alone hears the event, it need not look for it through the tree. */
function enabledBy(machine: Machine, from: Configuration, snapshot: Taken, event: MachineEvent): Transition[] {
  const hearers = hearersOf(from, snapshot, event.type);
  if (hearers.length > 1) return machine.getTransitionData(snapshot, event);
  return hearers[0]?.next(snapshot, event) ?? [];
}

function configurationOf({ machine, _nodes }: Taken): Configuration {
  let found = configurations.get(_nodes);
  if (found === undefined) {
    const ofMachine = known.get(machine) ?? new Map<string, Configuration>();
    known.set(machine, ofMachine);
    const name = _nodes.map((node) => node.id).join();
    found = ofMachine.get(name) ?? { isTransient: _nodes.some((node) => (node.always?.length ?? 0) > 0), hearers: new Map(), courses: new Map() };
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
export function macrostep(machine: Machine, snapshot: Taken, event: MachineEvent, scope: AnyActorScope, say: Say): Taken {
  const from = configurationOf(snapshot);
  if (from.isTransient) return ask(machine, snapshot, event, scope);
  const enabled = enabledBy(machine, from, snapshot, event);
  const [transition] = enabled;
  if (transition === undefined) return snapshot;
  if (enabled.length > 1) return ask(machine, snapshot, event, scope);
  const course = from.courses.get(transition);
  if (course === null) return ask(machine, snapshot, event, scope);
  if (course === undefined) {
    const steps = machine.microstep(snapshot, event, scope);
    const next = steps.at(-1) ?? snapshot;
    from.courses.set(transition, steps.length === 1 && !configurationOf(next).isTransient ? courseOf(machine, transition, snapshot, next) : null);
    return next;
  }
  return follow(course, snapshot, event, scope, say);
}

const ask = (machine: Machine, snapshot: Taken, event: MachineEvent, scope: AnyActorScope): Taken => machine.microstep(snapshot, event, scope).at(-1) ?? snapshot;

function courseOf(machine: Machine, { actions }: Transition, before: Taken, after: Taken): Course {
  const resolved: Action[] = [];
  for (const name of actions) {
    const action = typeof name === "string" ? machine.implementations.actions[name] : undefined;
    if (typeof action !== "function") return null;
    if (!("resolve" in action)) resolved.push({ say: action as () => unknown });
    else if ("assignment" in action && "type" in action && action.type === "xstate.assign") resolved.push({ assign: action.assignment });
    else return null;
  }
  const { _nodes, value, tags } = after;
  return { to: _nodes === before._nodes ? null : { _nodes, value, tags }, actions: resolved };
}

function follow({ to, actions }: NonNullable<Course>, snapshot: Taken, event: MachineEvent, { self, system }: AnyActorScope, say: Say): Taken {
  let { context } = snapshot;
  for (const action of actions) {
    const args: Args = { context, event, self, system };
    if ("say" in action) say(action.say(args, undefined));
    else context = { ...context, ...assigned(action.assign, args) };
  }
  if (to !== null) return { ...snapshot, context, _nodes: to._nodes, value: to.value, tags: to.tags, matches };
  return context === snapshot.context ? snapshot : { ...snapshot, context, matches };
}

/** `matches` of a snapshot as xstate answers it, without bringing both sides into one form first. */
function matches(this: Taken, wanted: unknown): boolean {
  return fits(wanted, this.value);
}

function fits(wanted: unknown, value: unknown): boolean {
  // A path with dots.
  if (typeof wanted === "string" && wanted.includes(".")) return matchesState(wanted, value as string);
  if (typeof wanted === "string") return typeof value === "string" ? wanted === value : wanted in (value as object);
  if (typeof value === "string") return false;
  for (const name in wanted as object) {
    if (!(name in (value as object))) return false;
    if (!fits((wanted as Record<string, unknown>)[name], (value as Record<string, unknown>)[name])) return false;
  }
  return true;
}

function assigned(assignment: unknown, args: Args): object {
  if (typeof assignment === "function") return assignment(args, undefined) as object;
  const update: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(assignment as object)) update[name] = typeof value === "function" ? value(args, undefined) : value;
  return update;
}
