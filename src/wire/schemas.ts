import * as z from "zod";
import { Effect } from "../events/effects.ts";
import { BeadStatus, BeadType, Priority, Role, type Recorded } from "../events/facts.ts";
import { HandInDecision, Resolution } from "../events/hand-in.ts";
import { DOOR, LIMITS } from "../events/limits.ts";
import { RefusalCode } from "../events/refusal-code.ts";
import { BEAD_EVENT_TYPES } from "../events/row.ts";
import { unknownRuntime } from "../events/runtimes.ts";
import { RuntimeName, Session as Conversation } from "./agent-reports.ts";
import { isProtocolName } from "./env-names.ts";

export { Needs, WireNeed } from "./needs.ts";
export { Answer, Asked, Completed, Heartbeat, LeftBehind } from "./reports.ts";

/**
 * The messages of the Worker API: one schema each, used to check requests, to write the OpenAPI document and, in the contract
 * test, to check answers. Unknown keys are ignored. Times are ISO 8601 UTC strings.
 */

export const Id = z
  .string()
  .min(1)
  .max(128)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:@-]*$/,
    "must begin with a letter or digit and hold only letters, digits, and . _ : @ -",
  );
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
export type Bead = z.infer<typeof Bead>;

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
  /** What its newest dispatch said last of itself, for people. */
  status_line: z.string().optional(),
  /** What it waits for an answer to; its conversation; and what all of them on its newest bead have used. */
  ask: z.object({ id: z.string(), kind: z.string(), text: z.string(), command: z.string().nullable() }).optional(),
  session: Conversation.optional(),
  /** Who keeps it from new dispatches, since when and why. */
  held: z.object({ by: z.string(), reason: z.string(), since: Time }).optional(),
  usage: z
    .object({
      input_tokens: z.int(),
      cached_tokens: z.int(),
      output_tokens: z.int(),
      cost_microdollars: z.int().nullable(),
    })
    .optional(),
  created_at: Time,
});
export type Agent = z.infer<typeof Agent>;

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
export type Mail = z.infer<typeof Mail>;

export const BeadEventType = z.enum(BEAD_EVENT_TYPES);
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
export type BeadEvent = z.infer<typeof BeadEvent>;

export const AgentEvent = z.object({
  id: z.int(),
  agent_id: z.string(),
  event_type: z.string(),
  data: Json,
  created_at: Time,
});
export type AgentEvent = z.infer<typeof AgentEvent>;

export const Prime = z.object({
  agent: Agent,
  hooked_bead: Bead.nullable(),
  undelivered_mail: z.array(Mail),
  open_beads: z.array(Bead),
});

export const Town = z.object({ id: z.string(), user_id: z.string(), name: z.string(), created_at: Time });
export type Town = z.infer<typeof Town>;
export const RigInfo = z.object({
  id: z.string(),
  town_id: z.string(),
  user_id: z.string(),
  name: z.string(),
  git_url: z.string(),
  default_branch: z.string(),
  created_at: Time,
  /** When its name, its repository or its branch was changed last; absent: of an earlier version, which does not say. */
  updated_at: Time.optional(),
});
export type RigInfo = z.infer<typeof RigInfo>;

/** One effect that was asked for and is not settled. */
export const Pending = z.object({
  key: z.string(),
  /** Seq of the fact whose transition emitted it. */
  seq: z.int(),
  kind: z.string(),
  effect: Effect,
  attempts: z.int(),
  /** When it is tried (again), ms; 0: at once. */
  next_at: z.int(),
  error: z.string().nullable(),
  in_flight: z.boolean(),
});
export type Pending = Readonly<z.infer<typeof Pending>>;

/** What a TICK that was asked for came to. */
export const TickReport = z.object({
  entries: z
    .array(
      z
        .object({
          fact: z.custom<Recorded>(),
          effects: z.array(Effect).readonly(),
          missing: z.string().nullable(),
        })
        .readonly(),
    )
    .readonly(),
  error: z.string().nullable(),
});
export type TickReport = Readonly<z.infer<typeof TickReport>>;

/** What an operator's token is good for: looking; everything on rigs; also access, secrets and deletions. */
export const Scope = z.enum(["read", "operate", "admin"]);
export const OperatorToken = z.object({
  id: z.string(),
  name: z.string(),
  scope: Scope,
  created_at: Time,
  revoked_at: Time.nullable(),
  /** To within a day. */
  used_at: Time.nullable(),
  /** When it ends unless it is used before; null: not by itself. */
  expires_at: Time.nullable(),
});

// Requests

/** A runtime that somebody asks for is one that there is; in a report it is any name. */
export const AskedRuntime = RuntimeName.superRefine((name, context) => {
  const message = unknownRuntime(name);
  if (message !== null) context.addIssue({ code: "custom", message });
});

export const beadFields = {
  title: Title,
  body: Text.nullish(),
  priority: Priority.default("medium"),
  labels: z.array(Label).max(LIMITS.labels).default([]),
  metadata: Metadata.nullish().transform((value) => value ?? {}),
  convoy_id: Id.nullish(),
  blocked_by: z.array(Id).max(LIMITS.blockers).default([]),
  defer_until: Time.nullish(),
  /** Ticktown: which agent program and which model; without them as its role and its rig say. */
  runtime: AskedRuntime.nullish(),
  model: z.string().min(1).max(LIMITS.model_chars).nullish(),
  /** Ticktown: an agent that is busy without progress for longer is stopped and tries again, ms. */
  expect_ms: z.int().min(1_000).max(31_536_000_000).nullish(),
};

export const BeadCreate = z.object({
  type: BeadType,
  ...beadFields,
  assignee_agent_id: Id.nullish(),
  /** It waits for a sling: it is not dispatched before somebody puts it on an agent's hook. */
  hold: z.boolean().nullish(),
});
export const Sling = z.object(beadFields);
export const BeadStatusUpdate = z.object({ status: BeadStatus, agent_id: Id.nullish() });
export const ByAgent = z.object({ agent_id: Id });
export const AgentCreate = z.object({ role: Role, name: Title, identity: Title });
export const AgentGetOrCreate = z.object({ role: Role });
/** Why, for whoever looks at it later. */
export const AgentHold = z.object({ reason: z.string().max(LIMITS.reason_chars).nullish() });
export const Hook = z.object({ bead_id: Id });
export const Done = z.object({
  branch: z.string().min(1).max(250),
  pr_url: z.string().max(2_000).nullish(),
  summary: z.string().max(LIMITS.mail_body_chars).nullish(),
  /** Ticktown: `no_change`: there was nothing to change. */
  resolution: Resolution.default("work"),
  /** Ticktown: why there was nothing to change, in words. */
  reason: z.string().max(LIMITS.mail_body_chars).nullish(),
  /** Ticktown: wait as long for what came of looking at it, at most a minute. */
  wait_ms: z.int().min(0).max(LIMITS.hand_in_wait_ms).nullish(),
});
/** What came of looking at what was handed in; `waiting`: nothing yet. */
export const HandInAnswer = z.object({
  code: z.union([z.enum(["accepted", "no_change", "unseen", "unanswered", "lost", "waiting"]), RefusalCode]),
  sentence: z.string(),
});
export type HandInAnswer = z.infer<typeof HandInAnswer>;
export const DoneAnswer = z.object({ done: z.literal(true), hand_in: HandInAnswer.optional() });
/** A person ends the back and forth of a hand-in that was refused too often. */
export const HandInSettle = z.object({
  decision: HandInDecision,
  note: z.string().max(LIMITS.mail_body_chars).nullish(),
});
export const Checkpoint = z.object({ data: Json });
/** One line: it is shown in a list. */
export const StatusSay = z.object({
  status: z
    .string()
    .min(1)
    .max(LIMITS.status_chars)
    .regex(/^(?=.*\S)[^\p{Cc}\p{Zl}\p{Zp}]*$/u, "must be one line that is not blank"),
});
export const AgentEventCreate = z.object({
  agent_id: Id,
  event_type: z.string().min(1).max(200),
  data: Json.optional(),
});
export const MailCreate = z.object({ from_agent_id: Id, to_agent_id: Id, subject: Title, body: z.string() });
export const ReviewSubmit = z.object({
  agent_id: Id,
  bead_id: Id,
  branch: z.string().min(1).max(250),
  pr_url: z.string().max(2_000).nullish(),
  summary: z.string().max(LIMITS.mail_body_chars).nullish(),
});
export const ReviewComplete = z.object({
  status: z.enum(["merged", "conflict", "failed"]),
  message: z.string().max(100_000).default(""),
  commit_sha: z.string().max(128).nullish(),
  reason: z.string().max(200).nullish(),
  dispatch_id: z.string().max(200).nullish(),
});
export const Escalation = z.object({
  title: Title,
  body: Text.nullish(),
  priority: Priority.default("medium"),
  metadata: Metadata.nullish().transform((value) => value ?? {}),
});
export const TownCreate = z.object({ name: Title });
/** A rig's secrets by name; none may be called like what each start says itself. An old one of such a name can still be taken away. */
const noneIsOurs = (secrets: Readonly<Record<string, string | null>>): boolean =>
  Object.entries(secrets).every(([name, value]) => value === null || !isProtocolName(name));
const NAME_IS_OURS =
  "no secret may be called TICKTOWN_... or GASTOWN_...: Ticktown sets these variables itself at every start; choose another name";
const MOST_SECRETS = 100;

export const SecretsUpdate = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/), z.string().max(10_000).nullable())
  .refine((secrets) => Object.keys(secrets).length <= MOST_SECRETS, `at most ${MOST_SECRETS} at a time`)
  .refine(noneIsOurs, NAME_IS_OURS);
export const RigCreate = z.object({
  town_id: Id,
  name: Title,
  git_url: z.string().min(1).max(2_000),
  default_branch: z.string().min(1).max(250).default("main"),
  kilocode_token: z.string().max(10_000).nullish(),
  /** Environment of the rig's processes: model keys, git credentials. Write-only. */
  secrets: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(10_000))
    .refine(noneIsOurs, NAME_IS_OURS)
    .nullish(),
});

/** `limit` and `offset` are checked by hand: the protocol fixes the sentence of their error. */
export const BeadQuery = z.object({
  status: BeadStatus.optional(),
  type: BeadType.optional(),
  assignee_agent_id: z.string().optional(),
  convoy_id: z.string().optional(),
  limit: z.string().optional(),
  offset: z.string().optional(),
});
export const AgentQuery = z.object({
  role: Role.optional(),
  status: AgentState.optional(),
  limit: z.string().optional(),
  offset: z.string().optional(),
});
export const AgentEventQuery = z.object({ after_id: z.string().optional(), limit: z.string().optional() });
export const EventQuery = z.object({
  since: z.string().optional(),
  bead_id: z.string().optional(),
  limit: z.string().optional(),
});
export const JournalQuery = z.object({ after: z.string().optional(), limit: z.string().optional() });

export const OperatorTokenCreate = z.object({
  name: z.string().min(1).max(DOOR.operator_name_chars),
  scope: Scope.default("admin"),
});
export const OperatorCode = z.object({ code: z.string(), expires_at: Time });
export const SessionCreate = z.object({ code: z.string().min(1).max(200) });
export const Session = z.object({ token: z.string(), operator: z.string(), scope: Scope });
