/** Says done for an agent that cannot: a plain command that has ended with 0, or a coding agent without tools that has stopped. */
import { HAND_IN_PATIENCE_MS, HAND_IN_WAIT_MS, SENTENCE_MAX_CHARS } from "../limits.ts";
import type { Redact } from "../redact.ts";
import { createRig } from "./door/rig.ts";
import { askedToEnd } from "./ending.ts";
import type { EventRing } from "./output.ts";
import type { Run } from "./run.ts";

export interface HandedIn {
  /** The rig's word for what came of it. */
  readonly code: string;
  readonly sentence: string;
}

/**
 * Never throws: what came of it, or why nothing did, is among the agent's events. What is refused is told its next dispatch by the rig.
 * @returns null when nobody has answered, or nothing was said: somebody has said done already, or it was asked to end
 */
export async function handInFor(run: Run, branch: string, ring: EventRing, redact: Redact): Promise<HandedIn | null> {
  const { apiUrl, rigId, agentId, token } = run;
  const isWanted = (): boolean => !run.saidDone && askedToEnd(run) === null;
  if (apiUrl === null || !isWanted()) return null;
  const rig = createRig({ apiUrl, rigId, agentId, token, redact }, isWanted, HAND_IN_PATIENCE_MS);
  const answer = await rig({ method: "POST", path: "done", body: { branch, wait_ms: HAND_IN_WAIT_MS } });
  if (answer.ok) {
    const { code = "unanswered", sentence = "" } = (answer.data as Answer | undefined)?.hand_in ?? {};
    const told = { code, sentence: redact(sentence.slice(0, SENTENCE_MAX_CHARS)) };
    ring.append("hand_in", told);
    return told;
  }
  const { status, error } = answer;
  if (isWanted()) ring.append("hand_in_failed", { error: status === null ? error : `HTTP ${status}: ${error}` });
  return null;
}

interface Answer {
  readonly hand_in?: { readonly code?: string; readonly sentence?: string };
}
