import { LIMITS } from "../events/limits.ts";
import { reasonOf } from "./alarm.ts";
import type { Rig } from "./rig.ts";

/** Everything was stopped at once, and nobody has resumed it: nothing of the rig is to run, whatever it is for. */
export const isStopped = ({ world }: Rig): boolean => world.rig.context.stopped === true;

/** What became of the processes when everything of a rig was stopped. */
export interface Halted {
  /** `unknown`: a container of before Ticktown, whose agents are stopped one by one. */
  readonly container: "stopped" | "unreachable" | "unknown";
  /** Processes that the container could not end in time; null: it does not say. */
  readonly left: number | null;
}

/**
 * What the journal has said already, at once: the agents' own stops give each the time that it needs, and are made again until they
 * are through; this one does not wait for them. Never throws.
 */
export async function halt({ world, ports }: Rig): Promise<Halted> {
  const { config } = world.rig.context;
  if (config === null) return { container: "stopped", left: 0 };
  try {
    const left = (await ports.container(config.townId).halt?.(config.rigId, LIMITS.halt_timeout_ms)) ?? null;
    return { container: left === null ? "unknown" : "stopped", left };
  } catch (error) {
    ports.log("error", "everything was to be stopped, and the container does not answer", { error: reasonOf(error) });
    return { container: "unreachable", left: null };
  }
}
