import { clip, type Fact } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import type { Boarded } from "../../events/train.ts";
import type { QueueSnapshot } from "../../machines/queue.ts";
import { judge, wasFlaky, type Judged } from "../train/judge.ts";
import type { LeftSeen, PushSeen, RunSeen, TrainReport } from "../train/report.ts";
import { get, type World } from "../world.ts";
import { cancelBead, isBeingMerged } from "./beads.ts";
import { anyOf, operators, runsTrain, system, type Rule } from "./authority.ts";
import type { CommandOf, Decision, Rows, Surroundings } from "./command.ts";
import { accept, cannot, refuse, takes } from "./tools.ts";

const admins: Rule<unknown> = {
  says: "operators who are admins",
  holds: (who) => who.kind === "operator" && who.scope === "admin",
};

type OfReview = "hold_review" | "release_review" | "jump_review" | "remove_review" | "approve_review";

/** What people say of the queue, and what a container did with a train. */
export const TRAINS: Rows<OfReview | "resume_queue" | "complete_train"> = {
  hold_review: {
    may: operators,
    run: (world, { reviewId }, around) =>
      ofReview(world, around, reviewId, { type: "review.held", reviewId, by: around.caller.id }, "held", "be held"),
  },
  release_review: {
    may: operators,
    run: (world, { reviewId }, around) =>
      ofReview(
        world,
        around,
        reviewId,
        { type: "review.released", reviewId, by: around.caller.id },
        "pending",
        "be released",
      ),
  },
  jump_review: {
    may: operators,
    run: (world, { reviewId }, around) =>
      get(world, "review", reviewId)?.context.jumpedAt === undefined
        ? ofReview(
            world,
            around,
            reviewId,
            { type: "review.jumped", reviewId, by: around.caller.id },
            null,
            "jump the queue",
          )
        : accept([], { reviewId }),
  },
  remove_review: { may: operators, run: removeReview },
  approve_review: { may: operators, run: approveReview },
  resume_queue: {
    may: operators,
    run: (world, _, around) => {
      const { queue } = world;
      const fact: Fact = { type: "queue.resumed", by: around.caller.id };
      return accept(queue !== undefined && takes(world, queue, fact, around.at) ? [fact] : []);
    },
  },
  complete_train: { may: anyOf<CommandOf<"complete_train">>(admins, runsTrain, system), run: completeTrain },
};

const noReview = (id: string) => refuse(404, `no review ${id} in this rig`);

function ofReview(
  world: World,
  around: Surroundings,
  reviewId: string,
  fact: Fact,
  already: string | null,
  what: string,
): Decision {
  const review = get(world, "review", reviewId);
  if (review === undefined) return noReview(reviewId);
  if (review.value === already) return accept([], { reviewId });
  return takes(world, review, fact, around.at)
    ? accept([fact], { reviewId })
    : cannot("review", reviewId, review, what);
}

/** The review and its bead: what nobody wants merged nobody wants done. Whoever removed it is named. */
function removeReview(world: World, { reviewId }: CommandOf<"remove_review">, around: Surroundings): Decision {
  const review = get(world, "review", reviewId);
  if (review === undefined) return noReview(reviewId);
  if (review.value === "failed") return accept([], { reviewId });
  const { beadId } = review.context;
  const bead = get(world, "bead", beadId);
  if (bead !== undefined && isBeingMerged(world, bead)) return cancelBead(world, beadId, around, { reviewId });
  const fact: Fact = { type: "bead.cancelled", beadId, by: around.caller.id, was: "in_review" };
  const cancelled: Fact = {
    type: "review.cancelled",
    reviewId,
    reason: clip(`removed from the queue by ${around.caller.id}`),
  };
  if (!takes(world, review, cancelled, around.at)) return cannot("review", reviewId, review, "be removed");
  return accept(bead !== undefined && takes(world, bead, fact, around.at) ? [cancelled, fact] : [cancelled], {
    reviewId,
    beadId,
  });
}

function approveReview(world: World, command: CommandOf<"approve_review">, around: Surroundings): Decision {
  const { reviewId } = command;
  const review = get(world, "review", reviewId);
  if (review === undefined) return noReview(reviewId);
  const { approvedTree, protected: waits } = review.context;
  const tree = command.tree ?? waits?.tree ?? approvedTree ?? "";
  if (tree !== "" && tree === approvedTree) return accept([], { reviewId });
  if (waits !== undefined && tree !== waits.tree)
    return refuse(
      409,
      `review ${reviewId} has the tree ${waits.tree} by now, and not ${clip(tree, 64)}: look at that, and approve it`,
    );
  const fact: Fact = { type: "review.approved", reviewId, tree, by: around.caller.id };
  return takes(world, review, fact, around.at)
    ? accept([fact], { reviewId })
    : cannot("review", reviewId, review, "be approved");
}

/** A report becomes facts here, in one commit: what is kept is what was decided, so that it may be decided better later. */
function completeTrain(world: World, command: CommandOf<"complete_train">, around: Surroundings): Decision {
  const { trainId, report } = command;
  const { queue } = world;
  const train = numberOf(world, trainId);
  if (queue === undefined || train === null || train > queue.context.train)
    return refuse(404, `no train ${clip(trainId, LIMITS.id_chars)} in this rig`);
  if (train === queue.context.reported) return accept([]);
  if (train !== queue.context.train || queue.value !== "running")
    return late(world, queue, trainId, train, report, around);
  return accept(factsOf(world, queue, train, report).filter((fact) => isTaken(world, fact, around)));
}

/** @returns null for what is no train of this rig */
function numberOf({ rig }: World, trainId: string): number | null {
  const n = /:(\d{1,15})$/.exec(trainId)?.[1] ?? "";
  return trainId === `${rig.context.config?.rigId ?? ""}:${n}` ? Number(n) : null;
}

/** Of pushes that no report of their own train told of, as this one has seen. */
const receiptsOfEarlier = (world: World, queue: QueueSnapshot, train: number, { earlier = [] }: TrainReport): Fact[] =>
  earlier.flatMap(({ trainId, pushed }) => {
    const before = numberOf(world, trainId);
    const isNews = before !== null && before < train && before !== queue.context.reported;
    return isNews ? [receipt(queue, before, pushed)] : [];
  });

/** What nobody would hear is not said: its review has ended, or is elsewhere by now. */
function isTaken(world: World, fact: Fact, around: Surroundings): boolean {
  if (!("reviewId" in fact)) return true;
  const review = get(world, "review", fact.reviewId);
  return review !== undefined && takes(world, review, fact, around.at);
}

/** The report of a train that nobody waits for any more. What it pushed is on the target all the same, and has its receipt. */
function late(
  world: World,
  queue: QueueSnapshot,
  trainId: string,
  train: number,
  report: TrainReport,
  around: Surroundings,
): Decision {
  const { pushed } = report;
  const current = `${world.rig.context.config?.rigId ?? ""}:${queue.context.train}`;
  const merged = (pushed?.members ?? []).map(({ entryId, commit }): Fact => {
    const claim = get(world, "review", entryId)?.context.claim ?? 0;
    return completed({ reviewId: entryId, claim }, "merged", "", commit);
  });
  const stale: Fact = {
    type: "report.stale",
    agentId: "container",
    dispatchId: clip(trainId, LIMITS.id_chars),
    report: "train",
    current,
    about: null,
  };
  const isOnIt = (fact: Fact): boolean =>
    "reviewId" in fact && get(world, "review", fact.reviewId)?.context.train === train;
  return accept(
    [
      ...receiptsOfEarlier(world, queue, train, report),
      ...(pushed === null ? [] : [receipt(queue, train, pushed)]),
      stale,
      ...merged.filter((fact) => isOnIt(fact) && isTaken(world, fact, around)),
    ],
    { stale: true },
  );
}

const completed = (of: Boarded, verdict: "merged" | "conflict", message: string, commitSha: string | null): Fact => ({
  type: "review.completed",
  reviewId: of.reviewId,
  claim: of.claim,
  verdict,
  permanent: false,
  message: clip(message),
  commitSha,
});

const receipt = (queue: QueueSnapshot, train: number, pushed: PushSeen): Fact => ({
  type: "review.checked",
  train,
  from: pushed.from,
  to: pushed.to,
  tree: pushed.tree,
  checks: pushed.checks.map(({ name, commandDigest, exit, ms, outputDigest }) => ({
    name,
    commandDigest,
    exit,
    ms,
    outputDigest,
  })),
  boxed: pushed.boxed,
  ...(pushed.box === undefined ? {} : { box: pushed.box }),
  members: pushed.members.map(({ entryId, beadId, handedIn, commit }) => ({
    reviewId: entryId,
    beadId,
    handedIn,
    commit,
    flaky: wasFlaky(queue.context.known, entryId),
  })),
});

/** The check that a run is red for, and its last lines. */
function redOf(run: RunSeen | undefined): { check: string; words: string } {
  const red = run?.checks.find(({ verdict }) => verdict === "red");
  const words = red?.words.trim() ?? "";
  return {
    check: red?.name ?? "check",
    words: (words === "" ? `${red?.why ?? "red"}, and it printed nothing` : words).slice(-LIMITS.check_words_chars),
  };
}

function factsOf(world: World, queue: QueueSnapshot, train: number, report: TrainReport): Fact[] {
  const { members, again, known } = queue.context;
  const judged = judge({ members: members.map(({ reviewId }) => reviewId), again: again?.reviewId ?? null }, known, {
    target: report.target,
    left: report.left.map(({ entryId }) => entryId),
    runs: report.runs,
    pushed: report.pushed && { to: report.pushed.to, members: report.pushed.members.map(({ entryId }) => entryId) },
    isStopped: report.stopped !== null,
  });
  const on = [...members, ...(again === null ? [] : [again])];
  const stopped = stopOf(report, judged);
  return [
    ...receiptsOfEarlier(world, queue, train, report),
    ...(report.pushed === null ? [] : [receipt(queue, train, report.pushed)]),
    {
      type: "train.reported",
      train,
      target: report.target,
      pushed: report.pushed?.to ?? null,
      known: { ...judged.known, suspects: [...judged.known.suspects], flaky: [...judged.known.flaky] },
      merged: judged.merged.length,
      sentBack: judged.convicted === null ? 0 : 1,
      stopped,
    },
    ...on.map((of) => factOf(of, report, judged, stopped?.words ?? null)),
  ];
}

/** What is in the way after it: as the container says; or the target, which is red; or that nothing at all became of it. */
function stopOf({ stopped, runs }: TrainReport, { targetIsRed, isIdle }: Judged) {
  if (stopped !== null) return { ...stopped, words: clip(stopped.words) };
  if (targetIsRed !== null) {
    const { check, words } = redOf(runs[targetIsRed]);
    return { class: "target" as const, code: clip(check, 64), words: clip(words) };
  }
  return isIdle
    ? { class: "passing" as const, code: "nothing_came_of_it", words: "the train came back without a word on anybody" }
    : null;
}

/** What became of one review. */
function factOf(of: Boarded, { left, pushed, runs }: TrainReport, judged: Judged, stopped: string | null): Fact {
  const { reviewId, claim } = of;
  const push = pushed?.members.find(({ entryId }) => entryId === reviewId);
  if (push !== undefined) return completed(of, "merged", "", push.commit);
  const out = left.find(({ entryId }) => entryId === reviewId);
  if (out !== undefined) return leftFact(of, out);
  if (judged.convicted?.id === reviewId) {
    const { check, words } = redOf(runs[judged.convicted.run]);
    return { type: "review.rejected", reviewId, claim, check, words };
  }
  const why = judged.known.suspects.includes(reviewId)
    ? "red, alone or with others: it is looked at once more"
    : "it goes with a later train";
  return { type: "review.unboarded", reviewId, claim, why: clip(stopped ?? why) };
}

function leftFact(of: Boarded, { why, message, commit, files, tree }: LeftSeen): Fact {
  const { reviewId, claim } = of;
  switch (why) {
    case "conflict":
      return completed(of, "conflict", message, null);
    case "contained":
      return completed(of, "merged", message, commit);
    case "handed_over":
      return { type: "review.handed_over", reviewId, claim, commit };
    case "missing":
      return {
        type: "review.rejected",
        reviewId,
        claim,
        check: "hand-in",
        words: message.slice(0, LIMITS.check_words_chars) || "its commit is neither here nor at the remote",
      };
    case "protected":
      return tree === null
        ? { type: "review.unboarded", reviewId, claim, why: "it changes protected files, and nobody says which tree" }
        : { type: "review.protected", reviewId, claim, files: [...files], tree };
  }
}
