import { messageOf } from "../events/message-of.ts";
import type { Fact } from "../events/facts.ts";
import { fold, type Entry, type Folded } from "./fold.ts";
import { actors, cut, held, stored, type Cut, type StoredActor } from "./cut.ts";
import type { JournalEntry } from "./journal.ts";
import { initial, store, type Kind, type Stored } from "./step.ts";
import { actorKey, createWorld, type World } from "./world.ts";

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

/** What is done around each commit that is folded again, for whoever keeps what comes of it. */
export interface Keeper {
  begin(): void;
  /** It came out as recorded. */
  keep(recorded: readonly JournalEntry[], changed: Folded["changed"]): void;
}

/** Folds lines as they come. After a divergence nothing more is folded: what follows from a difference says nothing new. */
export function replayer(world: World = createWorld(), keeper?: Keeper): Replayer {
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
      divergence = {
        seq: world.seq + 1,
        expected: `seq ${world.seq + 1}`,
        actual: `seq ${first.fact.seq}: the journal has a gap`,
      };
      return;
    }
    const roots: Fact[] = [];
    for (const { fact } of recorded) if (fact.cause === null) roots.push(fact);
    let folded: Folded;
    try {
      keeper?.begin();
      folded = fold(world, roots, first.fact.at);
    } catch (error) {
      divergence = {
        seq: first.fact.seq,
        expected: "a commit",
        actual: `an error: ${messageOf(error)}`,
      };
      return;
    }
    const { entries } = folded;
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
    keeper?.keep(recorded, folded.changed);
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

const tell = (entry: Entry | undefined): string =>
  entry === undefined ? "nothing" : JSON.stringify({ ...entry.fact, effects: entry.effects, missing: entry.missing });

function sameEntry(a: Entry, b: Entry): boolean {
  if (
    a.fact.seq !== b.fact.seq ||
    a.fact.at !== b.fact.at ||
    a.fact.cause !== b.fact.cause ||
    a.missing !== b.missing ||
    a.effects.length !== b.effects.length
  )
    return false;
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
export async function replay(
  entries: AsyncIterable<JournalEntry> | Iterable<JournalEntry>,
  rows: Iterable<StoredActor> = [],
  start?: World,
): Promise<Replayed> {
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

/** Folds what is left, and compares the rows when nothing diverged. */
export function finish(run: Replayer, rows: Iterable<StoredActor>): Replayed {
  const result = run.end();
  if (result.divergence !== null) return result;
  const divergence = compareRows(run.world, rows);
  return { ...result, divergence };
}

/** Byte for byte; or the same, where only the order differs in which optional fields came and went: a row that was read back has none of those that had gone. */
export const isSameRow = (is: StoredActor, row: StoredActor): boolean =>
  is.v === row.v &&
  is.value === row.value &&
  (is.context === row.context || sameJson(JSON.parse(is.context), JSON.parse(row.context)));

/** Compares stored rows with the world. A damaged actor's row is evidence of what broke it, and excused. */
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
    if (is === undefined || !isSameRow(is, row)) {
      return {
        seq: world.seq,
        expected: `${key} stored as ${row.value} ${row.context}`,
        actual: is === undefined ? "no such actor" : `${is.value} ${is.context}`,
      };
    }
  }
  if (!any) return null;
  for (const { kind, id, snapshot } of actors(world)) {
    const key = actorKey(kind, id);
    // The rig's own row is first written when the rig first changes.
    if (kind === "rig" && !seen.has(key) && sameJson(store("rig", snapshot), store("rig", initial("rig")))) continue;
    if (!seen.has(key) && !world.broken.has(key))
      return { seq: world.seq, expected: `no row of ${key}`, actual: `${key} exists` };
  }
  return null;
}

/** The world as of a seq; see `stateAt`. */
function worldAt(entries: Iterable<JournalEntry>, seq: number, start?: World): World {
  const run = replayer(start);
  let last: number | null = null;
  for (const entry of entries) {
    if (last !== null && entry.batch !== last) break;
    run.push(entry);
    if (entry.fact.seq === seq) last = entry.batch;
  }
  const { divergence } = run.end();
  if (divergence !== null)
    throw new Error(
      `the journal diverges at seq ${divergence.seq}: expected ${divergence.expected}, got ${divergence.actual}`,
    );
  return run.world;
}

/** One actor's stored state as of a seq; see `stateAt`. */
export function actorAt(
  entries: Iterable<JournalEntry>,
  seq: number,
  kind: Kind,
  id: string,
  start?: World,
): Stored | undefined {
  const snapshot = held(worldAt(entries, seq, start), kind, id);
  return snapshot === undefined ? undefined : store(kind, snapshot);
}

/**
 * Every actor's stored state as of a seq. A commit is all or nothing, so the state of a fact is that of its whole commit.
 * @throws when the journal diverges before that.
 */
export const stateAt = (entries: Iterable<JournalEntry>, seq: number, start?: World): Cut =>
  cut(worldAt(entries, seq, start));
