import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { isStoredActor, readLine } from "../../src/core/journal-file.ts";
import { NEWEST_RULES } from "../../src/events/rules.ts";
import type { Fact } from "../../src/events/facts.ts";
import { fold } from "../../src/core/fold.ts";
import type { Kind } from "../../src/core/step.ts";
import { createWorld, type World } from "../../src/core/world.ts";
import { exploreAll } from "../support/paths.ts";
import { writeGoldenPaths, writeShapes, writeSpoils, type GoldenPath } from "./golden.ts";
import { digestOf, shapes, spoilsDigestOf } from "./judge.ts";
import { actorsOf } from "./spoil.ts";

/** Records what every generated path leads to, what the invariants say of spoilt worlds, and the shapes of facts: node test/mutants/record.ts */

type Moves = GoldenPath["moves"];

const paths = exploreAll().flatMap((explored) =>
  explored.paths.map(({ moves }): Moves => moves.map(({ at, facts }) => ({ at, facts }))),
);
writeGoldenPaths(paths.map((moves) => ({ moves, digest: digestOf(moves) })));
console.log(`${paths.length} paths recorded`);

const values = new Map<string, readonly [Kind, unknown]>();
/** One way to every combination of states: what else is different in a world does not matter to an invariant. */
const worlds = new Map<string, Moves>();

for (const moves of paths) {
  const world = createWorld();
  for (const { facts, at } of moves) fold(world, facts, at);
  worlds.set(statesOf(world).sort().join(), moves);
}

function statesOf(world: World): string[] {
  return actorsOf(world).map(([kind, , { value }]) => {
    const name = `${kind} ${JSON.stringify(value)}`;
    values.set(name, [kind, value]);
    return name;
  });
}

// Of each golden journal the commit after which most different things went on at the same time.
const golden = path.join(import.meta.dirname, "../golden");
for (const name of readdirSync(golden).filter((file) => file.endsWith(".ndjson"))) {
  const moves = commitsOf(readFileSync(path.join(golden, name), "utf8"));
  const world = createWorld();
  let [best, most] = [0, 0];
  for (const [i, { facts, at }] of moves.entries()) {
    fold(world, facts, at);
    const variety = new Set(statesOf(world)).size + 3 * world.index.merging.size + Math.min(3, world.index.queued.size);
    if (world.broken.size === 0 && variety > most) [best, most] = [i, variety];
  }
  worlds.set(name, moves.slice(0, best + 1));
}

function commitsOf(journal: string): Moves {
  const commits = new Map<number, { at: number; facts: Fact[] }>();
  for (const text of journal.split("\n").slice(1)) {
    if (text === "") continue;
    const line = readLine(text);
    if (isStoredActor(line)) continue;
    const { fact, batch } = line;
    const commit = commits.get(batch) ?? { at: fact.at, facts: [] };
    commits.set(batch, commit);
    if (fact.cause === null) commit.facts.push(fact);
  }
  return [...commits.values()];
}

const states = [...values.values()];
writeSpoils({
  values: states,
  worlds: Array.from(worlds.values(), (moves) => ({ moves, digest: spoilsDigestOf(moves, states) })),
});
console.log(`${worlds.size} worlds to spoil recorded`);
writeShapes(NEWEST_RULES, shapes());
