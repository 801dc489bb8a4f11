import { restore, store, type AnySnapshot, type Kind } from "./step.ts";
import { actorKey, createWorld, put, singlesOf, type World } from "./world.ts";

/** The state of every actor as rows: what is stored, what an export carries, and from which a fold goes on. */

/** One actor as it is stored, or was. */
export interface StoredActor {
  readonly kind: Kind;
  readonly id: string;
  readonly v: number;
  /** JSON. */
  readonly value: string;
  /** JSON. */
  readonly context: string;
  /** What damaged it, or null. */
  readonly error: string | null;
}

/** Every actor of the world, the rig first. */
export function* actors(world: World): Generator<{ kind: Kind; id: string; snapshot: AnySnapshot }> {
  yield { kind: "rig", id: "rig", snapshot: world.rig };
  for (const [id, snapshot] of world.agents) yield { kind: "agent", id, snapshot };
  for (const [id, snapshot] of world.beads) yield { kind: "bead", id, snapshot };
  for (const [id, snapshot] of world.reviews) yield { kind: "review", id, snapshot };
  for (const [kind, snapshot] of singlesOf(world)) yield { kind, id: kind, snapshot };
}

/** An actor as its row says it. */
export function stored(kind: Kind, id: string, snapshot: AnySnapshot, error: string | null): StoredActor {
  const { v, value, context } = store(kind, snapshot);
  return { kind, id, v, value: JSON.stringify(value), context: JSON.stringify(context), error };
}

/** One actor of the world. */
export function held(world: World, kind: Kind, id: string): AnySnapshot | undefined {
  switch (kind) {
    case "rig":
      return world.rig;
    case "agent":
      return world.agents.get(id);
    case "bead":
      return world.beads.get(id);
    case "review":
      return world.reviews.get(id);
    case "queue":
    case "budget":
    case "accounts":
      return world[kind];
  }
}

/** A cut: everything that is needed to go on folding without what came before it. */
export interface Cut {
  readonly seq: number;
  readonly at: number;
  readonly actors: readonly StoredActor[];
  /** Damaged actors that have no readable state. */
  readonly broken: readonly (readonly [string, string])[];
}

/** Every actor's state as it would be stored now, in the order in which rows are read back. */
export function cut(world: World): Cut {
  const seqOf = ({ kind, snapshot }: { kind: Kind; snapshot: AnySnapshot }) =>
    kind === "rig" ? 0 : (snapshot.context as { seq: number }).seq;
  const sorted = [...actors(world)].sort((a, b) => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : seqOf(a) - seqOf(b)));
  return {
    seq: world.seq,
    at: world.at,
    actors: sorted.map(({ kind, id, snapshot }) =>
      stored(kind, id, snapshot, world.broken.get(actorKey(kind, id)) ?? null),
    ),
    broken: [...world.broken],
  };
}

/** The world of a cut. @throws when a row is not one of today's machines and no migration leads there. */
export function resume(from: Cut): World {
  const world = createWorld();
  world.seq = from.seq;
  world.at = from.at;
  for (const [key, error] of from.broken) world.broken.set(key, error);
  for (const row of from.actors)
    put(
      world,
      row.kind,
      row.id,
      restore(row.kind, { v: row.v, value: JSON.parse(row.value), context: JSON.parse(row.context) }) as never,
    );
  return world;
}
