/**
 * Every fixed limit of a rig, with its unit in the name and its reason beside it.
 * What an operator may change per rig is in settings.ts; these protect the rig itself.
 */
export const LIMITS = {
  /** Ids come from clients; long ones would bloat every row that refers to them. */
  id_chars: 200,
  title_chars: 1_000,
  /** One request body (wire limit, 413). */
  body_bytes: 1_048_576,
  /** A bead's text; leaves room for the rest of the fact in a 2 MB row. */
  bead_body_chars: 524_288,
  /** A checkpoint is JSON an agent saves to resume from (413). */
  checkpoint_bytes: 262_144,
  mail_body_chars: 65_536,
  /** Undelivered mail per agent (429): nobody reads a thousand letters. */
  undelivered_mail: 1_000,
  /** Agent events kept per agent; older ones are dropped. */
  agent_events_kept: 2_000,
  /** One agent event's data. */
  agent_event_bytes: 65_536,
  /** Non-terminal beads per rig (429). */
  open_beads: 10_000,
  /** Agents per rig (429). */
  agents: 10_000,
  labels: 50,
  label_chars: 100,
  blockers: 100,
  metadata_bytes: 65_536,
  /** A cause or reason text kept in a row; enough to diagnose, never a dump. */
  reason_chars: 500,
  /** Effects started together, so that a slow container cannot hold the object's connections. */
  effects_in_flight: 6,
  /** Tries of one effect before its failure becomes a fact. */
  effect_attempts: 4,
  /** Idempotency keys remembered per rig. */
  idempotency_keys: 10_000,
  /** A progress fact is written at most this often per agent: half a percent of the first GUPP threshold. */
  progress_granularity_ms: 10_000,
  /** After this, a process that was asked to stop is taken as gone; fencing covers the case that it is not. */
  stop_lease_ms: 60_000,
  /** Beads an agent may exhaust in a row before the agent itself is suspected. */
  exhausted_beads_before_quarantine: 2,
  /** Agents are asked about in one batched call; a container without it is asked one by one, this many at a time. */
  patrol_concurrency: 6,
  /** A merge that is running is asked for again after this long: a restarted container has forgotten it. */
  merge_resend_ms: 120_000,
  /** Rework dispatches after a merge conflict before a human is asked. */
  reworks: 1,
  /** Without a reset time in the agent's words, a rate limit is waited out this long. */
  rate_limit_default_ms: 300_000,
  /** Facts one root fact may cause, per actor of the rig: a cycle of derived facts is a bug, not a load. */
  derived_facts_per_actor: 16,
} as const;

/**
 * How much older a bead must be to go before one of the next higher priority, in ms.
 * Priority is an advance on age, so nothing starves: a `low` bead waits at most a day longer than a `critical` one.
 */
export const PRIORITY_ADVANCE_MS = {
  low: 0,
  medium: 3_600_000,
  high: 14_400_000,
  critical: 86_400_000,
} as const;
