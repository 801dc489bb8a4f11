import type { FactType } from "../../src/events/facts.ts";
import type { Kind } from "../../src/machines/step.ts";

/**
 * Why a fact may be ignored: one reason per fact and kind of actor, written by hand. A fact that can be ignored and has no
 * reason here fails the generation of the tables; so does a reason that is no longer needed.
 */
export const IGNORED: Record<Kind, Partial<Record<FactType, string>>> = {
  agent: {
    TICK: "Goes to every agent. It moves only what has a deadline that has passed; free, parked and due agents wait for somebody, not for time.",
    "rig.draining": "Only a process is stopped. Without one there is nothing to hand back; the rig grants nothing while it drains.",
    "rig.destroyed": "Only a process is stopped. Nothing else of a deleted rig matters any more.",
    "agent.registered": "Makes the agent. An agent that exists is not made again.",
    "agent.deleted": "Where there is neither hook nor process, nothing is to be done first; the agent is removed all the same.",
    "agent.unhooked": "Is about a bead that is no longer on this hook: an unhook and a done that crossed.",
    "dispatch.granted": "A grant is taken only by an agent that waits for it, for the bead on its hook, and with the next number. Any other is a repetition.",
    "start.accepted": "Of an older dispatch, or later than the news that it already runs, exited or is being stopped.",
    "start.refused": "Of an older dispatch, or of one that was heard from meanwhile: it runs, whatever the answer said.",
    "start.unknown": "Nobody knows whether it runs. The lease goes on; being heard from, being observed or its end decides.",
    "agent.heard": "Liveness is not progress: after the first sign of life of a dispatch, heartbeats are kept in memory and are no news. An older dispatch has no say.",
    "agent.progressed": "An older dispatch has no say, and one that is known to be gone makes no progress.",
    "agent.checkpointed": "Without a hook there is nothing to resume; an older dispatch may not overwrite the checkpoint of a newer one.",
    "agent.exited": "Of an older dispatch; or told twice; or 'gone' before its start can have been heard of: the container may not have begun yet.",
    "agent.asked_help": "Without a live dispatch nobody waits for an answer: the escalation is kept as a bead, and the agent goes on. Asking twice waits once.",
    "permission.asked": "Without a live dispatch nobody waits for an answer; an agent that asked for help waits already.",
    "permission.answered": "Only a prompt can be answered; progress may have ended it first.",
  },
  bead: {
    "agent.deleted": "The agent of another bead; or the bead has left its agent's hands.",
    "agent.unhooked": "The agent of another bead; or the bead has left its agent's hands.",
    "dispatch.granted": "Grants to an agent that it is not assigned to; or the bead has left its agent's hands.",
    "dispatch.failed": "A charge counts only for the agent that works on it, and only while work goes on.",
    "bead.created": "Makes the bead. A bead that exists is not made again.",
    "bead.deleted": "The chart has no say: the bead is removed, and what depends on it is told.",
    "bead.unblocked": "What has ended waits for nothing.",
    "bead.failed": "Terminal beads stay terminal.",
    "bead.merged": "The result of another review, or of a bead that is no longer in review. Terminal beads stay terminal.",
    "bead.conflicted": "The result of another review, or of a bead that is no longer in review. Terminal beads stay terminal.",
    "attempts.reset": "Progress is proven by an agent at work; without one the count stands.",
  },
  review: {
    TICK: "Goes to every review that is queued or being merged. It moves only what has a deadline that has passed.",
    "review.opened": "Makes the review. A review that exists is not made again.",
    "review.granted": "A claim has the next number, and only a queued review is claimed. Any other is a repetition.",
    "review.completed": "The verdict of an older claim; or a failure of a claim that was given up, which is tried again anyway. Terminal reviews stay terminal.",
    "review.cancelled": "Terminal reviews stay terminal.",
    "merge.refused": "The answer to an older claim, or to one that has ended.",
    "merge.unknown": "The answer to an older claim, or to one that has ended.",
  },
  rig: {
    TICK: "Only an open breaker waits for time, and only for its cool-down.",
    "rig.destroyed": "Destroyed is for ever.",
    "rig.activity_changed": "An edge: told again it changes nothing.",
    "container.unreachable": "One outage is one alert.",
    "container.reachable": "An edge: told again it changes nothing.",
    "agent.deleted": "Of interest only as the end of the probe.",
    "agent.unhooked": "Of interest only as the end of the probe.",
    "actor.quarantined": "Of interest only as the end of the probe: nobody can hear its agent any more.",
    "dispatch.granted": "Of interest only as the probe of a half-open breaker.",
    "dispatch.failed": "A breaker that is open already counts no further; a half-open one looks at its probe alone.",
    "agent.heard": "Of interest only as a sign of life of the probe.",
    "agent.progressed": "Of interest only as a sign of life of the probe.",
    "agent.checkpointed": "Of interest only as a sign of life of the probe.",
    "agent.exited": "Of interest only as the end of the probe by nobody's fault; any other end is a dispatch.failed.",
    "agent.asked_help": "Of interest only as a sign of life of the probe.",
    "permission.asked": "Of interest only as a sign of life of the probe.",
    "agent.done": "Of interest only as a sign of life of the probe.",
  },
};
