/** Runs the simulation: node scripts/sim.ts --seed 1 --rigs 2 --hours 24 --faults all --seeds 10 [--trace 60] [--save DIR] */
import { parseArgs } from "node:util";
import { simulate, type Report } from "../test/sim/simulation.ts";
import { ALL_FAULTS, FAULTS, type Fault, type Options } from "../test/sim/stage.ts";
import { saveJournals } from "../test/sim/save.ts";
import { shrink } from "../test/sim/shrink.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seeds: { type: "string", default: "1" },
    rigs: { type: "string", default: "2" },
    hours: { type: "string", default: "24" },
    faults: { type: "string", default: "all" },
    work: { type: "string" },
    capacity: { type: "string" },
    trains: { type: "boolean", default: false },
    old: { type: "boolean", default: false },
    trace: { type: "string", default: "60" },
    save: { type: "string" },
    "no-shrink": { type: "boolean", default: false },
    "keep-going": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(
    "node scripts/sim.ts [--seed N] [--seeds K] [--rigs R] [--hours H] [--faults all|none|a,b] [--work MS] [--capacity N] [--trains] [--old] [--trace LINES] [--save DIR] [--no-shrink] [--keep-going]\n",
  );
  for (const [name, what] of Object.entries(FAULTS)) console.log(`  ${name.padEnd(10)} ${what}`);
  process.exit(0);
}

const faults =
  values.faults === "all" ? ALL_FAULTS : values.faults === "none" ? [] : (values.faults.split(",") as Fault[]);
for (const fault of faults)
  if (!(fault in FAULTS)) throw new Error(`there is no fault named ${fault}; known: ${ALL_FAULTS.join(", ")}`);
const first = Number(values.seed);
const started = process.cpuUsage();
let rigHours = 0;
let failures = 0;
const totals: Record<string, number> = {};

for (let seed = first; seed < first + Number(values.seeds); seed++) {
  const options: Options = {
    seed,
    rigs: Number(values.rigs),
    hours: Number(values.hours),
    faults,
    ...(values.trains ? { trains: true } : {}),
    ...(values.old ? { old: true } : {}),
    ...(values.work === undefined ? {} : { work_ms: Number(values.work) }),
    ...(values.capacity === undefined ? {} : { capacity: Number(values.capacity) }),
  };
  const report = await simulate(options);
  rigHours += report.rigHours;
  for (const [name, n] of Object.entries(report.counts)) totals[name] = (totals[name] ?? 0) + n;
  if (values.seeds === "1" || report.failure !== null)
    console.log(
      `seed ${seed}: ${report.failure === null ? "ok" : `FAILED ${report.failure.rule}: ${report.failure.text}`} (${report.rigHours.toFixed(1)} rig-hours, ${report.healHours.toFixed(1)} h to heal, journals ${report.hash.slice(0, 16)})`,
    );
  if (values.save !== undefined && report.failure === null)
    for (const file of saveJournals(report, values.save)) console.log(`saved ${file}`);
  if (report.failure !== null) {
    failures++;
    if (!values["keep-going"]) {
      await explain(report);
      break;
    }
  }
}

const { user, system } = process.cpuUsage(started);
const seconds = (user + system) / 1e6;
console.log(
  `${rigHours.toFixed(0)} rig-hours in ${seconds.toFixed(1)} core-seconds: ${(rigHours / seconds).toFixed(1)} rig-hours per core-second, ${Math.round((rigHours / seconds) * 60)} per core-minute; ${failures} failures`,
);
console.log(
  Object.entries(totals)
    .map(([name, n]) => `${name} ${n}`)
    .join(", "),
);
process.exitCode = failures === 0 ? 0 : 1;

async function explain(report: Report): Promise<void> {
  const small = values["no-shrink"] ? report.options : await shrink(report, (line) => console.log(line));
  const again = await simulate({ ...small, trace: true });
  console.log(again.trace.slice(-Number(values.trace)).join("\n"));
  console.log(`\n${again.failure?.rule ?? "?"}: ${again.failure?.text ?? "the failure did not happen again"}`);
  console.log(
    `again: node scripts/sim.ts --seed ${small.seed} --rigs ${small.rigs} --hours ${small.hours} --faults ${small.faults.length === 0 ? "none" : small.faults.join(",")}`,
  );
}
