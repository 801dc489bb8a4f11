import type { AgentId, BeadId, ReviewId } from "../../events/dispatch-id.ts";
import { clip } from "../../events/facts.ts";
import type { MachineEvent } from "../event.ts";

/** What a review remembers. */
export interface ReviewContext {
  readonly id: ReviewId;
  readonly seq: number;
  readonly beadId: BeadId;
  readonly agentId: AgentId;
  readonly branch: string;
  /** Exactly what was handed in; absent where nobody looked. */
  readonly commit?: string | undefined;
  readonly prUrl: string | null;
  readonly summary: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Number of the newest claim; fences the results of older ones. */
  readonly claim: number;
  readonly claimUntil: number | null;
  /** When a merge that is running is asked for again. */
  readonly resendAt: number | null;
  /** Claims that ended without a verdict, or with one that may be better next time. */
  readonly attempts: number;
  /** Merges that could not even be asked for; they only lengthen the wait. */
  readonly unasked: number;
  readonly backoffUntil: number | null;
  readonly message: string | null;
  readonly commitSha: string | null;
  /** The train that it is on, or was last on; absent before the first. */
  readonly train?: number | undefined;
  /** A commit of the target that it takes back, in place of a branch. */
  readonly reverts?: string | undefined;
  /** When a person put it in front of the others, ms. */
  readonly jumpedAt?: number | undefined;
  /** It changes protected files: what a person would approve. */
  readonly protected?: { readonly files: readonly string[]; readonly tree: string } | undefined;
  /** What a person has approved. */
  readonly approvedTree?: string | undefined;
  /** Its branch was handed over: when it is looked for on the target again, ms. */
  readonly lookAt?: number | null | undefined;
  /** Who wanted it no more while it was being merged. */
  readonly cancelAsked?: string | undefined;
  /** The check that it was sent back for. */
  readonly rejection?: { readonly check: string; readonly words: string } | undefined;
}

/** Why a claim came to nothing. */
export function errorOf(event: MachineEvent): string {
  switch (event.type) {
    case "merge.refused":
      return clip(`HTTP ${event.status}: ${event.error}`);
    case "merge.unknown":
      return event.error;
    case "review.cancelled":
      return event.reason;
    case "review.unboarded":
      return event.why;
    case "review.protected":
    case "review.handed_over":
      return "cancelled before anything was merged";
    case "review.rejected":
      return clip(`${event.check} is red: ${event.words}`);
    default:
      return "no verdict within its lease";
  }
}
