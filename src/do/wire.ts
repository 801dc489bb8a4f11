import type { BeadStatus, BeadType, Priority, Role } from "../events/facts.ts";
import type { AgentSnapshot } from "../machines/agent.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import type { JsonValue } from "./json.ts";

/** From snapshots and rows to the shapes of the Worker API. Times become ISO 8601 UTC. */

export interface BeadContent {
  title: string;
  body: string | null;
  labels: string[];
  metadata: Record<string, JsonValue>;
  createdBy: string | null;
  joined?: JsonValue[];
}

export interface WireBead {
  id: string;
  type: BeadType;
  status: BeadStatus;
  title: string;
  body: string | null;
  assignee_agent_id: string | null;
  convoy_id: string | null;
  molecule_id: string | null;
  priority: Priority;
  labels: string[];
  metadata: Record<string, JsonValue>;
  created_at: string;
  updated_at: string;
  closed_at: string | null;
}

export interface WireAgent {
  id: string;
  role: Role;
  name: string;
  identity: string;
  status: "idle" | "working" | "blocked" | "exited" | "restarting";
  current_hook_bead_id: string | null;
  dispatch_attempts: number;
  last_activity_at: string | null;
  checkpoint: JsonValue | null;
  created_at: string;
}

export interface WireMail {
  id: string;
  from_agent_id: string;
  to_agent_id: string;
  subject: string;
  body: string;
  delivered: boolean;
  created_at: string;
  delivered_at: string | null;
}

export interface WireAgentEvent {
  id: number;
  agent_id: string;
  event_type: string;
  data: JsonValue;
  created_at: string;
}

export interface WireBeadEvent {
  id: string;
  bead_id: string;
  agent_id: string | null;
  event_type: string;
  old_value: string | null;
  new_value: string | null;
  metadata: Record<string, JsonValue>;
  created_at: string;
}

export const iso = (at: number): string => new Date(at).toISOString();
export const isoOrNull = (at: number | null): string | null => (at === null ? null : iso(at));

const LOST_CONTENT: BeadContent = { title: "(text lost)", body: null, labels: [], metadata: {}, createdBy: null };

export function wireBead(bead: BeadSnapshot, content: BeadContent = LOST_CONTENT): WireBead {
  const { context } = bead;
  return {
    id: context.id,
    type: context.type,
    status: bead.value as BeadStatus,
    title: content.title,
    body: content.body,
    assignee_agent_id: context.assignee,
    convoy_id: context.convoyId,
    molecule_id: null,
    priority: context.priority,
    labels: content.labels,
    metadata: {
      ...content.metadata,
      ...(context.reworks > 0 ? { rework: context.reworks } : {}),
      ...(context.reason === null ? {} : { failure_reason: context.reason }),
      ...(context.commitSha === null ? {} : { commit_sha: context.commitSha }),
      ...(content.joined === undefined ? {} : { joined: content.joined }),
      ...(context.blockedBy.length === 0 ? {} : { blocked_by: [...context.blockedBy] }),
    },
    created_at: iso(context.createdAt),
    updated_at: iso(context.updatedAt),
    closed_at: isoOrNull(context.closedAt),
  };
}

/** @param heardAt ms of the last sign of life kept in memory; liveness and progress are two clocks, the wire shows the later. */
export function wireAgent(agent: AgentSnapshot, heardAt: number | null, checkpoint: JsonValue | null): WireAgent {
  const { context } = agent;
  const active = Math.max(heardAt ?? -1, context.progressAt ?? -1, context.exit?.at ?? -1);
  return {
    id: context.id,
    role: context.role,
    name: context.name,
    identity: context.identity,
    status: (typeof agent.value === "string" ? agent.value : Object.keys(agent.value)[0]) as WireAgent["status"],
    current_hook_bead_id: context.hook,
    dispatch_attempts: context.attempts,
    last_activity_at: active < 0 ? null : iso(active),
    checkpoint,
    created_at: iso(context.createdAt),
  };
}
