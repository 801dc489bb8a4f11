import type { FactType } from "../events/facts.ts";
import type { Kind } from "../events/row.ts";

/** Where each value of an answer to "why" comes from: a row per name, so that none is told whose origin nobody can look up. */

/** The newest fact of these types about that actor; or what is counted of all actors as they are after the newest fact. */
export type Source = { readonly of: Kind; readonly facts: readonly FactType[] } | "counted";

const of = (kind: Kind, ...facts: FactType[]): Source => ({ of: kind, facts });

const BLOCKS: FactType[] = [
  "agent.asked_help",
  "permission.asked",
  "agent.asked",
  "agent.exited",
  "hand_in.refused",
  "actor.quarantined",
];
const ENDS: FactType[] = ["agent.exited", "start.refused", "work.lost", "rig.imported"];

export const SOURCES = {
  // Of the rig
  imported_at: of("rig", "rig.imported"),
  imported_by: of("rig", "rig.imported"),
  failures: of("rig", "dispatch.failed"),
  tries: of("rig", "dispatch.failed"),
  probe: of("rig", "dispatch.granted"),
  capacity: of("rig", "rig.settings_changed", "rig.configured"),
  in_use: "counted",
  free: "counted",
  // Of money
  scope: "counted",
  tokens: of("budget", "spend.counted"),
  microdollars: of("budget", "spend.counted"),
  account: of("accounts", "account.limited"),
  limits_in_a_row: of("accounts", "account.limited"),
  // Of a bead
  type: of("bead", "bead.created"),
  commit_sha: of("bead", "bead.merged", "bead.closed", "bead.failed", "bead.cancelled", "bead.no_change"),
  in_progress_by: of("bead", "bead.status_set"),
  hold: of("bead", "bead.created"),
  blocked_by: of("bead", "bead.created", "bead.edited", "bead.unblocked"),
  stuck_by: of("bead", "bead.stuck"),
  failed: of("bead", "bead.stuck"),
  defer_until: of("bead", "bead.created", "bead.edited"),
  cancel_asked_by: of("bead", "bead.cancel_asked"),
  // Of an agent
  agent: of("agent", "agent.registered"),
  role: of("agent", "agent.registered"),
  held_by: of("agent", "agent.held"),
  held_since: of("agent", "agent.held"),
  since: of("agent", ...BLOCKS),
  refusals: of("agent", "hand_in.refused"),
  code: of("agent", "hand_in.refused"),
  runtime: of("agent", "agent.exited"),
  dispatch: of("agent", "dispatch.granted"),
  progress_at: of("agent", "agent.progressed", "agent.checkpointed", "agent.observed", "start.accepted", "agent.heard"),
  active_at: of("agent", "agent.observed"),
  attempts: of("agent", ...ENDS, "agent.hooked"),
  ignored_dispatch: of("agent", "report.stale"),
  ignored_report: of("agent", "report.stale"),
  last_words: of("agent", ...ENDS),
  // Of a review and its train
  review_id: of("review", "review.opened"),
  branch: of("review", "review.opened", "review.submitted"),
  looked_at: of("review", "review.opened"),
  message: of("review", "review.completed", "review.opened", "merge.refused", "merge.unknown", "review.unboarded"),
  files: of("review", "review.protected"),
  tree: of("review", "review.protected"),
  position: "counted",
  trouble: of("queue", "train.reported", "train.refused", "train.unknown", "queue.blocked"),
  train: of("queue", "train.departed"),
  in_front: of("queue", "train.departed"),
} as const satisfies Record<string, Source>;

/** What an answer may tell a value by. */
export type ValueName = keyof typeof SOURCES;
