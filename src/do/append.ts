import { forbidden, type Caller, type Command, type Refusal } from "../core/decide/index.ts";
import type { JsonValue } from "../events/json.ts";
import { tooMuchToSay } from "./growth.ts";
import * as queries from "./queries.ts";
import type { Rig } from "./rig.ts";

/** Keeps what an agent says of itself. @returns the command that it amounts to, or why it is not kept */
export function append(rig: Rig, agentId: string, type: string, data: JsonValue, caller: Caller): Command | Refusal {
  const notAllowed = forbidden(rig.world, { type: "progressed", agentId, what: type }, caller);
  if (notAllowed !== null) return notAllowed;
  if (!rig.world.agents.has(agentId)) return { ok: false, status: 404, error: `no agent ${agentId} in this rig` };
  const refusal = tooMuchToSay(rig, data);
  if (refusal !== null) return refusal;
  queries.appendAgentEvent(rig, agentId, type, data);
  if (/^permission\.(asked|updated|requested)$/.test(type))
    return { type: "permission_asked", agentId, prompt: JSON.stringify(data).slice(0, 500) };
  return /^permission\.(replied|answered|granted|denied)$/.test(type)
    ? { type: "permission_answered", agentId }
    : { type: "progressed", agentId, what: type };
}
