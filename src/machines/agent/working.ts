import { and } from "xstate";
import { agentSetup } from "./setup.ts";
import {
  atCap,
  blocksOnAsk,
  blocksOnHelp,
  blocksOnPermission,
  broughtBack,
  exits,
  handInEnds,
  handsIn,
  isDoneAlive,
  leaveAlive,
  loseHookAlive,
  saves,
  starting,
} from "./transitions.ts";

/** Seen after it was reminded, and older than that: its clocks move, its silence goes on. */
const late = [
  { guard: and(["isCurrentDispatch", "isProgressNews", "isLateNews"]), actions: ["markHeard", "moveObservedProgress"] },
  { guard: and(["isCurrentDispatch", "isActivityNews", "isLateNews"]), actions: ["markHeard", "moveActivityClock"] },
] as const;

/** A process is running, being started, or being stopped. */
export const working = agentSetup.createStateConfig({
  description: "A process is running, being started, or being stopped.",
  tags: ["slot", "patrolled"],
  type: "parallel",
  on: {
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
  },
  states: {
    process: {
      description: "What becomes of the process.",
      initial: "starting",
      states: {
        starting: {
          description: "Asked to start; a lease with a deadline.",
          tags: ["active"],
          on: {
            ...starting,
            "rig.draining": { target: "draining", actions: ["stopContainer", "waitForStop", "becauseEvicted"] },
          },
        },
        running: {
          description: "Accepted by the container or heard from.",
          on: {
            ...atCap,
            "agent.heard": { guard: and(["isCurrentDispatch", "isFirstSignOfLife"]), actions: ["markHeard"] },
            "rig.draining": { target: "draining", actions: ["stopContainer", "waitForStop", "becauseEvicted"] },
            TICK: [
              // Its model is what does not answer.
              {
                guard: and(["isWatched", "guppRestartIsDue", "isWaitingForModel"]),
                target: "draining",
                actions: ["stopContainer", "waitForStop", "becauseEvicted"],
              },
              {
                guard: and(["isWatched", "guppRestartIsDue"]),
                target: "draining",
                actions: ["stopContainer", "waitForStop", "becauseStalled"],
              },
              {
                guard: and(["isWatched", "isBusyForTooLong"]),
                target: "draining",
                actions: ["stopContainer", "waitForStop", "becauseStalled"],
              },
              { guard: "needsMeter", actions: ["beginMeter"] },
              {
                guard: "isUnmetered",
                target: "draining",
                actions: ["stopContainer", "waitForStop", "becauseUnmetered"],
              },
            ],
          },
        },
        handing_in: {
          description: "Says that it is done. What it hands in is looked at; its clocks stand still.",
          tags: ["active"],
          on: {
            ...handInEnds,
            "hand_in.refused": [
              {
                guard: and(["isCurrentDispatch", "isItsHook", "refusalIsLast"]),
                target: "#agent.blocked.onHelp.waiting",
                actions: ["startWaiting", "rememberRefusal", "pushRefusal", "escalateRefusal"],
              },
              {
                guard: and(["isCurrentDispatch", "isItsHook"]),
                target: "running",
                actions: ["pushRefusal", "rememberRefusal", "startProgressClock"],
              },
            ],
            // Its slot is given away: it is the container that is not there.
            "hand_in.unanswered": {
              guard: and(["isCurrentDispatch", "isItsHook"]),
              target: "#agent.exited.handing_in",
              actions: ["alertSilence", "askAtNextTick"],
            },
            "agent.exited": {
              guard: "isCurrentDispatch",
              target: "#agent.exited.handing_in",
              actions: ["tellUnsaid", "rememberExit"],
            },
            "agent.asked_help": {},
            "permission.asked": {},
            "agent.asked": {},
            TICK: { guard: "askIsDue", actions: ["inspectWork", "askLater"] },
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
            "agent.asked": {},
            TICK: [
              {
                guard: and(["stopIsOver", "wasOverBudget"]),
                target: "#agent.blocked.overBudget",
                actions: ["tellUnsaid", "rememberExit", "startWaiting", "escalateBudget"],
              },
              {
                guard: and(["stopIsOver", "wasEvicted"]),
                target: "#agent.exited.evicted",
                actions: ["tellUnsaid", "rememberExit", "waitForNothing"],
              },
              {
                guard: "stopIsOver",
                target: "#agent.exited.crashed",
                actions: ["tellUnsaid", "rememberExit", "chargeAttempt", "reportChargedFailure"],
              },
            ],
          },
        },
      },
    },
    progress: {
      description: "How long ago the dispatch proved progress. Edge-triggered: one mail, one escalation per episode.",
      initial: "fresh",
      on: {
        "agent.observed": [
          {
            guard: and(["isCurrentDispatch", "isProgressNews"]),
            target: ".fresh",
            actions: ["markHeard", "moveObservedProgress"],
          },
          { guard: and(["isCurrentDispatch", "isActivityNews", "isWaitingForModel"]), actions: ["moveActivityClock"] },
          {
            guard: and(["isCurrentDispatch", "isActivityNews"]),
            target: ".fresh",
            actions: ["markHeard", "moveActivityClock"],
          },
        ],
        "agent.waiting": {
          guard: and(["isCurrentDispatch", "beginsToWait"]),
          target: ".waiting",
          actions: ["markHeard", "waitForModel"],
        },
        "agent.silent": {
          guard: and(["isCurrentDispatch", "isFirstSilenceOfIt"]),
          actions: ["rememberSilent", "alertSilent"],
        },
        "agent.progressed": {
          guard: "isCurrentDispatch",
          target: ".fresh",
          actions: ["markHeard", "moveProgressClock"],
        },
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
              {
                guard: and(["isWatched", "guppCheckIsDue"]),
                target: "checked",
                actions: ["sendGuppMail", "pushGuppMessage"],
              },
              {
                guard: and(["isWatched", "guppEscalationIsDue"]),
                target: "escalated",
                actions: ["sendGuppMail", "pushGuppMessage", "escalateStall"],
              },
              { guard: and(["isWatched", "isBusyForLong"]), actions: ["rememberBusy", "alertBusy"] },
            ],
          },
        },
        checked: {
          description: "A GUPP_CHECK was sent.",
          tags: ["active"],
          on: {
            "agent.observed": [...late],
            TICK: {
              guard: and(["isWatched", "guppEscalationIsDue"]),
              target: "escalated",
              actions: ["escalateStall"],
            },
          },
        },
        waiting: {
          description: "Has asked its model and waits for the answer. Its clocks stand still until the deadline.",
          tags: ["active"],
          on: {
            "agent.waiting": [
              { guard: and(["isCurrentDispatch", "beginsToWait"]), actions: ["waitForModel"] },
              { guard: "isCurrentDispatch", target: "fresh", actions: ["startProgressClock"] },
            ],
            TICK: { guard: "waitIsOver", target: "overdue", actions: ["endModelWait", "alertModel"] },
          },
        },
        overdue: {
          description:
            "Its model has not answered by the deadline: a person was told, and its clocks go on. No longer a reason for the fast cadence.",
          on: {
            "agent.waiting": [
              { guard: and(["isCurrentDispatch", "beginsToWait"]), actions: [] },
              { guard: "isCurrentDispatch", target: "fresh", actions: ["startProgressClock"] },
            ],
          },
        },
        escalated: {
          description: "A person was told. No longer a reason for the fast cadence.",
          on: { "agent.observed": [...late] },
        },
      },
    },
  },
});
