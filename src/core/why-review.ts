import { rulesAtLeast, rulesOf } from "../events/rules.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import type { QueueContext } from "../machines/queue.ts";
import type { ReviewSnapshot } from "../machines/review.ts";
import { inLine } from "./train/depart.ts";
import { sentenceOf, why, type Why } from "./why-what.ts";
import { get, type World } from "./world.ts";

/** From rules 2 on a reason tells what was seen and what the last try came to. */
export const tellsMore = ({ rig }: World): boolean => rulesAtLeast(rulesOf(rig.context), 2);

/** Where a branch is on its way to the target, with what the last try came to. */
function mergeOf(world: World, review: ReviewSnapshot | undefined): string {
  const { message = null, commit = null, attempts = 0, unasked = 0 } = review?.context ?? {};
  const where = review?.value === "running" ? "Its branch is being merged." : "Its branch waits in the merge queue.";
  if (!tellsMore(world)) return where;
  const last =
    message === null || message === "" || attempts + unasked === 0 ? "" : ` The last try: ${sentenceOf(message)}`;
  const seen = review === undefined || commit !== null ? "" : " Nobody has looked at what was handed in.";
  return `${where}${last}${seen}`;
}

/** What is in the way of all reviews, in words; null: nothing is. */
function inTheWay({ trouble }: QueueContext): { sentence: string; needsPerson: boolean } | null {
  switch (trouble?.class) {
    case undefined:
      return null;
    case "place":
      return {
        sentence: `The queue is parked, because nothing can be pushed (${trouble.code}: ${trouble.words}). Mend that and resume the queue, or wait: the first in line is tried now and then.`,
        needsPerson: true,
      };
    case "target":
      return {
        sentence: `The queue is held, because the target itself is red (${trouble.code}: ${trouble.words}). The first in line may mend it, and is tried now and then.`,
        needsPerson: true,
      };
    case "container":
      return { sentence: `Nothing is merged: ${trouble.words}.`, needsPerson: true };
    case "passing":
      return {
        sentence: `Nothing is merged just now (${trouble.code}: ${trouble.words}). It is tried again by itself; nobody is charged.`,
        needsPerson: false,
      };
  }
}

/** One that waits in line: behind whom, and what is in the way of all. */
function whyInLine(world: World, review: ReviewSnapshot, values: Why["values"]): Why {
  const queue = world.queue?.context;
  const line = inLine(world).map(({ context }) => context.id);
  const position = line.indexOf(review.context.id) + 1;
  const obstacle = queue === undefined ? null : inTheWay(queue);
  const all = { ...values, position, trouble: queue?.trouble?.code ?? null };
  if (obstacle !== null)
    return why(
      obstacle.needsPerson ? "waiting_for_person" : "waiting_for_merge",
      obstacle.sentence,
      all,
      queue?.trouble?.retryAt ?? null,
    );
  if (world.queue?.value === "running")
    return why(
      "waiting_for_merge",
      `Train ${queue?.train ?? 0} is under way with ${queue?.members.length ?? 0} of those before it; it is number ${position} of those that wait.`,
      { ...all, train: queue?.train ?? 0, in_front: (queue?.members ?? []).map(({ reviewId }) => reviewId) },
      queue?.until ?? null,
    );
  return why("waiting_for_merge", mergeOf(world, review), all, review.context.backoffUntil);
}

/** Why a bead that is in review is not merged yet. */
export function whyReview(world: World, bead: BeadSnapshot): Why {
  const { cancelAsked } = bead.context;
  const found = whyNotMerged(world, bead);
  if (cancelAsked === undefined) return found;
  const sentence = `${found.sentence} ${cancelAsked} cancelled it meanwhile: if it is not on the target by then, it ends as cancelled.`;
  return { ...found, sentence, values: { ...found.values, cancel_asked_by: cancelAsked } };
}

function whyNotMerged(world: World, { context: { reviewId, branch } }: BeadSnapshot): Why {
  const review = reviewId === null ? undefined : get(world, "review", reviewId);
  const values: Why["values"] = {
    review_id: reviewId,
    branch,
    ...(review !== undefined && tellsMore(world) ? { looked_at: review.context.commit !== undefined } : {}),
    attempts: review?.context.attempts ?? 0,
    message: review?.context.message ?? null,
  };
  switch (review?.value) {
    case "boarded": {
      const { train = 0, until = null } = world.queue?.context ?? {};
      const sentence = `It is on train ${train}: stacked on the target, checked, and pushed when that is green.`;
      return why("waiting_for_merge", sentence, { ...values, train }, until);
    }
    case "held":
      return why("waiting_for_person", "A person keeps it back in the merge queue: release it.", values);
    case "unapproved": {
      const { files = [], tree = "" } = review.context.protected ?? {};
      const sentence = `It changes protected files (${files.slice(0, 5).join(", ")}): a person must approve exactly this tree.`;
      return why("waiting_for_person", sentence, { ...values, files: [...files], tree });
    }
    case "handed_over":
      return why(
        "waiting_for_merge",
        "Its branch is at the remote, for somebody else to merge; it is closed when the target has it.",
        values,
        review.context.lookAt ?? null,
      );
    case "pending":
      if (world.queue !== undefined) return whyInLine(world, review, values);
      break;
    default:
  }
  return why(
    "waiting_for_merge",
    mergeOf(world, review),
    values,
    review?.context.backoffUntil ?? review?.context.claimUntil ?? null,
  );
}
