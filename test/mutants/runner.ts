import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { runInThisContext } from "node:vm";
import { declareClassPlugin, PluginKind } from "@stryker-mutator/api/plugin";
import type { MutantCoverage } from "@stryker-mutator/api/core";
import {
  DryRunStatus,
  MutantRunStatus,
  TestStatus,
  type DryRunOptions,
  type DryRunResult,
  type MutantRunOptions,
  type MutantRunResult,
  type TestRunner,
  type TestRunnerCapabilities,
} from "@stryker-mutator/api/test-runner";
import { build } from "vite";
import { readGoldenPaths, readSpoils, type GoldenPath } from "./golden.ts";

type Judge = typeof import("./judge.ts");

/** What Stryker's instrumented code reads and writes. */
interface Instruments {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
  mutantCoverage?: MutantCoverage;
}

const TEST = "what is recorded";
/** Paths next to each other are alike: in strides every chart has its turn soon, and most mutants die early. */
const STRIDE = 97;

/**
 * The fast judge of a mutant of the pure core: recorded paths and journals, folded again, and worlds, spoilt again. The core is bundled once, and its module
 * code runs anew for every mutant, so that what is made at load (charts, schemas) is mutated too.
 */
class GoldenRunner implements TestRunner {
  readonly #instruments = ((globalThis as { __stryker__?: Instruments }).__stryker__ ??= {});
  readonly #paths: GoldenPath[];
  readonly #spoils = readSpoils();
  /** Of the code without a mutant. */
  #shapes = "";
  readonly #journals: (readonly [name: string, lines: string[]])[];
  #load: (() => Judge) | null = null;

  constructor() {
    const paths = readGoldenPaths();
    this.#paths = Array.from({ length: STRIDE }, (_, start) => paths.filter((_path, i) => i % STRIDE === start)).flat();
    const golden = path.resolve("test/golden");
    const names = readdirSync(golden).filter((file) => file.endsWith(".ndjson"));
    this.#journals = names.map((name) => [name, readFileSync(path.join(golden, name), "utf8").split("\n")]);
  }

  capabilities(): TestRunnerCapabilities {
    return { reloadEnvironment: true };
  }

  async init(): Promise<void> {
    // The working folder is Stryker's copy of the project, in which the core is instrumented.
    const entry = path.resolve("test/mutants/judge.ts");
    const bundle = await build({
      configFile: false,
      logLevel: "error",
      build: { ssr: entry, write: false, minify: false, rollupOptions: { output: { format: "cjs" } } },
    });
    if (!("output" in bundle)) throw new Error("the bundler gave no bundle");
    const run = runInThisContext(`(function (require, exports, module) {${bundle.output[0].code}\n})`, {
      filename: "judge.cjs",
    }) as (require: NodeJS.Require, exports: object, module: object) => void;
    const require = createRequire(entry);
    this.#load = () => {
      const module = { exports: {} as Judge };
      run(require, module.exports, module);
      return module.exports;
    };
    this.#shapes = this.#load().shapes();
  }

  async dryRun(_options: DryRunOptions): Promise<DryRunResult> {
    const started = performance.now();
    const failureMessage = await this.#failure(true);
    const test = { id: TEST, name: TEST, timeSpentMs: performance.now() - started };
    const { mutantCoverage } = this.#instruments;
    return {
      status: DryRunStatus.Complete,
      tests: [
        failureMessage === null
          ? { ...test, status: TestStatus.Success }
          : { ...test, status: TestStatus.Failed, failureMessage },
      ],
      ...(mutantCoverage === undefined ? {} : { mutantCoverage }),
    };
  }

  async mutantRun({ activeMutant, hitLimit }: MutantRunOptions): Promise<MutantRunResult> {
    Object.assign(this.#instruments, { activeMutant: activeMutant.id, hitCount: 0, hitLimit });
    // Spoilt worlds are many: only those mutants that they are there for wait for them.
    const failureMessage = await this.#failure(
      /(invariants|why|repair|schedule|world)\.ts$/.test(activeMutant.fileName),
    );
    return failureMessage === null
      ? { status: MutantRunStatus.Survived, nrOfTests: 1 }
      : { status: MutantRunStatus.Killed, killedBy: [TEST], failureMessage, nrOfTests: 1 };
  }

  /** What comes out differently, or null. */
  async #failure(withSpoils: boolean): Promise<string | null> {
    this.#instruments.currentTestId = undefined;
    try {
      const judge = this.#load?.();
      if (judge === undefined) throw new Error("not initialised");
      this.#instruments.currentTestId = TEST;
      if (withSpoils)
        for (const { moves, digest } of this.#spoils.worlds)
          if (judge.spoilsDigestOf(moves, this.#spoils.values) !== digest)
            return "the invariants say something else of a spoilt world";
      for (const { moves, digest } of this.#paths)
        if (judge.digestOf(moves) !== digest) return "a path leads elsewhere";
      if (judge.shapes() !== this.#shapes) return "a fact, an effect or the settings have another shape";
      for (const [name, lines] of this.#journals) {
        const { divergence } = await judge.replayFile(lines);
        if (divergence !== null) return `${name} diverges at ${divergence.seq}`;
      }
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, "golden", GoldenRunner)];
