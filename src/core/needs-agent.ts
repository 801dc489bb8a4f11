import type { Level, NeedCode } from "../events/needs.ts";
import { isUndecided } from "../machines/agent/context.ts";
import { isEndingAlike } from "../machines/agent/ends.ts";
import { takenAsIs } from "../machines/agent/says.ts";
import type { AgentSnapshot } from "../machines/agent.ts";
import type { Draft } from "./needs.ts";
import type { World } from "./world.ts";

/** What an agent's own state needs of a person. */

/** The need of an agent's own state, or null: it works, waits for time, or is free. */
export function agentNeed(
  world: World,
  agent: AgentSnapshot,
): { code: NeedCode; level: Level; until: number | null } | null {
  if (agent.matches({ blocked: "onHelp" }) && isUndecided(agent.context))
    return { code: "hand_in_refused", level: "now", until: null };
  if (agent.context.handIn?.isUnanswered === true && agent.matches({ exited: "handing_in" }))
    return { code: "hand_in_unanswered", level: "soon", until: agent.context.handIn.askAt };
  if (agent.matches({ blocked: "onHelp" })) return { code: "question", level: "now", until: null };
  if (agent.matches({ blocked: "onPermission" })) return { code: "permission", level: "now", until: null };
  if (agent.matches({ blocked: "overBudget" })) return { code: "over_budget", level: "now", until: null };
  if (agent.matches({ blocked: "notAuthorized" })) return { code: "not_authorized", level: "now", until: null };
  if (agent.matches({ blocked: "quarantined" }))
    return { code: "agent_rests", level: "soon", until: agent.context.quarantinedUntil };
  const isStalled =
    agent.matches({ working: { progress: "escalated" } }) && !agent.matches({ working: { process: "draining" } });
  const { progressAt, waiting, told, stretch } = agent.context;
  if (agent.matches({ working: { progress: "overdue" } }) && !agent.matches({ working: { process: "draining" } }))
    return { code: "model_silent", level: "soon", until: null };
  if (agent.matches({ working: { process: "running" } })) {
    if (told === "silent" && !isStalled) return { code: "no_output", level: "soon", until: null };
    if (stretch?.isTold === true && !isStalled) return { code: "fruitless", level: "soon", until: null };
    if (told === "busy" && !isStalled && waiting === undefined) return { code: "busy", level: "know", until: null };
  }
  if (isStalled)
    return {
      code: "stalled",
      level: "soon",
      until: progressAt === null ? null : progressAt + world.rig.context.settings.gupp_restart_ms,
    };
  return isEndingAlike(agent.context) ? { code: "early_ends", level: "soon", until: null } : null;
}

/** What was said of a hand-in that was refused for the last time. */
export function refusalOf(world: World, { hook, handIn }: AgentSnapshot["context"]): Draft["values"] {
  const { refusal, refusals = 0 } = world.beads.get(hook ?? "")?.context ?? {};
  const commit = handIn?.refused?.commit ?? null;
  return {
    as_is: refusal !== undefined && takenAsIs(refusal.code) ? (commit ?? "") : "",
    refusals,
    refusal: refusal?.code ?? "unknown",
    sentence: refusal?.sentence ?? "nothing was said",
  };
}
