import { NOTHING_SPENT, plusSpent, reaches, type Caps, type Spent } from "../events/budget.ts";
import { budgetOf, type Settings } from "../events/settings.ts";
import type { MachineEvent } from "./event.ts";

/** What a report of spending adds, and what a bead may spend. */

/** What the event says was spent. */
export const spentIn = (event: MachineEvent): Spent => {
  if (event.type !== "spend.counted") return NOTHING_SPENT;
  const { inputTokens, outputTokens, costMicrodollars } = event;
  return { tokens: inputTokens + outputTokens, microdollars: costMicrodollars ?? 0 };
};

/** What a bead remembers of its money. Absent before anything was spent, or raised. */
export interface BeadMoney {
  readonly spent?: Spent;
  /** What people have let it spend beyond the rig's cap. */
  readonly raised?: Spent;
}

/** A rig's cap for each bead, and what this one was raised by. */
export function beadCaps({ raised = NOTHING_SPENT }: BeadMoney, settings: Settings): Caps {
  const { bead_tokens, bead_microdollars } = budgetOf(settings);
  return {
    tokens: bead_tokens === null ? null : bead_tokens + raised.tokens,
    microdollars: bead_microdollars === null ? null : bead_microdollars + raised.microdollars,
  };
}

/** Whether a bead may spend nothing more. */
export const isBeadCapped = (money: BeadMoney, settings: Settings): boolean =>
  reaches(money.spent ?? NOTHING_SPENT, beadCaps(money, settings));

export const spentAfter = ({ spent = NOTHING_SPENT }: BeadMoney, event: MachineEvent): Spent =>
  plusSpent(spent, spentIn(event));
