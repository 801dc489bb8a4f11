import { LIMITS } from "../../events/limits.ts";
import { expect, type MachineEvent } from "../event.ts";
import type { AgentContext } from "./context.ts";

/** What an agent remembers of its hand-in. */

/** It says that it is done: what it hands in is asked about, and its clocks stand still. */
export function handedIn(event: MachineEvent): Partial<AgentContext> {
  const { branch, prUrl, summary, resolution, note } = expect(event, "work.handed_in");
  const askAt = event.at + LIMITS.hand_in_resend_ms;
  return {
    handIn: { branch, prUrl, summary, resolution, note, asIs: null, askAt, isUnanswered: false, refused: null },
    progressAt: null,
    blockedAt: null,
  };
}

/** Refused, and whether that was the last time. */
export function withRefusal({ handIn }: AgentContext, event: MachineEvent): Partial<AgentContext> {
  const { code, commit, refusals } = expect(event, "hand_in.refused");
  const refused = { code, commit, isLast: refusals >= LIMITS.hand_in_refusals };
  return { handIn: handIn && { ...handIn, refused } };
}

/** A person takes the commit that was seen: it is looked at once more. */
export const takenAsItIs = ({ handIn }: AgentContext, event: MachineEvent): Partial<AgentContext> => ({
  handIn: handIn && {
    ...handIn,
    resolution: "work" as const,
    asIs: expect(event, "hand_in.settled").commit,
    askAt: event.at + LIMITS.hand_in_resend_ms,
    refused: null,
  },
  progressAt: null,
  blockedAt: null,
});
