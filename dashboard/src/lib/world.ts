import type { BoardActor } from "../../../src/do/board.ts";
import type { Fact, Recorded } from "../../../src/events/facts.ts";
import { agentDeadline } from "../../../src/machines/agent.ts";
import { beadDeadline } from "../../../src/machines/bead.ts";
import type { MachineEvent } from "../../../src/machines/event.ts";
import { revive } from "../../../src/machines/repair.ts";
import { reviewDeadline } from "../../../src/machines/review.ts";
import { rigDeadline } from "../../../src/machines/rig.ts";
import { route, type Target } from "../../../src/machines/route.ts";
import { initial, restore, step, type AnySnapshot, type Kind, type Stored } from "../../../src/machines/step.ts";
import { actorKey, createWorld, get, put, type World } from "../../../src/machines/world.ts";

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
  for (const { kind, id, v, value, context, error } of moment.actors) {
    if (error !== null) world.broken.set(actorKey(kind, id), error);
    try {
      put(world, kind, id, restore(kind, { v, value, context } as Stored) as never);
    } catch (thrown) {
      world.broken.set(actorKey(kind, id), thrown instanceof Error ? thrown.message : String(thrown));
    }
  }
  return world;
}

/** Steps the world by one recorded fact. What follows from it was recorded too, and arrives by itself. */
export function advance(world: World, fact: Recorded): void {
  world.seq = fact.seq;
  world.at = Math.max(world.at, fact.at);
  const event = { ...fact, settings: world.rig.context.settings } as MachineEvent;
  if (fact.type === "actor.quarantined") world.broken.set(actorKey(fact.kind, fact.id), fact.error);
  if (fact.type === "actor.repaired") revive(world, fact);
  for (const { kind, id } of route(world, fact)) {
    if (world.broken.has(actorKey(kind, id))) continue;
    const before = get(world, kind, id) as AnySnapshot | undefined;
    if (before === undefined) {
      if (makes(fact, kind)) put(world, kind, id, initial(kind, event) as never);
      continue;
    }
    try {
      const { snapshot } = step(kind, before as never, event);
      if (snapshot !== before) put(world, kind, id, snapshot as never);
    } catch {
      // The rig met the same error and quarantines the actor with the next fact.
    }
    if (removes(fact, kind)) put(world, kind, id, undefined as never);
  }
}

const makes = (fact: Fact, kind: Target["kind"]): boolean =>
  (fact.type === "agent.registered" && kind === "agent") || (fact.type === "bead.created" && kind === "bead") || (fact.type === "review.opened" && kind === "review");
const removes = (fact: Fact, kind: Target["kind"]): boolean => (fact.type === "agent.deleted" && kind === "agent") || (fact.type === "bead.deleted" && kind === "bead");

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
    case "rig":
      return rigDeadline(snapshot as never);
  }
}

export function* allActors(world: World): Generator<{ kind: Kind; id: string; snapshot: AnySnapshot }> {
  yield { kind: "rig", id: "rig", snapshot: world.rig };
  for (const [id, snapshot] of world.agents) yield { kind: "agent", id, snapshot };
  for (const [id, snapshot] of world.beads) yield { kind: "bead", id, snapshot };
  for (const [id, snapshot] of world.reviews) yield { kind: "review", id, snapshot };
}
