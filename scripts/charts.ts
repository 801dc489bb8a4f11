import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ELK } from "elkjs";
import elkjs from "elkjs/lib/main.js";
import type { AnyStateMachine } from "xstate";
import { MACHINES, type Kind } from "../src/core/step.ts";
import { KINDS } from "../src/events/row.ts";
import { ROUTED } from "./charts/facts.ts";
import { chartOf } from "./charts/graph.ts";
import { layoutOf } from "./charts/layout.ts";
import { chartPage, indexPage, tablePage } from "./charts/pages.ts";
import { saidBy } from "./charts/said.ts";
import { svgOf } from "./charts/svg.ts";
import { topOf } from "./charts/top.ts";

/**
 * Writes docs/statecharts from the machines.
 *
 *   node scripts/charts.ts           writes what has changed
 *   node scripts/charts.ts --check   writes nothing; exits 1 and names the files that are out of date
 */

const root = join(import.meta.dirname, "..");
const docs = join(root, "docs/statecharts");

/** A chart's own file, and those of its folder where it has one. */
function sourceOf(kind: Kind): string {
  const folder = join(root, "src/machines", kind);
  const parts = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  return [`${folder}.ts`, ...parts].map((path) => readFileSync(path, "utf8")).join("\n");
}

const files = new Map<string, string>();
const elk = new (elkjs as unknown as new () => ELK)();
const charts = [];
for (const kind of KINDS) {
  const machine = MACHINES[kind] as unknown as AnyStateMachine;
  const chart = chartOf(machine);
  const said = saidBy(machine, sourceOf(kind));
  const layout = await layoutOf(elk, chart, said);
  charts.push(chart);
  files.set(`${kind}.svg`, svgOf(layout));
  if (kind === "agent") files.set(`${kind}.top.svg`, svgOf(await layoutOf(elk, topOf(chart), said)));
  files.set(`${kind}.md`, chartPage(chart, said));
  files.set(`${kind}.table.md`, tablePage(chart, kind, ROUTED[kind]));
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
