/** The mutants of the merge queue: who is sent back, what is in nobody's power, and what must have a receipt. */
import { edit, mutant, type Mutant } from "./mutant.ts";

const QUEUE = "src/machines/queue.ts";
const TRAINS = "src/core/decide/trains.ts";
const JUDGE = "src/core/train/judge.ts";
const DEPART = "src/core/train/depart.ts";

export const QUEUE_MUTANTS: readonly Mutant[] = [
  mutant(
    "F-302",
    "what keeps everybody from the target is told once, and charged to nobody",
    "every try is told",
    edit(
      QUEUE,
      'guard: and(["isCurrentTrain", "isPlace", not("isParked")]),',
      'guard: and(["isCurrentTrain", "isPlace"]),',
    ),
  ),
  mutant(
    "F-305",
    "a verdict that got lost is found at the next look",
    "nobody looks what a train came to",
    edit("src/do/train.ts", "return state.report === null ?", "return state.report !== undefined ?"),
  ),
  mutant(
    "F-305b",
    "what died with its container is asked for again",
    "a new control server is no reason to ask again",
    edit(
      QUEUE,
      '"container.instance_changed": { actions: ["resendLater", "runTrain"] },',
      '"container.instance_changed": { actions: ["resendLater"] },',
    ),
  ),
  mutant(
    "QUEUE-once",
    "nobody is sent back for one red run",
    "the first red run on what is green convicts",
    edit(JUDGE, "if (own !== null && wasSeenRed(own)) {", "if (own !== null || suspect !== undefined) {"),
    edit(JUDGE, "convicted = { id: own, run", "convicted = { id: suspect, run"),
  ),
  mutant(
    "QUEUE-red",
    "what is red goes back to its bead with the check's words",
    "the words are left out of the next prompt",
    edit("src/do/prompt.ts", "      rejection.words,\n", ""),
  ),
  mutant(
    "QUEUE-target",
    "nobody is sent back for a target that is red itself",
    "the target's own run is not looked at",
    edit(JUDGE, "best === 0 ? (red.get(0) ?? null) : null;", "best < 0 ? (red.get(0) ?? null) : null;"),
  ),
  mutant(
    "QUEUE-stale",
    "what an older train says moves nobody",
    "any report is taken for that of the train that runs",
    edit(TRAINS, "if (train !== queue.context.train || queue.value", "if (queue.value"),
  ),
  mutant(
    "QUEUE-earlier",
    "a push whose own train could not tell of it has its receipt from the next",
    "what a report says of other trains is not kept",
    edit(TRAINS, "return isNews ? [receipt(queue, before, pushed)] : [];", "return isNews ? [] : [];"),
  ),
  mutant(
    "QUEUE-reachable",
    "a container that answers for itself is there",
    "one route that fails is a container that is gone",
    edit("src/do/patrol.ts", "await lookAtTrain(rig).catch(() => null)", "await lookAtTrain(rig)"),
    edit("src/do/patrol.ts", "seen === null || ", ""),
  ),
  mutant(
    "QUEUE-receipt",
    "no commit gets onto the target without a receipt",
    "the receipt is left out",
    edit(TRAINS, "...(report.pushed === null ? [] :", "...(report.pushed !== null ? [] :"),
  ),
  mutant(
    "QUEUE-one",
    "one train at a time",
    "a train leaves as soon as somebody waits",
    edit(DEPART, "  for (const id of world.index.merging) if (!world.broken.has(`review:${id}`)) return [];\n", ""),
    edit(DEPART, 'return queue.value === "running" ? [] : departure', "return departure"),
  ),
  mutant(
    "QUEUE-checks",
    "what must be checked is merged by nobody who cannot check it",
    "a container without trains merges it all the same",
    edit(DEPART, "return (checks ?? []).length > 0 ||", "return"),
  ),
  mutant(
    "QUEUE-approve",
    "an approval is for exactly one tree",
    "whichever tree is named is approved",
    edit(TRAINS, "if (waits !== undefined && tree !== waits.tree)", "if (waits === undefined && tree === TREELESS)"),
    edit(TRAINS, "const noReview =", 'const TREELESS = "";\nconst noReview ='),
    edit(
      "src/machines/review.ts",
      "isItsTree: ({ context, event }) =>",
      "isItsTree: ({ context, event }) => context.claim >= 0 ||",
    ),
  ),
  mutant(
    "QUEUE-lease",
    "a train that is never heard of again holds nobody",
    "its reviews stay on it",
    edit(
      QUEUE,
      'TICK: [...comesToNothing("leaseIsOver")],',
      'TICK: { guard: "leaseIsOver", target: "waiting", actions: ["arrive"] },',
    ),
  ),
  mutant(
    "QUEUE-idle",
    "a train of which nothing comes is not sent again and again",
    "it is sent again at once",
    edit(TRAINS, "return isIdle\n", "return isIdle && runs.length < 0\n"),
  ),
  mutant(
    "QUEUE-admin",
    "only who may run programs may set checks",
    "who may operate may set them",
    edit("src/core/decide/rig.ts", '"setup", "checks", "box"', '"setup", "box"'),
  ),
  mutant(
    "QUEUE-plain",
    "a container that runs no trains merges as before",
    "every rig has a queue of trains",
    edit(
      "src/core/schedule.ts",
      "return isByTrain ? departures(world) : singleMerge(world);",
      "return isByTrain || world.index.queued.size > 0 ? departures(world) : singleMerge(world);",
    ),
  ),
  mutant(
    "QUEUE-same",
    "a bead that is tried again lasts",
    "its row still says that it has ended",
    edit("src/do/store.ts", "SET live = 1 WHERE kind = 'bead'", "SET live = 0 WHERE kind = 'bead'"),
  ),
  mutant(
    "QUEUE-revert",
    "a revert goes through the same gate",
    "the commit to take back is not named",
    edit("src/do/train.ts", "...(reverts === undefined ? {} : { reverts }),", ""),
  ),
];
