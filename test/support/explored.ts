import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Explored } from "./model/explore.ts";
import { exploreAll as explore, MODELS } from "./paths.ts";

/**
 * The generated paths, explored once for all test files that use them. They follow from the charts and the models alone, so they are kept in a
 * file that is named after everything that they follow from; another version of any of it is explored anew.
 */

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const KEPT = path.join(ROOT, "node_modules", ".cache", "ticktown-paths");
const FOLDERS = ["src/core", "src/events", "src/machines", "test/support/model", "scripts/charts"];
const FILES = ["test/support/paths.ts", "test/support/graph.ts", "test/support/callers.ts", "package-lock.json"];

let all: readonly Explored[] | null = null;

/** As `exploreAll` of paths.ts, in a process or in one before it. */
export function exploreAll(): readonly Explored[] {
  all ??= kept() ?? keep();
  return all;
}

function digest(): string {
  const hash = createHash("sha256").update(process.version);
  const sources = FOLDERS.flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `${folder}/${name}`),
  );
  for (const name of [...sources, ...FILES].toSorted())
    hash.update(`${name}\n`).update(readFileSync(path.join(ROOT, name)));
  return hash.digest("hex");
}

const file = path.join(KEPT, `${digest()}.json`);

/** Sets are kept as lists, and a model as its place among them. */
type Kept = Omit<Explored, "model" | "exercised"> & {
  readonly exercised: Readonly<Record<keyof Explored["exercised"], readonly string[]>>;
};

function kept(): Explored[] | null {
  if (!waitedFor()) return null;
  let found: Kept[];
  try {
    found = JSON.parse(readFileSync(file, "utf8")) as Kept[];
  } catch {
    // Somebody has removed it.
    return null;
  }
  return MODELS.map((model, i) => {
    const { exercised, ...one } = found[i] as Kept;
    const { states, transitions, guards } = exercised;
    const sets = { states: new Set(states), transitions: new Set(transitions), guards: new Set(guards) };
    return { ...one, model, exercised: sets };
  });
}

function keep(): readonly Explored[] {
  try {
    const explored = explore();
    write(explored);
    return explored;
  } finally {
    rmSync(lock, { force: true });
  }
}

function write(explored: readonly Explored[]): void {
  const rows = explored.map(({ model: _, exercised: { states, transitions, guards }, ...one }): Kept => {
    const exercised = { states: [...states], transitions: [...transitions], guards: [...guards] };
    return { ...one, exercised };
  });
  const own = `${file}.${process.pid}`;
  writeFileSync(own, JSON.stringify(rows));
  renameSync(own, file);
  for (const name of readdirSync(KEPT)) {
    const other = path.join(KEPT, name);
    if (Date.now() - (statSync(other, { throwIfNoEntry: false })?.mtimeMs ?? 0) > KEPT_MS)
      rmSync(other, { force: true });
  }
}

const lock = `${file}.lock`;
/** What was of another version, ms. */
const KEPT_MS = 86_400_000;
const LOOK_MS = 250;
const AT_MOST_MS = 600_000;

/** Whether they are there, or somebody who explores them has been waited for. Whoever is the first explores them. */
function waitedFor(): boolean {
  mkdirSync(KEPT, { recursive: true });
  for (let waited_ms = 0; waited_ms < AT_MOST_MS; waited_ms += LOOK_MS) {
    if (existsSync(file)) return true;
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      return false;
    } catch {
      if (!isAlive()) rmSync(lock, { force: true });
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS);
  }
  return false;
}

/** Whether the process that explores them still does. */
function isAlive(): boolean {
  try {
    const pid = Number(readFileSync(lock, "utf8"));
    // Another has just begun to write it.
    if (pid === 0) return true;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
