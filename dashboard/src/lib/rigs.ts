import type { Overview } from "../../../src/wire/overview.ts";

/** How all rigs stand, in the order in which somebody must look: those in trouble, those that are calm, those that were stopped. */

export type OfRig = Overview["rigs"][number];
export type OfNeed = Overview["needs"][number];

export const STANDINGS = ["trouble", "calm", "stopped"] as const;
export type Standing = (typeof STANDINGS)[number];

export type Gate =
  | "open"
  | "paused"
  | "draining"
  | "breaker"
  | "outage"
  | "probe"
  | "unreachable"
  | "capped"
  | "silent";

export function gateOf({ state }: OfRig): Gate {
  if (state === null) return "silent";
  if (state.life === "draining") return "draining";
  if (state.life === "alive.paused") return "paused";
  if (state.container === "unreachable") return "unreachable";
  if (state.gate === "suspended") return "breaker";
  if (state.gate === "outage") return "outage";
  if (state.gate === "halfOpen") return "probe";
  return state.spend.state === "capped" ? "capped" : "open";
}

export const isStopped = (rig: OfRig): boolean => ["paused", "draining"].includes(gateOf(rig));

export function standingOf(rig: OfRig): Standing {
  const gate = gateOf(rig);
  if ((rig.state?.needs.now ?? 0) > 0) return "trouble";
  if (gate === "paused" || gate === "draining") return "stopped";
  return gate === "open" || gate === "silent" ? "calm" : "trouble";
}

export interface Listed {
  readonly rig: OfRig;
  readonly standing: Standing;
  /** Needs of it that stand still for a person now, most urgent first. */
  readonly needs: readonly OfNeed[];
  /** What stands still for longest. */
  readonly oldest: OfNeed | null;
}

/** All rigs, trouble first, and of those what stands still for longest. The numbers of the page are sums and lengths of this. */
export function rigsOf({ rigs, needs }: Overview): Listed[] {
  const byRig = new Map<string, OfNeed[]>();
  for (const need of needs) if (need.level === "now") byRig.set(need.rig_id, [...(byRig.get(need.rig_id) ?? []), need]);
  const listed = rigs.map((rig): Listed => {
    const of = byRig.get(rig.id) ?? [];
    const oldest = of.toSorted((a, b) => sinceOf(a) - sinceOf(b))[0] ?? null;
    return { rig, standing: standingOf(rig), needs: of, oldest };
  });
  return listed.sort(
    (a, b) =>
      STANDINGS.indexOf(a.standing) - STANDINGS.indexOf(b.standing) ||
      (a.oldest === null ? Number.MAX_SAFE_INTEGER : sinceOf(a.oldest)) -
        (b.oldest === null ? Number.MAX_SAFE_INTEGER : sinceOf(b.oldest)) ||
      a.rig.name.localeCompare(b.rig.name),
  );
}

const sinceOf = ({ since }: OfNeed): number => (since === null ? Date.now() : Date.parse(since));

/** Sums over those that are listed: what stands on top of the page. */
export function sumsOf(listed: readonly Listed[]) {
  const sum = (of: (state: NonNullable<OfRig["state"]>) => number): number =>
    listed.reduce((total, { rig: { state } }) => total + (state === null ? 0 : of(state)), 0);
  return {
    needs: sum(({ needs }) => needs.now),
    used: sum(({ slots }) => slots.used),
    capacity: sum(({ slots }) => slots.capacity),
    ready: sum(({ ready }) => ready),
    merged: sum(({ today }) => today.merged),
    microdollars: sum(({ spend }) => spend.microdollars),
    tokens: sum(({ spend }) => spend.tokens),
    notOpen: listed.filter(({ rig }) => gateOf(rig) !== "open").length,
  };
}
