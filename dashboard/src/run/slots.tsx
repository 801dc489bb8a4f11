import { useMemo } from "react";
import { slotsIn } from "../../../src/core/run-chain.ts";
import type { Span } from "../../../src/core/run.ts";

const BUCKETS = 120;
const HEIGHT = 28;

/** How many slots were in use, over time, under the line of all that there are. */
export function Slots({
  spans,
  from,
  to,
  end,
  capacity,
}: {
  spans: readonly Span[];
  from: number;
  to: number;
  end: number;
  capacity: number;
}) {
  const used = useMemo(() => slotsIn(spans, from, to, BUCKETS), [spans, from, to]);
  const share = Math.max(0, Math.min(1, (to - from) / Math.max(1, end - from)));
  const most = Math.max(1, Math.min(capacity, Math.ceil(Math.max(...used) * 1.5)), Math.ceil(Math.max(...used)));
  const width = (600 * share) / BUCKETS;
  const path = used
    .map((n, i) => `L${(i * width).toFixed(1)} ${(HEIGHT - (n / most) * (HEIGHT - 2)).toFixed(1)}h${width.toFixed(2)}`)
    .join("");
  const average = used.reduce((sum, n) => sum + n, 0) / BUCKETS;
  return (
    <svg
      className="slots"
      viewBox={`0 0 600 ${HEIGHT}`}
      preserveAspectRatio="none"
      height={HEIGHT}
      role="img"
      aria-label={`Slots in use: ${average.toFixed(1)} of ${capacity} on average, ${Math.max(...used).toFixed(0)} at most`}
    >
      {most === capacity && (
        <path d="M0 2H600" stroke="var(--line-strong)" strokeDasharray="3 3" vectorEffect="non-scaling-stroke" />
      )}
      <path d={`M0 ${HEIGHT}${path}V${HEIGHT}Z`} fill="var(--ph-back)" />
    </svg>
  );
}
