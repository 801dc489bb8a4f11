import type { Effect } from "../events/effects.ts";
import type { Recorded } from "../events/facts.ts";
import { factVersion } from "../events/upcast.ts";
import type { StoredActor } from "./cut.ts";
import { readEntry, type JournalEntry, type JournalRow } from "./journal.ts";
import { finish, replayer, type Replayed } from "./replay.ts";
import type { Kind } from "./step.ts";

/**
 * The journal as a file: a header line, one line per fact, perhaps the stored actors behind them, and a seal. NDJSON, so that it
 * can be written, cut and read as a stream.
 */
export interface JournalHeader {
  readonly ticktown: "journal";
  readonly schema: 1;
  readonly rig: string | null;
  /** What is in no fact, for whoever brings the rig back: the town's name, and the names of the secrets. */
  readonly town?: string;
  readonly secrets?: readonly string[];
}

export const headerLine = (rig: string | null, more: Pick<JournalHeader, "town" | "secrets"> = {}): string =>
  JSON.stringify({ ticktown: "journal", schema: 1, rig, ...more } satisfies JournalHeader);

/** The last line of an export: what comes before it, down to its header, is whole and unchanged. Who means to change a file can seal it again. */
export interface Seal {
  readonly facts: number;
  readonly actors: number;
  /** Nothing was committed while the actors were written: they are those of the last fact. */
  readonly still: boolean;
  /** SHA-256 of all lines before this one, each with its line feed. */
  readonly sha256: string;
}

export const sealLine = (seal: Seal): string => JSON.stringify({ ticktown: "end", ...seal });

export const isSealLine = (line: string): boolean => line.startsWith('{"ticktown":"end"');

/** The seal that a line is, or null. */
export function sealOf(line: string): Seal | null {
  if (!isSealLine(line)) return null;
  const { facts, actors, still, sha256 } = JSON.parse(line) as Partial<Seal>;
  if (
    typeof facts !== "number" ||
    typeof actors !== "number" ||
    typeof still !== "boolean" ||
    !/^[0-9a-f]{64}$/.test(sha256 ?? "")
  )
    throw new Error("its last line is no seal that can be read");
  return { facts, actors, still, sha256: sha256 as string };
}

export const isHeaderLine = (line: string): boolean => line.startsWith('{"ticktown":"journal"');

export function entryLine({ fact, effects, missing, batch }: JournalEntry): string {
  const { seq, at, type, cause, ...body } = fact;
  return JSON.stringify({ seq, at, type, v: factVersion(type), cause, batch, body, effects, missing });
}

/** A row that is no JSON is evidence of what broke it, and leaves as the text that it is. */
export function actorLine({ kind, id, v, value, context, error }: StoredActor): string {
  const state =
    isJson(value) && isJson(context)
      ? `"value":${value},"context":${context}`
      : `"text":${JSON.stringify({ value, context })}`;
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

type Line = {
  seq: number;
  at: number;
  type: string;
  v: number;
  cause: number | null;
  batch: number;
  body: Record<string, unknown>;
  effects: Effect[] | null;
  missing: string | null;
};

/** Checks the first line of a journal file. @throws Error that says what is wrong with it. */
export function readHeader(line: string): JournalHeader {
  let header: Partial<JournalHeader>;
  try {
    header = JSON.parse(line) as Partial<JournalHeader>;
  } catch {
    throw new Error("this is no journal file: its first line is not JSON");
  }
  if (header.ticktown !== "journal")
    throw new Error('this is no journal file: its first line must say "ticktown": "journal"');
  if (header.schema !== 1)
    throw new Error(
      `this journal file has schema ${String(header.schema)}, but this Ticktown knows only 1: use a newer one`,
    );
  return header as JournalHeader;
}

export interface ReadOptions {
  /** The lines are this Ticktown's own and of today's versions: read, but not validated again. Older versions always are. */
  readonly trusted?: boolean;
}

/** One line after the header: a fact, or the stored state of an actor. @throws naming the seq when it cannot be read. */
export function readLine(line: string, { trusted = false }: ReadOptions = {}): JournalEntry | StoredActor {
  const json = JSON.parse(line) as
    | Line
    | {
        actor: {
          kind: Kind;
          id: string;
          v: number;
          value?: unknown;
          context?: unknown;
          text?: { value: string; context: string };
          error: string | null;
        };
      };
  if ("actor" in json) {
    const { kind, id, v, value, context, text, error } = json.actor;
    return { kind, id, v, error, ...(text ?? { value: JSON.stringify(value), context: JSON.stringify(context) }) };
  }
  const { seq, at, type, v, cause, batch, body, effects, missing } = json;
  if (trusted && v === factVersion(type as Parameters<typeof factVersion>[0])) {
    return { fact: { type, ...body, seq, at, cause } as unknown as Recorded, effects: effects ?? [], missing, batch };
  }
  const row: JournalRow = {
    seq,
    at,
    type,
    v,
    cause,
    batch,
    bead: null,
    body: JSON.stringify(body),
    effects: effects === null || effects.length === 0 ? null : JSON.stringify(effects),
    missing,
  };
  return readEntry(row);
}

export const isStoredActor = (line: JournalEntry | StoredActor): line is StoredActor => "kind" in line;

/** Replays a journal file, line by line; rows at its end are compared with the fold. */
export async function replayFile(
  lines: AsyncIterable<string> | Iterable<string>,
  options: ReadOptions = {},
): Promise<Replayed & { header: JournalHeader }> {
  let header: JournalHeader | null = null;
  const run = replayer();
  const rows: StoredActor[] = [];
  let isStill = true;
  for await (const line of lines) {
    if (line.trim() === "") continue;
    if (header === null) {
      header = readHeader(line);
      continue;
    }
    // Behind the segments of an archive.
    if (isHeaderLine(line)) continue;
    const seal = sealOf(line);
    if (seal !== null) {
      isStill = seal.still;
      continue;
    }
    const read = readLine(line, options);
    if (isStoredActor(read)) rows.push(read);
    else if (run.divergence === null) run.push(read);
  }
  if (header === null) throw new Error("this is no journal file: it is empty");
  return { header, ...finish(run, isStill ? rows : []) };
}
