import { failureIn, type FailureCode } from "./failure.ts";
import * as z from "zod";
import { actorOf } from "./by.ts";
import {
  AN,
  BeadStatus,
  BeadType,
  BY,
  id,
  ms,
  ofBead,
  ofReview,
  Priority,
  reason,
  TEXT,
  text,
  title,
} from "./fields.ts";
import { LIMITS } from "./limits.ts";
import { fact, told } from "./row.ts";

const BEAD = { beadId: AN.beadId };
const OF_ANOTHER =
  "The result of another review, or of a bead that is no longer in review. Terminal beads stay terminal.";

/** What it was before, as the wire calls it; absent in facts of earlier versions. */
const was = BeadStatus.optional();

/** By who says that it failed: its agent, while it works; or its review. */
const BEFORE_FAILING: Partial<Record<FailureCode, BeadStatus>> = {
  attempts_exhausted: "in_progress",
  review_failed: "in_review",
};
const beforeFailing = (reason: string): BeadStatus | null => BEFORE_FAILING[failureIn(reason).code] ?? null;

/** Facts about a bead. */
export const BEAD_FACTS = [
  fact(
    "bead.created",
    {
      ...ofBead,
      beadType: BeadType,
      title,
      body: text.nullable(),
      priority: Priority,
      labels: z.array(z.string().max(LIMITS.label_chars)).max(LIMITS.labels),
      metadata: z.record(z.string(), z.json()),
      convoyId: id.nullable(),
      /** Only blockers that were not closed yet. */
      blockedBy: z.array(id).max(LIMITS.blockers),
      deferUntil: ms.nullable(),
      /** Which agent program and which model; absent: as its role and its rig say. */
      runtime: z.string().min(1).max(LIMITS.runtime_chars).optional(),
      model: z.string().min(1).max(LIMITS.model_chars).optional(),
      /** An agent that is busy without progress for longer is stopped, and tries again. */
      expectMs: ms.optional(),
      /** It waits until somebody puts it on an agent's hook. */
      hold: z.literal(true).optional(),
      createdBy: id.nullable(),
    },
    {
      to: ["bead"],
      makes: "bead",
      kept: true,
      timeline: (created) =>
        told(created.beadType === "escalation" ? "escalated" : "created", created.createdBy, null, "open", {
          title: created.title,
          type: created.beadType,
        }),
      example: {
        ...BEAD,
        beadType: "issue",
        title: TEXT,
        body: null,
        priority: "medium",
        labels: [],
        metadata: {},
        convoyId: null,
        blockedBy: [],
        deferUntil: null,
        createdBy: BY,
      },
      ignored: { bead: "Makes the bead. A bead that exists is not made again." },
    },
  ),
  fact(
    "bead.status_set",
    { ...ofBead, status: BeadStatus, by: id, was },
    {
      to: ["bead"],
      timeline: ({ status, by, was: before = null }) =>
        told(status === "closed" ? "closed" : "status_changed", actorOf(by), before, status),
      example: { ...BEAD, status: "open", by: BY },
      variants: (["open", "in_progress", "closed", "failed"] as const).map((status) => ({
        name: status,
        fields: { status },
      })),
      command: { bead: { command: "set status" } },
    },
  ),
  fact(
    "bead.closed",
    { ...ofBead, by: id, was },
    {
      to: ["bead"],
      timeline: ({ by, was: before = null }) => told("closed", actorOf(by), before, "closed"),
      example: { ...BEAD, by: BY },
      command: { bead: { command: "close", already: ["bead.closed"] } },
    },
  ),
  fact(
    "bead.cancelled",
    { ...ofBead, by: id, was },
    {
      to: ["bead"],
      timeline: ({ by, was: before = null }) => told("status_changed", by, before, "failed", { reason: "cancelled" }),
      example: { ...BEAD, by: BY },
      command: { bead: { command: "cancel", already: ["bead.failed"] } },
    },
  ),
  fact("bead.deleted", ofBead, {
    to: ["bead"],
    removes: "bead",
    kept: true,
    example: BEAD,
    ignored: { bead: "The chart has no say: the bead is removed, and what depends on it is told." },
  }),
  fact(
    "bead.unblocked",
    { ...ofBead, blockerId: id },
    {
      to: ["bead"],
      about: ({ blockerId }) => [{ kind: "bead", id: blockerId }],
      timeline: ({ blockerId }) => told("status_changed", null, "blocked", "ready", { blocker: blockerId }),
      example: { ...BEAD, blockerId: AN.beadId },
      ignored: { bead: "What has ended waits for nothing." },
    },
  ),
  /** A blocker of it has failed, or waits itself for one that has. */
  fact(
    "bead.stuck",
    { ...ofBead, blockerId: id },
    {
      to: ["bead"],
      about: ({ blockerId }) => [{ kind: "bead", id: blockerId }],
      example: { ...BEAD, blockerId: AN.beadId },
      ignored: { bead: "It does not wait for that one, or knows of it already; only an issue waits." },
    },
  ),
  fact(
    "bead.unstuck",
    { ...ofBead, blockerId: id },
    {
      to: ["bead"],
      about: ({ blockerId }) => [{ kind: "bead", id: blockerId }],
      example: { ...BEAD, blockerId: AN.beadId },
      ignored: { bead: "That one was not in its way." },
    },
  ),
  /** A person changed what it says, or what it waits for. Only what is named was changed. */
  fact(
    "bead.edited",
    {
      ...ofBead,
      by: id,
      changes: z.object({
        title: title.optional(),
        body: text.nullable().optional(),
        priority: Priority.optional(),
        labels: z.array(z.string().max(LIMITS.label_chars)).max(LIMITS.labels).optional(),
        /** All of them that are not closed. */
        blockedBy: z.array(id).max(LIMITS.blockers).optional(),
        deferUntil: ms.nullable().optional(),
        /** null: as its role and its rig say. */
        runtime: z.string().min(1).max(LIMITS.runtime_chars).nullable().optional(),
        model: z.string().min(1).max(LIMITS.model_chars).nullable().optional(),
      }),
    },
    {
      to: ["bead"],
      kept: true,
      example: { ...BEAD, by: BY, changes: { priority: "high" } },
      command: { bead: { command: "edit" } },
    },
  ),
  /** A person wants it no more while it is being merged. If it is not on the target by then, it ends cancelled. */
  fact(
    "bead.cancel_asked",
    { ...ofBead, ...ofReview, by: id },
    {
      to: ["bead", "review"],
      example: { ...BEAD, reviewId: AN.reviewId, by: BY },
      ignored: {
        bead: "Of another review, or of a bead that has ended.",
        review: "It has ended, or is not being merged: it is taken out of the queue at once.",
      },
    },
  ),
  fact(
    "bead.failed",
    { ...ofBead, reason, /** The escalation that tells of it, made in the same commit. */ escalation: id.optional() },
    {
      to: ["bead"],
      timeline: (failed) =>
        told("status_changed", null, beforeFailing(failed.reason), "failed", { reason: failed.reason }),
      example: { ...BEAD, reason: TEXT },
      ignored: { bead: "Terminal beads stay terminal." },
    },
  ),
  fact(
    "bead.merged",
    { ...ofBead, ...ofReview, commitSha: z.string().max(128).nullable() },
    {
      to: ["bead"],
      timeline: ({ reviewId, commitSha }) =>
        told("review_completed", null, "in_review", "closed", {
          review_id: reviewId,
          status: "merged",
          commit_sha: commitSha,
        }),
      example: { ...BEAD, reviewId: AN.reviewId, commitSha: null },
      ignored: { bead: OF_ANOTHER },
    },
  ),
  fact(
    "bead.conflicted",
    { ...ofBead, ...ofReview, message: reason },
    {
      to: ["bead"],
      timeline: ({ reviewId, message }) =>
        told("review_completed", null, "in_review", null, { review_id: reviewId, status: "conflict", message }),
      example: { ...BEAD, reviewId: AN.reviewId, message: TEXT },
      ignored: { bead: OF_ANOTHER },
    },
  ),
  /** Its work was red in the gate, twice, on what was green. */
  fact(
    "bead.rejected",
    { ...ofBead, ...ofReview, check: title, words: z.string().max(LIMITS.check_words_chars) },
    {
      to: ["bead"],
      timeline: ({ reviewId, check, words }) =>
        told("review_completed", null, "in_review", null, {
          review_id: reviewId,
          status: "red",
          check,
          message: words,
        }),
      example: { ...BEAD, reviewId: AN.reviewId, check: "test", words: TEXT },
      ignored: { bead: OF_ANOTHER },
    },
  ),
  /** The same bead again: its history, its branch and what waits for it stay. */
  fact(
    "bead.retried",
    {
      ...ofBead,
      by: id,
      /** Its blockers that are not closed now. */
      blockedBy: z.array(id).max(LIMITS.blockers),
      /** How it was: what has ended is not held, and nothing else tells a replay of what is left of a journal. */
      state: z.object({ v: z.int(), value: z.json(), context: z.json() }),
    },
    {
      to: ["bead"],
      timeline: ({ by }) => told("status_changed", actorOf(by), "failed", "open", { retried: true }),
      example: { ...BEAD, by: BY, blockedBy: [], state: { v: 1, value: "failed", context: {} } },
      command: { bead: { command: "retry", already: ["bead.open", "bead.in_progress", "bead.in_review"] } },
    },
  ),
  /** `head`: the newest commit that was new; `note`: a checkpoint alone has proved it. */
  fact(
    "attempts.reset",
    { ...ofBead, head: z.string().max(64).optional(), note: z.literal(true).optional() },
    {
      to: ["bead"],
      example: BEAD,
      ignored: { bead: "Progress is proven by an agent at work; without one the count stands." },
    },
  ),
  fact(
    "escalation.joined",
    { ...ofBead, title, body: text.nullable(), by: id.nullable() },
    {
      to: [],
      kept: true,
      timeline: (joined) => told("escalated", joined.by, null, null, { title: joined.title }),
      example: { ...BEAD, title: TEXT, body: null, by: BY },
    },
  ),
] as const;
