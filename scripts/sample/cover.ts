import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** Which test files load which source files: by what they import, and by the programs that they start. */

const IMPORT = /(?:from|import)\s*\(?\s*"(\.[^"]+)"/g;
/** A test that starts a program names it, or starts the stack, which does. */
const STARTED = /["'`/](container\/(?:main|demo-agent)\.ts)/g;
const WORKER = "src/worker.ts";

export type Project = "unit" | "workers";
export interface TestFile {
  readonly file: string;
  readonly project: Project;
}

const filesUnder = (root: string, folder: string): string[] =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => path.join(folder, name));

/** Sources of a folder, sorted. */
export const sourcesUnder = (root: string, folder: string): string[] =>
  filesUnder(root, folder)
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))
    .sort();

export const testFiles = (root: string): TestFile[] =>
  (["unit", "container", "workers"] as const).flatMap((kind) =>
    filesUnder(root, `test/${kind}`)
      .filter((file) => file.endsWith(".test.ts"))
      .map((file) => ({ file, project: kind === "workers" ? "workers" : "unit" })),
  );

/** How many imports away each file is that this one loads; itself: 0. */
export function closureOf(root: string, file: string, alsoFrom: readonly string[] = []): Map<string, number> {
  const distances = new Map<string, number>([[file, 0], ...alsoFrom.map((one) => [one, 1] as const)]);
  const open = [...distances.keys()];
  for (let one = open.shift(); one !== undefined; one = open.shift()) {
    const source = readFileSync(path.join(root, one), "utf8");
    const imported = Array.from(source.matchAll(IMPORT), ([, name = ""]) =>
      path.normalize(path.join(path.dirname(one), name)),
    );
    const started = Array.from(source.matchAll(STARTED), ([, name = ""]) => name);
    for (const next of [...imported, ...started]) {
      if (distances.has(next) || !existsSync(path.join(root, next)) || !next.endsWith(".ts")) continue;
      distances.set(next, (distances.get(one) ?? 0) + 1);
      open.push(next);
    }
  }
  return distances;
}

/** For each source file: the test files that load it, nearest first, and of equally near ones the fastest first. */
export function coverage(root: string, seconds: ReadonlyMap<string, number>): Map<string, TestFile[]> {
  const found = new Map<string, { test: TestFile; distance: number }[]>();
  for (const test of testFiles(root))
    for (const [source, distance] of closureOf(root, test.file, test.project === "workers" ? [WORKER] : []))
      if (!source.startsWith("test/")) found.set(source, [...(found.get(source) ?? []), { test, distance }]);
  const time = ({ file }: TestFile): number => seconds.get(file) ?? Number.MAX_SAFE_INTEGER;
  return new Map(
    Array.from(found, ([source, tests]) => [
      source,
      tests.sort((a, b) => a.distance - b.distance || time(a.test) - time(b.test)).map(({ test }) => test),
    ]),
  );
}
