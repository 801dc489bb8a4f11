import * as z from "zod";
import { AccountId } from "./account.ts";
import { AN, BY, id, ms, ofBead, ofDispatch } from "./fields.ts";
import { LIMITS } from "./limits.ts";
import { fact } from "./row.ts";

/** Facts about what is spent, and where it ends. */

const spent = { tokens: ms, microdollars: ms };
const caps = { tokens: ms.nullable(), microdollars: ms.nullable() };
const ofConversation = {
  ...ofDispatch,
  beadId: id.nullable(),
  session: id,
  runtime: z.string().max(LIMITS.runtime_chars).nullable(),
};
const CONVERSATION = {
  agentId: AN.agentId,
  dispatchId: AN.dispatchId,
  beadId: AN.beadId,
  session: "an-id",
  runtime: null,
};
const OF_THE_PROBE = "Of interest only from the start that finds out whether an account is free.";
const SPENT = { tokens: 1_000, microdollars: 0 } as const;
const CAPS = { tokens: 1_000, microdollars: null } as const;

export const MONEY_FACTS = [
  fact(
    "budget.opened",
    {},
    {
      to: ["budget"],
      makes: "budget",
      example: {},
      ignored: { budget: "Makes the budget. A budget that exists is not made again." },
    },
  ),
  /** What a conversation has used since it was counted last. Never less than nothing, so that a sum of these is what was spent. */
  fact(
    "spend.counted",
    {
      ...ofConversation,
      model: z.string().max(LIMITS.model_chars).nullable(),
      inputTokens: ms,
      cachedTokens: ms,
      outputTokens: ms,
      /** Null: nobody knows what it cost. */
      costMicrodollars: ms.nullable(),
      /** The cost is the rig's own estimate, by its prices. */
      estimated: z.boolean(),
    },
    {
      to: ["bead?", "budget", "accounts"],
      kept: true,
      example: {
        ...CONVERSATION,
        model: null,
        inputTokens: 1_000,
        cachedTokens: 0,
        outputTokens: 10,
        costMicrodollars: null,
        estimated: false,
      },
      ignored: {
        bead: "What has ended is counted by its rig, and stopped by nobody.",
        accounts: OF_THE_PROBE,
      },
    },
  ),
  /** The last words of a conversation were lost with its process: what it has used is more than was counted, until it tells again. */
  fact(
    "spend.incomplete",
    {
      ...ofConversation,
      /** Its agent is through with it, and its process was not seen to end yet: they may come. */
      awaited: z.literal(true).optional(),
    },
    {
      to: [],
      kept: true,
      example: {
        ...CONVERSATION,
      },
    },
  ),
  /** The end of a dispatch that was marked incomplete was told after all, with whatever it has used. */
  fact(
    "spend.completed",
    { ...ofDispatch },
    { to: [], kept: true, example: { agentId: AN.agentId, dispatchId: AN.dispatchId } },
  ),
  /** A provider has limited a credential until then, whoever else uses it; `runtime`: what ran with it, null for the container's own command. */
  fact(
    "account.limited",
    {
      ...ofDispatch,
      account: AccountId,
      runtime: z.string().max(LIMITS.runtime_chars).nullable(),
      until: ms,
    },
    {
      to: ["accounts"],
      makes: "accounts",
      arms: true,
      example: {
        agentId: AN.agentId,
        dispatchId: AN.dispatchId,
        account: "anthropic:0123456789abcdef",
        runtime: "claude",
        until: 1_000,
      },
      ignored: { accounts: "It is known, or over by now." },
    },
  ),
  /** A bead has spent what it may. */
  fact(
    "bead.capped",
    { agentId: id, beadId: id, spent: z.object(spent), caps: z.object(caps) },
    {
      to: ["agent"],
      example: { agentId: AN.agentId, beadId: AN.beadId, spent: SPENT, caps: CAPS },
      ignored: { agent: "Works on another bead by now, has no process, or its door refuses the next answer." },
    },
  ),
  /** A person lets a bead spend more. */
  fact(
    "bead.budget_raised",
    { ...ofBead, ...spent, by: id },
    {
      to: ["bead"],
      example: { beadId: AN.beadId, ...SPENT, by: BY },
      command: { bead: { command: "raise_budget" } },
    },
  ),
  /** Its agent may go on. */
  fact(
    "bead.uncapped",
    { agentId: id, beadId: id },
    {
      to: ["agent"],
      example: { agentId: AN.agentId, beadId: AN.beadId },
      ignored: { agent: "It was not its bead's budget that it waited for." },
    },
  ),
  /**
   * What the rig may spend on a day of UTC of what its town may, all in all; null: the town has no such cap. A later one takes the place of an
   * earlier one of the same day. `news`: this rig is the one that tells people of the town's.
   */
  fact(
    "town.leased",
    {
      day: ms,
      tokens: ms.nullable(),
      microdollars: ms.nullable(),
      spent: z.object(spent),
      caps: z.object(caps),
      news: z.enum(["told", "capped"]).nullable(),
    },
    {
      to: ["budget"],
      example: { day: 20_000, tokens: 1_000, microdollars: null, spent: SPENT, caps: CAPS, news: null },
      ignored: { budget: "The rig is of no town whose day is capped, any more." },
    },
  ),
  /** The rig has spent what it may in a day. */
  fact(
    "budget.capped",
    { day: ms, spent: z.object(spent), caps: z.object(caps) },
    {
      to: ["every agent"],
      example: { day: 20_000, spent: SPENT, caps: CAPS },
      ignored: { agent: "Has no process, or its door refuses the next answer." },
    },
  ),
] as const;
