import { IN_SLOT, PHASES, type Phase, type Piece, type Run, type Span } from "./run.ts";

/** What a run says when it is asked: why the longest chain took so long, what a piece's time went into, and how many slots were in use. */

export type Parts = Readonly<Record<Phase, number>>;

/** One piece of a chain, from when it had nothing before it any more to its end. Its parts add up to exactly that. */
export interface Link {
  readonly beadId: string;
  readonly from: number;
  readonly to: number;
  readonly isOpen: boolean;
  readonly parts: Parts;
}

export interface Chain {
  /** The first one first. */
  readonly links: readonly Link[];
  readonly from: number;
  readonly to: number;
  readonly parts: Parts;
}

const nothing = (): Record<Phase, number> =>
  Object.fromEntries(PHASES.map((phase) => [phase, 0])) as Record<Phase, number>;

/** What a time of a piece went into; of what nobody knows it was in the queue. */
export function partsOf(spans: readonly Span[], from: number, to: number): Parts {
  const parts = nothing();
  let known = 0;
  for (const span of spans) {
    const ms = Math.min(span.to ?? to, to) - Math.max(span.from, from);
    if (ms <= 0) continue;
    parts[span.phase] += ms;
    known += ms;
  }
  parts.queued += Math.max(0, to - from - known);
  return parts;
}

export const sumOf = (parts: Parts): number => PHASES.reduce((sum, phase) => sum + parts[phase], 0);

interface Known {
  readonly pieces: ReadonlyMap<string, Piece>;
  readonly spans: ReadonlyMap<string, readonly Span[]>;
  readonly now: number;
}

function known(run: Run, now: number): Known {
  const spans = new Map<string, Span[]>();
  for (const span of run.spans) {
    const own = spans.get(span.beadId);
    if (own === undefined) spans.set(span.beadId, [span]);
    else own.push(span);
  }
  return { pieces: new Map(run.pieces.map((piece) => [piece.beadId, piece])), spans, now };
}

/** What held a piece back last, and before that what held that back, to the first one that nothing held back. */
function chainTo(beadId: string, { pieces, spans, now }: Known): Chain | null {
  const links: Link[] = [];
  const seen = new Set<string>();
  for (let id: string | undefined = beadId; id !== undefined && !seen.has(id);) {
    seen.add(id);
    const piece: Piece | undefined = pieces.get(id);
    const own: readonly Span[] = spans.get(id) ?? [];
    if (piece === undefined || own.length === 0) break;
    const before: Piece["releasedBy"] = piece.releasedBy;
    const begun = before?.at ?? piece.createdAt ?? own.reduce((first, { from }) => Math.min(first, from), Infinity);
    const to: number = Math.max(begun, links.at(-1)?.from ?? piece.endedAt ?? now);
    const isOpen = links.length === 0 && piece.endedAt === null;
    links.push({ beadId: id, from: begun, to, isOpen, parts: partsOf(own, begun, to) });
    id = before?.beadId;
  }
  const [last, first] = [links[0], links.at(-1)];
  if (last === undefined || first === undefined) return null;
  const parts = nothing();
  for (const link of links) for (const phase of PHASES) parts[phase] += link.parts[phase];
  return { links: links.toReversed(), from: first.from, to: last.to, parts };
}

/** @returns null for a piece of which nothing is known */
export const chainOf = (run: Run, beadId: string, now: number): Chain | null => chainTo(beadId, known(run, now));

/** The chain that took longest of all that were not over before a time; what only waits in the queue is none. */
export function longestChain(run: Run, from: number, now: number): Chain | null {
  const all = known(run, now);
  let longest: Chain | null = null;
  for (const { beadId, endedAt, attempts } of run.pieces) {
    if (attempts === 0 || (endedAt !== null && endedAt < from)) continue;
    const chain = chainTo(beadId, all);
    if (chain !== null && (longest === null || chain.to - chain.from > longest.to - longest.from)) longest = chain;
  }
  return longest;
}

/** How many slots were in use on average, in so many parts of a time. */
export function slotsIn(spans: readonly Span[], from: number, to: number, buckets: number): number[] {
  const size = (to - from) / buckets;
  const used = Array.from({ length: buckets }, () => 0);
  if (size <= 0) return used;
  for (const span of spans) {
    if (!IN_SLOT.has(span.phase)) continue;
    const [begin, end] = [Math.max(span.from, from), Math.min(span.to ?? to, to)];
    for (let n = Math.floor((begin - from) / size); n < buckets && from + n * size < end; n++) {
      const ms = Math.min(end, from + (n + 1) * size) - Math.max(begin, from + n * size);
      if (ms > 0) used[n] = (used[n] ?? 0) + ms / size;
    }
  }
  return used;
}

/** The part of a run that lies in a time: spans are cut at both ends. Pieces and agents that have nothing in it are left out. */
export function within(run: Run, from: number, to: number): Run {
  const spans = run.spans
    .filter((span) => span.from < to && (span.to ?? Infinity) > from)
    .map((span) => ({
      ...span,
      from: Math.max(span.from, from),
      to: span.to !== null && span.to <= to ? span.to : span.to === null ? null : to,
    }));
  const marks = run.marks.filter(({ at }) => at >= from && at < to);
  const beads = new Set([...spans, ...marks].map(({ beadId }) => beadId));
  const agents = new Set([...spans, ...marks].map(({ agentId }) => agentId));
  return {
    spans,
    marks,
    pieces: run.pieces.filter(({ beadId }) => beads.has(beadId)),
    agents: run.agents.filter(({ id }) => agents.has(id)),
  };
}
