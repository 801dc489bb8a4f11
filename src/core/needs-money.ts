import type { NeedCode } from "../events/needs.ts";
import { dayOf, NOTHING_SPENT, spentText } from "../events/budget.ts";
import { budgetDeadline, capsOn, leaseOf } from "../machines/budget.ts";
import { beadCaps } from "../machines/spend.ts";
import type { Of } from "./needs-queue.ts";
import { isCapped } from "./schedule.ts";
import type { World } from "./world.ts";

/** What is spent: of the rig's day, and of beads. */
export function ofMoney(world: World, of: Of): void {
  const { budget, rig } = world;
  const { settings } = rig.context;
  // Who has not asked its town for anything yet wants nothing.
  const hasLease = leaseOf(settings, {}, 0) === null || (budget?.context.leases ?? []).length > 0;
  if (budget?.value === "capped" && hasLease) {
    const need = of("day_budget", "day_budget", "now", budget.context.updatedAt);
    need.until = budgetDeadline(budget, settings);
    need.values = { spent: spentText(budget.context.today, capsOn(settings, budget.context, dayOf(world.at))) };
  }
  for (const bead of world.beads.values()) {
    if (bead.context.type !== "issue" || bead.hasTag("terminal") || bead.value === "in_review") continue;
    const agent = world.agents.get(bead.context.assignee ?? "");
    if (!isCapped(world, bead) || agent?.hasTag("slot") === true) continue;
    const need = of(`bead_budget:${bead.context.id}`, "bead_budget", "now", bead.context.updatedAt);
    need.beads.add(bead.context.id);
    if (agent !== undefined) need.agents.add(agent.context.id);
    need.values = { spent: spentText(bead.context.spent ?? NOTHING_SPENT, beadCaps(bead.context, settings)) };
  }
}

/** That of its bead says more than that an agent has used up its budget. */
export const tellsOf = (need: { readonly code: NeedCode }, code: NeedCode): boolean =>
  need.code === code || (code === "over_budget" && need.code === "bead_budget");
