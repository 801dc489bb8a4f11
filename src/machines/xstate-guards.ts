import { messageOf } from "../events/message-of.ts";
import { and, not, or, stateIn } from "xstate";
import type { MachineEvent } from "./event.ts";
import { isIn } from "./state-value.ts";
import type { Definition, Machine, Taken } from "./xstate.ts";

/** What is known here of xstate's guards: how they are combined, what one says of an event, and what it is called. */

/** One guard of a branch, and what it says now. */
export interface GuardValue {
  readonly name: string;
  readonly holds: boolean;
  /** What it threw, when the event cannot be judged by it. */
  readonly error?: string;
}

/** What a guard says of an event. */
type Judge = (args: { readonly context: object; readonly event: MachineEvent }, snapshot: Taken) => boolean;
const judges = new WeakMap<Definition, Judge>();

/** The guard of a transition; found once. @throws where the chart has no such guard */
export function judgeOf(machine: Machine, definition: Definition): Judge {
  let judge = judges.get(definition);
  if (judge === undefined) {
    judge = definition.guard === undefined ? () => true : judging(machine, definition.guard);
    judges.set(definition, judge);
  }
  return judge;
}

/** A guard with the names in it looked up. @throws where the chart has no such guard */
function judging(machine: Machine, guard: unknown): Judge {
  if (typeof guard !== "function") return judging(machine, named(machine, guard));
  const { check, guards = [], stateValue } = guard as Combined;
  const inner = guards.map((one) => judging(machine, one));
  const [first] = inner;
  if (check === AND) return (args, snapshot) => inner.every((one) => one(args, snapshot));
  if (check === OR) return (args, snapshot) => inner.some((one) => one(args, snapshot));
  if (check === NOT && first !== undefined) return (args, snapshot) => !first(args, snapshot);
  if (check !== undefined && check === STATE_IN) return (_, snapshot) => isIn(stateValue, snapshot.value);
  return (args) => Boolean((guard as (args: unknown) => unknown)(args));
}

/** @throws where the chart has no guard of that name */
function named({ implementations: { guards } }: Machine, guard: unknown): unknown {
  const found = guards[typeof guard === "string" ? guard : ((guard as Combined).type ?? "")];
  if (found === undefined) throw new Error(`the chart has no guard ${guardName(guard)}`);
  return found;
}

/** `and`, `not`, `or` and `stateIn` of xstate are functions that carry what they were given; their `check` tells which is which, also in a minified bundle. */
interface Combined {
  readonly check?: unknown;
  readonly name?: string;
  readonly type?: string;
  readonly guards?: readonly unknown[];
  readonly stateValue?: unknown;
}

const checkOf = (guard: unknown): unknown => (guard as Combined).check;
const AND = checkOf(and([]));
const OR = checkOf(or([]));
const NOT = checkOf(not(() => false));
const STATE_IN = checkOf(stateIn(""));

/** Guards that must all hold, one by one. */
export const conjuncts = (guard: unknown): unknown[] => {
  if (guard === undefined) return [];
  return checkOf(guard) === AND ? ((guard as Combined).guards ?? []).flatMap(conjuncts) : [guard];
};

/** What it says now. */
export function valueOf(guard: unknown, snapshot: Taken, event: MachineEvent): GuardValue {
  const name = guardName(guard);
  try {
    return { name, holds: holds(guard, snapshot, event) };
  } catch (error) {
    return { name, holds: false, error: messageOf(error) };
  }
}

function holds(guard: unknown, snapshot: Taken, event: MachineEvent): boolean {
  const { check, guards = [], stateValue } = guard as Combined;
  if (typeof guard !== "function") return holds(named(snapshot.machine, guard), snapshot, event);
  if (check === AND) return guards.every((one) => holds(one, snapshot, event));
  if (check === OR) return guards.some((one) => holds(one, snapshot, event));
  if (check === NOT) return !holds(guards[0], snapshot, event);
  if (check !== undefined && check === STATE_IN) return isIn(stateValue, snapshot.value);
  return Boolean((guard as (args: unknown) => unknown)({ context: snapshot.context, event }));
}

/** A guard as its chart writes it: combinations are spelt out. */
export function guardName(guard: unknown): string {
  if (typeof guard === "string") return guard;
  const { check, name, type, guards = [], stateValue } = guard as Combined;
  if (typeof guard !== "function") return type ?? "(unnamed)";
  if (check === NOT) return `not ${guardName(guards[0])}`;
  if (check === AND || check === OR) return `(${guards.map(guardName).join(check === AND ? " and " : " or ")})`;
  if (check === STATE_IN) return `in ${JSON.stringify(stateValue)}`;
  return name ?? "(unnamed)";
}
