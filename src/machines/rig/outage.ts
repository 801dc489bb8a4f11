import type { EffectOf } from "../../events/effects.ts";
import { clip, type Fact, type Outcome } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import { rulesAtLeast } from "../../events/rules.ts";
import { expect, exponential, type MachineEvent } from "../event.ts";
import { earliest, isOver, movedBy, plus, type Time } from "../time.ts";

/**
 * What fails several agents at once is none of their work's: nobody is charged for it, those who were are given it back, and one probe at a time
 * finds out when it is over.
 */
export interface Outage {
  readonly since: number;
  /** Whom it failed first. */
  readonly agents: number;
  readonly reason: string;
  readonly tries: number;
  /** When the next probe may start, ms; null: it may now. */
  readonly nextAt: Time;
  /** When the probe that runs was started, ms. */
  readonly probeAt: Time;
}

/** One charge of late: whose, for what, and when. */
export interface Charge {
  readonly agentId: string;
  readonly beadId: string;
  readonly at: number;
}

interface Known {
  readonly charges?: readonly Charge[] | undefined;
  readonly outage?: Outage | undefined;
}

/** Ends that say nothing of the work. */
export const NOBODYS_FAULT: ReadonlySet<Outcome> = new Set([
  "evicted",
  "rate_limited",
  "over_budget",
  "not_authorized",
  "place",
  "full",
]);

/** What a bead says is its own; what is charged to nobody already needs no reason. */
function mayBeCommon(event: MachineEvent): boolean {
  const { charged, input } = expect(event, "dispatch.failed");
  return charged && input !== true;
}

/** Those within the window, this one included. */
export function recentCharges({ charges = [] }: Known, event: MachineEvent): Charge[] {
  const { agentId, beadId, at } = expect(event, "dispatch.failed");
  const recent = charges.filter((one) => one.at > at - LIMITS.outage_window_ms);
  return mayBeCommon(event) ? [...recent, { agentId, beadId, at }].slice(-LIMITS.charges_remembered) : recent;
}

/** So many agents at once do not fail by chance. From rules 2 on. */
export const isCommon = (known: Known, event: MachineEvent): boolean =>
  rulesAtLeast(event.ruleSet, 2) &&
  mayBeCommon(event) &&
  new Set(recentCharges(known, event).map(({ agentId }) => agentId)).size >= LIMITS.outage_agents;

/** By rules 1 nobody remembers who was charged. */
export const rememberCharge = (known: Known, event: MachineEvent): Pick<Known, "charges"> =>
  rulesAtLeast(event.ruleSet, 2) ? { charges: recentCharges(known, event) } : {};

export const begun = (known: Known, event: MachineEvent): Outage => ({
  since: event.at,
  agents: new Set(recentCharges(known, event).map(({ agentId }) => agentId)).size,
  reason: expect(event, "dispatch.failed").reason,
  tries: 1,
  nextAt: event.at + exponential(1, LIMITS.outage_probe_ms, LIMITS.outage_probe_max_ms),
  probeAt: null,
});

/** The probe has failed too: the next one waits longer. */
export const goesOn = (outage: Outage | undefined, event: MachineEvent): Outage | undefined =>
  outage && {
    ...outage,
    tries: outage.tries + 1,
    nextAt: event.at + exponential(outage.tries + 1, LIMITS.outage_probe_ms, LIMITS.outage_probe_max_ms),
    probeAt: null,
  };

export const forgiven = (known: Known, event: MachineEvent): Fact[] =>
  recentCharges(known, event).map(({ agentId, beadId }) => ({ type: "charge.forgiven", agentId, beadId }));

/** A probe that lives as long as an agent may be quiet has shown that it can. */
export const probeSurvives = ({ outage }: Known, { at, settings }: MachineEvent): boolean =>
  isOver(plus(outage?.probeAt ?? null, settings.gupp_check_ms), at);

/** Its times, after the clock has jumped. */
export const outageMovedBy = ({ charges, outage }: Known, by: number): Known => ({
  ...(charges === undefined ? {} : { charges: charges.map((one) => ({ ...one, at: one.at + by })) }),
  ...(outage === undefined ? {} : { outage: { ...outage, ...movedBy(outage, ["since", "nextAt", "probeAt"], by) } }),
});

/** Told once. */
export const outageAlert = (
  { config, outage }: Known & { readonly config: { readonly rigId: string } | null },
  event: MachineEvent,
): Omit<EffectOf<"notify">, "kind"> => ({
  key: `${config?.rigId ?? "rig"}:outage:${event.seq}`,
  severity: "critical",
  title: "agents fail for a reason that is not their work's",
  text: clip(
    `${outage?.agents ?? 0} agents failed within ${LIMITS.outage_window_ms / 1_000} s, the last: ${expect(event, "dispatch.failed").reason}. Nobody is charged for it; one at a time is tried until one makes progress.`,
  ),
  beadId: null,
});

/** When it is looked at next, ms, or null. */
export const outageDeadline = ({ nextAt, probeAt }: Outage, gupp_check_ms: number): Time =>
  earliest([nextAt, plus(probeAt, gupp_check_ms)]);
