import type { BeadMoney } from "../spend.ts";
import { clip, type BeadType, type Priority } from "../../events/facts.ts";
import type { BeadId } from "../../events/dispatch-id.ts";
import type { RefusalCode } from "../../events/refusal-code.ts";
import type { MachineEvent } from "../event.ts";

/** What a bead remembers. */
export interface BeadContext extends BeadMoney {
  readonly id: BeadId;
  readonly seq: number;
  readonly type: BeadType;
  readonly priority: Priority;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly closedAt: number | null;
  readonly convoyId: string | null;
  /** The agent it is hooked to, or was last hooked to once it is in review. */
  readonly assignee: string | null;
  /** Blockers that are not closed yet; ready means none is left. */
  readonly blockedBy: readonly string[];
  /** Not dispatched before this. */
  readonly deferUntil: number | null;
  /** Crashes charged since the last proven progress. Lives here, so that it survives re-hooks. */
  readonly attempts: number;
  /** Where its work is; a rework goes on there. */
  readonly branch: string | null;
  /** Rework dispatches after a merge conflict. */
  readonly reworks: number;
  readonly reviewId: string | null;
  readonly commitSha: string | null;
  /** Refused hand-ins in a row, and what was said last; absent while there are none. */
  readonly refusals?: number | undefined;
  readonly refusal?: { readonly code: RefusalCode; readonly sentence: string } | undefined;
  /** Closed without a merge: there was nothing to change. */
  readonly resolution?: "no_change" | undefined;
  /** The check that its work was sent back for last, and its last lines; absent where none was. */
  readonly rejection?: { readonly check: string; readonly words: string } | undefined;
  /** A person wants it no more: told apart from what failed. */
  readonly cancelled?: true | undefined;
  /** Who wanted it no more while it was being merged, which nobody can take back; absent: nobody. */
  readonly cancelAsked?: string | undefined;
  /** Those of its blockers that have failed, or wait themselves for one that has. Absent while there are none. */
  readonly stuckBy?: readonly string[] | undefined;
  /** The escalation that was made of its failure, by whoever saw it. */
  readonly escalation?: string | undefined;
  /** Who has it in hand without an agent of the rig. */
  readonly byHand?: string | undefined;
  /** It is not dispatched before somebody puts it on an agent's hook. */
  readonly hold?: true | undefined;
  /** Which agent program and which model shall work on it; absent: as its role and its rig say. */
  readonly runtime?: string | undefined;
  readonly model?: string | undefined;
  /** An agent that is busy without progress for longer is stopped, ms. */
  readonly expectMs?: number;
  /** By what its attempts were reset so far: by checkpoints alone, and at which commit last. Absent before the first time. */
  readonly resets?: { readonly notes: number; readonly head: string | null };
  /** Why it failed. */
  readonly reason: string | null;
}

/** What a person reads of a failed bead. */
export function whyFailed(event: MachineEvent, attempts: number): string {
  switch (event.type) {
    case "bead.failed":
      return event.reason;
    case "bead.conflicted":
      return clip(`conflict again after rework: ${event.message}`);
    case "bead.rejected":
      return clip(`red again after its rework: ${event.check}: ${event.words}`);
    case "bead.cancelled":
      return `cancelled by ${event.by}`;
    case "bead.status_set":
      return `set to failed by ${event.by}`;
    default:
      return `${attempts} attempts used up`;
  }
}
