/**
 * Measures Ticktown: node bench/run.ts [--json] [--quick] [--write] [--strict] [names]. Raw `workerd serve` on the production code.
 * With --write the figures also go into docs/performance.md, each between its own two markers; with --strict a target that is
 * not reached is an exit code.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cpus, loadavg, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { board } from "./benches/board.ts";
import { box } from "./benches/box.ts";
import { container } from "./benches/container.ts";
import { cost } from "./benches/cost.ts";
import { door } from "./benches/door.ts";
import { drivers } from "./benches/drivers.ts";
import { fanout } from "./benches/fanout.ts";
import { growth } from "./benches/growth.ts";
import { latency } from "./benches/latency.ts";
import { pairs } from "./benches/pairs.ts";
import { recovery } from "./benches/recovery.ts";
import { scale } from "./benches/scale.ts";
import { size } from "./benches/size.ts";
import { starts } from "./benches/starts.ts";
import { steps } from "./benches/steps.ts";
import { trains } from "./benches/trains.ts";
import { createContext, type Bench } from "./context.ts";
import { asText, type Result } from "./report.ts";
import { ROOT } from "./server.ts";

const BENCHES: Record<string, Bench> = {
  fanout,
  container,
  starts,
  trains,
  door,
  drivers,
  box,
  steps,
  recovery,
  latency,
  pairs,
  cost,
  growth,
  size,
  scale,
  board,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
  },
});
const unknown = positionals.filter((name) => BENCHES[name] === undefined);
if (unknown.length > 0) {
  console.error(`no bench ${unknown.join(", ")}; there are ${Object.keys(BENCHES).join(", ")}`);
  process.exit(2);
}
const names = positionals.length > 0 ? positionals : Object.keys(BENCHES);
const machine = {
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  memory_GiB: Math.round(totalmem() / 2 ** 30),
  node: process.versions.node,
  load: loadavg()[0] ?? 0,
};
/** Puts a text between two markers of a document. */
function write(name: string, text: string, file = join(ROOT, "docs/performance.md")): void {
  const document = readFileSync(file, "utf8");
  const begin = `<!-- ${name} -->`;
  const end = `<!-- /${name} -->`;
  const [head, rest] = document.split(begin);
  const tail = rest?.split(end)[1];
  if (head === undefined || tail === undefined) throw new Error(`${file} has no markers ${begin} and ${end}`);
  writeFileSync(file, `${head}${begin}\n${text.trim()}\n${end}${tail}`);
}

const say = (text: string): void => {
  if (!values.json) console.log(text);
};

const where = `${machine.cores} cores (${machine.cpu}), ${machine.memory_GiB} GiB, Node ${machine.node}`;
say(`${where}, load ${machine.load.toFixed(1)}${values.quick ? ", quick" : ""}\n`);
if (values.write) write("machine", `${where}, ${new Date().toISOString().slice(0, 10)}.`);
const results: Record<string, Result & { seconds: number }> = {};
for (const name of names) {
  const context = createContext(values.quick);
  try {
    const began = performance.now();
    const result = await BENCHES[name]?.(context);
    if (result === undefined) continue;
    results[name] = { ...result, seconds: (performance.now() - began) / 1_000 };
    const targets = (result.targets ?? []).map(
      ({ what, wanted, is, reached }) =>
        `- ${reached ? "reached" : "**not reached**"}: ${what}: ${is} (wanted: ${wanted})`,
    );
    const text = [...result.tables.map(asText), ...targets].join("\n");
    say(`## ${name}\n\n${text}\n`);
    if (values.write && name === "scale") write(name, text, join(ROOT, "docs/scale.md"));
    else if (values.write) write(name, `Measured at load ${(loadavg()[0] ?? 0).toFixed(1)}.\n\n${text}`);
  } finally {
    await context.end();
  }
}
if (values.json)
  console.log(JSON.stringify({ at: new Date().toISOString(), machine, quick: values.quick, results }, null, 2));
const missed = Object.values(results).flatMap(({ targets = [] }) => targets.filter(({ reached }) => !reached));
process.exit(values.strict && missed.length > 0 ? 1 : 0);
