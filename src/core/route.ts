import { assertNever } from "../events/effects.ts";
import { FACT_TYPES, rowOf, type Fact, type FactType } from "../events/facts.ts";
import type { Kind, Receiver } from "../events/row.ts";
import { get, type World } from "./world.ts";

/** One actor that a fact goes to. A fact about a `must` target that does not exist is recorded as misdirected. */
export interface Target {
  readonly kind: Kind;
  readonly id: string;
  readonly must: boolean;
}

const to = (kind: Kind, id: string, must = true): Target => ({ kind, id, must });
const rig = to("rig", "rig");
/** Ids that a fact may carry; a row's type lets it name as receiver only what its fact has the id of. */
type Ids = Fact & { readonly agentId: string; readonly beadId: string; readonly reviewId: string };
type Route = (world: World, fact: Fact) => Target[];

/** The actors that take a fact, in the order in which they take it: what its row says. */
export const route: Route = (world, fact) => ROUTES[fact.type](world, fact);

const ROUTES = Object.fromEntries(FACT_TYPES.map((type) => [type, routeOf(type)])) as Record<FactType, Route>;

function routeOf(type: FactType): Route {
  const { to: receivers, makes } = rowOf(type);
  return (world, fact) => {
    const targets: Target[] = [];
    for (const receiver of receivers) receive(world, fact as Ids, receiver, makes, targets);
    return targets;
  };
}

function receive(world: World, fact: Ids, receiver: Receiver, makes: Kind | undefined, targets: Target[]): void {
  switch (receiver) {
    case "rig":
      targets.push(rig);
      return;
    case "queue":
    case "budget":
    case "accounts":
      // Old journals have none, and nobody misses it there.
      if (world[receiver] !== undefined || makes === receiver) targets.push(to(receiver, receiver, false));
      return;
    case "agent":
      targets.push(to("agent", fact.agentId, makes !== "agent"));
      return;
    case "bead":
      targets.push(to("bead", fact.beadId, makes !== "bead"));
      return;
    case "bead?":
      targets.push(to("bead", fact.beadId, false));
      return;
    case "bead on its hook?": {
      const hook = get(world, "agent", fact.agentId)?.context.hook ?? null;
      if (hook !== null) targets.push(to("bead", hook, false));
      return;
    }
    case "review":
      targets.push(to("review", fact.reviewId, makes !== "review"));
      return;
    case "every agent":
      for (const id of world.agents.keys()) targets.push(to("agent", id));
      return;
    case "every open review":
      for (const id of world.index.queued) targets.push(to("review", id));
      for (const id of world.index.merging) targets.push(to("review", id));
      return;
    default:
      return assertNever(receiver);
  }
}
