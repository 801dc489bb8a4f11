import { actorLine, entryLine, headerLine } from "../core/journal-file.ts";
import type { Rig } from "./rig.ts";
import { actorsAfter, readJournal } from "./store.ts";

/** Where an export goes on: first the facts, then the stored actors. */
export type ExportCursor = { readonly part: "facts" | "actors"; readonly after: number };

export type ExportPage = { lines: string[]; next: ExportCursor | null };

/** Lines of an export per call: a few megabytes at most. */
const EXPORT_PAGE = 1_000;

/** The journal as a file, page by page; the stored actors follow the last fact. @param name the rig's, for the first line */
export function exportPage(rig: Rig, name: string | null, from: ExportCursor): ExportPage {
  const { after } = from;
  if (from.part === "actors") {
    const { rows, last } = actorsAfter(rig.ports.sql, after, EXPORT_PAGE);
    return { lines: rows.map(actorLine), next: last === null ? null : { part: "actors", after: last } };
  }
  const entries = readJournal(rig.ports.sql, after, EXPORT_PAGE);
  const head = after === 0 ? [headerLine(name)] : [];
  const last = entries.at(-1)?.fact.seq ?? after;
  return {
    lines: [...head, ...entries.map(entryLine)],
    next: entries.length === 0 ? { part: "actors", after: -1 } : { part: "facts", after: last },
  };
}
