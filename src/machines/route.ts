import { assertNever } from "../events/effects.ts";
import type { Fact } from "../events/facts.ts";
import type { Kind } from "./step.ts";
import { get, type World } from "./world.ts";

/** One actor that a fact goes to. A fact about a `must` target that does not exist is recorded as misdirected. */
export interface Target {
  readonly kind: Kind;
  readonly id: string;
  readonly must: boolean;
}

const to = (kind: Kind, id: string, must = true): Target => ({ kind, id, must });
const rig = to("rig", "rig");

/** The actors that take a fact, in the order in which they take it. A TICK, a drain and the end go to every agent. */
export function route(world: World, fact: Fact): Target[] {
  switch (fact.type) {
    case "TICK":
      return [...everyAgent(world), ...everyReview(world), rig];
    case "rig.draining":
    case "rig.destroyed":
      return [rig, ...everyAgent(world)];
    case "rig.configured":
    case "rig.settings_changed":
    case "rig.paused":
    case "rig.resumed":
    case "rig.activity_changed":
    case "container.unreachable":
    case "container.reachable":
      return [rig];
    case "agent.registered":
      return [to("agent", fact.agentId, false)];
    case "agent.deleted": {
      const hook = get(world, "agent", fact.agentId)?.context.hook ?? null;
      return [to("agent", fact.agentId), ...(hook === null ? [] : [to("bead", hook, false)]), rig];
    }
    case "agent.hooked":
      return [to("agent", fact.agentId), to("bead", fact.beadId)];
    case "agent.unhooked":
      return [to("agent", fact.agentId), to("bead", fact.beadId, false), rig];
    case "dispatch.granted":
      return [to("agent", fact.agentId), to("bead", fact.beadId), rig];
    case "dispatch.failed":
      return [to("bead", fact.beadId), rig];
    case "start.accepted":
    case "start.refused":
    case "start.unknown":
    case "permission.answered":
    case "agent.answered":
      return [to("agent", fact.agentId)];
    case "agent.heard":
    case "agent.progressed":
    case "agent.checkpointed":
    case "agent.exited":
    case "agent.asked_help":
    case "permission.asked":
    case "agent.done":
      return [to("agent", fact.agentId), rig];
    case "bead.created":
      return [to("bead", fact.beadId, false)];
    case "bead.status_set":
    case "bead.closed":
    case "bead.cancelled":
    case "bead.deleted":
    case "bead.unblocked":
    case "bead.failed":
    case "bead.merged":
    case "bead.conflicted":
    case "attempts.reset":
    case "review.submitted":
      return [to("bead", fact.beadId)];
    case "review.opened":
      return [to("review", fact.reviewId, false)];
    case "review.granted":
    case "review.completed":
    case "review.cancelled":
    case "merge.refused":
    case "merge.unknown":
      return [to("review", fact.reviewId)];
    case "actor.quarantined":
      return [rig];
    // Kept for the record: what they tell is in their rows, and no chart moves on it.
    case "report.stale":
    case "mail.sent":
    case "mail.delivered":
    case "escalation.joined":
    case "effect.failed":
    case "actor.repaired":
      return [];
    default:
      return assertNever(fact);
  }
}

const everyAgent = (world: World): Target[] => Array.from(world.agents.keys(), (id) => to("agent", id));
const everyReview = (world: World): Target[] => [...world.index.queued, ...world.index.merging].map((id) => to("review", id));
