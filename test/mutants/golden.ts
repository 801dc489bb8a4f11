import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import type { Fact } from "../../src/events/facts.ts";
import { decide } from "../../src/machines/decide.ts";
import { fold } from "../../src/machines/fold.ts";
import { whyAgent, whyBead } from "../../src/machines/why.ts";
import { violations } from "../../src/machines/invariants.ts";
import { store } from "../../src/machines/step.ts";
import { begin, commit, createWorld } from "../../src/machines/world.ts";

/**
 * The generated paths with what came of them: every reachable state, every transition and every guard of every chart, as
 * data. A change of behaviour shows as another digest. Recorded anew with `node test/mutants/record.ts` when a chart
 * changes on purpose.
 */
export interface GoldenPath {
  readonly moves: readonly { readonly at: number; readonly facts: readonly Fact[] }[];
  /** Digest of everything that the path made: entries, effects, states, reasons. */
  readonly digest: string;
}

const FILE = new URL("../golden/paths.json.gz", import.meta.url);

/** Folds a path and digests whatever can be seen of it. */
export function digestOf(moves: GoldenPath["moves"]): string {
  const hash = createHash("sha256");
  const world = createWorld();
  for (const { at, facts } of moves) {
    begin(world);
    const folded = fold(world, facts, at);
    hash.update(JSON.stringify(folded.entries));
    commit(world, folded.changed.values());
    hash.update(JSON.stringify(store("rig", world.rig)));
    for (const agent of world.agents.values()) hash.update(JSON.stringify([store("agent", agent), whyAgent(world, agent)]));
    for (const bead of world.beads.values()) hash.update(JSON.stringify([store("bead", bead), whyBead(world, bead)]));
    for (const review of world.reviews.values()) hash.update(JSON.stringify(store("review", review)));
    hash.update(JSON.stringify(violations(world).map(({ rule, actor }) => [rule, actor])));
    for (const agentId of world.agents.keys()) {
      for (const command of [{ type: "done", agentId, branch: "b", prUrl: null, summary: null }, { type: "unhook", agentId }, { type: "answer", agentId, answer: "yes" }, { type: "heard", agentId, dispatchId: null }, { type: "progressed", agentId, what: "w" }] as const) {
        hash.update(JSON.stringify(decide(world, command, { at, caller: { id: agentId, dispatchId: null }, newId: (kind) => kind, undeliveredMail: () => 0, openBeads: () => 0 })));
      }
    }
  }
  return hash.digest("hex").slice(0, 16);
}

export const readGoldenPaths = (): GoldenPath[] => JSON.parse(gunzipSync(readFileSync(FILE)).toString()) as GoldenPath[];

export function writeGoldenPaths(paths: readonly GoldenPath[]): void {
  writeFileSync(FILE, gzipSync(JSON.stringify(paths), { level: 9 }));
}
