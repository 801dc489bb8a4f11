import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Stryker } from "@stryker-mutator/core";

/**
 * Mutation testing of the pure core, in two stages: every mutant is judged by the recorded paths and journals, folded again in
 * milliseconds (test/mutants/runner.ts); what survives is judged by the unit tests (test/mutants/vitest.config.ts).
 * `npm run mutation -- --mutate src/machines/agent.ts` takes some files only. Survivors are printed and kept in out/survivors.json.
 */

interface Mutant {
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly status:
    | "Killed"
    | "Survived"
    | "NoCoverage"
    | "Timeout"
    | "CompileError"
    | "RuntimeError"
    | "Ignored"
    | "Pending";
  /** 1-based, the end exclusive. */
  readonly location: { readonly start: Position; readonly end: Position };
}
type Position = { readonly line: number; readonly column: number };
type Report = {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>>;
};

const { values } = parseArgs({ options: { mutate: { type: "string", multiple: true }, from: { type: "string" } } });

const read = (file: string): Report => JSON.parse(readFileSync(file, "utf8")) as Report;
const isAlive = ({ status }: Mutant): boolean => status === "Survived" || status === "NoCoverage";
const keyOf = (file: string, { location: { start, end }, mutatorName, replacement }: Mutant): string =>
  [file, start.line, start.column, end.line, end.column, mutatorName, replacement].join(":");
/** A mutant as a pattern: columns of patterns start at 0. */
const rangeOf = (file: string, { location: { start, end } }: Mutant): string =>
  `${file}:${start.line}:${start.column - 1}-${end.line}:${end.column - 1}`;

const FIRST = "out/mutation-paths.json";
const SECOND = "out/mutation-tests.json";
const quiet = { reporters: ["progress-append-only", "json"] };
if (values.from === undefined)
  await new Stryker({
    ...quiet,
    jsonReporter: { fileName: FIRST },
    ...(values.mutate === undefined ? {} : { mutate: values.mutate }),
  }).runMutationTest();
const first = read(values.from ?? FIRST);
const ranges = new Set(
  Object.entries(first.files).flatMap(([file, { mutants }]) =>
    mutants.filter(isAlive).map((mutant) => rangeOf(file, mutant)),
  ),
);
if (ranges.size > 0)
  await new Stryker({
    ...quiet,
    testRunner: "vitest",
    jsonReporter: { fileName: SECOND },
    mutate: [...ranges],
  }).runMutationTest();
const dead = new Set(
  ranges.size === 0
    ? []
    : Object.entries(read(SECOND).files).flatMap(([file, { mutants }]) =>
        mutants.filter((mutant) => !isAlive(mutant)).map((mutant) => keyOf(file, mutant)),
      ),
);

interface Score {
  mutants: number;
  paths: number;
  tests: number;
  survived: number;
}
const total: Score = { mutants: 0, paths: 0, tests: 0, survived: 0 };
const survivors: (Mutant & { file: string; original: string })[] = [];
const table: Record<string, Score & { killed: string }> = {};
const percent = ({ mutants, survived }: Score): string =>
  `${((100 * (mutants - survived)) / Math.max(1, mutants)).toFixed(1)} %`;
for (const [file, { source, mutants }] of Object.entries(first.files)) {
  const judged = mutants.filter(({ status }) => status !== "Ignored");
  if (judged.length === 0) continue;
  const alive = judged.filter(isAlive);
  const left = alive.filter((mutant) => !dead.has(keyOf(file, mutant)));
  const lines = source.split("\n");
  for (const mutant of left)
    survivors.push({ file, original: lines[mutant.location.start.line - 1]?.trim() ?? "", ...mutant });
  const score = {
    mutants: judged.length,
    paths: judged.length - alive.length,
    tests: alive.length - left.length,
    survived: left.length,
  };
  for (const name of ["mutants", "paths", "tests", "survived"] as const) total[name] += score[name];
  table[file] = { ...score, killed: percent(score) };
}
for (const { file, location, mutatorName, original, replacement } of survivors)
  console.log(
    `${file}:${location.start.line}:${location.start.column} ${mutatorName}\n  ${original}\n  -> ${replacement?.split("\n")[0]}`,
  );
console.table({ ...table, total: { ...total, killed: percent(total) } });
writeFileSync("out/survivors.json", `${JSON.stringify(survivors, null, 1)}\n`);
