/**
 * The wire between a rig and the control server in its town's container: one schema per message, used by both ends.
 * Unknown keys are accepted and ignored, so that either end may be newer than the other. Times are ISO 8601 UTC strings.
 */
import * as z from "zod";

/** Ids become folder names in the container, so they must not be able to say `..` or `/`. */
export const Id = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/, "must be 1 to 128 of A-Z a-z 0-9 . _ : - and begin with a letter or digit")
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
  /** Ticktown: fences everything that this start causes. The same id twice starts one process. */
  dispatchId: DispatchId.optional(),
  /** Ticktown: what the agent saved last (any JSON), handed to the process in a file. */
  checkpoint: z.unknown().optional(),
});
export type StartAgentRequest = z.infer<typeof StartAgentRequest>;

export const AgentProcessStatus = z.enum(["starting", "running", "stopping", "exited", "failed"]);
export type AgentProcessStatus = z.infer<typeof AgentProcessStatus>;

export const AgentStatus = z.object({
  agentId: z.string(),
  status: AgentProcessStatus,
  startedAt: z.string(),
  lastActivityAt: z.string(),
  activeTools: z.array(z.string()),
  messageCount: z.number().int(),
  exitReason: z.string().nullable(),
  /** Ticktown: the dispatch that this status is about. */
  dispatchId: z.string().optional(),
});
export type AgentStatus = z.infer<typeof AgentStatus>;

/** GET /agents (Ticktown): every agent that the container knows, in one call. */
export const AgentStatusList = z.object({ agents: z.array(AgentStatus) });
export type AgentStatusList = z.infer<typeof AgentStatusList>;

export const StopSignal = z.enum(["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGKILL"]);

export const StopRequest = z.object({
  signal: StopSignal.optional(),
  /** Ticktown: a stop of an older dispatch than the running one stops nothing. */
  dispatchId: DispatchId.optional(),
  /** Ticktown: hand the work back, that is commit what is uncommitted and report reason `evicted`. */
  evict: z.boolean().optional(),
});
export type StopRequest = z.infer<typeof StopRequest>;

export const StopAnswer = z.object({ stopped: z.boolean() });
export type StopAnswer = z.infer<typeof StopAnswer>;

/** Longer messages belong in a file or a mail: this one goes through a pipe that the agent may read slowly. */
const MESSAGE_MAX_CHARS = 256 * 1024;
export const MessageRequest = z.object({ prompt: z.string().min(1).max(MESSAGE_MAX_CHARS) });
export type MessageRequest = z.infer<typeof MessageRequest>;

export const MessageAnswer = z.object({ sent: z.literal(true) });
export type MessageAnswer = z.infer<typeof MessageAnswer>;

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
  /** Ticktown: `<entry id>:<attempt>`, echoed in the callback as `dispatch_id`. */
  dispatchId: z.string().min(1).max(160).optional(),
});
export type MergeRequest = z.infer<typeof MergeRequest>;

export const MergeAnswer = z.object({ status: z.literal("accepted") });
export type MergeAnswer = z.infer<typeof MergeAnswer>;

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
});
export type Health = z.infer<typeof Health>;

/** The body of every refusal. `code` is for programs, `error` is for people. */
export const ControlError = z.object({
  error: z.string(),
  code: z.string().optional(),
  issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
export type ControlError = z.infer<typeof ControlError>;

/** POST {rig API}/agents/:id/completed. */
export const CompletedReport = z.object({
  status: z.enum(["completed", "failed"]),
  reason: z.string().optional(),
  /** When a rate limit ends, if the agent knew. */
  reset_at: z.string().optional(),
  dispatch_id: z.string().optional(),
});
export type CompletedReport = z.infer<typeof CompletedReport>;

/** POST {rig API}/agents/:id/heartbeat. */
export const HeartbeatReport = z.object({
  dispatch_id: z.string().optional(),
  status: AgentProcessStatus.optional(),
  last_activity_at: z.string().optional(),
  active_tools: z.array(z.string()).optional(),
  message_count: z.number().int().optional(),
});
export type HeartbeatReport = z.infer<typeof HeartbeatReport>;

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
