import { and, assign, setup, type SnapshotFrom } from "xstate";
import { dispatchId, dispatchNumber } from "../events/dispatch-id.ts";
import type { Effect } from "../events/effects.ts";
import { clip, type Fact, type Outcome, type Role } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import type { Settings } from "../events/settings.ts";
import { expect, exponential, type MachineEvent } from "./event.ts";
import { earliest, isOver, plus, type Time } from "./time.ts";

/** Version of the agent's stored snapshot. A change of states or context needs a new number and a migration (see step.ts). */
export const AGENT_VERSION = 1;

export interface AgentContext {
  readonly id: string;
  readonly role: Role;
  readonly name: string;
  readonly identity: string;
  readonly seq: number;
  readonly createdAt: number;
  /** The one bead this agent is bound to. */
  readonly hook: string | null;
  /** Crashes charged to the hooked bead; the bead holds the same number and survives this agent. */
  readonly attempts: number;
  /** Number of the newest dispatch ever granted to this agent; 0 before the first. Fences all older ones. */
  readonly dispatchN: number;
  /** The bead of the newest dispatch; a late report of it must not speak for another bead. */
  readonly dispatchBead: string | null;
  /** Whether the newest dispatch has been heard from. */
  readonly heard: boolean;
  /** Until then a start may stay unheard of. */
  readonly leaseUntil: number | null;
  /** Last proof of progress of a running dispatch; null while the clock stands still. */
  readonly progressAt: number | null;
  /** Until then a process that was asked to stop may take its time. */
  readonly stopUntil: number | null;
  /** Why it was asked to stop: its own stall is charged, an eviction is not. */
  readonly stopReason: "stalled" | "evicted" | null;
  /** No new dispatch before this. */
  readonly backoffUntil: number | null;
  /** Failures in a row that were not the agent's fault; they only lengthen the wait. */
  readonly uncharged: number;
  readonly exit: { readonly outcome: Outcome | "refused" | "lease_over"; readonly reason: string; readonly at: number } | null;
  /** The newest checkpoint: whose it is and what it looks like; its data is kept beside. */
  readonly checkpoint: { readonly seq: number; readonly beadId: string; readonly digest: string } | null;
  readonly branch: string | null;
  /** Beads given up in a row without any proven progress. */
  readonly exhausted: number;
  readonly quarantinedUntil: number | null;
  /** When it began to wait for a person. */
  readonly blockedAt: number | null;
}

const newest = (context: AgentContext): string => dispatchId(context.id, context.dispatchN);
const idleFor = (context: AgentContext, event: MachineEvent): number => (context.progressAt === null ? -1 : event.at - context.progressAt);

/** How a process ended, if that is what the event says. */
const outcomeOf = (event: MachineEvent): Outcome | null => (event.type === "agent.exited" ? event.outcome : null);

/** Wait before restart number `attempts`: none after the first crash, then 30 s x 2 up to 10 min (design rule 5). */
export const restartBackoff = (failures: number, settings: Settings): number => exponential(failures - 1, settings.backoff_base_ms, settings.backoff_max_ms);

const forgotten = {
  hook: null,
  attempts: 0,
  leaseUntil: null,
  progressAt: null,
  stopUntil: null,
  stopReason: null,
  backoffUntil: null,
  uncharged: 0,
  exit: null,
  checkpoint: null,
  branch: null,
  blockedAt: null,
} satisfies Partial<AgentContext>;

const agentSetup = setup({
  types: {
    context: {} as AgentContext,
    events: {} as MachineEvent,
    input: {} as MachineEvent,
    tags: {} as "free" | "due" | "slot" | "active" | "patrolled",
  },
  guards: {
    hasHook: ({ context }) => context.hook !== null,
    isNextDispatch: ({ context, event }) => {
      const grant = expect(event, "dispatch.granted");
      return context.hook === grant.beadId && grant.dispatchId === dispatchId(context.id, context.dispatchN + 1);
    },
    isCurrentDispatch: ({ context, event }) => "dispatchId" in event && event.dispatchId !== null && dispatchNumber(context.id, event.dispatchId) === context.dispatchN,
    isFirstSignOfLife: ({ context }) => !context.heard,
    isItsHook: ({ context, event }) => "beadId" in event && context.hook === event.beadId,
    leaseIsOver: ({ context, event }) => isOver(context.leaseUntil, event.at),
    containerIsUnreachable: ({ event }) => event.type === "TICK" && event.container === "unreachable",
    wasGoneTooEarly: ({ context, event }) =>
      outcomeOf(event) === "gone" && !context.heard && context.leaseUntil !== null && event.at < context.leaseUntil,
    wasEvicted: ({ context, event }) => context.stopReason === "evicted" || outcomeOf(event) === "evicted",
    wasRateLimited: ({ event }) => outcomeOf(event) === "rate_limited",
    wasOverBudget: ({ event }) => outcomeOf(event) === "over_budget",
    wasCompleted: ({ context, event }) => outcomeOf(event) === "completed" && context.stopReason === null,
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
    stopIsOver: ({ context, event }) => isOver(context.stopUntil, event.at),
    isNewCheckpoint: ({ context, event }) => {
      const saved = expect(event, "agent.checkpointed");
      return context.hook !== null && (context.checkpoint?.digest !== saved.digest || context.checkpoint.beadId !== context.hook);
    },
    attemptsAreUsedUp: ({ context, event }) => context.attempts >= event.settings.max_attempts,
    agentIsSuspect: ({ context }) => context.exhausted + 1 >= LIMITS.exhausted_beads_before_quarantine,
    backoffIsOver: ({ context, event }) => context.backoffUntil === null || event.at >= context.backoffUntil,
    quarantineIsOver: ({ context, event }) => isOver(context.quarantinedUntil, event.at),
    promptIsOld: ({ context, event }) => isOver(plus(context.blockedAt, event.settings.gupp_check_ms), event.at),
  },
  actions: {
    // Context
    rememberHook: assign(({ event }) => {
      const hooked = expect(event, "agent.hooked");
      return { ...forgotten, hook: hooked.beadId, attempts: hooked.attempts, branch: hooked.branch };
    }),
    forgetHook: assign(forgotten),
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
        branch: grant.branch,
      };
    }),
    markHeard: assign({ heard: true, leaseUntil: null, uncharged: 0 }),
    startProgressClock: assign(({ event }) => ({ progressAt: event.at, blockedAt: null })),
    stopProgressClock: assign({ progressAt: null }),
    moveProgressClock: assign(({ context, event }) => ({ progressAt: context.progressAt === null ? null : event.at })),
    rememberCheckpoint: assign(({ context, event }) => {
      const saved = expect(event, "agent.checkpointed");
      return { checkpoint: context.hook === null ? null : { seq: saved.seq, beadId: context.hook, digest: saved.digest } };
    }),
    clearCharges: assign({ attempts: 0, exhausted: 0, uncharged: 0 }),
    forgiveAgent: assign({ exhausted: 0, quarantinedUntil: null }),
    waitForStop: assign(({ event }) => ({ stopUntil: event.at + LIMITS.stop_lease_ms, progressAt: null })),
    becauseStalled: assign({ stopReason: "stalled" as const }),
    becauseEvicted: assign({ stopReason: "evicted" as const }),
    startWaiting: assign(({ event }) => ({ blockedAt: event.at, progressAt: null })),
    rememberExit: assign(({ event }) => {
      const exit =
        event.type === "agent.exited"
          ? { outcome: event.outcome, reason: event.reason, at: event.at }
          : event.type === "start.refused"
            ? { outcome: "refused" as const, reason: clip(`HTTP ${event.status}: ${event.error}`), at: event.at }
            : { outcome: "lease_over" as const, reason: "not heard from within its lease", at: event.at };
      return { exit, leaseUntil: null, progressAt: null, stopUntil: null, stopReason: null };
    }),
    chargeAttempt: assign(({ context, event }) => {
      const attempts = context.attempts + (context.hook === null ? 0 : 1);
      return { attempts, backoffUntil: event.at + restartBackoff(attempts, event.settings) };
    }),
    waitUncharged: assign(({ context, event }) => ({
      uncharged: context.uncharged + 1,
      backoffUntil: event.at + exponential(context.uncharged + 1, event.settings.backoff_base_ms, event.settings.backoff_max_ms),
    })),
    waitForRateLimit: assign(({ event }) => ({
      backoffUntil: (event.type === "agent.exited" ? event.resetAt : null) ?? event.at + LIMITS.rate_limit_default_ms,
    })),
    waitForNothing: assign({ backoffUntil: null }),
    giveUpBead: assign(({ context }) => ({ ...forgotten, exhausted: context.exhausted + 1 })),
    quarantine: assign(({ event }) => ({ quarantinedUntil: event.at + event.settings.backoff_max_ms, blockedAt: event.at })),

    // Effects: what the container is asked to do
    startContainer: ({ context, event }): Effect => {
      const grant = expect(event, "dispatch.granted");
      return {
        kind: "container.start",
        key: `${grant.dispatchId}:container.start`,
        agentId: context.id,
        dispatchId: grant.dispatchId,
        beadId: grant.beadId,
        branch: grant.branch,
        rework: grant.rework,
        resume: context.checkpoint !== null && context.checkpoint.beadId === grant.beadId,
      };
    },
    stopContainer: ({ context, event }): Effect => ({
      kind: "container.stop",
      key: `${newest(context)}:container.stop`,
      agentId: context.id,
      dispatchId: newest(context),
      reason: event.type === "TICK" ? "no progress" : event.type,
    }),
    pushGuppMessage: ({ context, event }): Effect => ({
      kind: "container.message",
      key: `${newest(context)}:container.message:${event.seq}`,
      agentId: context.id,
      dispatchId: newest(context),
      prompt: guppText(context, event),
    }),
    pushAnswer: ({ context, event }): Effect => ({
      kind: "container.message",
      key: `${newest(context)}:container.message:${event.seq}`,
      agentId: context.id,
      dispatchId: newest(context),
      prompt: expect(event, "agent.answered").answer,
    }),

    // Derived facts: what other actors must know of it
    sendGuppMail: ({ context, event }): Fact => ({
      type: "mail.sent",
      mailId: `mail-${context.id}-${event.seq}`,
      from: "witness",
      to: context.id,
      subject: "GUPP_CHECK",
      body: guppText(context, event),
    }),
    escalateStall: ({ context, event }): Fact =>
      escalation(context, event, `${context.name} makes no progress`, `Agent ${context.id} is alive, but has shown no progress on bead ${context.hook ?? "(none)"} for ${minutes(idleFor(context, event))} minutes. It was sent a GUPP_CHECK. Without progress it is restarted from its checkpoint.`, "gupp"),
    escalatePrompt: ({ context, event }): Fact =>
      escalation(context, event, `${context.name} waits at a permission prompt`, `Agent ${context.id} has waited for a permission for ${minutes(event.at - (context.blockedAt ?? event.at))} minutes and is left alone until somebody answers.`, "permission"),
    escalateBudget: ({ context, event }): Fact =>
      escalation(context, event, `${context.name} has used up its budget`, `Agent ${context.id} ended on bead ${context.hook ?? "(none)"}: ${context.exit?.reason ?? "no reason given"}. It is not started again until somebody answers; its checkpoint is kept.`, "over_budget"),
    escalateExhaustion: ({ context, event }): Fact =>
      escalation(context, event, `bead ${context.hook ?? "(none)"} failed after ${context.attempts} attempts`, `Last end of agent ${context.id}: ${context.exit?.outcome ?? "unknown"}, ${context.exit?.reason ?? "no reason given"}.`, "attempts_exhausted"),
    failBead: ({ context }): Fact[] =>
      context.hook === null ? [] : [{ type: "bead.failed", beadId: context.hook, reason: clip(`${context.attempts} attempts used up; last: ${context.exit?.reason ?? "unknown"}`) }],
    reportChargedFailure: ({ context }): Fact[] => failure(context, true),
    reportUnchargedFailure: ({ context }): Fact[] => failure(context, false),
    resetAttempts: ({ context }): Fact[] => (context.hook === null || context.attempts === 0 ? [] : [{ type: "attempts.reset", beadId: context.hook }]),
    submitReview: ({ context, event }): Fact => {
      const done = expect(event, "agent.done");
      return { type: "review.submitted", beadId: done.beadId, agentId: context.id, branch: done.branch, prUrl: done.prUrl, summary: done.summary };
    },
    mailAnswer: ({ context, event }): Fact => {
      const answered = expect(event, "agent.answered");
      return { type: "mail.sent", mailId: `mail-${context.id}-${event.seq}`, from: answered.by, to: context.id, subject: "ANSWER", body: answered.answer };
    },
  },
});

const minutes = (ms: number): number => Math.floor(ms / 60_000);

const guppText = (context: AgentContext, event: MachineEvent): string =>
  `GUPP_CHECK: you have shown no progress on ${context.hook ?? "your hook"} for ${minutes(idleFor(context, event))} minutes. If there is work on your hook, you run it. Save a checkpoint, ask for help with an escalation, or finish with done.`;

const failure = (context: AgentContext, charged: boolean): Fact[] =>
  context.hook === null || context.exit === null
    ? []
    : [{ type: "dispatch.failed", agentId: context.id, dispatchId: newest(context), beadId: context.hook, charged, attempts: context.attempts, reason: clip(`${context.exit.outcome}: ${context.exit.reason}`) }];

const escalation = (context: AgentContext, event: MachineEvent, title: string, body: string, kind: string): Fact => ({
  type: "bead.created",
  beadId: `esc-${context.id}-${event.seq}`,
  beadType: "escalation",
  title: clip(title, LIMITS.title_chars),
  body,
  priority: "high",
  labels: ["witness"],
  metadata: { kind, agent_id: context.id, ...(context.hook === null ? {} : { bead_id: context.hook }) },
  convoyId: null,
  blockedBy: [],
  deferUntil: null,
  createdBy: null,
});

/** The process is known to be gone, or to have never been: which kind of end it was, and what it costs. */
const exits = [
  { guard: "wasGoneTooEarly" },
  { guard: and(["isCurrentDispatch", "wasEvicted"]), target: "#agent.exited.evicted", actions: ["rememberExit", "waitForNothing"] },
  { guard: and(["isCurrentDispatch", "wasRateLimited"]), target: "#agent.exited.rateLimited", actions: ["rememberExit", "waitForRateLimit"] },
  { guard: and(["isCurrentDispatch", "wasOverBudget"]), target: "#agent.blocked.overBudget", actions: ["rememberExit", "startWaiting", "escalateBudget"] },
  { guard: and(["isCurrentDispatch", "wasCompleted"]), target: "#agent.exited.completed", actions: ["rememberExit"] },
  { guard: "isCurrentDispatch", target: "#agent.exited.crashed", actions: ["rememberExit", "chargeAttempt", "reportChargedFailure"] },
] as const;

const isDone = { guard: and(["isCurrentDispatch", "isItsHook"]), target: "#agent.idle.empty", actions: ["submitReview", "forgetHook", "forgiveAgent"] } as const;
/** A done also asks the container to stop that dispatch, so that nothing lingers. */
const isDoneAlive = { ...isDone, actions: ["submitReview", "stopContainer", "forgetHook", "forgiveAgent"] } as const;
const loseHook = { guard: "isItsHook", target: "#agent.idle.empty", actions: ["forgetHook"] } as const;
const loseHookAlive = { guard: "isItsHook", target: "#agent.idle.empty", actions: ["stopContainer", "forgetHook"] } as const;
const leaveAlive = { target: "#agent.idle.empty", actions: ["stopContainer", "forgetHook"] } as const;
const leave = { target: "#agent.idle.empty", actions: ["forgetHook"] } as const;
const blocksOnHelp = { guard: "isCurrentDispatch", target: "#agent.blocked.onHelp.waiting", actions: ["markHeard", "startWaiting"] } as const;
const blocksOnPermission = { guard: "isCurrentDispatch", target: "#agent.blocked.onPermission.waiting", actions: ["markHeard", "startWaiting"] } as const;
const saves = { guard: "isCurrentDispatch", actions: ["rememberCheckpoint"] } as const;
const savesNew = { guard: and(["isCurrentDispatch", "isNewCheckpoint"]), actions: ["rememberCheckpoint", "resetAttempts", "clearCharges"] } as const;
const runs = { target: "#agent.working.process.running", actions: ["markHeard", "startProgressClock"] } as const;
const runsHeard = { guard: "isCurrentDispatch", ...runs } as const;
const runsSaved = {
  guard: "isCurrentDispatch",
  target: "#agent.working.process.running",
  actions: ["markHeard", "rememberCheckpoint", "startProgressClock", "resetAttempts", "clearCharges"],
} as const;

/** A start: its answer is accepted, refused or unknown (design rule 2). Unknown stays here until heard from, observed, or over. */
const starting = {
  "start.accepted": { guard: "isCurrentDispatch", target: "#agent.working.process.running", actions: ["startProgressClock"] },
  "start.refused": { guard: "isCurrentDispatch", target: "#agent.exited.refused", actions: ["rememberExit", "chargeAttempt", "reportChargedFailure"] },
  "agent.heard": runsHeard,
  "agent.progressed": runsHeard,
  "agent.checkpointed": runsSaved,
  TICK: [
    { guard: and(["leaseIsOver", "containerIsUnreachable"]), target: "#agent.exited.crashed", actions: ["rememberExit", "waitUncharged", "reportUnchargedFailure"] },
    { guard: "leaseIsOver", target: "#agent.exited.crashed", actions: ["rememberExit", "chargeAttempt", "reportChargedFailure"] },
  ],
} as const;

export const agentMachine = agentSetup.createMachine({
  id: "agent",
  description: "A worker identity and the one process it may have. GUPP: if there is work on your hook, you run it.",
  context: ({ input }) => {
    const registered = expect(input, "agent.registered");
    return {
      id: registered.agentId,
      role: registered.role,
      name: registered.name,
      identity: registered.identity,
      seq: registered.seq,
      createdAt: registered.at,
      ...forgotten,
      dispatchN: 0,
      dispatchBead: null,
      heard: false,
      exhausted: 0,
      quarantinedUntil: null,
    };
  },
  initial: "idle",
  states: {
    idle: {
      description: "No process.",
      initial: "empty",
      states: {
        empty: {
          description: "Free: the rig may give it a bead.",
          tags: ["free"],
          on: { "agent.hooked": { target: "hooked", actions: ["rememberHook"] } },
        },
        hooked: {
          description: "Has a bead and waits for the rig to grant a dispatch.",
          tags: ["due"],
          on: {
            "dispatch.granted": { guard: "isNextDispatch", target: "#agent.working", actions: ["rememberGrant", "startContainer"] },
            // Somebody ran it by hand, or its last dispatch was slower than its report.
            "agent.done": isDone,
            "agent.unhooked": loseHook,
            "agent.deleted": leave,
          },
        },
      },
    },

    working: {
      description: "A process is running, being started, or being stopped.",
      tags: ["slot", "patrolled"],
      type: "parallel",
      on: {
        "agent.done": isDoneAlive,
        "agent.exited": [...exits],
        "agent.unhooked": loseHookAlive,
        "agent.deleted": leaveAlive,
        "rig.destroyed": leaveAlive,
        "agent.asked_help": blocksOnHelp,
        "permission.asked": blocksOnPermission,
      },
      states: {
        process: {
          description: "What becomes of the process.",
          initial: "starting",
          states: {
            starting: {
              description: "Asked to start; a lease with a deadline.",
              tags: ["active"],
              on: { ...starting, "rig.draining": { target: "draining", actions: ["stopContainer", "waitForStop", "becauseEvicted"] } },
            },
            running: {
              description: "Accepted by the container or heard from.",
              on: {
                "agent.heard": { guard: and(["isCurrentDispatch", "isFirstSignOfLife"]), actions: ["markHeard"] },
                "rig.draining": { target: "draining", actions: ["stopContainer", "waitForStop", "becauseEvicted"] },
                TICK: { guard: and(["isWatched", "guppRestartIsDue"]), target: "draining", actions: ["stopContainer", "waitForStop", "becauseStalled"] },
              },
            },
            draining: {
              description: "Asked to stop; its clocks stand still.",
              tags: ["active"],
              on: {
                "rig.draining": { actions: ["becauseEvicted"] },
                // It was told to stop; what it asks for now is asked again by its next dispatch.
                "agent.asked_help": {},
                "permission.asked": {},
                TICK: [
                  { guard: and(["stopIsOver", "wasEvicted"]), target: "#agent.exited.evicted", actions: ["rememberExit", "waitForNothing"] },
                  { guard: "stopIsOver", target: "#agent.exited.crashed", actions: ["rememberExit", "chargeAttempt", "reportChargedFailure"] },
                ],
              },
            },
          },
        },
        progress: {
          description: "How long ago the dispatch proved progress. Edge-triggered: one mail, one escalation per episode.",
          initial: "fresh",
          on: {
            "agent.progressed": { guard: "isCurrentDispatch", target: ".fresh", actions: ["markHeard", "moveProgressClock"] },
            "agent.checkpointed": [
              {
                guard: and(["isCurrentDispatch", "isNewCheckpoint"]),
                target: ".fresh",
                actions: ["markHeard", "rememberCheckpoint", "moveProgressClock", "resetAttempts", "clearCharges"],
              },
              saves,
            ],
          },
          states: {
            fresh: {
              description: "Proved progress lately.",
              tags: ["active"],
              on: {
                TICK: [
                  { guard: and(["isWatched", "guppCheckIsDue"]), target: "checked", actions: ["sendGuppMail", "pushGuppMessage"] },
                  { guard: and(["isWatched", "guppEscalationIsDue"]), target: "escalated", actions: ["sendGuppMail", "pushGuppMessage", "escalateStall"] },
                ],
              },
            },
            checked: {
              description: "A GUPP_CHECK was sent.",
              tags: ["active"],
              on: { TICK: { guard: and(["isWatched", "guppEscalationIsDue"]), target: "escalated", actions: ["escalateStall"] } },
            },
            escalated: { description: "A person was told. No longer a reason for the fast cadence." },
          },
        },
      },
    },

    blocked: {
      description: "Waits for somebody. Never restarted for waiting.",
      initial: "onHelp",
      on: { "agent.deleted": leave, "agent.unhooked": loseHook, "agent.done": isDone },
      states: {
        onHelp: {
          description: "Asked a question with an escalation.",
          initial: "waiting",
          states: {
            waiting: {
              description: "The process is alive and keeps its slot.",
              tags: ["slot", "patrolled"],
              on: {
                "agent.answered": { target: "#agent.working.process.running", actions: ["pushAnswer", "mailAnswer", "startProgressClock"] },
                "agent.progressed": runsHeard,
                "agent.checkpointed": [{ ...savesNew, target: "#agent.working.process.running", actions: ["rememberCheckpoint", "resetAttempts", "clearCharges", "startProgressClock"] }, saves],
                "agent.exited": { guard: "isCurrentDispatch", target: "parked", actions: ["rememberExit"] },
                "rig.draining": { target: "parked", actions: ["stopContainer"] },
                "agent.done": isDoneAlive,
                "agent.unhooked": loseHookAlive,
                "agent.deleted": leaveAlive,
                "rig.destroyed": leaveAlive,
              },
            },
            parked: {
              description: "The process ended while it waited; the answer starts it again from its checkpoint.",
              on: {
                "agent.answered": { target: "#agent.restarting", actions: ["mailAnswer", "waitForNothing"] },
                "agent.checkpointed": saves,
              },
            },
          },
        },
        onPermission: {
          description: "Waits at a permission prompt.",
          initial: "waiting",
          on: {
            "permission.answered": runsHeard,
            "agent.answered": { target: "#agent.working.process.running", actions: ["pushAnswer", "mailAnswer", "startProgressClock"] },
            "agent.progressed": runsHeard,
            "agent.checkpointed": [{ ...savesNew, target: "#agent.working.process.running", actions: ["rememberCheckpoint", "resetAttempts", "clearCharges", "startProgressClock"] }, saves],
            "agent.asked_help": blocksOnHelp,
            "agent.exited": [...exits],
            "agent.done": isDoneAlive,
            "agent.unhooked": loseHookAlive,
            "agent.deleted": leaveAlive,
            "rig.destroyed": leaveAlive,
            "rig.draining": { target: "#agent.working.process.draining", actions: ["stopContainer", "waitForStop", "becauseEvicted"] },
          },
          states: {
            waiting: {
              description: "Nobody was told yet.",
              tags: ["slot", "patrolled"],
              on: { TICK: { guard: "promptIsOld", target: "escalated", actions: ["escalatePrompt"] } },
            },
            escalated: { description: "A person was told.", tags: ["slot", "patrolled"] },
          },
        },
        overBudget: {
          description: "Ended because its money or its tokens were used up. Only a person starts it again, from its checkpoint.",
          on: {
            "agent.answered": { target: "#agent.restarting", actions: ["mailAnswer", "waitForNothing"] },
            "agent.checkpointed": saves,
          },
        },
        quarantined: {
          description: "Gave up several beads in a row: suspected itself, and rested.",
          on: {
            TICK: { guard: "quarantineIsOver", target: "#agent.idle.empty", actions: ["forgiveAgent"] },
            "agent.answered": { target: "#agent.idle.empty", actions: ["forgiveAgent"] },
          },
        },
      },
    },

    exited: {
      description: "The process is known to be gone. The next TICK decides.",
      tags: ["active"],
      initial: "crashed",
      on: {
        TICK: [{ guard: "hasHook", target: "restarting" }, { target: "idle" }],
        "agent.done": isDone,
        "agent.checkpointed": saves,
        "agent.unhooked": loseHook,
        "agent.deleted": leave,
      },
      states: {
        crashed: { description: "Died, was stopped for a stall, or was never heard of." },
        completed: {
          description: "Ended well, but without a done. The done may be on its way: only the next TICK takes its absence for a failure.",
          on: { TICK: { guard: "hasHook", target: "#agent.restarting", actions: ["chargeAttempt", "reportChargedFailure"] } },
        },
        rateLimited: { description: "Was told to come back later; not charged." },
        evicted: { description: "Its container was taken away; not charged." },
        refused: { description: "The container refused the start: known not to run." },
      },
    },

    restarting: {
      description: "Has a hook and no process.",
      initial: "deciding",
      on: { "agent.done": isDone, "agent.checkpointed": saves, "agent.unhooked": loseHook, "agent.deleted": leave },
      states: {
        deciding: {
          description: "Give up, go on, or wait: left at once.",
          always: [
            { guard: and(["attemptsAreUsedUp", "agentIsSuspect"]), target: "#agent.blocked.quarantined", actions: ["failBead", "escalateExhaustion", "giveUpBead", "quarantine"] },
            { guard: "attemptsAreUsedUp", target: "#agent.idle", actions: ["failBead", "escalateExhaustion", "giveUpBead"] },
            { guard: "backoffIsOver", target: "due" },
            { target: "backingOff" },
          ],
        },
        backingOff: {
          description: "Waits before the next attempt.",
          on: { TICK: { guard: "backoffIsOver", target: "due" } },
        },
        due: {
          description: "Waits for the rig to grant a dispatch.",
          tags: ["due"],
          on: { "dispatch.granted": { guard: "isNextDispatch", target: "starting", actions: ["rememberGrant", "startContainer"] } },
        },
        starting: {
          description: "Asked to start again, from its checkpoint.",
          tags: ["slot", "active", "patrolled"],
          on: {
            ...starting,
            "agent.done": isDoneAlive,
            "agent.exited": [...exits],
            "agent.unhooked": loseHookAlive,
            "agent.deleted": leaveAlive,
            "rig.destroyed": leaveAlive,
            "agent.asked_help": blocksOnHelp,
            "permission.asked": blocksOnPermission,
            "rig.draining": { target: "#agent.working.process.draining", actions: ["stopContainer", "waitForStop", "becauseEvicted"] },
          },
        },
      },
    },
  },
});

export type AgentSnapshot = SnapshotFrom<typeof agentMachine>;

/** The next time (ms) at which this agent must see a TICK, or null when only a fact can move it. */
export function agentDeadline(snapshot: AgentSnapshot, settings: Settings): Time {
  const { context } = snapshot;
  if (snapshot.matches({ working: { process: "draining" } })) return context.stopUntil;
  if (snapshot.matches({ restarting: "starting" })) return context.leaseUntil;
  if (snapshot.matches("working")) return earliest([snapshot.matches({ working: { process: "running" } }) ? null : context.leaseUntil, context.role === "mayor" ? null : nextGupp(snapshot, settings)]);
  if (snapshot.matches("exited")) return plus(context.exit?.at ?? null, settings.arm_delay_ms);
  if (snapshot.matches({ restarting: "backingOff" })) return context.backoffUntil;
  if (snapshot.matches({ blocked: "quarantined" })) return context.quarantinedUntil;
  if (snapshot.matches({ blocked: { onPermission: "waiting" } })) return plus(context.blockedAt, settings.gupp_check_ms);
  return null;
}

/** When a working agent without progress is looked at next: reminded, then told of, then restarted. */
function nextGupp(snapshot: AgentSnapshot, { gupp_check_ms, gupp_escalate_ms, gupp_restart_ms }: Settings): Time {
  const next = snapshot.matches({ working: { progress: "fresh" } }) ? gupp_check_ms : snapshot.matches({ working: { progress: "checked" } }) ? gupp_escalate_ms : gupp_restart_ms;
  return plus(snapshot.context.progressAt, Math.min(next, gupp_restart_ms));
}

/** The agent's newest dispatch id, or null before its first dispatch. */
export const currentDispatch = (context: AgentContext): string | null => (context.dispatchN === 0 ? null : newest(context));
