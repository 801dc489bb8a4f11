import type { Pending } from "../../../src/wire/schemas.ts";
import { whatIf, type WhatIf } from "../../../src/core/explain.ts";
import { copyWorld } from "../../../src/core/world.ts";
import { replayer } from "../../../src/core/replay.ts";
import { isHeaderLine, isSealLine, isStoredActor, readHeader, readLine } from "../../../src/core/journal-file.ts";
import type { JournalEntry } from "../../../src/core/journal.ts";
import type { Fact } from "../../../src/events/facts.ts";
import { createWorld, type World } from "../../../src/core/world.ts";
import { advance } from "../lib/world.ts";

/** Where a debugger's past comes from: a rig that is asked, or a journal file that is folded here. Both are exact. */
export interface Source {
  readonly name: string;
  /** Seq of the newest fact. */
  last(): number;
  /** The facts from one seq through another, oldest first. */
  entries(from: number, through: number): Promise<readonly JournalEntry[]>;
  /** The world after the last whole commit at or before a seq. */
  committed(seq: number): Promise<World>;
  whatIf(seq: number | null, fact: Fact, at: number | null): Promise<WhatIf>;
  /** Effects that are not settled; null where nobody can know. */
  outbox(): Promise<readonly Pending[]> | null;
}

/** One fact of the past, and the world right before and right after it. */
export interface Moment {
  readonly entry: JournalEntry;
  readonly before: World;
  readonly after: World;
}

/** The world is replayed up to the commit before, and stepped through the facts of the commit up to this one. */
export async function momentAt(source: Source, seq: number): Promise<Moment> {
  const [entry] = await source.entries(seq, seq);
  if (entry === undefined) throw new Error(`the journal has no fact with seq ${seq}`);
  const [start, facts] = await Promise.all([
    entry.batch <= 1 ? createWorld() : source.committed(entry.batch - 1),
    source.entries(entry.batch, seq),
  ]);
  const before = copyWorld(start);
  for (const { fact } of facts) if (fact.seq < seq) advance(before, fact);
  const after = copyWorld(before);
  advance(after, entry.fact);
  return { entry, before, after };
}

export interface FileSource extends Source {
  readonly rig: string | null;
  readonly facts: number;
  /** What replaying the whole file came to, in words; null when nothing differs. */
  readonly difference: string | null;
}

/** Facts between two kept worlds: a scrub folds at most so many again. */
const KEYFRAME = 400;

/** Reads a journal file and folds all of it. @throws Error that says what is wrong with it. */
export async function fileSource(file: Blob & { name?: string }): Promise<FileSource> {
  const entries: JournalEntry[] = [];
  const frames: { seq: number; world: World }[] = [{ seq: 0, world: createWorld() }];
  const run = replayer();
  let rig: string | null = null;
  let line = 0;
  for await (const text of linesOf(file)) {
    line++;
    if (text.trim() === "") continue;
    if (line === 1) {
      rig = readHeader(text).rig;
      continue;
    }
    // The seal of an export, and the headers behind the segments of an archive.
    if (isSealLine(text) || isHeaderLine(text)) continue;
    const read = readLine(text);
    if (isStoredActor(read)) continue;
    entries.push(read);
    run.push(read);
    if (run.world.seq - (frames.at(-1)?.seq ?? 0) >= KEYFRAME)
      frames.push({ seq: run.world.seq, world: copyWorld(run.world) });
  }
  if (line === 0) throw new Error("this is no journal file: it is empty");
  const { divergence } = run.end();
  const first = entries[0]?.fact.seq ?? 1;
  // A difference spoils its whole commit; what was before it can be looked at.
  const differing = divergence === null ? undefined : entries.find(({ fact }) => fact.seq === divergence.seq);
  const end = divergence === null ? (entries.at(-1)?.fact.seq ?? 0) : (differing?.batch ?? divergence.seq) - 1;
  const source: FileSource = {
    name: file.name ?? "journal",
    rig,
    facts: entries.length,
    difference:
      divergence === null
        ? null
        : `At seq ${divergence.seq} the file says ${divergence.expected}, but folding it again gives ${divergence.actual}.`,
    last: () => end,
    entries: async (from, through) => entries.slice(Math.max(0, from - first), Math.max(0, through - first + 1)),
    async committed(seq) {
      const frame = frames.findLast((one) => one.seq <= seq) ?? { seq: 0, world: createWorld() };
      const again = replayer(copyWorld(frame.world));
      for (const entry of await source.entries(frame.seq + 1, seq)) again.push(entry);
      const { divergence: differs } = again.end();
      if (differs !== null) throw new Error(`the file cannot be folded beyond seq ${differs.seq}`);
      return again.world;
    },
    async whatIf(seq, fact, at) {
      const { after } = await momentAt(source, seq ?? end);
      return whatIf(after, fact, at ?? after.at);
    },
    outbox: () => null,
  };
  return source;
}

async function* linesOf(file: Blob): AsyncGenerator<string> {
  const reader = file.stream().pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}
