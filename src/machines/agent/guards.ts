import type { Outcome } from "../../events/facts.ts";
import { dispatchId, dispatchNumber } from "../../events/dispatch-id.ts";
import { LIMITS } from "../../events/limits.ts";
import { expect, type MachineEvent } from "../event.ts";
import { isMoreUsage, isNewAsk } from "./driver.ts";
import { addsSpend, isFruitless, meterDeadline, needsMeter } from "./spend.ts";
import { budgetOf } from "../../events/settings.ts";
import { rulesAtLeast } from "../../events/rules.ts";
import { isOver, plus } from "../time.ts";
import { isActivityNews, isBusyForLong, isBusyForTooLong, isLateNews, isProgressNews } from "./clocks.ts";
import { hasClocks } from "./jump.ts";
import { idleFor, isUndecided, type AgentContext } from "./context.ts";

/** What the agent's chart asks before it moves. */

/** How a process ended, if that is what the event says. */
const outcomeOf = (event: MachineEvent): Outcome | null => (event.type === "agent.exited" ? event.outcome : null);

/** Its container has seen a commit of its own that is none of those at which attempts were reset before. */
export const hasNewCommit = (context: AgentContext, event: MachineEvent): boolean => {
  const { head } = expect(event, "agent.checkpointed");
  return head !== undefined && head !== context.resets?.head;
};

/** A checkpoint that resets the attempts: from rules 2 on there is a commit that is new, or it is one of the few that count alone. */
export const provesProgress = (context: AgentContext, event: MachineEvent): boolean =>
  !rulesAtLeast(event.ruleSet, 2) || hasNewCommit(context, event) || (context.resets?.notes ?? 0) < LIMITS.note_resets;

type Guard = (asked: { readonly context: AgentContext; readonly event: MachineEvent }) => boolean;

export const GUARDS = {
  hasClocks: ({ context }) => hasClocks(context),
  isCharged: ({ context }) => context.attempts > 0,
  hasHook: ({ context }) => context.hook !== null,
  isNextDispatch: ({ context, event }) => {
    const grant = expect(event, "dispatch.granted");
    // Nobody starts whom a person holds.
    if (context.held !== undefined) return false;
    return context.hook === grant.beadId && grant.dispatchId === dispatchId(context.id, context.dispatchN + 1);
  },
  isCurrentDispatch: ({ context, event }) =>
    "dispatchId" in event &&
    event.dispatchId !== null &&
    dispatchNumber(context.id, event.dispatchId) === context.dispatchN,
  isFirstSignOfLife: ({ context }) => !context.heard,
  isItsHook: ({ context, event }) => "beadId" in event && context.hook === event.beadId,
  leaseIsOver: ({ context, event }) => isOver(context.leaseUntil, event.at),
  containerIsUnreachable: ({ event }) => event.type === "TICK" && event.container === "unreachable",
  wasGoneTooEarly: ({ context, event }) =>
    outcomeOf(event) === "gone" &&
    !context.heard &&
    context.failedStart === undefined &&
    context.leaseUntil !== null &&
    event.at < context.leaseUntil,
  isKnownNotToRun: ({ context, event }) =>
    outcomeOf(event) === "gone" && !context.heard && context.failedStart !== undefined,
  wasEvicted: ({ context, event }) => context.stopReason === "evicted" || outcomeOf(event) === "evicted",
  wasRateLimited: ({ event }) => outcomeOf(event) === "rate_limited",
  /** Where it was to work was not fit, which is no fault of the work. */
  placeWasNotFit: ({ event }) => outcomeOf(event) === "place",
  containerWasFull: ({ event }) => outcomeOf(event) === "full",
  waitsForItsPlace: ({ context }) => context.exit?.outcome === "place",
  wasOverBudget: ({ context, event }) =>
    context.stopReason === "capped" || context.stopReason === "unmetered" || outcomeOf(event) === "over_budget",
  /** Nobody but the rig ends what it spends: its door does not count it, or whoever runs is to be stopped at once. */
  mustStopAtCap: ({ context, event }) =>
    budgetOf(event.settings).on_cap === "stop" ||
    context.atDoor !== true ||
    (event.type === "budget.capped" && event.settings.town_on_cap === "stop"),
  wasCompleted: ({ context, event }) => outcomeOf(event) === "completed" && context.stopReason === null,
  refusalIsLast: ({ event }) => expect(event, "hand_in.refused").refusals >= LIMITS.hand_in_refusals,
  isUndecided: ({ context }) => isUndecided(context),
  isTakenAsIs: ({ event }) => expect(event, "hand_in.settled").decision === "as_is",
  isSettledAsNoChange: ({ event }) => expect(event, "hand_in.settled").decision === "no_change",
  /** What it handed in was refused, and it ended without another word: its next dispatch is told, and nobody is charged. */
  wasSentBack: ({ context }) => context.hook !== null && (context.handIn?.refused ?? null) !== null,
  isFirstSilence: ({ context }) => context.handIn?.isUnanswered === false,
  askIsDue: ({ context, event }) => isOver(context.handIn?.askAt ?? null, event.at),
  isWatched: ({ context }) => context.role !== "mayor",
  guppCheckIsDue: ({ context, event }) => {
    const idle_ms = idleFor(context, event);
    return idle_ms >= event.settings.gupp_check_ms && idle_ms < event.settings.gupp_escalate_ms;
  },
  guppEscalationIsDue: ({ context, event }) => {
    const idle_ms = idleFor(context, event);
    return idle_ms >= event.settings.gupp_escalate_ms && idle_ms < event.settings.gupp_restart_ms;
  },
  guppRestartIsDue: ({ context, event }) => idleFor(context, event) >= event.settings.gupp_restart_ms,
  isNewAsk: ({ context, event }) => isNewAsk(context, event),
  isQuestion: ({ event }) => expect(event, "agent.asked").kind === "question",
  hasAsk: ({ context }) => (context.asks?.length ?? 0) > 0,
  hasMoreAsks: ({ context }) => (context.asks?.length ?? 0) > 1,
  isMoreUsage: ({ context, event }) => isMoreUsage(context, event),
  addsSpend: ({ context, event }) => addsSpend(context, event),
  isFruitless: ({ context, event }) => isFruitless(context, event),
  tookMessages: ({ context }) => context.takesNoMessages === undefined,
  needsMeter: ({ context, event }) => needsMeter(context, event),
  isUnmetered: ({ context, event }) => isOver(meterDeadline(context, event.settings), event.at),
  wasNotAuthorized: ({ event }) => outcomeOf(event) === "not_authorized",
  isProgressNews: ({ context, event }) => isProgressNews(context, event),
  isActivityNews: ({ context, event }) => isActivityNews(context, event),
  isLateNews: ({ event }) => isLateNews(event),
  isWaitingForModel: ({ context }) => context.waiting !== undefined,
  beginsToWait: ({ context, event }) => context.progressAt !== null && expect(event, "agent.waiting").for !== null,
  waitIsOver: ({ context, event }) => isOver(context.waiting?.until ?? null, event.at),
  isBusyForLong: ({ context, event }) => isBusyForLong(context, event),
  isBusyForTooLong: ({ context, event }) => isBusyForTooLong(context, event),
  isFirstSilenceOfIt: ({ context }) => context.told === undefined && context.hasProgressed === undefined,
  stopIsOver: ({ context, event }) => isOver(context.stopUntil, event.at),
  isNewCheckpoint: ({ context, event }) => {
    const saved = expect(event, "agent.checkpointed");
    return (
      context.hook !== null &&
      (context.checkpoint?.digest !== saved.digest || context.checkpoint.beadId !== context.hook)
    );
  },
  attemptsAreUsedUp: ({ context, event }) => context.attempts >= event.settings.max_attempts,
  agentIsSuspect: ({ context }) => context.exhausted + 1 >= LIMITS.exhausted_beads_before_quarantine,
  backoffIsOver: ({ context, event }) => context.backoffUntil === null || event.at >= context.backoffUntil,
  quarantineIsOver: ({ context, event }) => isOver(context.quarantinedUntil, event.at),
  promptIsOld: ({ context, event }) => isOver(plus(context.blockedAt, event.settings.gupp_check_ms), event.at),
} satisfies Record<string, Guard>;
