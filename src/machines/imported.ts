import type { MachineEvent } from "./event.ts";

/** What a rig that was brought back from a file remembers of that. */
export interface Imported {
  /** ms. What was signed before does not count. */
  readonly at: number;
  readonly by: string;
  /** Names of the secrets that it had. */
  readonly secrets: readonly string[];
  /** Nobody has resumed it yet: nothing is started, and nothing merged. */
  readonly isHeld: boolean;
}

/**
 * Dispatches, claims and trains are counted on from the second of the import: what was granted after the file was written, and is lost, had lower
 * numbers, and so had whatever an earlier import of the same file has granted.
 */
export const numberAfterImport = (n: number, { at }: MachineEvent): number => Math.max(n + 1, Math.floor(at / 1_000));
