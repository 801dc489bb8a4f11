import { and, assign, setup, type SnapshotFrom } from "xstate";
import { claimId } from "../events/dispatch-id.ts";
import type { Effect } from "../events/effects.ts";
import { clip, type Fact } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { rulesAtLeast } from "../events/rules.ts";
import type { Settings } from "../events/settings.ts";
import { expect, exponential, type MachineEvent } from "./event.ts";
import { numberAfterImport } from "./imported.ts";
import { errorOf, type ReviewContext } from "./review/context.ts";
import { earliest, isOver, leasesMovedBy, movedBy, moves } from "./time.ts";

export type { ReviewContext } from "./review/context.ts";

/** Version of the review's stored snapshot. */
export const REVIEW_VERSION = 1;

const LEASES = ["claimUntil"] as const;
const CLOCKS = ["resendAt", "backoffUntil", "lookAt"] as const;

const escalationId = ({ id }: ReviewContext, { seq }: MachineEvent): string =>
  `esc-${id}-${seq}`.slice(0, LIMITS.id_chars);

const reviewSetup = setup({
  types: {
    context: {} as ReviewContext,
    events: {} as MachineEvent,
    input: {} as MachineEvent,
    tags: {} as "terminal" | "queued" | "merging",
  },
  guards: {
    isNextClaim: ({ context, event }) => expect(event, "review.granted", "review.boarded").claim === context.claim + 1,
    isItsTree: ({ context, event }) => expect(event, "review.approved").tree === context.protected?.tree,
    hasClocks: ({ context }) => moves(context, LEASES) || moves(context, CLOCKS),
    isCancelAsked: ({ context }) => context.cancelAsked !== undefined,
    hasNotJumped: ({ context }) => context.jumpedAt === undefined,
    lookIsDue: ({ context, event }) => isOver(context.lookAt ?? null, event.at),
    isCurrentClaim: ({ context, event }) => "claim" in event && event.claim === context.claim,
    isMerged: ({ event }) => expect(event, "review.completed").verdict === "merged",
    isConflict: ({ event }) => expect(event, "review.completed").verdict === "conflict",
    isPermanent: ({ event }) => expect(event, "review.completed").permanent,
    claimIsOver: ({ context, event }) => isOver(context.claimUntil, event.at),
    resendIsDue: ({ context, event }) => isOver(context.resendAt, event.at),
    attemptIsLeft: ({ context, event }) => context.attempts + 1 < event.settings.review_max_attempts,
    backoffIsOver: ({ context, event }) => isOver(context.backoffUntil, event.at),
  },
  actions: {
    claim: assign(({ context, event }) => ({
      claim: context.claim + 1,
      claimUntil: event.at + event.settings.review_lease_ms,
      resendAt: event.at + LIMITS.merge_resend_ms,
      backoffUntil: null,
      updatedAt: event.at,
    })),
    board: assign(({ event }) => {
      const { claim, train } = expect(event, "review.boarded");
      return { claim, train, backoffUntil: null, updatedAt: event.at };
    }),
    jump: assign(({ event }) => ({ jumpedAt: event.at, updatedAt: event.at })),
    rememberRejection: assign(({ event }) => {
      const { check, words } = expect(event, "review.rejected");
      return { rejection: { check, words } };
    }),
    rememberProtected: assign(({ event }) => {
      const { files, tree } = expect(event, "review.protected");
      return { protected: { files, tree }, updatedAt: event.at };
    }),
    rememberApproval: assign(({ event }) => ({
      approvedTree: expect(event, "review.approved").tree,
      protected: undefined,
      updatedAt: event.at,
    })),
    lookLater: assign(({ event }) => ({ lookAt: event.at + event.settings.cadence_idle_ms, updatedAt: event.at })),
    lookNow: assign({ lookAt: null }),
    touch: assign(({ event }) => ({ updatedAt: event.at })),
    moveClocks: assign(({ context, event }) => {
      const { by, at } = expect(event, "clock.jumped");
      return { ...leasesMovedBy(context, LEASES, by, at), ...movedBy(context, CLOCKS, by) };
    }),
    rememberCancel: assign(({ event }) => ({
      cancelAsked: expect(event, "bead.cancel_asked").by,
      updatedAt: event.at,
    })),
    resendLater: assign(({ event }) => ({ resendAt: event.at + LIMITS.merge_resend_ms })),
    fenceBefore: assign(({ context, event }) => ({ claim: numberAfterImport(context.claim, event) })),
    release: assign(({ event }) => ({ claimUntil: null, resendAt: null, updatedAt: event.at })),
    rememberVerdict: assign(({ event }) => {
      const { message, commitSha } = expect(event, "review.completed");
      return { message, commitSha };
    }),
    rememberError: assign(({ event }) => ({ message: errorOf(event) })),
    chargeAttempt: assign(({ context, event }) => ({
      attempts: context.attempts + 1,
      backoffUntil:
        event.at + exponential(context.attempts + 1, event.settings.backoff_base_ms, event.settings.backoff_max_ms),
    })),
    waitUncharged: assign(({ context, event }) => ({
      unasked: context.unasked + 1,
      backoffUntil:
        event.at + exponential(context.unasked + 1, event.settings.backoff_base_ms, event.settings.backoff_max_ms),
    })),
    endBackoff: assign({ backoffUntil: null }),

    merge: ({ context }): Effect => ({
      kind: "git.merge",
      key: `${claimId(context.id, context.claim)}:git.merge`,
      reviewId: context.id,
      claim: context.claim,
      beadId: context.beadId,
      agentId: context.agentId,
      branch: context.branch,
      ...(context.commit === undefined ? {} : { commit: context.commit }),
    }),
    reportMerged: ({ context }): Fact => ({
      type: "bead.merged",
      beadId: context.beadId,
      reviewId: context.id,
      commitSha: context.commitSha,
    }),
    reportRejection: ({ context, event }): Fact => {
      const { check, words } = expect(event, "review.rejected");
      return { type: "bead.rejected", beadId: context.beadId, reviewId: context.id, check, words };
    },
    reportConflict: ({ context }): Fact => ({
      type: "bead.conflicted",
      beadId: context.beadId,
      reviewId: context.id,
      message: context.message ?? "",
    }),
    reportCancelled: ({ context }): Fact => ({
      type: "bead.cancelled",
      beadId: context.beadId,
      by: context.cancelAsked ?? "somebody",
    }),
    reportFailure: ({ context, event }): Fact => ({
      type: "bead.failed",
      beadId: context.beadId,
      reason: clip(`review failed: ${context.message ?? "no verdict"}`),
      ...(rulesAtLeast(event.ruleSet, 2) ? { escalation: escalationId(context, event) } : {}),
    }),
    escalate: ({ context, event }): Fact => ({
      type: "bead.created",
      beadId: escalationId(context, event),
      beadType: "escalation",
      title: clip(`branch ${context.branch} could not be merged`, LIMITS.title_chars),
      body: `Review ${context.id} of bead ${context.beadId} failed: ${context.message ?? "no verdict"}.`,
      priority: "high",
      labels: ["refinery"],
      metadata: { kind: "review_failed", bead_id: context.beadId, review_id: context.id },
      convoyId: null,
      blockedBy: [],
      deferUntil: null,
      createdBy: null,
    }),
  },
});

const retries = { target: "pending", actions: ["release", "rememberError", "chargeAttempt"] } as const;
/** It was not merged, and nobody wants it any more. */
const endsCancelled = (guard: "isCancelAsked" | "claimIsOver" | "isCurrentClaim") =>
  ({
    guard: and(["isCancelAsked", guard]),
    target: "failed",
    actions: ["release", "rememberError", "reportCancelled"],
  }) as const;
const asksCancel = { actions: ["rememberCancel"] } as const;
/** The rig was brought back from a file: it goes again. If it was merged meanwhile, the next try finds that. */
const broughtBack = [
  { guard: "isCancelAsked", target: "failed", actions: ["release", "reportCancelled"] },
  { target: "pending", actions: ["release", "fenceBefore"] },
] as const;
const cancels = { target: "failed", actions: ["release", "rememberError"] } as const;
const givesUp = { target: "failed", actions: ["release", "rememberError", "reportFailure", "escalate"] } as const;

export const reviewMachine = reviewSetup.createMachine({
  id: "review",
  description: "A branch waiting to be merged. One merge at a time per rig, oldest first.",
  context: ({ input }) => {
    const opened = expect(input, "review.opened");
    return {
      id: opened.reviewId,
      seq: opened.seq,
      beadId: opened.beadId,
      agentId: opened.agentId,
      branch: opened.branch,
      ...(opened.commit === undefined ? {} : { commit: opened.commit }),
      ...(opened.reverts === undefined ? {} : { reverts: opened.reverts }),
      prUrl: opened.prUrl,
      summary: opened.summary,
      createdAt: opened.at,
      updatedAt: opened.at,
      claim: 0,
      claimUntil: null,
      resendAt: null,
      attempts: 0,
      unasked: 0,
      backoffUntil: null,
      message: null,
      commitSha: null,
    };
  },
  initial: "pending",
  on: {
    "clock.jumped": { guard: "hasClocks", actions: ["moveClocks"] },
    "rig.imported": { actions: ["fenceBefore"] },
  },
  states: {
    pending: {
      description: "In the queue.",
      tags: ["queued"],
      on: {
        "review.granted": { guard: "isNextClaim", target: "running", actions: ["claim", "merge"] },
        "review.boarded": { guard: "isNextClaim", target: "boarded", actions: ["board"] },
        "review.held": { target: "held", actions: ["touch"] },
        "review.jumped": { guard: "hasNotJumped", actions: ["jump"] },
        // A verdict that comes after its claim was given up is still the truth, as long as nobody else has claimed.
        "review.completed": [
          {
            guard: and(["isCurrentClaim", "isMerged"]),
            target: "merged",
            actions: ["release", "rememberVerdict", "reportMerged"],
          },
          {
            guard: and(["isCurrentClaim", "isConflict"]),
            target: "failed",
            actions: ["release", "rememberVerdict", "reportConflict"],
          },
        ],
        "review.cancelled": { target: "failed", actions: ["rememberError"] },
        TICK: { guard: "backoffIsOver", actions: ["endBackoff"] },
      },
    },
    running: {
      description: "Claimed: the container was asked to merge. The claim is durable until its verdict or its lease.",
      tags: ["merging"],
      on: {
        "review.completed": [
          {
            guard: and(["isCurrentClaim", "isMerged"]),
            target: "merged",
            actions: ["release", "rememberVerdict", "reportMerged"],
          },
          {
            guard: and(["isCurrentClaim", "isCancelAsked"]),
            target: "failed",
            actions: ["release", "rememberVerdict", "reportCancelled"],
          },
          {
            guard: and(["isCurrentClaim", "isConflict"]),
            target: "failed",
            actions: ["release", "rememberVerdict", "reportConflict"],
          },
          {
            guard: and(["isCurrentClaim", "isPermanent"]),
            target: "failed",
            actions: ["release", "rememberVerdict", "reportFailure", "escalate"],
          },
          {
            guard: and(["isCurrentClaim", "attemptIsLeft"]),
            target: "pending",
            actions: ["release", "rememberVerdict", "chargeAttempt"],
          },
          {
            guard: "isCurrentClaim",
            target: "failed",
            actions: ["release", "rememberVerdict", "reportFailure", "escalate"],
          },
        ],
        "merge.refused": [
          endsCancelled("isCurrentClaim"),
          { guard: and(["isCurrentClaim", "attemptIsLeft"]), ...retries },
          { guard: "isCurrentClaim", ...givesUp },
        ],
        "merge.unknown": [
          endsCancelled("isCurrentClaim"),
          { guard: "isCurrentClaim", target: "pending", actions: ["release", "rememberError", "waitUncharged"] },
        ],
        "bead.cancel_asked": asksCancel,
        "rig.imported": [...broughtBack],
        // What it was asked for died with the one before. If not, it knows the claim and does nothing twice.
        "container.instance_changed": { actions: ["resendLater", "merge"] },
        "review.cancelled": { target: "failed", actions: ["release", "rememberError"] },
        TICK: [
          endsCancelled("claimIsOver"),
          { guard: and(["claimIsOver", "attemptIsLeft"]), ...retries },
          { guard: "claimIsOver", ...givesUp },
          { guard: "resendIsDue", actions: ["resendLater", "merge"] },
        ],
      },
    },
    boarded: {
      description: "On a train. The queue has the lease, and gives it back when nothing came of it.",
      tags: ["merging"],
      on: {
        "review.completed": [
          {
            guard: and(["isCurrentClaim", "isMerged"]),
            target: "merged",
            actions: ["release", "rememberVerdict", "reportMerged"],
          },
          {
            guard: and(["isCurrentClaim", "isCancelAsked"]),
            target: "failed",
            actions: ["release", "rememberVerdict", "reportCancelled"],
          },
          {
            guard: and(["isCurrentClaim", "isConflict"]),
            target: "failed",
            actions: ["release", "rememberVerdict", "reportConflict"],
          },
        ],
        "review.rejected": [
          endsCancelled("isCurrentClaim"),
          {
            guard: "isCurrentClaim",
            target: "failed",
            actions: ["release", "rememberError", "rememberRejection", "reportRejection"],
          },
        ],
        "review.unboarded": [
          endsCancelled("isCurrentClaim"),
          { guard: "isCurrentClaim", target: "pending", actions: ["release", "rememberError"] },
        ],
        "review.protected": [
          endsCancelled("isCurrentClaim"),
          { guard: "isCurrentClaim", target: "unapproved", actions: ["release", "rememberProtected"] },
        ],
        "review.handed_over": [
          endsCancelled("isCurrentClaim"),
          { guard: "isCurrentClaim", target: "handed_over", actions: ["release", "lookLater"] },
        ],
        "bead.cancel_asked": asksCancel,
        "rig.imported": [...broughtBack],
        "review.cancelled": cancels,
      },
    },
    held: {
      description: "A person keeps it back.",
      on: { "review.released": { target: "pending", actions: ["touch"] }, "review.cancelled": cancels },
    },
    unapproved: {
      description: "It changes protected files, and waits for a person who approves exactly this tree.",
      on: {
        "review.approved": { guard: "isItsTree", target: "pending", actions: ["rememberApproval"] },
        "review.cancelled": cancels,
      },
    },
    handed_over: {
      description:
        "Its branch is at the remote: somebody else merges it. Now and then a train looks whether the target has it.",
      tags: ["queued"],
      on: {
        TICK: { guard: "lookIsDue", target: "pending", actions: ["lookNow"] },
        "review.cancelled": cancels,
      },
    },
    merged: { description: "The target contains the commit.", tags: ["terminal"] },
    failed: {
      description: "Conflict, missing branch, no verdict, or cancelled; the message says which.",
      tags: ["terminal"],
    },
  },
});

export type ReviewSnapshot = SnapshotFrom<typeof reviewMachine>;

/** The next time (ms) at which this review must see a TICK, or null. */
export function reviewDeadline(snapshot: ReviewSnapshot, _settings: Settings): number | null {
  const { claimUntil, resendAt, backoffUntil, lookAt = null } = snapshot.context;
  switch (snapshot.value) {
    case "running":
      return earliest([claimUntil, resendAt]);
    case "pending":
      return backoffUntil;
    case "handed_over":
      return lookAt;
    default:
      return null;
  }
}
