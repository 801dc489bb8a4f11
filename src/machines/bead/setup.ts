import { assign, setup } from "xstate";
import type { Effect } from "../../events/effects.ts";
import { clip, type Fact } from "../../events/facts.ts";
import { NOTHING_SPENT, plusSpent, reaches, spentText } from "../../events/budget.ts";
import { LIMITS } from "../../events/limits.ts";
import { budgetOf } from "../../events/settings.ts";
import { rulesAtLeast } from "../../events/rules.ts";
import { expect, type MachineEvent } from "../event.ts";
import { beadCaps, spentAfter } from "../spend.ts";
import { whyFailed, type BeadContext } from "./context.ts";

/** What the bead's chart is made of: its guards, what it remembers, what it tells others. */

const without = (ids: readonly string[] = [], gone: readonly string[]): string[] =>
  ids.filter((id) => !gone.includes(id));

/** It waits for nothing that has failed once these are gone. */
const isStuckBy = ({ stuckBy = [] }: BeadContext, gone: readonly string[]): boolean =>
  stuckBy.length > 0 && without(stuckBy, gone).length === 0;

/** Absent rather than empty: a bead that was never stuck has no such field. */
function stuckWithout({ stuckBy }: BeadContext, gone: readonly string[]): Partial<BeadContext> {
  if (stuckBy === undefined) return {};
  const left = without(stuckBy, gone);
  return { stuckBy: left.length === 0 ? undefined : left };
}

const escalationId = ({ id }: BeadContext, { seq }: MachineEvent): string => `esc-${id}-${seq}`;

export const beadSetup = setup({
  types: { context: {} as BeadContext, events: {} as MachineEvent, input: {} as MachineEvent, tags: {} as "terminal" },
  guards: {
    isWork: ({ context }) => context.type === "issue",
    isFree: ({ context }) => context.assignee === null,
    isItsAgent: ({ context, event }) => "agentId" in event && context.assignee === event.agentId,
    isCharged: ({ context }) => context.attempts > 0,
    isItsReview: ({ context, event }) => "reviewId" in event && context.reviewId === event.reviewId,
    attemptsAreUsedUp: ({ context, event }) => context.attempts >= event.settings.max_attempts,
    reworkIsLeft: ({ context }) => context.reworks < LIMITS.reworks,
    capIsReached: ({ context, event }) => reaches(spentAfter(context, event), beadCaps(context, event.settings)),
    capComesNear: ({ context, event }) => {
      const caps = beadCaps(context, event.settings);
      const percent = budgetOf(event.settings).budget_told_percent;
      return (
        !reaches(context.spent ?? NOTHING_SPENT, caps, percent) && reaches(spentAfter(context, event), caps, percent)
      );
    },
    isSetToOpen: ({ event }) => expect(event, "bead.status_set").status === "open",
    isSetToInProgress: ({ event }) => expect(event, "bead.status_set").status === "in_progress",
    isSetToClosed: ({ event }) => expect(event, "bead.status_set").status === "closed",
    isTakenInHand: ({ event }) =>
      rulesAtLeast(event.ruleSet, 2) && expect(event, "bead.status_set").status === "in_progress",
    isInHand: ({ context }) => context.byHand !== undefined,
    isItsBlocker: ({ context, event }) => context.blockedBy.includes(expect(event, "bead.stuck").blockerId),
    isDeadBlocker: ({ context, event }) => "blockerId" in event && (context.stuckBy ?? []).includes(event.blockerId),
    isLastDeadBlocker: ({ context, event }) => "blockerId" in event && isStuckBy(context, [event.blockerId]),
    /** Of its blockers that have failed none is left. */
    dropsItsDead: ({ context, event }) => {
      const { blockedBy } = expect(event, "bead.edited").changes;
      return blockedBy !== undefined && isStuckBy(context, without(context.stuckBy, blockedBy));
    },
    isSetToFailed: ({ event }) => expect(event, "bead.status_set").status === "failed",
  },
  actions: {
    touch: assign(({ event }) => ({ updatedAt: event.at })),
    assignTo: assign(({ context, event }) => ({
      assignee: expect(event, "agent.hooked").agentId,
      ...(context.byHand === undefined ? {} : { byHand: undefined }),
      ...(context.hold === undefined ? {} : { hold: undefined }),
      updatedAt: event.at,
    })),
    unassign: assign(({ event }) => ({ assignee: null, updatedAt: event.at })),
    rememberBranch: assign(({ event }) => ({ branch: expect(event, "dispatch.granted").branch, updatedAt: event.at })),
    rememberCharge: assign(({ event }) => ({
      attempts: expect(event, "dispatch.failed").attempts,
      updatedAt: event.at,
    })),
    forgiveCharge: assign(({ context, event }) => ({ attempts: context.attempts - 1, updatedAt: event.at })),
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
    removeBlocker: assign(({ context, event }) => {
      const { blockerId } = expect(event, "bead.unblocked");
      return {
        blockedBy: context.blockedBy.filter((id) => id !== blockerId),
        ...stuckWithout(context, [blockerId]),
        updatedAt: event.at,
      };
    }),
    rememberDeadBlocker: assign(({ context, event }) => {
      const { blockerId } = expect(event, "bead.stuck");
      return { stuckBy: [...without(context.stuckBy, [blockerId]), blockerId], updatedAt: event.at };
    }),
    forgetDeadBlocker: assign(({ context, event }) => ({
      ...stuckWithout(context, [expect(event, "bead.unstuck").blockerId]),
      updatedAt: event.at,
    })),
    edit: assign(({ context, event }) => {
      const { priority, blockedBy, deferUntil, runtime, model } = expect(event, "bead.edited").changes;
      return {
        ...(runtime === undefined ? {} : { runtime: runtime ?? undefined }),
        ...(model === undefined ? {} : { model: model ?? undefined }),
        ...(priority === undefined ? {} : { priority }),
        ...(deferUntil === undefined ? {} : { deferUntil }),
        ...(blockedBy === undefined
          ? {}
          : { blockedBy, ...stuckWithout(context, without(context.stuckBy, blockedBy)) }),
        updatedAt: event.at,
      };
    }),
    takeInHand: assign(({ event }) => ({ byHand: expect(event, "bead.status_set").by, updatedAt: event.at })),
    letGo: assign(({ event }) => ({ byHand: undefined, updatedAt: event.at })),
    rememberCancel: assign(({ event }) => ({
      cancelAsked: expect(event, "bead.cancel_asked").by,
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
        // The work is there: what it was to wait for is behind it.
        ...(rulesAtLeast(event.ruleSet, 2) ? { blockedBy: [], ...stuckWithout(context, context.stuckBy ?? []) } : {}),
        ...(context.byHand === undefined ? {} : { byHand: undefined }),
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
      stuckBy: undefined,
      escalation: undefined,
      cancelAsked: undefined,
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
      ...(event.type === "bead.failed" && event.escalation !== undefined ? { escalation: event.escalation } : {}),
      ...(event.type === "bead.cancelled" && rulesAtLeast(event.ruleSet, 2) ? { cancelled: true as const } : {}),
    })),

    addSpend: assign(({ context, event }) => ({ spent: spentAfter(context, event) })),
    raiseCap: assign(({ context, event }) => ({
      raised: plusSpent(context.raised ?? NOTHING_SPENT, expect(event, "bead.budget_raised")),
      updatedAt: event.at,
    })),

    tellCapped: ({ context, event }): Fact[] =>
      context.assignee === null
        ? []
        : [
            {
              type: "bead.capped",
              agentId: context.assignee,
              beadId: context.id,
              spent: spentAfter(context, event),
              caps: beadCaps(context, event.settings),
            },
          ],
    tellUncapped: ({ context }): Fact[] =>
      context.assignee === null ? [] : [{ type: "bead.uncapped", agentId: context.assignee, beadId: context.id }],
    alertNear: ({ context, event }): Effect => ({
      kind: "notify",
      key: `${context.id}:budget:${event.seq}`,
      severity: "warning",
      title: `most of what bead ${context.id} may spend is spent`,
      text: `${spentText(spentAfter(context, event), beadCaps(context, event.settings))}. At its end the bead waits for a person.`,
      beadId: context.id,
    }),
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
    /** Its own chart tells of it, with the fact that ends it. */
    rememberEscalation: assign(({ context, event }) =>
      rulesAtLeast(event.ruleSet, 2) ? { escalation: escalationId(context, event) } : {},
    ),
    escalateConflict: ({ context, event }): Fact => ({
      type: "bead.created",
      beadId: escalationId(context, event),
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
        beadId: escalationId(context, event),
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
      beadId: escalationId(context, event),
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
