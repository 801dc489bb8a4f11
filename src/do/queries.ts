import type { BeadStatus, BeadType, Role } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { restore, type Kind, type Snapshots } from "../core/step.ts";
import { get } from "../core/world.ts";
import type { AgentSnapshot } from "../machines/agent.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import type { JsonValue } from "../events/json.ts";
import type { Rig } from "./rig.ts";
import { readContent } from "./store.ts";
import {
  iso,
  isoOrNull,
  wireAgent,
  wireBead,
  type BeadContent,
  type WireAgent,
  type WireAgentEvent,
  type WireBead,
  type WireMail,
} from "./shapes.ts";

/** What may be read of a rig, in the shapes of the wire. Nothing here changes anything. */

export interface Page {
  limit: number;
  offset: number;
}

type ActorRow = { id: string; v: number; value: string; context: string };

/** Null for a row that is damaged and that nobody has noticed yet, because what it tells has ended. */
export function readable<K extends Kind>(kind: K, { v, value, context }: ActorRow): Snapshots[K] | null {
  try {
    return restore(kind, { v, value: JSON.parse(value), context: JSON.parse(context) });
  } catch {
    return null;
  }
}

export function bead(rig: Rig, id: string): WireBead | null {
  const snapshot = get(rig.world, "bead", id);
  return snapshot === undefined ? null : withContent(rig, snapshot);
}

const withContent = (rig: Rig, snapshot: BeadSnapshot): WireBead =>
  wireBead(snapshot, readContent<BeadContent>(rig.ports.sql, "bead", snapshot.context.id));

export interface BeadFilter {
  status?: BeadStatus | undefined;
  type?: BeadType | undefined;
  assignee_agent_id?: string | undefined;
  convoy_id?: string | undefined;
}

/** Newest first. */
export function beads(rig: Rig, filter: BeadFilter, page: Page): WireBead[] {
  const where = ["kind = 'bead'"];
  const values: (string | number)[] = [];
  const add = (condition: string, value: string | undefined) => {
    if (value === undefined) return;
    where.push(condition);
    values.push(value);
  };
  // Stuck is a way of being open.
  if (filter.status === "open") where.push("state IN ('open', 'stuck')");
  else add("state = ?", filter.status);
  add("json_extract(context, '$.type') = ?", filter.type);
  add("json_extract(context, '$.assignee') = ?", filter.assignee_agent_id);
  add("json_extract(context, '$.convoyId') = ?", filter.convoy_id);
  return rig.ports.sql
    .exec<ActorRow>(
      `SELECT id, v, value, context FROM actors WHERE ${where.join(" AND ")} AND error IS NULL ORDER BY seq DESC LIMIT ? OFFSET ?`,
      ...values,
      page.limit,
      page.offset,
    )
    .toArray()
    .flatMap((row) => {
      const snapshot = readable("bead", row);
      return snapshot === null ? [] : [withContent(rig, snapshot)];
    });
}

export function agent(rig: Rig, id: string): WireAgent | null {
  const snapshot = rig.world.agents.get(id);
  return snapshot === undefined ? null : withCheckpoint(rig, snapshot);
}

const withCheckpoint = (rig: Rig, snapshot: AgentSnapshot): WireAgent =>
  wireAgent(
    snapshot,
    rig.sightings.get(snapshot.context.id)?.at ?? null,
    readContent<JsonValue>(rig.ports.sql, "checkpoint", snapshot.context.id) ?? null,
  );

/** In the order of their registration. */
export function agents(
  rig: Rig,
  filter: { role?: Role | undefined; status?: WireAgent["status"] | undefined },
): WireAgent[] {
  return [...rig.world.agents.values()]
    .filter((snapshot) => filter.role === undefined || snapshot.context.role === filter.role)
    .filter((snapshot) => filter.status === undefined || snapshot.matches(filter.status))
    .sort((a, b) => a.context.seq - b.context.seq)
    .map((snapshot) => withCheckpoint(rig, snapshot));
}

type MailRow = {
  id: string;
  sender: string;
  recipient: string;
  subject: string;
  body: string;
  created_at: number;
  delivered_at: number | null;
};

const wireMail = (row: MailRow): WireMail => ({
  id: row.id,
  from_agent_id: row.sender,
  to_agent_id: row.recipient,
  subject: row.subject,
  body: row.body,
  delivered: row.delivered_at !== null,
  created_at: iso(row.created_at),
  delivered_at: isoOrNull(row.delivered_at),
});

/** Undelivered mail of an agent, oldest first. @param reader a dispatch: without what it has read already */
export const undeliveredMail = (rig: Rig, agentId: string, reader: string | null = null): WireMail[] =>
  rig.ports.sql
    .exec<MailRow>(
      "SELECT * FROM mail WHERE recipient = ? AND delivered_at IS NULL AND read_by IS NOT ? ORDER BY seq LIMIT ?",
      agentId,
      reader ?? "",
      LIMITS.undelivered_mail,
    )
    .toArray()
    .map(wireMail);

export const mail = (rig: Rig, limit: number): WireMail[] =>
  rig.ports.sql.exec<MailRow>("SELECT * FROM mail ORDER BY seq DESC LIMIT ?", limit).toArray().map(wireMail);

export interface Prime {
  agent: WireAgent;
  hooked_bead: WireBead | null;
  undelivered_mail: WireMail[];
  open_beads: WireBead[];
}

/** Everything an agent should know when it starts. */
export function prime(rig: Rig, agentId: string): Prime | null {
  const snapshot = rig.world.agents.get(agentId);
  if (snapshot === undefined) return null;
  const { hook } = snapshot.context;
  return {
    agent: withCheckpoint(rig, snapshot),
    hooked_bead: hook === null ? null : bead(rig, hook),
    undelivered_mail: undeliveredMail(rig, agentId),
    open_beads: beads(rig, { status: "open" }, { limit: 100, offset: 0 }),
  };
}

type AgentEventRow = { id: number; agent: string; type: string; data: string; at: number };

export const agentEvents = (rig: Rig, agentId: string, after: number, limit: number): WireAgentEvent[] =>
  rig.ports.sql
    .exec<AgentEventRow>(
      "SELECT * FROM agent_events WHERE agent = ? AND id > ? ORDER BY id LIMIT ?",
      agentId,
      after,
      limit,
    )
    .toArray()
    .map((row) => ({
      id: row.id,
      agent_id: row.agent,
      event_type: row.type,
      data: JSON.parse(row.data) as JsonValue,
      created_at: iso(row.at),
    }));

/** Appends what an agent did or said. Bounded per agent: the oldest go (LIMITS.agent_events_kept). */
const PRUNE_EVERY = 101;

export function appendAgentEvent(rig: Rig, agentId: string, type: string, data: JsonValue): void {
  const { sql } = rig.ports;
  const id = sql
    .exec<{ id: number }>(
      "INSERT INTO agent_events (agent, type, data, at) VALUES (?, ?, ?, ?) RETURNING id",
      agentId,
      type,
      JSON.stringify(data),
      rig.ports.now(),
    )
    .toArray()[0]?.id;
  // Looked at once in about a hundred, so that the bound costs nothing on the way; a prime, so that no agents take turns around it.
  if (id === undefined || id % PRUNE_EVERY !== 0) return;
  sql.exec(
    `DELETE FROM agent_events WHERE agent = ? AND id <= (
       SELECT id FROM (
         SELECT id, ROW_NUMBER() OVER newest AS n, SUM(LENGTH(CAST(data AS BLOB))) OVER newest AS bytes
         FROM agent_events WHERE agent = ? WINDOW newest AS (ORDER BY id DESC)
       ) WHERE n > ? OR bytes > ? ORDER BY id DESC LIMIT 1)`,
    agentId,
    agentId,
    LIMITS.agent_events_kept,
    LIMITS.agent_events_kept_bytes,
  );
}
