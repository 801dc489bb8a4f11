import { and, not, type SnapshotFrom } from "xstate";
import type { BeadStatus } from "../events/facts.ts";
import { beadSetup } from "./bead/setup.ts";
import { expect } from "./event.ts";

export type { BeadContext } from "./bead/context.ts";

/** Version of the bead's stored snapshot. */
export const BEAD_VERSION = 1;

const submits = { guard: "isWork", target: "in_review", actions: ["enterReview", "openReview"] } as const;
/** What is no work has no branch to merge: its agent's done closes it. */
const endsByDone = { guard: "isItsAgent", target: "closed", actions: ["close"] } as const;
const closes = { target: "closed", actions: ["close"] } as const;
const cancelled = { target: "failed", actions: ["fail"] } as const;
const edited = { actions: ["edit"] } as const;
const fails = { target: "failed", actions: ["fail", "tellOperator"] } as const;

/** Its agent is taken away before it could say that the attempts are used up: a new agent must not begin to count again. */
const exhausted = {
  guard: and(["isItsAgent", "attemptsAreUsedUp"]),
  target: "failed",
  actions: ["fail", "rememberEscalation", "escalateExhaustion", "tellOperator"],
} as const;

/** What it spends, as long as it is not over. */
const spends = {
  "spend.counted": [{ guard: "capComesNear", actions: ["alertNear", "addSpend"] }, { actions: ["addSpend"] }],
  "bead.budget_raised": { actions: ["raiseCap", "tellUncapped"] },
} as const;

/** What may become of it while it waits for anything. */
const waits = {
  ...spends,
  "agent.hooked": { guard: "isFree", actions: ["assignTo"] },
  "agent.unhooked": { guard: "isItsAgent", actions: ["unassign"] },
  "agent.deleted": { guard: "isItsAgent", actions: ["unassign"] },
  "review.submitted": [submits, endsByDone],
  "bead.status_set": [
    { guard: and(["isSetToInProgress", not(and(["isWork", "isFree"]))]), target: "in_progress", actions: ["touch"] },
    { guard: "isTakenInHand", target: "in_progress", actions: ["takeInHand"] },
    { guard: "isSetToClosed", ...closes },
    { guard: "isSetToFailed", ...cancelled },
  ],
  "bead.closed": closes,
  "bead.cancelled": cancelled,
  "bead.failed": fails,
} as const;

export const beadMachine = beadSetup.createMachine({
  id: "bead",
  description: "A unit of work. Only an issue is ever dispatched; it is closed when its merge is real, never before.",
  context: ({ input }) => {
    const created = expect(input, "bead.created");
    return {
      id: created.beadId,
      seq: created.seq,
      type: created.beadType,
      priority: created.priority,
      createdAt: created.at,
      updatedAt: created.at,
      closedAt: null,
      convoyId: created.convoyId,
      assignee: null,
      blockedBy: created.blockedBy,
      deferUntil: created.deferUntil,
      attempts: 0,
      branch: null,
      reworks: 0,
      reviewId: null,
      commitSha: null,
      ...(created.runtime === undefined ? {} : { runtime: created.runtime }),
      ...(created.model === undefined ? {} : { model: created.model }),
      ...(created.expectMs === undefined ? {} : { expectMs: created.expectMs }),
      ...(created.hold === undefined ? {} : { hold: created.hold }),
      reason: null,
    };
  },
  initial: "open",
  states: {
    open: {
      description: "Waits for its blockers, its time, and an agent.",
      on: {
        ...waits,
        "dispatch.granted": { guard: "isItsAgent", target: "in_progress", actions: ["rememberBranch"] },
        "bead.unblocked": { actions: ["removeBlocker"] },
        "bead.stuck": { guard: and(["isWork", "isItsBlocker"]), target: "stuck", actions: ["rememberDeadBlocker"] },
        "bead.edited": edited,
      },
    },
    stuck: {
      description:
        "What it waits for has failed, or waits itself for what has. Goes on when that is tried again, or is no blocker any more.",
      on: {
        ...waits,
        // Only an issue is ever stuck.
        "review.submitted": { target: "in_review", actions: submits.actions },
        "bead.unblocked": [
          { guard: "isLastDeadBlocker", target: "open", actions: ["removeBlocker"] },
          { actions: ["removeBlocker"] },
        ],
        "bead.stuck": { guard: and(["isItsBlocker", not("isDeadBlocker")]), actions: ["rememberDeadBlocker"] },
        "bead.unstuck": [
          { guard: "isLastDeadBlocker", target: "open", actions: ["forgetDeadBlocker"] },
          { guard: "isDeadBlocker", actions: ["forgetDeadBlocker"] },
        ],
        "bead.edited": [{ guard: "dropsItsDead", target: "open", actions: ["edit"] }, edited],
      },
    },
    in_progress: {
      description: "An agent has been dispatched on it.",
      on: {
        ...spends,
        "spend.counted": [{ guard: "capIsReached", actions: ["tellCapped", "addSpend"] }, ...spends["spend.counted"]],
        "agent.hooked": { guard: "isFree", actions: ["assignTo"] },
        "agent.unhooked": [exhausted, { guard: "isItsAgent", target: "open", actions: ["unassign"] }],
        "agent.deleted": [exhausted, { guard: "isItsAgent", target: "open", actions: ["unassign"] }],
        "dispatch.granted": { guard: "isItsAgent", actions: ["rememberBranch"] },
        "dispatch.failed": { guard: "isItsAgent", actions: ["rememberCharge"] },
        "charge.forgiven": { guard: and(["isItsAgent", "isCharged"]), actions: ["forgiveCharge"] },
        "attempts.reset": { actions: ["resetAttempts"] },
        "hand_in.refused": { guard: "isItsAgent", actions: ["rememberRefusal"] },
        "hand_in.settled": { guard: "isItsAgent", actions: ["forgetRefusals"] },
        "bead.no_change": { guard: "isItsAgent", target: "closed", actions: ["closeUnchanged"] },
        "bead.unblocked": { actions: ["removeBlocker"] },
        "bead.edited": edited,
        "review.submitted": [submits, endsByDone],
        "bead.status_set": [
          { guard: and(["isSetToOpen", "isInHand"]), target: "open", actions: ["letGo"] },
          { guard: and(["isSetToOpen", not(and(["isWork", not("isFree")]))]), target: "open", actions: ["touch"] },
          { guard: "isSetToClosed", ...closes },
          { guard: "isSetToFailed", ...cancelled },
        ],
        "bead.closed": closes,
        "bead.cancelled": cancelled,
        "bead.failed": fails,
      },
    },
    in_review: {
      description: "Its branch waits to be merged, or is being merged.",
      on: {
        ...spends,
        "bead.merged": { guard: "isItsReview", ...closes },
        "bead.conflicted": [
          { guard: and(["isItsReview", "reworkIsLeft"]), target: "open", actions: ["askForRework"] },
          {
            guard: "isItsReview",
            target: "failed",
            actions: ["fail", "rememberEscalation", "escalateConflict", "tellOperator"],
          },
        ],
        "bead.rejected": [
          {
            guard: and(["isItsReview", "reworkIsLeft"]),
            target: "open",
            actions: ["askForRework", "rememberRejection"],
          },
          {
            guard: "isItsReview",
            target: "failed",
            actions: ["fail", "rememberEscalation", "rememberRejection", "escalateRejection", "tellOperator"],
          },
        ],
        "bead.failed": fails,
        "bead.cancelled": cancelled,
        // Nobody can take it back while it is being merged: what comes of that is told as it is.
        "bead.cancel_asked": { guard: "isItsReview", actions: ["rememberCancel"] },
        "bead.unblocked": { actions: ["removeBlocker"] },
        "bead.edited": edited,
      },
    },
    closed: { description: "Merged, or closed by somebody who may. Never leaves.", tags: ["terminal"] },
    failed: {
      description: "Given up or cancelled. Only a person who has it tried again brings it back.",
      tags: ["terminal"],
      on: { "bead.retried": { target: "open", actions: ["reopen"] } },
    },
  },
});

export type BeadSnapshot = SnapshotFrom<typeof beadMachine>;

/** What the Worker API calls its state. Stuck is a way of being open. */
export const statusOf = ({ value }: BeadSnapshot): BeadStatus => (value === "stuck" ? "open" : value);

/** What waits for it waits in vain, until a person acts. */
export const isDead = ({ value }: BeadSnapshot): boolean => value === "failed" || value === "stuck";

/** When a deferred bead becomes ready, or null. A time that has passed is no deadline. */
export const beadDeadline = (snapshot: BeadSnapshot, at: number): number | null =>
  snapshot.value === "open" &&
  snapshot.context.type === "issue" &&
  snapshot.context.deferUntil !== null &&
  snapshot.context.deferUntil > at
    ? snapshot.context.deferUntil
    : null;
