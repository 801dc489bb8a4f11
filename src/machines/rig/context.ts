import type { Settings } from "../../events/settings.ts";
import { expect, type MachineEvent } from "../event.ts";
import type { Imported } from "../imported.ts";
import type { Charge, Outage, Suspect } from "./outage.ts";
import type { Strays } from "./strays.ts";

/** What a rig remembers. */
export interface RigContext {
  /** What repository this is; null until the rig is configured. Credentials are never here. */
  readonly config: {
    readonly rigId: string;
    readonly townId: string;
    readonly userId: string;
    readonly name: string;
    readonly gitUrl: string;
    readonly defaultBranch: string;
  } | null;
  readonly settings: Settings;
  /** Times (ms) of failed dispatches within the breaker's window, oldest first; at most breaker_failures of them. */
  readonly failures: readonly number[];
  /** When the breaker opened last. */
  readonly openedAt: number | null;
  /** The one dispatch that may prove that the rig works again. */
  readonly probe: string | null;
  /** Charges of late, for rules 2; and what fails everybody, while it does. */
  readonly charges?: readonly Charge[] | undefined;
  readonly outage?: Outage | undefined;
  /** Whom outages failed that others ended; at most `charges_remembered`. */
  readonly suspects?: readonly Suspect[] | undefined;
  /** Until when nothing is started, because the container had no room, and its words. */
  readonly full?: { readonly until: number; readonly words: string } | undefined;
  /** It was brought back from a file; absent: never. */
  readonly imported?: Imported | undefined;
  /** It drains because everything was stopped at once. */
  readonly stopped?: true | undefined;
  /** What the container has that nobody knows, while it has it. */
  readonly strays?: Strays | undefined;
  readonly containerError: string | null;
  /** The control server that answered last, by the id that it gave itself. Absent until one gave any. */
  readonly instance?: string;
  /** Why a start found its place not fit, as long as none after it was heard from. Absent before the first one. */
  readonly place?: string | null;
  /** By which rules the journal is folded (src/events/rules.ts); not there for the first ones, as in rows that were written by them. */
  readonly rules?: number;
  /** What the town's container can do, as it said when it was first asked; absent until then. */
  readonly container?:
    | {
        readonly inspects: boolean;
        readonly ephemeral: boolean;
        readonly trains?: boolean | undefined;
        /** False: it was seen to know none. */
        readonly dispatchIds?: boolean | undefined;
        /** Which coding agent it runs where nothing is asked for; null: a plain command; absent: it has not said. */
        readonly runtime?: string | null | undefined;
      }
    | undefined;
}

/** Of the breaker's window, with this one. */
export const recentFailures = (context: RigContext, event: MachineEvent): number[] =>
  [...context.failures.filter((at) => at > event.at - context.settings.breaker_window_ms), event.at].slice(
    -context.settings.breaker_failures,
  );

/** What a container says that it can do. */
export function containerMet(event: MachineEvent): NonNullable<RigContext["container"]> {
  const { inspects, ephemeral, trains, dispatchIds, runtime } = expect(event, "container.met");
  return {
    inspects,
    ephemeral,
    ...(trains === undefined ? {} : { trains }),
    ...(dispatchIds === undefined ? {} : { dispatchIds }),
    ...(runtime === undefined ? {} : { runtime }),
  };
}

/** Who was a probe is none any more; the first to be started after it is. */
export function importedBy({ outage }: RigContext, event: MachineEvent): Partial<RigContext> {
  const { at, by, secrets } = expect(event, "rig.imported");
  return {
    imported: { at, by, secrets, isHeld: true },
    probe: null,
    ...(outage === undefined ? {} : { outage: { ...outage, nextAt: null, probeAt: null } }),
  };
}
