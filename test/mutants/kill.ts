import { readdirSync, readFileSync } from "node:fs";
import { replayFile } from "../../src/do/replay.ts";
import { digestOf, readGoldenPaths } from "./golden-paths.ts";

/** The fast judge of a mutant of the pure core: the recorded paths and journals, folded again. Exit 1 is a kill. */
const paths = readGoldenPaths();
// In strides, so that every chart has its turn soon: most mutants die early.
const STRIDE = 97;
for (const { moves, digest } of Array.from({ length: STRIDE }, (_, start) => paths.filter((_path, i) => i % STRIDE === start)).flat()) {
  if (digestOf(moves) !== digest) {
    console.log("killed by a path");
    process.exit(1);
  }
}
const golden = new URL("../golden/", import.meta.url);
for (const name of readdirSync(golden).filter((file) => file.endsWith(".ndjson"))) {
  const { divergence } = await replayFile(readFileSync(new URL(name, golden), "utf8").split("\n"));
  if (divergence !== null) {
    console.log(`killed by ${name} at ${divergence.seq}`);
    process.exit(1);
  }
}
