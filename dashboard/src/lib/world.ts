import { messageOf } from "../../../src/events/message-of.ts";
import type { BoardActor } from "../../../src/wire/board.ts";
import type { Recorded } from "../../../src/events/facts.ts";
import { agentDeadline } from "../../../src/machines/agent.ts";
import { beadDeadline } from "../../../src/machines/bead.ts";
import { accountsDeadline } from "../../../src/machines/accounts.ts";
import { budgetDeadline } from "../../../src/machines/budget.ts";
import { queueDeadline } from "../../../src/machines/queue.ts";
import { reviewDeadline } from "../../../src/machines/review.ts";
import { rigDeadline } from "../../../src/machines/rig.ts";
import { take } from "../../../src/core/fold.ts";
import { restore, type AnySnapshot, type Kind, type Stored } from "../../../src/core/step.ts";
import { actorKey, createWorld, put, singlesOf, type World } from "../../../src/core/world.ts";

/** The rig's world in the browser: the same machines as in the rig, stepped by the same facts. */

/** What is stored of a world at one seq. */
export interface Moment {
  readonly seq: number;
  readonly at: number;
  readonly actors: readonly BoardActor[];
  readonly broken?: readonly (readonly [string, string])[];
}

/** Actors whose row cannot be read are left out and marked as broken; the others are not lost for them. */
export function worldOf(moment: Moment): World {
  const world = createWorld();
  world.seq = moment.seq;
  world.at = moment.at;
  for (const [key, error] of moment.broken ?? []) world.broken.set(key, error);
  addTo(world, moment.actors);
  return world;
}

/** Puts stored actors into a world. */
export function addTo(world: World, actors: readonly BoardActor[]): void {
  for (const { kind, id, v, value, context, error } of actors) {
    if (error !== null) world.broken.set(actorKey(kind, id), error);
    try {
      put(world, kind, id, restore(kind, { v, value, context } as Stored) as never);
    } catch (thrown) {
      world.broken.set(actorKey(kind, id), messageOf(thrown));
    }
  }
}

/** Steps the world by one recorded fact, as the rig did. What follows from it was recorded too, and arrives by itself. */
export function advance(world: World, fact: Recorded): void {
  world.seq = fact.seq;
  world.at = Math.max(world.at, fact.at);
  take(world, fact);
}

/** The next time (ms) at which time itself may move the actor, or null. */
export function deadlineOf(world: World, kind: Kind, snapshot: AnySnapshot, now: number): number | null {
  const { settings } = world.rig.context;
  switch (kind) {
    case "agent":
      return agentDeadline(snapshot as never, settings);
    case "bead":
      return beadDeadline(snapshot as never, now);
    case "review":
      return reviewDeadline(snapshot as never, settings);
    case "queue":
      return queueDeadline(snapshot as never);
    case "budget":
      return budgetDeadline(snapshot as never, settings);
    case "accounts":
      return accountsDeadline(snapshot as never, settings);
    case "rig":
      return rigDeadline(snapshot as never);
  }
}

export function* allActors(world: World): Generator<{ kind: Kind; id: string; snapshot: AnySnapshot }> {
  yield { kind: "rig", id: "rig", snapshot: world.rig };
  for (const [id, snapshot] of world.agents) yield { kind: "agent", id, snapshot };
  for (const [id, snapshot] of world.beads) yield { kind: "bead", id, snapshot };
  for (const [id, snapshot] of world.reviews) yield { kind: "review", id, snapshot };
  for (const [kind, snapshot] of singlesOf(world)) yield { kind, id: kind, snapshot };
}
