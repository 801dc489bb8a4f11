/** What an agent's clone is for, and whether it is complete: a clone without a mark that says so is absent. */
import { readFileSync } from "node:fs";
import * as z from "zod";
import { writePrivateJson } from "../files.ts";
import { noteStep } from "../processes/exec.ts";

const CloneState = z.object({
  version: z.literal(1),
  /**
   * making: git is, or was, at work in the folder, and nothing in it is anybody's work. ready: handed out to an agent.
   * spent: what its agent left was taken out of it, so its files are worth nothing.
   */
  phase: z.enum(["making", "ready", "spent"]),
  /** Under which name leftovers of this work are kept. */
  key: z.string(),
  branch: z.string(),
  /** The commit that was checked out when the branch was handed out. */
  base: z.string(),
  dispatchId: z.string().nullable(),
  /** The leftover that lies in the clone again. */
  gaveBack: z.string().nullable(),
  /** Untracked files and folders that were there when the dispatch began: they are not forgotten work of its. */
  untracked: z.array(z.string()),
  /** The digest of the setup that was completed in it. */
  setup: z.string().optional(),
  /** What its dispatch was kept in, in words. */
  box: z.string().optional(),
  /** What was accepted last, so that the same question gets the same answer. */
  handedIn: z.object({ dispatchId: z.string(), commit: z.string() }).optional(),
});
export type CloneState = z.infer<typeof CloneState>;

/** null: there is none, or it was cut off; either way the clone is absent. */
export function readState(file: string): CloneState | null {
  try {
    return CloneState.safeParse(JSON.parse(readFileSync(file, "utf8"))).data ?? null;
  } catch {
    return null;
  }
}

export function writeState(file: string, state: CloneState): void {
  noteStep({ what: `mark ${state.phase}`, phase: "begun" });
  writePrivateJson(file, state);
  noteStep({ what: `mark ${state.phase}`, phase: "done" });
}

/** Leftovers belong to a bead. A rig that does not name it is known by the branch, which by default is named after it. */
export function leftoverKeyOf(beadId: string | undefined, branch: string): string {
  return beadId ?? branch.replace(/^ticktown\//, "");
}
