import * as z from "zod";
import { BeadStatus, BeadType, Priority, Role } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";

/**
 * The messages of the Worker API: one schema each, used to check requests, to write the OpenAPI document and, in the contract
 * test, to check answers. Unknown keys are ignored. Times are ISO 8601 UTC strings.
 */

export const Id = z.string().min(1).max(128).regex(/^[A-Za-z0-9][A-Za-z0-9._:@-]*$/, "must begin with a letter or digit and hold only letters, digits, and . _ : @ -");
const Title = z.string().min(1).max(LIMITS.title_chars);
const Text = z.string().max(LIMITS.bead_body_chars);
const Time = z.iso.datetime({ offset: true });
const Json = z.json();
const Metadata = z.record(z.string().max(LIMITS.title_chars), Json);
const Label = z.string().min(1).max(LIMITS.label_chars);

export const Bead = z.object({
  id: z.string(),
  type: BeadType,
  status: BeadStatus,
  title: z.string(),
  body: z.string().nullable(),
  assignee_agent_id: z.string().nullable(),
  convoy_id: z.string().nullable(),
  molecule_id: z.string().nullable(),
  priority: Priority,
  labels: z.array(z.string()),
  metadata: Metadata,
  created_at: Time,
  updated_at: Time,
  closed_at: Time.nullable(),
});

export const AgentState = z.enum(["idle", "working", "blocked", "exited", "restarting"]);

export const Agent = z.object({
  id: z.string(),
  role: Role,
  name: z.string(),
  identity: z.string(),
  status: AgentState,
  current_hook_bead_id: z.string().nullable(),
  dispatch_attempts: z.int(),
  last_activity_at: Time.nullable(),
  checkpoint: Json.nullable(),
  created_at: Time,
});

export const Mail = z.object({
  id: z.string(),
  from_agent_id: z.string(),
  to_agent_id: z.string(),
  subject: z.string(),
  body: z.string(),
  delivered: z.boolean(),
  created_at: Time,
  delivered_at: Time.nullable(),
});

export const BeadEventType = z.enum(["created", "assigned", "hooked", "unhooked", "status_changed", "closed", "escalated", "mail_sent", "review_submitted", "review_completed", "agent_spawned", "agent_exited"]);
export const BeadEvent = z.object({
  id: z.string(),
  bead_id: z.string(),
  agent_id: z.string().nullable(),
  event_type: BeadEventType,
  old_value: z.string().nullable(),
  new_value: z.string().nullable(),
  metadata: Metadata,
  created_at: Time,
});

export const AgentEvent = z.object({ id: z.int(), agent_id: z.string(), event_type: z.string(), data: Json, created_at: Time });

export const Prime = z.object({ agent: Agent, hooked_bead: Bead.nullable(), undelivered_mail: z.array(Mail), open_beads: z.array(Bead) });

export const Town = z.object({ id: z.string(), user_id: z.string(), name: z.string(), created_at: Time });
export const RigInfo = z.object({ id: z.string(), town_id: z.string(), user_id: z.string(), name: z.string(), git_url: z.string(), default_branch: z.string(), created_at: Time });

// Requests

const beadFields = {
  title: Title,
  body: Text.nullish(),
  priority: Priority.default("medium"),
  labels: z.array(Label).max(LIMITS.labels).default([]),
  metadata: Metadata.nullish().transform((value) => value ?? {}),
  convoy_id: Id.nullish(),
  blocked_by: z.array(Id).max(LIMITS.blockers).default([]),
  defer_until: Time.nullish(),
};

export const BeadCreate = z.object({ type: BeadType, ...beadFields, assignee_agent_id: Id.nullish() });
export const Sling = z.object(beadFields);
export const BeadStatusUpdate = z.object({ status: BeadStatus, agent_id: Id });
export const ByAgent = z.object({ agent_id: Id });
export const AgentCreate = z.object({ role: Role, name: Title, identity: Title });
export const AgentGetOrCreate = z.object({ role: Role });
export const Hook = z.object({ bead_id: Id });
export const Done = z.object({ branch: z.string().min(1).max(250), pr_url: z.string().max(2_000).nullish(), summary: z.string().max(LIMITS.mail_body_chars).nullish() });
export const Completed = z.object({ status: z.enum(["completed", "failed"]), reason: z.string().max(10_000).nullish(), reset_at: Time.nullish(), dispatch_id: z.string().max(200).nullish() });
export const Checkpoint = z.object({ data: Json });
export const Heartbeat = z.looseObject({ dispatch_id: z.string().max(200).nullish() });
export const AgentEventCreate = z.object({ agent_id: Id, event_type: z.string().min(1).max(200), data: Json.optional() });
export const MailCreate = z.object({ from_agent_id: Id, to_agent_id: Id, subject: Title, body: z.string() });
export const ReviewSubmit = z.object({ agent_id: Id, bead_id: Id, branch: z.string().min(1).max(250), pr_url: z.string().max(2_000).nullish(), summary: z.string().max(LIMITS.mail_body_chars).nullish() });
export const ReviewComplete = z.object({
  status: z.enum(["merged", "conflict", "failed"]),
  message: z.string().max(100_000).default(""),
  commit_sha: z.string().max(128).nullish(),
  reason: z.string().max(200).nullish(),
  dispatch_id: z.string().max(200).nullish(),
});
export const Escalation = z.object({ title: Title, body: Text.nullish(), priority: Priority.default("high"), metadata: Metadata.nullish().transform((value) => value ?? {}) });
export const Answer = z.object({ answer: z.string().min(1) });
export const TownCreate = z.object({ name: Title });
export const RigCreate = z.object({
  town_id: Id,
  name: Title,
  git_url: z.string().min(1).max(2_000),
  default_branch: z.string().min(1).max(250).default("main"),
  kilocode_token: z.string().max(10_000).nullish(),
  /** Environment of the rig's processes: model keys, git credentials. Write-only. */
  secrets: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(10_000)).nullish(),
});

/** `limit` and `offset` are checked by hand: the protocol fixes the sentence of their error. */
export const BeadQuery = z.object({ status: BeadStatus.optional(), type: BeadType.optional(), assignee_agent_id: z.string().optional(), convoy_id: z.string().optional(), limit: z.string().optional(), offset: z.string().optional() });
export const AgentQuery = z.object({ role: Role.optional(), status: AgentState.optional(), limit: z.string().optional(), offset: z.string().optional() });
export const AgentEventQuery = z.object({ after_id: z.string().optional(), limit: z.string().optional() });
export const EventQuery = z.object({ since: z.string().optional(), bead_id: z.string().optional(), limit: z.string().optional() });
export const JournalQuery = z.object({ after: z.string().optional(), limit: z.string().optional() });
