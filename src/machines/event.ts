import type { Fact, FactOf, FactType, Stamp } from "../events/facts.ts";
import { rulesOf, type Ruled } from "../events/rules.ts";
import type { Settings } from "../events/settings.ts";

/** What a machine may know of its rig: the settings, and the rules by which it decides. */
export interface Scope {
  readonly settings: Settings;
  /** The number of the rules, for `rulesAtLeast` (src/events/rules.ts). Not named `rules`, as two facts have it in their own words. */
  readonly ruleSet: number;
  /** Several agents fail at once for something that is none of their work's: nobody is charged. */
  readonly isOutage: boolean;
}

/** What a machine sees of a fact: the fact, its stamp, and its scope. A guard may look at nothing else but its context. */
export type MachineEvent = Fact extends infer F ? (F extends Fact ? F & Stamp & Scope : never) : never;
export type EventOf<T extends FactType> = FactOf<T> & Stamp & Scope;

/** A fact as the rig's machines see it. */
export const inScope = (
  fact: Fact & Stamp,
  rig: Ruled & Pick<Scope, "settings"> & { readonly outage?: unknown },
): MachineEvent =>
  ({
    ...fact,
    settings: rig.settings,
    ruleSet: rulesOf(rig),
    isOutage: rig.outage !== undefined,
  }) as MachineEvent;

/**
 * Narrows an event inside a named guard or action that serves only some facts.
 * @throws Error when a chart wires the guard or action to another fact: a mistake in the chart, never in the data.
 */
export function expect<T extends FactType>(event: MachineEvent, ...types: T[]): EventOf<T> {
  if (!(types as string[]).includes(event.type))
    throw new Error(`a chart used an action for ${types.join(" or ")} on ${event.type}`);
  return event as unknown as EventOf<T>;
}

export { exponential } from "../events/backoff.ts";
