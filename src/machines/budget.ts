import { and, assign, not, setup, type SnapshotFrom } from "xstate";
import type { Effect } from "../events/effects.ts";
import type { Fact } from "../events/facts.ts";
import {
  dayOf,
  NOTHING_SPENT,
  plusSpent,
  reaches,
  spentText,
  startOfDay,
  type Caps,
  type Spent,
} from "../events/budget.ts";
import { budgetOf, isOfCappedTown, type Settings } from "../events/settings.ts";
import { expect, type EventOf, type MachineEvent } from "./event.ts";
import { spentIn } from "./spend.ts";

/** Version of the budget's stored snapshot. */
export const BUDGET_VERSION = 1;

export interface BudgetContext {
  readonly id: string;
  readonly seq: number;
  readonly updatedAt: number;
  /** The day of UTC, counted from 1970, that `today` is of. */
  readonly day: number;
  readonly today: Spent;
  /** Since the first fact. */
  readonly total: Spent;
  /** What it has leased of its town's days: today's, and near its end tomorrow's. Only in a town that is capped. */
  readonly leases?: readonly Lease[] | undefined;
  /** On which days this rig has told people of their town's. */
  readonly townTold?: readonly string[] | undefined;
}

/** What may be spent on a day, all in all. */
export interface Lease extends Caps {
  readonly day: number;
}

const NOTHING: Caps = { tokens: 0, microdollars: 0 };
const less = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);

/** What is leased of a day of the town's; nothing is, as long as nobody has said so. Null: its town is not capped. */
export const leaseOf = (settings: Settings, { leases }: Pick<BudgetContext, "leases">, day: number): Caps | null =>
  isOfCappedTown(settings) ? (leases?.find((one) => one.day === day) ?? NOTHING) : null;

/** What the rig may spend on a day: by its own caps, and by what it has leased of its town's. */
export function capsOn(settings: Settings, context: Pick<BudgetContext, "leases">, day: number): Caps {
  const own = dayCaps(settings);
  const lease = leaseOf(settings, context, day);
  return lease === null
    ? own
    : { tokens: less(own.tokens, lease.tokens), microdollars: less(own.microdollars, lease.microdollars) };
}

/** What the rig may spend in a day by its own caps. */
export const dayCaps = (settings: Settings): Caps => {
  const { day_tokens, day_microdollars } = budgetOf(settings);
  return { tokens: day_tokens, microdollars: day_microdollars };
};

/** What was spent on the event's day, with what it tells. */
const todayAfter = ({ day, today }: BudgetContext, event: MachineEvent): Spent =>
  plusSpent(dayOf(event.at) > day ? NOTHING_SPENT : today, spentIn(event));

/** By the settings as they are from this event on. */
const settingsAfter = (event: MachineEvent): Settings =>
  event.type === "rig.settings_changed" ? { ...event.settings, ...event.changes } : event.settings;

const isReached = (context: BudgetContext, event: MachineEvent, percent = 100): boolean =>
  reaches(todayAfter(context, event), dayCaps(settingsAfter(event)), percent);

/** Another word of the town takes back what was leased before it; days that are over are forgotten. */
function leasesAfter({ leases = [] }: BudgetContext, event: MachineEvent): readonly Lease[] {
  if (event.type === "rig.settings_changed" && event.changes.town_on_cap !== undefined) return [];
  const kept = leases.filter(({ day }) => day >= dayOf(event.at));
  if (event.type !== "town.leased") return kept;
  const { day, tokens, microdollars } = event;
  return [...kept.filter((one) => one.day !== day), { day, tokens, microdollars }].slice(-2);
}

const capsAfter = (context: BudgetContext, event: MachineEvent): Caps =>
  capsOn(settingsAfter(event), { leases: leasesAfter(context, event) }, dayOf(event.at));

/** By its own caps, or because nothing is left of what it has leased. */
const isSpent = (context: BudgetContext, event: MachineEvent): boolean =>
  reaches(todayAfter(context, event), capsAfter(context, event));

const newsOf = ({ day, news }: EventOf<"town.leased">): string => `${day}:${news ?? ""}`;

const notify = (
  context: BudgetContext,
  event: MachineEvent,
  what: string,
  severity: "warning" | "critical",
  title: string,
  end: string,
): Effect => ({
  kind: "notify",
  key: `budget:${what}:${event.seq}`,
  severity,
  title,
  text: `${spentText(todayAfter(context, event), dayCaps(settingsAfter(event)))} are spent today. ${end}`,
  beadId: null,
});

const budgetSetup = setup({
  types: { context: {} as BudgetContext, events: {} as MachineEvent, input: {} as MachineEvent },
  guards: {
    isUsedUp: ({ context, event }) => isReached(context, event),
    isSpent: ({ context, event }) => isSpent(context, event),
    isOfCappedTown: ({ event }) => isOfCappedTown(settingsAfter(event)),
    isNewsOfTown: ({ context, event }) => {
      const leased = expect(event, "town.leased");
      return (
        isOfCappedTown(leased.settings) && leased.news !== null && context.townTold?.includes(newsOf(leased)) !== true
      );
    },
    isNearlyUsedUp: ({ context, event }) =>
      isReached(context, event, budgetOf(settingsAfter(event)).budget_told_percent),
    isNewDay: ({ context, event }) => dayOf(event.at) > context.day,
  },
  actions: {
    count: assign(({ context, event }) => ({
      day: Math.max(context.day, dayOf(event.at)),
      today: todayAfter(context, event),
      total: plusSpent(context.total, spentIn(event)),
      ...("leases" in context || isOfCappedTown(settingsAfter(event)) ? { leases: leasesAfter(context, event) } : {}),
      updatedAt: event.at,
    })),
    rememberTold: assign(({ context, event }) => ({
      townTold: [...(context.townTold ?? []), newsOf(expect(event, "town.leased"))].slice(-4),
    })),
    alertTown: ({ event }): Effect => {
      const { spent, caps, news } = expect(event, "town.leased");
      const isCapped = news === "capped";
      return {
        kind: "notify",
        key: `budget:town:${newsOf(expect(event, "town.leased"))}:${event.seq}`,
        severity: isCapped ? "critical" : "warning",
        title: isCapped
          ? "the town's day is spent: none of its rigs starts anything"
          : "most of the town's day is spent",
        text: `${spentText(spent, caps)} are spent today. ${isCapped ? "Raise the town's budget, or wait for the next day of UTC." : "At its end nothing is started."}`,
        beadId: null,
      };
    },
    alertNear: ({ context, event }): Effect =>
      notify(context, event, "told", "warning", "most of the day's budget is spent", "At its end nothing is started."),
    alertCap: ({ context, event }): Effect =>
      notify(
        context,
        event,
        "capped",
        "critical",
        "the day's budget is spent: nothing is started",
        "Raise it among the rig's settings, or wait for the next day of UTC.",
      ),
    tellAgents: ({ context, event }): Fact => ({
      type: "budget.capped",
      day: dayOf(event.at),
      spent: todayAfter(context, event),
      caps: capsAfter(context, event),
    }),
  },
});

const caps = { guard: "isUsedUp", target: "capped", actions: ["alertCap", "tellAgents", "count"] } as const;
/** Nothing is left of what was leased: more may be, and the town's own end is told by whoever is told of it. */
const ebbs = { guard: "isSpent", target: "capped", actions: ["tellAgents", "count"] } as const;
const tells = { guard: "isNearlyUsedUp", target: "told", actions: ["alertNear", "count"] } as const;
const counts = { actions: ["count"] } as const;
/** A cap was changed: who is below it goes on. */
const opens = { guard: not("isSpent"), target: "counting", ...counts } as const;
const keeps = { guard: "isOfCappedTown", ...counts } as const;
/** More of the town's day, and for one of its rigs what people are to be told of it. */
const below = [{ guard: "isNewsOfTown", actions: ["alertTown", "rememberTold", "count"] }, keeps] as const;

export const budgetMachine = budgetSetup.createMachine({
  id: "budget",
  description:
    "What the rig spends in a day of UTC. At its cap nothing is started, and who runs is stopped or refused its next answer.",
  context: ({ input }) => {
    const { seq, at } = expect(input, "budget.opened");
    return { id: "budget", seq, updatedAt: at, day: dayOf(at), today: NOTHING_SPENT, total: NOTHING_SPENT };
  },
  initial: "counting",
  states: {
    counting: {
      description: "Below what a person is told of.",
      on: {
        "spend.counted": [caps, ebbs, tells, counts],
        "rig.settings_changed": [caps, ebbs, tells, keeps],
        "town.leased": [...below],
        TICK: [ebbs, { guard: and(["isNewDay", "isOfCappedTown"]), ...counts }],
      },
    },
    told: {
      description: "A person was told that most of the day's budget is spent.",
      on: {
        "spend.counted": [caps, ebbs, { guard: "isNewDay", target: "counting", ...counts }, counts],
        "rig.settings_changed": [caps, ebbs, { guard: not("isNearlyUsedUp"), target: "counting" }, keeps],
        "town.leased": [...below],
        TICK: [ebbs, { guard: "isNewDay", target: "counting", ...counts }],
      },
    },
    capped: {
      description: "The day's budget is spent, or what is leased of the town's.",
      on: {
        "spend.counted": [{ guard: and(["isNewDay", not("isSpent")]), target: "counting", ...counts }, counts],
        "rig.settings_changed": [opens, keeps],
        "town.leased": [
          {
            guard: and(["isNewsOfTown", not("isSpent")]),
            target: "counting",
            actions: ["alertTown", "rememberTold", "count"],
          },
          opens,
          { guard: "isNewsOfTown", actions: ["alertTown", "rememberTold", "count"] },
          keeps,
        ],
        TICK: [
          { guard: and(["isNewDay", not("isSpent")]), target: "counting", ...counts },
          // A day of which nothing may be spent, or nothing is leased yet, is a day as well: it is this one whose end is waited for.
          { guard: "isNewDay", ...counts },
        ],
      },
    },
  },
});

export type BudgetSnapshot = SnapshotFrom<typeof budgetMachine>;

/** When the next day begins for whom it matters, ms, or null. */
export const budgetDeadline = ({ value, context }: BudgetSnapshot, settings: Settings): number | null =>
  value === "counting" && !isOfCappedTown(settings) ? null : startOfDay(context.day + 1);
