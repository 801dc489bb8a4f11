import type { Settings } from "../../events/settings.ts";
import { agentDeadline, type AgentSnapshot } from "../../machines/agent.ts";
import { beadDeadline } from "../../machines/bead.ts";
import { reviewDeadline } from "../../machines/review.ts";
import { gateOf, rigDeadline } from "../../machines/rig.ts";
import { singleDeadline, singlesOf, type World } from "../world.ts";
import { isExcused, type Violation } from "./rules.ts";
import { leafOf } from "./wakers.ts";

const deadlines = new WeakMap<AgentSnapshot, { readonly settings: Settings; readonly at: number | null }>();

/** When an agent must see a TICK next, ms, or null: asked of its chart, once per snapshot and settings. What the world has noted is not believed. */
export function deadlineOfAgent(agent: AgentSnapshot, settings: Settings): number | null {
  const known = deadlines.get(agent);
  if (known?.settings === settings) return known.at;
  const at = agentDeadline(agent, settings);
  deadlines.set(agent, { settings, at });
  return at;
}

/** Deadlines that the TICK at the world's time should have served; any that is left would ring the alarm for ever. */
export function overdue(world: World): Violation[] {
  if (gateOf(world.rig) === "destroyed") return [];
  const found: Violation[] = [];
  const { settings } = world.rig.context;
  const consider = (actor: string, state: unknown, at: number | null): void => {
    if (at !== null && at <= world.at)
      found.push({
        rule: "deadlines_are_served",
        actor,
        text: `is ${leafOf(state)}, and its deadline was over ${world.at - at} ms before the TICK`,
      });
  };
  for (const [id, agent] of world.agents) {
    // Who exited in this very TICK is taken up by the next one.
    const ended = agent.matches("exited") && !agent.matches({ exited: "handing_in" });
    if (!isExcused(world, "agent", id) && !ended)
      consider(`agent:${id}`, agent.value, deadlineOfAgent(agent, settings));
    else if (ended && agent.context.exit !== null && agent.context.exit.at < world.at && !isExcused(world, "agent", id))
      consider(`agent:${id}`, agent.value, agent.context.exit.at);
  }
  for (const [id, review] of world.reviews)
    if (!isExcused(world, "review", id)) consider(`review:${id}`, review.value, reviewDeadline(review, settings));
  for (const [kind, { value }] of singlesOf(world))
    if (!isExcused(world, kind, kind)) consider(`${kind}:${kind}`, value, singleDeadline(world, kind));
  if (!world.broken.has("rig:rig")) consider("rig:rig", "suspended", rigDeadline(world.rig));
  return found;
}

/** The next deadline that a TICK must serve, ms, or null: nothing waits for time. */
export function nearestDeadline(world: World): number | null {
  const { settings } = world.rig.context;
  let nearest = rigDeadline(world.rig);
  const consider = (at: number | null) => {
    if (at !== null && (nearest === null || at < nearest)) nearest = at;
  };
  for (const [id, agent] of world.agents)
    if (!isExcused(world, "agent", id)) consider(deadlineOfAgent(agent, settings));
  for (const [id, bead] of world.beads) if (!isExcused(world, "bead", id)) consider(beadDeadline(bead, world.at));
  for (const [id, review] of world.reviews)
    if (!isExcused(world, "review", id)) consider(reviewDeadline(review, settings));
  for (const [kind] of singlesOf(world)) if (!isExcused(world, kind, kind)) consider(singleDeadline(world, kind));
  return nearest;
}
