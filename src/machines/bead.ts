import { and, assign, not, setup, type SnapshotFrom } from "xstate";
import type { BeadId } from "../events/dispatch-id.ts";
import type { Effect } from "../events/effects.ts";
import { clip, type BeadType, type Fact, type Priority } from "../events/facts.ts";
import type { RefusalCode } from "../events/refusal-code.ts";
import { LIMITS } from "../events/limits.ts";
import { rulesAtLeast } from "../events/rules.ts";
import { expect, type MachineEvent } from "./event.ts";

/** Version of the bead's stored snapshot. */
export const BEAD_VERSION = 1;

export interface BeadContext {
  readonly id: BeadId;
  readonly seq: number;
  readonly type: BeadType;
  readonly priority: Priority;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly closedAt: number | null;
  readonly convoyId: string | null;
  /** The agent it is hooked to, or was last hooked to once it is in review. */
  readonly assignee: string | null;
  /** Blockers that are not closed yet; ready means none is left. */
  readonly blockedBy: readonly string[];
  /** Not dispatched before this. */
  readonly deferUntil: number | null;
  /** Crashes charged since the last proven progress. Lives here, so that it survives re-hooks. */
  readonly attempts: number;
  /** Where its work is; a rework goes on there. */
  readonly branch: string | null;
  /** Rework dispatches after a merge conflict. */
  readonly reworks: number;
  readonly reviewId: string | null;
  readonly commitSha: string | null;
  /** Refused hand-ins in a row, and what was said last; absent while there are none. */
  readonly refusals?: number | undefined;
  readonly refusal?: { readonly code: RefusalCode; readonly sentence: string } | undefined;
  /** Closed without a merge: there was nothing to change. */
  readonly resolution?: "no_change" | undefined;
  /** The check that its work was sent back for last, and its last lines; absent where none was. */
  readonly rejection?: { readonly check: string; readonly words: string } | undefined;
  /** A person wants it no more: told apart from what failed. */
  readonly cancelled?: true | undefined;
  /** Which agent program and which model shall work on it; absent: as its role and its rig say. */
  readonly runtime?: string;
  readonly model?: string;
  /** An agent that is busy without progress for longer is stopped, ms. */
  readonly expectMs?: number;
  /** By what its attempts were reset so far: by checkpoints alone, and at which commit last. Absent before the first time. */
  readonly resets?: { readonly notes: number; readonly head: string | null };
  /** Why it failed. */
  readonly reason: string | null;
}

/** What a person reads of a failed bead. */
function whyFailed(event: MachineEvent, attempts: number): string {
  switch (event.type) {
    case "bead.failed":
      return event.reason;
    case "bead.conflicted":
      return clip(`conflict again after rework: ${event.message}`);
    case "bead.rejected":
      return clip(`red again after its rework: ${event.check}: ${event.words}`);
    case "bead.cancelled":
      return `cancelled by ${event.by}`;
    case "bead.status_set":
      return `set to failed by ${event.by}`;
    default:
      return `${attempts} attempts used up`;
  }
}

const beadSetup = setup({
  types: { context: {} as BeadContext, events: {} as MachineEvent, input: {} as MachineEvent, tags: {} as "terminal" },
  guards: {
    isWork: ({ context }) => context.type === "issue",
    isFree: ({ context }) => context.assignee === null,
    isItsAgent: ({ context, event }) => "agentId" in event && context.assignee === event.agentId,
    isItsReview: ({ context, event }) => "reviewId" in event && context.reviewId === event.reviewId,
    attemptsAreUsedUp: ({ context, event }) => context.attempts >= event.settings.max_attempts,
    reworkIsLeft: ({ context }) => context.reworks < LIMITS.reworks,
    isSetToOpen: ({ event }) => expect(event, "bead.status_set").status === "open",
    isSetToInProgress: ({ event }) => expect(event, "bead.status_set").status === "in_progress",
    isSetToClosed: ({ event }) => expect(event, "bead.status_set").status === "closed",
    isSetToFailed: ({ event }) => expect(event, "bead.status_set").status === "failed",
  },
  actions: {
    touch: assign(({ event }) => ({ updatedAt: event.at })),
    assignTo: assign(({ event }) => ({ assignee: expect(event, "agent.hooked").agentId, updatedAt: event.at })),
    unassign: assign(({ event }) => ({ assignee: null, updatedAt: event.at })),
    rememberBranch: assign(({ event }) => ({ branch: expect(event, "dispatch.granted").branch, updatedAt: event.at })),
    rememberCharge: assign(({ event }) => ({
      attempts: expect(event, "dispatch.failed").attempts,
      updatedAt: event.at,
    })),
    resetAttempts: assign(({ context, event }) => {
      const { head, note } = expect(event, "attempts.reset");
      const { notes = 0, head: last = null } = context.resets ?? {};
      const resets = { notes: notes + (note === true ? 1 : 0), head: head ?? last };
      return {
        attempts: 0,
        updatedAt: event.at,
        ...(head === undefined && note === undefined ? {} : { resets }),
      };
    }),
    rememberRefusal: assign(({ event }) => {
      const { code, sentence, refusals } = expect(event, "hand_in.refused");
      return { refusals, refusal: { code, sentence }, updatedAt: event.at };
    }),
    forgetRefusals: assign(({ event }) => ({ refusals: undefined, updatedAt: event.at })),
    closeUnchanged: assign(({ event }) => ({
      closedAt: event.at,
      updatedAt: event.at,
      commitSha: null,
      resolution: "no_change" as const,
      reason: expect(event, "bead.no_change").note === null ? null : clip(expect(event, "bead.no_change").note ?? ""),
      refusals: undefined,
      refusal: undefined,
    })),
    removeBlocker: assign(({ context, event }) => ({
      blockedBy: context.blockedBy.filter((id) => id !== expect(event, "bead.unblocked").blockerId),
      updatedAt: event.at,
    })),
    enterReview: assign(({ context, event }) => {
      const submitted = expect(event, "review.submitted");
      return {
        reviewId: `rev-${context.id}-${event.seq}`,
        branch: submitted.branch,
        assignee: submitted.agentId,
        attempts: 0,
        refusals: undefined,
        refusal: undefined,
        updatedAt: event.at,
      };
    }),
    askForRework: assign(({ context, event }) => ({
      reworks: context.reworks + 1,
      assignee: null,
      // What was red before is not what is to be mended now.
      ...(context.rejection === undefined ? {} : { rejection: undefined }),
      updatedAt: event.at,
    })),
    rememberRejection: assign(({ event }) => {
      const { check, words } = expect(event, "bead.rejected");
      return { rejection: { check, words } };
    }),
    reopen: assign(({ event }) => ({
      blockedBy: expect(event, "bead.retried").blockedBy,
      assignee: null,
      attempts: 0,
      reworks: 0,
      refusals: undefined,
      cancelled: undefined,
      reason: null,
      closedAt: null,
      updatedAt: event.at,
    })),
    close: assign(({ event }) => ({
      closedAt: event.at,
      updatedAt: event.at,
      commitSha: event.type === "bead.merged" ? event.commitSha : null,
    })),
    fail: assign(({ context, event }) => ({
      closedAt: event.at,
      updatedAt: event.at,
      reason: whyFailed(event, context.attempts),
      ...(event.type === "bead.cancelled" && rulesAtLeast(event.ruleSet, 2) ? { cancelled: true as const } : {}),
    })),

    openReview: ({ context, event }): Fact => {
      const { beadId, agentId, branch, prUrl, summary, commit, reverts } = expect(event, "review.submitted");
      const opened = { reviewId: context.reviewId ?? "", beadId, agentId, branch, prUrl, summary };
      return {
        type: "review.opened",
        ...opened,
        ...(commit === undefined ? {} : { commit }),
        ...(reverts === undefined ? {} : { reverts }),
      };
    },
    escalateConflict: ({ context, event }): Fact => ({
      type: "bead.created",
      beadId: `esc-${context.id}-${event.seq}`,
      beadType: "escalation",
      title: clip(`bead ${context.id} conflicts again after its rework`, LIMITS.title_chars),
      body: `Branch ${context.branch ?? "(unknown)"}: ${expect(event, "bead.conflicted").message}. Merge it by hand, or sling the work again.`,
      priority: "high",
      labels: ["refinery"],
      metadata: { kind: "merge_conflict", bead_id: context.id },
      convoyId: null,
      blockedBy: [],
      deferUntil: null,
      createdBy: null,
    }),
    escalateRejection: ({ context, event }): Fact => {
      const { check, words } = expect(event, "bead.rejected");
      return {
        type: "bead.created",
        beadId: `esc-${context.id}-${event.seq}`,
        beadType: "escalation",
        title: clip(`bead ${context.id} is red again after its rework`, LIMITS.title_chars),
        body: `Branch ${context.branch ?? "(unknown)"}, ${check}: ${words}\n\nLook into it, and retry the bead.`,
        priority: "high",
        labels: ["refinery"],
        metadata: { kind: "red", bead_id: context.id },
        convoyId: null,
        blockedBy: [],
        deferUntil: null,
        createdBy: null,
      };
    },
    escalateExhaustion: ({ context, event }): Fact => ({
      type: "bead.created",
      beadId: `esc-${context.id}-${event.seq}`,
      beadType: "escalation",
      title: clip(`bead ${context.id} failed after ${context.attempts} attempts`, LIMITS.title_chars),
      body: `Its last agent was taken away after attempt ${context.attempts}. Look into what it does, then sling the work again.`,
      priority: "high",
      labels: ["witness"],
      metadata: { kind: "attempts_exhausted", bead_id: context.id },
      convoyId: null,
      blockedBy: [],
      deferUntil: null,
      createdBy: null,
    }),
    tellOperator: ({ context, event }): Effect => ({
      kind: "notify",
      key: `${context.id}:notify:${event.seq}`,
      severity: "warning",
      title: `bead ${context.id} failed`,
      text: context.reason ?? "",
      beadId: context.id,
    }),
  },
});

const submits = { guard: "isWork", target: "in_review", actions: ["enterReview", "openReview"] } as const;
/** What is no work has no branch to merge: its agent's done closes it. */
const endsByDone = { guard: "isItsAgent", target: "closed", actions: ["close"] } as const;
const closes = { target: "closed", actions: ["close"] } as const;
const cancelled = { target: "failed", actions: ["fail"] } as const;
const fails = { target: "failed", actions: ["fail", "tellOperator"] } as const;

/** Its agent is taken away before it could say that the attempts are used up: a new agent must not begin to count again. */
const exhausted = {
  guard: and(["isItsAgent", "attemptsAreUsedUp"]),
  target: "failed",
  actions: ["fail", "escalateExhaustion", "tellOperator"],
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
      reason: null,
    };
  },
  initial: "open",
  states: {
    open: {
      description: "Waits for its blockers, its time, and an agent.",
      on: {
        "agent.hooked": { guard: "isFree", actions: ["assignTo"] },
        "agent.unhooked": { guard: "isItsAgent", actions: ["unassign"] },
        "agent.deleted": { guard: "isItsAgent", actions: ["unassign"] },
        "dispatch.granted": { guard: "isItsAgent", target: "in_progress", actions: ["rememberBranch"] },
        "bead.unblocked": { actions: ["removeBlocker"] },
        "review.submitted": [submits, endsByDone],
        "bead.status_set": [
          {
            guard: and(["isSetToInProgress", not(and(["isWork", "isFree"]))]),
            target: "in_progress",
            actions: ["touch"],
          },
          { guard: "isSetToClosed", ...closes },
          { guard: "isSetToFailed", ...cancelled },
        ],
        "bead.closed": closes,
        "bead.cancelled": cancelled,
        "bead.failed": fails,
      },
    },
    in_progress: {
      description: "An agent has been dispatched on it.",
      on: {
        "agent.hooked": { guard: "isFree", actions: ["assignTo"] },
        "agent.unhooked": [exhausted, { guard: "isItsAgent", target: "open", actions: ["unassign"] }],
        "agent.deleted": [exhausted, { guard: "isItsAgent", target: "open", actions: ["unassign"] }],
        "dispatch.granted": { guard: "isItsAgent", actions: ["rememberBranch"] },
        "dispatch.failed": { guard: "isItsAgent", actions: ["rememberCharge"] },
        "attempts.reset": { actions: ["resetAttempts"] },
        "hand_in.refused": { guard: "isItsAgent", actions: ["rememberRefusal"] },
        "hand_in.settled": { guard: "isItsAgent", actions: ["forgetRefusals"] },
        "bead.no_change": { guard: "isItsAgent", target: "closed", actions: ["closeUnchanged"] },
        "bead.unblocked": { actions: ["removeBlocker"] },
        "review.submitted": [submits, endsByDone],
        "bead.status_set": [
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
        "bead.merged": { guard: "isItsReview", ...closes },
        "bead.conflicted": [
          { guard: and(["isItsReview", "reworkIsLeft"]), target: "open", actions: ["askForRework"] },
          { guard: "isItsReview", target: "failed", actions: ["fail", "escalateConflict", "tellOperator"] },
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
            actions: ["fail", "rememberRejection", "escalateRejection", "tellOperator"],
          },
        ],
        "bead.failed": fails,
        "bead.cancelled": cancelled,
        "bead.unblocked": { actions: ["removeBlocker"] },
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

/** When a deferred bead becomes ready, or null. A time that has passed is no deadline. */
export const beadDeadline = (snapshot: BeadSnapshot, at: number): number | null =>
  snapshot.value === "open" &&
  snapshot.context.type === "issue" &&
  snapshot.context.deferUntil !== null &&
  snapshot.context.deferUntil > at
    ? snapshot.context.deferUntil
    : null;
