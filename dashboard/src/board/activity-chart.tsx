import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { FoldedTime } from "../lib/fold-time.ts";
import type { Tone } from "../lib/says.ts";
import { dateAndTime, duration, timeOfDay } from "../lib/time.ts";

export interface Moment {
  readonly at: number;
  readonly tone: Tone;
}
interface Props {
  readonly moments: readonly Moment[];
  readonly time: FoldedTime;
  /** Axis positions, or null for everything. */
  readonly range: readonly [number, number] | null;
  onRange(range: readonly [number, number] | null): void;
}

const TONES: readonly Tone[] = ["bad", "warn", "busy", "good", "plain"];
const BARS = 140;
const FONT = `-apple-system, "Segoe UI", Roboto, Arial, "Liberation Sans", sans-serif`;
const HEIGHT_PX = 132;

/** Facts over time as stacked bars; dragging chooses a range. */
export default function ActivityChart({ moments, time, range, onRange }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ time, onRange });
  latest.current = { time, onRange };
  const scheme = useComputedColorScheme("light");

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const made = new uPlot(
      optionsOf(element.clientWidth, paletteOf(element, scheme), latest),
      [[], ...TONES.map(() => [])] as unknown as uPlot.AlignedData,
      element,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    watch.observe(element);
    const clear = () => latest.current.onRange(null);
    made.over.addEventListener("dblclick", clear);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [scheme]);

  useEffect(() => {
    const [from, to] = range ?? [0, Math.max(time.length, 1_000)];
    const data = binned(moments, time, from, to);
    plot.current?.setData(data, false);
    plot.current?.setScale("x", { min: from, max: to });
  }, [moments, time, range, scheme]);

  const first = moments[0];
  const last = moments.at(-1);
  return (
    <div className="chart-box">
      <div
        ref={box}
        role="img"
        aria-label={
          first === undefined || last === undefined
            ? "No facts yet"
            : `${moments.length} facts between ${dateAndTime(first.at)} and ${dateAndTime(last.at)}`
        }
      />
    </div>
  );
}

interface Palette {
  readonly colour: (name: string) => string;
  readonly paint: Record<Tone, string>;
}

/** The page's colours as a canvas takes them. */
function paletteOf(element: HTMLElement, scheme: "light" | "dark"): Palette {
  const css = getComputedStyle(element);
  const colour = (name: string) => resolved(css.getPropertyValue(`--${name}`), scheme);
  const paint: Record<Tone, string> = {
    good: colour("good"),
    busy: colour("busy"),
    warn: colour("warn"),
    bad: colour("bad"),
    plain: colour("line-strong"),
    quiet: colour("line"),
  };
  return { colour, paint };
}

/** @param latest what the chart shows now and whom it tells: read when it draws, so that it is made once */
function optionsOf(
  width: number,
  { colour, paint }: Palette,
  latest: { readonly current: Pick<Props, "time" | "onRange"> },
): uPlot.Options {
  return {
    width,
    height: HEIGHT_PX,
    padding: [10, 26, 0, 0],
    cursor: { drag: { x: true, y: false, setScale: false }, y: false, points: { show: false } },
    legend: { show: false },
    scales: { x: { time: false }, y: { range: (_u, _min, max) => [0, Math.max(2, max * 1.1)] } },
    axes: [
      {
        stroke: colour("soft"),
        grid: { show: false },
        ticks: { stroke: colour("line"), size: 4 },
        font: `11px ${FONT}`,
        size: 26,
        space: 90,
        // Parts of a second have no name of their own: what would say the same again says nothing.
        values: (_u, splits) => {
          const words = splits.map((x) => timeOfDay(latest.current.time.from(x)));
          return words.map((word, i) => (word === words[i - 1] ? "" : word));
        },
      },
      {
        stroke: colour("soft"),
        grid: { stroke: colour("line"), width: 1 },
        ticks: { show: false },
        font: `11px ${FONT}`,
        size: 34,
        incrs: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000],
      },
    ],
    series: [
      {},
      ...TONES.map((tone) => ({
        stroke: paint[tone],
        fill: paint[tone],
        width: 0,
        points: { show: false },
        paths: bars(),
      })),
    ],
    hooks: {
      drawClear: [(u) => drawGaps(u, latest.current.time, colour("raised"), colour("soft"))],
      setSelect: [
        (u) => {
          if (u.select.width < 4) return;
          latest.current.onRange([u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")]);
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

const bars = (): uPlot.Series.PathBuilder =>
  (uPlot.paths.bars as NonNullable<typeof uPlot.paths.bars>)({ size: [0.86, 22], align: 1 });

/** Counts per bar and tone, each tone on top of those after it: drawn from the tallest to the shortest, they stack. */
function binned(moments: readonly Moment[], time: FoldedTime, from: number, to: number): uPlot.AlignedData {
  const width = (to - from) / BARS;
  const counts = TONES.map(() => Array.from({ length: BARS }, () => 0));
  for (const { at, tone } of moments) {
    const bar = Math.floor((time.to(at) - from) / width);
    const row = counts[TONES.indexOf(tone === "quiet" ? "plain" : tone)];
    if (row !== undefined && bar >= 0 && bar < BARS) row[bar] = (row[bar] ?? 0) + 1;
    else if (row !== undefined && bar === BARS) row[BARS - 1] = (row[BARS - 1] ?? 0) + 1;
  }
  for (let tone = TONES.length - 2; tone >= 0; tone--)
    counts[tone] = (counts[tone] ?? []).map((n, i) => n + (counts[tone + 1]?.[i] ?? 0));
  return [
    Array.from({ length: BARS }, (_, i) => from + i * width),
    ...counts.map((row) => row.map((n) => (n === 0 ? null : n))),
  ] as unknown as uPlot.AlignedData;
}

function drawGaps(u: uPlot, time: FoldedTime, fill: string, ink: string): void {
  const { ctx } = u;
  const { top, height } = u.bbox;
  ctx.save();
  for (const gap of time.gaps) {
    const left = u.valToPos(gap.x, "x", true);
    const width = Math.max(2, u.valToPos(gap.x + gap.width, "x", true) - left);
    if (left + width < u.bbox.left || left > u.bbox.left + u.bbox.width) continue;
    ctx.fillStyle = fill;
    ctx.fillRect(left, top, width, height);
    ctx.strokeStyle = ink;
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    ctx.moveTo(left + width / 2, top);
    ctx.lineTo(left + width / 2, top + height);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.fillStyle = ink;
    ctx.font = `${10 * devicePixelRatio}px ${FONT}`;
    ctx.textAlign = "center";
    ctx.fillText(duration(gap.end - gap.start), left + width / 2, top + 10 * devicePixelRatio);
  }
  ctx.restore();
}

/** A canvas does not know `light-dark()`. */
function resolved(value: string, scheme: "light" | "dark"): string {
  const both = /light-dark\(\s*([^,]+),\s*([^)]+)\)/.exec(value);
  return (both === null ? value : ((scheme === "light" ? both[1] : both[2]) ?? value)).trim();
}
