import { createActor, createMachine, type AnyActorScope, type ExecutableActionObject } from "xstate";
import type { Effect } from "../events/effects.ts";
import type { Fact } from "../events/facts.ts";
import type { Settings } from "../events/settings.ts";
import { AGENT_VERSION, agentDeadline, agentMachine, type AgentSnapshot } from "./agent.ts";
import { BEAD_VERSION, beadMachine, type BeadSnapshot } from "./bead.ts";
import type { MachineEvent } from "./event.ts";
import { REVIEW_VERSION, reviewMachine, type ReviewSnapshot } from "./review.ts";
import { RIG_VERSION, rigMachine, type RigSnapshot } from "./rig.ts";

/** The four kinds of actor and their snapshots. */
export interface Snapshots {
  agent: AgentSnapshot;
  bead: BeadSnapshot;
  review: ReviewSnapshot;
  rig: RigSnapshot;
}
export type Kind = keyof Snapshots;
export type AnySnapshot = Snapshots[Kind];

export const MACHINES = { agent: agentMachine, bead: beadMachine, review: reviewMachine, rig: rigMachine } as const;
export const VERSIONS: Record<Kind, number> = { agent: AGENT_VERSION, bead: BEAD_VERSION, review: REVIEW_VERSION, rig: RIG_VERSION };

/** What a transition said: effects to run, facts to derive. In the order of the chart's actions. */
export type Emission = Effect | Fact;
export const isEffect = (emission: Emission): emission is Effect => "kind" in emission && "key" in emission;

export interface Step<S> {
  /** The same reference as before when the event was ignored: nothing to write. */
  readonly snapshot: S;
  readonly emissions: Emission[];
}

/**
 * One inert scope for every transition. `transition()` of xstate builds a throw-away actor per call, five times as slow;
 * the results are identical (test/unit/model/step.test.ts compares both on random logs). Domain machines have no children,
 * timers or invocations, so a scope that nobody listens to is enough.
 */
const inert = createActor(createMachine({}));
let collected: Emission[] = [];
const scope = {
  self: inert,
  system: inert.system,
  id: "",
  sessionId: "",
  logger: () => {},
  defer: () => {},
  stopChild: () => {},
  emit: () => {},
  actionExecutor: (action: ExecutableActionObject) => {
    for (const emission of emitted(action)) collected.push(emission);
  },
} as unknown as AnyActorScope;

/** Named actions that are not assigns are functions from (context, event) to effects or facts; calling one does nothing else. */
export function emitted(action: ExecutableActionObject): Emission[] {
  return asList(action.exec?.(action.info as never, action.params as never));
}

const asList = (said: unknown): Emission[] => (said === undefined ? [] : ((Array.isArray(said) ? said : [said]) as Emission[]));

function say(said: unknown): void {
  for (const emission of asList(said)) collected.push(emission);
}

/** Feeds one fact to one actor. Pure: same snapshot and event, same step. Throws what a guard or action throws. */
export function step<K extends Kind>(kind: K, snapshot: Snapshots[K], event: MachineEvent): Step<Snapshots[K]> {
  collected = [];
  const next = take(MACHINES[kind] as unknown as Machine, snapshot as unknown as Taken, event) as unknown as Snapshots[K];
  return { snapshot: next, emissions: collected };
}

/** The four machines have one signature up to their snapshot type, which the kind fixes on both sides. */
interface Machine {
  getTransitionData(s: Taken, e: MachineEvent): Transition[];
  microstep(s: Taken, e: MachineEvent, scope: AnyActorScope): Taken[];
  readonly implementations: { readonly actions: Record<string, unknown> };
}
interface Node {
  readonly id: string;
  readonly transitions: ReadonlyMap<string, unknown>;
  readonly always: readonly unknown[] | undefined;
}
interface Transition {
  readonly actions: readonly unknown[];
}
/** The parts of a snapshot that a transition can change: its configuration (nodes, value and tags) and its context. */
interface Taken {
  readonly _nodes: readonly Node[];
  readonly value: unknown;
  readonly tags: unknown;
  readonly context: object;
}
type Args = { context: object; event: MachineEvent; self: unknown; system: unknown };
type Action = { readonly assign: unknown } | { readonly say: (args: Args, params: undefined) => unknown };

/** What one transition does from one configuration: where it leads, and its actions, resolved. Null: ask xstate every time. */
type Course = { readonly to: Pick<Taken, "_nodes" | "value" | "tags"> | null; readonly actions: readonly Action[] } | null;
interface Configuration {
  /** It has eventless transitions, or may be left without an event. */
  readonly isTransient: boolean;
  /** Whether any of its nodes says anything about an event, by type. */
  readonly hears: Map<string, boolean>;
  readonly courses: Map<Transition, Course>;
}
const configurations = new WeakMap<readonly Node[], Configuration>();
/** The same by the ids of its nodes in their order, which decides the order of keys in the state value. */
const known = new Map<string, Configuration>();

function hears({ hears: known }: Configuration, { _nodes }: Taken, type: string): boolean {
  let found = known.get(type);
  if (found === undefined) {
    found = _nodes.some(({ transitions }) => transitions.has(type) || Array.from(transitions.keys()).some((descriptor) => descriptor.endsWith("*")));
    known.set(type, found);
  }
  return found;
}

function configurationOf({ _nodes }: Taken): Configuration {
  let found = configurations.get(_nodes);
  if (found === undefined) {
    const name = _nodes.map((node) => node.id).join();
    found = known.get(name) ?? { isTransient: _nodes.some((node) => (node.always?.length ?? 0) > 0), hears: new Map(), courses: new Map() };
    known.set(name, found);
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
function take(machine: Machine, snapshot: Taken, event: MachineEvent): Taken {
  const from = configurationOf(snapshot);
  if (from.isTransient) return ask(machine, snapshot, event);
  if (!hears(from, snapshot, event.type)) return snapshot;
  const enabled = machine.getTransitionData(snapshot, event);
  const [transition] = enabled;
  if (transition === undefined) return snapshot;
  if (enabled.length > 1) return ask(machine, snapshot, event);
  const course = from.courses.get(transition);
  if (course === null) return ask(machine, snapshot, event);
  if (course === undefined) {
    const steps = machine.microstep(snapshot, event, scope);
    const next = steps.at(-1) ?? snapshot;
    from.courses.set(transition, steps.length === 1 && !configurationOf(next).isTransient ? courseOf(machine, transition, snapshot, next) : null);
    return next;
  }
  return follow(course, snapshot, event);
}

const ask = (machine: Machine, snapshot: Taken, event: MachineEvent): Taken => machine.microstep(snapshot, event, scope).at(-1) ?? snapshot;

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

function follow({ to, actions }: NonNullable<Course>, snapshot: Taken, event: MachineEvent): Taken {
  let { context } = snapshot;
  for (const action of actions) {
    const args: Args = { context, event, self: inert, system: inert.system };
    if ("say" in action) say(action.say(args, undefined));
    else context = { ...context, ...assigned(action.assign, args) };
  }
  if (to !== null) return { ...snapshot, context, _nodes: to._nodes, value: to.value, tags: to.tags };
  return context === snapshot.context ? snapshot : { ...snapshot, context };
}

function assigned(assignment: unknown, args: Args): object {
  if (typeof assignment === "function") return assignment(args, undefined) as object;
  const update: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(assignment as object)) update[name] = typeof value === "function" ? value(args, undefined) : value;
  return update;
}

interface Wake {
  readonly settings: Settings;
  /** The agent's next deadline, ms, or null. */
  readonly deadline: number | null;
  /** Before this time a TICK leaves it as it is. */
  readonly quietUntil: number;
}
/** A snapshot never changes, so what follows from it is found out once. */
const wakes = new WeakMap<AgentSnapshot, Wake>();

/**
 * When an agent must see a TICK next, and until when none can move it. A TICK goes to every agent; one that is quiet answers
 * it here, without its chart being asked (test/unit/cost/quiet.test.ts holds this against the chart in every state).
 */
export function wakeOf(snapshot: AgentSnapshot, settings: Settings): Wake {
  const known = wakes.get(snapshot);
  if (known?.settings === settings) return known;
  const deadline = agentDeadline(snapshot, settings);
  const wake = { settings, deadline, quietUntil: quietUntil(snapshot, deadline, settings) };
  wakes.set(snapshot, wake);
  return wake;
}

function quietUntil(snapshot: AgentSnapshot, deadline: number | null, { gupp_check_ms, gupp_escalate_ms, gupp_restart_ms }: Settings): number {
  // Whoever exited takes the next TICK, whenever it comes; and thresholds that are out of order have no nearest one.
  if (snapshot.matches("exited") || gupp_check_ms > gupp_escalate_ms || gupp_escalate_ms > gupp_restart_ms) return Number.NEGATIVE_INFINITY;
  if (deadline !== null) return deadline;
  return snapshot._nodes.some((node) => (node.ownEvents as readonly string[]).includes("TICK")) ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** The first snapshot of an actor, from the fact that created it (the rig has none). */
export function initial<K extends Kind>(kind: K, event?: MachineEvent): Snapshots[K] {
  collected = [];
  const machine = MACHINES[kind] as unknown as { getInitialSnapshot(scope: AnyActorScope, input: MachineEvent | undefined): Snapshots[K] & { error?: unknown } };
  const snapshot = machine.getInitialSnapshot(scope, event);
  if (snapshot.status === "error") throw snapshot.error;
  return snapshot;
}

/** What is stored of a snapshot. */
export interface Stored {
  readonly v: number;
  readonly value: unknown;
  readonly context: unknown;
}

/**
 * Written migrations of stored snapshots: `MIGRATIONS[kind][v]` turns version v into v + 1. A change of machine that
 * needs none (it can be folded again from the journal) still gets a new version, so that an old row is never guessed at.
 */
export type Migrations = Partial<Record<Kind, Record<number, (old: Stored) => Stored>>>;
const MIGRATIONS: Migrations = {};

export const store = (kind: Kind, snapshot: AnySnapshot): Stored => ({ v: VERSIONS[kind], value: snapshot.value, context: snapshot.context });

/** One snapshot per state that was ever restored: all others of that state differ in nothing but their context. */
const resolved = new Map<string, AnySnapshot>();

/**
 * Restores a stored snapshot.
 * @throws Error when the version is unknown, or when the row is not a state of this machine.
 */
export function restore<K extends Kind>(kind: K, stored: Stored, migrations: Migrations = MIGRATIONS): Snapshots[K] {
  let row = stored;
  if (typeof row !== "object" || row === null || typeof row.v !== "number" || typeof row.context !== "object" || row.context === null) {
    throw new Error(`a stored ${kind} is not { v, value, context }`);
  }
  if (row.v > VERSIONS[kind]) throw new Error(`a stored ${kind} has version ${row.v}, but this Ticktown knows only up to ${VERSIONS[kind]}: use a newer one`);
  while (row.v < VERSIONS[kind]) {
    const migrate = migrations[kind]?.[row.v];
    if (!migrate) throw new Error(`a stored ${kind} of version ${row.v} has no migration: replay the journal`);
    row = { ...migrate(row), v: row.v + 1 };
  }
  const name = `${kind} ${JSON.stringify(row.value)}`;
  const alike = resolved.get(name);
  if (alike !== undefined) return { ...alike, context: row.context } as unknown as Snapshots[K];
  const machine = MACHINES[kind] as unknown as { resolveState(config: { value: unknown; context: unknown }): Snapshots[K] };
  const snapshot = machine.resolveState({ value: row.value, context: row.context });
  resolved.set(name, snapshot);
  return snapshot;
}
