import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { actorLine, entryLine, headerLine } from "../../src/core/journal-file.ts";
import { readEntry } from "../../src/core/journal.ts";
import type { Report } from "./simulation.ts";

/** Writes a run's journals as files that `scripts/replay.ts` reads. @returns their names */
export function saveJournals(report: Report, directory: string): string[] {
  mkdirSync(directory, { recursive: true });
  return report.journals.map(({ rig, rows, actors }) => {
    const file = join(directory, `seed-${report.options.seed}-${rig}.ndjson`);
    writeFileSync(
      file,
      [headerLine(rig), ...rows.map((row) => entryLine(readEntry(row))), ...actors.map(actorLine), ""].join("\n"),
    );
    return file;
  });
}
