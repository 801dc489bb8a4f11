import { assign, setup, type SnapshotFrom } from "xstate";
import { ACCOUNTS_MAX, PROGRAMS_OF_ACCOUNT_MAX } from "../events/account.ts";
import { LIMITS } from "../events/limits.ts";
import type { Settings } from "../events/settings.ts";
import { expect, exponential, type MachineEvent } from "./event.ts";
import { earliest, type Time } from "./time.ts";

/** Version of the accounts' stored snapshot. */
export const ACCOUNTS_VERSION = 1;

/** A credential that a provider has limited, whoever used it. */
export interface Account {
  /** A digest. */
  readonly id: string;
  /** What has run with it, by name; empty: the container's own command. */
  readonly programs: readonly string[];
  /** Until when nothing is started with it, ms; null: that is over, and one start finds out. */
  readonly until: Time;
  /** The one start that finds out. */
  readonly probe: { readonly agentId: string; readonly dispatchId: string; readonly at: number } | null;
  /** Limits in a row, without an answer between them: each is waited out longer. */
  readonly count: number;
}

export interface AccountsContext {
  readonly id: string;
  readonly seq: number;
  readonly updatedAt: number;
  /** Those that are not known to be free; the one told of first comes first. */
  readonly held: readonly Account[];
}

type Held = readonly Account[];
const NOBODY: Held = [];

/** How the name of a program stands in an account. */
export const programKey = (runtime: string | null | undefined): string => runtime ?? "";

/** As long as was said, but no less than a wait that grows and no longer than any is known to last. */
function limitedUntil(count: number, event: MachineEvent): number {
  const { until, at, settings } = expect(event, "account.limited");
  const soonest = at + exponential(count, settings.backoff_base_ms, settings.backoff_max_ms);
  return Math.min(Math.max(until, soonest), at + LIMITS.rate_limit_max_ms);
}

/** A limit that is told, by whoever met it. One that is known is only ever lengthened; the start that was to find out has found out. */
function withLimit(held: Held, event: MachineEvent): Held {
  const { account: id, runtime, at, until, dispatchId } = expect(event, "account.limited");
  const program = programKey(runtime);
  const known = held.find((one) => one.id === id);
  const isProbe = known?.probe?.dispatchId === dispatchId;
  // Of a window that is over, told late.
  if (until <= at && !isProbe) return held;
  const isAgain = known !== undefined && known.until === null;
  const count = (known?.count ?? 0) + (known === undefined || isAgain ? 1 : 0);
  const after: Account = {
    id,
    programs: [...(known?.programs ?? []).filter((one) => one !== program), program].slice(-PROGRAMS_OF_ACCOUNT_MAX),
    until: Math.max(limitedUntil(count, event), known?.until ?? 0),
    probe: null,
    count,
  };
  const isNews = known === undefined || isAgain || !known.programs.includes(program) || after.until !== known.until;
  if (!isNews) return held;
  // What runs with this one runs with no other.
  const others = held
    .filter((one) => one.id !== id)
    .map((one) =>
      one.programs.includes(program) ? { ...one, programs: one.programs.filter((name) => name !== program) } : one,
    )
    .filter(({ programs }) => programs.length > 0);
  return [...others, after].slice(-ACCOUNTS_MAX);
}

const change = (held: Held, which: (one: Account) => boolean, to: (one: Account) => Account): Held =>
  held.some(which) ? held.map((one) => (which(one) ? to(one) : one)) : held;
const without = (held: Held, which: (one: Account) => boolean): Held =>
  held.some(which) ? held.filter((one) => !which(one)) : held;

const isOver = (time: Time, at: number): boolean => time !== null && time <= at;

/** When the start that is to find out has lived for so long that it has. */
const survivalOf = ({ probe }: Account, { gupp_check_ms }: Settings): Time =>
  probe === null ? null : probe.at + gupp_check_ms;

function afterTick(held: Held, { at, settings }: MachineEvent): Held {
  const left = without(held, (one) => isOver(survivalOf(one, settings), at));
  return change(
    left,
    ({ until }) => isOver(until, at),
    (one) => ({ ...one, until: null }),
  );
}

/** What is held after the event; the same list where it changes nothing. */
export function heldAfter(held: Held, event: MachineEvent): Held {
  switch (event.type) {
    case "account.limited":
      return withLimit(held, event);
    case "dispatch.granted":
      return change(
        held,
        ({ id, until }) => id === event.account && until === null,
        (one) => ({ ...one, probe: { agentId: event.agentId, dispatchId: event.dispatchId, at: event.at } }),
      );
    case "spend.counted":
    case "agent.progressed":
    case "agent.checkpointed":
    case "agent.done":
    case "work.handed_in":
      // Its model has answered it.
      return without(held, ({ probe }) => probe !== null && probe.dispatchId === event.dispatchId);
    case "agent.exited":
    case "dispatch.failed":
      return change(
        held,
        ({ probe }) => probe !== null && probe.dispatchId === event.dispatchId,
        (one) => ({ ...one, probe: null }),
      );
    case "agent.unhooked":
    case "agent.deleted":
      return change(
        held,
        ({ probe }) => probe !== null && probe.agentId === event.agentId,
        (one) => ({ ...one, probe: null }),
      );
    case "secrets.changed":
      // Other credentials are other accounts.
      return held.length === 0 ? held : NOBODY;
    case "rig.settings_changed":
      return event.changes.hold_accounts === false && held.length > 0 ? NOBODY : held;
    case "TICK":
      return afterTick(held, event);
    default:
      return held;
  }
}

const accountsSetup = setup({
  types: { context: {} as AccountsContext, events: {} as MachineEvent, input: {} as MachineEvent },
  guards: {
    isNews: ({ context, event }) => heldAfter(context.held, event) !== context.held,
    isLast: ({ context, event }) => {
      const after = heldAfter(context.held, event);
      return after !== context.held && after.length === 0;
    },
  },
  actions: {
    take: assign(({ context, event }) => ({ held: heldAfter(context.held, event), updatedAt: event.at })),
  },
});

const moves = { guard: "isNews", actions: ["take"] } as const;
const ends = [{ guard: "isLast", target: "open", actions: ["take"] }, moves] as const;

export const accountsMachine = accountsSetup.createMachine({
  id: "accounts",
  description:
    "Credentials that a provider has limited. Nothing is started with one until its reset; then one start finds out, and the others follow when its model answers.",
  context: ({ input }) => {
    const { seq, at } = expect(input, "account.limited");
    return { id: "accounts", seq, updatedAt: at, held: withLimit(NOBODY, input) };
  },
  initial: "limited",
  states: {
    open: {
      description: "None is known to be limited.",
      on: { "account.limited": { guard: "isNews", target: "limited", actions: ["take"] } },
    },
    limited: {
      description: "At least one is limited, or waits for the start that finds out.",
      on: {
        "account.limited": moves,
        "dispatch.granted": moves,
        "spend.counted": [...ends],
        "agent.progressed": [...ends],
        "agent.checkpointed": [...ends],
        "agent.done": [...ends],
        "work.handed_in": [...ends],
        "agent.exited": moves,
        "dispatch.failed": moves,
        "agent.unhooked": moves,
        "agent.deleted": moves,
        "secrets.changed": { target: "open", actions: ["take"] },
        "rig.settings_changed": { guard: "isLast", target: "open", actions: ["take"] },
        TICK: [...ends],
      },
    },
  },
});

export type AccountsSnapshot = SnapshotFrom<typeof accountsMachine>;

/** When the next limit ends, or the start that finds out has lived long enough, ms, or null. */
export const accountsDeadline = ({ context }: AccountsSnapshot, settings: Settings): Time =>
  earliest(context.held.flatMap((one) => [one.until, survivalOf(one, settings)]));
