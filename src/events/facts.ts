import * as z from "zod";
import { AGENT_FACTS } from "./agent.ts";
import { BEAD_FACTS } from "./bead.ts";
import type { WithIds } from "./dispatch-id.ts";
import { DISPATCH_FACTS } from "./dispatch.ts";
import { DRIVER_FACTS } from "./driver.ts";
import { HAND_IN_FACTS } from "./hand-in.ts";
import { LIMITS } from "./limits.ts";
import { MACHINERY_FACTS } from "./machinery.ts";
import { MAIL_FACTS } from "./mail.ts";
import { MONEY_FACTS } from "./money.ts";
import { REVIEW_FACTS } from "./review.ts";
import { RIG_FACTS } from "./rig.ts";
import { TRAIN_FACTS } from "./trains.ts";
import type { Commanded, Kind, Receiver, Ref, StopsAs, Told, Variant } from "./row.ts";

/**
 * Facts: what happened. A fact carries every id and time that a machine needs, because a machine may look at nothing else.
 * One row per fact, one file per family; the union is closed, and what is known of a fact is derived from its row here and
 * nowhere else. A fact's version `v` is the version of its own shape (see upcast.ts).
 */
const ROWS = [
  ...RIG_FACTS,
  ...AGENT_FACTS,
  ...DISPATCH_FACTS,
  ...DRIVER_FACTS,
  ...HAND_IN_FACTS,
  ...MAIL_FACTS,
  ...BEAD_FACTS,
  ...REVIEW_FACTS,
  ...MACHINERY_FACTS,
  ...TRAIN_FACTS,
  ...MONEY_FACTS,
] as const;

export {
  AGENT_ROLES,
  BEAD_STATUSES,
  BEAD_TYPES,
  BeadStatus,
  BeadType,
  Outcome,
  PRIORITIES,
  Priority,
  Role,
} from "./fields.ts";

type Rows = typeof ROWS;
type Schemas<R extends readonly { readonly schema: z.ZodObject }[]> = { readonly [I in keyof R]: R[I]["schema"] };
export const Fact = z.discriminatedUnion("type", ROWS.map(({ schema }) => schema) as unknown as Schemas<Rows>);
export type Fact = WithIds<z.infer<typeof Fact>>;
export type FactType = Fact["type"];
export type FactOf<T extends FactType> = Extract<Fact, { type: T }>;

/** Facts of which something is kept in rows of its own. */
export type KeptType = Extract<Rows[number], { row: { kept: true } }>["type"];

/** What the journal adds to a fact. */
export interface Stamp {
  /** Position in the rig's journal, from 1, without gaps. */
  readonly seq: number;
  /** ms since epoch; never smaller than that of the fact before. */
  readonly at: number;
  /** Seq of the fact that caused this one; null for a root fact. */
  readonly cause: number | null;
}
export type Recorded<F extends Fact = Fact> = F extends unknown ? F & Stamp : never;
export type RecordedOf<T extends FactType> = Recorded<FactOf<T>>;

/** A fact's row as it is read for any fact; see `Row` in row.ts. */
export interface FactRow {
  readonly to: readonly Receiver[];
  readonly makes?: Kind;
  readonly removes?: Kind;
  readonly arms?: true;
  readonly kept?: true;
  readonly stopsAs?: StopsAs;
  readonly isSignOfLife?: true;
  readonly about?: (fact: Fact) => readonly Ref[];
  readonly timeline?: (fact: Fact) => Told;
  readonly example: Readonly<Record<string, unknown>>;
  readonly variants?: readonly Variant<Record<string, unknown>>[];
  readonly ignored?: Partial<Record<Kind, string>>;
  readonly command?: Partial<Record<Kind, Commanded>>;
}

export const FACT_TYPES: readonly FactType[] = ROWS.map(({ type }) => type);
const BY_TYPE = Object.fromEntries(ROWS.map(({ type, row }) => [type, row])) as unknown as Record<FactType, FactRow>;

/** Everything that is known of a fact of this type. */
export const rowOf = (type: FactType): FactRow => BY_TYPE[type];

/** Facts whose row answers the question with yes. */
export const factsThat = (asked: (row: FactRow) => boolean): ReadonlySet<FactType> =>
  new Set(FACT_TYPES.filter((type) => asked(BY_TYPE[type])));

/** How a process is told to end; null: plainly. @param reason why it is stopped: the type of a fact, or the words of a TICK */
export const stopsAs = (reason: string): StopsAs | null =>
  (Object.hasOwn(BY_TYPE, reason) && rowOf(reason as FactType).stopsAs) || null;

/** The bead that a fact is about, for its timeline. */
export const beadOf = (fact: Fact): string | null => ("beadId" in fact ? fact.beadId : null);

/** Every actor that a fact names. */
export function named(fact: Fact): Ref[] {
  const refs: Ref[] = [...(BY_TYPE[fact.type].about?.(fact) ?? [])];
  const add = (kind: Kind, id: string | null): void => void (id !== null && refs.push({ kind, id }));
  if ("agentId" in fact) add("agent", fact.agentId);
  if ("beadId" in fact) add("bead", fact.beadId);
  if ("reviewId" in fact) add("review", fact.reviewId);
  return refs;
}

/** Cuts a text to what a fact may carry; the end is marked, so that nobody takes it for the whole. */
export const clip = (value: string, chars: number = LIMITS.reason_chars): string =>
  value.length <= chars ? value : `${value.slice(0, chars - 1)}…`;
