import type * as z from "zod";
import { aboutOf, needsOf, type Need } from "../core/needs.ts";
import { optionsOf, promptOf } from "../core/prompts.ts";
import { askOf } from "../machines/agent/driver.ts";
import { say } from "../core/sentences.ts";
import { clip } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import { lastWordsOf } from "../wire/attempts.ts";
import type { Needs, WireNeed } from "../wire/schemas.ts";
import { attemptsOf } from "./attempts.ts";
import type { Sql } from "./ports.ts";
import * as queries from "./queries.ts";
import type { Rig } from "./rig.ts";
import { secretNames } from "./secrets.ts";
import { isoOrNull, type BeadContent } from "./shapes.ts";
import { readContent } from "./store.ts";

/** Who needs a person, with titles and texts: bounded, and without the rig's secrets. */

export type Redact = (text: string) => string;

const SHORTEST_SECRET = 6;

/** Takes the rig's secrets and credentials in URLs out of a text that is shown to people. */
export function redactor(sql: Sql): Redact {
  const secrets = sql
    .exec<{ name: string; value: string }>("SELECT name, value FROM secrets")
    .toArray()
    .filter(({ value }) => value.length >= SHORTEST_SECRET);
  return (text) => {
    let shown = text.replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, "$1[redacted]@");
    for (const { name, value } of secrets) shown = shown.replaceAll(value, `[${name}]`);
    return shown;
  };
}

/** What an agent's newest permission prompt said, or "". */
export function promptText(sql: Sql, agentId: string): string {
  const row = sql
    .exec<{ data: string }>(
      "SELECT data FROM agent_events WHERE agent = ? AND type IN ('permission.asked', 'permission.updated', 'permission.requested') ORDER BY id DESC LIMIT 1",
      agentId,
    )
    .toArray()[0];
  return row?.data ?? "";
}

function ended(rig: Rig): BeadSnapshot[] {
  return rig.ports.sql
    .exec<{ id: string; v: number; value: string; context: string }>(
      "SELECT id, v, value, context FROM actors WHERE kind = 'bead' AND live = 0 AND state = 'failed' ORDER BY seq DESC LIMIT ?",
      LIMITS.failed_looked_at,
    )
    .toArray()
    .flatMap((row) => queries.readable("bead", row) ?? []);
}

/** The most urgent ones, at most LIMITS.needs_listed. */
export function needs(rig: Rig): z.infer<typeof Needs> {
  const { all, listed } = needsFirst(rig, LIMITS.needs_listed);
  return { total: all.length, needs: listed };
}

/** All of them, and the most urgent ones as they are told. */
export function needsFirst(rig: Rig, limit: number): { all: readonly Need[]; listed: z.infer<typeof WireNeed>[] } {
  const { world, ports } = rig;
  const contents = new Map<string, BeadContent | undefined>();
  const content = (id: string): BeadContent | undefined => {
    if (!contents.has(id)) contents.set(id, readContent<BeadContent>(ports.sql, "bead", id));
    return contents.get(id);
  };
  const all = needsOf(world, {
    about: (id) => aboutOf(content(id)),
    ended: ended(rig),
    now: ports.now(),
    secrets: secretNames(rig),
    lastWords: (beadId) => newestWords(rig, beadId) ?? "",
  });
  const redact = redactor(ports.sql);
  return { all, listed: all.slice(0, limit).map((need) => wireNeed(rig, need, content, redact)) };
}

/** What is told of an end is said best by whoever ended. */
const OF_ENDS: ReadonlySet<Need["code"]> = new Set(["early_ends", "failed"]);

/** What the newest attempt at a bead said last; null: there was none. */
function newestWords(rig: Rig, beadId: string): string | null {
  const last = attemptsOf(rig, beadId).at(-1);
  return last === undefined ? null : lastWordsOf(last);
}

/** What the newest attempt of the first of its beads that has any said last; or "". */
function lastWordsIn(rig: Rig, { code, beads }: Need): string {
  if (!OF_ENDS.has(code)) return "";
  for (const id of beads.slice(0, LIMITS.need_ids)) {
    const words = newestWords(rig, id);
    if (words !== null) return words;
  }
  return "";
}

function wireNeed(
  rig: Rig,
  need: Need,
  content: (id: string) => BeadContent | undefined,
  redact: Redact,
): z.infer<typeof WireNeed> {
  const text = (value: string): string => clip(redact(value), LIMITS.need_text_chars);
  const title = (id: string): string => content(id)?.title ?? id;
  const name = (id: string): string => rig.world.agents.get(id)?.context.name ?? id;
  const some = (ids: readonly string[]): readonly string[] => ids.slice(0, LIMITS.need_ids);
  const beads = (ids: readonly string[]) => some(ids).map((id) => ({ id, title: text(title(id)) }));
  const sentence = say(need, { agent: name, bead: title });
  const words = text(lastWordsIn(rig, need));
  const agent = rig.world.agents.get(need.agents[0] ?? "");
  const isAsking = need.code === "permission" || need.code === "question";
  const ask = agent !== undefined && isAsking ? (askOf(agent.context) ?? null) : null;
  const prompt =
    need.code === "permission" && ask === null ? promptOf(promptText(rig.ports.sql, need.agents[0] ?? "")) : null;
  return {
    key: need.key,
    code: need.code,
    level: need.level,
    title: text(sentence.title),
    text: text(words === "" ? sentence.text : `${sentence.text} Its last words: ${words}`),
    since: isoOrNull(need.since),
    until: isoOrNull(need.until),
    count: Math.max(need.agents.length, need.beads.length, need.escalations.length, need.actors.length, 1),
    agents: some(need.agents).map((id) => ({ id, name: text(name(id)) })),
    beads: beads(need.beads),
    reviews: [...some(need.reviews)],
    actors: [...some(need.actors)],
    waiting: beads(need.waiting),
    waiting_count: need.waiting.length,
    escalations: some(need.escalations).map((id) => ({
      id,
      title: text(title(id)),
      body: text(content(id)?.body ?? ""),
      options: optionsOf(content(id)?.metadata).map(text),
    })),
    ask: ask && {
      ...ask,
      text: clip(redact(ask.text), LIMITS.ask_text_chars),
      command: ask.command === null ? null : clip(redact(ask.command), LIMITS.ask_command_chars),
      options: ask.options.map(({ id, label }) => ({ id, label })),
    },
    prompt: prompt && { text: text(prompt.text), command: prompt.command === null ? null : text(prompt.command) },
    values: Object.fromEntries(
      Object.entries(words === "" ? need.values : { ...need.values, last_words: words }).map(([key, value]) => [
        key,
        typeof value === "string" ? text(value) : value,
      ]),
    ),
  };
}
