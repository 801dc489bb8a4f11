import { and } from "xstate";

/** Transitions that several of the agent's states have. */

/** The process is known to be gone, or to have never been: which kind of end it was, and what it costs. */
export const exits = [
  { guard: "wasGoneTooEarly" },
  {
    guard: and(["isCurrentDispatch", "isKnownNotToRun"]),
    target: "#agent.exited.refused",
    actions: ["rememberExit", "chargeAttempt", "reportChargedFailure"],
  },
  {
    guard: and(["isCurrentDispatch", "wasEvicted"]),
    target: "#agent.exited.evicted",
    actions: ["tellUnsaid", "rememberExit", "waitForNothing"],
  },
  {
    guard: and(["isCurrentDispatch", "wasRateLimited"]),
    target: "#agent.exited.rateLimited",
    actions: ["rememberExit", "waitForReset", "alertLimits"],
  },
  {
    guard: and(["isCurrentDispatch", "containerWasFull"]),
    target: "#agent.exited.full",
    actions: ["rememberExit", "waitUncharged"],
  },
  {
    guard: and(["isCurrentDispatch", "placeWasNotFit"]),
    target: "#agent.exited.placeNotFit",
    actions: ["rememberExit", "waitForReset"],
  },
  {
    guard: and(["isCurrentDispatch", "wasNotAuthorized"]),
    target: "#agent.blocked.notAuthorized",
    actions: ["rememberExit", "startWaiting", "escalateKey"],
  },
  {
    guard: and(["isCurrentDispatch", "wasOverBudget"]),
    target: "#agent.blocked.overBudget",
    actions: ["tellUnsaid", "rememberExit", "startWaiting", "escalateBudget"],
  },
  { guard: and(["isCurrentDispatch", "wasCompleted"]), target: "#agent.exited.completed", actions: ["rememberExit"] },
  {
    guard: "isCurrentDispatch",
    target: "#agent.exited.crashed",
    actions: ["tellUnsaid", "rememberExit", "chargeAttempt", "reportChargedFailure"],
  },
] as const;

export const isDone = {
  guard: and(["isCurrentDispatch", "isItsHook"]),
  target: "#agent.idle.empty",
  actions: ["submitReview", "forgetHook", "forgiveAgent"],
} as const;
/** A done also asks the container to stop that dispatch, so that nothing lingers. */
export const isDoneAlive = {
  ...isDone,
  actions: ["submitReview", "stopContainer", "tellAwaited", "forgetHook", "forgiveAgent"],
} as const;
export const loseHook = { guard: "isItsHook", target: "#agent.idle.empty", actions: ["forgetHook"] } as const;
export const loseHookAlive = {
  guard: "isItsHook",
  target: "#agent.idle.empty",
  actions: ["stopContainer", "tellAwaited", "forgetHook"],
} as const;
export const leaveAlive = {
  target: "#agent.idle.empty",
  actions: ["stopContainer", "tellUnsaid", "forgetHook"],
} as const;
export const leave = { target: "#agent.idle.empty", actions: ["forgetHook"] } as const;
export const blocksOnHelp = {
  guard: "isCurrentDispatch",
  target: "#agent.blocked.onHelp.waiting",
  actions: ["markHeard", "startWaiting"],
} as const;
export const blocksOnPermission = {
  guard: "isCurrentDispatch",
  target: "#agent.blocked.onPermission.waiting",
  actions: ["markHeard", "startWaiting"],
} as const;
/** A driver asks with an id of its own: a question, or whether it may do exactly this. */
export const blocksOnAsk = [
  {
    guard: and(["isCurrentDispatch", "isNewAsk", "isQuestion"]),
    target: "#agent.blocked.onHelp.waiting",
    actions: ["markHeard", "startWaiting", "rememberAsk"],
  },
  {
    guard: and(["isCurrentDispatch", "isNewAsk"]),
    target: "#agent.blocked.onPermission.waiting",
    actions: ["markHeard", "startWaiting", "rememberAsk"],
  },
] as const;
/** It asks one more thing while it waits. */
export const asksMore = { guard: and(["isCurrentDispatch", "isNewAsk"]), actions: ["rememberAsk"] } as const;
/** Of several asks one is answered: it goes on waiting for the others. */
export const answersOne = { guard: "hasMoreAsks", actions: ["giveAnswer", "forgetAsk"] } as const;
export const saves = { guard: "isCurrentDispatch", actions: ["rememberCheckpoint"] } as const;
export const savesNew = {
  guard: and(["isCurrentDispatch", "isNewCheckpoint"]),
  actions: ["rememberCheckpoint", "resetAttempts", "clearCharges"],
} as const;
/** What it asked by an id of its own is not answered by its going on with something else: whoever asked still waits. */
export const asksStill = { guard: and(["isCurrentDispatch", "hasAsk"]) } as const;
export const savesAndAsksStill = {
  guard: and(["isCurrentDispatch", "isNewCheckpoint", "hasAsk"]),
  actions: ["rememberCheckpoint", "resetAttempts", "clearCharges"],
} as const;
export const runs = { target: "#agent.working.process.running", actions: ["markHeard", "startProgressClock"] } as const;
export const runsHeard = { guard: "isCurrentDispatch", ...runs } as const;
/** What it has to show is not only a sign of life. */
export const runsProgressed = {
  ...runsHeard,
  actions: ["markHeard", "startProgressClock", "moveProgressClock"],
} as const;
export const runsSaved = {
  guard: "isCurrentDispatch",
  target: "#agent.working.process.running",
  actions: ["markHeard", "rememberCheckpoint", "startProgressClock", "resetAttempts", "clearCharges"],
} as const;

/** The rig was brought back from a file. Who may have had a process then begins again, at nobody's cost; the old one is asked to stop, wherever it is. */
export const broughtBack = {
  target: "#agent.exited.evicted",
  actions: ["stopContainer", "tellUnsaid", "rememberExit", "waitForNothing", "endHandIn", "fenceBefore"],
} as const;

/** A start: its answer is accepted, refused or unknown (design rule 2). Unknown stays here until heard from, observed, or over. */
export const starting = {
  "start.accepted": {
    guard: "isCurrentDispatch",
    target: "#agent.working.process.running",
    actions: ["rememberPreparing", "startProgressClock"],
  },
  "start.refused": {
    guard: "isCurrentDispatch",
    target: "#agent.exited.refused",
    actions: ["rememberExit", "chargeAttempt", "reportChargedFailure"],
  },
  "start.failed": { guard: "isCurrentDispatch", actions: ["rememberFailedStart"] },
  "agent.heard": runsHeard,
  "agent.progressed": runsProgressed,
  "agent.checkpointed": runsSaved,
  TICK: [
    {
      guard: and(["leaseIsOver", "containerIsUnreachable"]),
      target: "#agent.exited.crashed",
      actions: ["rememberExit", "waitUncharged", "reportUnchargedFailure"],
    },
    {
      guard: "leaseIsOver",
      target: "#agent.exited.crashed",
      actions: ["rememberExit", "chargeAttempt", "reportChargedFailure"],
    },
  ],
} as const;

/** A done is an intention: what was done is looked at before anything is believed of it. */
export const handsIn = {
  guard: and(["isCurrentDispatch", "isItsHook"]),
  target: "#agent.working.process.handing_in",
  actions: ["markHeard", "rememberHandIn", "inspectWork"],
} as const;
/** The same of a process that is known to be gone: its clone is still there. */
export const handsInGone = { ...handsIn, target: "#agent.exited.handing_in" } as const;

const isItsHandIn = and(["isCurrentDispatch", "isItsHook"]);

/** What ends a hand-in in the same way whether or not its process is alive. What may be alive is asked to stop. */
export const handInEnds = {
  "hand_in.accepted": {
    guard: isItsHandIn,
    target: "#agent.idle.empty",
    actions: ["submitSeen", "stopContainer", "tellAwaited", "forgetHook", "forgiveAgent"],
  },
  "hand_in.unseen": {
    guard: isItsHandIn,
    target: "#agent.idle.empty",
    actions: ["submitUnseen", "stopContainer", "tellAwaited", "forgetHook", "forgiveAgent"],
  },
  "hand_in.no_change": {
    guard: isItsHandIn,
    target: "#agent.idle.empty",
    actions: ["closeUnchanged", "stopContainer", "tellAwaited", "forgetHook", "forgiveAgent"],
  },
  "work.lost": {
    guard: isItsHandIn,
    target: "#agent.exited.evicted",
    actions: ["stopContainer", "rememberExit", "waitUncharged", "endHandIn"],
  },
  // Twice said is once meant.
  "work.handed_in": {},
} as const;

const isSettled = {
  asIs: and(["isItsHook", "isUndecided", "isTakenAsIs"]),
  asNoChange: and(["isItsHook", "isUndecided", "isSettledAsNoChange"]),
  sentBack: and(["isItsHook", "isUndecided"]),
} as const;

/** What a person decides of an agent that could not hand in, whose process is alive. */
export const isSettledAlive = [
  {
    guard: isSettled.asIs,
    target: "#agent.working.process.handing_in",
    actions: ["takeAsIs", "inspectWork"],
  },
  {
    guard: isSettled.asNoChange,
    target: "#agent.idle.empty",
    actions: ["closeUnchanged", "stopContainer", "tellAwaited", "forgetHook"],
  },
  {
    guard: isSettled.sentBack,
    target: "#agent.working.process.running",
    actions: ["pushSentBack", "endHandIn", "startProgressClock"],
  },
] as const;

/** The same where the process has ended meanwhile. */
export const isSettledGone = [
  {
    guard: isSettled.asIs,
    target: "#agent.exited.handing_in",
    actions: ["takeAsIs", "inspectWork"],
  },
  {
    guard: isSettled.asNoChange,
    target: "#agent.idle.empty",
    actions: ["closeUnchanged", "forgetHook"],
  },
  {
    guard: isSettled.sentBack,
    target: "#agent.restarting",
    actions: ["endHandIn", "waitForNothing"],
  },
] as const;

/** What it may spend is spent. The bead's is for a person to raise; the rig's day ends by itself, so nobody is asked. */
export const atCap = {
  "bead.capped": {
    guard: and(["isItsHook", "mustStopAtCap"]),
    target: "#agent.working.process.draining",
    actions: ["stopContainer", "waitForStop", "becauseCapped"],
  },
  "budget.capped": {
    guard: "mustStopAtCap",
    target: "#agent.working.process.draining",
    actions: ["stopContainer", "waitForStop", "becauseEvicted"],
  },
} as const;
