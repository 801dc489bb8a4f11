import * as z from "zod";
import { LIMITS } from "./limits.ts";

/** Fields and words that facts of several families share. */

export const AGENT_ROLES = ["polecat", "refinery", "mayor", "witness"] as const;
export const BEAD_TYPES = ["issue", "message", "escalation", "merge_request"] as const;
export const BEAD_STATUSES = ["open", "in_progress", "in_review", "closed", "failed"] as const;
export const PRIORITIES = ["low", "medium", "high", "critical"] as const;

export const Role = z.enum(AGENT_ROLES);
export type Role = z.infer<typeof Role>;
export const BeadType = z.enum(BEAD_TYPES);
export type BeadType = z.infer<typeof BeadType>;
export const BeadStatus = z.enum(BEAD_STATUSES);
export type BeadStatus = z.infer<typeof BeadStatus>;
export const Priority = z.enum(PRIORITIES);
export type Priority = z.infer<typeof Priority>;

/** How a process ended, as far as the rig is concerned. `place`: where it was to work was not fit, and it never began. `full`: its container had no room. */
export const Outcome = z.enum([
  "completed",
  "failed",
  "gone",
  "rate_limited",
  "evicted",
  "over_budget",
  "place",
  "not_authorized",
  "full",
]);
export type Outcome = z.infer<typeof Outcome>;

export const id = z.string().min(1).max(LIMITS.id_chars);
/** Milliseconds, a time or a span; also a count. */
export const ms = z.int().min(0);
export const reason = z.string().max(LIMITS.reason_chars);
export const text = z.string().max(LIMITS.bead_body_chars);
export const title = z.string().max(LIMITS.title_chars);
export const branch = z.string().max(250);
export const url = z.string().max(2_000);

export const ofAgent = { agentId: id };
export const ofDispatch = { agentId: id, dispatchId: id };
export const ofBead = { beadId: id };
export const ofReview = { reviewId: id };

/** What is handed in for a merge. */
export const handedIn = {
  branch,
  prUrl: url.nullable(),
  summary: z.string().max(LIMITS.mail_body_chars).nullable(),
};

/** The same, for examples: ids that no actor has, and a text. */
export const AN = { agentId: "agent-x", beadId: "bead-x", reviewId: "rev-x", dispatchId: "agent-x:1" } as const;
export const TEXT = "an example";
export const BY = "operator";
export const HANDED_IN = { branch: "ticktown/example", prUrl: null, summary: null } as const;
