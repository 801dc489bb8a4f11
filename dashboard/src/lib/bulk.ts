import type { BeadSnapshot } from "../../../src/machines/bead.ts";

/** Of many pieces of work that are chosen: with which of them one may do what. Each list holds ids. */
export interface Bulk {
  /** Failed work, which can be tried again; an escalation cannot. */
  readonly failed: readonly string[];
  /** Not over: their priority can be changed, and they can be cancelled. */
  readonly open: readonly string[];
  /** Nobody works on them yet: they can be held for a while. */
  readonly waits: readonly string[];
  /** Of these, those that are held now. */
  readonly held: readonly string[];
  /** What they have cost so far, in microdollars. */
  readonly spent: number;
}

export function bulkOf(beads: readonly BeadSnapshot[], now: number): Bulk {
  const idsThat = (is: (bead: BeadSnapshot) => boolean) => beads.filter(is).map(({ context }) => context.id);
  return {
    failed: idsThat(({ value, context }) => value === "failed" && context.type === "issue"),
    open: idsThat((bead) => !bead.hasTag("terminal")),
    waits: idsThat(({ value }) => value === "open"),
    held: idsThat(({ value, context }) => value === "open" && (context.deferUntil ?? 0) > now),
    spent: beads.reduce((sum, { context }) => sum + (context.spent?.microdollars ?? 0), 0),
  };
}
