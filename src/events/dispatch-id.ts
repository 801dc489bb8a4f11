/**
 * Ids that say of what they are, for the compiler only. A plain text passes for any of them: it came from outside, and is looked up.
 * The id of one thing does not pass for the id of another, so two that are swapped are an error of `tsc`.
 */
type IdOf<K extends string> = string & { readonly [ofKind]?: K };
declare const ofKind: unique symbol;

export type AgentId = IdOf<"agent">;
export type BeadId = IdOf<"bead">;
export type ReviewId = IdOf<"review">;
/** `<agent id>:<n>`, n counting up from 1 (0 stands for none yet), so the newer of two is known by looking at them. */
export type DispatchId = IdOf<"dispatch">;
/** A review's claim as one text, `<review id>:<n>`; it fences merge results as a dispatch id fences an agent. */
export type ClaimId = IdOf<"claim">;

interface Ids {
  readonly agentId: AgentId;
  readonly beadId: BeadId;
  readonly reviewId: ReviewId;
  readonly dispatchId: DispatchId;
  readonly claimId: ClaimId;
}

/** The same, its fields that are named after an id being of that kind. */
export type WithIds<T> = T extends unknown
  ? { [F in keyof T]: F extends keyof Ids ? IdIn<T[F], Ids[F]> : T[F] }
  : never;
/** What may be missing beside the text stays so. */
type IdIn<V, Id> = Id | Exclude<V, string>;

export const dispatchId = (agentId: AgentId, n: number): DispatchId => `${agentId}:${n}`;
export const claimId = (reviewId: ReviewId, claim: number): ClaimId => `${reviewId}:${claim}`;

/** The n of a dispatch id, or null when the text is not one of this agent. */
export const dispatchNumber = (agentId: AgentId, dispatch: DispatchId): number | null => numberIn(agentId, dispatch);
/** The n of a claim, or null when the text is not one of this review. */
export const claimNumber = (reviewId: ReviewId, claim: ClaimId): number | null => numberIn(reviewId, claim);

function numberIn(whose: string, id: string): number | null {
  if (!id.startsWith(`${whose}:`)) return null;
  const digits = id.slice(whose.length + 1);
  return /^\d{1,15}$/.test(digits) ? Number(digits) : null;
}
