import { clip } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import type { Folded } from "../core/fold.ts";
import type { EffectOf } from "../events/effects.ts";
import { fenceOf } from "../machines/rig.ts";
import type { Attempt, UnknownOfAttempt } from "../wire/attempts.ts";
import { cleanText } from "../wire/text.ts";
import type { Rig } from "./rig.ts";
import { iso } from "./shapes.ts";
import { beadOfDispatch, grantOf } from "./spend.ts";
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
  const isOld = fenceOf(rig.world.rig) === "agent";
  const named = dispatchId ?? (isOld ? newestOf(rig, agentId) : null);
  const bead = beadId ?? (isOld && named !== null ? beadOfDispatch(rig.ports.sql, named) : null);
  if (named === null || bead === null || !wasGranted(rig, bead, named)) return;
  const unknown: UnknownOfAttempt[] = [
    ...(dispatchId === null ? (["dispatch"] as const) : []),
    ...(tail == null ? (["output"] as const) : []),
  ];
  keep(rig, bead, {
    dispatch_id: named,
    agent_id: agentId,
    ended_at: iso(rig.ports.now()),
    status,
    reason: clip(cleanText(reason ?? status)),
    tail: cleanText(tail ?? "").slice(-LIMITS.attempt_tail_chars),
    ...(unknown.length === 0 ? {} : { unknown }),
  });
}

/** A start that was refused: known not to have run. */
export function keepRefusedStart(
  rig: Rig,
  { agentId, dispatchId, beadId }: EffectOf<"container.start">,
  { status, code, error }: { readonly status?: number; readonly code?: string; readonly error: string },
): void {
  const word = code ?? (status === undefined ? "refused" : `HTTP ${status}`);
  keep(rig, beadId, {
    dispatch_id: dispatchId,
    agent_id: agentId,
    ended_at: iso(rig.ports.now()),
    status: "failed",
    reason: clip(cleanText(`${word}: ${error}`)),
    code: word.slice(0, CODE_MAX_CHARS),
    tail: "",
  });
}

const CODE_MAX_CHARS = 64;

/**
 * Ends that the rig has found by itself, such as that of a process that its container does not know any more, or of a start that was never
 * heard of. What is reported of such a dispatch is better, and stays.
 */
export function keepEndsSeen(rig: Rig, entries: Folded["entries"]): void {
  for (const { fact } of entries) {
    if (fact.type !== "agent.exited" && fact.type !== "dispatch.failed") continue;
    const { agentId, dispatchId, reason } = fact;
    const grant = grantOf(rig.ports.sql, dispatchId);
    const bead = grant?.bead ?? null;
    if (grant === null || bead === null || attemptsOf(rig, bead).some((one) => one.dispatch_id === dispatchId))
      continue;
    const wasSeen = fact.type === "agent.exited";
    keep(rig, bead, {
      dispatch_id: dispatchId,
      agent_id: agentId,
      ended_at: iso(rig.ports.now()),
      status: wasSeen && fact.outcome === "completed" ? "completed" : "failed",
      reason: clip(cleanText(reason)),
      tail: "",
      unknown: isKnownToRun(rig, dispatchId, grant.seq) ? ["output"] : ["run", "output"],
    });
  }
}

/** Its container has said that it has it, or it was heard of. @param since seq of its grant: what was said before is not of it */
function isKnownToRun(rig: Rig, dispatchId: string, since: number): boolean {
  const rows = rig.ports.sql.exec(
    "SELECT 1 FROM journal WHERE seq > ? AND type IN ('start.accepted', 'agent.heard') AND json_extract(body, '$.dispatchId') = ? LIMIT 1",
    since,
    dispatchId,
  );
  return rows.toArray().length > 0;
}

function keep(rig: Rig, beadId: string, attempt: Attempt): void {
  const kept = attemptsOf(rig, beadId);
  const at = kept.findIndex((one) => one.dispatch_id === attempt.dispatch_id);
  const all = at < 0 ? [...kept, attempt] : kept.with(at, attempt);
  writeContent(rig.ports.sql, "attempts", beadId, all.slice(-LIMITS.attempts_kept));
}

/** Of a container that knows no dispatch ids: who ends is the newest. */
function newestOf({ world }: Rig, agentId: string): string | null {
  const agent = world.agents.get(agentId)?.context;
  return agent === undefined ? null : `${agent.id}:${agent.dispatchN}`;
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
