import { exploreAll } from "../support/paths.ts";
import { digestOf, writeGoldenPaths } from "./golden-paths.ts";

/** Records what every generated path leads to: node test/mutants/record.ts */
const paths = exploreAll().flatMap(({ paths }) => paths);
writeGoldenPaths(paths.map(({ moves }) => ({ moves: moves.map(({ at, facts }) => ({ at, facts })), digest: digestOf(moves) })));
console.log(`${paths.length} paths recorded`);
