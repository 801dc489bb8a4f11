import { ticks } from "../lib/phases.ts";
import { hourAndMinute } from "../lib/looked.ts";

/** The times under or over lanes, and the lines through them. */

const share = (at: number, from: number, to: number): string =>
  `${(((at - from) / Math.max(1, to - from)) * 100).toFixed(3)}%`;

const zone = (at: number): number => new Date(at).getTimezoneOffset() * 60_000;

export function Axis({ from, to, now, most = 10 }: { from: number; to: number; now: number; most?: number }) {
  const isNow = now >= from && now <= to;
  const room = (to - from) / most;
  return (
    <div className="axis" aria-hidden="true">
      {ticks(from, to, most, zone(from))
        .filter((at) => at - from > room / 3 && (!isNow || Math.abs(at - now) > room) && to - at > room / 3)
        .map((at) => (
          <span key={at} style={{ left: share(at, from, to) }}>
            {hourAndMinute(at)}
          </span>
        ))}
      {isNow && (
        <span
          className={`now${(now - from) / (to - from) > 0.94 ? " at-end" : ""}`}
          style={{ left: share(now, from, to) }}
        >
          now
        </span>
      )}
    </div>
  );
}

export function Grid({ from, to, now, most = 10 }: { from: number; to: number; now: number; most?: number }) {
  return (
    <div className="lane-grid" aria-hidden="true">
      {ticks(from, to, most, zone(from)).map((at) => (
        <i key={at} style={{ left: share(at, from, to) }} />
      ))}
      {now < to && now > from && <i className="future" style={{ left: share(now, from, to) }} />}
      {now >= from && now <= to && <i className="now" style={{ left: share(now, from, to) }} />}
    </div>
  );
}
