import * as z from "zod";
import { Budget, DEFAULT_BUDGET } from "./budget.ts";
import { DEFAULT_GATE, Gate } from "./gate.ts";
import { DEFAULT_PLACE, Place } from "./place.ts";
import { Programs } from "./programs.ts";
import { DEFAULT_WATCH, Watch } from "./watch.ts";

const ms = (fallback: number) => z.int().min(0).max(31_536_000_000).default(fallback);

/** What the charts decide by. All `_ms` are integer milliseconds >= 0. */
const Deciding = z.object({
  /** Longest time between two alarms while work is going on. */
  cadence_active_ms: ms(30_000),
  /** The same while nothing is going on. */
  cadence_idle_ms: ms(300_000),
  /** A hook, a done, an exit report and a health check arm the alarm at most this far ahead. */
  arm_delay_ms: ms(5_000),
  /** How long a start may stay unheard of. */
  start_lease_ms: ms(180_000),
  /** An agent not heard from for this long is asked about. */
  heartbeat_lost_ms: ms(90_000),
  /** No progress for this long: one GUPP_CHECK mail. */
  gupp_check_ms: ms(1_800_000),
  /** No progress for this long: one escalation. */
  gupp_escalate_ms: ms(3_600_000),
  /** No progress for this long: stopped and restarted from the checkpoint. */
  gupp_restart_ms: ms(7_200_000),
  /** Crashes charged to one bead before it fails. */
  max_attempts: z.int().min(1).max(1_000).default(5),
  backoff_base_ms: ms(30_000),
  backoff_max_ms: ms(600_000),
  /** Failed dispatches within breaker_window_ms that suspend the rig's dispatch. */
  breaker_failures: z.int().min(1).max(1_000).default(20),
  breaker_window_ms: ms(1_800_000),
  breaker_cooldown_ms: ms(300_000),
  /** Agents with a process at the same time. */
  capacity: z.int().min(0).max(100_000).default(10),
  review_lease_ms: ms(1_800_000),
  review_max_attempts: z.int().min(1).max(1_000).default(5),
  /** Time limit of every effect but a start. */
  effect_timeout_ms: ms(10_000),
  /** Time limit of a start: it may clone a repository. */
  start_timeout_ms: ms(60_000),
});

/** Every setting but its default: what an operator may say, and what a fact holds. */
type Bare<Shape> = {
  [Name in keyof Shape]: Shape[Name] extends z.ZodDefault<infer Inner> ? z.ZodOptional<Inner> : never;
};
const bare = <Shape extends Readonly<Record<string, z.ZodDefault<z.ZodType>>>>(shape: Shape): Bare<Shape> =>
  Object.fromEntries(
    Object.entries(shape).map(([name, field]) => [name, field.unwrap().optional()]),
  ) as unknown as Bare<Shape>;

/** What the rig's town says of its money; no operator of a rig sets it there. */
export const OfTown = z.object({
  /** The town's day is capped: the rig spends what it has leased of it, and at its end goes on like this. Null: it is not. */
  town_on_cap: z.enum(["stop", "finish_answer"]).nullable().optional(),
});

/**
 * What an operator may set per rig. What is about clones, the gate and the watch is in a row only once it was set, and read with
 * `placeOf`, `gateSettingsOf` and `watchOf`, so that older rows and journals stay what they are.
 */
export const Settings = z.object({
  ...Deciding.shape,
  ...bare(Place.shape),
  ...bare(Gate.shape),
  ...bare(Watch.shape),
  ...bare(Budget.shape),
  ...Programs.shape,
  ...OfTown.shape,
});
export type Settings = z.infer<typeof Settings>;

/** Any subset of the settings; no defaults are filled in. Unknown names are refused: a typo must not pass for a change. */
export const SettingsPatch = z.strictObject({
  ...bare(Deciding.shape),
  ...bare(Place.shape),
  ...bare(Gate.shape),
  ...bare(Watch.shape),
  ...bare(Budget.shape),
  ...Programs.shape,
});
export type SettingsPatch = z.infer<typeof SettingsPatch>;

/** What changes of them, as the journal tells it. */
export const SettingsChange = SettingsPatch.extend(OfTown.shape);

export const DEFAULT_SETTINGS: Settings = Settings.parse({});

/** How the rig's clones are made and kept. */
export const placeOf = (settings: Settings): Place => Place.parse(settings);

/** What every order to the container says of it; nothing as long as nobody has set any of it. */
export const placeOfOrder = (settings: Settings): { place?: Place } =>
  Object.keys(Place.shape).some((name) => name in settings) ? { place: placeOf(settings) } : {};

/** What is checked before anything gets onto the target, and how it gets there. */
export const gateSettingsOf = (settings: Settings): Gate => Gate.parse(settings);

/** How long an agent may be busy, silent, or wait for its model. */
export const watchOf = ({
  busy_told_ms = DEFAULT_WATCH.busy_told_ms,
  model_wait_ms = DEFAULT_WATCH.model_wait_ms,
  first_output_ms = DEFAULT_WATCH.first_output_ms,
}: Settings): Watch => ({ busy_told_ms, model_wait_ms, first_output_ms });

const budgets = new WeakMap<Settings, Budget>();

/** What may be spent. Asked with every report of what was. */
export function budgetOf(settings: Settings): Budget {
  let budget = budgets.get(settings);
  if (budget === undefined) {
    const set = Object.keys(Budget.shape).filter((name) => name in settings);
    budget = set.length === 0 ? DEFAULT_BUDGET : Budget.parse(settings);
    budgets.set(settings, budget);
  }
  return budget;
}

/** Whether the rig spends no more of a day than it has leased of its town's. */
export const isOfCappedTown = ({ town_on_cap = null }: Settings): boolean => town_on_cap !== null;

/** Whether anything is capped: only then it matters that what is used is told. */
export function isAnythingCapped(settings: Settings): boolean {
  if (isOfCappedTown(settings)) return true;
  const { bead_tokens, bead_microdollars, day_tokens, day_microdollars } = budgetOf(settings);
  return [bead_tokens, bead_microdollars, day_tokens, day_microdollars].some((cap) => cap !== null);
}

/** All settings, with the default of each that was never set. */
export const allSettings = (settings: Settings): Settings & Place & Gate & Watch & Budget => ({
  ...DEFAULT_PLACE,
  ...DEFAULT_GATE,
  ...DEFAULT_WATCH,
  ...DEFAULT_BUDGET,
  ...settings,
});
