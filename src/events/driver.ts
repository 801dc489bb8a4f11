import * as z from "zod";
import { AN, BY, id, ms, ofDispatch, reason, TEXT } from "./fields.ts";
import { LIMITS } from "./limits.ts";
import { fact } from "./row.ts";

/** Facts that only a driver of the agent's program can tell: its conversation, what it has used, what it asks. */

const DISPATCH = { agentId: AN.agentId, dispatchId: AN.dispatchId };

/** One of the answers that an agent gives to choose from. */
export const Option = z.object({
  id: z.string().min(1).max(LIMITS.ask_id_chars),
  label: z.string().min(1).max(LIMITS.option_label_chars),
});
export type Option = z.infer<typeof Option>;

const askId = z.string().min(1).max(LIMITS.ask_id_chars);
const answer = z.string().max(LIMITS.mail_body_chars);

export const DRIVER_FACTS = [
  /** Its conversation, by which its next dispatch on the same bead can take it up again. */
  fact(
    "agent.session",
    { ...ofDispatch, driver: z.string().min(1).max(LIMITS.ask_id_chars), session: id },
    {
      to: ["agent"],
      example: { ...DISPATCH, driver: "claude", session: "an-id" },
      ignored: { agent: "Of an older dispatch, or of one without a bead to go on with." },
    },
  ),
  /** What a conversation has used from its beginning. It only grows: what is told twice or late changes nothing. */
  fact(
    "agent.usage",
    {
      ...ofDispatch,
      session: id,
      inputTokens: ms,
      cachedTokens: ms,
      outputTokens: ms,
      model: z.string().max(LIMITS.model_chars).nullable(),
      costMicrodollars: ms.nullable(),
      /** Of an older dispatch: on which bead it was. Its agent knows that of its newest one. */
      workedOn: id.nullable().optional(),
      runtime: z.string().max(LIMITS.runtime_chars).optional(),
      /** What the ledger has counted of it already: of a conversation that its agent does not remember any more. */
      counted: z
        .object({ inputTokens: ms, cachedTokens: ms, outputTokens: ms, costMicrodollars: ms.nullable() })
        .optional(),
      /** Counted at Ticktown's own door, which can refuse the next answer; otherwise by the program itself. */
      atDoor: z.boolean().optional(),
      /** How many tools that this dispatch had not run like this before have ended in it, and its newest own commit; where that is known. */
      shown: ms.optional(),
      head: z.string().max(64).optional(),
    },
    {
      to: ["agent"],
      example: {
        ...DISPATCH,
        session: "an-id",
        inputTokens: 1_000,
        cachedTokens: 0,
        outputTokens: 10,
        model: null,
        costMicrodollars: null,
      },
      ignored: { agent: "No more of its conversation than was counted before." },
    },
  ),
  /** It waits for an answer: to a question, or whether it may do exactly this. */
  fact(
    "agent.asked",
    {
      ...ofDispatch,
      askId,
      kind: z.enum(["question", "permission"]),
      text: z.string().max(LIMITS.ask_text_chars),
      command: z.string().max(LIMITS.ask_command_chars).nullable(),
      options: z.array(Option).max(LIMITS.ask_options),
    },
    {
      to: ["agent"],
      example: { ...DISPATCH, askId: "1", kind: "question", text: TEXT, command: null, options: [] },
      variants: [
        { name: "a question", of: "agent", fields: { kind: "question" } },
        { name: "for a permission", of: "agent", fields: { kind: "permission" } },
      ],
      ignored: {
        agent:
          "Without a live dispatch nobody waits for an answer, and who was told to stop asks again in its next one. Asked twice is asked once.",
      },
    },
  ),
  /**
   * Its container gave it none of what it was told: it reads no messages, has no process, or takes them only when its turn is over.
   * Letters wait for it all the same.
   */
  fact(
    "message.refused",
    { ...ofDispatch, error: reason },
    {
      to: ["agent"],
      example: { ...DISPATCH, error: TEXT },
      ignored: { agent: "Of an older dispatch; or known already." },
    },
  ),
  /** Nobody waited for an answer any more: it goes the way of a message and of a letter. */
  fact(
    "answer.missed",
    { ...ofDispatch, askId, answer, by: id, error: reason },
    {
      to: ["agent"],
      example: { ...DISPATCH, askId: "1", answer: TEXT, by: BY, error: TEXT },
      ignored: { agent: "Of an older dispatch, or of one whose bead was taken away: nobody needs the answer." },
    },
  ),
] as const;
