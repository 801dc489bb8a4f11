import { useEffect, useState } from "react";
import { type Attempt, whyNoTail } from "../../../../src/wire/attempts.ts";
import { get, rigPath } from "../../lib/api.ts";
import { dateAndTime } from "../../lib/time.ts";
import { useStore } from "../../lib/use-rig.ts";

/** How each dispatch of a bead ended, newest first, with the end of what it printed; asked for again when there is one more. */
export function Attempts({ beadId, after }: { beadId: string; after: number }) {
  const { rigId } = useStore();
  const [attempts, setAttempts] = useState<readonly Attempt[]>([]);
  useEffect(() => {
    const stop = new AbortController();
    get<Attempt[]>(rigPath(rigId, `/beads/${encodeURIComponent(beadId)}/attempts`), stop.signal).then(
      setAttempts,
      () => {},
    );
    return () => stop.abort();
  }, [rigId, beadId, after]);
  if (attempts.length === 0) return null;
  return (
    <>
      <h3 className="sub">How its attempts ended</h3>
      {attempts.toReversed().map((attempt, i) => (
        <details key={attempt.dispatch_id} open={i === 0}>
          <summary>
            {attempt.dispatch_id.replace(/^.*:/, "#")} {attempt.status}: {attempt.reason}{" "}
            <span className="soft small">{dateAndTime(Date.parse(attempt.ended_at))}</span>
          </summary>
          <pre className="text-block" tabIndex={0} style={{ margin: 0 }}>
            {attempt.tail === "" ? whyNoTail(attempt) : attempt.tail}
          </pre>
        </details>
      ))}
    </>
  );
}
