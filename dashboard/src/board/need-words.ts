import type { NeedCode } from "../../../src/events/needs.ts";
import type { IconName } from "../ui/icons.tsx";
import type { Tone } from "../ui/parts.tsx";

/** How a need is called where its sentence follows. */
export interface NeedKind {
  readonly word: string;
  readonly icon: IconName;
  readonly tone: Tone;
}

const kind = (word: string, icon: IconName, tone: Tone): NeedKind => ({ word, icon, tone });

export const NEED_KINDS: Record<NeedCode, NeedKind> = {
  question: kind("Question", "ask", "warn"),
  permission: kind("Permission", "lock", "warn"),
  hand_in_refused: kind("Hand-in refused", "fail", "warn"),
  over_budget: kind("Over budget", "coin", "warn"),
  bead_budget: kind("Over budget", "coin", "warn"),
  day_budget: kind("Day's budget spent", "coin", "bad"),
  not_authorized: kind("Key not taken", "key", "bad"),
  failed: kind("Failed", "fail", "bad"),
  given_up: kind("Given up", "fail", "bad"),
  blocked_by_failed: kind("Stuck behind a failure", "chain", "bad"),
  approval: kind("Approval before merge", "merge", "violet"),
  review_held: kind("Held", "pause", "plain"),
  does_not_merge: kind("Does not merge", "merge", "warn"),
  queue_parked: kind("Queue parked", "merge", "bad"),
  target_red: kind("Target is red", "merge", "bad"),
  no_trains: kind("No checks possible", "merge", "bad"),
  queue_waits: kind("Queue waits", "merge", "warn"),
  escalation: kind("Escalation", "ask", "warn"),
  settled_itself: kind("Settled", "done", "plain"),
  no_config: kind("No repository", "warn", "bad"),
  actor_damaged: kind("Damaged", "warn", "bad"),
  container_unreachable: kind("Container away", "stale", "bad"),
  breaker_open: kind("Breaker open", "bolt", "bad"),
  outage: kind("Outage", "bolt", "bad"),
  probe: kind("Probe", "bolt", "warn"),
  early_ends: kind("Ends early", "fail", "warn"),
  hand_in_unanswered: kind("Not looked at", "clock", "warn"),
  stalled: kind("No progress", "clock", "warn"),
  model_silent: kind("Model silent", "clock", "warn"),
  no_output: kind("No output", "clock", "warn"),
  fruitless: kind("Nothing to show", "coin", "warn"),
  busy: kind("Busy, no progress", "clock", "plain"),
  wrong_role: kind("Wrong role", "warn", "warn"),
  strays: kind("Unknown to the rig", "warn", "plain"),
  agent_rests: kind("Rests", "pause", "warn"),
  restored: kind("Brought back", "pause", "plain"),
  paused: kind("Paused", "pause", "plain"),
  draining: kind("Draining", "clock", "busy"),
  at_capacity: kind("All slots taken", "chain", "plain"),
  destroyed: kind("Deleted", "fail", "plain"),
};

/** The title when its kind stands before it: "4 failed, one cause". */
export function kindWord(code: NeedCode, count: number, waiting: number): string {
  const { word } = NEED_KINDS[code];
  if (code !== "failed" || (count < 2 && waiting === 0)) return word;
  const many = count > 1 ? `${count} failed, one cause` : word;
  return waiting > 0 ? `${many}; ${waiting} wait behind` : many;
}
