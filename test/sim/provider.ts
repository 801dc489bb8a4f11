import type { Process } from "./process.ts";
import type { Random } from "./random.ts";
import type { Simulation } from "./requests.ts";
import type { Stage } from "./stage.ts";

/** The provider of the models that a town's agents use: while it is away, whoever runs or starts dies. */
export interface Provider {
  /** Until then, ms. */
  awayUntil: number;
  /** What could have been done has failed since it went: so many beads. */
  failed: number;
  /** It goes: whoever runs dies within so long, ms. */
  lose(until: number, within_ms: number): void;
  /** Whether a process for this bead dies as soon as it has begun; it is then told when. */
  fails(process: Process): boolean;
}

/** Work that can never be done, whoever tries. */
export const isHopeless = (sim: Pick<Stage, "has" | "random">, beadId: string): boolean =>
  sim.has("provider") && sim.random(`hopeless:${beadId}`).chance(0.04);

/** @param die ends a process as one of no provider ends, if it is still its agent's */
export function providerOf(
  sim: Simulation,
  luck: Random,
  processes: ReadonlyMap<string, Process>,
  die: (process: Process) => void,
): Provider {
  const { queue } = sim;
  return {
    awayUntil: 0,
    failed: 0,
    lose(until, within_ms) {
      this.awayUntil = until;
      this.failed = 0;
      for (const process of processes.values())
        queue.after(luck.between(0, within_ms), () => queue.now < this.awayUntil && die(process));
    },
    fails(process) {
      if (queue.now >= this.awayUntil && !isHopeless(sim, process.beadId)) return false;
      queue.after(process.random.between(200, 10_000), () => die(process));
      return true;
    },
  };
}
