import { messageOf } from "../events/message-of.ts";
import type { Effect } from "../events/effects.ts";
import { dispatchId } from "../events/dispatch-id.ts";
import { AN } from "../events/fields.ts";
import { factsThat, named, rowOf, type Fact, type FactType, type Recorded } from "../events/facts.ts";
import { allowedIn, stateName } from "./decide/index.ts";
import { inScope } from "../machines/event.ts";
import { branchesOf, type Branch } from "../machines/xstate.ts";
import { fold, type Entry } from "./fold.ts";
import { isEffect, store, step, type AnySnapshot, type Kind, type Stored } from "./step.ts";
import { copyWorld, get, type World } from "./world.ts";

/**
 * What a debugger asks of a world: what can happen to an actor now, and what would happen if. Pure: the page that opens a
 * journal file calls the same functions as the rig does for its own live world.
 */

export type { Branch, GuardValue } from "../machines/xstate.ts";

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
  return allowedIn(snapshot).flatMap((type) =>
    examples(world, kind, snapshot, type as FactType).map(([variant, fact]) =>
      judged(world, kind, snapshot, fact, variant, at),
    ),
  );
}

function judged(world: World, kind: Kind, snapshot: AnySnapshot, fact: Fact, variant: string, at: number): Possibility {
  const stamp = { seq: world.seq + 1, at: Math.max(at, world.at), cause: null };
  const event = inScope({ ...fact, ...stamp }, world.rig.context);
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
    return {
      fact,
      variant,
      branches,
      moves: false,
      to: stateName(snapshot),
      effects: [],
      facts: [],
      error: messageOf(error),
    };
  }
}

/** The transitions that the actor's active states have for a recorded fact, as they stood before it: which was taken, and why. */
export function judge(world: World, kind: Kind, id: string, fact: Recorded): Branch[] {
  const snapshot = get(world, kind, id) as AnySnapshot | undefined;
  return snapshot === undefined ? [] : branchesOf(snapshot, inScope(fact, world.rig.context));
}

/** Facts of a type as they could reach this actor now: its row's example, or one per variant, with the actor's own ids. */
function examples(world: World, kind: Kind, snapshot: AnySnapshot, type: FactType): [variant: string, fact: Fact][] {
  const { example, variants = [] } = rowOf(type);
  const own = ownFields(world, kind, snapshot, type);
  const shape = (fields: Record<string, unknown> = {}): Fact =>
    ({
      type,
      ...Object.fromEntries(Object.entries(example).map(([name, value]) => [name, own[name] ?? value])),
      ...fields,
    }) as unknown as Fact;
  const ofKind = variants.filter(({ of }) => of === undefined || of === kind);
  return ofKind.length === 0 ? [["", shape()]] : ofKind.map(({ name, fields }) => [name, shape(fields)]);
}

/** Fields that an example takes from the actor: its ids, the newest dispatch and claim, its branch and attempts. */
function ownFields(world: World, kind: Kind, snapshot: AnySnapshot, type: FactType): Record<string, unknown> {
  const context = snapshot.context as unknown as Record<string, unknown>;
  const agentId = String(
    kind === "agent"
      ? context["id"]
      : (context["assignee"] ?? context["agentId"] ?? probesAgent(context) ?? AN.agentId),
  );
  const agent = world.agents.get(agentId)?.context;
  const claim = Number(context["claim"] ?? 0);
  const n = agent?.dispatchN ?? Number((context["probe"] as string | null)?.split(":").at(-1) ?? 1);
  return {
    agentId,
    beadId: String(kind === "bead" ? context["id"] : (context["hook"] ?? context["beadId"] ?? AN.beadId)),
    reviewId: String(kind === "review" ? context["id"] : (context["reviewId"] ?? AN.reviewId)),
    dispatchId: dispatchId(agentId, type === "dispatch.granted" ? n + 1 : n),
    claim: type === "review.granted" || type === "review.boarded" ? claim + 1 : claim,
    ...ownTrain(world, kind, context, type),
    branch: context["branch"],
    attempts: Number(context["attempts"] ?? 0) + 1,
    blockerId: (context["blockedBy"] as string[] | undefined)?.[0],
  };
}

/** The newest train, the next one where it leaves, and the tree that a person would approve. */
function ownTrain(world: World, kind: Kind, context: Record<string, unknown>, type: FactType): Record<string, unknown> {
  const train = world.queue?.context.train ?? 0;
  if (kind === "queue") return { train: type === "train.departed" ? train + 1 : train };
  const waits = context["protected"] as { tree: string } | undefined;
  return kind === "review" && waits !== undefined ? { tree: waits.tree } : {};
}

const probesAgent = (context: Record<string, unknown>): string | null =>
  typeof context["probe"] === "string" ? context["probe"].slice(0, context["probe"].lastIndexOf(":")) : null;

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

/** Facts that every actor of a kind takes: none of them is named. */
const TO_ALL: Partial<Record<Kind, ReadonlySet<FactType>>> = {
  rig: factsThat(({ to }) => to.includes("rig")),
  agent: factsThat(({ to }) => to.includes("every agent")),
  queue: factsThat(({ to }) => to.includes("queue")),
  budget: factsThat(({ to }) => to.includes("budget")),
  accounts: factsThat(({ to }) => to.includes("accounts")),
};

/**
 * Whether a fact goes to the actor or names it. A bead whose agent was deleted is not named: it is found by the hook that the agent
 * had, which a fact alone does not tell.
 */
export const concerns = (fact: Fact, kind: Kind, id: string): boolean =>
  (TO_ALL[kind]?.has(fact.type) ?? false) || named(fact).some((ref) => ref.kind === kind && ref.id === id);
