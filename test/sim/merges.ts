import type { MergeOrder } from "../../src/do/ports.ts";
import type { Random } from "./random.ts";
import type { Simulation } from "./requests.ts";
import type { SimRig } from "./stage.ts";

/** Single merges of a simulated container: what was asked, what comes of it, and what is told. */

interface Merge {
  verdict: {
    verdict: "merged" | "conflict" | "failed";
    permanent: boolean;
    message: string;
    commitSha: string | null;
  } | null;
}

/** What comes of a merge that does not come to anything. */
const FATES = {
  conflict: { verdict: "conflict", permanent: false, message: "CONFLICT in a.txt" },
  failed: { verdict: "failed", permanent: false, message: "push_rejected" },
  permanent: { verdict: "failed", permanent: true, message: "branch_missing" },
} as const;

export interface Merges {
  merge(rig: SimRig, order: MergeOrder): { kind: "accepted" } | { kind: "refused"; status: number; error: string };
  forget(): void;
}

export function mergesOf(sim: Simulation, luck: Random): Merges {
  const { queue } = sim;
  const merges = new Map<string, Merge>();
  return {
    forget: () => merges.clear(),
    merge(rig, order) {
      const known = merges.get(order.dispatchId);
      const report = (merge: Merge): void => {
        if (merge.verdict === null) return;
        sim.callback(
          rig,
          { type: "complete_review", reviewId: order.entryId, claimId: order.dispatchId, ...merge.verdict },
          { kind: "operator", id: "container", dispatchId: null, scope: "operate" },
          "retried",
          `merge ${order.dispatchId} ${merge.verdict.verdict}`,
        );
      };
      if (known !== undefined) {
        report(known);
        return { kind: "accepted" };
      }
      const fate = sim.has("merge")
        ? luck.weighted({ merged: 78, conflict: 9, failed: 6, permanent: 2, refused: 2, silent: 3 })
        : "merged";
      if (fate === "refused") return { kind: "refused", status: 422, error: "bad branch" };
      const merge: Merge = { verdict: null };
      merges.set(order.dispatchId, merge);
      queue.after(luck.around(20_000), () => {
        if (merges.get(order.dispatchId) !== merge) return;
        const merged = rig.repository.merged.has(order.branch) || fate === "merged" || fate === "silent";
        if (merged) rig.repository.merged.add(order.branch);
        merge.verdict = merged
          ? { verdict: "merged", permanent: false, message: "merged", commitSha: `sha-${order.entryId}` }
          : { ...FATES[fate], commitSha: null };
        if (fate !== "silent") report(merge);
      });
      return { kind: "accepted" };
    },
  };
}
