/** Ticktown's tools for an agent: what each takes, says to the rig, and answers. */
import { randomBytes } from "node:crypto";
import * as z from "zod";
import { ASKS_OPEN_MAX, HAND_IN_WAIT_MS, SENTENCE_MAX_CHARS, TOOL_ANSWER_MAX_CHARS } from "../../limits.ts";
import type { Redact } from "../../redact.ts";
import type { Pass } from "./pass.ts";
import type { Rig, RigAnswer } from "./rig.ts";

export interface ToolAnswer {
  readonly ok: boolean;
  readonly text: string;
}

export interface Tool {
  readonly name: string;
  readonly description: string;
  /** JSON schema of its arguments. */
  readonly inputSchema: Record<string, unknown>;
  /** @param args whatever was sent; what does not fit is answered, not thrown */
  readonly call: (args: unknown, context: ToolContext) => Promise<ToolAnswer>;
}

export interface ToolContext {
  readonly pass: Pass;
  readonly rig: Rig;
}

function tool<T>(
  name: string,
  description: string,
  schema: z.ZodType<T>,
  run: (args: T, context: ToolContext) => Promise<ToolAnswer>,
): Tool {
  const { $schema: _, ...inputSchema } = z.toJSONSchema(schema, { io: "input" });
  return {
    name,
    description,
    inputSchema,
    call: async (args, context) => {
      const read = schema.safeParse(args ?? {});
      if (!read.success) {
        const issues = read.error.issues.map(({ path, message }) => `${path.join(".") || "arguments"}: ${message}`);
        return bad(`Nothing was done: ${issues.join("; ")}`);
      }
      const { ok, text } = await run(read.data, context);
      return { ok, text: context.pass.dispatch.redact(text).slice(0, TOOL_ANSWER_MAX_CHARS) };
    },
  };
}

const good = (text: string): ToolAnswer => ({ ok: true, text });
const bad = (text: string): ToolAnswer => ({ ok: false, text });

/** As the rig's own limits are (src/events/limits.ts): a summary and a reason as long as a mail. */
const SUMMARY_MAX_CHARS = 65_536;
const QUESTION_MAX_CHARS = 4_000;
const OPTIONS_MAX = 8;
const LABEL_MAX_CHARS = 200;
/** A rig keeps 256 KiB of JSON. */
const NOTE_MAX_CHARS = 100_000;
/** One line for people. */
const STATUS_MAX_CHARS = 200;

const nothing = z.object({});

export const TOOLS: readonly Tool[] = [
  tool(
    "gt_done",
    "Hand in your work once it is finished and committed on your branch. The answer says whether it was accepted, or what to mend first: then mend it, commit, and call this again. After it was accepted end your turn.",
    z.object({
      summary: z.string().min(1).max(SUMMARY_MAX_CHARS).describe("what you have done, for the people who read it"),
      resolution: z
        .enum(["work", "no_change"])
        .default("work")
        .describe("no_change: there is nothing to change; say why in the summary"),
    }),
    handIn,
  ),
  tool(
    "gt_ask",
    "Ask a person something that you cannot find out or must not decide. End your turn afterwards: the answer comes as your next message.",
    z.object({
      question: z.string().min(1).max(QUESTION_MAX_CHARS),
      options: z
        .array(z.string().min(1).max(LABEL_MAX_CHARS))
        .max(OPTIONS_MAX)
        .default([])
        .describe("answers to choose from"),
    }),
    ask,
  ),
  tool("gt_mail", "Read the mail that others have sent you. Reading it takes it out of your inbox.", nothing, mail),
  tool(
    "gt_checkpoint",
    "Save a note for whoever goes on with this work if you are interrupted: what is done, what is next, what you found out.",
    z.object({ note: z.string().min(1).max(NOTE_MAX_CHARS) }),
    ({ note }, { rig }) => said(rig({ method: "POST", path: "checkpoint", body: { data: { note } } }), "Saved."),
  ),
  tool(
    "gt_progress",
    "Say in one short line what you are doing, for the people who watch.",
    z.object({ text: z.string().min(1).max(10_000) }),
    ({ text }, { rig }) => said(rig({ method: "POST", path: "status", body: { status: oneLine(text) } }), "Said."),
  ),
  tool(
    "gt_prime",
    "Everything that you should know of your work: your bead, your mail, your last checkpoint.",
    nothing,
    async (_, { rig }) => {
      const answer = await rig({ method: "GET", path: "prime" });
      return answer.ok ? good(JSON.stringify(answer.data, null, 2)) : bad(failed(answer));
    },
  ),
  tool(
    "gt_sync",
    "Bring `origin` of your clone up to date with what was merged meanwhile. Your branch and your files stay as they are.",
    nothing,
    sync,
  ),
];

/** The rig has the work; of the others a repetition tells more, or the agent has to mend something. */
const TAKEN: ReadonlySet<string> = new Set(["accepted", "no_change", "unseen"]);
const NOT_KNOWN_YET: ReadonlySet<string> = new Set(["waiting", "unanswered"]);

async function handIn(
  { summary, resolution }: { summary: string; resolution: "work" | "no_change" },
  { pass, rig }: ToolContext,
): Promise<ToolAnswer> {
  const body = {
    branch: pass.dispatch.branch,
    summary,
    resolution,
    ...(resolution === "no_change" ? { reason: summary } : {}),
    wait_ms: HAND_IN_WAIT_MS,
  };
  const answer = await rig({ method: "POST", path: "done", body });
  if (!answer.ok) return bad(failed(answer));
  const { code, sentence } = handInOf(answer.data, pass.dispatch.redact);
  const accepted = TAKEN.has(code);
  if (accepted) pass.handedIn = true;
  pass.tell({ type: "handed_in", code, sentence, accepted });
  if (accepted) return good(`Handed in (${code}). ${sentence} End your turn now.`);
  return NOT_KNOWN_YET.has(code)
    ? good(
        `Handed in, and not looked at yet (${code}). ${sentence} Call gt_done again in a moment to learn what came of it.`,
      )
    : bad(`Not accepted (${code}): ${sentence} Mend it, commit, and call gt_done again.`);
}

/** A rig that says nothing of it has taken it. */
function handInOf(data: unknown, redact: Redact): { code: string; sentence: string } {
  const { code, sentence } = (data as { hand_in?: { code?: unknown; sentence?: unknown } } | null)?.hand_in ?? {};
  return {
    code: typeof code === "string" ? code.slice(0, 64) : "unseen",
    sentence: typeof sentence === "string" ? redact(sentence).slice(0, SENTENCE_MAX_CHARS) : "",
  };
}

const ASK_ID_BYTES = 12;

async function ask(
  { question, options }: { question: string; options: string[] },
  { pass, rig }: ToolContext,
): Promise<ToolAnswer> {
  const { dispatchId, agentId } = pass.dispatch;
  if (pass.asks.size >= ASKS_OPEN_MAX)
    return bad(
      `Nothing was asked: ${ASKS_OPEN_MAX} of your questions have no answer yet. End your turn and wait for them.`,
    );
  const askId = `ask-${randomBytes(ASK_ID_BYTES).toString("hex")}`;
  const offered = options.map((label, index) => ({ id: String(index + 1), label }));
  const body = { dispatch_id: dispatchId, ask_id: askId, kind: "question", text: question, options: offered };
  const asked = dispatchId === null ? NO_ROUTE : await rig({ method: "POST", path: "asked", body });
  // A rig that knows no questions takes an escalation, with the options in its text.
  const isUnknown = !asked.ok && asked.status === 404;
  const answer = isUnknown ? await rig(escalation(question, options, agentId, askId)) : asked;
  if (!answer.ok) return bad(failed(answer));
  pass.asks.set(askId, { question, options: offered });
  const answerComesAs = isUnknown ? "message" : "answer";
  pass.tell({ type: "asked", askId, text: question, options: offered, answerComesAs });
  return good("Asked. End your turn now; the answer will be your next message.");
}

/**
 * The answer to one of this pass's questions in the words of the agent's next prompt.
 * @returns null: it has asked no such thing, or was answered already
 */
export function answered({ asks }: Pass, askId: string, { optionId, text }: AskAnswer): string | null {
  const asked = asks.get(askId);
  if (asked === undefined) return null;
  asks.delete(askId);
  const chosen = asked.options.find(({ id }) => id === optionId)?.label ?? optionId;
  return [`You asked: ${asked.question}`, `The answer: ${[chosen, text].filter(Boolean).join(". ")}`].join("\n");
}

export interface AskAnswer {
  readonly optionId?: string | undefined;
  readonly text?: string | undefined;
}

const NO_ROUTE: RigAnswer = { ok: false, status: 404, error: "no dispatch" };
const TITLE_MAX_CHARS = 300;

const escalation = (question: string, options: readonly string[], agentId: string, key: string) => ({
  method: "POST" as const,
  path: "/escalations",
  key,
  body: {
    title: oneLine(question, TITLE_MAX_CHARS),
    body: [question, ...options.map((option, index) => `${index + 1}. ${option}`)].join("\n"),
    metadata: { agent_id: agentId, kind: "help" },
  },
});

async function mail(_: object, { rig }: ToolContext): Promise<ToolAnswer> {
  const answer = await rig({ method: "GET", path: "mail" });
  if (!answer.ok) return bad(failed(answer));
  const all = Array.isArray(answer.data) ? (answer.data as unknown[]) : [];
  return good(all.length === 0 ? "No mail." : JSON.stringify(all, null, 2));
}

async function sync(_: object, { pass, rig }: ToolContext): Promise<ToolAnswer> {
  const answer = await rig({ method: "POST", path: "sync" });
  if (!answer.ok) return bad(failed(answer));
  const { defaultBranch } = pass.dispatch;
  const target = (answer.data as { target?: unknown } | null)?.target;
  return good(
    typeof target === "string"
      ? `${defaultBranch} is at ${target.slice(0, 64)}. Take it in: git fetch origin && git merge origin/${defaultBranch}`
      : `The remote has no branch ${defaultBranch}; there is nothing to take in.`,
  );
}

async function said(call: Promise<RigAnswer>, text: string): Promise<ToolAnswer> {
  const answer = await call;
  return answer.ok ? good(text) : bad(failed(answer));
}

const failed = (answer: Extract<RigAnswer, { ok: false }>): string =>
  answer.status === null
    ? `The rig does not answer (${answer.error}). Nothing of yours is lost: call this again in a moment.`
    : `The rig refused it (HTTP ${answer.status}): ${answer.error}`;

const oneLine = (text: string, max = STATUS_MAX_CHARS): string => text.replaceAll(/\s+/g, " ").trim().slice(0, max);
