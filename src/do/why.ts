import { whyAgent, whyBead, type Reason, type Why } from "../core/why.ts";
import { SOURCES, type Source, type ValueName } from "../core/why-because.ts";
import { get } from "../core/world.ts";
import { clip, type FactOf } from "../events/facts.ts";
import type { AgentSnapshot } from "../machines/agent.ts";
import { lastWordsOf } from "../wire/attempts.ts";
import { attemptsOf } from "./attempts.ts";
import { redactor } from "./needs.ts";
import type { Rig } from "./rig.ts";
import { iso, type BeadContent } from "./shapes.ts";
import { readContent } from "./store.ts";

/** An answer with where each of its values comes from. */
export interface WhyBecause extends Why {
  readonly because: readonly Because[];
}

/** A value with the fact that it comes from, or the time at which it is looked at again. */
export interface Because {
  readonly name: string;
  readonly value: Why["values"][keyof Why["values"]];
  /** Seq of the newest fact that says it; of what is counted, the newest fact of all. Null: it is further back than is looked. */
  readonly seq: number | null;
  /** ms. */
  readonly deadline: number | null;
}

/** Why, with what the host keeps beside the charts: what was not listened to, and an agent's own last words. */

export function whyOfBead(rig: Rig, id: string): WhyBecause | null {
  const bead = get(rig.world, "bead", id);
  if (bead === undefined) return null;
  const { assignee, reviewId } = bead.context;
  const agent = rig.world.agents.get(assignee ?? "");
  const found = withLastWords(rig, id, withIgnored(rig, agent, whyBead(rig.world, bead)));
  return withCauses(rig, { beadId: id, agentId: assignee, reviewId }, found);
}

export function whyOfAgent(rig: Rig, id: string): WhyBecause | null {
  const agent = rig.world.agents.get(id);
  if (agent === undefined) return null;
  const found = withIgnored(rig, agent, whyAgent(rig.world, agent));
  const { hook } = agent.context;
  const reviewId = hook === null ? null : (get(rig.world, "bead", hook)?.context.reviewId ?? null);
  const whole = hook === null ? found : withLastWords(rig, hook, found);
  return withCauses(rig, { beadId: hook, agentId: id, reviewId }, whole);
}

interface About {
  readonly beadId: string | null;
  readonly agentId: string | null;
  readonly reviewId: string | null;
}

/** Facts that are looked through, newest first, for the one that a value comes from. */
const BACK = 20_000;

/** With titles for the ids of beads in its sentence, and with where each value comes from. */
function withCauses(rig: Rig, about: About, found: Why): WhyBecause {
  const because: Because[] = (Object.entries(found.values) as [ValueName, Because["value"]][]).map(([name, value]) => ({
    name,
    value,
    seq: seqOf(rig, about, name, found),
    deadline: null,
  }));
  if (found.until !== null) because.push({ name: "until", value: found.until, seq: null, deadline: found.until });
  return { ...found, sentence: titled(rig, about, found), because };
}

function seqOf(rig: Rig, { beadId, agentId, reviewId }: About, name: ValueName, { values }: Why): number | null {
  const source: Source = SOURCES[name];
  if (source === "counted") return rig.world.seq;
  const named = typeof values.agent === "string" ? values.agent : agentId;
  const id = { agent: named, bead: beadId, review: reviewId, rig: "", queue: "", budget: "", accounts: "" }[source.of];
  if (id === null) return null;
  const key = {
    agent: "$.agentId",
    bead: "$.beadId",
    review: "$.reviewId",
    rig: null,
    queue: null,
    budget: null,
    accounts: null,
  }[source.of];
  const [row] = rig.ports.sql
    .exec<{ seq: number }>(
      `SELECT seq FROM journal WHERE seq > ? AND type IN (SELECT value FROM json_each(?))${key === null ? "" : ` AND json_extract(body, '${key}') = ?`} ORDER BY seq DESC LIMIT 1`,
      rig.world.seq - BACK,
      JSON.stringify(source.facts),
      ...(key === null ? [] : [id]),
    )
    .toArray();
  return row?.seq ?? null;
}

/** People know beads by their titles. */
function titled(rig: Rig, { beadId }: About, { sentence, values }: Why): string {
  const listed = [values.blocked_by, values.stuck_by, values.failed].flatMap((ids) => (Array.isArray(ids) ? ids : []));
  const redact = redactor(rig.ports.sql);
  let words = sentence;
  for (const id of new Set([...listed, ...(beadId === null ? [] : [beadId])])) {
    const title = words.includes(id) ? readContent<BeadContent>(rig.ports.sql, "bead", id)?.title : undefined;
    // A whole id, and not the first part of a longer one.
    if (title !== undefined)
      words = words.replace(
        new RegExp(`(?<![\\w-])${id.replace(/[^A-Za-z0-9]/g, "\\$&")}(?![\\w-])`, "g"),
        () => `“${clip(redact(title), TITLE_CHARS)}”`,
      );
  }
  return words;
}

const TITLE_CHARS = 80;

/** Stale reports that are looked through for the one that says most: a done. */
const LOOKED_THROUGH = 50;

/** What an older dispatch has said since the newest one was granted (F-403). */
function withIgnored(rig: Rig, agent: AgentSnapshot | undefined, found: Why): Why {
  const { hook } = agent?.context ?? { hook: null };
  if (agent === undefined || hook === null) return found;
  const rows = rig.ports.sql
    .exec<{ at: number; body: string }>(
      `SELECT at, body FROM journal WHERE type = 'report.stale'
        AND seq > (SELECT COALESCE(MAX(seq), 0) FROM journal WHERE bead = ? AND type = 'dispatch.granted')
        ORDER BY seq DESC LIMIT ?`,
      hook,
      LOOKED_THROUGH,
    )
    .toArray()
    .map(({ at, body }) => ({ at, ...(JSON.parse(body) as Omit<FactOf<"report.stale">, "type">) }))
    .filter(({ agentId }) => agentId === agent.context.id);
  const ignored = rows.find(({ report }) => report === "done") ?? rows[0];
  if (ignored === undefined) return found;
  const { report, dispatchId, at } = ignored;
  return {
    ...found,
    sentence: `${found.sentence} Reports of an older dispatch${dispatchId === null ? "" : ` (${dispatchId})`} are ignored, such as its ${report} at ${iso(at)}.`,
    values: { ...found.values, ignored_dispatch: dispatchId, ignored_report: report },
  };
}

/** Where an end before is what there is to know. */
const AFTER_AN_END: ReadonlySet<Reason> = new Set(["backing_off_until", "ended", "waiting_for_person"]);

/** What the bead's last attempt said last, where it did not come to anything. */
function withLastWords(rig: Rig, beadId: string, found: Why): Why {
  const bead = get(rig.world, "bead", beadId);
  const last = attemptsOf(rig, beadId).at(-1);
  if (last === undefined || bead?.value === "closed" || !AFTER_AN_END.has(found.reason)) return found;
  const words = clip(redactor(rig.ports.sql)(lastWordsOf(last)));
  if (words === "") return found;
  return {
    ...found,
    sentence: `${found.sentence} The last words of its last attempt: ${words}`,
    values: { ...found.values, last_words: words },
  };
}
