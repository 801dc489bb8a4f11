/**
 * Proves that the incident tests can fail. For each mutant: copy the sources, bring the incident's bug back, run that
 * incident's test alone, expect it to fail. Prints a table; exits 1 if a mutant survives, no longer applies, or does not
 * run. `--docs` also writes what came out to docs/incidents.md. Arguments that are incident ids restrict
 * the run to them.
 */
import { spawn } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { applied } from "../test/mutants/apply.ts";
import { findTests } from "../test/mutants/find.ts";
import { MUTANTS } from "../test/mutants/incidents.ts";
import type { Mutant } from "../test/mutants/mutant.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** Those of the last one are run in workerd. */
const WORKERS_TESTS = "test/workers/";
/** Two at a time: each run is a Node process with a test runner in it. */
const WORKERS = 2;
/** A mutant may make its test run without end; that is noticed too. */
const RUN_TIMEOUT_MS = 120_000;
/** All chosen files once, without a mutant; those of the container run real git. */
const HEALTHY_TIMEOUT_MS = 20 * 60_000;

type Outcome = "caught" | "survived" | "hung" | "does not apply" | "did not run";
interface Result {
  readonly mutant: Mutant;
  readonly outcome: Outcome;
  readonly detail: string;
}

const SETTINGS = ["package.json", "tsconfig.base.json", "vitest.config.ts", "wrangler.toml"];

/** The agents that `npm run test:agents` has installed are some hundred megabytes. */
const isOurs = (file: string): boolean => basename(file) !== "node_modules";

/** A copy of everything that these tests read; the packages are linked. */
function workshop(): string {
  const folder = mkdtempSync(join(tmpdir(), "ticktown-mutants-"));
  // Some run what they test as somebody else.
  chmodSync(folder, 0o755);
  for (const part of ["src", "cli", "container", "scripts", "test", ...SETTINGS])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true, filter: isOurs });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return folder;
}

interface Report {
  testResults: { assertionResults: { title: string; status: string; failureMessages: string[] }[] }[];
}

/** Runs the tests of the files, or of them only the one of an incident, in a workshop. */
function runTests(
  folder: string,
  files: readonly string[],
  incident: string | null,
): Promise<Report | "hung" | "no report"> {
  const report = join(folder, "report.json");
  rmSync(report, { force: true });
  const args = [
    "node_modules/vitest/vitest.mjs",
    "run",
    ...files,
    // The project with workerd only where it is needed: it takes seconds to start.
    ...(files.some((file) => file.startsWith(WORKERS_TESTS)) ? ["--project=workers"] : []),
    ...(files.every((file) => file.startsWith(WORKERS_TESTS)) ? [] : ["--project=unit"]),
    "--testTimeout=60000",
    "--no-file-parallelism",
    ...(incident === null ? [] : ["-t", `^${incident} `]),
    "--reporter=json",
    `--outputFile=${report}`,
  ];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: folder, stdio: "ignore", detached: true });
    const timer = setTimeout(
      () => {
        // The runner has workers of its own: the whole group goes.
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
        resolve("hung");
      },
      incident === null ? HEALTHY_TIMEOUT_MS : RUN_TIMEOUT_MS,
    );
    child.on("close", () => {
      clearTimeout(timer);
      try {
        resolve(JSON.parse(readFileSync(report, "utf8")) as Report);
      } catch {
        resolve("no report");
      }
    });
  });
}

async function tryMutant(folder: string, mutant: Mutant, file: string): Promise<Result> {
  const originals = new Map<string, string>();
  try {
    for (const edit of mutant.edits) {
      const path = join(folder, edit.file);
      const text = readFileSync(path, "utf8");
      if (!originals.has(path)) originals.set(path, text);
      const mutated = applied(text, edit);
      if (typeof mutated === "number")
        return {
          mutant,
          outcome: "does not apply",
          detail: `${edit.file} has ${mutated} times: ${edit.find.trim().slice(0, 80)}`,
        };
      writeFileSync(path, mutated);
    }
    const report = await runTests(folder, [file], mutant.incident);
    if (report === "hung") return { mutant, outcome: "hung", detail: `no end within ${RUN_TIMEOUT_MS / 1_000} s` };
    if (report === "no report") return { mutant, outcome: "did not run", detail: "the test runner wrote no report" };
    const own = report.testResults
      .flatMap((suite) => suite.assertionResults)
      .filter(({ title }) => title.startsWith(`${mutant.incident} `));
    // A file that cannot even be loaded has no results: such a mutant proves nothing.
    const unknown = own.find(({ status }) => status !== "failed" && status !== "passed");
    if (own.length === 0 || unknown !== undefined)
      return { mutant, outcome: "did not run", detail: unknown?.status ?? "the test file could not be loaded" };
    const failed = own.find(({ status }) => status === "failed");
    const detail = failed?.failureMessages[0]?.split("\n")[0]?.slice(0, 100) ?? "";
    return { mutant, outcome: failed === undefined ? "survived" : "caught", detail };
  } finally {
    for (const [path, text] of originals) writeFileSync(path, text);
  }
}

/** The table, with the rows of these results made anew and those of others kept as they were. */
function documentOf(results: readonly Result[], tests: Map<string, string>, before: string): string {
  // An incident may have several mutants, so its id alone names no row.
  const rows = new Map(before.split("\n").map((row) => [nameOf(row.split(" | ")), row]));
  for (const { mutant, outcome } of results) {
    const { incident, rule, bug } = mutant;
    const file = tests.get(incident) ?? "";
    const told = outcome === "hung" ? "caught (hung)" : outcome;
    const cells = [`| ${incident}`, rule, `[${file.split("/").at(-1)}](../${file})`, bug, `${told} |`];
    rows.set(nameOf(cells), cells.join(" | "));
  }
  const known = MUTANTS.flatMap(({ incident, bug }) => rows.get(nameOf([`| ${incident}`, "", "", bug])) ?? []);
  return `# Incidents

Most rows happened in production to a scheduler of this kind: GT is Gas Town, GC is Gas City, KC its cloud rewrite, and the number is the
public issue; other names with a number are issues of that project. F is what was found by attacking or breaking Ticktown itself, QUEUE are the rules of the merge queue, TRAIN and GATE
are traps that were laid for what merges. Each has a test whose title begins with its id, at the lowest level where it can happen: a whole rig with a real journal, outbox and SQLite, a real control
server with real git, or the whole Worker in workerd; and a mutant, a small edit that brings the bug back, which that test must notice.

\`npm run mutants\` runs all of them; with \`-- --docs\` it writes this table, and with ids only their rows. The edits are in
[test/mutants/](../test/mutants/incidents.ts).

| incident | rule | test | mutant | result |
| --- | --- | --- | --- | --- |
${known.join("\n")}
`;
}

/** Which mutant a row tells of. */
const nameOf = (cells: readonly string[]): string => `${cells[0]} | ${cells[3]}`;

const arguments_ = process.argv.slice(2);
const wanted = arguments_.filter((argument) => !argument.startsWith("--"));
const tests = findTests(ROOT);
const chosen = MUTANTS.filter(({ incident }) => wanted.length === 0 || wanted.includes(incident));
const untold = [...tests.keys()].filter((id) => !MUTANTS.some(({ incident }) => incident === id));
const untested = MUTANTS.filter(({ incident }) => !tests.has(incident)).map(({ incident }) => incident);
if (untold.length > 0 || untested.length > 0) {
  console.error(
    `tests without a mutant: ${untold.join(", ") || "none"}; mutants without a test: ${untested.join(", ") || "none"}`,
  );
  process.exit(1);
}

const unknown = wanted.filter((id) => !MUTANTS.some(({ incident }) => incident === id));
if (unknown.length > 0) {
  console.error(`no mutant is called ${unknown.join(", ")}`);
  process.exit(1);
}

const folders = Array.from({ length: Math.min(WORKERS, Math.max(1, chosen.length)) }, workshop);
const results = new Map<Mutant, Result>();
try {
  const files = new Set(chosen.map(({ incident }) => tests.get(incident) ?? ""));
  const healthy = await runTests(folders[0] ?? "", [...files], null);
  const failing =
    typeof healthy === "string"
      ? [healthy]
      : healthy.testResults
          .flatMap((suite) => suite.assertionResults)
          .filter(({ status }) => status !== "passed")
          .map(({ title }) => title);
  if (failing.length > 0) {
    console.error(`these fail without any mutant, so nothing can be said of the mutants:\n  ${failing.join("\n  ")}`);
    process.exitCode = 1;
  } else {
    const queue = [...chosen];
    await Promise.all(
      folders.map(async (folder) => {
        for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
          const result = await tryMutant(folder, mutant, tests.get(mutant.incident) ?? "");
          results.set(mutant, result);
          console.log(
            `${result.outcome.padEnd(14)} ${mutant.incident.padEnd(12)} ${mutant.bug}${result.outcome === "caught" ? "" : `  [${result.detail}]`}`,
          );
        }
      }),
    );
  }
} finally {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

const ordered = chosen.map((mutant) => results.get(mutant)).filter((result) => result !== undefined);
const bad = ordered.filter(({ outcome }) => outcome !== "caught" && outcome !== "hung");
console.log(`${ordered.length - bad.length} of ${chosen.length} mutants caught`);
if (bad.length > 0 || ordered.length < chosen.length) process.exitCode = 1;
if (arguments_.includes("--docs") && ordered.length === chosen.length) {
  const file = join(ROOT, "docs/incidents.md");
  writeFileSync(file, documentOf(ordered, tests, readFileSync(file, "utf8")));
}
