import { restore, store, type AnySnapshot, type Kind, type Snapshots, type Stored } from "../core/step.ts";
import { actorKey, letGo, createWorld, put, singlesOf, type Recall, type World } from "../core/world.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import { isDestroyed } from "./alarm.ts";
import type { Sql } from "./ports.ts";
import type { JournalEntry } from "../core/journal.ts";
import { actorAt, replayer, replaySync, stateAt, type Replayed } from "../core/replay.ts";
import { entryLine, headerLine } from "../core/journal-file.ts";
import type { Cut, StoredActor } from "../core/cut.ts";
import type { Rig } from "./rig.ts";
import { fetchReadable, journalOf, readJournal, storedActors } from "./store.ts";

/**
 * The archive: the oldest part of the journal leaves the rig's storage for a bucket, as NDJSON, segment by segment, so that a
 * rig can live for years. What stays can be replayed as before: beside it lies the base, the state of every actor at the
 * end of what left. The segments in the order of their keys, and then the lines of an export but its first, are the whole journal.
 */
export interface ArchiveStore {
  /** Keeps a file; when it answers, the file is durable. An R2 bucket can do it. */
  put(key: string, body: string): Promise<unknown>;
  /** Files whose keys begin so, in the order of their keys, a page at a time. */
  list(of: {
    prefix: string;
    cursor?: string;
  }): Promise<{ objects: readonly { key: string }[] } & ({ truncated: false } | { truncated: true; cursor: string })>;
  delete(keys: string[]): Promise<unknown>;
}

export interface ArchiveOptions {
  /** Newest facts that stay in the rig. */
  readonly keep?: number;
  /** Facts per file: a few megabytes. */
  readonly segment?: number;
}

export interface Archived {
  /** Seqs of the first and the last fact that left. */
  readonly from: number;
  readonly through: number;
  readonly key: string;
}

/** Some weeks of a busy rig, about 50 MB: what a person may want to look at. */
const KEEP_FACTS = 100_000;
const SEGMENT_FACTS = 10_000;

const number = (n: number): string => String(n).padStart(15, "0");
export const folderOf = (rigId: string): string => `${rigId}/journal/`;

export const archivedThrough = (sql: Sql): number =>
  Number(
    sql.exec<{ value: string }>("SELECT value FROM meta WHERE name = 'archived_through'").toArray()[0]?.value ?? 0,
  );

/**
 * Moves one segment out, or answers null when nothing is old enough. Whole commits only; and only what replays: a segment that
 * does not is evidence, and stays.
 * @throws when the bucket does not take it or the segment diverges; nothing has changed then.
 */
export async function archive(
  rig: Rig,
  bucket: Pick<ArchiveStore, "put" | "delete">,
  rigId: string,
  { keep = KEEP_FACTS, segment = SEGMENT_FACTS }: ArchiveOptions = {},
): Promise<Archived | null> {
  const { sql } = rig.ports;
  const before = archivedThrough(sql);
  const through = endOfCommit(sql, before, before + segment);
  if (through === null || rig.world.seq - through < keep) return null;
  const base = baseWorld(sql);
  const run = replayer(base);
  const lines: string[] = before === 0 ? [headerLine(rigId)] : [];
  for (const entry of readJournal(sql, before, through - before, through)) {
    run.push(entry);
    lines.push(entryLine(entry));
  }
  const { divergence } = run.end();
  if (divergence !== null)
    throw new Error(
      `the journal is not archived: it diverges at seq ${divergence.seq}, expected ${divergence.expected}, got ${divergence.actual}`,
    );
  const key = `${folderOf(rigId)}${number(before + 1)}-${number(through)}.ndjson`;
  await bucket.put(key, `${lines.join("\n")}\n`);
  // The rig was deleted meanwhile, and its other segments with it.
  if (isDestroyed(rig)) {
    await bucket.delete([key]);
    return null;
  }
  // Somebody else may have archived meanwhile: then the file is there twice, which harms nobody.
  if (archivedThrough(sql) !== before) return null;
  rig.ports.transaction(() => {
    writeBase(sql, base);
    sql.exec("INSERT OR REPLACE INTO meta VALUES ('archived_through', ?)", String(through));
    sql.exec("DELETE FROM journal WHERE seq <= ?", through);
    sql.exec("DELETE FROM mail WHERE seq <= ? AND delivered_at IS NOT NULL", through);
  });
  return { from: before + 1, through, key };
}

/** Deletes all segments of a rig. Answers how many there were. */
export async function eraseArchive(bucket: Pick<ArchiveStore, "list" | "delete">, rigId: string): Promise<number> {
  let erased = 0;
  for (let cursor: string | undefined; ;) {
    const page = await bucket.list({ prefix: folderOf(rigId), ...(cursor === undefined ? {} : { cursor }) });
    if (page.objects.length > 0) await bucket.delete(page.objects.map(({ key }) => key));
    erased += page.objects.length;
    if (!page.truncated) return erased;
    ({ cursor } = page);
  }
}

/** The last seq of the last whole commit that ends at or before `wanted`, or else of the first one; null when there is none after `after`. */
function endOfCommit(sql: Sql, after: number, wanted: number): number | null {
  const next = sql.exec<{ batch: number }>("SELECT batch FROM journal WHERE seq = ?", wanted + 1).toArray()[0];
  if (next === undefined) return null;
  if (next.batch - 1 > after) return next.batch - 1;
  // One commit is larger than a segment: it goes as a whole.
  const following = sql
    .exec<{ seq: number }>(
      "SELECT seq FROM journal WHERE seq > ? AND batch <> ? ORDER BY seq LIMIT 1",
      wanted,
      next.batch,
    )
    .toArray()[0];
  return following === undefined ? null : following.seq - 1;
}

type BaseRow = { id: string; body: string };

const baseRows = (sql: Sql): BaseRow[] =>
  sql.exec<BaseRow>("SELECT id, body FROM content WHERE kind = 'base'").toArray();

/** Keeps the state at the end of what left: whatever is not over. What is over never changes again; its row tells it. */
function writeBase(sql: Sql, world: World): void {
  letGo(world, [...changedOf(world)]);
  const old = new Map(baseRows(sql).map(({ id, body }) => [id, body]));
  const write = (kind: Kind, id: string, snapshot: AnySnapshot | null): void => {
    const key = actorKey(kind, id);
    const error = world.broken.get(key) ?? null;
    const body = JSON.stringify({ kind, id, error, ...(snapshot === null ? {} : store(kind, snapshot)) });
    if (old.get(key) !== body) sql.exec("INSERT OR REPLACE INTO content VALUES ('base', ?, ?)", key, body);
    old.delete(key);
  };
  write("rig", "rig", world.rig);
  for (const [id, agent] of world.agents) write("agent", id, agent);
  for (const [id, bead] of world.beads) write("bead", id, bead);
  for (const [id, review] of world.reviews) write("review", id, review);
  for (const [kind, snapshot] of singlesOf(world)) write(kind, kind, snapshot);
  for (const key of world.broken.keys()) {
    const [kind = "", ...id] = key.split(":");
    if (old.has(key) || !has(world, kind as Kind, id.join(":"))) write(kind as Kind, id.join(":"), null);
  }
  for (const key of old.keys()) sql.exec("DELETE FROM content WHERE kind = 'base' AND id = ?", key);
}

function has(world: World, kind: Kind, id: string): boolean {
  switch (kind) {
    case "rig":
      return true;
    case "queue":
    case "budget":
    case "accounts":
      return world[kind] !== undefined;
    case "agent":
      return world.agents.has(id);
    case "bead":
      return world.beads.has(id);
    case "review":
      return world.reviews.has(id);
  }
}

function* changedOf(world: World): Generator<readonly [Kind, string]> {
  for (const id of world.beads.keys()) yield ["bead", id];
  for (const id of world.reviews.keys()) yield ["review", id];
}

/** The state at the end of what left; of a rig that archived nothing, the state before its first fact. */
function baseWorld(sql: Sql): World {
  const seq = archivedThrough(sql);
  const world: World = createWorld(seq === 0 ? undefined : recallAsOf(sql, seq, () => world.seq));
  world.seq = seq;
  const rows = baseRows(sql).map(
    ({ body }) =>
      JSON.parse(body) as {
        kind: Kind;
        id: string;
        error: string | null;
        v?: number;
        value: unknown;
        context: { seq?: number };
      },
  );
  for (const { kind, id, error } of rows) if (error !== null) world.broken.set(actorKey(kind, id), error);
  const readable = rows
    .filter((row) => row.v !== undefined)
    .sort((a, b) => (a.context.seq ?? 0) - (b.context.seq ?? 0));
  for (const { kind, id, v = 0, value, context } of readable)
    put(world, kind, id, restore(kind, { v, value, context }) as never);
  return world;
}

/**
 * What was over when the rest left, as its row tells. A bead that was over and has been deleted since has no row any more; until
 * its deletion is folded an empty one stands in for it, because nothing can move what is over.
 */
function recallAsOf(sql: Sql, seq: number, now: () => number): Recall {
  let deletions: Map<string, number> | null = null;
  return (<K extends "bead" | "review">(kind: K, id: string): Snapshots[K] | undefined => {
    // What was tried again later was otherwise then; the fact that says so brings how it was.
    const later = kind === "bead" ? retriedAfter(sql, id, now()) : undefined;
    if (later !== undefined) return later as Snapshots[K];
    const row = fetchReadable(sql, kind, id);
    if (row !== undefined) return row.context.seq <= seq && (row.tags as Set<string>).has("terminal") ? row : undefined;
    if (kind !== "bead") return undefined;
    deletions ??= new Map(
      sql
        .exec<{ bead: string; seq: number }>(
          "SELECT bead, seq FROM journal WHERE type = 'bead.deleted' AND missing IS NULL",
        )
        .toArray()
        .map((each) => [each.bead, each.seq]),
    );
    return (deletions.get(id) ?? 0) >= now()
      ? (restore("bead", {
          v: 1,
          value: "closed",
          context: { id, seq: 0, type: "issue", blockedBy: [], reviewId: null },
        }) as Snapshots[K])
      : undefined;
  }) as Recall;
}

/** A failed bead as it was when it was first tried again after a seq. */
function retriedAfter(sql: Sql, id: string, seq: number): BeadSnapshot | undefined {
  const row = sql
    .exec<{ body: string }>(
      "SELECT body FROM journal WHERE bead = ? AND seq > ? AND type = 'bead.retried' ORDER BY seq LIMIT 1",
      id,
      seq - 1,
    )
    .toArray()[0];
  if (row === undefined) return undefined;
  const { state } = JSON.parse(row.body) as { state: Stored };
  return restore("bead", state);
}

type Row = {
  seq: number;
  kind: Kind;
  id: string;
  live: number;
  v: number;
  value: string;
  context: string;
  error: string | null;
};

/** Replays what is left of the journal from the base, and compares every row that may have changed since. */
export function replayFromArchive(rig: Rig): Replayed {
  const { sql } = rig.ports;
  const base = baseWorld(sql);
  const { seq } = base;
  function* rows(): Generator<StoredActor> {
    for (let last = -1; ;) {
      const some = sql
        .exec<Row>(
          "SELECT seq, kind, id, live, v, value, context, error FROM actors WHERE seq > ? ORDER BY seq LIMIT 500",
          last,
        )
        .toArray();
      for (const row of some) if (row.live === 1 || row.seq > seq || has(base, row.kind, row.id)) yield row;
      const end = some.at(-1);
      if (end === undefined) return;
      last = end.seq;
    }
  }
  return replaySync(journalOf(rig, seq), rows(), base);
}

/** Every actor's state as of a seq, by replay of what the rig still holds; null for a fact that is not there yet, or has left. */
export function stateAsOf(rig: Rig, seq: number): Cut | null {
  const { sql } = rig.ports;
  const archived = archivedThrough(sql);
  return seq > rig.world.seq || (archived > 0 && seq <= archived) ? null : stateSince(rig, archived, seq);
}

/** @param base seq of the last fact that left, or 0. */
const stateSince = (rig: Rig, base: number, seq: number): Cut =>
  stateAt(entriesSince(rig, base, seq), seq, baseWorld(rig.ports.sql));

const entriesSince = (rig: Rig, base: number, seq: number): Iterable<JournalEntry> =>
  seq === base ? [] : journalOf(rig);

/** What an actor that is damaged was before; see `Surroundings.stateBefore`. */
export function stateBefore(rig: Rig, kind: Kind, id: string): Stored | null | undefined {
  const lost = rig.ports.sql
    .exec<{ batch: number; cause: number | null }>(
      "SELECT batch, cause FROM journal WHERE type = 'actor.quarantined' AND json_extract(body, '$.kind') = ? AND json_extract(body, '$.id') = ? ORDER BY seq DESC LIMIT 1",
      kind,
      id,
    )
    .toArray()[0];
  // It threw, and stands as it stood.
  if (lost?.cause != null) return null;
  const base = archivedThrough(rig.ports.sql);
  const row =
    lost === undefined || lost.batch - 1 < base
      ? undefined
      : actorAt(entriesSince(rig, base, lost.batch - 1), lost.batch - 1, kind, id, baseWorld(rig.ports.sql));
  // As it is read from its row.
  return row === undefined ? undefined : (JSON.parse(JSON.stringify(row)) as Stored);
}

/** Every actor's state as its row tells it now. */
export const storedState = ({ world, ports }: Rig): Cut => ({
  seq: world.seq,
  at: world.at,
  actors: [...storedActors(ports.sql)],
  broken: [...world.broken],
});
