import { slotsIn, type Chain } from "../../../src/core/run-chain.ts";
import type { Run, Span } from "../../../src/core/run.ts";
import type { Report } from "../../../src/wire/report.ts";
import { moment } from "./looked.ts";
import { inParts, PHASE_WORDS } from "./phases.ts";
import { duration } from "./time.ts";

/** A night in three sentences and seven numbers; every list of it is longer than what is said of it only where it says so. */

export interface Waited {
  readonly beadId: string;
  readonly phase: Span["phase"];
  readonly ms: number;
  readonly from: number;
}

export interface Night {
  readonly merged: number;
  readonly failed: number;
  readonly causes: number;
  readonly asked: number;
  readonly stuck: number;
  /** What agents waited for a person, ms, and the longest of these waits. */
  readonly personMs: number;
  readonly longest: Waited | null;
  /** Of the slots' time, 0 to 1. */
  readonly inUse: number;
  readonly capacity: number;
  readonly spent: number;
  /** Of it, what went into attempts that failed. */
  readonly lost: number;
  /** Attempts of which the last words were lost: at least so much was spent. */
  readonly incomplete: number;
  /** The longest waits of all pieces, the longest first. */
  readonly waits: readonly Waited[];
}

const WAITS: ReadonlySet<Span["phase"]> = new Set(["person", "model", "blocked", "backoff", "queued", "gate"]);
const WAITS_SHOWN = 12;
/** A wait that is shorter is none. */
const SHORTEST_MS = 60_000;

export function nightOf(report: Report, run: Run, of: { from: number; to: number; capacity: number }): Night {
  const { from, to, capacity } = of;
  const lengths = run.spans.map((span) => ({
    beadId: span.beadId,
    phase: span.phase,
    from: span.from,
    ms: Math.min(span.to ?? to, to) - Math.max(span.from, from),
  }));
  const person = lengths.filter(({ phase, ms }) => phase === "person" && ms > 0).sort((a, b) => b.ms - a.ms);
  const [used = 0] = slotsIn(run.spans, from, to, 1);
  return {
    merged: report.merged.count,
    failed: report.failed.count,
    causes: report.failed.causes.length,
    asked: report.asked.count,
    stuck: report.stuck.count,
    personMs: person.reduce((sum, { ms }) => sum + ms, 0),
    longest: person[0] ?? null,
    inUse: capacity === 0 ? 0 : used / capacity,
    capacity,
    spent: report.spent.cost_microdollars,
    lost: report.spent.failed_microdollars,
    incomplete: report.spent.incomplete,
    waits: lengths
      .filter(({ phase, ms }) => WAITS.has(phase) && ms >= SHORTEST_MS)
      .sort((a, b) => b.ms - a.ms)
      .slice(0, WAITS_SHOWN),
  };
}

const several = (n: number, one: string, many: string): string => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** @returns sentences; those that have nothing to say are not there */
export function sentencesOf(
  night: Night,
  of: { needs: number; titleOf: (id: string) => string; now: number },
): string[] {
  const { merged, failed, causes, longest, inUse } = night;
  const isQuiet = merged + failed + night.asked + night.stuck === 0 && inUse === 0;
  if (isQuiet) return ["Nothing happened in this time: no work was done, and nothing asked for you."];
  const did = `${several(merged, "piece", "pieces")} merged, ${failed} failed${failed === 0 ? "" : ` for ${several(causes, "cause", "causes")}`}, ${of.needs === 0 ? "nothing needs you" : `${of.needs} need${of.needs === 1 ? "s" : ""} you now`}.`;
  const waited =
    longest === null || longest.ms < SHORTEST_MS
      ? []
      : [
          `The longest wait for you was ${duration(longest.ms)}, for “${of.titleOf(longest.beadId)}” at ${moment(longest.from, of.now)}.`,
        ];
  return [did, ...waited, `Slots were ${Math.round(inUse * 100)}% in use.`];
}

/** Why the chain took as long as it did, in one sentence. */
export const chainWords = (chain: Chain): string => inParts(chain.parts);

/** The same report for a letter or a chat. */
export function asText(
  night: Night,
  of: {
    name: string;
    from: number;
    to: number;
    now: number;
    needs: number;
    titleOf: (id: string) => string;
    report: Report;
    chain: Chain | null;
  },
): string {
  const { name, from, to, report, chain, titleOf } = of;
  const list = (head: string, ids: readonly string[], count: number): string[] =>
    ids.length === 0
      ? []
      : [
          "",
          `${head} (${count}):`,
          ...ids.slice(-20).map((id) => `- ${titleOf(id)}`),
          ...(count > 20 ? [`- and ${count - Math.min(20, ids.length)} more`] : []),
        ];
  return [
    `${name}, ${moment(from, 0)} to ${moment(to, 0)}`,
    ...sentencesOf(night, of),
    ...(chain === null ? [] : [`The longest chain took ${duration(chain.to - chain.from)}: ${inParts(chain.parts)}.`]),
    ...list("Merged", report.merged.ids, report.merged.count),
    ...report.failed.causes.flatMap((cause) => list(`Failed: ${cause.words}`, cause.ids, cause.count)),
    ...(night.waits.length === 0
      ? []
      : [
          "",
          "Longest waits:",
          ...night.waits
            .slice(0, 5)
            .map(
              ({ beadId, phase, ms }) => `- ${titleOf(beadId)}: ${PHASE_WORDS[phase].toLowerCase()}, ${duration(ms)}`,
            ),
        ]),
  ].join("\n");
}
