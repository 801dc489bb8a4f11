import * as z from "zod";
import { speaksFor } from "../auth.ts";
import { accepted } from "../respond.ts";
import { route, type Route } from "../route.ts";
import { HttpError } from "../errors.ts";
import { Approval, ReviewQueue } from "../../wire/queue.ts";
import { ReviewComplete, ReviewSubmit } from "../../wire/schemas.ts";
import { TrainReport } from "../../wire/train.ts";

const access = ["agent", "operator"] as const;
const tag = "reviews";

/** Failures of a merge that another try cannot mend. */
const PERMANENT = new Set(["branch_missing", "empty_repository", "target_missing"]);

/** Failures that say nothing of the work: it is tried again, however long it takes. */
const PASSING = new Set(["remote_unreachable"]);

const operators = ["operator"] as const;
type Act = "hold_review" | "release_review" | "jump_review" | "remove_review";

/** What a person does to one review of the queue. */
const act = (name: string, type: Act, summary: string): Route =>
  route({
    method: "POST",
    path: `/api/rigs/:rigId/review-queue/:entryId/${name}`,
    summary,
    tag,
    access: operators,
    answer: z.object({ ok: z.literal(true) }),
    handle: async ({ execute, params }) => {
      accepted(await execute({ type, reviewId: params.entryId }));
      return { ok: true };
    },
  });

export const reviewRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/rigs/:rigId/review-queue",
    summary: "The merge queue: the train that runs, what is in the way, and who waits, in order",
    tag,
    access,
    answer: ReviewQueue,
    handle: ({ rig }) => rig().reviewQueue(),
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/review-queue/resume",
    summary: "Try a queue that is parked, held or waiting again now",
    tag,
    access: operators,
    answer: z.object({ resumed: z.literal(true) }),
    handle: async ({ execute }) => {
      accepted(await execute({ type: "resume_queue" }));
      return { resumed: true };
    },
  }),
  act("hold", "hold_review", "Keep a review back"),
  act("release", "release_review", "Let a review go on that was held"),
  act("jump", "jump_review", "Put a review in front of the others"),
  act("remove", "remove_review", "Take a review out of the queue, and cancel its bead"),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/review-queue/:entryId/approve",
    summary: "Approve the tree of a review that changes protected files",
    tag,
    access: operators,
    body: Approval,
    answer: z.object({ approved: z.literal(true) }),
    handle: async ({ execute, params, body }) => {
      const reviewId = params.entryId;
      accepted(await execute({ type: "approve_review", reviewId, tree: body.tree ?? null }));
      return { approved: true };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/trains/:trainId/complete",
    summary: "What a container did with a train",
    tag,
    access: ["container", "operator"],
    scope: "admin",
    isCheckedByRig: true,
    body: TrainReport,
    text: "reported",
    answer: z.object({ completed: z.literal(true) }),
    handle: async ({ execute, params, body }) => {
      const trainId = params.trainId;
      if (body.trainId !== trainId) throw new HttpError(422, `the body reports of train ${body.trainId}`);
      accepted(await execute({ type: "complete_train", trainId, report: body }));
      return { completed: true };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/review-queue",
    summary: "Submit a branch for review",
    tag,
    access,
    isCheckedByRig: true,
    body: ReviewSubmit,
    answer: z.object({ submitted: z.literal(true) }),
    status: 201,
    handle: async ({ execute, body, principal }) => {
      speaksFor(principal, body.agent_id);
      accepted(
        await execute(
          {
            type: "submit_review",
            agentId: body.agent_id,
            beadId: body.bead_id,
            branch: body.branch,
            prUrl: body.pr_url ?? null,
            summary: body.summary ?? null,
          },
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
    access: ["agent", "container", "operator"],
    isCheckedByRig: true,
    body: ReviewComplete,
    text: "reported",
    answer: z.object({ completed: z.literal(true) }),
    handle: async ({ execute, params, body, caller }) => {
      // A credential is good for its own claim, whatever the body says.
      const spokenOf = caller.kind === "container" ? caller.dispatchId : (body.dispatch_id ?? null);
      accepted(
        await execute({
          type: "complete_review",
          reviewId: params.entryId,
          claimId: spokenOf,
          verdict: body.status,
          permanent: PERMANENT.has(body.reason ?? ""),
          passing: PASSING.has(body.reason ?? ""),
          message: body.message,
          commitSha: body.commit_sha ?? null,
        }),
      );
      return { completed: true };
    },
  }),
];
