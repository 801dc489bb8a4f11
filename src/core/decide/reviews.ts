import { claimId, claimNumber } from "../../events/dispatch-id.ts";
import { clip, type Fact } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import { get, type World } from "../world.ts";
import { ofBead } from "./beads.ts";
import { anyOf, holder, itself, operators, ownBead, type Rule } from "./authority.ts";
import type { CommandOf, Decision, Rows, Surroundings } from "./command.ts";
import { accept, noAgent, refuse, staleness, takes } from "./tools.ts";

const itsOwnWork: Rule<CommandOf<"submit_review">> = {
  says: "the agent whose bead it is, for itself",
  holds: (...asked) => itself.holds(...asked) && ownBead.holds(...asked),
};

/** Branches on their way to the main line. */
export const REVIEWS: Rows<"submit_review" | "complete_review"> = {
  submit_review: { may: anyOf<CommandOf<"submit_review">>(operators, itsOwnWork), run: submitReview },
  complete_review: { may: anyOf<CommandOf<"complete_review">>(operators, holder), run: completeReview },
};

function submitReview(world: World, command: CommandOf<"submit_review">, around: Surroundings): Decision {
  const { beadId, agentId, branch, prUrl, summary } = command;
  if (!world.agents.has(agentId)) return noAgent(agentId);
  const stale = staleness(world, agentId, around.caller.dispatchId, "review", beadId);
  if (stale) return stale;
  return ofBead(
    world,
    around,
    beadId,
    (bead) =>
      bead.value === "in_review" ? null : { type: "review.submitted", beadId, agentId, branch, prUrl, summary },
    "be submitted for review",
  );
}

function completeReview(world: World, command: CommandOf<"complete_review">, around: Surroundings): Decision {
  const { reviewId, verdict, permanent, message, commitSha } = command;
  const review = get(world, "review", reviewId);
  if (!review) return refuse(404, `no review ${reviewId} in this rig`);
  const claim = command.claimId === null ? review.context.claim : claimNumber(reviewId, command.claimId);
  if (claim !== review.context.claim) {
    return accept(
      [
        {
          type: "report.stale",
          agentId: review.context.agentId,
          dispatchId: clip(command.claimId ?? "", LIMITS.id_chars) || null,
          report: "merge",
          current: claimId(reviewId, review.context.claim),
          about: review.context.beadId,
        },
      ],
      { reviewId, stale: true },
    );
  }
  const fact: Fact =
    verdict === "failed" && command.passing === true
      ? { type: "merge.unknown", reviewId, claim, error: clip(message) || "no reason was given" }
      : { type: "review.completed", reviewId, claim, verdict, permanent, message: clip(message), commitSha };
  return accept(takes(world, review, fact, around.at) ? [fact] : [], { reviewId });
}
