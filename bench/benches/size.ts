import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import type { Result } from "../report.ts";
import { bundle, ROOT, scratch, wrangler } from "../server.ts";
import type { Bench } from "../context.ts";

const KIB = 1_024;

/** What is uploaded, and what it takes to start it. */
export const size: Bench = async ({ quick }): Promise<Result> => {
  const weigh = (file: string): [number, number] => {
    const code = readFileSync(file);
    return [code.length / KIB, gzipSync(code, { level: 9 }).length / KIB];
  };
  const plain = weigh(bundle(null));
  const minified = weigh(bundle(null, ["--minify"]));
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ["src/worker.ts"],
    outfile: join(scratch, "size.js"),
    bundle: true,
    minify: true,
    metafile: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "error",
  });
  const packages = new Map<string, number>();
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
      const name = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? /^src\/[^/]+/.exec(file)?.[0] ?? "src";
      packages.set(name, (packages.get(name) ?? 0) + bytesInOutput);
    }
  }
  const startup: (string | number)[][] = [];
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    const said = wrangler(
      "check",
      "startup",
      "--args=--containers-rollout=none",
      "--outfile",
      join(scratch, "startup.cpuprofile"),
    );
    const figure = (name: string): string => new RegExp(`${name}: ([\\d.]+ ms)`).exec(said)?.[1] ?? "n/a";
    startup.push([`run ${round + 1}`, figure("Sampled time"), figure("Active"), figure("Profile window")]);
  }
  return {
    tables: [
      {
        title: "The Worker's bundle",
        columns: ["what", "KiB", "gzip, KiB"],
        rows: [
          ["as deployed (not minified)", ...plain],
          ["minified", ...minified],
        ],
        notes: ["A deploy may be 10 MiB after gzip on the paid plan, 3 MiB on the free one."],
      },
      {
        title: "Minified, by package",
        columns: ["package", "KiB"],
        rows: [...packages]
          .sort(([, a], [, b]) => b - a)
          .filter(([, bytes]) => bytes > 100)
          .map(([name, bytes]) => [name, bytes / KIB]),
      },
      {
        title: "Start-up (`wrangler check startup`)",
        columns: ["run", "sampled", "active", "window"],
        rows: startup,
        notes: ["The platform allows 1 s of CPU time."],
      },
    ],
  };
};
