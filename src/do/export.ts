import { actorLine, entryLine } from "../core/journal-file.ts";
import { LIMITS } from "../events/limits.ts";
import type { RigContext } from "../machines/rig.ts";
import type { Rig } from "./rig.ts";
import { secretNames } from "./secrets.ts";
import { actorsAfter, readJournal } from "./store.ts";

/** Where an export goes on: first the facts, then the stored actors as they were after fact `through`. */
export type ExportCursor =
  | { readonly part: "facts"; readonly after: number }
  | { readonly part: "actors"; readonly after: number; readonly through: number };

export interface ExportPage {
  readonly lines: string[];
  /** How many of the lines are facts; the others are actors. */
  readonly facts: number;
  readonly next: ExportCursor | null;
  /** Nothing was committed between the last fact and these actors. */
  readonly still: boolean;
}

/** Lines of an export per call: a few megabytes at most. */
const EXPORT_PAGE = 1_000;

/** The journal as a file, page by page; the stored actors follow the last fact. */
export function exportPage(rig: Rig, from: ExportCursor): ExportPage {
  const { sql } = rig.ports;
  if (from.part === "actors") {
    const { rows, last } = actorsAfter(sql, from.after, EXPORT_PAGE);
    const next = last === null ? null : { ...from, after: last };
    return { lines: rows.map(actorLine), facts: 0, next, still: rig.world.seq === from.through };
  }
  const entries = readJournal(sql, from.after, EXPORT_PAGE);
  if (from.after > 0 && entries.length > 0 && entries[0]?.fact.seq !== from.after + 1)
    throw new Error(`what comes after fact ${from.after} has left for the archive meanwhile: export the rig again`);
  const facts = entries.map(entryLine);
  const after = entries.at(-1)?.fact.seq ?? from.after;
  if (entries.length === EXPORT_PAGE)
    return { lines: facts, facts: facts.length, next: { part: "facts", after }, still: true };
  // In the same call as the last fact, so that nothing comes between; and a rig that never rests has an end as well.
  const actors = exportPage(rig, { part: "actors", after: -1, through: rig.world.seq });
  return { ...actors, lines: [...facts, ...actors.lines], facts: facts.length };
}

/** What the first line of an export says, and no fact does. */
export const exportHead = (rig: Rig): { config: RigContext["config"]; secrets: string[] } => ({
  config: rig.world.rig.context.config,
  secrets: secretNames(rig).slice(0, LIMITS.secrets_named),
});
