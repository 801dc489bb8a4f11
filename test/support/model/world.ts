import type { Fact } from "../../../src/events/facts.ts";
import { fold, type Entry } from "../../../src/core/fold.ts";
import { copyWorld, createWorld, type World } from "../../../src/core/world.ts";

/** One commit: facts and when they were told, ms. */
export interface Move {
  readonly type: string;
  readonly facts: readonly Fact[];
  readonly at: number;
}

export const move = (at: number, ...facts: Fact[]): Move => ({
  type: facts.map((fact) => fact.type).join("+"),
  facts,
  at,
});

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

export const worldAfter = (moves: readonly Move[]): World =>
  moves.reduce((world, one) => take(world, one).world, createWorld());
