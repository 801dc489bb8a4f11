import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { afterEach, expect, inject, test, vi } from "vitest";
import { commit } from "../../src/do/commit.ts";
import { replaySync } from "../../src/core/replay.ts";
import { openRig, type Rig } from "../../src/do/rig.ts";
import type { RigDO } from "../../src/do/rig-do.ts";
import { journalOf, storedActors } from "../../src/do/store.ts";
import { store, type AnySnapshot } from "../../src/core/step.ts";
import { createWorld, get } from "../../src/core/world.ts";
import { exploreAll, type Path } from "../support/paths.ts";
import { take } from "../support/model/world.ts";

/** The paths that are generated from the charts, driven through the real object in workerd, with the pure core beside it. */

const AT_ONCE = 8;

declare module "vitest" {
  interface ProvidedContext {
    everyPath: number;
  }
}

afterEach(() => {
  vi.useRealTimers();
});

const told = (snapshot: AnySnapshot | undefined): string =>
  snapshot === undefined ? "gone" : JSON.stringify(store("rig", snapshot));

/** Null, or the first difference between the object and the pure core. */
async function drive(path: Path, name: string): Promise<string | null> {
  const stub = env.RIG.get(env.RIG.idFromName(name));
  return runInDurableObject(stub as never, (instance: RigDO) => {
    const rig = instance.rig as Rig;
    // The container's answers are facts of the path, so nothing is sent.
    Object.assign(rig, { outbox: { ...rig.outbox, settle: () => Promise.resolve() } });
    let world = createWorld();
    const story: string[] = [];
    for (const move of path.moves) {
      story.push(`${move.type} @${move.at}`);
      Object.assign(rig.ports, { now: () => move.at });
      // Time in which it was awake: a path has a jump of the clock only where it says so.
      rig.clock.awakeAt = move.at;
      commit(rig, move.facts);
      world = take(world, move).world;
      const expected = told(get(world, path.kind, path.id));
      const actual = told(get(rig.world, path.kind, path.id));
      if (expected !== actual) return `${path.model}: after ${story.join(", ")}: expected ${expected}, got ${actual}`;
    }
    const { divergence } = replaySync(journalOf(rig), storedActors(rig.ports.sql));
    if (divergence !== null)
      return `${path.model}: after ${story.join(", ")}: the replay differs at ${divergence.seq}: expected ${divergence.expected}, got ${divergence.actual}`;
    const reopened = openRig(rig.ports);
    return told(get(reopened.world, path.kind, path.id)) === told(get(world, path.kind, path.id))
      ? null
      : `${path.model}: after ${story.join(", ")}: another state after reopening`;
  });
}

test("a generated path moves the real object and the pure core alike, and replays", async () => {
  const every = inject("everyPath");
  const paths = exploreAll().flatMap(({ paths: found }) => found.filter((_, n) => n % every === 0));
  expect(paths.length).toBeGreaterThan(100);
  const differences: string[] = [];
  for (let i = 0; i < paths.length; i += AT_ONCE) {
    const found = await Promise.all(paths.slice(i, i + AT_ONCE).map((path, j) => drive(path, `path-${i + j}`)));
    differences.push(...found.filter((difference) => difference !== null));
  }
  console.log(`${paths.length} paths of ${paths.reduce((sum, path) => sum + path.moves.length, 0)} commits in workerd`);
  expect(differences.slice(0, 5)).toEqual([]);
}, 600_000);
