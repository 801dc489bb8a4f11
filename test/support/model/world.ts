import type { Fact } from "../../../src/events/facts.ts";
import { fold, type Entry } from "../../../src/machines/fold.ts";
import { createWorld, type World } from "../../../src/machines/world.ts";

/** One commit: facts and when they were told, ms. */
export interface Move {
  readonly type: string;
  readonly facts: readonly Fact[];
  readonly at: number;
}

export const move = (at: number, ...facts: Fact[]): Move => ({ type: facts.map((fact) => fact.type).join("+"), facts, at });

/** A copy that may be folded on without a trace in the original. Snapshots never change, so they are shared. */
export function copyWorld(world: World): World {
  const { index } = world;
  return {
    ...world,
    agents: new Map(world.agents),
    beads: new Map(world.beads),
    reviews: new Map(world.reviews),
    broken: new Map(world.broken),
    index: {
      free: new Set(index.free),
      due: new Set(index.due),
      slots: new Set(index.slots),
      active: new Set(index.active),
      ready: new Set(index.ready),
      queued: new Set(index.queued),
      merging: new Set(index.merging),
      hooks: new Map(index.hooks),
      dependents: new Map(Array.from(index.dependents, ([id, beads]) => [id, new Set(beads)])),
      identities: new Map(index.identities),
    },
  };
}

export interface Taken {
  readonly world: World;
  readonly entries: readonly Entry[];
}

/** What comes of a move; the world before it stays as it is. */
export function take(before: World, { facts, at }: Move): Taken {
  const world = copyWorld(before);
  const { entries } = fold(world, facts, at);
  return { world, entries };
}

export const worldAfter = (moves: readonly Move[]): World => moves.reduce((world, one) => take(world, one).world, createWorld());
