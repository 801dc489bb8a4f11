import { assign, setup } from "xstate";
import type { Effect } from "../../events/effects.ts";
import { clip, type Fact } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import { rulesAtLeast } from "../../events/rules.ts";
import { numberAfterImport } from "../imported.ts";
import { expect, type MachineEvent } from "../event.ts";
import {
  alertBusy,
  alertUnseen,
  alertModel,
  alertSilent,
  noClocks,
  observedActivity,
  observedProgress,
  proved,
  waitFor,
  waitIsOver,
} from "./clocks.ts";
import { withAsk, withSession, withUsage } from "./driver.ts";
import {
  alertFruitless,
  awaited,
  shownBy,
  spentSince,
  stretchOfNext,
  unsaid,
  withCounted,
  withStretch,
} from "./spend.ts";
import { ended, isAskAnswered, resetBy, resetsAfter } from "./ends.ts";
import { handedIn, takenAsItIs, withRefusal } from "./hand-in.ts";
import { alertLimits, programOf, uncharged, untilReset } from "./limits.ts";
import { afterJump } from "./jump.ts";
import { GUARDS, provesProgress } from "./guards.ts";
import { forgotten, heldBy, idleFor, newest, restartBackoff, saidIn, type AgentContext } from "./context.ts";
import {
  escalation,
  escalationId,
  exhaustedBead,
  exhaustedTitle,
  failure,
  guppText,
  guppWasSent,
  minutes,
  refusalText,
  sentBackText,
  takenAsIs,
  tell,
} from "./says.ts";

/** What the agent's chart is made of: its guards, what it remembers, what it asks of the container, what it tells others. */

export const agentSetup = setup({
  types: {
    context: {} as AgentContext,
    events: {} as MachineEvent,
    input: {} as MachineEvent,
    tags: {} as "free" | "due" | "slot" | "active" | "patrolled" | "keyless",
  },
  guards: GUARDS,
  actions: {
    // Context
    rememberHook: assign(({ event }) => {
      const hooked = expect(event, "agent.hooked");
      const { beadId: hook, attempts, branch, resets } = hooked;
      return { ...forgotten, hook, attempts, branch, ...(resets === undefined ? {} : { resets }) };
    }),
    forgetHook: assign(forgotten),
    forgiveCharge: assign(({ context }) => ({ attempts: context.attempts - 1 })),
    moveClocks: assign(({ context, event }) => afterJump(context, event)),
    rememberGrant: assign(({ context, event }) => {
      const grant = expect(event, "dispatch.granted");
      return {
        dispatchN: context.dispatchN + 1,
        dispatchBead: grant.beadId,
        heard: false,
        leaseUntil: event.at + event.settings.start_lease_ms,
        progressAt: null,
        backoffUntil: null,
        stopUntil: null,
        stopReason: null,
        exit: null,
        handIn: undefined,
        ...(rulesAtLeast(event.ruleSet, 2) ? { isLookedAt: true as const } : {}),
        ...noClocks(context),
        ...stretchOfNext(context),
        ...("asked" in context ? { asks: undefined, asked: undefined } : {}),
        ...("atDoor" in context ? { atDoor: undefined } : {}),
        ...(grant.expectMs === undefined && !("expectMs" in context) ? {} : { expectMs: grant.expectMs }),
        ...(grant.runtime === undefined && !("program" in context) ? {} : { program: grant.runtime }),
        branch: grant.branch,
      };
    }),
    markHeard: assign(({ context, event }) => ({
      heard: true,
      leaseUntil: null,
      uncharged: 0,
      // Its clone was made; what it takes from here on is its own time.
      ...(context.preparing === undefined ? {} : { preparing: undefined, progressAt: event.at }),
    })),
    rememberPreparing: assign(({ event }) =>
      expect(event, "start.accepted").preparing === true ? { preparing: event.at } : {},
    ),
    startProgressClock: assign(({ context, event }) => ({
      progressAt: event.at,
      blockedAt: null,
      ...("waiting" in context ? { waiting: undefined } : {}),
      ...("asks" in context ? { asks: undefined } : {}),
    })),
    moveProgressClock: assign(({ context, event }) => proved(context, event, event.at)),
    moveObservedProgress: assign(({ context, event }) => observedProgress(context, event)),
    moveActivityClock: assign(({ context, event }) => observedActivity(context, event)),
    waitForModel: assign(({ context, event }) => waitFor(context, event)),
    endModelWait: assign(({ context, event }) => waitIsOver(context, event)),
    rememberBusy: assign({ told: "busy" as const }),
    rememberSilent: assign({ told: "silent" as const }),
    rememberCheckpoint: assign(({ context, event }) => {
      const saved = expect(event, "agent.checkpointed");
      return {
        ...shownBy(context),
        checkpoint: context.hook === null ? null : { seq: saved.seq, beadId: context.hook, digest: saved.digest },
      };
    }),
    noteHold: assign({ held: ({ event }) => heldBy(event) }),
    rememberStatus: assign({ said: ({ context, event }) => saidIn(context, event) }),
    rememberSession: assign(({ context, event }) => withSession(context, event)),
    rememberUsage: assign(({ context, event }) => withUsage(context, event)),
    rememberStretch: assign(({ context, event }) => withStretch(context, event)),
    rememberFruitless: assign(({ context }) => ({ stretch: context.stretch && { ...context.stretch, isTold: true } })),
    rememberCounted: assign(({ context, event }) => withCounted(context, event)),
    rememberAsk: assign(({ context, event }) => withAsk(context, event)),
    forgetAsk: assign(({ context }) => ({ asks: context.asks?.slice(1) })),
    forgetAsks: assign({ asks: undefined }),
    clearCharges: assign(({ context, event }) => {
      if (context.attempts > 0 && !provesProgress(context, event)) return { uncharged: 0 };
      // Only what resets anything uses up what may reset.
      const isReset = context.attempts > 0 && rulesAtLeast(event.ruleSet, 2);
      return {
        attempts: 0,
        exhausted: 0,
        uncharged: 0,
        ...(isReset ? { resets: resetsAfter(context, event) } : {}),
      };
    }),
    forgiveAgent: assign({ exhausted: 0, quarantinedUntil: null }),
    waitForStop: assign(({ event }) => ({ stopUntil: event.at + LIMITS.stop_lease_ms, progressAt: null })),
    becauseStalled: assign({ stopReason: "stalled" as const }),
    becauseEvicted: assign({ stopReason: "evicted" as const }),
    becauseCapped: assign({ stopReason: "capped" as const }),
    becauseUnmetered: assign({ stopReason: "unmetered" as const }),
    beginMeter: assign(({ event }) => ({ meteredAt: event.at })),
    startWaiting: assign(({ context: { handIn }, event }) => ({
      blockedAt: event.at,
      progressAt: null,
      // What it waits for now is something else.
      ...(handIn?.refused ? { handIn: { ...handIn, refused: { ...handIn.refused, isLast: false } } } : {}),
    })),
    rememberRefusedMessage: assign({ takesNoMessages: true as const }),
    rememberFailedStart: assign(({ event }) => ({ failedStart: expect(event, "start.failed").error })),
    rememberExit: assign(({ context, event }) => ended(context, event)),
    chargeAttempt: assign(({ context, event }) => {
      // What fails everybody is charged to nobody.
      if (event.isOutage) return uncharged(context, event);
      const attempts = context.attempts + (context.hook === null ? 0 : 1);
      return { attempts, backoffUntil: event.at + restartBackoff(attempts, event.settings) };
    }),
    waitUncharged: assign(({ context, event }) => uncharged(context, event)),
    /** Until the time that was named with the end. */
    waitForReset: assign(({ context, event }) => untilReset(context, event)),
    waitForNothing: assign({ backoffUntil: null }),
    fenceBefore: assign(({ context, event }) => ({ dispatchN: numberAfterImport(context.dispatchN, event) })),
    giveUpBead: assign(({ context }) => ({ ...forgotten, exhausted: context.exhausted + 1 })),
    quarantine: assign(({ event }) => ({
      quarantinedUntil: event.at + event.settings.backoff_max_ms,
      blockedAt: event.at,
    })),

    rememberHandIn: assign(({ event }) => handedIn(event)),
    rememberRefusal: assign(({ context, event }) => withRefusal(context, event)),
    takeAsIs: assign(({ context, event }) => takenAsItIs(context, event)),
    endHandIn: assign({ handIn: undefined }),
    askLater: assign(({ context, event }) => ({
      handIn: context.handIn && { ...context.handIn, askAt: event.at + LIMITS.hand_in_resend_ms },
    })),
    askAtNextTick: assign(({ context, event }) => ({
      handIn: context.handIn && {
        ...context.handIn,
        askAt: event.at + event.settings.arm_delay_ms,
        isUnanswered: true,
      },
    })),

    // Effects: what the container is asked to do
    startContainer: ({ context, event }): Effect => {
      const grant = expect(event, "dispatch.granted");
      const { session } = context;
      return {
        kind: "container.start",
        key: `${grant.dispatchId}:container.start`,
        agentId: context.id,
        dispatchId: grant.dispatchId,
        beadId: grant.beadId,
        branch: grant.branch,
        rework: grant.rework,
        resume: context.checkpoint !== null && context.checkpoint.beadId === grant.beadId,
        ...(session?.beadId === grant.beadId ? { session: { driver: session.driver, id: session.id } } : {}),
        ...programOf(grant),
      };
    },
    stopContainer: ({ context, event }): Effect => ({
      kind: "container.stop",
      key: `${newest(context)}:container.stop`,
      agentId: context.id,
      dispatchId: newest(context),
      reason: event.type === "TICK" ? "no progress" : event.type,
    }),
    pushGuppMessage: ({ context, event }): Effect => tell(context, event, guppText(context, event)),
    /** Where it asked with an id of its own, its driver is answered; where it did not, it is told as anything else. */
    pushAnswer: ({ context, event }): Effect[] =>
      isAskAnswered(event) ? [] : [tell(context, event, expect(event, "agent.answered").answer)],
    giveAnswer: ({ context, event }): Effect[] => {
      const { answer, by, askId, optionId = null } = expect(event, "agent.answered");
      if (askId === undefined) return [];
      const { id: agentId } = context;
      const key = `${newest(context)}:container.answer:${event.seq}`;
      return [
        { kind: "container.answer", key, agentId, dispatchId: newest(context), askId, optionId, text: answer, by },
      ];
    },
    pushMissedAnswer: ({ context, event }): Effect => tell(context, event, expect(event, "answer.missed").answer),

    inspectWork: ({ context, event }): Effect => ({
      kind: "work.inspect",
      key: `${newest(context)}:work.inspect:${event.seq}`,
      agentId: context.id,
      dispatchId: newest(context),
      beadId: context.hook ?? "",
      branch: context.handIn?.branch ?? "",
      resolution: context.handIn?.resolution ?? "work",
      asIs: context.handIn?.asIs ?? null,
    }),
    pushRefusal: ({ context, event }): Effect =>
      tell(context, event, refusalText(expect(event, "hand_in.refused").sentence)),
    pushSentBack: ({ context, event }): Effect =>
      tell(context, event, sentBackText(expect(event, "hand_in.settled").note)),
    alertSilence: ({ context, event }): Effect => ({ kind: "notify", ...alertUnseen(context, event) }),
    alertLimits: ({ context, event }): Effect[] =>
      alertLimits(context, event).map((told): Effect => ({ kind: "notify", ...told })),
    alertFruitless: ({ context, event }): Effect => ({ kind: "notify", ...alertFruitless(context, event) }),
    alertBusy: ({ context, event }): Effect => ({ kind: "notify", ...alertBusy(context, event) }),
    alertSilent: ({ context, event }): Effect => ({ kind: "notify", ...alertSilent(context, event) }),
    alertModel: ({ context, event }): Effect => ({ kind: "notify", ...alertModel(context, event) }),

    // Derived facts: what other actors must know of it
    /** Told by each agent once: whoever is first opens it. */
    openBudget: ({ context }): Fact[] => (context.counted === undefined ? [{ type: "budget.opened" }] : []),
    countSpend: ({ context, event }): Fact => ({ type: "spend.counted", ...spentSince(context, event) }),
    tellUnsaid: ({ context, event }): Fact[] =>
      unsaid(context, event).map((of): Fact => ({ type: "spend.incomplete", ...of })),
    tellAwaited: ({ context, event }): Fact[] =>
      awaited(context, event).map((of): Fact => ({ type: "spend.incomplete", ...of, awaited: true })),
    sendGuppMail: ({ context, event }): Fact => ({
      type: "mail.sent",
      mailId: `mail-${context.id}-${event.seq}`,
      from: "witness",
      to: context.id,
      subject: "GUPP_CHECK",
      body: guppText(context, event),
    }),
    escalateStall: ({ context, event }): Fact =>
      escalation(
        context,
        event,
        `${context.name} makes no progress`,
        `Agent ${context.id} is alive, but has shown no progress on bead ${context.hook ?? "(none)"} for ${minutes(idleFor(context, event))} minutes. ${guppWasSent(context)} Without progress it is restarted from its checkpoint.`,
        "gupp",
      ),
    escalatePrompt: ({ context, event }): Fact =>
      escalation(
        context,
        event,
        `${context.name} waits at a permission prompt`,
        `Agent ${context.id} has waited for a permission for ${minutes(event.at - (context.blockedAt ?? event.at))} minutes and is left alone until somebody answers.`,
        "permission",
      ),
    escalateBudget: ({ context, event }): Fact =>
      escalation(
        context,
        event,
        `${context.name} has used up its budget`,
        `Agent ${context.id} ended on bead ${context.hook ?? "(none)"}: ${context.exit?.reason ?? "no reason given"}. It is not started again until somebody answers; its checkpoint is kept.`,
        "over_budget",
      ),
    escalateKey: ({ context, event }): Fact =>
      escalation(
        context,
        event,
        `the key of ${context.name} was not taken`,
        `Agent ${context.id} ended on bead ${context.hook ?? "(none)"}: ${context.exit?.reason ?? "no reason given"}. Nothing is charged. Set the right key among the rig's secrets and answer it, and it goes on.`,
        "not_authorized",
      ),
    escalateExhaustion: ({ context, event }): Fact =>
      escalation(
        context,
        event,
        exhaustedTitle(context, event),
        `${exhaustedBead(context, event)}Last end of agent ${context.id}: ${context.exit?.outcome ?? "unknown"}, ${context.exit?.reason ?? "no reason given"}.`,
        "attempts_exhausted",
      ),
    failBead: ({ context, event }): Fact[] =>
      context.hook === null
        ? []
        : [
            {
              type: "bead.failed",
              beadId: context.hook,
              reason: clip(`${context.attempts} attempts used up; last: ${context.exit?.reason ?? "unknown"}`),
              ...(rulesAtLeast(event.ruleSet, 2) ? { escalation: escalationId(context, event) } : {}),
            },
          ],
    reportChargedFailure: ({ context, event }): Fact[] => failure(context, event, !event.isOutage),
    reportUnchargedFailure: ({ context, event }): Fact[] => failure(context, event, false),
    resetAttempts: ({ context, event }): Fact[] => {
      if (context.hook === null || context.attempts === 0 || !provesProgress(context, event)) return [];
      return [{ type: "attempts.reset", beadId: context.hook, ...resetBy(context, event) }];
    },
    submitReview: ({ context, event }): Fact => {
      const done = expect(event, "agent.done");
      return {
        type: "review.submitted",
        beadId: done.beadId,
        agentId: context.id,
        branch: done.branch,
        prUrl: done.prUrl,
        summary: done.summary,
      };
    },
    submitSeen: ({ context, event }): Fact => {
      const { beadId, branch, commit } = expect(event, "hand_in.accepted");
      const { prUrl = null, summary = null } = context.handIn ?? {};
      return { type: "review.submitted", beadId, agentId: context.id, branch, prUrl, summary, commit };
    },
    submitUnseen: ({ context, event }): Fact => {
      const { beadId } = expect(event, "hand_in.unseen");
      const { branch = "", prUrl = null, summary = null } = context.handIn ?? {};
      return { type: "review.submitted", beadId, agentId: context.id, branch, prUrl, summary };
    },
    closeUnchanged: ({ context, event }): Fact => ({
      type: "bead.no_change",
      beadId: expect(event, "hand_in.no_change", "hand_in.settled").beadId,
      agentId: context.id,
      note: expect(event, "hand_in.no_change", "hand_in.settled").note ?? context.handIn?.note ?? null,
    }),
    escalateRefusal: ({ context, event }): Fact => {
      const { code, sentence, refusals } = expect(event, "hand_in.refused");
      return escalation(
        context,
        event,
        `${context.name} cannot hand in its work`,
        `Refused ${refusals} times, the last time: ${sentence} Send it back, close it as no change${takenAsIs(code) ? ", or take its commit as it is" : ""}.`,
        "hand_in",
      );
    },
    mailMissedAnswer: ({ context, event }): Fact => {
      const missed = expect(event, "answer.missed");
      const mailId = `mail-${context.id}-${event.seq}`;
      return { type: "mail.sent", mailId, from: missed.by, to: context.id, subject: "ANSWER", body: missed.answer };
    },
    mailAnswer: ({ context, event }): Fact[] => {
      const answered = expect(event, "agent.answered");
      // Its driver waits for it: a letter is sent only when nobody took the answer.
      if (isAskAnswered(event) && context.asks !== undefined) return [];
      return [
        {
          type: "mail.sent",
          mailId: `mail-${context.id}-${event.seq}`,
          from: answered.by,
          to: context.id,
          subject: "ANSWER",
          body: answered.answer,
        },
      ];
    },
  },
});
