import type { Mark, Phase, Span } from "../../../src/core/run.ts";
import { drawn, drawnMarks, PHASE_WORDS } from "../lib/phases.ts";

/** One lane of a waterfall, and what its shapes mean. Phases differ in shape before they differ in colour. */

const percent = (share: number): string => `${(share * 100).toFixed(3)}%`;

/** Shapes that are filled by a pattern need it once in the page. */
export const LaneDefs = () => (
  <svg width="0" height="0" className="lane-defs" aria-hidden="true">
    <defs>
      <pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect width="5" height="5" fill="var(--warn-wash)" />
        <rect width="2.6" height="5" fill="var(--ph-ask)" />
      </pattern>
    </defs>
  </svg>
);

/** Top and height of a shape in a lane of 20. */
const SHAPES: Readonly<Record<Phase, readonly [y: number, height: number]>> = {
  blocked: [10, 0],
  queued: [10, 0],
  backoff: [10, 0],
  starting: [7.5, 5],
  working: [5, 10],
  person: [5, 10],
  model: [8, 4],
  gate: [9, 2],
  merging: [7.5, 5],
};

function Shape({ phase, x, width }: { phase: Phase; x: number; width: number }) {
  const [y, height] = SHAPES[phase];
  if (height === 0) return <line className={`ph ${phase}`} x1={percent(x)} x2={percent(x + width)} y1={y} y2={y} />;
  return <rect className={`ph ${phase}`} x={percent(x)} width={percent(width)} y={y} height={height} rx={1.5} />;
}

const MARKS = {
  merged: "merged",
  closed: "merged",
  failed: "failed",
  sent_back: "failed",
  cancelled: "failed",
} as const;

/** Round for what came to something, square for what did not. */
const MarkShape = ({ kind }: { kind: Mark["kind"] }) =>
  MARKS[kind] === "merged" ? (
    <g className="mk">
      <circle cx="0" cy="10" r="5.6" />
      <path d="m-2.4 10.2 1.7 1.7 3.1-3.5" />
    </g>
  ) : (
    <g className="mx">
      <rect x="-5.6" y="4.4" width="11.2" height="11.2" rx="2.5" />
      <path d="m-2 8 4 4m0-4-4 4" />
    </g>
  );

export function Lane(props: {
  label: string;
  spans: readonly Span[];
  marks: readonly Mark[];
  from: number;
  to: number;
  now: number;
  /** Framed: a part of the chain. */
  frames?: readonly { readonly from: number; readonly to: number }[];
}) {
  const { label, spans, marks, from, to, now, frames = [] } = props;
  const whole = Math.max(1, to - from);
  return (
    <svg className="lane" height="20" role="img" aria-label={label}>
      {drawn(spans, from, to, now).map((one, n) => (
        <Shape key={n} {...one} />
      ))}
      {frames.map((frame) => (
        <rect
          key={frame.from}
          className="cp"
          x={percent((Math.max(frame.from, from) - from) / whole)}
          width={percent((Math.min(frame.to, to) - Math.max(frame.from, from)) / whole)}
          y="1.5"
          height="17"
          rx="4"
        />
      ))}
      {drawnMarks(marks, from, to).map(({ x, kind, count }, n) => (
        <svg key={n} x={percent(x)} overflow="visible">
          <MarkShape kind={kind} />
          {count > 1 && (
            <text className="mn" x="8" y="14">
              {count}
            </text>
          )}
        </svg>
      ))}
    </svg>
  );
}

const LEGEND: readonly Phase[] = [
  "blocked",
  "queued",
  "starting",
  "working",
  "model",
  "person",
  "backoff",
  "gate",
  "merging",
];

/** @param shown those that are drawn; others are left out */
export const Legend = ({ shown }: { shown: ReadonlySet<Phase> }) => (
  <span className="lane-legend">
    {LEGEND.filter((phase) => shown.has(phase)).map((phase) => (
      <span key={phase}>
        <svg width="18" height="20" aria-hidden="true">
          <Shape phase={phase} x={0.05} width={0.9} />
        </svg>
        {PHASE_WORDS[phase]}
      </span>
    ))}
    <span>
      <svg width="14" height="20" aria-hidden="true">
        <svg x="7" overflow="visible">
          <MarkShape kind="merged" />
        </svg>
      </svg>
      Merged
    </span>
    <span>
      <svg width="14" height="20" aria-hidden="true">
        <svg x="7" overflow="visible">
          <MarkShape kind="failed" />
        </svg>
      </svg>
      Failed or sent back
    </span>
  </span>
);
