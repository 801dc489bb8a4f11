import type { Fact } from "../../../src/events/facts.ts";
import { inScope } from "../../../src/machines/event.ts";
import { route } from "../../../src/core/route.ts";
import type { AnySnapshot, Kind } from "../../../src/core/step.ts";
import { get, type World } from "../../../src/core/world.ts";
import { walk } from "../graph.ts";
import { exercise } from "./coverage.ts";
import { take, worldAfter, type Move, type Taken } from "./world.ts";

/** A model of what may happen to one actor, or to a whole rig. */
export interface Model {
  readonly name: string;
  /** The actor whose chart is to be covered. */
  readonly kind: Kind;
  readonly id: string;
  /** What was before: makes the actor, sets small limits. */
  readonly seeds: readonly Move[];
  /** Representative facts for a state: on both sides of every guard. */
  moves(world: World): readonly Move[];
  /** What guards can see of the state, with times only as before or after a deadline. */
  key(world: World): string;
}

/** Facts that lead somewhere, from an empty rig on. The key is the state in which the path ends. */
export interface Path {
  readonly model: string;
  readonly kind: Kind;
  readonly id: string;
  readonly moves: readonly Move[];
  readonly key: string;
}

export interface Explored {
  readonly model: Model;
  /** Reachable states that the model tells apart. */
  readonly states: number;
  /** What may happen in them, all in all. */
  readonly steps: number;
  readonly paths: readonly Path[];
  readonly exercised: {
    readonly states: ReadonlySet<string>;
    readonly transitions: ReadonlySet<string>;
    readonly guards: ReadonlySet<string>;
  };
}

/**
 * The shortest path to every state, and one to each step that takes a transition, answers a guard or is ignored in a way
 * that no path before it does. A path that is the beginning of another is left out.
 */
export function explore(model: Model): Explored {
  const start: Taken = { world: worldAfter(model.seeds), entries: [] };
  const befores = new WeakMap<Taken, World>();
  const { ways, edges } = walk<Taken, Move>({
    start,
    next: (state, event) => {
      const taken = take(state.world, event);
      befores.set(taken, state.world);
      return taken;
    },
    events: (state) => (get(state.world, model.kind, model.id) === undefined ? [] : model.moves(state.world)),
    key: (state) => model.key(state.world),
  });

  const exercised = { states: new Set<string>(), transitions: new Set<string>(), guards: new Set<string>() };
  const chosen = new Map<string, Path>();
  const choose = (moves: readonly Move[], key: string): void => {
    chosen.set(JSON.stringify(moves), {
      model: model.name,
      kind: model.kind,
      id: model.id,
      moves: [...model.seeds, ...moves],
      key,
    });
  };
  for (const [key, moves] of ways) choose(moves, key);
  const ignored = new Set<string>();
  for (const { from, event, after, to } of edges) {
    const before = befores.get(after);
    if (before === undefined) continue;
    let isNews = false;
    for (const seen of exercisedBy(model, before, event, after)) {
      for (const part of ["states", "transitions", "guards"] as const) {
        for (const one of seen[part]) {
          if (exercised[part].has(one)) continue;
          exercised[part].add(one);
          isNews = true;
        }
      }
      if (seen.transitions.length === 0) {
        const key = `${event.type} in ${JSON.stringify(get(before, model.kind, model.id)?.value)}`;
        isNews ||= !ignored.has(key);
        ignored.add(key);
      }
    }
    if (isNews) choose([...(ways.get(from) ?? []), event], to);
  }
  return { model, states: ways.size, steps: edges.length, paths: endsOnly([...chosen.values()]), exercised };
}

/** Without the paths that are only the way to another, one move shorter. */
export function endsOnly(paths: readonly Path[]): Path[] {
  const beginnings = new Set(paths.map((path) => JSON.stringify(path.moves.slice(0, -1))));
  return paths.filter((path) => !beginnings.has(JSON.stringify(path.moves)));
}

/** What the facts of one commit, derived ones included, exercised of the model's actor. */
function exercisedBy(
  { kind, id }: Model,
  before: World,
  { facts }: Move,
  { world, entries }: Taken,
): ReturnType<typeof exercise>[] {
  const seen: ReturnType<typeof exercise>[] = [];
  let snapshot: AnySnapshot | undefined = get(before, kind, id);
  // A TICK that changed nothing leaves no entry; it was taken all the same.
  const told =
    entries.length > 0
      ? entries.map((entry) => entry.fact)
      : facts.map((fact) => ({ ...fact, seq: world.seq + 1, at: world.at, cause: null }));
  for (const fact of told) {
    if (snapshot === undefined || !isRouted(before, fact, kind, id)) continue;
    const event = inScope(fact, world.rig.context);
    const one = exercise(kind, snapshot, event);
    seen.push(one);
    snapshot = one.after;
  }
  return seen;
}

/** A fact that goes to all actors of a kind goes to this one, whatever the indexes say of it by now. */
const isRouted = (world: World, fact: Fact, kind: Kind, id: string): boolean =>
  (fact.type === "TICK" && kind !== "bead") ||
  route(world, fact).some((target) => target.kind === kind && target.id === id);
