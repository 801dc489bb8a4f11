import * as z from "zod";
import {
  AN,
  branch,
  BY,
  handedIn,
  HANDED_IN,
  id,
  ms,
  ofAgent,
  ofBead,
  ofDispatch,
  Outcome,
  reason,
  TEXT,
} from "./fields.ts";
import { AccountId } from "./account.ts";
import { Ending } from "./ending.ts";
import { LIMITS } from "./limits.ts";
import { fact, told } from "./row.ts";

const DISPATCH = { agentId: AN.agentId, dispatchId: AN.dispatchId };
const OF_AN_ACCOUNTS = "Of interest only of the start that finds out whether an account is free.";
const OF_THE_PROBE = "Of interest only as a sign of life of the probe.";

/** Facts about a dispatch: one attempt to run an agent on its bead. */
export const DISPATCH_FACTS = [
  fact(
    "dispatch.granted",
    {
      ...ofDispatch,
      ...ofBead,
      branch,
      rework: z.boolean(),
      probe: z.boolean(),
      /** The bead's own limit for being busy without progress. */
      expectMs: ms.optional(),
      /** Which of the rig's programs, where there are several to choose from. */
      runtime: z.string().max(LIMITS.runtime_chars).optional(),
      model: z.string().max(LIMITS.model_chars).optional(),
      /** It finds out whether this account is free again. */
      account: AccountId.optional(),
    },
    {
      to: ["agent", "bead", "accounts", "rig"],
      timeline: (grant) =>
        told("agent_spawned", grant.agentId, null, grant.dispatchId, { branch: grant.branch, rework: grant.rework }),
      example: { ...DISPATCH, beadId: AN.beadId, branch: "ticktown/example", rework: false, probe: false },
      variants: [{ name: "", of: "rig", fields: { probe: true } }],
      ignored: {
        agent:
          "A grant is taken only by an agent that waits for it, for the bead on its hook, and with the next number. Any other is a repetition.",
        bead: "Grants to an agent that it is not assigned to; or the bead has left its agent's hands.",
        accounts: OF_AN_ACCOUNTS,
        rig: "Of interest only as the probe of a half-open breaker.",
      },
    },
  ),
  fact(
    "dispatch.failed",
    {
      ...ofDispatch,
      ...ofBead,
      charged: z.boolean(),
      attempts: ms,
      reason,
      /** The container will not take what this bead says, and has said so before: no news of the rig. */
      sameInput: z.literal(true).optional(),
      /** It is of this bead's: the container will not take what it says. */
      input: z.literal(true).optional(),
    },
    {
      to: ["bead", "accounts", "rig"],
      kept: true,
      timeline: (failed) =>
        told("agent_exited", failed.agentId, failed.dispatchId, null, {
          reason: failed.reason,
          attempts: failed.attempts,
          charged: failed.charged,
        }),
      example: { ...DISPATCH, beadId: AN.beadId, charged: true, attempts: 1, reason: TEXT },
      variants: [
        { name: "", of: "rig" },
        { name: "the same input again", of: "rig", fields: { sameInput: true } },
      ],
      ignored: {
        bead: "A charge counts only for the agent that works on it, and only while work goes on.",
        accounts: OF_AN_ACCOUNTS,
        rig: "What one input causes opens no breaker. A breaker that is open already counts no further; a half-open one looks at its probe alone.",
      },
    },
  ),
  /** What it was charged for failed others at the same time: it is none of its work's. */
  fact(
    "charge.forgiven",
    { ...ofAgent, ...ofBead },
    {
      to: ["agent", "bead"],
      example: { agentId: AN.agentId, beadId: AN.beadId },
      ignored: {
        agent: "It has another bead by now, or no charge to give back.",
        bead: "It is in other hands by now, or has no charge to give back.",
      },
    },
  ),
  /** `preparing`: there is no process yet, because its clone is still being made. */
  fact(
    "start.accepted",
    { ...ofDispatch, preparing: z.literal(true).optional() },
    {
      to: ["agent"],
      example: DISPATCH,
      ignored: {
        agent: "Of an older dispatch, or later than the news that it already runs, exited or is being stopped.",
      },
    },
  ),
  /** `input`: for what was asked, not for who asked or when: 400, 413, 422. */
  fact(
    "start.refused",
    { ...ofDispatch, status: z.int(), error: reason, input: z.literal(true).optional() },
    {
      to: ["agent"],
      arms: true,
      example: { ...DISPATCH, status: 503, error: TEXT },
      ignored: {
        agent: "Of an older dispatch, or of one that was heard from meanwhile: it runs, whatever the answer said.",
      },
    },
  ),
  fact(
    "start.unknown",
    { ...ofDispatch, error: reason },
    {
      to: ["agent"],
      arms: true,
      example: { ...DISPATCH, error: TEXT },
      ignored: {
        agent: "Nobody knows whether it runs. The lease goes on; being heard from, being observed or its end decides.",
      },
    },
  ),
  /** The container itself says that it has failed. Once it does not know the agent either, it is known not to run. */
  fact(
    "start.failed",
    { ...ofDispatch, error: reason },
    {
      to: ["agent"],
      arms: true,
      example: { ...DISPATCH, error: TEXT },
      ignored: {
        agent:
          "Of an older dispatch, or later than the news that it runs all the same, has ended, or is being stopped.",
      },
    },
  ),
  fact("agent.heard", ofDispatch, {
    to: ["agent", "rig"],
    isSignOfLife: true,
    example: DISPATCH,
    ignored: {
      agent:
        "Liveness is not progress: after the first sign of life of a dispatch, heartbeats are kept in memory and are no news. An older dispatch has no say.",
      rig: OF_THE_PROBE,
    },
  }),
  fact(
    "agent.progressed",
    { ...ofDispatch, what: reason },
    {
      to: ["agent", "accounts", "rig"],
      isSignOfLife: true,
      example: { ...DISPATCH, what: TEXT },
      ignored: {
        agent: "An older dispatch has no say, and one that is known to be gone makes no progress.",
        accounts: OF_AN_ACCOUNTS,
        rig: OF_THE_PROBE,
      },
    },
  ),
  /**
   * What its container tells of its clocks, brought by a TICK where it decides something. `activeAt`: it said something, had a tool open
   * or did anything else; `progressAt`: it ended a tool or said something new. Null: not known.
   */
  fact(
    "agent.observed",
    { ...ofDispatch, activeAt: ms.nullable(), progressAt: ms.nullable() },
    {
      to: ["agent"],
      example: { ...DISPATCH, activeAt: 1, progressAt: null },
      variants: [
        { name: "active", fields: { activeAt: 9_999_999_999_999, progressAt: null } },
        { name: "makes progress", fields: { activeAt: 9_999_999_999_999, progressAt: 9_999_999_999_999 } },
      ],
      ignored: {
        agent:
          "Of an older dispatch, or older than what is known; who does not run, or waits for a person, has no clock that it could move.",
      },
    },
  ),
  /** Its container knows that it has said nothing since its start. */
  fact("agent.silent", ofDispatch, {
    to: ["agent"],
    example: DISPATCH,
    ignored: {
      agent: "Of an older dispatch, or of one that does not run. Told once: the second time it is no news.",
    },
  }),
  /** It has asked its model and waits, since and until when; `for` null: it goes on. */
  fact(
    "agent.waiting",
    { ...ofDispatch, for: z.literal("model").nullable(), since: ms, until: ms.nullable() },
    {
      to: ["agent"],
      example: { ...DISPATCH, for: "model", since: 1, until: null },
      variants: [
        { name: "for its model", fields: { for: "model" } },
        { name: "no more", fields: { for: null } },
      ],
      ignored: {
        agent:
          "Of an older dispatch, or of one that does not run; that it waits no more is no news where it did not wait.",
      },
    },
  ),
  fact(
    "agent.checkpointed",
    {
      ...ofAgent,
      dispatchId: id.nullable(),
      beadId: id.nullable(),
      digest: z.string().max(64),
      data: z.json(),
      head: z.string().max(64).optional(),
    },
    {
      to: ["agent", "accounts", "rig"],
      kept: true,
      isSignOfLife: true,
      example: { ...DISPATCH, beadId: AN.beadId, digest: "0", data: {} },
      ignored: {
        agent:
          "Without a hook there is nothing to resume; an older dispatch may not overwrite the checkpoint of a newer one.",
        accounts: OF_AN_ACCOUNTS,
        rig: OF_THE_PROBE,
      },
    },
  ),
  /** For people alone: neither a sign of life nor progress, so that no stalled agent talks itself out of a restart. */
  fact(
    "agent.status_said",
    { ...ofDispatch, line: z.string().max(LIMITS.status_chars) },
    {
      to: ["agent"],
      example: { ...DISPATCH, line: TEXT },
      ignored: { agent: "Without a hook there is nothing to say anything of; an older dispatch has no say." },
    },
  ),
  fact(
    "agent.exited",
    {
      ...ofDispatch,
      outcome: Outcome,
      reason,
      resetAt: ms.nullable(),
      /** What kind of end it was, where its driver knows, and what ran. */
      ending: Ending.optional(),
      runtime: z.string().max(LIMITS.runtime_chars).optional(),
      /** Whose limit it was, where that is known: the rig holds what would use it, so that this one need not wait. */
      account: AccountId.optional(),
      /** It ended with whoever watched it: nobody heard its last words. */
      unheard: z.literal(true).optional(),
    },
    {
      to: ["agent", "accounts", "rig"],
      arms: true,
      example: { ...DISPATCH, outcome: "failed", reason: TEXT, resetAt: null },
      variants: Outcome.options.map((outcome) => ({ name: outcome, fields: { outcome } })),
      ignored: {
        agent:
          "Of an older dispatch; or told twice; or 'gone' before its start can have been heard of: the container may not have begun yet.",
        accounts: OF_AN_ACCOUNTS,
        rig: "Of interest only as the end of the probe by nobody's fault; any other end is a dispatch.failed.",
      },
    },
  ),
  fact(
    "agent.asked_help",
    { ...ofDispatch, escalationId: id },
    {
      to: ["agent", "rig"],
      about: ({ escalationId }) => [{ kind: "bead", id: escalationId }],
      example: { ...DISPATCH, escalationId: "esc-x" },
      ignored: {
        agent:
          "Without a live dispatch nobody waits for an answer: the escalation is kept as a bead, and the agent goes on. Asking twice waits once.",
        rig: OF_THE_PROBE,
      },
    },
  ),
  fact(
    "permission.asked",
    { ...ofDispatch, prompt: reason },
    {
      to: ["agent", "rig"],
      example: { ...DISPATCH, prompt: TEXT },
      ignored: {
        agent: "Without a live dispatch nobody waits for an answer; an agent that asked for help waits already.",
        rig: OF_THE_PROBE,
      },
    },
  ),
  fact("permission.answered", ofDispatch, {
    to: ["agent"],
    example: DISPATCH,
    ignored: { agent: "Only a prompt can be answered; progress may have ended it first." },
  }),
  fact(
    "agent.answered",
    {
      ...ofAgent,
      answer: z.string().max(LIMITS.mail_body_chars),
      by: id,
      /** What it answers, and with which of its options. */
      askId: z.string().max(LIMITS.ask_id_chars).optional(),
      optionId: z.string().max(LIMITS.ask_id_chars).optional(),
    },
    {
      to: ["agent"],
      example: { agentId: AN.agentId, answer: TEXT, by: BY },
      command: { agent: { command: "answer, unblock" } },
    },
  ),
  fact(
    "agent.done",
    {
      ...ofAgent,
      dispatchId: id,
      ...ofBead,
      ...handedIn,
      /** Nobody could look at it: its container is an old one. */
      unseen: z.literal(true).optional(),
    },
    {
      to: ["agent", "accounts", "rig"],
      arms: true,
      stopsAs: "done",
      kept: true,
      example: { ...DISPATCH, beadId: AN.beadId, ...HANDED_IN },
      ignored: { accounts: OF_AN_ACCOUNTS, rig: OF_THE_PROBE },
      // A second done of a dispatch finds the hook cleared, and nothing left to do.
      command: { agent: { command: "done", already: ["agent.idle.empty"] } },
    },
  ),
  /** A report of an older dispatch: recorded so that it can be explained, changes nothing. */
  fact(
    "report.stale",
    {
      agentId: id,
      dispatchId: id.nullable(),
      report: z.string().max(64),
      current: id.nullable(),
      about: id.nullable(),
    },
    {
      to: [],
      about: ({ about }) => (about === null ? [] : [{ kind: "bead", id: about }]),
      example: { agentId: AN.agentId, dispatchId: AN.dispatchId, report: "done", current: "agent-x:2", about: null },
    },
  ),
] as const;
