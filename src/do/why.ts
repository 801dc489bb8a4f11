import { whyAgent, whyBead, type Reason, type Why } from "../core/why.ts";
import { get } from "../core/world.ts";
import { clip, type FactOf } from "../events/facts.ts";
import type { AgentSnapshot } from "../machines/agent.ts";
import { lastWordsOf } from "../wire/attempts.ts";
import { attemptsOf } from "./attempts.ts";
import { redactor } from "./needs.ts";
import type { Rig } from "./rig.ts";
import { iso } from "./shapes.ts";

/** Why, with what the host keeps beside the charts: what was not listened to, and an agent's own last words. */

export function whyOfBead(rig: Rig, id: string): Why | null {
  const bead = get(rig.world, "bead", id);
  if (bead === undefined) return null;
  const agent = rig.world.agents.get(bead.context.assignee ?? "");
  return withLastWords(rig, id, withIgnored(rig, agent, whyBead(rig.world, bead)));
}

export function whyOfAgent(rig: Rig, id: string): Why | null {
  const agent = rig.world.agents.get(id);
  if (agent === undefined) return null;
  const found = withIgnored(rig, agent, whyAgent(rig.world, agent));
  return agent.context.hook === null ? found : withLastWords(rig, agent.context.hook, found);
}

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
