/** Folds a journal file again and compares: node scripts/replay.ts FILE [--trusted]. Exit 1 on a divergence, 2 when it cannot be read. */
import { messageOf } from "../src/events/message-of.ts";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { sealChecked } from "./verify/sealed.ts";
import { replayFile } from "../src/core/journal-file.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { trusted: { type: "boolean", default: false } },
});
const [file] = positionals;
if (file === undefined) {
  console.error("node scripts/replay.ts FILE [--trusted]");
  process.exit(2);
}
try {
  const started = performance.now();
  const { header, facts, effects, divergence } = await replayFile(
    sealChecked(createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })),
    { trusted: values.trusted },
  );
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `rig ${header.rig ?? "(unnamed)"}: ${facts} facts, ${effects} effects, ${Math.round(facts / seconds)} facts/s, ${divergence === null ? "no divergence" : `DIVERGENCE at seq ${divergence.seq}`}`,
  );
  if (divergence !== null) {
    console.log(`expected ${divergence.expected}\n  actual ${divergence.actual}`);
    process.exitCode = 1;
  }
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 2;
}
