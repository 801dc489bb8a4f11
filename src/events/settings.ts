import * as z from "zod";

const ms = (fallback: number) => z.int().min(0).max(31_536_000_000).default(fallback);

/** What an operator may set per rig. All `_ms` are integer milliseconds >= 0. */
export const Settings = z.object({
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
export type Settings = z.infer<typeof Settings>;

/** Any subset of the settings; no defaults are filled in. Unknown names are refused: a typo must not pass for a change. */
export const SettingsPatch = z.strictObject(
  Object.fromEntries(Object.entries(Settings.shape).map(([name, field]) => [name, field.unwrap().optional()])) as unknown as {
    [K in keyof typeof Settings.shape]: z.ZodOptional<z.ZodInt>;
  },
);
export type SettingsPatch = Partial<Settings>;

export const DEFAULT_SETTINGS: Settings = Settings.parse({});
