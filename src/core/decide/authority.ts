import { dispatchNumber } from "../../events/dispatch-id.ts";
import type { Role } from "../../events/facts.ts";
import { currentDispatch } from "../../machines/agent.ts";
import { fenceOf } from "../../machines/rig.ts";
import { actorKey, get, type World } from "../world.ts";
import type { AgentCaller, Caller, Refusal } from "./command.ts";
import { refuse } from "./tools.ts";

/**
 * Who may do what to whom. Each command's row names one rule; `decide` asks it before the handler runs, and what no rule
 * allows is refused. Whether the actor exists and its chart takes the fact is not asked here: that is the handler's.
 */
export interface Rule<C> {
  /** Who it lets through, for the refusal and for docs/access.md: "operators", "the agent itself". */
  readonly says: string;
  readonly holds: (who: Caller, command: C, world: World) => boolean;
}

/** The role that an agent has in this rig; a mayor from another rig of the town is what its own rig says. */
export const roleOf = (world: World, who: AgentCaller): Role | null =>
  who.isAtHome ? (world.agents.get(who.id)?.context.role ?? null) : who.role;

/** Lets through whoever one of the rules lets through. */
export const anyOf = <C>(...rules: Rule<C>[]): Rule<C> => ({
  says: rules.map(({ says }) => says).join(", "),
  holds: (who, command, world) => rules.some((rule) => rule.holds(who, command, world)),
});

export const system: Rule<unknown> = { says: "Ticktown itself", holds: (who) => who.kind === "system" };

/** What an operator's token is good for is looked at once more: a reader changes nothing, whichever way it came. */
export const operators: Rule<unknown> = {
  says: "operators",
  holds: (who) => who.kind === "operator" && who.scope !== "read",
};

export const mayors: Rule<unknown> = {
  says: "mayors",
  holds: (who, _, world) => who.kind === "agent" && roleOf(world, who) === "mayor",
};

/** Any agent of this rig. */
export const anyAgent: Rule<unknown> = { says: "agents", holds: (who) => who.kind === "agent" && who.isAtHome };

export const itself: Rule<{ readonly agentId: string | null }> = {
  says: "the agent itself",
  holds: (who, { agentId }) => who.kind === "agent" && who.isAtHome && who.id === agentId,
};

/** The bead that is in the agent's hands, or was what its newest dispatch worked on. An unknown bead is nobody's: the handler says so. */
export const ownBead: Rule<{ readonly beadId: string }> = {
  says: "the agent whose bead it is",
  holds: (who, { beadId }, world) => {
    if (who.kind !== "agent" || !who.isAtHome) return false;
    const bead = get(world, "bead", beadId);
    if (bead === undefined || bead.context.assignee === who.id) return true;
    const agent = world.agents.get(who.id);
    return bead.context.assignee === null && agent !== undefined && agent.context.dispatchBead === beadId;
  },
};

/**
 * Who was given a review to merge: a container, by the credential of one claim that came with the order to merge; or the
 * rig's refinery, which names the claim that it speaks of. The author of a branch is never its judge (F-104).
 */
export const holder: Rule<{ readonly reviewId: string; readonly claimId: string | null }> = {
  says: "the holder of the claim",
  holds: (who, { reviewId, claimId }, world) => {
    if (who.kind === "container")
      return who.trainId === undefined && who.reviewId === reviewId && who.dispatchId === claimId;
    if (who.kind !== "agent" || !who.isAtHome || roleOf(world, who) !== "refinery") return false;
    const review = get(world, "review", reviewId);
    return review === undefined || (claimId !== null && review.context.agentId !== who.id);
  },
};

/** The container that was given a train, by the credential that came with it. No agent judges what gets onto the target, its own rig's refinery neither. */
export const runsTrain: Rule<{ readonly trainId: string }> = {
  says: "the container that runs the train",
  holds: (who, { trainId }) => who.kind === "container" && who.trainId === trainId,
};

/**
 * The speaker, with the dispatch that it speaks for. Of a container that knows no dispatch ids what a token names is ignored (F-402): its
 * process keeps the token of its first start, so an agent is fenced by who it is and by its hook, and speaks for its newest dispatch.
 */
export function fenced(world: World, who: Caller): Caller {
  if (who.kind !== "agent" || !who.isAtHome || fenceOf(world.rig) !== "agent") return who;
  const agent = world.agents.get(who.id);
  return agent === undefined ? who : { ...who, dispatchId: currentDispatch(agent.context) };
}

/**
 * Whether an agent's token is still good: it dies with its agent and its rig (F-602). Past its end it counts while its
 * dispatch is the live one, which the patrol holds against the container's heartbeats.
 * @returns null for a good one, and for whoever is no agent.
 */
export function admit(world: World, speaker: Caller): Refusal | null {
  const who = fenced(world, speaker);
  if (who.kind !== "agent") return null;
  const { config, imported } = world.rig.context;
  if (who.isAtHome && imported !== undefined && (who.madeAt ?? 0) < Math.floor(imported.at / 1_000) * 1_000)
    return refuse(401, "the token is of before this rig was brought back from a file; its dispatch has ended");
  if (!who.isAtHome)
    return who.role === "mayor" && config?.townId === who.townId
      ? null
      : refuse(403, "this rig is of another town; a mayor may do something in the rigs of its own");
  const agent = world.agents.get(who.id);
  // One that is set aside for repair has not gone; nothing is known of its role either.
  if (agent === undefined && world.broken.has(actorKey("agent", who.id))) return null;
  if (agent === undefined || (config !== null && config.townId !== who.townId))
    return refuse(401, `the token is of agent ${who.id}, which this rig has no more; a token ends with its agent`);
  if (who.role !== null && who.role !== agent.context.role)
    return refuse(401, `the token says ${who.role}, but agent ${who.id} is a ${agent.context.role}`);
  if (!who.isExpired) return null;
  const isLive =
    who.dispatchId !== null &&
    dispatchNumber(who.id, who.dispatchId) === agent.context.dispatchN &&
    agent.hasTag("patrolled");
  return isLive ? null : refuse(401, "the token has expired, and its dispatch is not running any more");
}

/** @returns the refusal of somebody who may not do this here and now, or null. */
export function mayNot<C extends { readonly type: string }>(
  world: World,
  who: Caller,
  command: C,
  rule: Rule<C>,
): Refusal | null {
  const dead = admit(world, who);
  if (dead !== null) return dead;
  if (rule.holds(who, command, world)) return null;
  const speaker = who.kind === "agent" ? `agent ${who.id} (${roleOf(world, who) ?? "of unknown role"})` : who.id;
  return refuse(403, `${speaker} may not do this (${command.type.replaceAll("_", " ")}) here; it is for: ${rule.says}`);
}
