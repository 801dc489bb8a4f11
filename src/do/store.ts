import { messageOf } from "../events/message-of.ts";
import { beadOf, type KeptType, type Recorded, type RecordedOf } from "../events/facts.ts";
import { rulesOf } from "../events/rules.ts";
import { checkKnown, checkRules, factVersion, NewerError } from "../events/upcast.ts";
import type { Entry, Folded } from "../core/fold.ts";
import { stateName } from "../core/decide/index.ts";
import { restore, store, type AnySnapshot, type Kind, type Snapshots } from "../core/step.ts";
import { createWorld, get, put, type World } from "../core/world.ts";
import type { JsonValue } from "../events/json.ts";
import type { Sql } from "./ports.ts";
import { keepFailed, keepSaid, keepSpend, keepUnsaid } from "./spend.ts";
import { readEntry, type JournalEntry, type JournalRow } from "../core/journal.ts";

/** Reads and writes the rig's rows. What may be computed from a fact is not decided here. */

type ActorRow = {
  seq: number;
  kind: Kind;
  id: string;
  v: number;
  value: string;
  context: string;
  error: string | null;
};

/** Actor row of the rig itself: its seq is before every fact. */
const RIG_SEQ = 0;

const seqOf = (kind: Kind, snapshot: AnySnapshot): number =>
  kind === "rig" ? RIG_SEQ : (snapshot.context as { seq: number }).seq;

function readActor(row: ActorRow): AnySnapshot {
  const snapshot = restore(row.kind, { v: row.v, value: JSON.parse(row.value), context: JSON.parse(row.context) });
  const { id, seq } = snapshot.context as { id?: unknown; seq?: unknown };
  if (row.kind !== "rig" && (id !== row.id || seq !== row.seq))
    throw new Error(
      `the stored ${row.kind} ${row.id} has the context of another: id ${String(id)}, seq ${String(seq)}`,
    );
  return snapshot;
}

/** Fetches one actor's snapshot from its row. @throws when the row is malformed. */
export function fetchActor<K extends Kind>(sql: Sql, kind: K, id: string): Snapshots[K] | undefined {
  const row = sql.exec<ActorRow>("SELECT * FROM actors WHERE kind = ? AND id = ?", kind, id).toArray()[0];
  return row === undefined ? undefined : (readActor(row) as Snapshots[K]);
}

/** The same; a malformed row is as good as none, where what it tells has ended: nothing may move it any more. */
export function fetchReadable<K extends Kind>(sql: Sql, kind: K, id: string): Snapshots[K] | undefined {
  try {
    return fetchActor(sql, kind, id);
  } catch {
    return undefined;
  }
}

/**
 * The rig's state from its rows: every agent and all beads and reviews that are not terminal. A row that cannot be read is
 * left out and named; the others are not lost for it (KC-1361).
 * @throws NewerError when a newer Ticktown wrote it: what it means is not known here, and nothing may be made of it.
 */
export function loadWorld(sql: Sql): { world: World; malformed: { kind: Kind; id: string; error: string }[] } {
  const world = createWorld((kind, id) => fetchReadable(sql, kind, id));
  const newest = sql
    .exec<{ seq: number | null; at: number | null }>("SELECT seq, at FROM journal ORDER BY seq DESC LIMIT 1")
    .toArray()[0];
  const archived = Number(
    sql.exec<{ value: string }>("SELECT value FROM meta WHERE name = 'archived_through'").toArray()[0]?.value ?? 0,
  );
  world.seq = newest?.seq ?? archived;
  world.at = newest?.at ?? 0;
  const malformed: { kind: Kind; id: string; error: string }[] = [];
  checkNewest(sql);
  for (const row of sql.exec<ActorRow>("SELECT * FROM actors WHERE live = 1 ORDER BY kind, seq").toArray()) {
    if (row.error !== null) world.broken.set(`${row.kind}:${row.id}`, row.error);
    try {
      put(world, row.kind, row.id, readActor(row) as never);
    } catch (error) {
      if (error instanceof NewerError) throw error;
      malformed.push({ kind: row.kind, id: row.id, error: messageOf(error) });
    }
  }
  checkRules(rulesOf(world.rig.context));
  return { world, malformed };
}

/** Facts that are looked at when a rig is opened: a newer Ticktown leaves something new among its last ones, or in the rules. */
const NEWEST_FACTS = 200;

/** @throws NewerError when the newest facts are of a type or version that is not known here. */
function checkNewest(sql: Sql): void {
  const newest = sql.exec<{ type: string; v: number }>(
    "SELECT DISTINCT type, v FROM (SELECT type, v FROM journal ORDER BY seq DESC LIMIT ?)",
    NEWEST_FACTS,
  );
  for (const { type, v } of newest.toArray()) checkKnown(type, v);
}

const isLive = (kind: Kind, snapshot: AnySnapshot): boolean =>
  kind === "rig" || kind === "agent" || !(snapshot as Snapshots["bead"]).hasTag("terminal");

/**
 * Writes one commit: its journal rows, the actors it changed, what it asked for. Inside the caller's transaction.
 * @param isPast it happened before, and elsewhere: what it asked for is asked of nobody.
 */
export function writeCommit(sql: Sql, world: World, folded: Folded, isPast = false): void {
  const batch = folded.entries[0]?.fact.seq ?? 0;
  for (const entry of folded.entries) {
    writeEntry(sql, entry, batch);
    project(sql, entry.fact);
    for (const effect of isPast ? [] : entry.effects) {
      sql.exec(
        "INSERT OR IGNORE INTO outbox VALUES (?, ?, ?, ?, 0, 0, NULL)",
        effect.key,
        entry.fact.seq,
        effect.kind,
        JSON.stringify(effect),
      );
    }
  }
  for (const [kind, id] of folded.changed.values()) writeActor(sql, world, kind, id, batch);
  for (const { fact } of folded.entries) {
    if (fact.type !== "bead.retried" || world.beads.get(fact.beadId)?.hasTag("terminal") !== false) continue;
    sql.exec("UPDATE actors SET live = 1 WHERE kind = 'bead' AND id = ? AND live = 0", fact.beadId);
  }
}

function writeEntry(sql: Sql, { fact, effects, missing }: Entry, batch: number): void {
  const { seq, at, cause, type } = fact;
  // JSON leaves out what is undefined; a copy without those names would cost more than the rest of the line.
  const body = { ...fact, seq: undefined, at: undefined, cause: undefined, type: undefined };
  sql.exec(
    "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    seq,
    at,
    type,
    factVersion(type),
    cause,
    batch,
    beadOf(fact),
    JSON.stringify(body),
    effects.length === 0 ? null : JSON.stringify(effects),
    missing,
  );
}

/** State values are shared by snapshots of one configuration, so their texts are made once. */
const texts = new WeakMap<object, { state: string; value: string }>();

function textsOf(snapshot: AnySnapshot): { state: string; value: string } {
  const { value } = snapshot;
  const known = typeof value === "object" ? texts.get(value) : undefined;
  if (known !== undefined) return known;
  const made = { state: stateName(snapshot), value: JSON.stringify(value) };
  if (typeof value === "object") texts.set(value, made);
  return made;
}

// Naming `live` writes its index again, a row more; and it only ever changes from 1 to 0, but for a bead that is tried again.
const UPDATE_LIVE =
  "UPDATE actors SET state = ?, v = ?, value = ?, context = ?, error = ? WHERE seq = ? AND kind = ? AND id = ? RETURNING seq";
const UPDATE_ENDED = UPDATE_LIVE.replace("SET ", "SET live = 0, ");

/** @param first seq of the commit's first fact: an actor that is not older than that has no row yet. */
function writeActor(sql: Sql, world: World, kind: Kind, id: string, first: number): void {
  const error = world.broken.size === 0 ? null : (world.broken.get(`${kind}:${id}`) ?? null);
  const snapshot = get(world, kind, id);
  if (snapshot === undefined) {
    // A malformed row is kept as it is, with its error: it is evidence. A deleted actor's row goes.
    if (error === null) sql.exec("DELETE FROM actors WHERE kind = ? AND id = ?", kind, id);
    else sql.exec("UPDATE actors SET error = ? WHERE kind = ? AND id = ?", error, kind, id);
    return;
  }
  const { v, context } = store(kind, snapshot);
  const { state, value } = textsOf(snapshot);
  const live = isLive(kind, snapshot) ? 1 : 0;
  const seq = seqOf(kind, snapshot);
  const body = JSON.stringify(context);
  if (seq < first) {
    if (
      sql
        .exec<{ seq: number }>(live === 1 ? UPDATE_LIVE : UPDATE_ENDED, state, v, value, body, error, seq, kind, id)
        .toArray().length > 0
    )
      return;
  }
  sql.exec("INSERT INTO actors VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", seq, kind, id, state, live, v, value, body, error);
}

/** What people read of a fact and no machine needs, in rows of its own: one for each fact whose row says `kept`. */
const PROJECTIONS: { readonly [T in KeptType]: (sql: Sql, fact: RecordedOf<T>) => void } = {
  "bead.created": (sql, { beadId, title, body, labels, metadata, createdBy }) =>
    writeContent(sql, "bead", beadId, { title, body, labels, metadata, createdBy }),
  // An effect that waits for its next try waits no longer than it would have.
  "clock.jumped": (sql, { at, by }) => {
    if (by < 0) sql.exec("UPDATE outbox SET next_at = next_at + ? WHERE next_at > ?", by, at);
  },
  "bead.edited": (sql, { beadId, changes: { title, body, labels } }) => {
    const content = readContent<Record<string, JsonValue>>(sql, "bead", beadId) ?? {};
    const said: Record<string, JsonValue> = {
      ...(title === undefined ? {} : { title }),
      ...(body === undefined ? {} : { body }),
      ...(labels === undefined ? {} : { labels: [...labels] }),
    };
    if (Object.keys(said).length > 0) writeContent(sql, "bead", beadId, { ...content, ...said });
  },
  "bead.deleted": (sql, { beadId }) => {
    deleteContent(sql, "bead", beadId);
    deleteContent(sql, "attempts", beadId);
  },
  "escalation.joined": joinEscalation,
  "spend.counted": keepSpend,
  "spend.incomplete": keepUnsaid,
  "spend.completed": keepSaid,
  "dispatch.failed": keepFailed,
  "agent.checkpointed": (sql, { agentId, data }) => writeContent(sql, "checkpoint", agentId, data),
  "agent.done": (sql, { agentId }) => deleteContent(sql, "checkpoint", agentId),
  "agent.hooked": (sql, { agentId }) => deleteContent(sql, "checkpoint", agentId),
  "agent.deleted": (sql, { agentId }) => {
    deleteContent(sql, "checkpoint", agentId);
    sql.exec("DELETE FROM mail WHERE recipient = ?", agentId);
    sql.exec("DELETE FROM agent_events WHERE agent = ?", agentId);
  },
  "mail.sent": (sql, { seq, mailId, from, to, subject, body, at }) =>
    void sql.exec(
      "INSERT INTO mail VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
      seq,
      mailId,
      from,
      to,
      subject,
      body,
      at,
    ),
  "mail.read": (sql, { agentId, dispatchId, mailIds }) =>
    void sql.exec(
      "UPDATE mail SET read_by = ? WHERE recipient = ? AND delivered_at IS NULL AND id IN (SELECT value FROM json_each(?))",
      dispatchId,
      agentId,
      JSON.stringify(mailIds),
    ),
  "mail.delivered": (sql, { at, agentId, mailIds }) =>
    void sql.exec(
      "UPDATE mail SET delivered_at = ? WHERE recipient = ? AND delivered_at IS NULL AND id IN (SELECT value FROM json_each(?))",
      at,
      agentId,
      JSON.stringify(mailIds),
    ),
};

const project = (sql: Sql, fact: Recorded): void =>
  (PROJECTIONS as Partial<Record<string, (sql: Sql, fact: Recorded) => void>>)[fact.type]?.(sql, fact);

function joinEscalation(sql: Sql, { beadId, title, body, by, at }: RecordedOf<"escalation.joined">): void {
  const content = readContent<{ joined?: JsonValue[] }>(sql, "bead", beadId);
  if (content === undefined) return;
  writeContent(sql, "bead", beadId, {
    ...content,
    joined: [...(content.joined ?? []), { title, body, by, at }].slice(-50),
  });
}

/** How many mails an agent has not read. */
export const undeliveredMail = (sql: Sql, agentId: string): number =>
  Number(
    sql
      .exec<{ n: number }>("SELECT COUNT(*) AS n FROM mail WHERE recipient = ? AND delivered_at IS NULL", agentId)
      .toArray()[0]?.n ?? 0,
  );

type ContentKind = "bead" | "checkpoint" | "attempts";

export function writeContent(sql: Sql, kind: ContentKind, id: string, body: JsonValue): void {
  sql.exec("INSERT OR REPLACE INTO content VALUES (?, ?, ?)", kind, id, JSON.stringify(body));
}

export function readContent<T>(sql: Sql, kind: ContentKind, id: string): T | undefined {
  const row = sql.exec<{ body: string }>("SELECT body FROM content WHERE kind = ? AND id = ?", kind, id).toArray()[0];
  return row === undefined ? undefined : (JSON.parse(row.body) as T);
}

function deleteContent(sql: Sql, kind: ContentKind, id: string): void {
  sql.exec("DELETE FROM content WHERE kind = ? AND id = ?", kind, id);
}

/** Facts after a seq, oldest first. */
export function readJournal(sql: Sql, after: number, limit: number, through = Number.MAX_SAFE_INTEGER): JournalEntry[] {
  return sql
    .exec<JournalRow>("SELECT * FROM journal WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?", after, through, limit)
    .toArray()
    .map(readEntry);
}

/** The first seq whose fact is later than a time, ms: facts are in the order of time, so it is found by halving, in some twenty rows. */
export function firstSeqAfter(sql: Sql, at: number): number {
  const end = sql
    .exec<{ first: number | null; last: number | null }>(
      "SELECT (SELECT MIN(seq) FROM journal) AS first, (SELECT MAX(seq) FROM journal) AS last",
    )
    .toArray()[0];
  let low = end?.first ?? 1;
  let high = (end?.last ?? 0) + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const fact = sql.exec<{ at: number }>("SELECT at FROM journal WHERE seq = ?", middle).toArray()[0];
    if (fact === undefined || fact.at > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The whole journal, oldest first, read in pages. */
export function* journalOf(rig: { ports: { sql: Sql } }, after = 0): Generator<JournalEntry> {
  for (let last = after; ;) {
    const entries = readJournal(rig.ports.sql, last, 1_000);
    if (entries.length === 0) return;
    yield* entries;
    last = entries.at(-1)?.fact.seq ?? last;
  }
}

/** Stored actors after a seq, in order, and the seq of the last one; null when there are no more. */
export function actorsAfter(sql: Sql, after: number, limit: number): { rows: ActorRow[]; last: number | null } {
  const rows = sql.exec<ActorRow>("SELECT * FROM actors WHERE seq > ? ORDER BY seq LIMIT ?", after, limit).toArray();
  return { rows, last: rows.length < limit ? null : (rows.at(-1)?.seq ?? null) };
}

/** Stored snapshots of all actors, for comparing with a replay. */
export function* storedActors(
  sql: Sql,
): Generator<{ kind: Kind; id: string; v: number; value: string; context: string; error: string | null }> {
  let last = -1;
  for (;;) {
    const rows = sql.exec<ActorRow>("SELECT * FROM actors WHERE seq > ? ORDER BY seq LIMIT 500", last).toArray();
    for (const row of rows) yield row;
    const end = rows.at(-1);
    if (end === undefined) return;
    last = end.seq;
  }
}
