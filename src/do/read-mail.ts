import type { Caller, Command, Refusal } from "../core/decide/index.ts";
import { dispatchOf } from "./mail.ts";
import * as queries from "./queries.ts";
import { execute, type Rig } from "./rig.ts";
import type { WireMail } from "./shapes.ts";

/** The letters as they were before they were read. A person's look changes nothing. */
export function readMail(rig: Rig, agentId: string, caller: Caller): WireMail[] | Refusal {
  const reader = caller.kind === "agent" ? dispatchOf(rig, agentId) : null;
  const letters = queries.undeliveredMail(rig, agentId, reader);
  const read: Command = { type: "read_mail", agentId, mailIds: letters.map(({ id }) => id) };
  const decision = execute(rig, read, caller);
  if (!decision.ok) return decision;
  // An older dispatch must not read away what the newer one is meant to see.
  return decision.stale === true ? [] : letters;
}
