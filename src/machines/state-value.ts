import { matchesState } from "xstate";

/**
 * Whether a state value is in the wanted state, as xstate's `matchesState` answers it, without bringing both sides into one
 * form first.
 */
export function isIn(wanted: unknown, value: unknown): boolean {
  // A path with dots.
  if (typeof wanted === "string" && wanted.includes(".")) return matchesState(wanted, value as string);
  if (typeof wanted === "string") return typeof value === "string" ? wanted === value : wanted in (value as object);
  if (typeof value === "string") return false;
  for (const name in wanted as object) {
    if (!(name in (value as object))) return false;
    if (!isIn((wanted as Record<string, unknown>)[name], (value as Record<string, unknown>)[name])) return false;
  }
  return true;
}
