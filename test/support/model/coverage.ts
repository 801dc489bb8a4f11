import {
  createActor,
  createMachine,
  type AnyActorScope,
  type AnyMachineSnapshot,
  type AnyStateNode,
  type AnyTransitionDefinition,
} from "xstate";
import { chartOf, transitionId, type Chart } from "../../../scripts/charts/graph.ts";
import type { MachineEvent } from "../../../src/machines/event.ts";
import { MACHINES, type AnySnapshot, type Kind } from "../../../src/core/step.ts";

/**
 * What of a chart a step has exercised: states entered, transitions taken, and every guard with its answer, per transition
 * on which it stands. XState itself is asked which transitions it took.
 */
export interface Exercised {
  readonly states: readonly string[];
  readonly transitions: readonly string[];
  /** `<transition> [<guard>]=true`. */
  readonly guards: readonly string[];
}

export const guardKey = (transition: string, guard: string, answer: boolean): string =>
  `${transition} [${guard}]=${String(answer)}`;

export const CHARTS: Record<Kind, Chart> = {
  agent: chartOf(MACHINES.agent as never),
  bead: chartOf(MACHINES.bead as never),
  review: chartOf(MACHINES.review as never),
  rig: chartOf(MACHINES.rig as never),
  queue: chartOf(MACHINES.queue as never),
  budget: chartOf(MACHINES.budget as never),
  accounts: chartOf(MACHINES.accounts as never),
};

interface Microstep {
  readonly type: string;
  readonly snapshot: AnyMachineSnapshot;
  readonly _transitions: readonly AnyTransitionDefinition[];
}

let microsteps: Microstep[] = [];
const spy = createActor(createMachine({}), {
  inspect: (event) => {
    if ((event.type as string) === "@xstate.microstep") microsteps.push(event as unknown as Microstep);
  },
});
const scope = {
  self: spy,
  system: spy.system,
  id: "",
  sessionId: "",
  logger: () => {},
  defer: () => {},
  stopChild: () => {},
  emit: () => {},
  actionExecutor: () => {},
} as unknown as AnyActorScope;

/** Feeds a fact to a snapshot and tells what that exercised, and what came of it. */
export function exercise(
  kind: Kind,
  before: AnySnapshot,
  event: MachineEvent,
): Exercised & { readonly after: AnySnapshot } {
  microsteps = [];
  const machine = MACHINES[kind] as unknown as {
    transition(s: AnySnapshot, e: MachineEvent, scope: AnyActorScope): AnySnapshot;
  };
  const after = machine.transition(before, event, scope);
  const taken = microsteps.flatMap((step) => step._transitions);
  const states = [before as unknown as AnyMachineSnapshot, ...microsteps.map((step) => step.snapshot)];
  return {
    after,
    states: [...new Set(states.flatMap((state) => nodesOf(state).map((node) => node.id)))],
    transitions: taken.map(idOf),
    guards: [
      ...answersOf(before as unknown as AnyMachineSnapshot, event, event.type),
      ...microsteps.flatMap((step) => answersOf(step.snapshot, event, "")),
    ],
  };
}

const nodesOf = (snapshot: AnyMachineSnapshot): AnyStateNode[] => snapshot._nodes as AnyStateNode[];

const branchesOf = (node: AnyStateNode, event: string): readonly AnyTransitionDefinition[] =>
  event === "" ? (node.always ?? []) : (node.transitions.get(event) ?? []);

function idOf(transition: AnyTransitionDefinition): string {
  const event = transition.eventType;
  return transitionId(transition.source.id, event, branchesOf(transition.source, event).indexOf(transition));
}

/** Asks every guard that stands on a transition of this event, in the order in which XState would, and no further. */
function answersOf(snapshot: AnyMachineSnapshot, event: MachineEvent, type: string): string[] {
  const answers: string[] = [];
  for (const node of nodesOf(snapshot)) {
    for (const transition of branchesOf(node, type)) {
      let holds = true;
      for (const guard of conjunctsOf(transition.guard)) {
        const answer = isTrue(guard, snapshot, event);
        answers.push(guardKey(idOf(transition), textOf(guard), answer));
        holds &&= answer;
        if (!holds) break;
      }
      if (holds) break;
    }
  }
  return answers;
}

/** `and`, `not` and `stateIn` of xstate are functions that carry what they were given. */
type Guard =
  | string
  | ({ readonly name: string; readonly guards?: readonly Guard[]; readonly stateValue?: never } & ((
      ...args: never[]
    ) => boolean));

const conjunctsOf = (guard: unknown): Guard[] => {
  if (guard === undefined) return [];
  const one = guard as Guard;
  return typeof one !== "string" && one.name === "and" ? (one.guards ?? []).flatMap(conjunctsOf) : [one];
};

function isTrue(guard: Guard, snapshot: AnyMachineSnapshot, event: MachineEvent): boolean {
  if (typeof guard === "string")
    return isTrue(snapshot.machine.implementations.guards[guard] as unknown as Guard, snapshot, event);
  const inner = guard.guards ?? [];
  if (guard.name === "not") return !inner.every((one) => isTrue(one, snapshot, event));
  if (guard.name === "and") return inner.every((one) => isTrue(one, snapshot, event));
  if (guard.name === "stateIn") return snapshot.matches(guard.stateValue as never);
  return (guard as unknown as (args: unknown) => boolean)({ context: snapshot.context, event });
}

function textOf(guard: Guard): string {
  if (typeof guard === "string") return guard;
  const inner = (guard.guards ?? []).map(textOf);
  return guard.name === "not" ? `not ${inner.join()}` : `(${inner.join(` ${guard.name} `)})`;
}

/** Everything that a chart has to exercise. */
export const wantedOf = (chart: Chart): Exercised => ({
  states: chart.states.map((state) => state.id),
  transitions: chart.transitions.map((transition) => transition.id),
  guards: chart.transitions.flatMap((transition) =>
    transition.guards.flatMap((guard) => [true, false].map((answer) => guardKey(transition.id, guard, answer))),
  ),
});
