/**
 * Proves that the incident tests can fail. For each mutant: copy the sources, bring the incident's bug back, run that
 * incident's test alone, expect it to fail. Prints a table; exits 1 if a mutant survives, no longer applies, or does not
 * run. `--docs` also writes docs/incidents.md. Arguments that are incident ids restrict the run to them.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MUTANTS, type Mutant } from "../test/mutants/incidents.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TESTS = "test/unit/incidents";
/** Two at a time: each run is a Node process with a test runner in it. */
const WORKERS = 2;
/** A mutant may make its test run without end; that is noticed too. */
const RUN_TIMEOUT_MS = 120_000;

type Outcome = "caught" | "survived" | "hung" | "does not apply" | "did not run";
interface Result {
  readonly mutant: Mutant;
  readonly outcome: Outcome;
  readonly detail: string;
}

/** Which file has the incident's test, and the sentence of its title. */
function findTests(): Map<string, { file: string; sentence: string }> {
  const found = new Map<string, { file: string; sentence: string }>();
  for (const file of readdirSync(join(ROOT, TESTS)).filter((name) => name.endsWith(".test.ts"))) {
    for (const [, id = "", sentence = ""] of readFileSync(join(ROOT, TESTS, file), "utf8").matchAll(/^test\("([A-Z]{2}-\w+) ([^"]+)"/gm)) found.set(id, { file: `${TESTS}/${file}`, sentence });
  }
  return found;
}

/** A copy of everything a unit test reads; the packages are linked. */
function workshop(): string {
  const folder = mkdtempSync(join(tmpdir(), "ticktown-mutants-"));
  for (const part of ["src", "test", "package.json", "tsconfig.base.json"]) cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "vitest.config.ts"), `export default { test: { include: ["${TESTS}/*.test.ts"], testTimeout: 60_000, fileParallelism: false } };\n`);
  return folder;
}

interface Report {
  testResults: { assertionResults: { title: string; status: string; failureMessages: string[] }[] }[];
}

/** Runs one incident's test (or, with null, all) in a workshop. Null when the runner did not end in time. */
function runTests(folder: string, file: string | null, incident: string | null): Promise<Report | "hung" | "no report"> {
  const report = join(folder, "report.json");
  rmSync(report, { force: true });
  const args = ["node_modules/vitest/vitest.mjs", "run", ...(file === null ? [] : [file]), ...(incident === null ? [] : ["-t", `^${incident} `]), "--reporter=json", `--outputFile=${report}`];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: folder, stdio: "ignore", detached: true });
    const timer = setTimeout(() => {
      // The runner has workers of its own: the whole group goes.
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      resolve("hung");
    }, RUN_TIMEOUT_MS);
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

const occurrences = (text: string, part: string): number => text.split(part).length - 1;

async function tryMutant(folder: string, mutant: Mutant, file: string): Promise<Result> {
  const originals = new Map<string, string>();
  try {
    for (const { file: source, find, replace } of mutant.edits) {
      const path = join(folder, source);
      const text = readFileSync(path, "utf8");
      if (!originals.has(path)) originals.set(path, text);
      const times = occurrences(text, find);
      if (times !== 1) return { mutant, outcome: "does not apply", detail: `${source} has ${times} times: ${find.trim().slice(0, 80)}` };
      writeFileSync(path, text.replace(find, () => replace));
    }
    const report = await runTests(folder, file, mutant.incident);
    if (report === "hung") return { mutant, outcome: "hung", detail: `no end within ${RUN_TIMEOUT_MS / 1_000} s` };
    if (report === "no report") return { mutant, outcome: "did not run", detail: "the test runner wrote no report" };
    const test = report.testResults.flatMap((suite) => suite.assertionResults).find(({ title }) => title.startsWith(`${mutant.incident} `));
    // A file that cannot even be loaded has no results: such a mutant proves nothing.
    if (test === undefined || (test.status !== "failed" && test.status !== "passed")) return { mutant, outcome: "did not run", detail: test?.status ?? "the test file could not be loaded" };
    return { mutant, outcome: test.status === "failed" ? "caught" : "survived", detail: test.failureMessages[0]?.split("\n")[0]?.slice(0, 100) ?? "" };
  } finally {
    for (const [path, text] of originals) writeFileSync(path, text);
  }
}

function documentOf(results: readonly Result[], tests: Map<string, { file: string; sentence: string }>): string {
  const rows = results.map(({ mutant, outcome }) => {
    const test = tests.get(mutant.incident);
    return `| ${mutant.incident} | ${mutant.rule} | [${test?.file.split("/").at(-1) ?? ""}](../${test?.file ?? ""}) | ${mutant.bug} | ${outcome === "hung" ? "caught (hung)" : outcome} |`;
  });
  return `# Incidents

Every row happened in production to a scheduler of this kind: GT is Gas Town, GC is Gas City, KC its cloud rewrite, and the
number is the public issue. Each has a test whose title begins with its id, on a whole rig with a real journal, outbox and
SQLite; and a mutant, a small edit that brings the bug back, which that test must notice.

\`npm run mutants\` runs all ${results.length} mutants; with \`-- --docs\` it writes this table. The edits are in
[test/mutants/incidents.ts](../test/mutants/incidents.ts).

| incident | rule | test | mutant | result |
| --- | --- | --- | --- | --- |
${rows.join("\n")}
`;
}

const arguments_ = process.argv.slice(2);
const wanted = arguments_.filter((argument) => !argument.startsWith("--"));
const tests = findTests();
const chosen = MUTANTS.filter(({ incident }) => wanted.length === 0 || wanted.includes(incident));
const untold = [...tests.keys()].filter((id) => !MUTANTS.some(({ incident }) => incident === id));
const untested = MUTANTS.filter(({ incident }) => !tests.has(incident)).map(({ incident }) => incident);
if (untold.length > 0 || untested.length > 0) {
  console.error(`tests without a mutant: ${untold.join(", ") || "none"}; mutants without a test: ${untested.join(", ") || "none"}`);
  process.exit(1);
}

const folders = Array.from({ length: Math.min(WORKERS, Math.max(1, chosen.length)) }, workshop);
const results = new Map<Mutant, Result>();
try {
  const healthy = await runTests(folders[0] ?? "", null, null);
  const failing = typeof healthy === "string" ? [healthy] : healthy.testResults.flatMap((suite) => suite.assertionResults).filter(({ status }) => status !== "passed").map(({ title }) => title);
  if (failing.length > 0) {
    console.error(`these fail without any mutant, so nothing can be said of the mutants:\n  ${failing.join("\n  ")}`);
    process.exitCode = 1;
  } else {
    const queue = [...chosen];
    await Promise.all(
      folders.map(async (folder) => {
        for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
          const result = await tryMutant(folder, mutant, tests.get(mutant.incident)?.file ?? "");
          results.set(mutant, result);
          console.log(`${result.outcome.padEnd(14)} ${mutant.incident.padEnd(12)} ${mutant.bug}${result.outcome === "caught" ? "" : `  [${result.detail}]`}`);
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
if (arguments_.includes("--docs") && wanted.length === 0 && ordered.length === chosen.length) writeFileSync(join(ROOT, "docs/incidents.md"), documentOf(ordered, tests));
