import { clip } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import type { Attempt } from "../wire/attempts.ts";
import { cleanText } from "../wire/text.ts";
import type { Rig } from "./rig.ts";
import { iso } from "./shapes.ts";
import { readContent, writeContent } from "./store.ts";

/** How each dispatch of a bead ended, with the end of what it printed: beside the journal, for people; no machine reads it. */

/** What a container says of an end. */
export interface Ended {
  readonly agentId: string;
  readonly dispatchId: string | null;
  readonly beadId?: string | null | undefined;
  readonly status: Attempt["status"];
  readonly reason: string | null;
  readonly tail?: string | null | undefined;
}

/** Kept once for each dispatch, whichever end is told last; the oldest go. Nothing is kept of a dispatch that the bead never had. */
export function keepAttempt(rig: Rig, { agentId, dispatchId, beadId, status, reason, tail }: Ended): void {
  if (dispatchId === null || beadId == null || !wasGranted(rig, beadId, dispatchId)) return;
  const attempt: Attempt = {
    dispatch_id: dispatchId,
    agent_id: agentId,
    ended_at: iso(rig.ports.now()),
    status,
    reason: clip(cleanText(reason ?? status)),
    tail: cleanText(tail ?? "").slice(-LIMITS.attempt_tail_chars),
  };
  const others = attemptsOf(rig, beadId).filter((one) => one.dispatch_id !== dispatchId);
  writeContent(rig.ports.sql, "attempts", beadId, [...others, attempt].slice(-LIMITS.attempts_kept));
}

/** Oldest first. */
export const attemptsOf = (rig: Rig, beadId: string): Attempt[] =>
  readContent<Attempt[]>(rig.ports.sql, "attempts", beadId) ?? [];

/** Asked of the journal: what the report says of itself is not believed. */
function wasGranted(rig: Rig, beadId: string, dispatchId: string): boolean {
  const rows = rig.ports.sql.exec(
    "SELECT 1 FROM journal WHERE bead = ? AND type = 'dispatch.granted' AND json_extract(body, '$.dispatchId') = ? LIMIT 1",
    beadId,
    dispatchId,
  );
  return rows.toArray().length > 0;
}
