import { moneyModel } from "./model/money.ts";
import { agentModel, driverModel } from "./model/agent.ts";
import { beadModel } from "./model/bead.ts";
import { explore, type Explored, type Model } from "./model/explore.ts";
import { accountsModel } from "./model/accounts.ts";
import { budgetModel, townBudgetModel } from "./model/budget.ts";
import { queueModel } from "./model/queue.ts";
import { reviewModel } from "./model/review.ts";
import { outageModel, rigModel } from "./model/rig.ts";

/**
 * Paths of facts through every chart, generated from the charts: to every reachable state, over every transition, with
 * every guard answered both ways. Data only: any host that can journal facts can be driven along them.
 */

export const MODELS: readonly Model[] = [
  agentModel("polecat"),
  agentModel("mayor"),
  driverModel,
  moneyModel,
  beadModel("issue"),
  beadModel("message"),
  beadModel("issue", { withAgent: true }),
  beadModel("issue", { withAgent: true, inChain: true }),
  reviewModel,
  rigModel,
  outageModel,
  queueModel,
  budgetModel,
  townBudgetModel,
  accountsModel,
];

const explored = new Map<Model, Explored>();

/** Explores each model once. */
export function exploreAll(): readonly Explored[] {
  return MODELS.map((model) => {
    const known = explored.get(model) ?? explore(model);
    explored.set(model, known);
    return known;
  });
}

export type { Path } from "./model/explore.ts";
export type { Move } from "./model/world.ts";
