import { createHash } from "node:crypto";
import { readEntry, type JournalRow } from "../../src/core/journal.ts";
import { entryLine, headerLine, sealLine } from "../../src/core/journal-file.ts";
import { exportPage, type ExportCursor } from "../../src/do/export.ts";
import { importJournal } from "../../src/do/import.ts";
import { restored } from "../../src/do/restored.ts";
import type { Rig } from "../../src/do/rig.ts";
import { migrate } from "../../src/do/schema.ts";
import { replayer } from "../../src/core/replay.ts";
import { nodeSql } from "../support/node-sql.ts";
import { kill, open, setAlarm, touch } from "./host.ts";
import type { Simulation } from "./requests.ts";
import { HOUR, OPERATOR, type SimRig, type Stage } from "./stage.ts";
import { often } from "./weather.ts";

/** What people do with a whole rig: stop everything at once, and bring back from its export what was lost. */

/** Until somebody resumes it. */
const HELD_MS = 1_200_000;

export function stopNowAndThen(stage: Stage, sim: Simulation, r: SimRig): void {
  often(stage, `stop:${r.id}`, 8 * HOUR, (own) => {
    stage.counts.stopped++;
    sim.request(r, { type: "stop" });
    // Of what the container is told beside the journal nothing may depend.
    if (own.chance(0.7) && stage.queue.now >= r.town.unreachableUntil) r.town.halt(r);
    resumeLater(stage, sim, r, own.around(HELD_MS));
  });
}

export function loseNowAndThen(stage: Stage, sim: Simulation, r: SimRig): void {
  often(stage, `lose:${r.id}`, 10 * HOUR, (own) => {
    const rig = touch(stage, r);
    if (rig === null || rig.world.rig.context.config === null) return;
    const file = exported(rig, r.id);
    stage.counts.imported++;
    kill(stage, r, "because its state is lost");
    bringBack(stage, r, file, 0).catch((error: unknown) =>
      stage.fail(r, "import_threw", String(error instanceof Error ? error.stack : error)),
    );
    resumeLater(stage, sim, r, own.around(HELD_MS));
  });
}

const resumeLater = (stage: Stage, sim: Simulation, r: SimRig, ms: number): void =>
  stage.queue.after(ms, () => sim.request(r, { type: "resume" }));

/** The file as the API writes it. */
function exported(rig: Rig, rigId: string): string {
  const lines = [headerLine(rigId)];
  let facts = 0;
  for (let next: ExportCursor | null = { part: "facts", after: 0 }; next !== null;) {
    const page: ReturnType<typeof exportPage> = exportPage(rig, next);
    lines.push(...page.lines);
    facts += page.facts;
    next = page.next;
  }
  const text = lines.map((line) => `${line}\n`).join("");
  const seal = { facts, actors: lines.length - 1 - facts, still: true, sha256: sha(text) };
  return `${text}${sealLine(seal)}\n`;
}

const sha = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Into empty tables. Whatever dies on the way leaves nothing, and it is brought again. */
async function bringBack(stage: Stage, r: SimRig, file: string, tries: number): Promise<void> {
  const lost = r.storage;
  const before = journalOf(lost);
  r.storage = nodeSql();
  setAlarm(stage, r, null);
  r.alarmLost = false;
  migrate(r.storage.sql);
  const hash = createHash("sha256");
  const { secrets } = await importJournal(r.storage, {
    userId: "user",
    file: chunksOf(file),
    segments: () => chunksOf(""),
    newHash: () => ({ update: async (text) => void hash.update(text), end: async () => hash.digest("hex") }),
  });
  if (journalOf(r.storage) !== before) stage.fail(r, "import_is_equal", "the journal is another one than was exported");
  r.replayed = replayer();
  r.before = null;
  r.checkedAlarm = null;
  const rig = open(stage, r, (ports) => ports.transaction(() => restored(ports, OPERATOR.id, secrets)));
  if (rig !== null) {
    stage.trace(() => `${r.id} was lost, and is brought back from its file`);
    lost.close();
    return;
  }
  if (tries > 20 || stage.failure !== null) throw new Error("a rig cannot be brought back");
  r.storage.close();
  r.storage = lost;
  await bringBack(stage, r, file, tries + 1);
}

/** As its file says it: a row may have had its fields in another order. */
const journalOf = ({ sql }: SimRig["storage"]): string =>
  sql
    .exec<JournalRow>("SELECT * FROM journal ORDER BY seq")
    .toArray()
    .map((row) => entryLine(readEntry(row)))
    .join("\n");

async function* chunksOf(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}
