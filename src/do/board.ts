import type { Effect } from "../events/effects.ts";
import type { Kind } from "../machines/step.ts";
import { asItIs, type JsonValue } from "./json.ts";
import * as queries from "./queries.ts";
import type { Rig } from "./rig.ts";
import type { BeadContent, WireMail } from "./wire.ts";

/**
 * All that a board shows of a rig, as of one seq: whoever has it and follows the feed from there folds the same facts with
 * the same machines, and needs to ask for nothing again.
 */
export interface Board {
  readonly seq: number;
  /** Time of the newest fact, ms. */
  readonly at: number;
  /** The rig's clock, ms: a board's own may be wrong. */
  readonly now: number;
  /** When the rig looks next, ms, or null. */
  readonly next_alarm: number | null;
  /** All agents, all beads and reviews that have not ended, and the newest of those that have. */
  readonly actors: readonly BoardActor[];
  /** Beads and reviews that have ended, all of them. */
  readonly ended: number;
  readonly content: Record<string, BoardContent>;
  /** Last sign of life per agent, ms; only what the rig remembers. */
  readonly heard: Record<string, number>;
  /** Newest first. */
  readonly mail: readonly WireMail[];
}

export interface BoardActor {
  readonly kind: Kind;
  readonly id: string;
  readonly v: number;
  readonly value: unknown;
  readonly context: unknown;
  /** Why it is quarantined, or null. */
  readonly error: string | null;
}

export interface BoardContent {
  readonly title: string;
  readonly labels: readonly string[];
  readonly createdBy: string | null;
  readonly metadata: Record<string, JsonValue>;
}

/** Beads and reviews that have ended and are still shown. */
const ENDED_SHOWN = 1_000;
const MAIL_SHOWN = 200;

type Row = { seq: number; kind: Kind; id: string; v: number; value: string; context: string; error: string | null };

const read = ({ kind, id, v, value, context, error }: Row): BoardActor => ({ kind, id, v, value: asItIs(value), context: asItIs(context), error });

export function board(rig: Rig): Board {
  const { world, ports, sightings } = rig;
  const live = ports.sql.exec<Row>("SELECT seq, kind, id, v, value, context, error FROM actors WHERE live = 1 ORDER BY seq").toArray();
  const ended = ports.sql.exec<Row>("SELECT seq, kind, id, v, value, context, error FROM actors WHERE live = 0 ORDER BY seq DESC LIMIT ?", ENDED_SHOWN).toArray().toReversed();
  const actors = [...ended.filter((row) => queries.readable(row.kind, row) !== null), ...live].map(read);
  const texts = new Map(ports.sql.exec<{ id: string; body: string }>("SELECT c.id, c.body FROM content c WHERE c.kind = 'bead' AND c.id IN (SELECT id FROM actors WHERE kind = 'bead' AND (live = 1 OR seq >= ?))", oldestOf(ended)).toArray().map(({ id, body }) => [id, body]));
  const content: Record<string, BoardContent> = {};
  for (const [id, text] of texts) {
    const { title, labels, createdBy, metadata } = JSON.parse(text) as BeadContent;
    content[id] = { title, labels, createdBy, metadata };
  }
  return {
    seq: world.seq,
    at: world.at,
    now: ports.now(),
    next_alarm: ports.getAlarm(),
    actors,
    ended: ports.sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM actors WHERE live = 0").toArray()[0]?.n ?? 0,
    content,
    heard: Object.fromEntries(Array.from(sightings, ([id, { at }]) => [id, at])),
    mail: queries.mail(rig, MAIL_SHOWN),
  };
}

const oldestOf = (rows: readonly Row[]): number => Math.min(Number.MAX_SAFE_INTEGER, ...rows.map(({ seq }) => seq));

/** One effect that was asked for and is not settled. */
export interface Pending {
  readonly key: string;
  /** Seq of the fact whose transition emitted it. */
  readonly seq: number;
  readonly kind: string;
  readonly effect: Effect;
  readonly attempts: number;
  /** When it is tried (again), ms; 0: at once. */
  readonly next_at: number;
  readonly error: string | null;
  readonly in_flight: boolean;
}

/** The outbox, oldest first, at most 500 rows. No effect carries a secret: those join when it is run. */
export function pending(rig: Rig): Pending[] {
  const flying = new Set(rig.outbox.inFlight());
  return rig.ports.sql
    .exec<{ key: string; seq: number; kind: string; body: string; attempts: number; next_at: number; error: string | null }>("SELECT * FROM outbox ORDER BY seq, key LIMIT 500")
    .toArray()
    .map(({ body, ...row }) => ({ ...row, effect: JSON.parse(body) as Effect, in_flight: flying.has(row.key) }));
}

