/** What people may be needed for: a closed list (core/needs.ts finds them, core/sentences.ts says them). */
export const NEED_CODES = [
  // In this order they are shown, within a level.
  "no_config",
  "actor_damaged",
  "question",
  "hand_in_refused",
  "permission",
  "over_budget",
  "bead_budget",
  "day_budget",
  "not_authorized",
  "container_unreachable",
  "breaker_open",
  "queue_parked",
  "target_red",
  "no_trains",
  "approval",
  "failed",
  "escalation",
  "given_up",
  "blocked_by_failed",
  "hand_in_unanswered",
  "early_ends",
  "stalled",
  "model_silent",
  "no_output",
  "busy",
  "does_not_merge",
  "queue_waits",
  "review_held",
  "wrong_role",
  "agent_rests",
  "probe",
  "paused",
  "draining",
  "at_capacity",
  "settled_itself",
  "destroyed",
] as const;
export type NeedCode = (typeof NEED_CODES)[number];

/** `now`: work stands still until somebody acts. `soon`: it will, or it costs. `know`: nothing is wrong. */
export type Level = "now" | "soon" | "know";
