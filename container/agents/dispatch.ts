/** Which of two starts is the newer one. Pure. */
import { dispatchNumber } from "../../src/events/dispatch-id.ts";
import { Refusal } from "../refusal.ts";

/** @throws Refusal 400 dispatch_refused when it names another agent */
function numberOf(agentId: string, dispatchId: string): number {
  const n = dispatchNumber(agentId, dispatchId);
  if (n === null) throw new Refusal(400, "dispatch_refused", `dispatchId "${dispatchId}" is not ${agentId}:<number>`);
  return n;
}

export interface LastStart {
  readonly dispatchId: string | null;
  /** A process is there, or will be in a moment. */
  readonly live: boolean;
  /** A process was started; false when the start failed before there was one. */
  readonly spawned: boolean;
}

/** same: answer with what is known. older: refuse. newer: replace the process, if there is one. */
export type Verdict = "same" | "older" | "newer";

export function judgeStart(agentId: string, dispatchId: string | null, last: LastStart | null): Verdict {
  if (dispatchId === null) return last?.live ? "same" : "newer";
  const asked = numberOf(agentId, dispatchId);
  if (last === null || last.dispatchId === null) return "newer";
  const known = numberOf(agentId, last.dispatchId);
  if (asked !== known) return asked < known ? "older" : "newer";
  // A start that failed before a process existed may be tried again; one that ran may not.
  return last.live || last.spawned ? "same" : "newer";
}
