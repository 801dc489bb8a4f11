import { lazy, Suspense, useMemo, useState } from "react";
import type { JournalEntry } from "../../../src/core/journal.ts";
import type { Kind } from "../../../src/core/step.ts";
import { foldTime, type Gap } from "../lib/fold-time.ts";
import { say, type Said } from "../lib/says.ts";
import { dateAndTime, duration, timeOfDay } from "../lib/time.ts";
import { go, href } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { Chip, Empty } from "../ui/bits.tsx";
import { VirtualList } from "../ui/virtual-list.tsx";

/** The board is there before its chart is. */
const ActivityChart = lazy(() => import("./activity-chart.tsx"));

/** Between two facts, longer than this is idle time, and folded. */
const GAP_MS = 10 * 60_000;

type Line = { readonly entry: JournalEntry; readonly said: Said } | { readonly gap: Gap };

export function Timeline() {
  const { state, world } = useWorld();
  const [range, setRange] = useState<readonly [number, number] | null>(null);
  const [isAll, setAll] = useState(false);
  const told = useMemo(
    () => state.entries.map((entry) => ({ entry, said: say(entry.fact, world, state.content) })),
    [world, state.version],
  );
  const kept = useMemo(() => (isAll ? told : told.filter(({ said }) => said.tone !== "quiet")), [told, isAll]);
  const time = useMemo(
    () =>
      foldTime(
        kept.map(({ entry }) => entry.fact.at),
        GAP_MS,
      ),
    [kept],
  );
  const moments = useMemo(() => kept.map(({ entry, said }) => ({ at: entry.fact.at, tone: said.tone })), [kept]);
  const lines = useMemo(
    () => linesOf(kept, time.gaps, range === null ? null : [time.from(range[0]), time.from(range[1])]),
    [kept, time, range],
  );
  const count = lines.filter((line) => "entry" in line).length;
  return (
    <section className="card" aria-labelledby="timeline" style={{ marginTop: 16 }}>
      <div className="card-head">
        <h2 id="timeline">
          Timeline <span className="count">{count.toLocaleString("en")} facts</span>
        </h2>
        <div className="chips" role="group" aria-label="Facts to show">
          <Chip on={!isAll} onClick={() => setAll(false)}>
            what matters
          </Chip>
          <Chip on={isAll} onClick={() => setAll(true)}>
            everything
          </Chip>
        </div>
        <span className="grow" />
        {range === null ? (
          <span className="soft small">Drag across the bars to zoom in</span>
        ) : (
          <>
            <span className="soft small num">
              {dateAndTime(time.from(range[0]))} – {timeOfDay(time.from(range[1]))}
            </span>
            <button type="button" className="link-button" onClick={() => setRange(null)}>
              Show everything
            </button>
          </>
        )}
      </div>
      {kept.length === 0 ? (
        <Empty title="Nothing has happened yet">
          <p>Every fact of the rig appears here the moment it is written. Idle hours are folded away.</p>
        </Empty>
      ) : (
        <>
          <Suspense fallback={<div className="chart-box" style={{ height: 136 }} />}>
            <ActivityChart moments={moments} time={time} range={range} onRange={setRange} />
          </Suspense>
          <Legend />
          <Lines lines={lines} />
        </>
      )}
    </section>
  );
}

const TONE_WORDS = {
  good: "progress",
  busy: "dispatch and merge",
  warn: "asks and delays",
  bad: "failures",
  plain: "other",
} as const;

const Legend = () => (
  <div className="legend" aria-hidden="true">
    {(["good", "busy", "warn", "bad", "plain"] as const).map((tone) => (
      <span key={tone}>
        <i className={`tone-${tone}`} />
        {TONE_WORDS[tone]}
      </span>
    ))}
  </div>
);

function Lines({ lines }: { lines: readonly Line[] }) {
  const { rigId } = useStore();
  return (
    <VirtualList
      label="Facts, newest first"
      items={lines}
      rowHeight={36}
      maxHeight={396}
      keyOf={(line) => ("gap" in line ? `gap-${line.gap.start}` : String(line.entry.fact.seq))}
      rowClass={(line) => ("gap" in line ? "gap-row" : "timeline-row")}
      onPick={(line) =>
        "gap" in line
          ? null
          : () => go(href("/debug", { rig: rigId, actor: actorOf(line.entry), seq: line.entry.fact.seq }))
      }
      render={(line) =>
        "gap" in line ? (
          <>nothing for {duration(line.gap.end - line.gap.start)}</>
        ) : (
          <>
            <time dateTime={new Date(line.entry.fact.at).toISOString()} title={dateAndTime(line.entry.fact.at)}>
              {timeOfDay(line.entry.fact.at)}
            </time>
            <i className={`tone-${line.said.tone}`} />
            <span className="clip" title={line.said.text}>
              {line.said.text}
            </span>
            <span className="soft small mono seq">
              {line.entry.fact.type} #{line.entry.fact.seq}
            </span>
          </>
        )
      }
    />
  );
}

/** Newest first, with a line for each folded gap between two that are shown. */
function linesOf(
  kept: readonly { entry: JournalEntry; said: Said }[],
  gaps: readonly Gap[],
  range: readonly [number, number] | null,
): Line[] {
  const byEnd = new Map(gaps.map((gap) => [gap.end, gap]));
  const lines: Line[] = [];
  for (let i = kept.length - 1; i >= 0; i--) {
    const line = kept[i];
    if (line === undefined) continue;
    const { at } = line.entry.fact;
    if (range !== null && (at < range[0] || at > range[1])) continue;
    lines.push(line);
    const gap = byEnd.get(at);
    if (gap !== undefined && (kept[i - 1]?.entry.fact.at ?? at) < at) lines.push({ gap });
  }
  return lines.at(-1) !== undefined && "gap" in (lines.at(-1) as Line) ? lines.slice(0, -1) : lines;
}

/** The actor that a fact is most about, for the debugger. */
export function actorOf({ fact }: JournalEntry): string {
  const names = fact as unknown as Partial<Record<"agentId" | "beadId" | "reviewId", string>>;
  const of = (kind: Kind, id: string | undefined) => (id === undefined ? null : `${kind}:${id}`);
  return (
    of("review", names.reviewId) ??
    (fact.type.startsWith("bead.") ? of("bead", names.beadId) : null) ??
    of("agent", names.agentId) ??
    of("bead", names.beadId) ??
    "rig:rig"
  );
}
