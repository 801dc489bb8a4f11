/** What it costs to speak with an agent: from the order to start to the moment at which it has its task, against a bare command. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readConfig } from "../../container/config.ts";
import { type ControlServer, startControlServer } from "../../container/http/server.ts";
import type { Bench } from "../context.ts";
import { type Result, median, quantile } from "../report.ts";
import { ROOT } from "../server.ts";

const WANTED_MS = 100;
/** The first ones make the store and the clones, and compile. */
const WARM = 3;
const TOKEN = "bench";

interface Side {
  readonly name: string;
  readonly server: ControlServer;
  readonly file: string;
}

export const drivers: Bench = async ({ quick }): Promise<Result> => {
  const dir = realpathSync(mkdtempSync(path.join(tmpdir(), "ticktown-bench-")));
  const origin = repositoryIn(dir);
  const sides: Side[] = [];
  try {
    sides.push(await sideOf(dir, "bare", "AGENT_COMMAND", ""), await sideOf(dir, "acp", "AGENT_RUNTIME", "acp:"));
    const took: Record<string, number[]> = { bare: [], acp: [] };
    const rounds = quick ? 10 : 40;
    for (let n = 0; n < rounds + WARM; n++)
      for (const side of n % 2 === 0 ? sides : sides.toReversed()) {
        const ms = await start(side, origin, n + 1);
        if (n >= WARM) took[side.name]?.push(ms);
      }
    const { bare = [], acp = [] } = took;
    const added = acp.map((ms, n) => ms - (bare[n] ?? 0));
    return {
      tables: [
        {
          title: "From the order to start to an agent with its task",
          columns: ["starts", "bare command, ms", "spoken with, ms", "added, ms", "added, p95, ms"],
          rows: [[rounds, median(bare), median(acp), median(added), quantile(added, 0.95)]],
          notes: [
            "The same program, started by two control servers in turns, on a store and a clone that are there; the difference is taken of each pair. Spoken with: a home and a door of its own, three messages there and two back.",
          ],
        },
      ],
      targets: [
        {
          what: "what a driver adds to a start, p50",
          wanted: `less than ${WANTED_MS} ms`,
          is: `${median(added).toFixed(1)} ms`,
          reached: median(added) < WANTED_MS,
        },
      ],
    };
  } finally {
    for (const { server } of sides) {
      server.killAll();
      await server.drain();
    }
    rmSync(dir, { recursive: true, force: true });
  }
};

function repositoryIn(dir: string): string {
  const origin = path.join(dir, "origin.git");
  const clone = path.join(dir, "clone");
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid", ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  git("init", "--quiet", "--bare", "--initial-branch=main", origin);
  git("clone", "--quiet", origin, clone);
  git("-C", clone, "commit", "--quiet", "--allow-empty", "--message", "Begin");
  git("-C", clone, "push", "--quiet", "origin", "HEAD:main");
  return origin;
}

async function sideOf(dir: string, name: string, variable: string, before: string): Promise<Side> {
  const own = path.join(dir, name);
  mkdirSync(path.join(own, "home"), { recursive: true });
  const file = path.join(own, "has-task");
  const program = [process.execPath, path.join(ROOT, "bench/agent-process.mjs"), name, file];
  const config = readConfig({
    PATH: process.env["PATH"],
    HOME: path.join(own, "home"),
    CONTROL_TOKEN: TOKEN,
    HOST: "127.0.0.1",
    PORT: "0",
    WORK_DIR: path.join(own, "work"),
    BOX: "none",
    [variable]: `${before}${program.map((word) => `'${word}'`).join(" ")}`,
  });
  mkdirSync(config.workDir, { recursive: true });
  return { name, server: await startControlServer(config, () => {}), file };
}

/** @returns ms from the order to the agent that has its task */
async function start({ server, file }: Side, gitUrl: string, n: number): Promise<number> {
  rmSync(file, { force: true });
  const began = performance.timeOrigin + performance.now();
  await call(server, "POST", "/agents/start", {
    agentId: "a1",
    rigId: "rig1",
    townId: "town1",
    role: "polecat",
    name: "bench",
    identity: "bench",
    prompt: "Do it.",
    model: "default",
    systemPrompt: "",
    gitUrl,
    branch: "work/a1",
    defaultBranch: "main",
    dispatchId: `a1:${n}`,
  });
  await until(() => existsSync(file) && readFileSync(file, "utf8") !== "");
  const ms = Number(readFileSync(file, "utf8")) - began;
  await until(async () => {
    const { status } = (await call(server, "GET", "/agents/a1/status")) as { status: string };
    return status === "exited" || status === "failed";
  });
  return ms;
}

async function call({ url }: ControlServer, method: string, to: string, body?: unknown): Promise<unknown> {
  const response = await fetch(url + to, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${to}: HTTP ${response.status} ${await response.text()}`);
  return response.json();
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await isSo()); await sleep(2))
    if (Date.now() > deadline) throw new Error("an agent did not get its task within a minute");
}
