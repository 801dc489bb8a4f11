import { bead } from "../../../support/node-rig.ts";
import { submitted } from "../../incidents/words.ts";
import { polecat, openBead, running, overtaken, type Case, work } from "./case.ts";

/** The cases of what is asked about reviews. */
export const REVIEWS = {
  submit_review: {
    accepts: [
      [
        "a running bead",
        running((agentId, beadId) => ({ type: "submit_review", agentId, beadId, ...work })),
        ["review.submitted"],
      ],
      [
        "an older dispatch",
        overtaken((agentId, beadId) => ({ type: "submit_review", agentId, beadId, ...work })),
        ["report.stale"],
      ],
    ],
    again: "nothing",
    refuses: [
      [
        "an agent that does not exist",
        (rig) => ({ command: { type: "submit_review", agentId: "ghost", beadId: openBead(rig), ...work } }),
        404,
        /no agent ghost/,
      ],
      [
        "a bead that does not exist",
        (rig) => ({ command: { type: "submit_review", agentId: polecat(rig), beadId: "ghost", ...work } }),
        404,
        /no bead ghost/,
      ],
      [
        "a closed bead",
        (rig) => {
          const beadId = openBead(rig);
          rig.run({ type: "close_bead", beadId });
          return { command: { type: "submit_review", agentId: polecat(rig), beadId, ...work } };
        },
        409,
        /is closed and cannot be submitted for review/,
      ],
      [
        "a message",
        (rig) => ({
          command: {
            type: "submit_review",
            agentId: polecat(rig),
            beadId: rig.run({ type: "create_bead", bead: bead("m", { type: "message" }), assignTo: null }).beadId ?? "",
            ...work,
          },
        }),
        409,
        /cannot be submitted for review/,
      ],
    ],
  },
  complete_review: {
    accepts: [
      ...(["merged", "conflict", "failed"] as const).map((how): Case["accepts"][number] => [
        `a verdict: ${how}`,
        async (rig) => {
          const { reviewId } = await submitted(rig);
          return {
            command: {
              type: "complete_review",
              reviewId,
              claimId: `${reviewId}:1`,
              verdict: how,
              permanent: true,
              message: "m",
              commitSha: null,
            },
          };
        },
        ["review.completed"],
      ]),
      [
        "a verdict: the remote was away",
        async (rig) => {
          const { reviewId } = await submitted(rig);
          return {
            command: {
              type: "complete_review",
              reviewId,
              claimId: `${reviewId}:1`,
              verdict: "failed",
              permanent: false,
              passing: true,
              message: "m",
              commitSha: null,
            },
          };
        },
        ["merge.unknown"],
      ],
      [
        "of an older claim",
        async (rig) => {
          const { reviewId } = await submitted(rig);
          return {
            command: {
              type: "complete_review",
              reviewId,
              claimId: `${reviewId}:0`,
              verdict: "merged",
              permanent: false,
              message: "",
              commitSha: null,
            },
          };
        },
        ["report.stale"],
      ],
      [
        "of no claim at all: the newest is meant",
        async (rig) => {
          const { reviewId } = await submitted(rig);
          return {
            command: {
              type: "complete_review",
              reviewId,
              claimId: null,
              verdict: "merged",
              permanent: false,
              message: "",
              commitSha: null,
            },
          };
        },
        ["review.completed"],
      ],
    ],
    again: "nothing",
    refuses: [
      [
        "a review that does not exist",
        () => ({
          command: {
            type: "complete_review",
            reviewId: "ghost",
            claimId: null,
            verdict: "merged",
            permanent: false,
            message: "",
            commitSha: null,
          },
        }),
        404,
        /no review ghost/,
      ],
    ],
  },
} satisfies Record<string, Case>;
