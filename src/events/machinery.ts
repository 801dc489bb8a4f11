import * as z from "zod";
import { AN, BY, id, ms, reason, TEXT } from "./fields.ts";
import { LIMITS } from "./limits.ts";
import { fact, KINDS } from "./row.ts";

/** In the order in which journals out there were written with it. */
const AnyKind = z.enum(KINDS);

/** Facts about the rig's own machinery. */
export const MACHINERY_FACTS = [
  fact(
    "effect.failed",
    {
      key: z.string().max(2 * LIMITS.id_chars),
      kind: z.string().max(64),
      agentId: id.nullable(),
      error: reason,
      attempts: ms,
    },
    {
      to: [],
      example: {
        key: "agent-x:1:container.stop",
        kind: "container.stop",
        agentId: AN.agentId,
        error: TEXT,
        attempts: 4,
      },
    },
  ),
  fact(
    "actor.quarantined",
    { kind: AnyKind, id, error: reason },
    {
      to: ["rig"],
      about: (damaged) => [damaged],
      example: { kind: "agent", id: AN.agentId, error: TEXT },
      ignored: { rig: "Of interest only as the end of the probe: nobody can hear its agent any more." },
    },
  ),
  /** Version 2: with the state that it is taken back in, or null when it has one and only threw. */
  fact(
    "actor.repaired",
    {
      kind: AnyKind,
      id,
      by: id,
      state: z.object({ v: z.int(), value: z.json(), context: z.json() }).nullable(),
    },
    { to: [], about: (repaired) => [repaired], example: { kind: "agent", id: AN.agentId, by: BY, state: null } },
  ),
] as const;
