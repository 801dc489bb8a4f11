/** What the rig lets its agents spend: what it said last, less what has been spent since. Asked before each answer, so that none too many is paid for. */
import {
  NOTHING_SPENT,
  type Spent,
  type Used as Tokens,
  estimate,
  plusSpent,
  reaches,
  spentText,
} from "../../../src/events/budget.ts";
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
  readonly open: (rigId: string, beadId: string | null, used: () => Used | null) => DispatchBudget;
}

interface Entry {
  readonly beadId: string | null;
  readonly used: () => Used | null;
  order: BudgetOrder | undefined;
}

/** What a dispatch had spent at its end, as far as the rig had not said that it is counted: it may never hear of it. */
interface Unheard {
  readonly beadId: string | null;
  readonly day_ends_at: string;
  readonly spent: Spent;
}

interface RigBudget {
  readonly entries: Set<Entry>;
  /** The newest order of any of its dispatches: what its day had left then. */
  newest: BudgetOrder | undefined;
  unheard: readonly Unheard[];
}

type CountedThen = Omit<NonNullable<BudgetOrder["counted"]>, "session">;
const NOTHING_COUNTED: CountedThen = { ...NOTHING_SPENT };

/** What was used after the rig had counted: it alone is estimated by the prices of now, which may be others than those of then. */
const since = (now: Used, { input_tokens = 0, cached_tokens = 0, output_tokens = 0 }: CountedThen): Tokens => ({
  inputTokens: Math.max(0, now.input_tokens - input_tokens),
  cachedTokens: Math.max(0, now.cached_tokens - cached_tokens),
  outputTokens: Math.max(0, now.output_tokens - output_tokens),
});

/** What a dispatch has spent that was not in the rig's count when it said what is left. */
function uncounted({ used, order }: Entry): Spent {
  const now = used();
  if (now === null || order === undefined) return NOTHING_SPENT;
  const { counted } = order;
  const before = counted?.session === now.session ? counted : NOTHING_COUNTED;
  const cost =
    now.cost_microdollars ?? before.microdollars + (estimate(since(now, before), now.model, order.prices) ?? 0);
  return {
    tokens: Math.max(0, now.input_tokens + now.output_tokens - before.tokens),
    microdollars: Math.max(0, cost - before.microdollars),
  };
}

const sumOf = (all: readonly Spent[]): Spent => all.reduce(plusSpent, NOTHING_SPENT);
const isNewer = (order: BudgetOrder, than: BudgetOrder | undefined): boolean =>
  than === undefined || order.as_of >= than.as_of;

function refusalOf(rig: RigBudget, entry: Entry): Refused | null {
  const { order, beadId } = entry;
  if (order === undefined) return null;
  const unheard = rig.unheard.filter((one) => one.day_ends_at === order.day_ends_at);
  const ofBead = unheard.filter((one) => one.beadId === beadId && beadId !== null);
  const mine = sumOf([uncounted(entry), ...ofBead.map(({ spent }) => spent)]);
  if (reaches(mine, order.bead))
    return {
      says: `the budget of this bead is used up: ${spentText(mine, order.bead)} since it was counted last`,
      until: null,
    };
  const all = sumOf([...Array.from(rig.entries, uncounted), ...unheard.map(({ spent }) => spent)]);
  if (!reaches(all, (rig.newest ?? order).day)) return null;
  return {
    says: `the rig's budget of the day is used up, until ${order.day_ends_at}`,
    until: order.day_retry_ms === undefined ? Date.parse(order.day_ends_at) : Date.now() + order.day_retry_ms,
  };
}

/** Dispatches whose last words may be lost, of one rig; the oldest are forgotten. */
const UNHEARD_MAX = 1_000;

export function createBudgets(): Budgets {
  const rigs = new Map<string, RigBudget>();

  const open = (rigId: string, beadId: string | null, used: () => Used | null): DispatchBudget => {
    const rig: RigBudget = rigs.get(rigId) ?? { entries: new Set(), newest: undefined, unheard: [] };
    rigs.set(rigId, rig);
    const entry: Entry = { beadId, used, order: undefined };
    rig.entries.add(entry);
    return {
      take: (order) => {
        if (order === undefined) {
          entry.order = undefined;
          rig.newest = undefined;
          return;
        }
        if (isNewer(order, entry.order)) entry.order = order;
        if (isNewer(order, rig.newest)) rig.newest = order;
      },
      refusal: () => refusalOf(rig, entry),
      inFlight: () => entry.order?.answers_in_flight ?? Number.POSITIVE_INFINITY,
      close: () => {
        if (!rig.entries.delete(entry)) return;
        const spent = uncounted(entry);
        const { order } = entry;
        const today = rig.unheard.filter((one) => one.day_ends_at === order?.day_ends_at);
        rig.unheard =
          order === undefined || (spent.tokens === 0 && spent.microdollars === 0)
            ? today
            : [...today, { beadId, day_ends_at: order.day_ends_at, spent }].slice(-UNHEARD_MAX);
        if (rig.entries.size === 0 && rig.unheard.length === 0) rigs.delete(rigId);
      },
    };
  };
  return { open };
}
