/**
 * A time axis without its idle hours: every gap longer than a limit is drawn as a gap of one small, fixed width. The mapping
 * is monotone, so a range of the axis is a range of time.
 */
export interface FoldedTime {
  /** Axis position of a time, ms. */
  to(at: number): number;
  /** Time at an axis position, ms. */
  from(x: number): number;
  /** The folded gaps, oldest first. */
  readonly gaps: readonly Gap[];
  readonly length: number;
}
export interface Gap {
  /** Time of the last fact before and of the first after, ms. */
  readonly start: number;
  readonly end: number;
  /** Axis positions. */
  readonly x: number;
  readonly width: number;
}

/** @param times ascending, ms. */
export function foldTime(times: readonly number[], limit_ms: number): FoldedTime {
  const first = times[0] ?? 0;
  const last = times.at(-1) ?? first;
  const found: { start: number; end: number }[] = [];
  for (let i = 1; i < times.length; i++) {
    const start = times[i - 1] ?? 0;
    const end = times[i] ?? 0;
    if (end - start > limit_ms) found.push({ start, end });
  }
  const busy = last - first - found.reduce((sum, { start, end }) => sum + end - start, 0);
  const width = Math.max(1_000, Math.min(limit_ms, busy * 0.04));
  let cut = 0;
  const gaps = found.map(({ start, end }): Gap => {
    const x = start - first - cut;
    cut += end - start - width;
    return { start, end, x, width };
  });
  return {
    gaps,
    length: last - first - cut,
    to(at) {
      let shift = 0;
      for (const gap of gaps) {
        if (at <= gap.start) break;
        const inside = Math.min(at, gap.end) - gap.start;
        shift += inside - (inside / (gap.end - gap.start)) * gap.width;
      }
      return at - first - shift;
    },
    from(x) {
      let at = first + x;
      for (const gap of gaps) {
        if (x <= gap.x) break;
        const inside = Math.min(x - gap.x, gap.width);
        at += (inside / gap.width) * (gap.end - gap.start) - inside;
      }
      return at;
    },
  };
}
