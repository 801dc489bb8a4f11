import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Project } from "./cover.ts";
import { changed, type Change } from "./mutate.ts";

/** A copy of the project in which one mutant at a time lives. */
export interface Workshop {
  /** Runs tests on the mutant; it is gone afterwards. */
  judge(file: string, change: Change, project: Project, tests: readonly string[], timeout_s: number): Promise<Verdict>;
  /** Runs tests as they are: seconds by file. @throws Error when one fails. */
  times(project: Project, tests: readonly string[]): Promise<Map<string, number>>;
  close(): void;
}
/** Too slow: not even the sources as they are were judged in that time, so nothing is known of the mutant. */
export type Verdict = "killed" | "hung" | "survived" | "too slow";

const PARTS = [
  "src",
  "container",
  "dashboard",
  "scripts",
  "test",
  "docs",
  "package.json",
  "wrangler.toml",
  "vitest.config.ts",
  "tsconfig.json",
  "tsconfig.base.json",
];

interface Report {
  readonly success: boolean;
  readonly testResults: readonly { name: string; status: string; startTime: number; endTime: number }[];
}

export function openWorkshop(root: string): Workshop {
  const folder = mkdtempSync(path.join(tmpdir(), "ticktown-sample-"));
  // The agents that `npm run test:agents` has installed are some hundred megabytes.
  const filter = (file: string): boolean => path.basename(file) !== "node_modules";
  for (const part of PARTS) cpSync(path.join(root, part), path.join(folder, part), { recursive: true, filter });
  symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"));
  const report = path.join(folder, "report.json");

  const run = (project: Project, tests: readonly string[], timeout_s: number, bail: boolean): Promise<number | null> =>
    new Promise((resolve) => {
      const child = spawn(
        process.execPath,
        [
          "node_modules/vitest/vitest.mjs",
          "run",
          "--project",
          project,
          ...tests,
          ...(bail ? ["--bail=1"] : []),
          "--maxWorkers=1",
          "--reporter=json",
          `--outputFile=${report}`,
        ],
        // Its group is its own, so that what it started can be ended with it.
        { cwd: folder, stdio: "ignore", detached: true },
      );
      const timer = setTimeout(() => {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      }, timeout_s * 1_000);
      child.on("exit", (code) => {
        clearTimeout(timer);
        resolve(code);
      });
    });

  return {
    async judge(file, change, project, tests, timeout_s) {
      const target = path.join(folder, file);
      const source = readFileSync(target, "utf8");
      writeFileSync(target, changed(source, change));
      let code: number | null;
      try {
        code = await run(project, tests, timeout_s, true);
      } finally {
        writeFileSync(target, source);
      }
      if (code !== null) return code === 0 ? "survived" : "killed";
      return (await run(project, tests, timeout_s, true)) === null ? "too slow" : "hung";
    },
    async times(project, tests) {
      const code = await run(project, tests, 1_800, false);
      const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
      const failed = testResults.filter(({ status }) => status !== "passed").map(({ name }) => name);
      if (code !== 0) throw new Error(`these tests fail without any mutant: ${failed.join(", ")}`);
      return new Map(
        testResults.map(({ name, startTime, endTime }) => [path.relative(folder, name), (endTime - startTime) / 1_000]),
      );
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
