/** What the rig keeps of trains: who is on one, and what earlier ones told. */
import * as z from "zod";
import { id, ms } from "./fields.ts";
import { sha } from "./hand-in.ts";

/** As many as any setting of `train_max` allows. */
export const TRAIN_MEMBERS_MAX = 64;

/** A review on a train, and the claim that it is on it by. */
export const Boarded = z.object({ reviewId: id, claim: ms });
export type Boarded = Readonly<z.infer<typeof Boarded>>;

/** What earlier trains told; each report brings it anew. */
export const Knowledge = z.object({
  /** Reviews of which one at least was seen red and is not found yet, in the order in which they were stacked. */
  suspects: z.array(id).max(TRAIN_MEMBERS_MAX),
  /** A suspect that was red on its own, on what was green: only its repetition can convict it. */
  once: id.nullable(),
  /** The commit of the target that is known to be green, or null. */
  green: sha.nullable(),
  /** The commit that the target had when it was last seen; null: never seen. */
  target: sha.nullable(),
  /** Reviews that were red and then green on what was the same: told in their receipt. */
  flaky: z.array(id).max(1_000),
  /** Reviews that got onto the target, and those that were sent back red; the older half counts for less. */
  good: z.number().min(0),
  bad: z.number().min(0),
});
type Known = z.infer<typeof Knowledge>;
export interface Knowledge extends Readonly<Omit<Known, "suspects" | "flaky">> {
  readonly suspects: readonly string[];
  readonly flaky: readonly string[];
}

export const NOTHING_KNOWN: Knowledge = {
  suspects: [],
  once: null,
  green: null,
  target: null,
  flaky: [],
  good: 0,
  bad: 0,
};

/**
 * What stopped a train, and whose fault that is: nobody's work's. `place`: nothing can be pushed until somebody mends it. `target`: the
 * target itself is red. `passing`: it goes by. `container`: there is none that runs trains, and this rig needs one.
 */
export const StopClass = z.enum(["place", "target", "passing", "container"]);
export type StopClass = z.infer<typeof StopClass>;
