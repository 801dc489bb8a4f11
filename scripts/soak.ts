/**
 * The long tests, which are too slow for `npm test`: `npm run soak` runs every part, `-- --only NAME` one. A part is a row here; what it last
 * came to is in docs/guarantees.md, "Figures of the long runs".
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { PROJECT } from "./stack/project.ts";

/** One command of a part; the first that fails ends it. */
interface Step {
  readonly command: readonly [string, ...string[]];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface Part {
  readonly name: string;
  /** What would be wrong if it failed. */
  readonly what: string;
  /** @param dir a folder of its own, which is removed afterwards */
  readonly steps: (dir: string) => readonly Step[];
}

/** The first version whose folders are taken over; see docs/upgrading.md. */
const OLD_VERSION = "38640e0";

/** A disk makes files many times slower just after as many were removed, so what is compared in turns is compared in memory where there is such a folder. */
const IN_MEMORY: Readonly<Record<string, string>> = existsSync("/dev/shm") ? { TMPDIR: "/dev/shm" } : {};

const PARTS: readonly Part[] = [
  {
    name: "upgrade",
    what: `${OLD_VERSION} itself is installed, runs, and is killed with ten agents at work; this version goes on with its folder`,
    steps: (dir) => {
      const tree = path.join(dir, "tree");
      const recordings = path.join(dir, "recordings");
      return [
        { command: ["git", "clone", "--quiet", PROJECT, tree] },
        { command: ["git", "checkout", "--quiet", OLD_VERSION], cwd: tree },
        { command: ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd: tree },
        { command: ["node", "test/fixtures/upgrade/record.ts", tree, OLD_VERSION, path.join(recordings, OLD_VERSION)] },
        {
          command: ["vitest", "run", "--project", "e2e", "test/e2e/upgrade.test.ts"],
          env: { TICKTOWN_RECORDINGS: recordings },
        },
      ];
    },
  },
  {
    name: "package",
    what: `the package, installed into an empty prefix, goes on with the folder of ${OLD_VERSION} that was killed with ten agents at work`,
    steps: (dir) => [
      { command: ["node", "scripts/pack.ts", "--to", dir] },
      {
        command: ["sh", "-c", "npm install --prefer-offline --no-audit --no-fund --prefix . ./ticktown-*.tgz"],
        cwd: dir,
      },
      {
        command: ["node", "test/fixtures/upgrade/packed.ts", path.join(dir, "node_modules/.bin/ticktown"), OLD_VERSION],
      },
    ],
  },
  {
    name: "steps",
    what: "the control server is killed with its git at every step of two merges: nothing half made is used, nothing is committed twice",
    steps: () => [
      {
        command: ["vitest", "run", "--project", "unit", "test/container/steps.test.ts"],
        env: { KILL_STEPS: "1" },
      },
    ],
  },
  {
    name: "clones",
    what: "every state in which an agent may leave its clone, and every way to make clones of a large repository",
    steps: () => [
      {
        command: [
          "vitest",
          "run",
          "--project",
          "unit",
          "test/container/leftovers.test.ts",
          "test/container/large.test.ts",
        ],
        env: { SOAK: "1" },
      },
    ],
  },
  {
    name: "paths",
    what: "every path that is generated from the charts, through the object in workerd: it does what the pure core does",
    steps: () => [
      { command: ["vitest", "run", "--project", "workers", "test/workers/paths.test.ts"], env: { EVERY_PATH: "1" } },
    ],
  },
  {
    name: "chaos",
    what: "the Worker, the control server and git are killed during a hundred trains: every commit on the target has its receipt",
    steps: () => [
      {
        command: ["vitest", "run", "--project", "e2e", "test/e2e/chaos-trains.test.ts"],
        env: { CHAOS_ROUNDS: "100" },
      },
    ],
  },
  {
    name: "large",
    what: "60,000 files: a start on a warm store is not slower than a worktree of the version before; disk per agent",
    steps: () => [
      { command: ["node", "bench/run.ts", "--strict", "starts"], env: { BENCH_FILES: "60000", ...IN_MEMORY } },
    ],
  },
  {
    name: "simulation",
    what: "two rigs for two days, twenty times, with every fault: nothing that must always hold is violated",
    steps: () => [
      { command: ["node", "scripts/sim.ts", "--seed", "60000", "--seeds", "20", "--hours", "48", "--rigs", "2"] },
    ],
  },
];

const run = ({ command: [program, ...args], cwd = PROJECT, env = {} }: Step): Promise<number> =>
  new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: "inherit" });
    child.once("error", () => resolve(127));
    child.once("exit", (code) => resolve(code ?? 1));
  });

/** @returns whether every step of it went well */
async function passes({ name, what, steps }: Part): Promise<boolean> {
  console.log(`\n== ${name}: ${what}`);
  const dir = mkdtempSync(path.join(tmpdir(), `ticktown-soak-${name}-`));
  const started = performance.now();
  try {
    for (const step of steps(dir)) {
      const code = await run(step);
      if (code === 0) continue;
      console.log(`== ${name} FAILED: ${step.command.join(" ")} ended with ${code}`);
      return false;
    }
    console.log(`== ${name}: well, in ${Math.round((performance.now() - started) / 1_000)} s`);
    return true;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const { values } = parseArgs({ options: { only: { type: "string" }, list: { type: "boolean", default: false } } });
const wanted = PARTS.filter(({ name }) => values.only === undefined || values.only === name);
if (wanted.length === 0)
  throw new Error(`no part is named ${values.only}; there are: ${PARTS.map(({ name }) => name).join(", ")}`);
if (values.list) {
  for (const { name, what } of PARTS) console.log(`${name.padEnd(12)} ${what}`);
  process.exit(0);
}
const failed: string[] = [];
for (const part of wanted) if (!(await passes(part))) failed.push(part.name);
console.log(failed.length === 0 ? "\nall parts are well" : `\nfailed: ${failed.join(", ")}`);
process.exit(failed.length === 0 ? 0 : 1);
