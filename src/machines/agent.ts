import { meterDeadline } from "./agent/spend.ts";
import { and, type SnapshotFrom } from "xstate";
import { watchOf, type Settings } from "../events/settings.ts";
import { blocked } from "./agent/blocked.ts";
import { forgotten, newest, type AgentContext } from "./agent/context.ts";
import { agentSetup } from "./agent/setup.ts";
import {
  blocksOnAsk,
  blocksOnHelp,
  blocksOnPermission,
  broughtBack,
  exits,
  handInEnds,
  handsIn,
  handsInGone,
  isDone,
  isDoneAlive,
  leave,
  leaveAlive,
  loseHook,
  loseHookAlive,
  saves,
  starting,
} from "./agent/transitions.ts";
import { working } from "./agent/working.ts";
import { expect } from "./event.ts";
import { earliest, plus, type Time } from "./time.ts";

export type { AgentContext } from "./agent/context.ts";
export { restartBackoff } from "./agent/context.ts";

/** Version of the agent's stored snapshot. A change of states or context needs a new number and a migration (see step.ts). */
export const AGENT_VERSION = 1;

/** What is used counts, whoever used it. */
const counts = ["openBudget", "countSpend"] as const;

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
  on: {
    "charge.forgiven": { guard: and(["isItsHook", "isCharged"]), actions: ["forgiveCharge"] },
    "clock.jumped": { guard: "hasClocks", actions: ["moveClocks"] },
    "rig.imported": { actions: ["fenceBefore"] },
    "agent.held": { actions: ["noteHold"] },
    "agent.released": { actions: ["noteHold"] },
    "agent.status_said": { guard: and(["isCurrentDispatch", "hasHook"]), actions: ["rememberStatus"] },
    "agent.session": { guard: and(["isCurrentDispatch", "hasHook"]), actions: ["rememberSession"] },
    "agent.usage": [
      {
        guard: and(["isCurrentDispatch", "isMoreUsage", "addsSpend", "isFruitless"]),
        actions: [
          ...counts,
          "alertFruitless",
          "rememberStretch",
          "rememberFruitless",
          "rememberCounted",
          "rememberUsage",
        ],
      },
      {
        guard: and(["isCurrentDispatch", "isMoreUsage", "addsSpend"]),
        actions: [...counts, "rememberStretch", "rememberCounted", "rememberUsage"],
      },
      // Of an older dispatch: it counts, and changes nothing else.
      { guard: "addsSpend", actions: [...counts, "rememberCounted"] },
    ],
    "message.refused": { guard: and(["isCurrentDispatch", "tookMessages"]), actions: ["rememberRefusedMessage"] },
    "answer.missed": {
      guard: and(["isCurrentDispatch", "hasHook"]),
      actions: ["pushMissedAnswer", "mailMissedAnswer"],
    },
  },
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
            "dispatch.granted": {
              guard: "isNextDispatch",
              target: "#agent.working",
              actions: ["rememberGrant", "startContainer"],
            },
            // Somebody ran it by hand, or its last dispatch was slower than its report.
            "agent.done": isDone,
            "agent.unhooked": loseHook,
            "agent.deleted": leave,
          },
        },
      },
    },

    working,

    blocked,

    exited: {
      description: "The process is known to be gone. The next TICK decides.",
      tags: ["active"],
      initial: "crashed",
      on: {
        TICK: [{ guard: "hasHook", target: "restarting" }, { target: "idle" }],
        "agent.done": isDone,
        "work.handed_in": handsInGone,
        "agent.checkpointed": saves,
        "agent.unhooked": loseHook,
        "agent.deleted": leave,
      },
      states: {
        crashed: { description: "Died, was stopped for a stall, or was never heard of." },
        completed: {
          description:
            "Ended well, but without a done. The done may be on its way: only the next TICK takes its absence for a failure.",
          on: {
            TICK: [
              { guard: "wasSentBack", target: "#agent.restarting", actions: ["endHandIn", "waitForNothing"] },
              { guard: "hasHook", target: "#agent.restarting", actions: ["chargeAttempt", "reportChargedFailure"] },
            ],
          },
        },
        rateLimited: { description: "Was told to come back later; not charged." },
        placeNotFit: {
          description: "Never began: where it was to work was not fit. Not charged.",
          on: { "place.changed": { actions: ["waitForNothing"] } },
        },
        handing_in: {
          description: "Said that it is done, and has no process, or none that answers. What it hands in is looked at.",
          on: {
            ...handInEnds,
            "hand_in.refused": [
              {
                guard: and(["isCurrentDispatch", "isItsHook", "refusalIsLast"]),
                target: "#agent.blocked.onHelp.parked",
                actions: ["startWaiting", "rememberRefusal", "escalateRefusal"],
              },
              // Its next dispatch opens with the reason.
              {
                guard: and(["isCurrentDispatch", "isItsHook"]),
                target: "#agent.restarting",
                actions: ["endHandIn", "waitForNothing"],
              },
            ],
            "hand_in.unanswered": [
              {
                guard: and(["isCurrentDispatch", "isItsHook", "isFirstSilence"]),
                actions: ["alertSilence", "askAtNextTick"],
              },
              { guard: and(["isCurrentDispatch", "isItsHook"]), actions: ["askAtNextTick"] },
            ],
            "agent.exited": { guard: "isCurrentDispatch", actions: ["rememberExit"] },
            "rig.imported": broughtBack,
            TICK: [{ guard: "askIsDue", actions: ["inspectWork", "askLater"] }, {}],
          },
        },
        full: { description: "Its container had no room for it; not charged, and back in line." },
        evicted: { description: "Its container was taken away; not charged." },
        refused: { description: "The container refused the start: known not to run." },
      },
    },

    restarting: {
      description: "Has a hook and no process.",
      initial: "deciding",
      on: {
        "agent.done": isDone,
        "work.handed_in": handsInGone,
        "agent.checkpointed": saves,
        "agent.unhooked": loseHook,
        "agent.deleted": leave,
      },
      states: {
        deciding: {
          description: "Give up, go on, or wait: left at once.",
          always: [
            {
              guard: and(["attemptsAreUsedUp", "agentIsSuspect"]),
              target: "#agent.blocked.quarantined",
              actions: ["failBead", "escalateExhaustion", "giveUpBead", "quarantine"],
            },
            {
              guard: "attemptsAreUsedUp",
              target: "#agent.idle",
              actions: ["failBead", "escalateExhaustion", "giveUpBead"],
            },
            { guard: "backoffIsOver", target: "due" },
            { target: "backingOff" },
          ],
        },
        backingOff: {
          description: "Waits before the next attempt.",
          on: {
            TICK: { guard: "backoffIsOver", target: "due" },
            "place.changed": { guard: "waitsForItsPlace", target: "due" },
          },
        },
        due: {
          description: "Waits for the rig to grant a dispatch.",
          tags: ["due"],
          on: {
            "dispatch.granted": {
              guard: "isNextDispatch",
              target: "starting",
              actions: ["rememberGrant", "startContainer"],
            },
          },
        },
        starting: {
          description: "Asked to start again, from its checkpoint.",
          tags: ["slot", "active", "patrolled"],
          on: {
            ...starting,
            "agent.done": isDoneAlive,
            "work.handed_in": handsIn,
            "agent.exited": [...exits],
            "agent.unhooked": loseHookAlive,
            "agent.deleted": leaveAlive,
            "rig.destroyed": leaveAlive,
            "agent.asked_help": blocksOnHelp,
            "permission.asked": blocksOnPermission,
            "agent.asked": [...blocksOnAsk],
            "rig.imported": broughtBack,
            "rig.draining": {
              target: "#agent.working.process.draining",
              actions: ["stopContainer", "waitForStop", "becauseEvicted"],
            },
          },
        },
      },
    },
  },
});

export type AgentSnapshot = SnapshotFrom<typeof agentMachine>;

/** It says that it is done, and what it hands in is being looked at. */
export const isHandingIn = (agent: AgentSnapshot): boolean =>
  agent.matches({ working: { process: "handing_in" } }) || agent.matches({ exited: "handing_in" });

/** The next time (ms) at which this agent must see a TICK, or null when only a fact can move it. */
export function agentDeadline(snapshot: AgentSnapshot, settings: Settings): Time {
  const { context } = snapshot;
  if (snapshot.matches({ working: { process: "draining" } })) return context.stopUntil;
  if (isHandingIn(snapshot)) return context.handIn?.askAt ?? null;
  if (snapshot.matches({ restarting: "starting" })) return context.leaseUntil;
  if (snapshot.matches("working"))
    return earliest([
      snapshot.matches({ working: { process: "running" } }) ? meterDeadline(context, settings) : context.leaseUntil,
      snapshot.matches({ working: { progress: "waiting" } }) ? (context.waiting?.until ?? null) : null,
      context.role === "mayor" ? null : nextGupp(snapshot, settings),
      context.role === "mayor" ? null : nextBusy(snapshot, settings),
    ]);
  if (snapshot.matches("exited")) return plus(context.exit?.at ?? null, settings.arm_delay_ms);
  if (snapshot.matches({ restarting: "backingOff" })) return context.backoffUntil;
  if (snapshot.matches({ blocked: "quarantined" })) return context.quarantinedUntil;
  if (snapshot.matches({ blocked: { onPermission: "waiting" } }))
    return plus(context.blockedAt, settings.gupp_check_ms);
  return null;
}

/** When a working agent that does nothing is looked at next: reminded, then told of, then restarted. */
function nextGupp(snapshot: AgentSnapshot, { gupp_check_ms, gupp_escalate_ms, gupp_restart_ms }: Settings): Time {
  const { progressAt, activeAt = 0, waiting } = snapshot.context;
  if (progressAt === null || waiting?.isOver === false) return null;
  const next = snapshot.matches({ working: { progress: "fresh" } })
    ? gupp_check_ms
    : snapshot.matches({ working: { progress: "checked" } })
      ? gupp_escalate_ms
      : gupp_restart_ms;
  return Math.max(progressAt, activeAt) + Math.min(next, gupp_restart_ms);
}

/** When one that is busy without progress is told of, or has used up the time that its bead gives it. */
function nextBusy(snapshot: AgentSnapshot, settings: Settings): Time {
  const { progressAt, activeAt, waiting, told, expectMs } = snapshot.context;
  const isFresh = snapshot.matches({ working: { progress: "fresh" } });
  if (activeAt === undefined || waiting !== undefined) return null;
  if (expectMs !== undefined) return plus(progressAt, expectMs);
  return told === "busy" || !isFresh ? null : plus(progressAt, watchOf(settings).busy_told_ms);
}

/** What the agent's newest dispatch said last of itself, for people; null when it said nothing, or has no bead any more. */
export const statusLine = ({ hook, dispatchN, said }: AgentContext): string | null =>
  hook !== null && said?.dispatchN === dispatchN ? said.line : null;

/** The agent's newest dispatch id, or null before its first dispatch. */
export const currentDispatch = (context: AgentContext): string | null =>
  context.dispatchN === 0 ? null : newest(context);
