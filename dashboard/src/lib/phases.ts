import { sumOf, type Parts } from "../../../src/core/run-chain.ts";
import { PHASES, type Mark, type Phase, type Span } from "../../../src/core/run.ts";
import { duration } from "./time.ts";

/** The phases of work as a person reads them, and as a lane of the waterfall draws them. */

export const PHASE_WORDS: Readonly<Record<Phase, string>> = {
  blocked: "Waits for other work",
  queued: "Waits for a slot",
  starting: "Starts",
  working: "Works",
  person: "Waits for a person",
  model: "Waits for the model",
  backoff: "Backs off",
  gate: "Waits for the train",
  merging: "Train and checks",
};

/** As parts of a sentence: "2 h 37 working". */
const IN_SENTENCE: Readonly<Record<Phase, string>> = {
  blocked: "behind other work",
  queued: "waiting for a slot",
  starting: "starting",
  working: "working",
  person: "waiting for a person",
  model: "waiting for the model",
  backoff: "backing off",
  gate: "waiting for the train",
  merging: "train and checks",
};

/** A time in its parts, the longest first; what is small is one part. They add up to the whole, which each is rounded within. */
export function inParts(parts: Parts): string {
  const whole = sumOf(parts);
  const most = PHASES.filter((phase) => parts[phase] >= whole / 50 && parts[phase] >= 1_000).sort(
    (a, b) => parts[b] - parts[a],
  );
  const rest = whole - most.reduce((sum, phase) => sum + parts[phase], 0);
  const said = most.map((phase) => `${duration(parts[phase])} ${IN_SENTENCE[phase]}`);
  return [...said, ...(rest >= 1_000 ? [`${duration(rest)} the rest`] : [])].join(", ");
}

export interface Drawn {
  readonly phase: Phase;
  /** Shares of the whole width, 0 to 1. */
  readonly x: number;
  readonly width: number;
  readonly beadId: string;
}

/** Narrower than this nobody sees anything: what is next to each other and as narrow is drawn as one. */
const NARROWEST = 1 / 2_000;

/**
 * Spans as they are drawn between two moments. However many there are, no more are drawn than can be told apart: of those that share the
 * narrowest width, the first stands for all.
 */
export function drawn(spans: readonly Span[], from: number, to: number, now: number): Drawn[] {
  const whole = Math.max(1, to - from);
  const made: Drawn[] = [];
  for (const span of spans) {
    const [begin, end] = [Math.max(span.from, from), Math.min(span.to ?? now, to)];
    if (end <= begin) continue;
    const one = { phase: span.phase, x: (begin - from) / whole, width: (end - begin) / whole, beadId: span.beadId };
    const last = made.at(-1);
    const isNarrow = one.width < NARROWEST;
    if (
      last !== undefined &&
      last.phase === one.phase &&
      last.beadId === one.beadId &&
      one.x - last.x - last.width < NARROWEST
    )
      made[made.length - 1] = { ...last, width: one.x + one.width - last.x };
    else if (!isNarrow || last === undefined || one.x - last.x >= NARROWEST)
      made.push(isNarrow ? { ...one, width: NARROWEST } : one);
  }
  return made;
}

export interface DrawnMark {
  readonly x: number;
  readonly kind: Mark["kind"];
  readonly count: number;
}

/** A mark is this wide, and half of it may be hidden behind the next of its kind. */
const MARK = 1 / 150;
/** Of another kind it stands beside it, and beside its number. */
const BESIDE = 1.6 * MARK;
const BESIDE_NUMBER = 3 * MARK;

export function drawnMarks(marks: readonly Mark[], from: number, to: number): DrawnMark[] {
  const made: DrawnMark[] = [];
  for (const { at, kind } of marks) {
    if (at < from || at > to) continue;
    const x = (at - from) / Math.max(1, to - from);
    const last = made.at(-1);
    if (last !== undefined && last.kind === kind && x - last.x < MARK)
      made[made.length - 1] = { ...last, count: last.count + 1 };
    else made.push({ x, kind, count: 1 });
  }
  let free = 0;
  return made.map((mark) => {
    const x = Math.min(1, Math.max(mark.x, free));
    free = x + (mark.count > 1 ? BESIDE_NUMBER : BESIDE);
    return { ...mark, x };
  });
}

const MINUTE = 60_000;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080].map((minutes) => minutes * MINUTE);

/** Round times of the day for an axis, at most so many. @param offset_ms of the zone, as `getTimezoneOffset` has it in ms */
export function ticks(from: number, to: number, most: number, offset_ms: number): number[] {
  const step = STEPS.find((one) => (to - from) / one <= most) ?? (STEPS.at(-1) as number);
  const first = Math.ceil((from - offset_ms) / step) * step + offset_ms;
  const found: number[] = [];
  for (let at = first; at <= to; at += step) found.push(at);
  return found;
}
