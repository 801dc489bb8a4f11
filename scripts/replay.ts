/** Folds a journal file again and compares: node scripts/replay.ts FILE [--trusted]. Exit 1 on a divergence, 2 when it cannot be read. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { replayFile } from "../src/do/replay.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { trusted: { type: "boolean", default: false } } });
const [file] = positionals;
if (file === undefined) {
  console.error("node scripts/replay.ts FILE [--trusted]");
  process.exit(2);
}
try {
  const started = performance.now();
  const { header, facts, effects, divergence } = await replayFile(createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY }), { trusted: values.trusted });
  const seconds = (performance.now() - started) / 1000;
  console.log(`rig ${header.rig ?? "(unnamed)"}: ${facts} facts, ${effects} effects, ${Math.round(facts / seconds)} facts/s, ${divergence === null ? "no divergence" : `DIVERGENCE at seq ${divergence.seq}`}`);
  if (divergence !== null) {
    console.log(`expected ${divergence.expected}\n  actual ${divergence.actual}`);
    process.exitCode = 1;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
