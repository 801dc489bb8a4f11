import { Button } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { concerns } from "../../../src/core/explain.ts";
import { say } from "../lib/says.ts";
import { dateAndTime } from "../lib/time.ts";
import type { Bench } from "./bench.ts";
import { seqAt, spanOf } from "./changes.ts";

const STEP = 200;

/** Goes through the journal: by dragging, fact by fact, or from one of the actor's facts to the next. */
export function Scrubber({
  bench,
  seq,
  isReplaying,
  goTo,
  children,
}: {
  bench: Bench;
  seq: number | null;
  isReplaying: boolean;
  goTo: (seq: number | null) => void;
  children?: React.ReactNode;
}) {
  const last = bench.source.last();
  const at = seq ?? last;
  const jump = async (direction: -1 | 1) => goTo(await nearest(bench, at, direction));
  return (
    <section className="card scrubber" aria-label="Time">
      <div className="line">
        <Button size="compact-sm" variant="default" onClick={() => void jump(-1)} disabled={at <= 1}>
          <span aria-hidden="true">←&nbsp;</span>its last<span className="visually-hidden"> fact</span>
        </Button>
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => goTo(Math.max(1, at - 1))}
          disabled={at <= 1}
          aria-label="One fact back"
        >
          ‹
        </Button>
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => goTo(at + 1 > last ? null : at + 1)}
          disabled={seq === null}
          aria-label="One fact on"
        >
          ›
        </Button>
        <Button size="compact-sm" variant="default" onClick={() => void jump(1)} disabled={seq === null}>
          its next<span className="visually-hidden"> fact</span>
          <span aria-hidden="true">&nbsp;→</span>
        </Button>
        <Shown bench={bench} seq={seq} isReplaying={isReplaying} />
        {children}
        <Button
          size="compact-sm"
          variant={seq === null ? "filled" : "default"}
          onClick={() => goTo(null)}
          aria-pressed={seq === null}
        >
          Now
        </Button>
      </div>
      <TimeLine bench={bench} seq={seq} goTo={goTo} />
    </section>
  );
}

/** The actor's nearest fact before or after, wherever in the journal it is; beyond the last one is now, null. */
async function nearest({ source, actor }: Bench, at: number, direction: -1 | 1): Promise<number | null> {
  const last = source.last();
  for (let from = at + direction; from >= 1 && from <= last; from += direction * STEP) {
    const [low, high] =
      direction === 1 ? [from, Math.min(last, from + STEP - 1)] : [Math.max(1, from - STEP + 1), from];
    const entries = (await source.entries(low, high)).filter(
      ({ fact }) => fact.type !== "TICK" && concerns(fact, actor.kind, actor.id),
    );
    const found = direction === 1 ? entries[0] : entries.at(-1);
    if (found !== undefined) return found.fact.seq;
  }
  return direction === 1 ? null : 1;
}

/** Steps over the whole width: finer than a hand is. */
const STEPS = 4_000;

/** The whole of the journal's time; where one lets go is the newest fact that was written by then. */
function TimeLine({ bench, seq, goTo }: { bench: Bench; seq: number | null; goTo: (seq: number | null) => void }) {
  const { source, moment, version } = bench;
  const [span, setSpan] = useState<readonly [number, number] | null>(null);
  const [dragged, setDragged] = useState<number | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const wanted = useRef(0);
  useEffect(() => setDragged(null), [seq, moment]);
  useEffect(() => {
    let isGone = false;
    spanOf(source).then(
      (found) => !isGone && setSpan(found),
      () => {},
    );
    return () => {
      isGone = true;
    };
  }, [source, version]);
  const [from, to] = span ?? [0, 1];
  const drag = (at: number) => {
    setDragged(at);
    clearTimeout(timer.current);
    const ask = ++wanted.current;
    timer.current = setTimeout(
      () =>
        void seqAt(source, at).then(
          (found) => ask === wanted.current && goTo(at >= to ? null : found),
          () => setDragged(null),
        ),
      90,
    );
  };
  const at = dragged ?? (seq === null ? to : (moment?.entry.fact.at ?? to));
  return (
    <>
      <input
        type="range"
        min={from}
        max={Math.max(from + 1, to)}
        step={Math.max(1, Math.round((to - from) / STEPS))}
        value={at}
        disabled={span === null}
        onChange={(event) => drag(Number(event.currentTarget.value))}
        aria-label="Time in the journal"
        aria-valuetext={seq === null && dragged === null ? "now" : dateAndTime(at)}
      />
      <div className="line time-ends small soft num" aria-hidden="true">
        <span>{span === null ? "" : dateAndTime(from)}</span>
        <span className="grow" />
        <span>{dragged === null ? "" : dateAndTime(dragged)}</span>
        <span className="grow" />
        <span>now</span>
      </div>
    </>
  );
}

/** Which moment is shown, in words. */
function Shown({ bench, seq, isReplaying }: { bench: Bench; seq: number | null; isReplaying: boolean }) {
  const { source, moment, world, content } = bench;
  const last = source.last();
  return (
    <div className="moment">
      <b>{seq === null ? "Now" : `#${seq}`}</b>
      <span className="soft clip" aria-live="polite">
        {moment !== null ? (
          <>
            {dateAndTime(moment.entry.fact.at)} · {say(moment.entry.fact, world, content).text}
          </>
        ) : seq === null ? (
          `after ${last.toLocaleString("en")} facts`
        ) : (
          "replaying…"
        )}
      </span>
      {isReplaying && <span className="pill bare busy">replaying</span>}
    </div>
  );
}
