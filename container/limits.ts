/** Every bound of the control server, with its unit and its reason. Those an operator may change are in config.ts. */

import { SAID } from "../src/wire/agent-reports.ts";

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
/** Pieces of set-aside work that one prompt tells of. */
export const SET_ASIDE_TOLD_MAX = 20;
/** Processes, not memory, are what a container runs out of first. */
export const RUNNING_AGENTS_MAX = 100;
/** Exited agents are remembered for status and events; the oldest go first. */
export const KNOWN_AGENTS_MAX = 500;

/** The rig gives a start 60 s; past this the answer is `starting` and the work goes on. */
export const START_ANSWER_MS = 50 * SECOND_MS;
/** How long a group may take to disappear after SIGKILL (a process in an uninterruptible wait). */
export const KILL_WAIT_MS = 5 * SECOND_MS;
/** Of a stop of everything: what runs gets this long to end by itself, and the stop so long in all. */
export const HALT_GRACE_MS = 1 * SECOND_MS;
export const HALT_MS = 4 * SECOND_MS;
/** A start that was on its way when the stop came is over the line after so long. */
export const HALT_LEAST_MS = 500;
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
/** The newest tools that a dispatch tells of with its end, for its bead's trace. */
export const TOOLS_TOLD_MAX = SAID.tools_told;
/** An agent that starts more tools than this forgets to end them. */
export const ACTIVE_TOOLS_MAX = 50;
/** So many ends of tools are known again; what ended longer ago counts as new. */
export const TOOL_ENDS_MAX = 1_000;
/** Reasons end up in a journal row. */
export const REASON_MAX_CHARS = 500;
/** Messages that an agent does not read pile up in memory. */
export const STDIN_PENDING_MAX_BYTES = 1 * MIB;

/** Any one git command on a clone that exists. */
export const GIT_TIMEOUT_MS = 120 * SECOND_MS;
/** One look at a repository before a rig is made for it: somebody waits for the answer. */
export const GIT_LOOK_TIMEOUT_MS = 15 * SECOND_MS;
/** Branches that are named where the one that is wanted is not there. */
export const BRANCHES_NAMED_MAX = 10;
/** Copying objects from one folder here to another, and packing them anew. */
export const GIT_COPY_TIMEOUT_MS = 10 * MINUTE_MS;
/** Giving the files of a clone to another user, and taking them back. */
export const CHOWN_TIMEOUT_MS = 10 * MINUTE_MS;
/** Users of boxes where this server is root: beyond those that a system gives to anybody, and not those that the image's launcher has. */
export const FIRST_BOX_UID = 62_000;
/** Setups and checks have users too. */
export const BOX_USERS = 2 * RUNNING_AGENTS_MAX;
/** Agents run git in their worktrees while we do; wait for their ref locks instead of failing. */
export const GIT_LOCK_WAIT_MS = 5 * SECOND_MS;
/** A lock that is older than the longest that any git may run, by this much, belongs to one that was killed. */
export const GIT_LOCK_MARGIN_MS = MINUTE_MS;
/** Files and folders among the refs of one repository that are looked at for locks that were left. */
export const LOCK_SEARCH_MAX = 200_000;
/** Lines of the operator's git configuration that are taken over; more is a file that a program fills. */
export const GIT_CONFIG_LINES_MAX = 2000;
export const GIT_STDOUT_MAX_BYTES = 4 * MIB;
/** What one diff shows: files, lines of all of them, characters of each, and commits; the counts are of all. */
export const DIFF_FILES_MAX = 1_000;
export const DIFF_LINES_MAX = 20_000;
export const DIFF_LINE_MAX_CHARS = 2_000;
export const DIFF_COMMITS_MAX = 200;
/** A larger file is named and not shown. */
export const DIFF_LARGE_FILE_BYTES = 512 * KIB;
/** Of what git prints of one diff, as much is read. */
export const DIFF_PATCH_MAX_BYTES = 3 * MIB;
/** A person waits for it. */
export const DIFF_TIMEOUT_MS = 20 * SECOND_MS;
/** Diffs that are asked for at the same time; the next is refused. */
export const DIFFS_PENDING_MAX = 16;
/** A list of the objects of a commit: 41 bytes each, and a tree of a million files is listed. */
export const GIT_OBJECTS_MAX_BYTES = 64 * MIB;
/** A shallow store is deepened so often, twice as far each time, before all of the history is fetched. */
export const DEEPENINGS_MAX = 6;
/** Objects whose contents are asked of git at a time; each is at most the next in size. */
export const LFS_BATCH = 2000;
/** A pointer to a large file is smaller; git-lfs reads no more of a file to find out. */
export const LFS_POINTER_MAX_BYTES = 1024;
/** Only the end of stderr says what went wrong. */
export const GIT_STDERR_MAX_CHARS = 16 * KIB;
/** The target branch moved between fetch and push: try on the new head this often. */
export const PUSH_ATTEMPTS_MAX = 5;
/** A rig merges one at a time; a longer queue is a rig that lost count. */
export const MERGES_PENDING_MAX = 50;
/** What a rig is told of what there is of it, in one answer; and one name in it. */
export const INVENTORY_MAX_BYTES = 256 * KIB;
export const ODD_NAME_MAX_CHARS = 512;
/** Finished merges are remembered to answer a repeated request with the same result. */
export const MERGES_REMEMBERED_MAX = 500;
/** A message that lists more files than this helps nobody. */
export const CONFLICT_FILES_MAX = 50;

/** A rig has one train at a time; more are rigs that lost count. */
export const TRAINS_PENDING_MAX = 50;
/** Finished trains are remembered to be told again; a report is at most some hundred KiB. */
export const TRAINS_REMEMBERED_MAX = 100;
/** Pushes of earlier trains that one report tells of; the next train tells of the others. */
export const UNTOLD_PUSHES_MAX = 8;
/** What is said of a member that left, or of what stopped a train; the wire takes no more. */
export const TRAIN_WORDS_MAX_CHARS = 2000;
/** A report is one request to the rig, which takes no more; where it would not fit, all of its texts are cut shorter. */
export const TRAIN_REPORT_MAX_BYTES = 1 * MIB;
/** Names of files of one member that left, all together. */
export const LEFT_FILES_MAX_CHARS = 4000;
/** Commits of the target, from its tip, that are searched for work which landed as another commit. */
export const LANDINGS_SEARCHED_MAX = 5000;
/** A branch with more commits of its own lands as one where it should be rebased. */
export const REBASE_COMMITS_MAX = 200;
/** Receipts are pushed as notes beside others who push notes too. */
export const NOTES_ATTEMPTS_MAX = 3;

/** `.ticktown/checks.json`: 20 commands of 10,000 characters and a setup. */
export const CHECKS_FILE_MAX_BYTES = 512 * KIB;
/** Lines of a check's end that are kept while it runs. */
export const CHECK_LINES_KEPT = 200;
/** Of them this much is told, with the sentence before them, as JSON. */
export const CHECK_WORDS_MAX_BYTES = 4 * KIB;
/** New pointers into other repositories that are looked for in one tree, each with a fetch; a tree with more is red. */
export const SUBMODULES_MAX = 20;
/** What one agent in a box may have, where the operator says nothing else; of memory it is a share of the machine's. */
export const AGENT_PIDS_MAX = 4096;
/** Of one process. Watchers of files and bundlers open tens of thousands. */
export const AGENT_FILES_MAX = 65_536;
/** Clone, inbox and home: packages of a large project take some GiB. */
export const AGENT_DISK_MAX_BYTES = 20 * 1024 * MIB;
/** The same, in files and folders: each takes a place of its own on a disk, also an empty one. */
export const AGENT_DISK_FILES_MAX = 1_000_000;
/** How often the processes of a box are looked at where no control group counts them. */
export const BOX_WATCH_MS = 250;
/** How often an agent's files are added up, and how many times as long as that took is waited. */
export const DISK_WATCH_MS = 2 * SECOND_MS;
export const DISK_WATCH_SHARE = 10;
/** Trying once whether a box works. */
export const BOX_PROBE_TIMEOUT_MS = 10 * SECOND_MS;

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
/** Of these, one caller's, where the Worker says whose a stream is. */
export const STREAMS_PER_CALLER_MAX = 50;
/** A viewer that does not keep up is disconnected; it can come back with ?after=. */
export const STREAM_PENDING_MAX_BYTES = 1 * MIB;
/** Keeps idle streams open through proxies, which commonly close after 60 s. */
export const STREAM_PING_MS = 30 * SECOND_MS;
/** Viewers have nothing to say; anything larger is not a viewer. */
export const STREAM_FRAME_MAX_BYTES = 64 * KIB;

/** Refs in an agent's clone that are looked at; a clone with more is not read. */
export const FOREIGN_REFS_MAX = 20_000;
/** HEAD, or one ref of an agent's clone. */
export const REF_FILE_MAX_BYTES = 4 * KIB;
/** All refs of a repository, as a list or in packed-refs: some hundred bytes each, and some have 100,000 branches. */
export const GIT_REFS_MAX_BYTES = 64 * MIB;
/** Files of an agent's git folder that are looked through for links; objects that are not packed are one file each. */
export const GIT_FOLDER_FILES_MAX = 1_000_000;
/** One part of a ref's name becomes a file name, with `.lock` behind it. */
export const REF_PART_MAX_CHARS = 180;
/** What an agent left uncommitted is kept up to this size; a folder with more is moved aside as it is. */
export const LEFTOVER_MAX_BYTES = 512 * MIB;
/** Untracked entries of a clone that are remembered from before a dispatch; folders count once. */
export const UNTRACKED_REMEMBERED_MAX = 1000;
/** A git in an agent's clone that takes longer is looked after: a pipe may lie in its way. */
export const PIPE_PATIENCE_MS = 3 * SECOND_MS;
export const PIPE_SEARCH_TIMEOUT_MS = 1 * MINUTE_MS;
/** Files and folders that work may have beside those that it is built on, and the list of them: git holds all of them in memory. */
export const TREE_ENTRIES_MAX = 200_000;
export const TREE_LIST_MAX_BYTES = 64 * MIB;
/** Commits that were counted, and are not counted again. */
export const TREES_REMEMBERED_MAX = 10_000;
/** Of so many commits, what their files come to. */
export const ROOMS_REMEMBERED_MAX = 10_000;
/** What one git may take that reads what an agent wrote: of memory, where large files are passed on in pieces, and of a processor's time. */
export const READING_MEMORY_MAX_BYTES = 1024 * MIB;
export const READING_CPU_MAX_S = 300;
/** A larger file is never held in memory as a whole, and so never compared by its lines. */
export const GIT_FILE_IN_MEMORY_MAX_BYTES = 64 * MIB;
/** Changed files that are compared byte for byte, because git's attributes may make them look changed. */
export const NORMALISED_FILES_MAX = 500;
/** The user's and the agent's lists of ignored files, each. */
export const EXCLUDES_MAX_BYTES = 256 * KIB;
/** One push of an agent into its inbox, and the inbox as a whole. */
export const INBOX_MAX_BYTES = 512 * MIB;
/** A checkout writes every file; a clone of 60,000 took 13 s here, and disks are slower elsewhere. */
export const GIT_CHECKOUT_TIMEOUT_MS = 10 * MINUTE_MS;
/** On a store that is there, a start waits this long for the remote and then goes on with what was fetched before. */
export const START_FETCH_PATIENCE_MS = 30 * SECOND_MS;
/** `.gitattributes` files that a merge without a checkout looks at. */
export const ATTRIBUTE_FILES_MAX = 200;
/** Branches of an agent's own that are searched for commits it forgot to hand in. */
export const HEADS_NAMED_MAX = 20;
/** What a refused hand-in is told; the wire takes no more. */
export const SENTENCE_MAX_CHARS = 500;
/** The end of an agent's output that its rig keeps; the rig takes no more. */
export const ATTEMPT_TAIL_MAX_CHARS = 16_384;
/** One line of it. */
export const TAIL_LINE_MAX_CHARS = 2_000;
/** How long a done is repeated that is said for a plain command, while the rig does not answer. */
export const HAND_IN_PATIENCE_MS = 120_000;
/** How long one of them waits for what comes of it; the rig allows a minute. */
export const HAND_IN_WAIT_MS = 30_000;

/** What a setup command printed last goes into the reason of the start that it stopped. */
export const SETUP_WORDS_LINES = 5;
export const SETUP_WORDS_MAX_CHARS = 350;
/** A larger lock file is known by its size and time. */
export const SETUP_KEY_MAX_BYTES = 64 * MIB;
/** Caches of a rig's setup, one per set of keys; the one that was not used for longest goes. */
export const SETUP_CACHES_MAX = 5;
/** Copying a cache into a clone, where the file system cannot share blocks. */
export const COPY_TIMEOUT_MS = 10 * MINUTE_MS;
/** A start whose place was not fit is tried again after this. */
export const PLACE_RETRY_MS = 5 * MINUTE_MS;

/** A store is packed anew above either; more of them make every git slower. */
export const LOOSE_OBJECTS_MAX = 5000;
export const PACKS_MAX = 30;
/** Below so much free disk nothing is started; MIN_FREE_BYTES says otherwise. */
export const MIN_FREE_BYTES = 1024 * MIB;
/** Adding up the files of a rig. */
export const DISK_MEASURE_TIMEOUT_MS = 1 * MINUTE_MS;

/** One line of an agent's protocol: a file that it has read, or a picture, comes as one. A longer one is skipped to its end. */
export const DRIVER_LINE_MAX_BYTES = 16 * MIB;
/** Calls of ours that an agent has not answered. */
export const DRIVER_CALLS_MAX = 100;
/** Tools that are open in one conversation, and those that have ended and are still known. */
export const DRIVER_TOOLS_MAX = 1000;
/** Asks that wait for a person, of one agent. */
export const DRIVER_ASKS_MAX = 20;
/** Names of tools go into heartbeats, titles into events. */
export const TOOL_NAME_MAX_CHARS = 100;
export const TOOL_TITLE_MAX_CHARS = 500;
/** What the rig takes of an ask. */
export const ASK_TEXT_MAX_CHARS = 4_000;
export const ASK_COMMAND_MAX_CHARS = 8_000;
export const ASK_OPTIONS_MAX = 8;
/** From its start to an open conversation: the programs take up to 40 s on a busy machine. */
export const DRIVER_OPEN_MS = 5 * MINUTE_MS;
/** An old conversation that is asked for and of which nothing is told for so long is taken as lost: some programs never answer. */
export const DRIVER_LOAD_MS = MINUTE_MS;
/** A turn in which nothing is said for so long while no tool runs waits for its model. */
export const TURN_SILENCE_MS = 2 * MINUTE_MS;
/** How often a turn that has ended without done is told to go on, or to say done; then the dispatch has ended. */
export const NUDGES_MAX = 2;
/** Messages that wait for the end of a turn, of one agent; more are refused. */
export const MESSAGES_HELD_MAX = 20;
/** Words of an agent become an event when there are so many, or something else happens. */
export const WORDS_EVENT_MAX_CHARS = 2_000;
/** A program whose conversation is over ends by itself in this time, with its last words on the bill, or is asked to. */
export const DRIVER_LEAVE_MS = 10 * SECOND_MS;
/** An agent whose work is taken may say its last words, which are on the bill as well; the rig's own patience is made for commands. */
export const LAST_TURN_MS = 20 * SECOND_MS;
/** How often a conversation looks at its deadlines. */
export const DRIVER_TICK_MS = 1 * SECOND_MS;
/** An agent's own home, with its conversations in it; a larger one is emptied before its next dispatch. */
export const AGENT_HOME_MAX_BYTES = 1024 * MIB;
/** A model that is to be asked again only after so long ends the dispatch at once: the rig starts it again then. */
export const LIMIT_PATIENCE_MS = 5 * MINUTE_MS;
/** Changes of session and waiting are told at once, but not more often than this. */
export const EARLY_HEARTBEAT_MS = 1 * SECOND_MS;
/** What an agent's end waits for its last heartbeat to be taken. */
export const LAST_HEARTBEAT_MS = 2 * SECOND_MS;
/** Of a checkpoint, what a conversation that does not remember it is told. */
export const CHECKPOINT_TOLD_MAX_CHARS = 16 * KIB;

/** Agents speak to their door on loopback: some connections each for RUNNING_AGENTS_MAX, and some for whoever else knocks. */
export const DOOR_CONNECTIONS_MAX = 2000;
/** Connections of one box by its socket: as many as a coding agent with its tools opens, and some more. */
export const GATEWAY_CONNECTIONS_MAX = 256;
/** From a connection's first moment to the end of a request's headers. */
export const DOOR_HEADERS_TIMEOUT_MS = 10 * SECOND_MS;
/** To the end of its body: it comes from this machine. */
export const DOOR_REQUEST_TIMEOUT_MS = 60 * SECOND_MS;
/** A connection on which nothing is asked. */
export const DOOR_IDLE_MS = 75 * SECOND_MS;
/** A conversation with pictures; providers take 32 MB at most. */
export const MODEL_BODY_MAX_BYTES = 64 * MIB;
/** Of a request this much is read before any of it is sent on, so that its model is known. */
export const MODEL_HEAD_MAX_BYTES = 64 * KIB;
/** Tokens of a request whose cost nobody has told are estimated by its length, and are no more than this. */
export const MODEL_INPUT_GUESS_MAX = 1_000_000;
/** Requests of one dispatch that are with a model at once. */
export const MODEL_IN_FLIGHT_MAX = 32;
/** A model that thinks before it says anything, without a stream. */
export const MODEL_FIRST_BYTE_MS = 15 * MINUTE_MS;
/** Between two bytes of an answer; providers send a sign of life more often. */
export const ANSWER_SILENCE_MS = 5 * MINUTE_MS;
/** One answer as a whole. */
export const MODEL_ANSWER_MAX_MS = 60 * MINUTE_MS;
export const MODEL_ANSWER_MAX_BYTES = 256 * MIB;
/** An error is some lines, and is over at once. */
export const MODEL_ERROR_MS = 30 * SECOND_MS;
/** One event of a stream, or an answer without one, is read for its usage up to this size; more of it is passed on unread. */
export const MODEL_READ_MAX_BYTES = 8 * MIB;
/** What an error says is read this far, and told in so many characters. */
export const MODEL_ERROR_MAX_BYTES = 64 * KIB;
export const MODEL_WORDS_MAX_CHARS = 300;
/** Credentials whose limits are remembered; the one limited longest ago is forgotten. */
export const ACCOUNTS_REMEMBERED_MAX = 200;
/** Models that one dispatch's use is told of one by one; the others are one row. */
export const MODELS_PER_DISPATCH_MAX = 50;
export const MODEL_NAME_MAX_CHARS = 200;
/** A number of tokens in one answer that is larger is a mistake. */
export const TOKENS_MAX = 1_000_000_000;
/** Said as waiting once nothing has come for so long. */
export const MODEL_WAITING_MS = 2 * SECOND_MS;
/** No limit lasts longer. */
export const RESET_MAX_MS = 31 * 24 * 60 * MINUTE_MS;

/** One call of a tool: a note, a question, a summary. */
export const TOOL_BODY_MAX_BYTES = 1 * MIB;
/** Calls of one dispatch's tools that run at once. */
export const TOOLS_IN_FLIGHT_MAX = 8;
/** Messages in one request of an older protocol. */
export const TOOL_BATCH_MAX = 10;
/** What a tool answers; a model reads no more of it. */
export const TOOL_ANSWER_MAX_CHARS = 64 * KIB;
/** Questions of one dispatch that have no answer; the rig allows an agent as many. */
export const ASKS_OPEN_MAX = 20;
/** How long a tool tries to reach the rig; CLIs give a tool a minute. */
export const TOOL_PATIENCE_MS = 50 * SECOND_MS;
/** How much of the rig's answer to a tool is read. */
export const RIG_ANSWER_MAX_BYTES = 8 * MIB;
