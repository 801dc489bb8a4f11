import { Fact, type FactType } from "../../src/events/facts.ts";
import { route } from "../../src/machines/route.ts";
import { initial, type Kind } from "../../src/machines/step.ts";
import type { MachineEvent } from "../../src/machines/event.ts";
import { createWorld, put } from "../../src/machines/world.ts";

export const FACT_TYPES: readonly FactType[] = Fact.options.map((option) => option.shape.type.value);

/** Which facts reach which kind of actor: asked of `route` itself, in a world that has one of each. */
export function routedFacts(): Record<Kind, FactType[]> {
  const world = createWorld();
  const stamp = { seq: 1, at: 0, cause: null, settings: world.rig.context.settings };
  put(world, "agent", "a", initial("agent", { ...stamp, type: "agent.registered", agentId: "a", role: "polecat", name: "a", identity: "a" } as MachineEvent));
  put(world, "bead", "b", initial("bead", { ...stamp, type: "bead.created", beadId: "b", beadType: "issue", blockedBy: [] } as unknown as MachineEvent));
  put(world, "review", "r", initial("review", { ...stamp, type: "review.opened", reviewId: "r", beadId: "b", agentId: "a" } as MachineEvent));
  const agent = world.agents.get("a");
  if (agent) put(world, "agent", "a", { ...agent, context: { ...agent.context, hook: "b" } } as typeof agent);
  const routed: Record<Kind, FactType[]> = { agent: [], bead: [], review: [], rig: [] };
  for (const type of FACT_TYPES) {
    const kinds = new Set(route(world, { type, agentId: "a", beadId: "b", reviewId: "r" } as Fact).map((target) => target.kind));
    for (const kind of kinds) routed[kind].push(type);
  }
  return routed;
}
