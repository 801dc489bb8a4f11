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
import { budgetOf, type Settings } from "../events/settings.ts";
import { expect, type MachineEvent } from "./event.ts";
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
}

/** What the rig may spend in a day. */
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
    isNearlyUsedUp: ({ context, event }) =>
      isReached(context, event, budgetOf(settingsAfter(event)).budget_told_percent),
    isNewDay: ({ context, event }) => dayOf(event.at) > context.day,
  },
  actions: {
    count: assign(({ context, event }) => ({
      day: Math.max(context.day, dayOf(event.at)),
      today: todayAfter(context, event),
      total: plusSpent(context.total, spentIn(event)),
      updatedAt: event.at,
    })),
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
      caps: dayCaps(settingsAfter(event)),
    }),
  },
});

const caps = { guard: "isUsedUp", target: "capped", actions: ["alertCap", "tellAgents", "count"] } as const;
const tells = { guard: "isNearlyUsedUp", target: "told", actions: ["alertNear", "count"] } as const;
const counts = { actions: ["count"] } as const;
/** A cap was changed: who is below it goes on. */
const opens = { guard: not("isUsedUp"), target: "counting" } as const;

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
        "spend.counted": [caps, tells, counts],
        "rig.settings_changed": [caps, tells],
      },
    },
    told: {
      description: "A person was told that most of the day's budget is spent.",
      on: {
        "spend.counted": [caps, { guard: "isNewDay", target: "counting", ...counts }, counts],
        "rig.settings_changed": [caps, { guard: not("isNearlyUsedUp"), target: "counting" }],
        TICK: { guard: "isNewDay", target: "counting", ...counts },
      },
    },
    capped: {
      description: "The day's budget is spent.",
      on: {
        "spend.counted": [{ guard: and(["isNewDay", not("isUsedUp")]), target: "counting", ...counts }, counts],
        "rig.settings_changed": opens,
        TICK: { guard: and(["isNewDay", not("isUsedUp")]), target: "counting", ...counts },
      },
    },
  },
});

export type BudgetSnapshot = SnapshotFrom<typeof budgetMachine>;

/** When the next day begins for whom it matters, ms, or null. */
export const budgetDeadline = ({ value, context }: BudgetSnapshot): number | null =>
  value === "counting" ? null : startOfDay(context.day + 1);
