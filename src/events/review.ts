import * as z from "zod";
import { AN, handedIn, HANDED_IN, id, ms, ofBead, ofReview, reason, TEXT } from "./fields.ts";
import { sha } from "./hand-in.ts";
import { fact, told } from "./row.ts";

const CLAIM = { reviewId: AN.reviewId, claim: 0 };
const TOO_LATE = "The answer to an older claim, or to one that has ended.";

/** Facts about a review: a branch that waits to be merged. */
export const REVIEW_FACTS = [
  fact(
    "review.submitted",
    { ...ofBead, agentId: id, ...handedIn, commit: sha.optional(), reverts: sha.optional() },
    {
      to: ["bead"],
      example: { beadId: AN.beadId, agentId: AN.agentId, ...HANDED_IN },
      command: { bead: { command: "submit for review", already: ["bead.in_review"] } },
    },
  ),
  fact(
    "review.opened",
    { ...ofReview, ...ofBead, agentId: id, ...handedIn, commit: sha.optional(), reverts: sha.optional() },
    {
      to: ["review"],
      makes: "review",
      timeline: ({ agentId, reviewId, branch, commit }) =>
        told("review_submitted", agentId, "in_progress", branch, {
          review_id: reviewId,
          branch,
          ...(commit === undefined ? { hand_in: "unseen" } : {}),
        }),
      example: { reviewId: AN.reviewId, beadId: AN.beadId, agentId: AN.agentId, ...HANDED_IN },
      ignored: { review: "Makes the review. A review that exists is not made again." },
    },
  ),
  fact(
    "review.granted",
    { ...ofReview, claim: ms },
    {
      to: ["review"],
      example: CLAIM,
      ignored: {
        review: "A claim has the next number, and only a queued review is claimed. Any other is a repetition.",
      },
    },
  ),
  fact(
    "review.completed",
    {
      ...ofReview,
      claim: ms,
      verdict: z.enum(["merged", "conflict", "failed"]),
      permanent: z.boolean(),
      message: reason,
      commitSha: z.string().max(128).nullable(),
    },
    {
      to: ["review"],
      example: { ...CLAIM, verdict: "merged", permanent: false, message: TEXT, commitSha: null },
      variants: [
        { name: "merged" },
        { name: "conflict", fields: { verdict: "conflict" } },
        { name: "failed", fields: { verdict: "failed" } },
        { name: "failed for good", fields: { verdict: "failed", permanent: true } },
      ],
      ignored: {
        review:
          "The verdict of an older claim; or a failure of a claim that was given up, which is tried again anyway. Terminal reviews stay terminal.",
      },
    },
  ),
  fact(
    "review.cancelled",
    { ...ofReview, reason },
    {
      to: ["review"],
      example: { reviewId: AN.reviewId, reason: TEXT },
      ignored: { review: "Terminal reviews stay terminal." },
    },
  ),
  fact(
    "merge.refused",
    { ...ofReview, claim: ms, status: z.int(), error: reason },
    { to: ["review"], example: { ...CLAIM, status: 503, error: TEXT }, ignored: { review: TOO_LATE } },
  ),
  fact(
    "merge.unknown",
    { ...ofReview, claim: ms, error: reason },
    { to: ["review"], example: { ...CLAIM, error: TEXT }, ignored: { review: TOO_LATE } },
  ),
] as const;
