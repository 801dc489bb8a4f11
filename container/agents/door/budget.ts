/** What the rig lets its agents spend: what it said last, less what has been spent since. Asked before each answer, so that none too many is paid for. */
import { type Spent, estimate, reaches, spentText } from "../../../src/events/budget.ts";
import type { BudgetOrder } from "../../../src/wire/agent-reports.ts";
import type { Usage } from "../drivers/vocabulary.ts";

/** What a conversation has used from its beginning, as it is told to the rig. */
export interface Used extends Usage {
  readonly session: string;
}

/** Why the next answer is refused. `until`: when the rig's day ends, ms; null: a person must raise the bead's cap. */
export interface Refused {
  readonly says: string;
  readonly until: number | null;
}

export interface DispatchBudget {
  /** What the rig says now; absent: nothing is capped. */
  readonly take: (order: BudgetOrder | undefined) => void;
  readonly refusal: () => Refused | null;
  /** How many answers may be under way at once. */
  readonly inFlight: () => number;
  /** Nothing more is spent by it. */
  readonly close: () => void;
}

export interface Budgets {
  /** @param used asked whenever it matters */
  readonly open: (rigId: string, used: () => Used | null) => DispatchBudget;
}

interface Entry {
  readonly used: () => Used | null;
  order: BudgetOrder | undefined;
}

const NONE: Spent = { tokens: 0, microdollars: 0 };

/** What a dispatch has spent that was not in the rig's count when it said what is left. */
function uncounted({ used, order }: Entry): Spent {
  const now = used();
  if (now === null || order === undefined) return NONE;
  const { counted } = order;
  const before = counted?.session === now.session ? counted : NONE;
  const cost =
    now.cost_microdollars ??
    estimate(
      { inputTokens: now.input_tokens, cachedTokens: now.cached_tokens, outputTokens: now.output_tokens },
      now.model,
      order.prices,
    ) ??
    0;
  return {
    tokens: Math.max(0, now.input_tokens + now.output_tokens - before.tokens),
    microdollars: Math.max(0, cost - before.microdollars),
  };
}

export function createBudgets(): Budgets {
  /** The dispatches of each rig, and what its day had left when one of them was told last. */
  const rigs = new Map<string, { readonly entries: Set<Entry>; newest: BudgetOrder | undefined }>();

  const open = (rigId: string, used: () => Used | null): DispatchBudget => {
    const rig = rigs.get(rigId) ?? { entries: new Set<Entry>(), newest: undefined };
    rigs.set(rigId, rig);
    const entry: Entry = { used, order: undefined };
    rig.entries.add(entry);

    const refusal = (): Refused | null => {
      const { order } = entry;
      if (order === undefined) return null;
      const mine = uncounted(entry);
      if (reaches(mine, order.bead))
        return {
          says: `the budget of this bead is used up: ${spentText(mine, order.bead)} since it was counted last`,
          until: null,
        };
      const day = (rig.newest ?? order).day;
      const all = [...rig.entries]
        .map(uncounted)
        .reduce(
          (sum, one) => ({ tokens: sum.tokens + one.tokens, microdollars: sum.microdollars + one.microdollars }),
          NONE,
        );
      if (!reaches(all, day)) return null;
      const until = Date.parse(order.day_ends_at);
      return { says: `the rig's budget of the day is used up, until ${order.day_ends_at}`, until };
    };

    return {
      take: (order) => {
        entry.order = order;
        rig.newest = order;
      },
      refusal,
      inFlight: () => entry.order?.answers_in_flight ?? Number.POSITIVE_INFINITY,
      close: () => {
        rig.entries.delete(entry);
        if (rig.entries.size === 0) rigs.delete(rigId);
      },
    };
  };
  return { open };
}
