import { NewerError } from "../events/upcast.ts";
import { clip, type Recorded } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { messageOf } from "../events/message-of.ts";
import {
  isHeaderLine,
  isStoredActor,
  readHeader,
  readLine,
  sealOf,
  type JournalHeader,
  type Seal,
} from "../core/journal-file.ts";
import { isSameRow, replayer, type Replayer } from "../core/replay.ts";
import type { StoredActor } from "../core/cut.ts";
import { restore, store, VERSIONS } from "../core/step.ts";
import { actorKey, begin, createWorld, letGo } from "../core/world.ts";
import { splitCredentials } from "../wire/git-url.ts";
import type { Sql } from "./ports.ts";
import { fetchReadable, writeCommit } from "./store.ts";

/**
 * A rig from the file of an export: every commit is folded again and must come out as it is recorded, then its rows are written as they
 * were when it happened. What it asked the world for then is not asked again. Nothing of a file is believed: what does not come out is refused, and the
 * caller takes everything back.
 */

/** Why a file is not taken. */
export class ImportError extends Error {
  override name = "ImportError";
  readonly status: 400 | 413 | 422;

  constructor(status: ImportError["status"], message: string) {
    super(message);
    this.status = status;
  }
}

/** SHA-256 of texts, one after the other. */
export interface Hash {
  update(text: string): Promise<void>;
  end(): Promise<string>;
}

export interface ImportOrder {
  readonly userId: string;
  readonly file: AsyncIterable<Uint8Array>;
  /** The archived part of a rig's journal, oldest first; where a file begins later than a journal does. */
  readonly segments: (rigId: string) => AsyncIterable<Uint8Array>;
  readonly newHash: () => Hash;
  readonly limits?: ImportLimits;
}

/** See limits.ts. */
interface ImportLimits {
  readonly import_bytes: number;
  readonly import_line_bytes: number;
  readonly import_page_bytes: number;
}

const THE_LIMITS: ImportLimits = {
  import_bytes: LIMITS.import_bytes,
  import_line_bytes: LIMITS.import_line_bytes,
  import_page_bytes: LIMITS.import_page_bytes,
};

/** What was brought back. */
export interface Imported {
  readonly rigId: string;
  readonly townId: string;
  readonly townName: string | null;
  readonly name: string;
  readonly gitUrl: string;
  readonly defaultBranch: string;
  /** ms. */
  readonly createdAt: number;
  readonly facts: number;
  readonly seq: number;
  readonly secrets: readonly string[];
}

export interface Target {
  readonly sql: Sql;
  transaction<T>(run: () => T): T;
}

/** Lines in pages that are folded at a time; a header and a seal are pages of their own. @throws ImportError when there is too much of it */
export async function* pagesOf(
  chunks: AsyncIterable<Uint8Array>,
  limits: ImportLimits,
  counted: { bytes: number },
): AsyncGenerator<string[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let rest = "";
  let page: string[] = [];
  let size = 0;
  const tooLong = (): never => {
    throw new ImportError(413, `a line of a journal file may have ${limits.import_line_bytes} bytes`);
  };
  for await (const chunk of chunks) {
    counted.bytes += chunk.byteLength;
    if (counted.bytes > limits.import_bytes)
      throw new ImportError(413, `a journal file, with its archived segments, may have ${limits.import_bytes} bytes`);
    const lines = (rest + decodedBy(decoder, chunk)).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > limits.import_line_bytes) tooLong();
    for (const line of lines) {
      if (line.length > limits.import_line_bytes) tooLong();
      const isAlone = line.startsWith('{"ticktown"');
      if (page.length > 0 && (isAlone || size + line.length > limits.import_page_bytes)) {
        yield page;
        page = [];
        size = 0;
      }
      if (isAlone) yield [line];
      else page.push(line);
      size += line.length;
    }
  }
  if (page.length > 0) yield page;
  const last = rest + decodedBy(decoder);
  if (last.trim() !== "") yield [last];
}

function decodedBy(decoder: InstanceType<typeof TextDecoder>, chunk?: Uint8Array): string {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
  } catch {
    throw new ImportError(400, "this is no journal file: it is not UTF-8");
  }
}

/** What was read so far. */
interface Reading {
  header: JournalHeader | null;
  seal: Seal | null;
  hash: Hash;
  line: number;
  facts: number;
  /** Since the last header: what its seal counts. */
  sealed: { facts: number; actors: number };
  actors: number;
  /** The first stored actor that is not what the journal comes to. */
  differs: string | null;
  createdAt: number | null;
}

/**
 * Reads a file into empty tables, in one transaction per page.
 * @throws ImportError when it is not taken; then the tables are to be thrown away.
 */
export async function importJournal(target: Target, order: ImportOrder): Promise<Imported> {
  const { sql } = target;
  const { limits = THE_LIMITS } = order;
  const world = createWorld((kind, id) => fetchReadable(sql, kind, id));
  const run = replayer(world, {
    begin: () => begin(world),
    keep: (recorded, changed) => {
      writeCommit(sql, world, { entries: recorded, changed }, true);
      for (const { fact } of recorded) spoil(sql, fact);
      letGo(world, changed.values());
    },
  });
  const reading: Reading = {
    header: null,
    seal: null,
    hash: order.newHash(),
    line: 0,
    facts: 0,
    sealed: { facts: 0, actors: 0 },
    actors: 0,
    differs: null,
    createdAt: null,
  };
  const counted = { bytes: 0 };
  const foldAll = (page: readonly string[]): void =>
    target.transaction(() => {
      for (const line of page) take(sql, run, reading, line);
    });
  const archived = () => pagesOf(order.segments(reading.header?.rig ?? ""), limits, counted);
  for await (const page of pagesOf(order.file, limits, counted)) {
    const [line = ""] = page;
    if (isHeaderLine(line) || reading.header === null) {
      reading.line++;
      await beginPart(reading, line, order);
    } else if (line.startsWith('{"ticktown"')) {
      reading.line++;
      await closePart(reading, line);
    } else {
      if (reading.seal !== null) throw new ImportError(422, "there are lines behind the end of the file");
      const first = reading.facts === 0 ? firstSeq(page) : null;
      if (first !== null && first > 1) await foldArchived(reading, first, archived(), foldAll);
      foldAll(page);
      await reading.hash.update(page.map((each) => `${each}\n`).join(""));
    }
  }
  return target.transaction(() => finished(sql, run, reading, order));
}

/** A row that could not be read then must not be read now either: what was said to its actor afterwards found nobody, and comes out so again. */
function spoil(sql: Sql, fact: Recorded): void {
  if (fact.type !== "actor.quarantined" || fact.cause !== null || fact.kind === "rig") return;
  sql.exec("UPDATE actors SET context = '' WHERE kind = ? AND id = ?", fact.kind, fact.id);
}

async function beginPart(reading: Reading, line: string, order: ImportOrder): Promise<void> {
  const header = readable(() => readHeader(line));
  if (header.rig === null) throw new ImportError(422, "the file does not say of which rig it is");
  if (reading.header !== null && reading.header.rig !== header.rig)
    throw new ImportError(422, `the file is of two rigs, ${reading.header.rig} and ${header.rig}`);
  if (reading.actors > 0) throw new ImportError(422, "there are lines behind the end of the file");
  reading.header = header;
  reading.seal = null;
  reading.sealed = { facts: 0, actors: 0 };
  reading.hash = order.newHash();
  await reading.hash.update(`${line}\n`);
}

async function closePart(reading: Reading, line: string): Promise<void> {
  const seal = readable(() => sealOf(line));
  if (seal === null || reading.seal !== null)
    throw new ImportError(422, `line ${reading.line} is not of a journal file`);
  const { facts, actors } = reading.sealed;
  if (seal.facts !== facts || seal.actors !== actors)
    throw new ImportError(
      422,
      `the file is not whole: its end tells of ${seal.facts} facts and ${seal.actors} actors, there are ${facts} and ${actors}`,
    );
  if (seal.sha256 !== (await reading.hash.end()))
    throw new ImportError(422, "the file is not as it was written: its SHA-256 is another one than its last line says");
  reading.seal = seal;
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ImportError(422, messageOf(error));
  }
}

function firstSeq(page: readonly string[]): number | null {
  for (const line of page) {
    const seq = /^\{"seq":(\d{1,15}),/.exec(line)?.[1];
    if (seq !== undefined) return Number(seq);
  }
  return null;
}

/** The part of the journal that left for the archive, up to where the file begins. */
async function foldArchived(
  reading: Reading,
  first: number,
  pages: AsyncIterable<string[]>,
  fold: (page: readonly string[]) => void,
): Promise<void> {
  const { sealed, line } = reading;
  for await (const page of pages) {
    const before = page.filter((each) => !isHeaderLine(each) && (firstSeq([each]) ?? 0) < first);
    if (before.length > 0) fold(before);
  }
  if (reading.facts !== first - 1)
    throw new ImportError(
      422,
      `the file begins with fact ${first}, and of those before it the archive of this Ticktown has ${reading.facts}: put the archived segments in front of it, in the order of their names`,
    );
  // They are not what the file's own end counts.
  reading.sealed = { ...sealed, facts: 0, actors: 0 };
  reading.line = line;
}

function take(sql: Sql, run: Replayer, reading: Reading, line: string): void {
  reading.line++;
  if (line.trim() === "") return;
  let read: ReturnType<typeof readLine>;
  try {
    read = readLine(line);
  } catch (error) {
    if (error instanceof NewerError) throw new ImportError(422, error.message);
    throw new ImportError(422, clip(`line ${reading.line} cannot be read: ${messageOf(error)}`));
  }
  if (isStoredActor(read)) {
    if (reading.actors === 0) run.end();
    reading.actors++;
    reading.sealed.actors++;
    reading.differs ??= difference(sql, run, read);
  } else {
    if (reading.actors > 0) throw new ImportError(422, `line ${reading.line}: a fact stands behind the stored actors`);
    reading.facts++;
    reading.sealed.facts++;
    reading.createdAt ??= read.fact.at;
    run.push(read);
  }
  replays(run);
}

function replays({ divergence }: Replayer): void {
  if (divergence === null) return;
  const { seq, expected, actual } = divergence;
  throw new ImportError(
    422,
    `the journal of the file does not come out at fact ${seq}: expected ${clip(expected)}, got ${clip(actual)}`,
  );
}

/** The stored actor in words, where the journal comes to another one. A damaged one's row is evidence of what broke it. */
function difference(sql: Sql, { world }: Replayer, row: StoredActor): string | null {
  const key = actorKey(row.kind, row.id);
  if (row.error !== null || world.broken.has(key)) return null;
  const is = sql
    .exec<{ v: number; value: string; context: string; error: string | null }>(
      "SELECT v, value, context, error FROM actors WHERE kind = ? AND id = ?",
      row.kind,
      row.id,
    )
    .toArray()[0];
  return is !== undefined && isSameRow({ ...row, ...is }, ofToday(row)) ? null : key;
}

/** As this version would have written it. */
function ofToday(row: StoredActor): StoredActor {
  if (row.v === VERSIONS[row.kind]) return row;
  const { v, value, context } = store(
    row.kind,
    restore(row.kind, { v: row.v, value: JSON.parse(row.value), context: JSON.parse(row.context) }),
  );
  return { ...row, v, value: JSON.stringify(value), context: JSON.stringify(context) };
}

function finished(sql: Sql, run: Replayer, reading: Reading, { userId }: ImportOrder): Imported {
  const { header, seal } = reading;
  if (header === null) throw new ImportError(400, "this is no journal file: it is empty");
  if (seal === null)
    throw new ImportError(422, "the file is not whole: its last line, which says so, is missing; export the rig again");
  // What is left of the last commit.
  run.end();
  replays(run);
  const { rig } = run.world;
  const { config } = rig.context;
  if (config === null || config.rigId !== header.rig)
    throw new ImportError(
      422,
      `the journal of the file is of ${config?.rigId ?? "no rig"}, its first line of ${header.rig}`,
    );
  if (rig.matches({ life: "destroyed" })) throw new ImportError(422, "the rig of this file was deleted");
  if (config.userId !== userId)
    throw new ImportError(422, `the rig of this file is user ${config.userId}'s: import it for that user`);
  const repository = splitCredentials(config.gitUrl);
  if (repository === null || Object.keys(repository.secrets).length > 0)
    throw new ImportError(422, "the rig of this file has no plain address of a repository");
  const rows = sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM actors").toArray()[0]?.n ?? 0;
  if (seal.still && (reading.differs !== null || rows !== reading.actors))
    throw new ImportError(
      422,
      reading.differs === null
        ? `the file stores ${reading.actors} actors, its journal comes to ${rows}`
        : `the file stores ${reading.differs} otherwise than its journal comes to`,
    );
  return {
    rigId: config.rigId,
    townId: config.townId,
    townName: header.town ?? null,
    name: config.name,
    gitUrl: config.gitUrl,
    defaultBranch: config.defaultBranch,
    createdAt: reading.createdAt ?? 0,
    facts: reading.facts,
    seq: run.world.seq,
    secrets: namesIn(header),
  };
}

const namesIn = ({ secrets = [] }: JournalHeader): string[] =>
  secrets
    .filter((name) => typeof name === "string" && name.length > 0 && name.length <= LIMITS.id_chars)
    .slice(0, LIMITS.secrets_named);
