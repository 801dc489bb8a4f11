import { PRIORITY_ADVANCE_MS } from "../events/limits.ts";
import type { BeadSnapshot } from "../machines/bead.ts";

/** Smaller goes first: age in ms, with an advance for priority, so that nothing starves (design rule 7). */
export const rank = (bead: BeadSnapshot): number => bead.context.createdAt - PRIORITY_ADVANCE_MS[bead.context.priority];
