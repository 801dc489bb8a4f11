/**
 * From a sling to its start, in pairs: two Workers at a time, each in a workerd of its own, asked in turns. Once the same one twice, which says
 * how much the machine tells apart; without a collector of traces against a bundle that has no traces at all; and against a commit of before.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SlowContainer } from "../container.ts";
import type { Bench } from "../context.ts";
import { median, quantile, type Result, type Target } from "../report.ts";
import { bundle, bundleIn, ROOT, scratch, serve, type Workerd } from "../server.ts";

/** The last one before anything was counted, capped or traced. */
const BEFORE = process.env["BENCH_BEFORE"] ?? "91e4035";
/** What a shared machine makes of the same Worker twice, and more. */
const TOLERANCE = 1.25;
/** Slowest ones of so many are looked at together: one slow moment of the machine is in one of them. */
const BLOCK = 200;

interface Side {
  readonly server: Workerd;
  readonly rig: string;
  readonly took: number[];
}

export const pairs: Bench = async ({ quick, container }): Promise<Result> => {
  const control = await container();
  control.delay_ms = 0;
  const now = bundle(null);
  const rounds = quick ? BLOCK : 6 * BLOCK;
  const rows: (string | number)[][] = [];
  const targets: Target[] = [];
  for (const [what, other] of [
    ["the same twice", now],
    ["traces off, against none at all", withoutTraces(now)],
    [`against ${BEFORE}, before money came`, before()],
  ] as const) {
    const sides = [await sideOf(now, control), await sideOf(other, control)] as const;
    try {
      for (let n = 0; n < rounds; n++)
        for (const side of n % 2 === 0 ? sides : sides.toReversed()) await sling(side, control, n);
    } finally {
      for (const { server } of sides) await server.stop();
    }
    const [mine, its] = sides.map(({ took }) => took.slice(BLOCK / 10)) as [number[], number[]];
    const ratio = median(
      blocksOf(mine).map((block, n) => quantile(block, 0.99) / quantile(blocksOf(its)[n] ?? [], 0.99)),
    );
    const more = median(mine.map((ms, n) => ms - (its[n] ?? Number.NaN)));
    rows.push([what, median(mine), median(its), more, quantile(mine, 0.99), quantile(its, 0.99), ratio]);
    if (other !== now)
      targets.push({
        what: `${what}: p99 from a sling to its start`,
        wanted: `at most ${TOLERANCE} times`,
        is: `${ratio.toFixed(2)} times`,
        reached: ratio <= TOLERANCE,
      });
  }
  return {
    tables: [
      {
        title: "Sling to the control server receiving the start, in pairs (workerd, over HTTP)",
        columns: [
          "what",
          "now, p50 ms",
          "the other, p50 ms",
          "difference, p50 ms",
          "now, p99 ms",
          "the other, p99 ms",
          "p99, times",
        ],
        rows,
        notes: [
          `${rounds} slings each, in turns, each Worker in a workerd of its own. The difference is taken of each pair; the ratio of p99 within blocks of ${BLOCK}, of which the median is told.`,
        ],
      },
    ],
    targets,
  };
};

const blocksOf = (values: readonly number[]): number[][] =>
  Array.from({ length: Math.max(1, Math.floor(values.length / BLOCK)) }, (_, n) =>
    values.slice(n * BLOCK, (n + 1) * BLOCK),
  );

async function sideOf(worker: string, control: SlowContainer): Promise<Side> {
  const server = await serve(worker, control.url, { isProduction: true });
  const { data: town } = await server.post<{ data: { id: string } }>("/api/users/bench/towns", { name: "town" });
  const { data: rig } = await server.post<{ data: { id: string } }>("/api/users/bench/rigs", {
    town_id: town.id,
    name: "rig",
    git_url: "https://git.example/x.git",
    default_branch: "main",
  });
  await server.put(`/api/rigs/${rig.id}/settings`, { capacity: 10_000 });
  return { server, rig: rig.id, took: [] };
}

async function sling({ server, rig, took }: Side, control: SlowContainer, n: number): Promise<void> {
  const began = performance.now();
  const { data } = await server.post<{ data: { agent: { id: string } } }>(`/api/rigs/${rig}/sling`, {
    title: `work ${n}`,
  });
  const key = `${data.agent.id}:1`;
  while (!control.starts.has(key)) await new Promise((resolve) => setImmediate(resolve));
  took.push((control.starts.get(key) ?? 0) - began);
  // The commit of the start's answer is no part of the next one.
  await server.get(`/api/rigs/${rig}/agents/${data.agent.id}`);
}

/** The same bundle without the call that would have a rig tell a collector. */
function withoutTraces(worker: string): string {
  const text = readFileSync(worker, "utf8");
  const calls = text.match(/^ *trace\d*\(rig\d*, this\.env\);\n/gm) ?? [];
  if (calls.length !== 1) throw new Error(`the bundle has ${calls.length} calls of trace()`);
  const folder = join(scratch, "without-traces");
  mkdirSync(folder);
  writeFileSync(join(folder, "worker.js"), text.replace(calls[0] ?? "", ""));
  return join(folder, "worker.js");
}

/** The production bundle of an earlier commit, by the packages that are here. */
function before(): string {
  const folder = join(scratch, "before");
  mkdirSync(folder);
  const files = execFileSync("git", ["archive", "--format=tar", BEFORE], { cwd: ROOT, maxBuffer: 2 ** 30 });
  execFileSync("tar", ["-x"], { cwd: folder, input: files });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  mkdirSync(join(folder, "dist/dashboard"), { recursive: true });
  return bundleIn(folder);
}
