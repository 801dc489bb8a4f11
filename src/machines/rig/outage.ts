import type { Fact, Outcome } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import { rulesAtLeast } from "../../events/rules.ts";
import { dispatchNumber } from "../../events/dispatch-id.ts";
import { expect, exponential, type MachineEvent } from "../event.ts";
import { earliest, isOver, movedBy, plus, type Time } from "../time.ts";

/**
 * What fails several agents at once is none of their work's: nobody is charged for it, those who were are given it back, and one probe at a time
 * finds out when it is over.
 */
export interface Outage {
  readonly since: number;
  /** How many it failed first. */
  readonly agents: number;
  readonly reason: string;
  readonly tries: number;
  /** When the next probe may start, ms; null: it may now. */
  readonly nextAt: Time;
  /** When the probe that runs was started, ms. */
  readonly probeAt: Time;
  /** Whom it failed, each once; at most `charges_remembered`. */
  readonly failed?: readonly Failed[];
  /** Beads that were probes, each once, the latest last; at most as many. */
  readonly probed?: readonly string[];
}

/** Whose end, and on what. */
interface Failed {
  readonly agentId: string;
  readonly beadId: string;
}

/** One charge of late: whose, for what, when, and what kind of end. */
export interface Charge extends Failed {
  readonly at: number;
  readonly end?: string;
}

/** Was failed by so many outages that others ended, and has handed nothing in since. */
export interface Suspect extends Failed {
  readonly outages: number;
}

interface Known {
  readonly charges?: readonly Charge[] | undefined;
  readonly outage?: Outage | undefined;
  readonly suspects?: readonly Suspect[] | undefined;
  readonly probe?: string | null;
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

const NO_PROCESS = /^(?:refused|gone|lease_over): /;
/** What a process left behind, in the container's own words, which come before any of the agent's. */
const EXIT = /\b(?:exit \d{1,3}|signal [A-Z][A-Z0-9]*)\b/;

/**
 * The kind of an end, by which ends are alike: that there was no process, for whatever reason; how the process ended; else its outcome.
 * @param reason of a `dispatch.failed`: "outcome: words"
 */
export const endOf = (reason: string): string =>
  NO_PROCESS.test(reason) ? "no process" : (EXIT.exec(reason)?.[0] ?? reason.split(":", 1)[0] ?? "");

/** Outages come and go, and others got over so many of them while this one did not: its ends are its own. */
const isItsOwn = ({ suspects = [] }: Known, { beadId }: Failed): boolean =>
  suspects.some((one) => one.beadId === beadId && one.outages >= LIMITS.outages_forgiven);

/** What a bead says is its own; what is charged to nobody already needs no reason. */
function mayBeCommon(known: Known, event: MachineEvent): boolean {
  const failed = expect(event, "dispatch.failed");
  return failed.charged && failed.input !== true && !isItsOwn(known, failed);
}

/** Those of late, this one included. */
export function recentCharges(known: Known, event: MachineEvent): Charge[] {
  const { agentId, beadId, at, reason } = expect(event, "dispatch.failed");
  const recent = (known.charges ?? []).filter((one) => one.at > at - LIMITS.outage_quiet_ms);
  return mayBeCommon(known, event)
    ? [...recent, { agentId, beadId, at, end: endOf(reason) }].slice(-LIMITS.charges_remembered)
    : recent;
}

/** Those that ended as this one did: three that fail each in its own way are three failures. */
function alike(known: Known, event: MachineEvent): Charge[] {
  const end = endOf(expect(event, "dispatch.failed").reason);
  return recentCharges(known, event).filter((one) => (one.end ?? end) === end);
}

const agentsOf = (charges: readonly Charge[]): number => new Set(charges.map(({ agentId }) => agentId)).size;

/** So many do not end alike at once, or one after the other with nothing between, by chance. From rules 2 on. */
export const isCommon = (known: Known, event: MachineEvent): boolean =>
  rulesAtLeast(event.ruleSet, 2) && mayBeCommon(known, event) && agentsOf(alike(known, event)) >= LIMITS.outage_agents;

/** By rules 1 nobody remembers who was charged. */
export const rememberCharge = (known: Known, event: MachineEvent): Pick<Known, "charges"> =>
  rulesAtLeast(event.ruleSet, 2) ? { charges: recentCharges(known, event) } : {};

/** Each bead once, the newest last. */
const withFailed = (failed: readonly Failed[] = [], { agentId, beadId }: Failed): Failed[] =>
  [...failed.filter((one) => one.beadId !== beadId), { agentId, beadId }].slice(-LIMITS.charges_remembered);

export const begun = (known: Known, event: MachineEvent): Outage => ({
  since: event.at,
  agents: agentsOf(alike(known, event)),
  reason: expect(event, "dispatch.failed").reason,
  tries: 1,
  nextAt: event.at + exponential(1, LIMITS.outage_probe_ms, LIMITS.outage_probe_max_ms),
  probeAt: null,
  failed: alike(known, event).reduce<Failed[]>(withFailed, []),
});

/** The probe has failed too: the next one waits longer. */
export const goesOn = (outage: Outage | undefined, event: MachineEvent): Outage | undefined =>
  outage && {
    ...outage,
    tries: outage.tries + 1,
    nextAt: event.at + exponential(outage.tries + 1, LIMITS.outage_probe_ms, LIMITS.outage_probe_max_ms),
    probeAt: null,
    ...(event.type === "dispatch.failed" ? { failed: withFailed(outage.failed, event) } : {}),
  };

/** Somebody else's end, in the middle of it. */
export const alsoFailed = (outage: Outage | undefined, event: MachineEvent): Outage | undefined =>
  outage && { ...outage, failed: withFailed(outage.failed, expect(event, "dispatch.failed")) };

/** A probe begins: the next one is another bead's, as long as there is any that has not been one. */
export function probing(outage: Outage | undefined, event: MachineEvent): Outage | undefined {
  const { beadId } = expect(event, "dispatch.granted");
  const others = (outage?.probed ?? []).filter((one) => one !== beadId);
  return outage && { ...outage, probeAt: event.at, probed: [...others, beadId].slice(-LIMITS.charges_remembered) };
}

/** Whose turn it is to be a probe: 0 for whoever has not been one, then who was one the longest ago. */
export const turnOf = ({ outage }: Known, beadId: string): number => (outage?.probed ?? []).indexOf(beadId) + 1;

/** It is over by what one agent has shown; those whom it failed beside that one are remembered. */
export function suspectsAfter({ suspects = [], outage, probe = null }: Known, event: MachineEvent): readonly Suspect[] {
  const isOfWhoEndsIt = (agentId: string): boolean =>
    "agentId" in event
      ? event.agentId === agentId
      : probe !== null && dispatchNumber(agentId as never, probe as never) !== null;
  let after = [...suspects];
  for (const { agentId, beadId } of outage?.failed ?? []) {
    if (isOfWhoEndsIt(agentId)) continue;
    const outages = (after.find((one) => one.beadId === beadId)?.outages ?? 0) + 1;
    after = [...after.filter((one) => one.beadId !== beadId), { agentId, beadId, outages }];
  }
  return withoutHandedIn(after, event).slice(-LIMITS.charges_remembered);
}

/** Who hands something in can do its work. */
export const withoutHandedIn = (suspects: readonly Suspect[] = [], event: MachineEvent): readonly Suspect[] =>
  event.type === "agent.done" || event.type === "work.handed_in"
    ? suspects.filter(({ agentId }) => agentId !== event.agentId)
    : suspects;

const isOld = ({ at }: Charge, now: number): boolean => at <= now - LIMITS.outage_window_ms;

/** Whether what somebody has to show says anything of those who failed before. */
export const changesBlame = (known: Known, event: MachineEvent): boolean =>
  (known.charges ?? []).some((one) => isOld(one, event.at)) ||
  withoutHandedIn(known.suspects, event).length < (known.suspects?.length ?? 0);

/** Somebody can work: what failed before failed by itself. What failed just now may still be what fails all. */
export const afterShown = (known: Known, event: MachineEvent): Pick<Known, "charges" | "suspects"> => ({
  charges: (known.charges ?? []).filter((one) => !isOld(one, event.at)),
  suspects: withoutHandedIn(known.suspects, event),
});

export const forgiven = (known: Known, event: MachineEvent): Fact[] =>
  alike(known, event).map(({ agentId, beadId }) => ({ type: "charge.forgiven", agentId, beadId }));

/** A probe that lives as long as an agent may be quiet has shown that it can. */
export const probeSurvives = ({ outage }: Known, { at, settings }: MachineEvent): boolean =>
  isOver(plus(outage?.probeAt ?? null, settings.gupp_check_ms), at);

/** Its times, after the clock has jumped. */
export const outageMovedBy = ({ charges, outage }: Known, by: number): Known => ({
  ...(charges === undefined ? {} : { charges: charges.map((one) => ({ ...one, at: one.at + by })) }),
  ...(outage === undefined ? {} : { outage: { ...outage, ...movedBy(outage, ["since", "nextAt", "probeAt"], by) } }),
});

/** When it is looked at next, ms, or null. */
export const outageDeadline = ({ nextAt, probeAt }: Outage, gupp_check_ms: number): Time =>
  earliest([nextAt, plus(probeAt, gupp_check_ms)]);
