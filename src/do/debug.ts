import { and, not, or, stateIn } from "xstate";
import type { Effect } from "../events/effects.ts";
import { dispatchId } from "../events/dispatch-id.ts";
import type { Fact, FactType, Recorded } from "../events/facts.ts";
import { allowedIn, stateName } from "../machines/decide.ts";
import type { MachineEvent } from "../machines/event.ts";
import { fold, type Entry } from "../machines/fold.ts";
import { isEffect, store, step, type AnySnapshot, type Kind, type Stored } from "../machines/step.ts";
import { copyWorld, get, type World } from "../machines/world.ts";

/**
 * What a debugger asks of a world: what can happen to an actor now, and what would happen if. Pure: the page that opens a
 * journal file calls the same functions as the rig does for its own live world.
 */

/** One guard of a branch, and what it says now. */
export interface GuardValue {
  readonly name: string;
  readonly holds: boolean;
  /** What it threw, when the event cannot be judged by it. */
  readonly error?: string;
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

/** One event that the actor's state has a transition for, tried on a copy. */
export interface Possibility {
  /** A fact as it could arrive now: the actor's own ids, the newest dispatch. */
  readonly fact: Fact;
  /** What sets it apart from others of its type, such as the outcome; empty when there is only one. */
  readonly variant: string;
  readonly branches: readonly Branch[];
  /** False: the event would be ignored. */
  readonly moves: boolean;
  /** The states after it. */
  readonly to: string;
  readonly effects: readonly Effect[];
  readonly facts: readonly Fact[];
  readonly error: string | null;
}

/** Every event that the actor's active states have a transition for, with the guards' values of now. */
export function possible(world: World, kind: Kind, id: string, at: number): Possibility[] | null {
  const snapshot = get(world, kind, id) as AnySnapshot | undefined;
  if (snapshot === undefined) return null;
  return allowedIn(snapshot).flatMap((type) => examples(world, kind, snapshot, type as FactType).map(([variant, fact]) => judged(world, kind, snapshot, fact, variant, at)));
}

function judged(world: World, kind: Kind, snapshot: AnySnapshot, fact: Fact, variant: string, at: number): Possibility {
  const event = { ...fact, seq: world.seq + 1, at: Math.max(at, world.at), cause: null, settings: world.rig.context.settings } as MachineEvent;
  const branches = branchesOf(snapshot, event);
  try {
    const { snapshot: after, emissions } = step(kind, snapshot as never, event);
    return {
      fact,
      variant,
      branches,
      moves: after !== snapshot,
      to: stateName(after as AnySnapshot),
      effects: emissions.filter(isEffect),
      facts: emissions.filter((said): said is Fact => !isEffect(said)),
      error: null,
    };
  } catch (error) {
    return { fact, variant, branches, moves: false, to: stateName(snapshot), effects: [], facts: [], error: messageOf(error) };
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The transitions that the actor's active states have for a recorded fact, as they stood before it: which was taken, and why. */
export function judge(world: World, kind: Kind, id: string, fact: Recorded): Branch[] {
  const snapshot = get(world, kind, id) as AnySnapshot | undefined;
  return snapshot === undefined ? [] : branchesOf(snapshot, { ...fact, settings: world.rig.context.settings } as MachineEvent);
}

/** A state node as xstate keeps it: the part that is read here. */
interface Node {
  readonly id: string;
  readonly order: number;
  readonly ownEvents: readonly string[];
  readonly parent?: Node;
  readonly type: string;
  readonly transitions: ReadonlyMap<string, readonly Definition[]>;
}
interface Definition {
  readonly guard?: unknown;
  readonly target?: readonly Node[];
  readonly actions: readonly unknown[];
}

/** The transitions of all active states for the event, innermost state first, each with its guards evaluated. */
function branchesOf(snapshot: AnySnapshot, event: MachineEvent): Branch[] {
  const nodes = ([...snapshot._nodes] as unknown as Node[]).filter((node) => node.transitions.has(event.type)).sort((a, b) => b.order - a.order);
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
      return { id: `${node.id}|${event.type}|${index}`, guards, target: definition.target?.[0]?.id ?? null, actions: definition.actions.map(nameOf), taken };
    });
  });
}

const nameOf = (action: unknown): string => (typeof action === "string" ? action : String((action as { type?: string }).type ?? "(unnamed)"));

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

const conjuncts = (guard: unknown): unknown[] => {
  if (guard === undefined) return [];
  return checkOf(guard) === AND ? ((guard as Combined).guards ?? []).flatMap(conjuncts) : [guard];
};

function valueOf(guard: unknown, snapshot: AnySnapshot, event: MachineEvent): GuardValue {
  const name = guardName(guard);
  try {
    return { name, holds: holds(guard, snapshot, event) };
  } catch (error) {
    return { name, holds: false, error: messageOf(error) };
  }
}

function holds(guard: unknown, snapshot: AnySnapshot, event: MachineEvent): boolean {
  const { check, guards = [], stateValue } = guard as Combined;
  if (typeof guard !== "function") {
    const known = (snapshot.machine as unknown as { implementations: { guards: Record<string, unknown> } }).implementations.guards[typeof guard === "string" ? guard : ((guard as Combined).type ?? "")];
    if (known === undefined) throw new Error(`the chart has no guard ${guardName(guard)}`);
    return holds(known, snapshot, event);
  }
  if (check === AND) return guards.every((one) => holds(one, snapshot, event));
  if (check === OR) return guards.some((one) => holds(one, snapshot, event));
  if (check === NOT) return !holds(guards[0], snapshot, event);
  if (check !== undefined && check === STATE_IN) return snapshot.matches(stateValue as never);
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

/** Facts of a type as they could reach this actor now: one per variant that guards tell apart. */
function examples(world: World, kind: Kind, snapshot: AnySnapshot, type: FactType): [variant: string, fact: Fact][] {
  const context = snapshot.context as unknown as Record<string, unknown>;
  const agentId = String(kind === "agent" ? context["id"] : (context["assignee"] ?? context["agentId"] ?? probesAgent(context) ?? "agent-x"));
  const agent = world.agents.get(agentId)?.context;
  const beadId = String(kind === "bead" ? context["id"] : (context["hook"] ?? context["beadId"] ?? "bead-x"));
  const reviewId = String(kind === "review" ? context["id"] : (context["reviewId"] ?? "rev-x"));
  const claim = Number(context["claim"] ?? 0);
  const n = agent?.dispatchN ?? Number((context["probe"] as string | null)?.split(":").at(-1) ?? 1);
  const ids = { agentId, beadId, reviewId, dispatchId: dispatchId(agentId, type === "dispatch.granted" ? n + 1 : n), claim: type === "review.granted" ? claim + 1 : claim };
  const by = "operator";
  const text = { reason: "an example", error: "an example", message: "an example", what: "an example", prompt: "an example", answer: "an example" };
  const branch = String(context["branch"] ?? "ticktown/example");
  const submitted = { branch, prUrl: null, summary: null };
  const known: Record<string, unknown> = { type, ...ids, ...text, ...submitted, by, attempts: Number(context["attempts"] ?? 0) + 1, charged: true, status: 503, rework: false, probe: false, resetAt: null, digest: "0", data: {}, escalationId: "esc-x", blockerId: (context["blockedBy"] as string[] | undefined)?.[0] ?? "bead-x", commitSha: null, permanent: false, verdict: "merged", outcome: "failed", active: true, container: "reachable", changes: {} };
  const shape = (more: Record<string, unknown> = {}): Fact => pick(type, { ...known, ...more });
  switch (type) {
    case "TICK":
      return [["", shape()], ...(kind === "agent" ? [["container unreachable", shape({ container: "unreachable" })] as [string, Fact]] : [])];
    case "agent.exited":
      return ["completed", "failed", "gone", "rate_limited", "evicted", "over_budget"].map((outcome) => [outcome, shape({ outcome })]);
    case "review.completed":
      return [["merged", shape()], ["conflict", shape({ verdict: "conflict" })], ["failed", shape({ verdict: "failed" })], ["failed for good", shape({ verdict: "failed", permanent: true })]];
    case "bead.status_set":
      return ["open", "in_progress", "closed", "failed"].map((status) => [status, shape({ status })]);
    case "rig.activity_changed":
      return [["active", shape()], ["idle", shape({ active: false })]];
    case "dispatch.granted":
      return [["", shape({ probe: kind === "rig" })]];
    default:
      return [["", shape()]];
  }
}

const probesAgent = (context: Record<string, unknown>): string | null => (typeof context["probe"] === "string" ? context["probe"].slice(0, context["probe"].lastIndexOf(":")) : null);

/** Fields of a fact that guards and actions read; others would only be noise in an example. */
const FIELDS: Partial<Record<FactType, readonly string[]>> = {
  TICK: ["container"],
  "rig.configured": ["rigId", "townId", "userId", "name", "gitUrl", "defaultBranch"],
  "rig.settings_changed": ["changes"],
  "rig.paused": ["by"],
  "rig.resumed": ["by"],
  "rig.draining": ["by"],
  "rig.destroyed": ["by"],
  "rig.activity_changed": ["active"],
  "container.unreachable": ["error"],
  "container.reachable": [],
  "agent.deleted": ["agentId"],
  "agent.hooked": ["agentId", "beadId", "attempts", "branch"],
  "agent.unhooked": ["agentId", "beadId", "reason"],
  "dispatch.granted": ["agentId", "dispatchId", "beadId", "branch", "rework", "probe"],
  "dispatch.failed": ["agentId", "dispatchId", "beadId", "charged", "attempts", "reason"],
  "start.accepted": ["agentId", "dispatchId"],
  "start.refused": ["agentId", "dispatchId", "status", "error"],
  "start.unknown": ["agentId", "dispatchId", "error"],
  "agent.heard": ["agentId", "dispatchId"],
  "agent.progressed": ["agentId", "dispatchId", "what"],
  "agent.checkpointed": ["agentId", "dispatchId", "beadId", "digest", "data"],
  "agent.exited": ["agentId", "dispatchId", "outcome", "reason", "resetAt"],
  "agent.asked_help": ["agentId", "dispatchId", "escalationId"],
  "permission.asked": ["agentId", "dispatchId", "prompt"],
  "permission.answered": ["agentId", "dispatchId"],
  "agent.answered": ["agentId", "answer", "by"],
  "agent.done": ["agentId", "dispatchId", "beadId", "branch", "prUrl", "summary"],
  "bead.status_set": ["beadId", "status", "by"],
  "bead.closed": ["beadId", "by"],
  "bead.cancelled": ["beadId", "by"],
  "bead.deleted": ["beadId"],
  "bead.unblocked": ["beadId", "blockerId"],
  "bead.failed": ["beadId", "reason"],
  "bead.merged": ["beadId", "reviewId", "commitSha"],
  "bead.conflicted": ["beadId", "reviewId", "message"],
  "attempts.reset": ["beadId"],
  "review.submitted": ["beadId", "agentId", "branch", "prUrl", "summary"],
  "review.granted": ["reviewId", "claim"],
  "review.completed": ["reviewId", "claim", "verdict", "permanent", "message", "commitSha"],
  "review.cancelled": ["reviewId", "reason"],
  "merge.refused": ["reviewId", "claim", "status", "error"],
  "merge.unknown": ["reviewId", "claim", "error"],
};

const pick = (type: FactType, known: Record<string, unknown>): Fact => Object.fromEntries(["type", ...(FIELDS[type] ?? Object.keys(known).filter((name) => name !== "type"))].map((name) => [name, known[name]])) as unknown as Fact;

/** What one actor would become. */
export interface Moved {
  readonly kind: Kind;
  readonly id: string;
  /** Null: it would be made. */
  readonly from: string | null;
  /** Null: it would be removed. */
  readonly to: string | null;
  readonly before: Stored | null;
  readonly after: Stored | null;
}

/** What a commit of one fact would do to the whole rig. */
export interface WhatIf {
  /** Seq of the state that it was tried on. */
  readonly seq: number;
  readonly entries: readonly Entry[];
  readonly changed: readonly Moved[];
  /** What the fold threw, or null. */
  readonly error: string | null;
}

/** Folds a fact into a copy of the world, with everything that would follow from it. Nothing is kept. */
export function whatIf(world: World, fact: Fact, at: number): WhatIf {
  const copy = copyWorld(world);
  try {
    const { entries, changed } = fold(copy, [fact], Math.max(at, world.at));
    const moved = Array.from(changed.values(), ([kind, id]): Moved => {
      const before = get(world, kind, id) as AnySnapshot | undefined;
      const after = get(copy, kind, id) as AnySnapshot | undefined;
      return {
        kind,
        id,
        from: before === undefined ? null : stateName(before),
        to: after === undefined ? null : stateName(after),
        before: before === undefined ? null : store(kind, before),
        after: after === undefined ? null : store(kind, after),
      };
    });
    return { seq: world.seq, entries, changed: moved, error: null };
  } catch (error) {
    return { seq: world.seq, entries: [], changed: [], error: messageOf(error) };
  }
}

/** Whether a fact names the actor, or goes to everybody. */
export function concerns(fact: Recorded | Fact, kind: Kind, id: string): boolean {
  if (kind === "rig") return fact.type.startsWith("rig.") || fact.type.startsWith("container.") || fact.type === "TICK" || fact.type === "dispatch.failed";
  if (fact.type === "TICK" || fact.type === "rig.draining" || fact.type === "rig.destroyed") return kind === "agent";
  const names = fact as unknown as Record<string, unknown>;
  if (kind === "agent") return names["agentId"] === id || names["to"] === id;
  if (kind === "bead") return names["beadId"] === id || names["blockerId"] === id;
  return names["reviewId"] === id;
}
