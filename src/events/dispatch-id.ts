/** A dispatch id is `<agent id>:<n>`, n counting up from 1 (0 stands for none yet), so the newer of two is known by looking at them. */
export const dispatchId = (agentId: string, n: number): string => `${agentId}:${n}`;

/** The n of a dispatch id, or null when the text is not one of this agent. */
export function dispatchNumber(agentId: string, dispatch: string): number | null {
  if (!dispatch.startsWith(`${agentId}:`)) return null;
  const digits = dispatch.slice(agentId.length + 1);
  return /^\d{1,15}$/.test(digits) ? Number(digits) : null;
}

/** A review's claim as one text, `<review id>:<n>`; it fences merge results as a dispatch id fences an agent. */
export const claimId = (reviewId: string, claim: number): string => `${reviewId}:${claim}`;
