/**
 * What the control server tells the rig of an agent's process, when it is asked and by itself. A part of the contract in container.ts.
 * Whatever only a driver of the agent can know is optional: a process without one says none of it.
 */
import * as z from "zod";
import { AccountId } from "../events/account.ts";
import { Ending } from "../events/ending.ts";

export { Ending } from "../events/ending.ts";

export const AgentProcessStatus = z.enum(["starting", "running", "stopping", "exited", "failed"]);
export type AgentProcessStatus = z.infer<typeof AgentProcessStatus>;

/** A time that somebody names, ms; null where it is none, or says no zone: it would be another time elsewhere. */
export function timeOf(text: string): number | null {
  const at = z.iso.datetime({ offset: true }).safeParse(text);
  return at.success ? Date.parse(at.data) : null;
}

/** Limits of what is said of an agent, in characters and pieces. */
export const SAID = {
  driver_chars: 64,
  session_chars: 200,
  model_chars: 200,
  runtime_chars: 64,
  ask_id_chars: 64,
  ask_text_chars: 4_000,
  ask_command_chars: 8_000,
  ask_options: 8,
  option_id_chars: 64,
  option_label_chars: 200,
  answer_chars: 65_536,
  tool_name_chars: 128,
  tools_told: 200,
  used_max: 100_000_000_000,
} as const;

/** Ticktown: the agent's conversation, by which its driver can take it up again. */
export const Session = z.object({
  driver: z.string().min(1).max(SAID.driver_chars),
  id: z.string().min(1).max(SAID.session_chars),
});
export type Session = z.infer<typeof Session>;

/** Name of a preset: which agent program runs, and how. */
export const RuntimeName = z
  .string()
  .min(1)
  .max(SAID.runtime_chars)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:-]*$/,
    "must begin with a letter or digit and hold only letters, digits, and . _ : -",
  );

const amount = z.int().min(0);
/** Beyond any conversation that there was: a number that nobody could have used says nothing, and no sum of such ones is too large to be told. */
const used = z.int().min(0).max(SAID.used_max);

/** Ticktown: what a conversation has used so far, from its beginning. In one that goes on, no number ever gets smaller. */
export const Usage = z.object({
  /** Id of the conversation. */
  session: z.string().min(1).max(SAID.session_chars),
  input_tokens: used,
  /** Of the input, what the provider had in its cache. */
  cached_tokens: used,
  output_tokens: used,
  model: z.string().max(SAID.model_chars).nullable().default(null),
  /** Millionths of a dollar; null: nobody says what it costs. */
  cost_microdollars: used.nullable().default(null),
  /** Counted at the container's own door, which refuses the next answer at a cap. */
  at_door: z.boolean().optional(),
  runtime: RuntimeName.optional(),
});
export type Usage = z.infer<typeof Usage>;

const Left = z.object({ tokens: amount.nullable(), microdollars: amount.nullable() });

/** Ticktown: what may be spent yet, as the rig has counted; null: no cap. With a start, and in the answer to a heartbeat. */
export const BudgetOrder = z.object({
  /** Seq of the rig's newest fact: an order that overtook a newer one is known by it. */
  as_of: amount,
  /** Of the bead, and of the rig's day of UTC. */
  bead: Left,
  day: Left,
  day_ends_at: z.iso.datetime({ offset: true }),
  /** What the day has left may become more: at its end it is tried again after this. */
  day_retry_ms: amount.optional(),
  /** What of the dispatch's own conversation is in the count; what it uses beyond that is to be taken off what is left. */
  counted: z
    .object({
      session: z.string().max(SAID.session_chars),
      tokens: amount,
      microdollars: amount,
      /** Of the tokens, so that only what came after them is estimated by today's prices. */
      input_tokens: amount.optional(),
      cached_tokens: amount.optional(),
      output_tokens: amount.optional(),
    })
    .nullable(),
  answers_in_flight: z.int().min(1).max(1_000),
  /** By which what an answer costs is estimated where nobody says: by the beginning of a model's name, for a million tokens. */
  prices: z.record(z.string().max(SAID.model_chars), z.object({ input: amount, cached: amount, output: amount })),
});
export type BudgetOrder = z.infer<typeof BudgetOrder>;

/** What a heartbeat is answered, in the API's envelope. */
export const HeartbeatAnswer = z.object({ heartbeat: z.literal(true), budget: BudgetOrder.optional() });

/** Ticktown: the agent has asked its model and was not answered yet. `until`: when it tries again, if it says so. */
export const Waiting = z.object({
  for: z.literal("model"),
  since: z.iso.datetime({ offset: true }),
  until: z.iso.datetime({ offset: true }).nullable().default(null),
});
export type Waiting = z.infer<typeof Waiting>;

/** Ticktown: the credential that its model's provider has limited, by a digest, and when that ends. */
export const Limited = z.object({ account: AccountId, until: z.iso.datetime({ offset: true }) });
export type Limited = z.infer<typeof Limited>;

/** Ticktown: what an agent had left that is on no branch, and where it is now. */
export const SetAside = z.object({
  beadId: z.string(),
  /** Who left it. */
  agentId: z.string(),
  /** In the rig's store; null: in the folder that the sentence names. */
  ref: z.string().nullable(),
  commit: z.string().nullable(),
  /** How many files were uncommitted. */
  files: z.number().int(),
  /** Whether it lies, uncommitted, in the clone of the dispatch that this is an answer to. */
  givenBack: z.boolean(),
  sentence: z.string(),
});
export type SetAside = z.infer<typeof SetAside>;

/** Ticktown: the newest commit of this agent's own work on its branch; not said where it has none yet. */
export const Head = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, "must be a full commit id");

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
  /** Ticktown: what its start found in the way and kept, or gave back. */
  setAside: z.array(SetAside).optional(),
  /** Ticktown: when this dispatch last ended a tool or said something new. */
  progressAt: z.string().optional(),
  /** Ticktown: how many tools that this dispatch had not run like this before have ended in it. */
  shown: z.number().int().min(0).optional(),
  head: Head.optional(),
  session: Session.optional(),
  usage: Usage.optional(),
  waiting: Waiting.nullable().optional(),
  limited: Limited.optional(),
});
export type AgentStatus = z.infer<typeof AgentStatus>;

/** A tool that an agent's program has run: what it is called, when it began and ended (ms), and whether it ended well. Nothing of what it did. */
export const ToolRun = z.object({
  name: z.string().min(1).max(SAID.tool_name_chars),
  from: z.int().min(0),
  to: z.int().min(0),
  ok: z.boolean(),
});
export type ToolRun = z.infer<typeof ToolRun>;

/** POST {rig API}/agents/:id/completed. `bead_id` is whose work it was, `tail` the end of what it printed. */
export const CompletedReport = z.object({
  status: z.enum(["completed", "failed"]),
  reason: z.string().optional(),
  /** When a rate limit ends, if the agent knew. */
  reset_at: z.string().optional(),
  dispatch_id: z.string().optional(),
  bead_id: z.string().optional(),
  tail: z.string().optional(),
  /** What was left in a container whose disk does not last, and what became of it. */
  set_aside: z.array(SetAside).optional(),
  ending: Ending.optional(),
  /** What ran. */
  runtime: RuntimeName.optional(),
  limited: Limited.optional(),
  /** What it has used, all in all. */
  usage: Usage.optional(),
  /** It ended with an earlier control server: nobody has heard its last words. */
  unheard: z.literal(true).optional(),
  /** Where its start asked for it: the tools that it has run, the newest of them, in the order of their ends. */
  tools: z.array(ToolRun).max(SAID.tools_told).optional(),
});
export type CompletedReport = z.infer<typeof CompletedReport>;

/** POST {rig API}/agents/:id/heartbeat. Sent early when session or waiting change. */
export const HeartbeatReport = z.object({
  dispatch_id: z.string().optional(),
  status: AgentProcessStatus.optional(),
  last_activity_at: z.string().optional(),
  active_tools: z.array(z.string()).optional(),
  message_count: z.number().int().optional(),
  /** When this dispatch last ended a tool or said something new. */
  progress_at: z.string().optional(),
  /** How many tools that this dispatch had not run like this before have ended in it. */
  shown: z.number().int().min(0).optional(),
  head: Head.optional(),
  session: Session.optional(),
  usage: Usage.optional(),
  /** Null: it waits for nothing, or goes on. */
  waiting: Waiting.nullable().optional(),
  limited: Limited.optional(),
});
export type HeartbeatReport = z.infer<typeof HeartbeatReport>;

export const AskId = z.string().min(1).max(SAID.ask_id_chars);
export const AskOption = z.object({
  id: z.string().min(1).max(SAID.option_id_chars),
  label: z.string().min(1).max(SAID.option_label_chars),
});
export type AskOption = z.infer<typeof AskOption>;

/** POST {rig API}/agents/:id/asked: somebody must answer before the agent goes on. The same again changes nothing. */
export const AskedReport = z.object({
  dispatch_id: z.string().max(200).nullish(),
  /** Unique within the dispatch. */
  ask_id: AskId,
  kind: z.enum(["question", "permission"]),
  text: z.string().max(SAID.ask_text_chars),
  /** Exactly what would be run. */
  command: z.string().max(SAID.ask_command_chars).nullish(),
  options: z.array(AskOption).max(SAID.ask_options).default([]),
});
export type AskedReport = z.infer<typeof AskedReport>;

/** POST /agents/:id/answer: what was decided of an ask. 404 when nobody waits for it. */
export const AnswerRequest = z.object({
  dispatchId: z.string().max(160),
  askId: AskId,
  /** Which of the options that came with it. */
  optionId: z.string().min(1).max(SAID.option_id_chars).optional(),
  text: z.string().max(SAID.answer_chars).optional(),
});
export type AnswerRequest = z.infer<typeof AnswerRequest>;

export const AnswerAnswer = z.object({ answered: z.literal(true) });
export type AnswerAnswer = z.infer<typeof AnswerAnswer>;
