import { FACT_TYPES, rowOf, type FactType } from "../../src/events/facts.ts";
import { KINDS, type Commanded, type Kind, type Receiver } from "../../src/events/row.ts";

/** What the pages about the charts tell of facts, from the facts' rows. */

const RECEIVED_BY: Record<Receiver, Kind> = {
  rig: "rig",
  "every agent": "agent",
  agent: "agent",
  bead: "bead",
  "bead?": "bead",
  "bead on its hook?": "bead",
  review: "review",
  "every open review": "review",
  queue: "queue",
  budget: "budget",
  accounts: "accounts",
};

const byKind = <T>(of: (kind: Kind) => T): Record<Kind, T> =>
  Object.fromEntries(KINDS.map((kind) => [kind, of(kind)])) as Record<Kind, T>;

/** What the rows say of each fact for a kind of actor, in the order of the rows; facts of which they say nothing are left out. */
const said = <T>(of: (type: FactType, kind: Kind) => T | undefined): Record<Kind, Partial<Record<FactType, T>>> =>
  byKind(
    (kind) =>
      Object.fromEntries(
        FACT_TYPES.map((type) => [type, of(type, kind)]).filter(([, what]) => what !== undefined),
      ) as Partial<Record<FactType, T>>,
  );

/** Which facts reach which kind of actor. */
export const ROUTED: Record<Kind, FactType[]> = byKind((kind) =>
  FACT_TYPES.filter((type) => rowOf(type).to.some((receiver) => RECEIVED_BY[receiver] === kind)),
);

/** Why a fact may be ignored. A fact that can be ignored and has no reason fails the making of the tables; so does an idle reason. */
export const IGNORED = said((type, kind) => rowOf(type).ignored?.[kind]);

/** Facts that are asked for with a command. */
export const COMMANDED = said<Commanded>((type, kind) => rowOf(type).command?.[kind]);
