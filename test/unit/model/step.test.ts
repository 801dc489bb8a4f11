import { array, assert, nat, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { transition } from "xstate";
import { inScope, type MachineEvent } from "../../../src/machines/event.ts";
import { route } from "../../../src/core/route.ts";
import { emitted, MACHINES, step, type AnySnapshot, type Kind } from "../../../src/core/step.ts";
import { createWorld, get, type World } from "../../../src/core/world.ts";
import type { Model } from "../../support/model/explore.ts";
import { take, worldAfter, type Move } from "../../support/model/world.ts";
import { exploreAll } from "../../support/explored.ts";
import { MODELS } from "../../support/paths.ts";

/** `step` reuses one inert scope; xstate's own `transition` is the reference. */

interface Told {
  readonly kind: Kind;
  readonly before: AnySnapshot;
  readonly event: MachineEvent;
}

/** What each actor is told by a move, derived facts included. Snapshots advance by `transition`, the reference. */
function* toldBy(world: World, move: Move): Generator<Told> {
  const { entries, world: after } = take(world, move);
  const now = new Map<string, AnySnapshot>();
  for (const { fact } of entries) {
    const event = inScope(fact, after.rig.context);
    for (const { kind, id } of route(world, fact)) {
      const before = now.get(`${kind}:${id}`) ?? get(world, kind, id);
      if (before === undefined) continue;
      yield { kind, before, event };
      now.set(`${kind}:${id}`, reference({ kind, before, event })[0] as AnySnapshot);
    }
  }
}

const reference = ({ kind, before, event }: Told) =>
  transition(MACHINES[kind] as never, before as never, event as never);

/** Null when both agree; otherwise what they say. */
function disagreement(told: Told): string | null {
  const { kind, before, event } = told;
  const is = step(kind, before as never, event);
  const [next, actions] = reference(told);
  const should = JSON.stringify([(next as AnySnapshot).value, (next as AnySnapshot).context, actions.flatMap(emitted)]);
  const actual = JSON.stringify([is.snapshot.value, is.snapshot.context, is.emissions]);
  return actual === should ? null : `${event.type} of ${JSON.stringify(before.value)}: ${actual} instead of ${should}`;
}

/** Null unless a fact that takes no transition makes a new snapshot, or an unchanged snapshot loses something that was said. */
function unquiet({ kind, before, event }: Told): string | null {
  const { snapshot, emissions } = step(kind, before as never, event);
  const takes = (before as { can(event: unknown): boolean }).can(event);
  if (!takes && (snapshot !== before || emissions.length > 0))
    return `${event.type} is ignored in ${JSON.stringify(before.value)}, but makes a new snapshot`;
  return null;
}

describe.each(MODELS.map((model, i) => ({ name: model.name, model, i })))("$name", ({ model, i }) => {
  test("step and xstate's transition agree on every generated path, in snapshots and in what is said", () => {
    for (const { moves } of exploreAll()[i]?.paths ?? []) {
      let world = createWorld();
      for (const move of moves) {
        // The way to the last move is a path of its own, or the beginning of one.
        if (move === moves.at(-1)) for (const told of toldBy(world, move)) expect(disagreement(told)).toBe(null);
        world = take(world, move).world;
      }
    }
  });

  test("they agree on random logs", () => {
    assert(
      property(array(nat(10_000), { maxLength: 30 }), nat(3_600_000), (choices, late_ms) => {
        for (const told of wander(model, choices, late_ms)) expect(disagreement(told)).toBe(null);
      }),
      { numRuns: 60 },
    );
  });

  test("a fact that is ignored gives back the same snapshot", () => {
    assert(
      property(array(nat(10_000), { maxLength: 30 }), nat(3_600_000), (choices, late_ms) => {
        for (const told of wander(model, choices, late_ms)) expect(unquiet(told)).toBe(null);
      }),
      { numRuns: 60 },
    );
  });
});

/** A walk that lets chance choose among what may happen, and be late. */
function* wander(model: Model, choices: readonly number[], late_ms: number): Generator<Told> {
  let world = worldAfter(model.seeds);
  for (const choice of choices) {
    if (get(world, model.kind, model.id) === undefined) return;
    const moves = model.moves(world);
    const chosen = moves[choice % moves.length];
    if (chosen === undefined) return;
    const move = { ...chosen, at: chosen.at + (choice % 3 === 0 ? late_ms : 0) };
    yield* toldBy(world, move);
    world = take(world, move).world;
  }
}
