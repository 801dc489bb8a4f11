/** Every bound of the control server, with its unit and its reason. Those an operator may change are in config.ts. */

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/** A start request carries two prompts and a checkpoint (rows of the rig are at most 2 MB). */
export const BODY_MAX_BYTES = 2 * MIB;
/** Linux refuses a single environment string above 128 KiB; say so before the spawn does. */
export const ENV_VALUE_MAX_BYTES = 120 * KIB;
/** Linux gives arguments and environment a quarter of the stack, usually 2 MiB; leave half of it to the agent's children. */
export const ENV_TOTAL_MAX_BYTES = 1 * MIB;
/** Processes, not memory, are what a container runs out of first. */
export const RUNNING_AGENTS_MAX = 100;
/** Exited agents are remembered for status and events; the oldest go first. */
export const KNOWN_AGENTS_MAX = 500;

/** The rig gives a start 60 s; past this the answer is `starting` and the work goes on. */
export const START_ANSWER_MS = 50 * SECOND_MS;
/** How long a group may take to disappear after SIGKILL (a process in an uninterruptible wait). */
export const KILL_WAIT_MS = 5 * SECOND_MS;
/** How often a vanishing process group is looked at. */
export const GROUP_POLL_MS = 25;
/** After the group is gone its pipes close at once, unless a process left the group and kept them. */
export const PIPE_CLOSE_MS = 1 * SECOND_MS;

/** Enough to see what an agent did for some hours, small enough to keep for hundreds of agents. */
export const EVENTS_PER_AGENT_MAX = 2000;
/** Bounds what long lines can add up to. */
export const EVENT_BYTES_PER_AGENT_MAX = 4 * MIB;
/** A longer line is cut and marked `truncated`. */
export const LINE_MAX_CHARS = 8 * KIB;
/** Read past the cut, so that a secret lying across it is still recognised as a whole. */
export const SECRET_MAX_CHARS = 4 * KIB;
/** An agent that starts more tools than this forgets to end them. */
export const ACTIVE_TOOLS_MAX = 50;
/** Reasons end up in a journal row. */
export const REASON_MAX_CHARS = 500;
/** Messages that an agent does not read pile up in memory. */
export const STDIN_PENDING_MAX_BYTES = 1 * MIB;

/** Any one git command on a clone that exists. */
export const GIT_TIMEOUT_MS = 120 * SECOND_MS;
/** The first fetch copies the whole history. */
export const GIT_CLONE_TIMEOUT_MS = 10 * MINUTE_MS;
/** Agents run git in their worktrees while we do; wait for their ref locks instead of failing. */
export const GIT_LOCK_WAIT_MS = 5 * SECOND_MS;
export const GIT_STDOUT_MAX_BYTES = 4 * MIB;
/** Only the end of stderr says what went wrong. */
export const GIT_STDERR_MAX_CHARS = 16 * KIB;
/** The target branch moved between fetch and push: try on the new head this often. */
export const PUSH_ATTEMPTS_MAX = 5;
/** A rig merges one at a time; a longer queue is a rig that lost count. */
export const MERGES_PENDING_MAX = 50;
/** Finished merges are remembered to answer a repeated request with the same result. */
export const MERGES_REMEMBERED_MAX = 500;
/** A message that lists more files than this helps nobody. */
export const CONFLICT_FILES_MAX = 50;

/** One HTTP request to the rig API. */
export const REPORT_TIMEOUT_MS = 10 * SECOND_MS;
export const CALLBACK_BACKOFF_BASE_MS = 500;
export const CALLBACK_BACKOFF_MAX_MS = 30 * SECOND_MS;
/** Callbacks waiting for an API that is away; the oldest go first. */
export const CALLBACKS_PENDING_MAX = 1000;
/** A callback undelivered for this long makes /health `degraded`. */
export const CALLBACK_LATE_MS = 1 * MINUTE_MS;
/** On the way out, callbacks get this long; the rest stays on disk for the next start. */
export const FLUSH_MS = 10 * SECOND_MS;

export const TICKET_BYTES = 32;
/** A ticket is used at once or not at all. */
export const TICKET_TTL_MS = 60 * SECOND_MS;
export const TICKETS_MAX = 1000;
export const STREAMS_MAX = 100;
/** A viewer that does not keep up is disconnected; it can come back with ?after=. */
export const STREAM_PENDING_MAX_BYTES = 1 * MIB;
/** Keeps idle streams open through proxies, which commonly close after 60 s. */
export const STREAM_PING_MS = 30 * SECOND_MS;
/** Viewers have nothing to say; anything larger is not a viewer. */
export const STREAM_FRAME_MAX_BYTES = 64 * KIB;
