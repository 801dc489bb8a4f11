import * as z from "zod";
import type { JsonValue } from "./json.ts";

/** What a row of the facts' table says, and how one is written. */

/** Kinds of which a rig has one actor at most, by the name of the kind. */
export const SINGLES = ["queue", "budget", "accounts"] as const;
export type Single = (typeof SINGLES)[number];

/** The kinds of actor. */
export const KINDS = ["agent", "bead", "review", "rig", ...SINGLES] as const;
export type Kind = (typeof KINDS)[number];

/** One actor by name. */
export interface Ref {
  readonly kind: Kind;
  readonly id: string;
}

/**
 * Who takes a fact. `agent`, `bead` and `review` are those that the fact names by `agentId`, `beadId` and `reviewId`: one that does
 * not exist is recorded as missing. With a question mark it may be gone without anybody's fault. An open review is one that is queued
 * or being merged. A single takes what goes to it once there is one.
 */
export type Receiver =
  | "rig"
  | Single
  | "every agent"
  | "every open review"
  | "agent"
  | "bead"
  | "bead?"
  | "bead on its hook?"
  | "review";
type ReceiverOf<S> =
  | "rig"
  | Single
  | "every agent"
  | "every open review"
  | (S extends { agentId: unknown } ? "agent" | "bead on its hook?" : never)
  | (S extends { beadId: unknown } ? "bead" | "bead?" : never)
  | (S extends { reviewId: unknown } ? "review" : never);

/** What the Worker API calls the events of a bead. */
export const BEAD_EVENT_TYPES = [
  "created",
  "assigned",
  "hooked",
  "unhooked",
  "status_changed",
  "closed",
  "escalated",
  "mail_sent",
  "review_submitted",
  "review_completed",
  "agent_spawned",
  "agent_exited",
] as const;
export type BeadEventType = (typeof BEAD_EVENT_TYPES)[number];

/** What the Worker API's bead events tell of a fact. */
export interface Told {
  readonly event_type: BeadEventType;
  readonly agent_id: string | null;
  readonly old_value: string | null;
  readonly new_value: string | null;
  readonly metadata: Record<string, JsonValue>;
}

/** A line of a bead's timeline. */
export const told = (
  event_type: BeadEventType,
  agent_id: string | null,
  old_value: string | null,
  new_value: string | null,
  metadata: Record<string, JsonValue> = {},
): Told => ({ event_type, agent_id, old_value, new_value, metadata });

/**
 * A fact that is asked for with a command. Where the chart cannot take it, `decide` refuses the command with 409 (see `takes` in
 * src/core/decide/index.ts), or, where nothing is left to do, answers that it is so already.
 */
export interface Commanded {
  readonly command: string;
  /** States in which the command's aim is reached: it is answered with 200 and becomes no fact. */
  readonly already?: readonly string[];
  /** For a machine with regions: the one that judges. */
  readonly judge?: string;
}

/** Another example of a fact, which guards tell apart from the plain one. */
export interface Variant<F> {
  /** What it is called beside the fact's type, such as an outcome. */
  readonly name: string;
  /** Only where this kind of actor is asked. */
  readonly of?: Kind;
  readonly fields?: Partial<F>;
}

/** What is told to a process that is stopped; see `Row.stopsAs`. */
export type StopsAs = "evicted" | "done";

/** A fact's own fields, as they are written down once and changed by nobody. */
type Fields<S extends z.ZodRawShape> = {
  readonly [K in keyof z.infer<z.ZodObject<S>>]: z.infer<z.ZodObject<S>>[K] extends readonly (infer E)[]
    ? readonly E[]
    : z.infer<z.ZodObject<S>>[K];
};

/** Everything that is known of a fact. */
export interface Row<S extends z.ZodRawShape> {
  /** Who takes it, in this order. Nobody: it is kept for the record, and no chart moves on it. */
  readonly to: readonly ReceiverOf<S>[];
  /** It makes this kind of actor where there is none of that id yet. */
  readonly makes?: Kind;
  /** When its receivers have taken it, the actor of this kind is gone. */
  readonly removes?: Kind;
  /** It wants to be looked at soon: the alarm rings within `arm_delay_ms`. */
  readonly arms?: true;
  /** Something of it that no machine needs is kept in rows of its own: see PROJECTIONS in src/do/store.ts. */
  readonly kept?: true;
  /**
   * How the process is told to end that is stopped for it, where not plainly: `evicted`, so that its work is handed back, or `done`, so
   * that it may hear of that and end by itself.
   */
  readonly stopsAs?: StopsAs;
  /** It is a sign of life of its agent that people see. */
  readonly isSignOfLife?: true;
  /** Actors that it names besides those that `agentId`, `beadId` and `reviewId` name. */
  readonly about?: (fact: z.infer<z.ZodObject<S>>) => readonly Ref[];
  /** What the timeline of the bead that it names tells of it. */
  readonly timeline?: (fact: z.infer<z.ZodObject<S>>) => Told;
  /** A fact as it could be, for the debugger. Ids, branch and attempts are replaced by those of the actor that is looked at. */
  readonly example: Fields<S>;
  /** Where some are of the kind that is looked at, they are shown in place of the plain example. */
  readonly variants?: readonly Variant<Fields<S>>[];
  /** Why an actor may ignore it. docs/statecharts fails to be made where a reason is missing or idle. */
  readonly ignored?: Partial<Record<Kind, string>>;
  /** How it is asked for, by the kind of actor that judges. */
  readonly command?: Partial<Record<Kind, Commanded>>;
}

/** One row of the table: the fact's type, its shape, and everything that is known of it. */
export const fact = <T extends string, S extends z.ZodRawShape, const R extends Row<S>>(
  type: T,
  shape: S,
  row: R & Row<S>,
) => ({ type, schema: z.object({ type: z.literal(type), ...shape }), row });
