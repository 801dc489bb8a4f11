import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ELK } from "elkjs";
import elkjs from "elkjs/lib/main.js";
import type { AnyStateMachine } from "xstate";
import { MACHINES, type Kind } from "../src/machines/step.ts";
import { routedFacts } from "./charts/facts.ts";
import { chartOf } from "./charts/graph.ts";
import { layoutOf } from "./charts/layout.ts";
import { chartPage, indexPage, tablePage } from "./charts/pages.ts";
import { saidBy } from "./charts/said.ts";
import { svgOf } from "./charts/svg.ts";

/**
 * Writes docs/statecharts from the machines.
 *
 *   node scripts/charts.ts           writes what has changed
 *   node scripts/charts.ts --check   writes nothing; exits 1 and names the files that are out of date
 */

const root = join(import.meta.dirname, "..");
const docs = join(root, "docs/statecharts");

const files = new Map<string, string>();
const elk = new (elkjs as unknown as new () => ELK)();
const routed = routedFacts();
const charts = [];
for (const kind of ["agent", "bead", "review", "rig"] as const satisfies Kind[]) {
  const machine = MACHINES[kind] as unknown as AnyStateMachine;
  const chart = chartOf(machine);
  const said = saidBy(machine, readFileSync(join(root, `src/machines/${kind}.ts`), "utf8"));
  const layout = await layoutOf(elk, chart, said);
  charts.push(chart);
  files.set(`${kind}.svg`, svgOf(layout));
  files.set(`${kind}.md`, chartPage(chart, said));
  files.set(`${kind}.table.md`, tablePage(chart, kind, routed[kind]));
  files.set(`layout/${kind}.json`, `${JSON.stringify(layout, null, 1)}\n`);
}
files.set("README.md", indexPage(charts));

const stale = [...files].filter(([name, text]) => read(join(docs, name)) !== text).map(([name]) => name);
if (process.argv.includes("--check")) {
  for (const name of stale) console.error(`docs/statecharts/${name} is out of date: run npm run charts`);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const name of stale) {
    mkdirSync(dirname(join(docs, name)), { recursive: true });
    writeFileSync(join(docs, name), files.get(name) ?? "");
    console.log(`wrote docs/statecharts/${name}`);
  }
  console.log(`${files.size} files, ${stale.length} written`);
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
