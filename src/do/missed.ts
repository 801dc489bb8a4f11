import type { Rig } from "./rig.ts";

/** What a rig knows of its own waking, in memory. */
export interface Clock {
  /** When it was to look next and did not, ms; null: its alarm says it. */
  due: number | null;
  /** When it was last seen awake, ms; 0 in a new life of the object. */
  awakeAt: number;
}

export const newClock = (): Clock => ({ due: null, awakeAt: 0 });

/** Its alarm rings, or is found not to have rung. */
export const missed = ({ clock }: Rig, scheduled: number | null): void => {
  if (scheduled !== null) clock.due = Math.min(clock.due ?? scheduled, scheduled);
};
