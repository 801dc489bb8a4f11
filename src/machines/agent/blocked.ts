import { agentSetup } from "./setup.ts";
import {
  answersOne,
  asksStill,
  asksMore,
  blocksOnHelp,
  broughtBack,
  exits,
  handsIn,
  handsInGone,
  isDone,
  isDoneAlive,
  isSettledAlive,
  isSettledGone,
  leave,
  leaveAlive,
  loseHook,
  loseHookAlive,
  runsHeard,
  runsProgressed,
  saves,
  savesAndAsksStill,
  savesNew,
} from "./transitions.ts";

/** Waits for somebody. */
export const blocked = agentSetup.createStateConfig({
  description: "Waits for somebody. Never restarted for waiting.",
  initial: "onHelp",
  on: { "agent.deleted": leave, "agent.unhooked": loseHook, "agent.done": isDone, "work.handed_in": handsInGone },
  states: {
    onHelp: {
      description: "Asked a question with an escalation.",
      initial: "waiting",
      states: {
        waiting: {
          description: "The process is alive and keeps its slot.",
          tags: ["slot", "patrolled"],
          on: {
            "agent.answered": [
              answersOne,
              {
                target: "#agent.working.process.running",
                actions: ["pushAnswer", "giveAnswer", "mailAnswer", "startProgressClock"],
              },
            ],
            "agent.asked": asksMore,
            "agent.progressed": [asksStill, runsProgressed],
            "agent.checkpointed": [
              savesAndAsksStill,
              {
                ...savesNew,
                target: "#agent.working.process.running",
                actions: ["rememberCheckpoint", "resetAttempts", "clearCharges", "startProgressClock"],
              },
              saves,
            ],
            "agent.exited": { guard: "isCurrentDispatch", target: "parked", actions: ["tellUnsaid", "rememberExit"] },
            "rig.draining": { target: "parked", actions: ["stopContainer", "tellAwaited"] },
            // Its question still waits for its answer, which starts it again.
            "rig.imported": {
              target: "parked",
              actions: ["stopContainer", "tellUnsaid", "rememberExit", "fenceBefore"],
            },
            "hand_in.settled": isSettledAlive,
            "agent.done": isDoneAlive,
            "work.handed_in": handsIn,
            "agent.unhooked": loseHookAlive,
            "agent.deleted": leaveAlive,
            "rig.destroyed": leaveAlive,
          },
        },
        parked: {
          description: "The process ended while it waited; the answer starts it again from its checkpoint.",
          on: {
            "agent.answered": { target: "#agent.restarting", actions: ["forgetAsks", "mailAnswer", "waitForNothing"] },
            "agent.checkpointed": saves,
            "hand_in.settled": isSettledGone,
          },
        },
      },
    },
    onPermission: {
      description: "Waits at a permission prompt.",
      initial: "waiting",
      on: {
        "permission.answered": runsHeard,
        "agent.answered": [
          answersOne,
          {
            target: "#agent.working.process.running",
            actions: ["pushAnswer", "giveAnswer", "mailAnswer", "startProgressClock"],
          },
        ],
        "agent.asked": asksMore,
        "agent.progressed": [asksStill, runsProgressed],
        "agent.checkpointed": [
          savesAndAsksStill,
          {
            ...savesNew,
            target: "#agent.working.process.running",
            actions: ["rememberCheckpoint", "resetAttempts", "clearCharges", "startProgressClock"],
          },
          saves,
        ],
        "agent.asked_help": blocksOnHelp,
        "agent.exited": [...exits],
        "agent.done": isDoneAlive,
        "work.handed_in": handsIn,
        "agent.unhooked": loseHookAlive,
        "agent.deleted": leaveAlive,
        "rig.destroyed": leaveAlive,
        "rig.imported": broughtBack,
        "rig.draining": {
          target: "#agent.working.process.draining",
          actions: ["stopContainer", "waitForStop", "becauseEvicted"],
        },
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
      description:
        "Ended because its money or its tokens were used up. Only a person starts it again, from its checkpoint.",
      on: {
        "agent.answered": { target: "#agent.restarting", actions: ["mailAnswer", "waitForNothing"] },
        "bead.uncapped": { guard: "isItsHook", target: "#agent.restarting", actions: ["waitForNothing"] },
        "agent.checkpointed": saves,
      },
    },
    notAuthorized: {
      tags: ["keyless"],
      description:
        "Ended because its key was not taken. Not charged; goes on when a person says so, or the secrets change.",
      on: {
        "agent.answered": { target: "#agent.restarting", actions: ["mailAnswer", "waitForNothing"] },
        "secrets.changed": { target: "#agent.restarting", actions: ["waitForNothing"] },
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
});
