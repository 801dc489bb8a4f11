import { createHash } from "node:crypto";
import type { InspectOrder } from "../../src/do/ports.ts";
import type { Capabilities, InspectAnswer } from "../../src/wire/container.ts";
import type { Random } from "./random.ts";
import type { SimRig } from "./stage.ts";
import type { Simulation } from "./requests.ts";

/** How a town looks at what is handed in. */
export interface Inspection {
  /** Some towns look at it, others are old and cannot. */
  readonly can: Capabilities | null;
  inspect(rig: SimRig, order: InspectOrder): InspectAnswer;
}

const RUNS_TRAINS: Capabilities = { inspect: true, ephemeral: false, trains: true };

function canOf({ options }: Simulation, luck: Random): Capabilities | null {
  if (options.old === true) return null;
  if (options.trains === true) return RUNS_TRAINS;
  return luck.chance(0.6) ? { inspect: true, ephemeral: false } : null;
}

export function inspection(sim: Simulation, luck: Random): Inspection {
  /** Commits that were handed in and kept, by branch. They outlive an eviction. */
  const pinned = new Map<string, string>();
  return {
    can: canOf(sim, luck),

    inspect(rig, { branch, resolution, asIs }) {
      const kept = pinned.get(branch);
      const commit = asIs ?? kept ?? createHash("sha1").update(`${branch} ${pinned.size}`).digest("hex");
      const seen = sim.has("agents") ? luck.weighted({ accepted: 80, refused: 17, lost: 3 }) : "accepted";
      // What was accepted once is kept, and is accepted again.
      if (kept === undefined && asIs === null) {
        if (resolution === "no_change") return { result: "no_change" };
        if (seen === "lost") return { result: "lost", sentence: "the clone is gone" };
        if (seen === "refused") {
          const code = luck.chance(0.5) ? "dirty" : "no_commits";
          return { result: "refused", code, sentence: "look at it.", commit: code === "dirty" ? commit : null };
        }
      }
      pinned.set(branch, commit);
      rig.repository.branches.add(branch);
      return { result: "accepted", branch, commit, base: null, ahead: 1, files: 1, deletions: 0 };
    },
  };
}
