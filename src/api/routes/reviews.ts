import * as z from "zod";
import { speaksFor } from "../auth.ts";
import { accepted } from "../respond.ts";
import { route, type Route } from "../route.ts";
import { ReviewComplete, ReviewSubmit } from "../schemas.ts";

const access = ["agent", "operator"] as const;
const tag = "reviews";

/** Failures of a merge that another try cannot mend. */
const PERMANENT = new Set(["branch_missing", "empty_repository", "target_missing"]);

export const reviewRoutes: Route[] = [
  route({
    method: "POST",
    path: "/api/rigs/:rigId/review-queue",
    summary: "Submit a branch for review",
    tag,
    access,
    body: ReviewSubmit,
    answer: z.object({ submitted: z.literal(true) }),
    status: 201,
    handle: async ({ execute, body, principal }) => {
      speaksFor(principal, body.agent_id);
      accepted(
        await execute(
          { type: "submit_review", agentId: body.agent_id, beadId: body.bead_id, branch: body.branch, prUrl: body.pr_url ?? null, summary: body.summary ?? null },
          body.agent_id,
        ),
      );
      return { submitted: true };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/review-queue/:entryId/complete",
    summary: "The verdict of a merge",
    tag,
    access,
    body: ReviewComplete,
    answer: z.object({ completed: z.literal(true) }),
    handle: async ({ execute, params, body, principal }) => {
      const spokenOf = body.dispatch_id ?? (principal.kind === "agent" && principal.agentId === "refinery" ? principal.dispatchId : null);
      accepted(
        await execute(
          {
            type: "complete_review",
            reviewId: params["entryId"] ?? "",
            claimId: spokenOf,
            verdict: body.status,
            permanent: PERMANENT.has(body.reason ?? ""),
            message: body.message,
            commitSha: body.commit_sha ?? null,
          },
        ),
      );
      return { completed: true };
    },
  }),
];
