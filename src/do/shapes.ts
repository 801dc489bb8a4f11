import type { Agent as WireAgent, Bead as WireBead } from "../wire/schemas.ts";
import { statusLine, type AgentContext, type AgentSnapshot } from "../machines/agent.ts";
import { askOf, type Used } from "../machines/agent/driver.ts";
import { statusOf, type BeadSnapshot } from "../machines/bead.ts";
import type { JsonValue } from "../events/json.ts";

/** From snapshots and rows to the shapes of the Worker API. Times become ISO 8601 UTC. */

export interface BeadContent {
  title: string;
  body: string | null;
  labels: string[];
  metadata: Record<string, JsonValue>;
  createdBy: string | null;
  joined?: JsonValue[];
}

export type {
  Agent as WireAgent,
  AgentEvent as WireAgentEvent,
  Bead as WireBead,
  BeadEvent as WireBeadEvent,
  Mail as WireMail,
} from "../wire/schemas.ts";

export const iso = (at: number): string => new Date(at).toISOString();
export const isoOrNull = (at: number | null): string | null => (at === null ? null : iso(at));

const LOST_CONTENT: BeadContent = { title: "(text lost)", body: null, labels: [], metadata: {}, createdBy: null };

export function wireBead(bead: BeadSnapshot, content: BeadContent = LOST_CONTENT): WireBead {
  const { context } = bead;
  return {
    id: context.id,
    type: context.type,
    status: statusOf(bead),
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
      ...(context.cancelled === undefined ? {} : { cancelled: true }),
      ...(context.commitSha === null ? {} : { commit_sha: context.commitSha }),
      ...(content.joined === undefined ? {} : { joined: content.joined }),
      ...(context.stuckBy === undefined ? {} : { stuck_by: [...context.stuckBy] }),
      ...(context.cancelAsked === undefined ? {} : { cancel_asked_by: context.cancelAsked }),
      ...(context.byHand === undefined ? {} : { in_progress_by: context.byHand }),
      ...(context.hold === undefined ? {} : { hold: true }),
      ...(context.blockedBy.length === 0 ? {} : { blocked_by: [...context.blockedBy] }),
    },
    created_at: iso(context.createdAt),
    updated_at: iso(context.updatedAt),
    closed_at: isoOrNull(context.closedAt),
  };
}

function wireAsk(context: AgentContext): WireAgent["ask"] {
  const ask = askOf(context);
  return ask && { id: ask.id, kind: ask.kind, text: ask.text, command: ask.command };
}

/** Of all conversations on its newest bead. What nobody says the cost of makes no cost. */
function wireUsage({ usage }: AgentContext): WireAgent["usage"] {
  if (usage === undefined) return undefined;
  const sum = (of: (used: Used) => number): number => usage.sessions.reduce((all, used) => all + of(used), 0);
  const isPriced = usage.sessions.some(({ costMicrodollars }) => costMicrodollars !== null);
  return {
    input_tokens: sum(({ inputTokens }) => inputTokens),
    cached_tokens: sum(({ cachedTokens }) => cachedTokens),
    output_tokens: sum(({ outputTokens }) => outputTokens),
    cost_microdollars: isPriced ? sum(({ costMicrodollars }) => costMicrodollars ?? 0) : null,
  };
}

/** @param heardAt ms of the last sign of life kept in memory; liveness and progress are two clocks, the wire shows the later. */
export function wireAgent(agent: AgentSnapshot, heardAt: number | null, checkpoint: JsonValue | null): WireAgent {
  const { context } = agent;
  const line = statusLine(context);
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
    status_line: line ?? undefined,
    ask: wireAsk(context),
    session: context.session && { driver: context.session.driver, id: context.session.id },
    held: context.held && { by: context.held.by, reason: context.held.reason, since: iso(context.held.at) },
    usage: wireUsage(context),
    created_at: iso(context.createdAt),
  };
}
