import * as z from "zod";
import { LIMITS } from "./limits.ts";
import { SettingsPatch } from "./settings.ts";

/**
 * Facts: what happened. A fact carries every id and time that a machine needs, because a machine may look at nothing else.
 * One schema per fact; the union is closed. A fact's version `v` is the version of its own shape (see upcast.ts).
 */

const id = z.string().min(1).max(LIMITS.id_chars);
const ms = z.int().min(0);
const reason = z.string().max(LIMITS.reason_chars);
const text = z.string().max(LIMITS.bead_body_chars);

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

/** How a process ended, as far as the rig is concerned. */
export const Outcome = z.enum(["completed", "failed", "gone", "rate_limited", "evicted", "over_budget"]);
export type Outcome = z.infer<typeof Outcome>;

const ofAgent = { agentId: id };
const ofDispatch = { agentId: id, dispatchId: id };
const ofBead = { beadId: id };
const ofReview = { reviewId: id };

const fact = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) => z.object({ type: z.literal(type), ...shape });

export const Fact = z.discriminatedUnion("type", [
  // The rig
  fact("TICK", {
    /** What the patrol before this TICK learnt of the container. */
    container: z.enum(["reachable", "unreachable", "unasked"]),
  }),
  fact("rig.configured", { rigId: id, townId: id, userId: id, name: z.string().max(LIMITS.title_chars), gitUrl: z.string().max(2_000), defaultBranch: z.string().max(250) }),
  /** Not named `settings`: that is what a machine gets beside every fact. */
  fact("rig.settings_changed", { changes: SettingsPatch }),
  fact("rig.paused", { by: id }),
  fact("rig.resumed", { by: id }),
  fact("rig.draining", { by: id }),
  fact("rig.destroyed", { by: id }),
  fact("rig.activity_changed", { active: z.boolean() }),
  fact("container.unreachable", { error: reason }),
  fact("container.reachable", {}),

  // An agent's identity and hook
  fact("agent.registered", { ...ofAgent, role: Role, name: z.string().max(LIMITS.title_chars), identity: z.string().max(LIMITS.title_chars) }),
  fact("agent.deleted", ofAgent),
  fact("agent.hooked", { ...ofAgent, ...ofBead, attempts: ms, branch: z.string().max(250).nullable() }),
  fact("agent.unhooked", { ...ofAgent, ...ofBead, reason }),

  // A dispatch: one attempt to run an agent on its bead
  fact("dispatch.granted", { ...ofDispatch, ...ofBead, branch: z.string().max(250), rework: z.boolean(), probe: z.boolean() }),
  fact("dispatch.failed", { ...ofDispatch, ...ofBead, charged: z.boolean(), attempts: ms, reason }),
  fact("start.accepted", ofDispatch),
  fact("start.refused", { ...ofDispatch, status: z.int(), error: reason }),
  fact("start.unknown", { ...ofDispatch, error: reason }),
  fact("agent.heard", ofDispatch),
  fact("agent.progressed", { ...ofDispatch, what: reason }),
  fact("agent.checkpointed", { ...ofAgent, dispatchId: id.nullable(), beadId: id.nullable(), digest: z.string().max(64), data: z.json() }),
  fact("agent.exited", { ...ofDispatch, outcome: Outcome, reason, resetAt: ms.nullable() }),
  fact("agent.asked_help", { ...ofDispatch, escalationId: id }),
  fact("permission.asked", { ...ofDispatch, prompt: reason }),
  fact("permission.answered", ofDispatch),
  fact("agent.answered", { ...ofAgent, answer: z.string().max(LIMITS.mail_body_chars), by: id }),
  fact("agent.done", { ...ofAgent, dispatchId: id, ...ofBead, branch: z.string().max(250), prUrl: z.string().max(2_000).nullable(), summary: z.string().max(LIMITS.mail_body_chars).nullable() }),
  /** A report of an older dispatch: recorded so that it can be explained, changes nothing. */
  fact("report.stale", { agentId: id, dispatchId: id.nullable(), report: z.string().max(64), current: id.nullable(), about: id.nullable() }),

  // Mail
  fact("mail.sent", { mailId: id, from: id, to: id, subject: z.string().max(LIMITS.title_chars), body: z.string().max(LIMITS.mail_body_chars) }),
  fact("mail.delivered", { ...ofAgent, mailIds: z.array(id).max(LIMITS.undelivered_mail) }),

  // A bead
  fact("bead.created", {
    ...ofBead,
    beadType: BeadType,
    title: z.string().max(LIMITS.title_chars),
    body: text.nullable(),
    priority: Priority,
    labels: z.array(z.string().max(LIMITS.label_chars)).max(LIMITS.labels),
    metadata: z.record(z.string(), z.json()),
    convoyId: id.nullable(),
    /** Only blockers that were not closed yet. */
    blockedBy: z.array(id).max(LIMITS.blockers),
    deferUntil: ms.nullable(),
    createdBy: id.nullable(),
  }),
  fact("bead.status_set", { ...ofBead, status: BeadStatus, by: id }),
  fact("bead.closed", { ...ofBead, by: id }),
  fact("bead.cancelled", { ...ofBead, by: id }),
  fact("bead.deleted", ofBead),
  fact("bead.unblocked", { ...ofBead, blockerId: id }),
  fact("bead.failed", { ...ofBead, reason }),
  fact("bead.merged", { ...ofBead, ...ofReview, commitSha: z.string().max(128).nullable() }),
  fact("bead.conflicted", { ...ofBead, ...ofReview, message: reason }),
  fact("attempts.reset", ofBead),
  fact("escalation.joined", { ...ofBead, title: z.string().max(LIMITS.title_chars), body: text.nullable(), by: id.nullable() }),

  // A review
  fact("review.submitted", { ...ofBead, agentId: id, branch: z.string().max(250), prUrl: z.string().max(2_000).nullable(), summary: z.string().max(LIMITS.mail_body_chars).nullable() }),
  fact("review.opened", { ...ofReview, ...ofBead, agentId: id, branch: z.string().max(250), prUrl: z.string().max(2_000).nullable(), summary: z.string().max(LIMITS.mail_body_chars).nullable() }),
  fact("review.granted", { ...ofReview, claim: ms }),
  fact("review.completed", { ...ofReview, claim: ms, verdict: z.enum(["merged", "conflict", "failed"]), permanent: z.boolean(), message: reason, commitSha: z.string().max(128).nullable() }),
  fact("review.cancelled", { ...ofReview, reason }),
  fact("merge.refused", { ...ofReview, claim: ms, status: z.int(), error: reason }),
  fact("merge.unknown", { ...ofReview, claim: ms, error: reason }),

  // The rig's own machinery
  fact("effect.failed", { key: z.string().max(2 * LIMITS.id_chars), kind: z.string().max(64), agentId: id.nullable(), error: reason, attempts: ms }),
  fact("actor.quarantined", { kind: z.enum(["agent", "bead", "review", "rig"]), id, error: reason }),
  /** Version 2: with the state that it is taken back in, or null when it has one and only threw. */
  fact("actor.repaired", { kind: z.enum(["agent", "bead", "review", "rig"]), id, by: id, state: z.object({ v: z.int(), value: z.json(), context: z.json() }).nullable() }),
]);
export type Fact = z.infer<typeof Fact>;
export type FactType = Fact["type"];
export type FactOf<T extends FactType> = Extract<Fact, { type: T }>;

/** What the journal adds to a fact. */
export interface Stamp {
  /** Position in the rig's journal, from 1, without gaps. */
  readonly seq: number;
  /** ms since epoch; never smaller than that of the fact before. */
  readonly at: number;
  /** Seq of the fact that caused this one; null for a root fact. */
  readonly cause: number | null;
}
export type Recorded<F extends Fact = Fact> = F extends unknown ? F & Stamp : never;
export type RecordedOf<T extends FactType> = Recorded<FactOf<T>>;

/** Cuts a text to what a fact may carry; the end is marked, so that nobody takes it for the whole. */
export const clip = (value: string, chars: number = LIMITS.reason_chars): string =>
  value.length <= chars ? value : `${value.slice(0, chars - 1)}…`;
