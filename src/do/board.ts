import type { Effect } from "../events/effects.ts";
import type { Kind } from "../core/step.ts";
import { asItIs } from "../events/json.ts";
import { clip } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import type { BeadType } from "../events/facts.ts";
import { askOf } from "../machines/agent/driver.ts";
import { contentOf, packActors, type Board, type BoardActor, type BoardContent, type Shown } from "../wire/board.ts";
import type { Pending } from "../wire/schemas.ts";
import { promptText, redactor, type Redact } from "./needs.ts";
import type { Older, PackedEnded } from "../wire/packed-board.ts";
import * as queries from "./queries.ts";
import type { Rig } from "./rig.ts";
import type { BeadContent } from "./shapes.ts";

/** Beads and reviews that have ended and are still shown. */
const ENDED_SHOWN = 1_000;
const MAIL_SHOWN = 200;
/** A title that is cut further says nothing. */
const SHORTEST_TITLE = 16;

type Row = { seq: number; kind: Kind; id: string; v: number; value: string; context: string; error: string | null };

const read = ({ kind, id, v, value, context, error }: Row): BoardActor => ({
  kind,
  id,
  v,
  value: asItIs(value),
  context: asItIs(context),
  error,
});

const typeIn = (context: unknown): BeadType => (context as { type?: BeadType } | null)?.type ?? "issue";

/** All that a page starts from. Texts have their room in it (LIMITS.board_text_chars); what has none is fetched when it is opened. */
export function board(rig: Rig): Board {
  const { world, ports, sightings } = rig;
  const live = ports.sql
    .exec<Row>("SELECT seq, kind, id, v, value, context, error FROM actors WHERE live = 1 ORDER BY seq")
    .toArray();
  const ended = endedBefore(rig, Number.MAX_SAFE_INTEGER);
  const redact = redactor(ports.sql);
  const stored = textsOf(rig, "live = 1 OR seq >= ?", ended.older.before);
  const shown = withContent(rig, [...ended.rows, ...live].map(read), stored, redact);
  return {
    seq: world.seq,
    at: world.at,
    now: ports.now(),
    next_alarm: ports.getAlarm(),
    disk: rig.tidying.disk,
    ...shown,
    ended: ports.sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM actors WHERE live = 0").toArray()[0]?.n ?? 0,
    older: ended.older,
    heard: Object.fromEntries(Array.from(sightings, ([id, { at }]) => [id, at])),
    prompts: Object.fromEntries(
      [...world.agents.values()]
        .filter((agent) => agent.matches({ blocked: "onPermission" }) && askOf(agent.context) === undefined)
        .map(({ context }) => [context.id, clip(redact(promptText(ports.sql, context.id)), LIMITS.need_text_chars)]),
    ),
    mail: lettersThatFit(queries.mail(rig, MAIL_SHOWN)),
  };
}

/** The next older ones of what has ended, for a list that shows them. */
export function ended(rig: Rig, before: number): PackedEnded {
  const { rows, older } = endedBefore(rig, before);
  const stored = textsOf(rig, "live = 0 AND seq >= ? AND seq < ?", older.before, before);
  return { actors: packActors(withContent(rig, rows.map(read), stored, redactor(rig.ports.sql))), older };
}

/** What has ended and is older than a seq: the newest of it, oldest first, and what is older still. */
function endedBefore({ ports: { sql } }: Rig, before: number): { rows: Row[]; older: Older } {
  const rows = sql
    .exec<Row>(
      "SELECT seq, kind, id, v, value, context, error FROM actors WHERE live = 0 AND seq < ? ORDER BY seq DESC LIMIT ?",
      before,
      ENDED_SHOWN,
    )
    .toArray()
    .toReversed();
  const first = Math.min(before, rows[0]?.seq ?? 0);
  const beads = sql
    .exec<{ n: number }>("SELECT COUNT(*) AS n FROM actors WHERE live = 0 AND kind = 'bead' AND seq < ?", first)
    .toArray()[0]?.n;
  return {
    rows: rows.filter((row) => queries.readable(row.kind, row) !== null),
    older: { before: first, beads: beads ?? 0 },
  };
}

/** The stored texts of the beads whose rows are like that, by id. */
function textsOf({ ports: { sql } }: Rig, where: string, ...bounds: number[]): ReadonlyMap<string, string> {
  const ids = `SELECT id FROM actors WHERE kind = 'bead' AND (${where})`;
  return new Map(
    sql
      .exec<{ id: string; body: string }>(
        `SELECT id, body FROM content WHERE kind = 'bead' AND id IN (${ids})`,
        ...bounds,
      )
      .toArray()
      .map(({ id, body }) => [id, body]),
  );
}

/** The same actors, with what is shown of the beads among them. */
function withContent(
  { world }: Rig,
  actors: readonly BoardActor[],
  texts: ReadonlyMap<string, string>,
  redact: Redact,
): Shown {
  const content: Record<string, BoardContent> = {};
  const titles: string[] = [];
  const room = { chars: LIMITS.board_text_chars };
  for (const { kind, id, context } of actors) {
    const text = kind === "bead" ? texts.get(id) : undefined;
    if (text === undefined) continue;
    const stored = JSON.parse(text) as BeadContent;
    titles.push(stored.title);
    const type = typeIn(context);
    // Of other beads no text is shown here: what is not shown needs no search for secrets.
    const asked = type === "escalation" ? redact(stored.body ?? "") : null;
    const { body, ...made } = contentOf(type, { ...stored, body: asked });
    // Who has answered it, or let it go, needs its text no more; where there are too many it is fetched with the question.
    const isAsked = body !== undefined && world.beads.get(id)?.hasTag("terminal") === false;
    if (!isAsked) content[id] = made;
    else content[id] = fits(room, body) ? { ...made, body } : { ...made, isCut: true };
  }
  const longest = longestTitle(titles);
  for (const [id, made] of Object.entries(content))
    if (made.title.length > longest) content[id] = { ...made, title: clip(made.title, longest), isCut: true };
  return { actors, content };
}

/** The most characters that a title may have, so that all of them have their room. */
function longestTitle(titles: readonly string[]): number {
  const encoder = new TextEncoder();
  const sizes = titles.map((title) => ({ chars: title.length, bytes: encoder.encode(title).length }));
  const takes = (chars: number): number =>
    sizes.reduce((sum, one) => sum + (one.chars <= chars ? one.bytes : (one.bytes * chars) / one.chars), 0);
  let longest: number = LIMITS.title_chars;
  while (longest > SHORTEST_TITLE && takes(longest) > LIMITS.board_title_bytes) longest = Math.floor(longest * 0.9);
  return longest;
}

/** Whether there is still room for a text; if so, it is taken. */
function fits(room: { chars: number }, text: string): boolean {
  if (text.length > room.chars) return false;
  room.chars -= text.length;
  return true;
}

/** The newest letters, as many as there is room for, but one at least. */
function lettersThatFit(mail: Board["mail"]): Board["mail"] {
  const room = { chars: LIMITS.board_text_chars };
  const first = mail.findIndex(({ body }) => !fits(room, body));
  return first === -1 ? mail : mail.slice(0, Math.max(1, first));
}

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
