import type { Fact, FactOf, FactType, Recorded, RecordedOf } from "../events/facts.ts";
import type { JsonValue } from "./json.ts";
import type { Rig } from "./rig.ts";
import { firstSeqAfter, readEntry, type JournalRow } from "./store.ts";
import { iso, type WireBeadEvent } from "./wire.ts";

/** A bead's timeline: what the journal's facts are called on the wire. */

type Told = Pick<WireBeadEvent, "event_type" | "agent_id" | "old_value" | "new_value" | "metadata">;
/** Facts that may be about a bead. */
type OfBead = { [T in FactType]: FactOf<T> extends { beadId: string | null } ? T : never }[FactType];

const told = (event_type: string, agent_id: string | null, old_value: string | null, new_value: string | null, metadata: Record<string, JsonValue> = {}): Told => ({ event_type, agent_id, old_value, new_value, metadata });

const EVENTS: { readonly [T in OfBead]?: (fact: RecordedOf<T>) => Told } = {
  "bead.created": (fact) => told(fact.beadType === "escalation" ? "escalated" : "created", fact.createdBy, null, "open", { title: fact.title, type: fact.beadType }),
  "agent.hooked": (fact) => told("hooked", fact.agentId, null, fact.agentId),
  "agent.unhooked": (fact) => told("unhooked", fact.agentId, fact.agentId, null, { reason: fact.reason }),
  "dispatch.granted": (fact) => told("agent_spawned", fact.agentId, null, fact.dispatchId, { branch: fact.branch, rework: fact.rework }),
  "dispatch.failed": (fact) => told("agent_exited", fact.agentId, fact.dispatchId, null, { reason: fact.reason, attempts: fact.attempts, charged: fact.charged }),
  "review.opened": (fact) => told("review_submitted", fact.agentId, "in_progress", "in_review", { review_id: fact.reviewId, branch: fact.branch }),
  "bead.merged": (fact) => told("review_completed", null, "in_review", "closed", { review_id: fact.reviewId, status: "merged", commit_sha: fact.commitSha }),
  "bead.conflicted": (fact) => told("review_completed", null, "in_review", null, { review_id: fact.reviewId, status: "conflict", message: fact.message }),
  "bead.closed": (fact) => told("closed", fact.by, null, "closed"),
  "bead.cancelled": (fact) => told("status_changed", fact.by, null, "failed", { reason: "cancelled" }),
  "bead.failed": (fact) => told("status_changed", null, null, "failed", { reason: fact.reason }),
  "bead.status_set": (fact) => told(fact.status === "closed" ? "closed" : "status_changed", fact.by, null, fact.status),
  "escalation.joined": (fact) => told("escalated", fact.by, null, null, { title: fact.title }),
  "bead.unblocked": (fact) => told("status_changed", null, "blocked", "ready", { blocker: fact.blockerId }),
};
const TYPES = Object.keys(EVENTS)
  .map((type) => `'${type}'`)
  .join(", ");

function eventOf(fact: Recorded<Fact>): WireBeadEvent | null {
  const tell = EVENTS[fact.type as OfBead] as ((fact: Recorded<Fact>) => Told) | undefined;
  return tell === undefined || !("beadId" in fact) || fact.beadId === null ? null : { id: String(fact.seq), bead_id: fact.beadId, ...tell(fact), created_at: iso(fact.at) };
}

/**
 * Bead events, oldest first, as far back as the rig holds its journal.
 * @param since ms; only later ones.
 */
export function beadEvents({ ports: { sql } }: Rig, filter: { since?: number | undefined; beadId?: string | undefined; limit: number }): WireBeadEvent[] {
  const from = filter.since === undefined ? 0 : firstSeqAfter(sql, filter.since);
  const [which, ...values] = filter.beadId === undefined ? ["bead IS NOT NULL"] : ["bead = ?", filter.beadId];
  return sql
    .exec<JournalRow>(`SELECT * FROM journal WHERE ${which} AND seq >= ? AND type IN (${TYPES}) ORDER BY seq LIMIT ?`, ...values, from, filter.limit)
    .toArray()
    .map((row) => eventOf(readEntry(row).fact))
    .filter((event) => event !== null);
}
