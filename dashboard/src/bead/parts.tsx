import { useMemo } from "react";
import { partsOf } from "../../../src/core/run-chain.ts";
import { runOf, type Phase, type Run } from "../../../src/core/run.ts";
import type { Recorded } from "../../../src/events/facts.ts";
import type { SpendRow } from "../../../src/wire/spend.ts";
import type * as z from "zod";
import { moment } from "../lib/looked.ts";
import { inParts } from "../lib/phases.ts";
import { dateAndTime, duration } from "../lib/time.ts";
import { useScreen } from "../ui/use-screen.ts";
import { Axis, Grid } from "../run/axis.tsx";
import { Lane, LaneDefs, Legend } from "../run/lane.tsx";
import { money } from "../ui/parts.tsx";

export type Spent = ReadonlyMap<string, z.infer<typeof SpendRow>>;

/** A moment of a history, with its date where that is not today's. */
export const At = ({ at, now }: { at: number; now: number }) => (
  <time className="num nowrap faint" dateTime={new Date(at).toISOString()} title={dateAndTime(at)}>
    {moment(at, now)}
  </time>
);

/** Dispatches of a bead in their order: the attempt that each was. */
export const dispatchesOf = (facts: readonly Recorded[]): string[] =>
  facts.flatMap((fact) => (fact.type === "dispatch.granted" ? [fact.dispatchId] : []));

/** Why it took as long as it did: its time in parts that add up, and a lane for each attempt. */
export function TimeOf({
  beadId,
  facts,
  now,
  spent,
}: {
  beadId: string;
  facts: readonly Recorded[];
  now: number;
  spent: Spent;
}) {
  // What a phone has room for.
  const ticks = useScreen() === "phone" ? 3 : 10;
  const run = useMemo<Run>(() => runOf(facts), [facts]);
  const piece = run.pieces.find((one) => one.beadId === beadId);
  const spans = run.spans.filter((span) => span.beadId === beadId);
  const from = piece?.createdAt ?? spans[0]?.from ?? null;
  if (piece === undefined || from === null) return null;
  const to = Math.max(piece.endedAt ?? now, from + 1_000);
  const dispatches = dispatchesOf(facts);
  const most = Math.max(1, piece.attempts);
  const shown = new Set<Phase>(spans.map(({ phase }) => phase));
  return (
    <section className="panel time-of" aria-label="Where its time went">
      <LaneDefs />
      <p className="time-words">
        <b className="num">{duration(to - from)}</b>{" "}
        <b>{piece.endedAt === null ? "since it was slung" : "from its sling to its end"}</b>{" "}
        <span className="soft">{inParts(partsOf(spans, from, to))}</span>
      </p>
      <div className="scroll-x" tabIndex={0} role="region" aria-label="Its attempts over time">
        <div className="time-box">
          <div className="time-lanes">
            <div className="time-grid">
              <Grid from={from} to={to} now={piece.endedAt === null ? now : Number.NaN} most={ticks} />
            </div>
            {Array.from({ length: most }, (_, n) => n + 1).map((attempt) => {
              // What was before the first attempt is drawn with it.
              const own = spans.filter((span) => span.attempt === attempt || (attempt === 1 && span.attempt === 0));
              const marks = run.marks.filter(
                (mark) => mark.attempt === attempt || (attempt === 1 && mark.attempt === 0),
              );
              const took = own.reduce(
                (sum, span) => (IN_ATTEMPT.has(span.phase) ? sum + (span.to ?? now) - span.from : sum),
                0,
              );
              const cost = spent.get(dispatches[attempt - 1] ?? "");
              return (
                <div key={attempt} className="time-row">
                  <span className="clip">{piece.attempts === 0 ? "Not begun" : `Attempt ${attempt}`}</span>
                  <Lane
                    label={`Attempt ${attempt}: ${duration(took)} of work, ${marks.map(({ kind }) => kind.replace("_", " ")).join(", ") || "no end yet"}`}
                    spans={own}
                    marks={marks}
                    from={from}
                    to={to}
                    now={now}
                  />
                  <span className="num right soft">{duration(took)}</span>
                  <span className="num right">{cost === undefined ? "·" : money(cost.cost_microdollars)}</span>
                </div>
              );
            })}
          </div>
          <div className="time-row">
            <span />
            <Axis from={from} to={to} now={piece.endedAt === null ? now : Number.NaN} most={ticks} />
            <span />
            <b className="num right">
              {money([...spent.values()].reduce((sum, row) => sum + row.cost_microdollars, 0))}
            </b>
          </div>
        </div>
      </div>
      <div className="time-legend">
        <Legend shown={shown} />
      </div>
    </section>
  );
}

const IN_ATTEMPT: ReadonlySet<Phase> = new Set(["starting", "working", "person", "model"]);
