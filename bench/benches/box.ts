/** What the box adds to the start of an agent: the same program bare, in the box, and in one without a network, in turns. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createAgentDoor } from "../../container/agents/door/door.ts";
import { type AgentBox, agentBoxOf } from "../../container/box/agent-box.ts";
import { openBoxes } from "../../container/box/boxes.ts";
import { readConfig } from "../../container/config.ts";
import { agentFoldersOf, foldersOf } from "../../container/git/layout.ts";
import { DEFAULT_PLACE } from "../../src/wire/container.ts";
import type { Bench } from "../context.ts";
import { type Result, median, quantile } from "../report.ts";

const WANTED_MS = 50;
const WARM = 5;
const PROGRAM = ["sh", "-c", "echo up"] as const;

export const box: Bench = async ({ quick }): Promise<Result> => {
  const workDir = realpathSync(mkdtempSync(path.join(tmpdir(), "ticktown-bench-box-")));
  const config = readConfig({ ...process.env, LISTEN_SOCKET: "/run/none.sock", WORK_DIR: workDir, AGENT_BOX: "bwrap" });
  const folders = foldersOf(workDir, "rig");
  const { clone, inbox, home } = agentFoldersOf(folders, "a");
  for (const folder of [folders.store, clone, inbox, home]) mkdirSync(folder, { recursive: true });
  const door = createAgentDoor({ log: () => {} });
  const boxes = await openBoxes({ config, mark: "bench", door, log: () => {} });
  const boxFor = (box_network: "any" | "gateway"): AgentBox =>
    agentBoxOf({
      boxes: boxes.agents,
      config,
      place: { ...DEFAULT_PLACE, box_network },
      rigId: "rig",
      agentId: "a",
      logins: [],
      checkpointFile: null,
    });
  const ways: readonly (readonly [string, () => Promise<number>])[] = [
    ["bare", () => bare(clone)],
    ["in the box", () => boxed(boxFor("any"), clone)],
    ["in the box, without a network", () => boxed(boxFor("gateway"), clone)],
  ];
  try {
    const took = new Map(ways.map(([name]) => [name, [] as number[]]));
    const rounds = quick ? 40 : 200;
    for (let n = 0; n < rounds + WARM; n++)
      for (const [name, start] of n % 2 === 0 ? ways : ways.toReversed()) {
        const ms = await start();
        if (n >= WARM) took.get(name)?.push(ms);
      }
    const plain = took.get("bare") ?? [];
    const added = (name: string): number[] => (took.get(name) ?? []).map((ms, n) => ms - (plain[n] ?? 0));
    return {
      tables: [
        {
          title: "From the order to start a program to the first that it says",
          columns: ["program", "p50, ms", "added, p50, ms", "added, p95, ms"],
          rows: ways.map(([name]) => [
            name,
            median(took.get(name) ?? []),
            median(added(name)),
            quantile(added(name), 0.95),
          ]),
          notes: [
            `\`${PROGRAM.join(" ")}\`, with the making of its control group and of its socket. The difference is taken of each round. ${boxes.says}.`,
          ],
        },
      ],
      targets: ways.slice(1).map(([name]) => {
        const p50 = median(added(name));
        return {
          what: `what is added to a start ${name}, p50`,
          wanted: `less than ${WANTED_MS} ms`,
          is: `${p50.toFixed(1)} ms`,
          reached: p50 < WANTED_MS,
        };
      }),
    };
  } finally {
    boxes.agents.gateways.close();
    await door.close();
    rmSync(workDir, { recursive: true, force: true });
  }
};

async function boxed(of: AgentBox, cwd: string): Promise<number> {
  const began = performance.now();
  const room = await of.open(`${began}`, null);
  const env = room.env({ PATH: process.env["PATH"] ?? "" });
  const ms = await untilItSpeaks(room.within(PROGRAM), cwd, env, began);
  await room.close();
  return ms;
}

const bare = (cwd: string): Promise<number> =>
  untilItSpeaks(PROGRAM, cwd, { PATH: process.env["PATH"] ?? "" }, performance.now());

/** Resolves when it has ended. @returns ms from `began` to its first word */
function untilItSpeaks(
  [program = "", ...args]: readonly string[],
  cwd: string,
  env: Record<string, string>,
  began: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "inherit"] });
    let first: number | null = null;
    child.stdout.once("data", () => (first = performance.now() - began));
    child.once("error", reject);
    child.once("close", () => (first === null ? reject(new Error(`${program} said nothing`)) : resolve(first)));
  });
}
