/** How long an agent may be busy, silent, or wait for its model, before a person is told: settings of the rig. */
import * as z from "zod";

const MINUTE_MS = 60_000;
const ms = (fallback: number) => z.int().min(0).max(31_536_000_000).default(fallback);

export const Watch = z.object({
  /** Busy for this long without a tool that ended, new words, a checkpoint or a commit: a person is told once. Nobody is stopped for it. */
  busy_told_ms: ms(60 * MINUTE_MS),
  /** Without a time of its own, an agent's wait for its model is over after this: a person is told, and its clocks go on. */
  model_wait_ms: ms(30 * MINUTE_MS),
  /** A process that is known to have said nothing for this long since its start: a person is told once. */
  first_output_ms: ms(5 * MINUTE_MS),
});
export type Watch = z.infer<typeof Watch>;

export const DEFAULT_WATCH: Watch = Watch.parse({});
