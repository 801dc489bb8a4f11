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
  /** Arrays and objects within each other in one request (400): what walks them must not run out of stack. */
  json_depth: 64,
  /** A bead's text; leaves room for the rest of the fact in a 2 MB row. */
  bead_body_chars: 524_288,
  /** A checkpoint is JSON an agent saves to resume from (413). */
  checkpoint_bytes: 262_144,
  mail_body_chars: 65_536,
  /** What an agent asks: ids, words, the exact command, and the answers to choose from. */
  ask_id_chars: 64,
  ask_text_chars: 4_000,
  ask_command_chars: 8_000,
  ask_options: 8,
  option_label_chars: 200,
  /** Asks of one agent that wait at the same time, and those of a dispatch that are known again. */
  asks_waiting: 8,
  asks_remembered: 50,
  /** Conversations of one bead and agent whose use is kept; the oldest go. */
  sessions_counted: 8,
  /** Conversations of an agent of which the count is kept, so that a report is never counted twice; the oldest is forgotten. */
  sessions_remembered: 16,
  /** Rows of the ledger: one for each day, dispatch, conversation and model. The oldest day goes. */
  spend_rows: 50_000,
  spend_rows_shown: 1_000,
  /** Names of secrets that an export tells of, so that whoever brings the rig back is told which to set. */
  secrets_named: 200,
  /** One file that a rig is brought back from, with its archived segments (413), and one of its lines: a row and what it asked for. */
  import_bytes: 1_073_741_824,
  import_line_bytes: 4_194_304,
  /** So much of it is folded and written at a time. */
  import_page_bytes: 524_288,
  /** Facts that one report reads, causes that it tells apart, and ids that each of its lists holds. */
  report_facts: 100_000,
  report_causes: 50,
  report_listed: 100,
  /** Facts of one bead's story, the newest; and facts that a run is made of. */
  story_facts: 2_000,
  run_facts: 40_000,
  /** Traces that wait to be sent, and how long a collector may take for one. */
  traces_waiting: 100,
  trace_timeout_ms: 5_000,
  /** Prices of models in a rig's settings. */
  prices: 50,
  /** Use is a fact at most this often per agent, and at its end. */
  usage_granularity_ms: 300_000,
  /** A checkpoint without a new commit resets the attempts of a bead this often. */
  note_resets: 2,
  /** Of what is left of a town's day a rig leases this part, but no less than the least part of its cap. */
  lease_part: 16,
  lease_least_part: 1_000,
  /** How long the town's object may take to answer, how soon it is asked again, and how long before a day it may be asked for it. */
  lease_timeout_ms: 5_000,
  lease_retry_ms: 60_000,
  lease_pause_ms: 5_000,
  lease_ahead_ms: 900_000,
  /** Days of a town that are kept, and lines of who changed what. */
  town_days: 62,
  town_lines: 1_000,
  /** Limited accounts that a town is told of. */
  town_accounts: 200,
  /** Programs that a rig may choose from, in their order. */
  runtimes: 16,
  /** Names of an agent program and of a model. */
  runtime_chars: 64,
  model_chars: 200,
  /** What an agent says of itself for people (400): one line of a list. */
  status_chars: 200,
  /** The end of what an agent printed, and how many ends of one bead are kept. */
  attempt_tail_chars: 16_384,
  attempts_kept: 20,
  /** Undelivered mail per agent (429): nobody reads a thousand letters. */
  undelivered_mail: 1_000,
  /** The same in characters of their bodies (429). */
  undelivered_mail_chars: 4_194_304,
  /** Agent events kept per agent; older ones are dropped. */
  agent_events_kept: 2_000,
  /** The same in bytes of their data. */
  agent_events_kept_bytes: 16_777_216,
  /** One agent event's data (413). */
  agent_event_bytes: 65_536,
  /** Non-terminal beads per rig (429). */
  open_beads: 10_000,
  /** Of these, what one agent may have made itself (429): work that it found on its way, not work without end. A mayor has no such limit. */
  open_beads_per_agent: 200,
  /** Its questions that nobody has answered or closed yet (429): a person reads each. */
  open_escalations_per_agent: 20,
  /** Agents per rig (429). */
  agents: 10_000,
  labels: 50,
  label_chars: 100,
  blockers: 100,
  metadata_bytes: 65_536,
  /** A cause or reason text kept in a row; enough to diagnose, never a dump. */
  reason_chars: 500,
  /** Sockets and event streams of boards and debuggers per rig (429): each one is sent every fact. */
  sockets: 500,
  /** Of these, one caller's (429): an operator with all browsers it let in. The others can always look. */
  sockets_per_caller: 250,
  /** Stored bytes of a rig from which it takes nothing new that grows (429): an object may have 10 GB. */
  rig_bytes: 4_294_967_296,
  /** Effects started together, so that a slow container cannot hold the object's connections. */
  effects_in_flight: 6,
  /** Tries of one effect before its failure becomes a fact. */
  effect_attempts: 4,
  /** Idempotency keys remembered per rig. */
  idempotency_keys: 10_000,
  /** The same in bytes of their answers, which may hold a bead's text; the oldest go. */
  idempotency_bytes: 33_554_432,
  /** A progress fact is written at most this often per agent: half a percent of the first GUPP threshold. */
  progress_granularity_ms: 10_000,
  /** A wait for a model that is shorter is no news: each of its answers takes a while. */
  waiting_told_after_ms: 60_000,
  /** Whatever an agent says, its clocks stand still for its model at most this long at a time. */
  model_wait_max_ms: 86_400_000,
  /** After this, a process that was asked to stop is taken as gone; fencing covers the case that it is not. */
  stop_lease_ms: 60_000,
  /** Beads an agent may exhaust in a row before the agent itself is suspected. */
  exhausted_beads_before_quarantine: 2,
  /** Agents are asked about in one batched call; a container without it is asked one by one, this many at a time. */
  patrol_concurrency: 6,
  /** A merge that is running is asked for again after this long: a restarted container has forgotten it. */
  merge_resend_ms: 120_000,
  /** Refused hand-ins of one bead in a row before a person is asked. They are never charged. */
  hand_in_refusals: 3,
  /** The longest that a done waits for what came of it. */
  hand_in_wait_ms: 60_000,
  /** What has handed in its work has this long to hear of it and to end by itself. */
  done_linger_ms: 1_000,
  /** Dones of one rig that may wait at the same time; the next is answered at once. */
  hand_in_waiters: 200,
  /** Pieces of set-aside work that one start tells of. */
  set_aside_told: 20,
  /** A hand-in that was not answered is asked about again after this. */
  hand_in_resend_ms: 120_000,
  /** Rework dispatches after a merge conflict or a red check before a human is asked. */
  reworks: 1,
  /** Beads that one request has tried again. */
  retried_at_once: 1_000,
  /** Reviews of the queue that are listed. */
  reviews_listed: 1_000,
  /** The last lines of a red check that its bead keeps, for whoever mends it. */
  check_words_chars: 4_096,
  /** A train that the container does not know is asked for again this long after it was asked for last. */
  train_resend_ms: 120_000,
  /** A queue that is parked or held is tried again with the head alone: at first after this, then twice as long, up to the second. */
  queue_retry_ms: 60_000,
  queue_retry_max_ms: 3_600_000,
  /** What passes by itself is told once it has lasted this long. */
  queue_told_after_ms: 600_000,
  /** Later than this an alarm is not merely late, and earlier than this a clock is not merely imprecise: twice the cadence of work. */
  clock_tolerance_ms: 60_000,
  /** So many agents that end alike fail for one reason that is none of their work's: within so long; or within longer, if nobody has anything to show meanwhile. */
  outage_agents: 3,
  outage_window_ms: 60_000,
  outage_quiet_ms: 600_000,
  charges_remembered: 100,
  /** Outages that others ended and in which a bead failed: after so many, with nothing handed in, its ends are its own. */
  outages_forgiven: 3,
  /** Between two probes of an outage: doubled up to the longest. */
  outage_probe_ms: 60_000,
  outage_probe_max_ms: 600_000,
  /** A reset that a provider names is believed so far ahead: the longest window that any is known to have. */
  rate_limit_max_ms: 8 * 86_400_000,
  /** Rate limits in a row, without anything to show between them, after which a person is told. */
  rate_limits_told: 3,
  /** Without a reset time in the agent's words, a rate limit is waited out this long. */
  rate_limit_default_ms: 300_000,
  /** How often the container is asked to give disk back, and how long it may take: it may have to remove many files. */
  tidy_ms: 3_600_000,
  tidy_timeout_ms: 120_000,
  /**
   * What a container has and its rig does not know is stopped or removed once it was seen so for so long: longer than a start or a stop takes,
   * and than the looks of an idle rig are apart. What stays is asked for again, each time after twice as long, up to the second.
   */
  stray_ms: 600_000,
  stray_again_max_ms: 3_600_000,
  /** Of each kind so many are ordered away at once, and named in the journal; and so many things are remembered that were seen once. */
  strays_named: 50,
  strays_remembered: 500,
  /** How long a container may take to say that everything of a rig has ended: it ends what is left after a second. */
  halt_timeout_ms: 4_500,
  /** Facts one root fact may cause, per actor of the rig: a cycle of derived facts is a bug, not a load. */
  derived_facts_per_actor: 16,
  /** Needs that are listed: who has more does not read them one by one. */
  needs_listed: 200,
  /** Needs in what a rig tells its user of itself, how long a text of one may be, and how large all of it. */
  digest_needs: 50,
  digest_text_chars: 300,
  digest_bytes: 65_536,
  /** So often at most a rig says how it stands; and so often at least, where its alarm rings. */
  digest_every_ms: 1_000,
  /** And so long for each thousand beads, agents and reviews that are not over. */
  digest_actors_ms: 400,
  digest_again_ms: 240_000,
  /** Ids of one kind that a listed need names; its counts tell of all. */
  need_ids: 50,
  /** One text of a listed need. */
  need_text_chars: 2_000,
  /** Of all questions together on a board, and of all letters: a rig of 1,000 agents and 10,000 beads has a board of less than 1 MB. */
  board_text_chars: 100_000,
  /** Of all titles on a board; where there are too many, the longest are cut in lists and fetched whole where they are read. */
  board_title_bytes: 400_000,
  /** Failed beads, newest first, that are looked at for needs. */
  failed_looked_at: 1_000,
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

/** The limits of the door: operators' tokens, the codes that are traded for them, and who may ask how much. */
export const DOOR = {
  operator_name_chars: 100,
  /** A stream that is open is not asked for its token again: it ends after this long, and whoever still may connects anew. */
  stream_life_ms: 300_000,
  /** Live operators' tokens (429), browsers not counted. */
  operator_tokens: 1_000,
  /** Tokens that are remembered after their end, so that a list can say what they were; the oldest go. */
  ended_tokens_kept: 1_000,
  /** Browsers that one operator has let in; the one that was not used for longest goes. */
  browsers_per_operator: 20,
  /** A browser may let another one in, and that one another (429): whom it came from is remembered so far. */
  browser_generations: 20,
  /** A browser's token ends when it was not used for this long. */
  browser_idle_ms: 30 * 86_400_000,
  /** A code is read off a terminal and followed at once. */
  code_ms: 300_000,
  /** Codes of one operator that were not traded yet; the oldest goes: whoever asks again has lost the last link. */
  codes_per_operator: 10,
  /** Codes in all that were not traded yet (429). */
  codes: 1_000,
  /** Towns and rigs of one user, each (429): more than anybody has, and a bound all the same. */
  towns_and_rigs: 1_000,
  /** Needs of all rigs that an overview lists. */
  overview_needs: 500,
  /** More notices than this at once are one message. */
  notices_one_by_one: 5,
  /** A need that comes and goes is no news for so long. */
  notice_remembered_ms: 3_600_000,
  /** Before a notice that did not arrive is tried again; twice as long each time. */
  notice_backoff_ms: 1_000,
  notice_backoff_max_ms: 60_000,
  /** Needs that one request does something about (400). */
  acts: 200,
  /** How long an overview waits for a change, seconds; and how many wait at once for one user (429). */
  overview_wait_s: 25,
  overview_waiters: 500,
  /** Answers remembered under an Idempotency-Key outside of rigs; the oldest go. */
  answers_kept: 10_000,
  /** One such answer; of a longer one only its status is remembered. So they have 80 MiB at most in all. */
  answer_bytes: 8_192,
  /** Requests per token and isolate (429). Operators have more: a board asks a lot when it opens. */
  requests: { agent: { burst: 300, per_second: 30 }, operator: { burst: 3_000, per_second: 300 } },
  /** Bytes of bodies per token, and per rig whoever sends them (429): many small rows of large bodies fill a rig all the same. */
  bytes: {
    agent: { burst: 8_388_608, per_second: 262_144 },
    operator: { burst: 67_108_864, per_second: 4_194_304 },
    rig: { burst: 67_108_864, per_second: 4_194_304 },
  },
  /** Wrong tokens, codes and tickets per address, and of all (429). */
  wrong_keys: { address: { burst: 30, per_second: 0.5 }, all: { burst: 1_000, per_second: 20 } },
  /** A stream's ticket, as the container's own. */
  ticket_ms: 60_000,
  /** An agent's token counts for this long after it was made, while its dispatch is the live one. */
  live_token_ms: 7 * 86_400_000,
} as const;
