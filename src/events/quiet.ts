/** Hours in which nobody is told anything: from one time of day to another, in a zone of its own. */
export interface Quiet {
  /** `HH:MM`; in it already. */
  readonly from: string;
  /** `HH:MM`; not in it any more. Before `from`: of the next day. */
  readonly to: string;
  /** As IANA names it. */
  readonly zone: string;
}

const MINUTE_MS = 60_000;
/** A day has 25 hours at most, where a clock is put back. */
const LOOKED_AHEAD = 26 * 60;

export function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone }).format(0);
    return true;
  } catch {
    return false;
  }
}

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));

/** @returns whether a moment, ms, is in them */
function judge({ from, to, zone }: Quiet): (at: number) => boolean {
  const clock = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const [begin, end] = [minutesOf(from), minutesOf(to)];
  return (at) => {
    const now = minutesOf(clock.format(at));
    return begin < end ? now >= begin && now < end : now >= begin || now < end;
  };
}

/** The first minute after them, ms; null: it is not quiet now. Also where clocks are put forward or back meanwhile. */
export function quietUntil(quiet: Quiet | null, at: number): number | null {
  if (quiet === null) return null;
  const isQuiet = judge(quiet);
  if (!isQuiet(at)) return null;
  const minute = Math.floor(at / MINUTE_MS);
  for (let n = 1; n < LOOKED_AHEAD; n++) if (!isQuiet((minute + n) * MINUTE_MS)) return (minute + n) * MINUTE_MS;
  return (minute + LOOKED_AHEAD) * MINUTE_MS;
}
