import type { Effect } from "../events/effects.ts";
import type { Kind } from "../core/step.ts";
import { asItIs } from "../events/json.ts";
import { clip } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import type { Board, BoardActor, BoardContent, Pending } from "../wire/schemas.ts";
import { promptText, redactor } from "./needs.ts";
import * as queries from "./queries.ts";
import type { Rig } from "./rig.ts";
import type { BeadContent } from "./shapes.ts";

/** Beads and reviews that have ended and are still shown. */
const ENDED_SHOWN = 1_000;
const MAIL_SHOWN = 200;

type Row = { seq: number; kind: Kind; id: string; v: number; value: string; context: string; error: string | null };

const read = ({ kind, id, v, value, context, error }: Row): BoardActor => ({
  kind,
  id,
  v,
  value: asItIs(value),
  context: asItIs(context),
  error,
});

export function board(rig: Rig): Board {
  const { world, ports, sightings } = rig;
  const live = ports.sql
    .exec<Row>("SELECT seq, kind, id, v, value, context, error FROM actors WHERE live = 1 ORDER BY seq")
    .toArray();
  const ended = ports.sql
    .exec<Row>(
      "SELECT seq, kind, id, v, value, context, error FROM actors WHERE live = 0 ORDER BY seq DESC LIMIT ?",
      ENDED_SHOWN,
    )
    .toArray()
    .toReversed();
  const actors = [...ended.filter((row) => queries.readable(row.kind, row) !== null), ...live].map(read);
  const texts = new Map(
    ports.sql
      .exec<{ id: string; body: string }>(
        "SELECT c.id, c.body FROM content c WHERE c.kind = 'bead' AND c.id IN (SELECT id FROM actors WHERE kind = 'bead' AND (live = 1 OR seq >= ?))",
        oldestOf(ended),
      )
      .toArray()
      .map(({ id, body }) => [id, body]),
  );
  const redact = redactor(ports.sql);
  const isAsked = (id: string): boolean => world.beads.get(id)?.context.type === "escalation";
  const content: Record<string, BoardContent> = {};
  for (const [id, text] of texts) {
    const { title, body, labels, createdBy, metadata } = JSON.parse(text) as BeadContent;
    const asked = isAsked(id) ? { body: clip(redact(body ?? ""), LIMITS.need_text_chars) } : {};
    content[id] = { title, labels, createdBy, metadata, ...asked };
  }
  return {
    seq: world.seq,
    at: world.at,
    now: ports.now(),
    next_alarm: ports.getAlarm(),
    disk: rig.tidying.disk,
    actors,
    ended: ports.sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM actors WHERE live = 0").toArray()[0]?.n ?? 0,
    content,
    heard: Object.fromEntries(Array.from(sightings, ([id, { at }]) => [id, at])),
    prompts: Object.fromEntries(
      [...world.agents.values()]
        .filter((agent) => agent.matches({ blocked: "onPermission" }))
        .map(({ context }) => [context.id, clip(redact(promptText(ports.sql, context.id)), LIMITS.need_text_chars)]),
    ),
    mail: queries.mail(rig, MAIL_SHOWN),
  };
}

const oldestOf = (rows: readonly Row[]): number => Math.min(Number.MAX_SAFE_INTEGER, ...rows.map(({ seq }) => seq));

/** The outbox, oldest first, at most 500 rows. No effect carries a secret: those join when it is run. */
export function pending(rig: Rig): Pending[] {
  const flying = new Set(rig.outbox.inFlight());
  return rig.ports.sql
    .exec<{
      key: string;
      seq: number;
      kind: string;
      body: string;
      attempts: number;
      next_at: number;
      error: string | null;
    }>("SELECT * FROM outbox ORDER BY seq, key LIMIT 500")
    .toArray()
    .map(({ body, ...row }) => ({ ...row, effect: JSON.parse(body) as Effect, in_flight: flying.has(row.key) }));
}
