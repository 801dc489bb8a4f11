import { replaySync } from "../../../src/core/replay.ts";
import { readJournal, storedActors } from "../../../src/do/store.ts";
import { store, type AnySnapshot, type Kind } from "../../../src/core/step.ts";
import { actorKey, createWorld, get, type World } from "../../../src/core/world.ts";
import type { Path } from "../../support/model/explore.ts";
import { take } from "../../support/model/world.ts";
import { testRig, type TestRig } from "../../support/node-rig.ts";

/** The first thing in which a rig on a real database and the pure core differ, or null. */
export type Difference = { readonly after: string; readonly expected: string; readonly actual: string } | null;

/**
 * Drives a rig on SQLite along a path, and the pure core beside it. After each commit both have the same actor; at the end
 * they have the same actors, the rows say so, the rig opened from them does, and so does a replay of its journal.
 */
export function drive(path: Path): Difference {
  const town = testRig({ configured: false });
  // The container's answers are facts of the path, so nothing is sent.
  Object.assign(town.rig, { outbox: { ...town.rig.outbox, settle: () => Promise.resolve() } });
  try {
    let world = createWorld();
    for (const [i, move] of path.moves.entries()) {
      town.now = move.at;
      town.tell(...move.facts);
      world = take(world, move).world;
      const expected = told(get(world, path.kind, path.id));
      const actual = told(get(town.rig.world, path.kind, path.id));
      if (expected !== actual) return { after: story(path, i), expected, actual };
    }
    return differenceAtEnd(path, town, world);
  } finally {
    town.close();
  }
}

function differenceAtEnd(path: Path, town: TestRig, world: World): Difference {
  const after = story(path, path.moves.length - 1);
  const { divergence } = replaySync(readJournal(town.rig.ports.sql, 0, 10_000), storedActors(town.rig.ports.sql));
  if (divergence !== null)
    return { after: `${after}; replayed`, expected: divergence.expected, actual: divergence.actual };
  town.reopen();
  for (const [kind, id, expected] of actorsOf(world)) {
    const actual = told(get(town.rig.world, kind, id));
    if (told(expected) !== actual)
      return { after: `${after}; reopened: ${actorKey(kind, id)}`, expected: told(expected), actual };
  }
  return null;
}

function* actorsOf(world: World): Generator<readonly [Kind, string, AnySnapshot]> {
  yield ["rig", "rig", world.rig];
  for (const [id, agent] of world.agents) yield ["agent", id, agent];
  for (const [id, bead] of world.beads) yield ["bead", id, bead];
  for (const [id, review] of world.reviews) yield ["review", id, review];
  if (world.queue !== undefined) yield ["queue", "queue", world.queue];
}

const told = (snapshot: AnySnapshot | undefined): string =>
  snapshot === undefined ? "gone" : JSON.stringify(store("rig", snapshot), inOrder);

/** What went through a row has lost the fields that hold nothing, and with them their places. */
const inOrder = (_: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

/** The facts up to a move, for a message. */
export const story = ({ model, moves }: Path, last: number): string =>
  `${model}: ${moves
    .slice(0, last + 1)
    .map(({ type, at }) => `${type} @${at - (moves[0]?.at ?? 0)}`)
    .join(", ")}`;
