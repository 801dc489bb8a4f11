import type { Effect } from "../events/effects.ts";
import type { Fact, Recorded } from "../events/facts.ts";
import { factVersion } from "../events/upcast.ts";
import { fold, type Entry } from "../machines/fold.ts";
import { initial, restore, store, type AnySnapshot, type Kind } from "../machines/step.ts";
import { actorKey, createWorld, put, type World } from "../machines/world.ts";
import { readEntry, type JournalEntry, type JournalRow } from "./store.ts";

/**
 * Replay: folds the root facts of a journal again and compares every derived fact, every effect, every misdirected address
 * and every final row with what was recorded. Needs no storage: journals of any length stream through.
 */

/** The first thing that came out differently. */
export interface Divergence {
  readonly seq: number;
  /** What the journal, or the row, says. */
  readonly expected: string;
  /** What the fold says now. */
  readonly actual: string;
}

export interface Replayed {
  /** Facts that were folded or derived again and found equal, the roots included. */
  readonly facts: number;
  readonly effects: number;
  readonly divergence: Divergence | null;
}

/** One actor as it is stored, or was. */
export interface StoredActor {
  readonly kind: Kind;
  readonly id: string;
  readonly v: number;
  /** JSON. */
  readonly value: string;
  /** JSON. */
  readonly context: string;
  /** Why it is quarantined, or null. */
  readonly error: string | null;
}

export interface Replayer {
  /** The state after the last whole commit. */
  readonly world: World;
  /** Takes the next line. A commit is folded when the first line of the next one arrives. */
  push(entry: JournalEntry): void;
  /** Folds what is left of the last commit. */
  end(): Replayed;
  readonly facts: number;
  readonly effects: number;
  readonly divergence: Divergence | null;
}

/** Folds lines as they come. After a divergence nothing more is folded: what follows from a difference says nothing new. */
export function replayer(world: World = createWorld()): Replayer {
  let batch: JournalEntry[] = [];
  let facts = 0;
  let effects = 0;
  let divergence: Divergence | null = null;

  const flush = (): void => {
    const recorded = batch;
    batch = [];
    const first = recorded[0];
    if (first === undefined || divergence !== null) return;
    if (first.fact.seq !== world.seq + 1) {
      divergence = { seq: world.seq + 1, expected: `seq ${world.seq + 1}`, actual: `seq ${first.fact.seq}: the journal has a gap` };
      return;
    }
    const roots: Fact[] = [];
    for (const { fact } of recorded) if (fact.cause === null) roots.push(fact);
    let entries: readonly Entry[];
    try {
      entries = fold(world, roots, first.fact.at).entries;
    } catch (error) {
      divergence = { seq: first.fact.seq, expected: "a commit", actual: `an error: ${error instanceof Error ? error.message : String(error)}` };
      return;
    }
    for (let i = 0; i < Math.max(entries.length, recorded.length); i++) {
      const was = recorded[i];
      const is = entries[i];
      if (was === undefined || is === undefined || !sameEntry(was, is)) {
        divergence = { seq: (was ?? is)?.fact.seq ?? 0, expected: tell(was), actual: tell(is) };
        return;
      }
      facts++;
      effects += is.effects.length;
    }
  };

  return {
    world,
    push(entry) {
      if (batch.length > 0 && batch[0]?.batch !== entry.batch) flush();
      batch.push(entry);
    },
    end() {
      flush();
      return { facts, effects, divergence };
    },
    get facts() {
      return facts;
    },
    get effects() {
      return effects;
    },
    get divergence() {
      return divergence;
    },
  };
}

const tell = (entry: Entry | undefined): string => (entry === undefined ? "nothing" : JSON.stringify({ ...entry.fact, effects: entry.effects, missing: entry.missing }));

function sameEntry(a: Entry, b: Entry): boolean {
  if (a.fact.seq !== b.fact.seq || a.fact.at !== b.fact.at || a.fact.cause !== b.fact.cause || a.missing !== b.missing || a.effects.length !== b.effects.length) return false;
  // A root was handed in, so it can only be itself.
  if (a.fact.cause !== null && !sameJson(a.fact, b.fact)) return false;
  for (let i = 0; i < a.effects.length; i++) if (!sameJson(a.effects[i], b.effects[i])) return false;
  return true;
}

/** Equal as JSON, except for the order of keys, which an upcaster or a schema may have changed. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  let keys = 0;
  for (const key in a) {
    keys++;
    if (!sameJson((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key])) return false;
  }
  for (const _ in b) keys--;
  return keys === 0;
}

/**
 * Replays a whole journal.
 * @param rows the stored actors as they are after its last line; left out, only the journal is compared.
 */
export async function replay(entries: AsyncIterable<JournalEntry> | Iterable<JournalEntry>, rows: Iterable<StoredActor> = [], start?: World): Promise<Replayed> {
  const run = replayer(start);
  for await (const entry of entries) {
    run.push(entry);
    if (run.divergence !== null) break;
  }
  return finish(run, rows);
}

/** The same for a journal that is at hand, without a turn of the event loop per line. */
export function replaySync(entries: Iterable<JournalEntry>, rows: Iterable<StoredActor> = [], start?: World): Replayed {
  const run = replayer(start);
  for (const entry of entries) {
    run.push(entry);
    if (run.divergence !== null) break;
  }
  return finish(run, rows);
}

function finish(run: Replayer, rows: Iterable<StoredActor>): Replayed {
  const result = run.end();
  if (result.divergence !== null) return result;
  const divergence = compareRows(run.world, rows);
  return { ...result, divergence };
}

/** Compares stored rows with the world, byte for byte. A quarantined actor's row is evidence of what broke it, and excused. */
export function compareRows(world: World, rows: Iterable<StoredActor>): Divergence | null {
  const seen = new Set<string>();
  let any = false;
  for (const row of rows) {
    any = true;
    const key = actorKey(row.kind, row.id);
    seen.add(key);
    if (row.error !== null || world.broken.has(key)) continue;
    const snapshot = held(world, row.kind, row.id);
    const is = snapshot && stored(row.kind, row.id, snapshot, null);
    if (is === undefined || is.v !== row.v || is.value !== row.value || is.context !== row.context) {
      return { seq: world.seq, expected: `${key} stored as ${row.value} ${row.context}`, actual: is === undefined ? "no such actor" : `${is.value} ${is.context}` };
    }
  }
  if (!any) return null;
  for (const { kind, id, snapshot } of actors(world)) {
    const key = actorKey(kind, id);
    // The rig's own row is first written when the rig first changes.
    if (kind === "rig" && !seen.has(key) && sameJson(store("rig", snapshot), store("rig", initial("rig")))) continue;
    if (!seen.has(key) && !world.broken.has(key)) return { seq: world.seq, expected: `no row of ${key}`, actual: `${key} exists` };
  }
  return null;
}

const held = (world: World, kind: Kind, id: string): AnySnapshot | undefined =>
  kind === "rig" ? world.rig : kind === "agent" ? world.agents.get(id) : kind === "bead" ? world.beads.get(id) : world.reviews.get(id);

function* actors(world: World): Generator<{ kind: Kind; id: string; snapshot: AnySnapshot }> {
  yield { kind: "rig", id: "rig", snapshot: world.rig };
  for (const [id, snapshot] of world.agents) yield { kind: "agent", id, snapshot };
  for (const [id, snapshot] of world.beads) yield { kind: "bead", id, snapshot };
  for (const [id, snapshot] of world.reviews) yield { kind: "review", id, snapshot };
}

function stored(kind: Kind, id: string, snapshot: AnySnapshot, error: string | null): StoredActor {
  const { v, value, context } = store(kind, snapshot);
  return { kind, id, v, value: JSON.stringify(value), context: JSON.stringify(context), error };
}

/** A cut: everything that is needed to go on folding without what came before it. */
export interface Cut {
  readonly seq: number;
  readonly at: number;
  readonly actors: readonly StoredActor[];
  /** Quarantined actors that have no readable state. */
  readonly broken: readonly (readonly [string, string])[];
}

/** Every actor's state as it would be stored now, in the order in which rows are read back. */
export function cut(world: World): Cut {
  const seqOf = ({ kind, snapshot }: { kind: Kind; snapshot: AnySnapshot }) => (kind === "rig" ? 0 : (snapshot.context as { seq: number }).seq);
  const sorted = [...actors(world)].sort((a, b) => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : seqOf(a) - seqOf(b)));
  return {
    seq: world.seq,
    at: world.at,
    actors: sorted.map(({ kind, id, snapshot }) => stored(kind, id, snapshot, world.broken.get(actorKey(kind, id)) ?? null)),
    broken: [...world.broken],
  };
}

/** The world of a cut. @throws when a row is not one of today's machines and no migration leads there. */
export function resume(from: Cut): World {
  const world = createWorld();
  world.seq = from.seq;
  world.at = from.at;
  for (const [key, error] of from.broken) world.broken.set(key, error);
  for (const row of from.actors) put(world, row.kind, row.id, restore(row.kind, { v: row.v, value: JSON.parse(row.value), context: JSON.parse(row.context) }) as never);
  return world;
}

/**
 * Every actor's stored state as of a seq. A commit is all or nothing, so the state of a fact is that of its whole commit.
 * @throws when the journal diverges before that.
 */
export function stateAt(entries: Iterable<JournalEntry>, seq: number, start?: World): Cut {
  const run = replayer(start);
  let last: number | null = null;
  for (const entry of entries) {
    if (last !== null && entry.batch !== last) break;
    run.push(entry);
    if (entry.fact.seq === seq) last = entry.batch;
  }
  const { divergence } = run.end();
  if (divergence !== null) throw new Error(`the journal diverges at seq ${divergence.seq}: expected ${divergence.expected}, got ${divergence.actual}`);
  return cut(run.world);
}

/**
 * The journal as a file: a header line, one line per fact, and perhaps the stored actors behind them. NDJSON, so that it
 * can be written, cut and read as a stream.
 */
export interface JournalHeader {
  readonly ticktown: "journal";
  readonly schema: 1;
  readonly rig: string | null;
}

export const headerLine = (rig: string | null): string => JSON.stringify({ ticktown: "journal", schema: 1, rig } satisfies JournalHeader);

export function entryLine({ fact, effects, missing, batch }: JournalEntry): string {
  const { seq, at, type, cause, ...body } = fact;
  return JSON.stringify({ seq, at, type, v: factVersion(type), cause, batch, body, effects, missing });
}

/** A row that is no JSON is evidence of what broke it, and leaves as the text that it is. */
export function actorLine({ kind, id, v, value, context, error }: StoredActor): string {
  const state = isJson(value) && isJson(context) ? `"value":${value},"context":${context}` : `"text":${JSON.stringify({ value, context })}`;
  return `{"actor":{"kind":"${kind}","id":${JSON.stringify(id)},"v":${v},${state},"error":${JSON.stringify(error)}}}`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

type Line = { seq: number; at: number; type: string; v: number; cause: number | null; batch: number; body: Record<string, unknown>; effects: Effect[] | null; missing: string | null };

/** Checks the first line of a journal file. @throws Error that says what is wrong with it. */
export function readHeader(line: string): JournalHeader {
  let header: Partial<JournalHeader>;
  try {
    header = JSON.parse(line) as Partial<JournalHeader>;
  } catch {
    throw new Error("this is no journal file: its first line is not JSON");
  }
  if (header.ticktown !== "journal") throw new Error('this is no journal file: its first line must say "ticktown": "journal"');
  if (header.schema !== 1) throw new Error(`this journal file has schema ${String(header.schema)}, but this Ticktown knows only 1: use a newer one`);
  return header as JournalHeader;
}

export interface ReadOptions {
  /** The lines are this Ticktown's own and of today's versions: read, but not validated again. Older versions always are. */
  readonly trusted?: boolean;
}

/** One line after the header: a fact, or the stored state of an actor. @throws naming the seq when it cannot be read. */
export function readLine(line: string, { trusted = false }: ReadOptions = {}): JournalEntry | StoredActor {
  const json = JSON.parse(line) as Line | { actor: { kind: Kind; id: string; v: number; value?: unknown; context?: unknown; text?: { value: string; context: string }; error: string | null } };
  if ("actor" in json) {
    const { kind, id, v, value, context, text, error } = json.actor;
    return { kind, id, v, error, ...(text ?? { value: JSON.stringify(value), context: JSON.stringify(context) }) };
  }
  const { seq, at, type, v, cause, batch, body, effects, missing } = json;
  if (trusted && v === factVersion(type as Parameters<typeof factVersion>[0])) {
    return { fact: { type, ...body, seq, at, cause } as unknown as Recorded, effects: effects ?? [], missing, batch };
  }
  const row: JournalRow = { seq, at, type, v, cause, batch, bead: null, body: JSON.stringify(body), effects: effects === null || effects.length === 0 ? null : JSON.stringify(effects), missing };
  return readEntry(row);
}

export const isStoredActor = (line: JournalEntry | StoredActor): line is StoredActor => "kind" in line;

/** Replays a journal file, line by line; rows at its end are compared with the fold. */
export async function replayFile(lines: AsyncIterable<string> | Iterable<string>, options: ReadOptions = {}): Promise<Replayed & { header: JournalHeader }> {
  let header: JournalHeader | null = null;
  const run = replayer();
  const rows: StoredActor[] = [];
  for await (const line of lines) {
    if (line.trim() === "") continue;
    if (header === null) {
      header = readHeader(line);
      continue;
    }
    const read = readLine(line, options);
    if (isStoredActor(read)) rows.push(read);
    else if (run.divergence === null) run.push(read);
  }
  if (header === null) throw new Error("this is no journal file: it is empty");
  return { header, ...finish(run, rows) };
}
