import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { coverage, sourcesUnder, testFiles, type TestFile } from "./sample/cover.ts";
import { changesOf, type Change } from "./sample/mutate.ts";
import { sampleOf, seeded, wilson } from "./sample/statistics.ts";
import { openWorkshop, type Verdict, type Workshop } from "./sample/workshop.ts";

/**
 * Mutation testing of what is not the pure core: a seeded sample, since each mutant takes seconds. Every mutant is judged by
 * the nearest and fastest test files that load its file, within a budget: first those that run in Node, then those that run in
 * workerd. What hangs is killed, if
 * the same tests end in time without it. A survivor survived these tests, not all: the score is a lower bound.
 * `--per-folder 75 --seed 1 --folder src/do --budget 25 --workers 2`; survivors are kept in out/mutation-sample.json.
 */

const FOLDERS = ["src/do", "src/api", "src/wire", "container"];
const OUT = "out/mutation-sample.json";
const TIMES = "out/mutation-sample-times.json";
const ROOT = path.join(import.meta.dirname, "..");

const { values } = parseArgs({
  options: {
    "per-folder": { type: "string", default: "75" },
    seed: { type: "string", default: "1" },
    folder: { type: "string", multiple: true },
    /** Seconds of tests, as measured without a mutant, that a mutant is judged by, in Node and in workerd each. */
    budget: { type: "string", default: "25" },
    workers: { type: "string", default: "2" },
    /** Measures the tests again. */
    measure: { type: "boolean", default: false },
  },
});

interface Mutant {
  readonly folder: string;
  readonly file: string;
  readonly line: number;
  readonly original: string;
  readonly change: Change;
}
interface Judged extends Mutant {
  readonly verdict: Verdict | "not covered";
}

function sample(): Mutant[] {
  const random = seeded(Number(values.seed));
  return (values.folder ?? FOLDERS).flatMap((folder) => {
    const all = sourcesUnder(ROOT, folder).flatMap((file) => {
      const source = readFileSync(path.join(ROOT, file), "utf8");
      return changesOf(source).map((change): Mutant => ({
        folder,
        file,
        line: source.slice(0, change.start).split("\n").length,
        original: source.slice(change.start, change.end),
        change,
      }));
    });
    return sampleOf(all, Number(values["per-folder"]), random);
  });
}

/** Seconds of each test file without a mutant; measured once and kept. */
async function timesOf(workshop: Workshop): Promise<Map<string, number>> {
  if (existsSync(TIMES) && !values.measure)
    return new Map(JSON.parse(readFileSync(TIMES, "utf8")) as [string, number][]);
  console.error("measuring the tests without a mutant…");
  const times = new Map<string, number>();
  for (const project of ["unit", "workers"] as const) {
    const files = testFiles(ROOT).filter((test) => test.project === project);
    for (const [file, seconds] of await workshop.times(
      project,
      files.map(({ file }) => file),
    ))
      times.set(file, seconds);
  }
  writeFileSync(TIMES, `${JSON.stringify([...times], null, 1)}\n`);
  return times;
}

/** As many of the nearest as the budget allows, at least one. */
function within(tests: readonly TestFile[], times: ReadonlyMap<string, number>): string[] {
  const chosen: string[] = [];
  let left = Number(values.budget);
  for (const { file } of tests) {
    const seconds = times.get(file) ?? left;
    if (chosen.length > 0 && seconds > left) continue;
    chosen.push(file);
    left -= seconds;
  }
  return chosen;
}

async function judge(workshop: Workshop, mutant: Mutant, tests: readonly TestFile[], times: Map<string, number>) {
  let verdict: Judged["verdict"] = "not covered";
  for (const project of ["unit", "workers"] as const) {
    const files = within(
      tests.filter((test) => test.project === project),
      times,
    );
    if (files.length === 0) continue;
    verdict = await workshop.judge(mutant.file, mutant.change, project, files, 4 * Number(values.budget) + 60);
    if (verdict !== "survived") break;
  }
  return { ...mutant, verdict };
}

const isAlive = ({ verdict }: Judged): boolean => verdict === "survived" || verdict === "not covered";

function report(all: readonly Judged[]): void {
  const judged = all.filter(({ verdict }) => verdict !== "too slow");
  if (judged.length < all.length)
    console.log(`${all.length - judged.length} mutants are left out: the machine was too busy to judge them`);
  for (const { file, line, change, original, verdict } of judged.filter(isAlive))
    console.log(
      `${file}:${line} ${change.kind} (${verdict})\n  ${original.split("\n")[0]}\n  -> ${change.replacement.split("\n")[0]}`,
    );
  const row = (of: readonly Judged[]) => {
    const killed = of.filter((one) => !isAlive(one)).length;
    const { share, low, high } = wilson(killed, of.length);
    const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
    return { mutants: of.length, killed, score: percent(share), "95 %": `${percent(low)} to ${percent(high)}` };
  };
  const folders = [...new Set(judged.map(({ folder }) => folder))];
  console.table({
    ...Object.fromEntries(folders.map((folder) => [folder, row(judged.filter((one) => one.folder === folder))])),
    all: row(judged),
  });
}

mkdirSync("out", { recursive: true });
const shops = Array.from({ length: Number(values.workers) }, () => openWorkshop(ROOT));
try {
  const [first] = shops;
  if (first === undefined) throw new Error("--workers must be at least 1");
  const times = await timesOf(first);
  const covered = coverage(ROOT, times);
  const queue = sample();
  const judged: Judged[] = [];
  const total = queue.length;
  await Promise.all(
    shops.map(async (shop) => {
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        const one = await judge(shop, mutant, covered.get(mutant.file) ?? [], times);
        judged.push(one);
        console.error(`${judged.length}/${total} ${one.verdict.padEnd(11)} ${one.file}:${one.line} ${one.change.kind}`);
        writeFileSync(OUT, `${JSON.stringify(judged, null, 1)}\n`);
      }
    }),
  );
  report(judged);
} finally {
  for (const shop of shops) shop.close();
}
