/**
 * The wire between a rig and the control server in its town's container: one schema per message, used by both ends.
 * Unknown keys are accepted and ignored, so that either end may be newer than the other. Times are ISO 8601 UTC strings.
 */
import * as z from "zod";
import { Place as PlaceSettings, Setup } from "../events/place.ts";
import { RefusalCode } from "../events/refusal-code.ts";
import { AgentStatus, BudgetOrder, RuntimeName, Session } from "./agent-reports.ts";

export {
  AgentProcessStatus,
  AgentStatus,
  AnswerAnswer,
  AnswerRequest,
  AskedReport,
  BudgetOrder,
  CompletedReport,
  Ending,
  HeartbeatAnswer,
  HeartbeatReport,
  Limited,
  RuntimeName,
  SAID,
  Session,
  SetAside,
  Usage,
  Waiting,
} from "./agent-reports.ts";

/** Ids become folder names in the container, so they must not be able to say `..` or `/`. */
export const Id = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/,
    "must be 1 to 128 of A-Z a-z 0-9 . _ : - and begin with a letter or digit",
  )
  .refine((id) => !id.includes(".."), "must not contain ..");

/** A first look only: the container asks `git check-ref-format` for the verdict. */
export const BranchName = z
  .string()
  .min(1)
  .max(255)
  .refine((branch) => !branch.startsWith("-") && !branch.includes(".."), "must not begin with - or contain ..");

/** `<agent id>:<n>`, n counting up: the newest dispatch wins everywhere. */
export const DispatchId = z
  .string()
  .max(160)
  .regex(/^.+:\d{1,15}$/, "must be <agent id>:<number>");

/** Ticktown: whose a stream is, as the Worker says it, so that one caller cannot take all that there are. */
export const CALLER_HEADER = "x-ticktown-caller";

/** Names an environment can hold; values without NUL, which would end them early. */
export const EnvVars = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a valid environment variable name"),
  z.string().refine((value) => !value.includes("\0"), "must not contain NUL"),
);

export const HttpUrl = z.string().refine((text) => {
  try {
    return /^https?:$/.test(new URL(text).protocol);
  } catch {
    return false;
  }
}, "must be an http or https URL");

/** Ticktown: how the rig's clones are made and kept. What is not said is as by default. */
export const Place = PlaceSettings.extend({ setup: z.object(Setup.shape).nullable().default(null) });
export type Place = z.infer<typeof Place>;
export type { Setup } from "../events/place.ts";

/** What counts for an order that says nothing. */
export const DEFAULT_PLACE: Place = Place.parse({});

/** Ticktown: the rig's own key for what may leave a container whose disk does not last. It goes into no environment. */
export const SealKey = z.string().regex(/^[0-9a-f]{64}$/, "must be 32 bytes as hex");

export const StartAgentRequest = z.object({
  agentId: Id,
  rigId: Id,
  townId: Id,
  role: z.string().min(1).max(64),
  name: z.string().min(1).max(256),
  identity: z.string().max(512),
  prompt: z.string(),
  model: z.string().max(256),
  systemPrompt: z.string(),
  gitUrl: z.string().min(1).max(2048),
  branch: BranchName,
  defaultBranch: BranchName,
  envVars: EnvVars.optional(),
  /** Ticktown: names in envVars that are the rig's own and may be any (see env-names.ts). Never taken from outside the Worker. */
  ownVars: z.array(z.string().max(256)).max(1_000).optional(),
  /** Ticktown: fences everything that this start causes. The same id twice starts one process. */
  dispatchId: DispatchId.optional(),
  /** Ticktown: what the agent saved last (any JSON), handed to the process in a file. */
  checkpoint: z.unknown().optional(),
  /** Ticktown: whose work this is. Leftovers are kept, and given back, by it; without it by the branch. */
  beadId: Id.optional(),
  place: Place.optional(),
  sealKey: SealKey.optional(),
  /** Ticktown: go on with this conversation, if it can still be found. */
  session: Session.optional(),
  /** Ticktown: which agent program; absent: the container's own. */
  runtime: RuntimeName.optional(),
  budget: BudgetOrder.optional(),
  /** Ticktown: its end is to say which tools it has run, and when. */
  tellsTools: z.literal(true).optional(),
  /** Ticktown: false: a credential that is limited is tried all the same. */
  holdAccounts: z.boolean().optional(),
});
export type StartAgentRequest = z.infer<typeof StartAgentRequest>;

/**
 * Ticktown: names one run of the control server. Another one than before means that what the one before had taken on, and
 * had not reported, died with it.
 */
export const Instance = z.string().min(1).max(64);

/** GET /agents (Ticktown): every agent that the container knows, in one call. */
export const AgentStatusList = z.object({ agents: z.array(AgentStatus), instance: Instance.optional() });
export type AgentStatusList = z.infer<typeof AgentStatusList>;

export const StopSignal = z.enum(["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGKILL"]);

export const StopRequest = z.object({
  signal: StopSignal.optional(),
  /** Ticktown: a stop of an older dispatch than the running one stops nothing. */
  dispatchId: DispatchId.optional(),
  /** Ticktown: hand the work back: what is uncommitted stays in the clone, and the reason reported is `evicted`. */
  evict: z.boolean().optional(),
  /** Ticktown: its work is done: it has this long to end by itself before it is asked to. */
  lingerMs: z.int().min(0).max(60_000).optional(),
});
export type StopRequest = z.infer<typeof StopRequest>;

export const StopAnswer = z.object({ stopped: z.boolean() });
export type StopAnswer = z.infer<typeof StopAnswer>;

/** Longer messages belong in a file or a mail: this one goes through a pipe that the agent may read slowly. */
const MESSAGE_MAX_CHARS = 256 * 1024;
export const MessageRequest = z.object({ prompt: z.string().min(1).max(MESSAGE_MAX_CHARS) });
export type MessageRequest = z.infer<typeof MessageRequest>;

/** `sent` false: it is kept, and told when the turn that runs is over, if the agent lives as long. */
export const MessageAnswer = z.object({ sent: z.boolean() });
export type MessageAnswer = z.infer<typeof MessageAnswer>;

export const CommitId = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, "must be a full commit id");

export const MergeRequest = z.object({
  rigId: Id,
  branch: BranchName,
  targetBranch: BranchName,
  gitUrl: z.string().min(1).max(2048),
  entryId: Id,
  beadId: Id,
  agentId: Id,
  callbackUrl: HttpUrl.optional(),
  envVars: EnvVars.optional(),
  /** Ticktown: exactly what was handed in; the branch may have moved since. */
  commit: CommitId.optional(),
  /** Ticktown: `<entry id>:<attempt>`, echoed in the callback as `dispatch_id`. */
  dispatchId: z.string().min(1).max(160).optional(),
  place: Place.optional(),
});
export type MergeRequest = z.infer<typeof MergeRequest>;

export const MergeAnswer = z.object({ status: z.literal("accepted") });
export type MergeAnswer = z.infer<typeof MergeAnswer>;

/** Ticktown: POST /repositories/look: is this repository fit for a rig? Asked before anything is paid for. */
export const LookRequest = z.object({
  gitUrl: z.string().min(1).max(2048),
  /** Where work would be merged. */
  targetBranch: BranchName,
  envVars: EnvVars.optional(),
});
export type LookRequest = z.infer<typeof LookRequest>;

/** What may keep work from being merged, with what helps. */
export const LookWarning = z.object({
  /** `not_looked`: said by the rig's side, where nobody could look. */
  code: z.enum(["unreadable", "checked_out", "no_push", "not_looked"]),
  sentence: z.string(),
});
export type LookWarning = z.infer<typeof LookWarning>;

export const LookAnswer = z.discriminatedUnion("result", [
  z.object({ result: z.literal("ok"), warnings: z.array(LookWarning) }),
  /** No agent could work on it, whatever login it is given. */
  z.object({ result: z.literal("refused"), code: z.string(), sentence: z.string() }),
]);
export type LookAnswer = z.infer<typeof LookAnswer>;

/** Ticktown: POST /agents/:id/sync: brings what the agent's clone calls `origin` up to date with the remote. */
export const SyncRequest = z.object({
  rigId: Id,
  gitUrl: z.string().min(1).max(2048),
  targetBranch: BranchName,
  envVars: EnvVars.optional(),
  place: Place.optional(),
});
export type SyncRequest = z.infer<typeof SyncRequest>;

export const SyncAnswer = z.object({
  synced: z.literal(true),
  /** The target branch's commit at the remote; null: it has no such branch. */
  target: z.string().nullable(),
});
export type SyncAnswer = z.infer<typeof SyncAnswer>;

/** One thing that an agent printed or that happened to its process. `id` ascends within an agent. */
export const AgentEvent = z.object({
  id: z.number().int(),
  type: z.string(),
  data: z.unknown(),
  at: z.string(),
});
export type AgentEvent = z.infer<typeof AgentEvent>;

export const AgentEvents = z.object({ events: z.array(AgentEvent) });
export type AgentEvents = z.infer<typeof AgentEvents>;

export const StreamTicket = z.object({ ticket: z.string(), expiresAt: z.string() });
export type StreamTicket = z.infer<typeof StreamTicket>;

/** Since when something of each of these beads was seen to be of no open one, ms. The rig keeps it where the disk does not last. */
const Ended = z.record(z.string().max(400), z.number());

/** Ticktown: POST /rigs/:id/tidy: what of the rig there still is; of all else the container gives the disk back. */
export const TidyRequest = z.object({
  /** Agents that are not deleted. */
  agents: z.array(Id).max(100_000),
  /** Beads that have not ended, and the branch of each. */
  beads: z.array(z.object({ id: Id, branch: z.string().min(1).max(255) })).max(100_000),
  /** Clones and refs of all other beads go this long after they were first not among these. */
  keepDays: z.number().min(0).max(3_650),
  /** The remote, and what its login needs: where the disk does not last, refs were pushed there, which go as well. */
  gitUrl: z.string().min(1).max(2048).optional(),
  envVars: EnvVars.optional(),
  /** What the last answer said. */
  ended: Ended.optional(),
});
export type TidyRequest = z.infer<typeof TidyRequest>;

export const TidyAnswer = z.object({
  /** Clones, refs and folders that went. */
  removed: z.int().min(0),
  /** When the next thing has been kept long enough; null: nothing waits. */
  nextAt: z.string().nullable(),
  ended: Ended.optional(),
  disk: z.object({ free_bytes: z.number(), total_bytes: z.number(), rig_bytes: z.number().nullable() }),
});
export type TidyAnswer = z.infer<typeof TidyAnswer>;

/** Ticktown: POST /rigs/:id/halt, and POST /halt for all rigs: everything of it is ended within seconds. `left`: processes that are not. */
export const HaltAnswer = z.object({ halted: z.literal(true), left: z.int().min(0) });
export type HaltAnswer = z.infer<typeof HaltAnswer>;

/** Ticktown: the container's disk, and what all rigs had of it when that was measured last. */
export const DiskUse = z.object({
  free_bytes: z.number(),
  total_bytes: z.number(),
  rigs_bytes: z.number(),
});
export type DiskUse = z.infer<typeof DiskUse>;

export const Health = z.object({
  status: z.enum(["ok", "degraded"]),
  /** Agents that are starting, running or stopping. */
  agents: z.number().int(),
  /** Live agent processes. */
  servers: z.number().int(),
  /** Seconds since the control server started. */
  uptime: z.number(),
  /** Ticktown: why it is degraded. */
  reasons: z.array(z.string()).optional(),
  disk: DiskUse.optional(),
  /** Ticktown: what agents and checks are kept in, in one line. */
  box: z.string().optional(),
  instance: Instance.optional(),
});
export type Health = z.infer<typeof Health>;

/** The body of every refusal. `code` is for programs, `error` is for people. */
export const ControlError = z.object({
  error: z.string(),
  code: z.string().optional(),
  issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
export type ControlError = z.infer<typeof ControlError>;

/** Ticktown: codes of refusals that say something of the place and nothing of the work: the start is tried again, uncharged. */
const OF_PLACE: readonly string[] = [
  "setup_failed",
  "disk_full",
  "submodules_failed",
  "remote_unreachable",
  "box_required",
  "box_read_refused",
  "limits_failed",
  "default_branch_missing",
  "empty_repository",
  "agent_command_missing",
  "runtime_unknown",
  "runtime_missing",
];

/** @param text a code, or a reason that begins with one */
export const isOfPlace = (text: string): boolean =>
  OF_PLACE.some((code) => text === code || text.startsWith(`${code}:`));

export const MergeFailure = z.enum([
  "branch_missing",
  "remote_unreachable",
  "empty_repository",
  "target_missing",
  "push_rejected",
  "internal",
]);
export type MergeFailure = z.infer<typeof MergeFailure>;

/** POST {rig API}/review-queue/:entryId/complete, or callbackUrl. `failed` and what follows it are Ticktown's. */
export const MergeReport = z.object({
  status: z.enum(["merged", "conflict", "failed"]),
  message: z.string(),
  commit_sha: z.string().optional(),
  reason: MergeFailure.optional(),
  dispatch_id: z.string().optional(),
});
export type MergeReport = z.infer<typeof MergeReport>;

/** Ticktown: what this container can do beyond the protocol. A container that answers 404 can do none of it. */
export const Capabilities = z.object({
  /** It looks at what is handed in. */
  inspect: z.boolean(),
  /** Its disk may be gone after a restart: what must last is pushed to the remote. */
  ephemeral: z.boolean(),
  /** It runs trains, and so can check what it merges. */
  trains: z.boolean().optional(),
  /** What keeps checks away from everything else here. */
  box: z.enum(["bwrap", "none"]).optional(),
  /** What keeps agents away from it. */
  agentBox: z.enum(["bwrap", "none"]).optional(),
  /** The coding agent that runs where a start names none; null: a plain command. */
  runtime: z.string().max(64).nullable().optional(),
});
export type Capabilities = z.infer<typeof Capabilities>;

/** Ticktown: POST /agents/:id/inspect: look at what this agent hands in, and keep its commit before saying accepted. */
export const InspectRequest = z.object({
  dispatchId: DispatchId,
  rigId: Id,
  townId: Id,
  beadId: Id,
  gitUrl: z.string().min(1).max(2048),
  /** What the agent was granted. */
  branch: BranchName,
  /** What the agent named in its done; looked at as a name only, and may be no name at all. */
  named: z.string().max(1_000),
  targetBranch: BranchName,
  resolution: z.enum(["work", "no_change"]),
  /** A person takes this commit as it is: only that it is the agent's own and ahead is looked at. */
  asIs: CommitId.nullable(),
  /** More deletions than this are refused. */
  maxDeletions: z.int().min(0),
  envVars: EnvVars.optional(),
  place: Place.optional(),
});
export type InspectRequest = z.infer<typeof InspectRequest>;

/** What was seen. `lost`: the clone is gone, and nothing of it was kept. */
export const InspectAnswer = z.discriminatedUnion("result", [
  z.object({
    result: z.literal("accepted"),
    branch: z.string(),
    commit: CommitId,
    base: z.string().nullable(),
    ahead: z.int().min(0),
    files: z.int().min(0),
    deletions: z.int().min(0),
  }),
  z.object({
    result: z.literal("refused"),
    code: RefusalCode,
    sentence: z.string().max(500),
    /** A commit of this agent's own, ahead of its base, that a person may take as it is. */
    commit: z.string().nullable(),
  }),
  z.object({ result: z.literal("no_change") }),
  z.object({ result: z.literal("lost"), sentence: z.string().max(500) }),
]);
export type InspectAnswer = z.infer<typeof InspectAnswer>;
