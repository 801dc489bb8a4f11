/** Everything is stopped at once: with all of Ticktown there, and with nothing left of it but the agents. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { markedProcesses, readMark } from "../../container/processes/marks.ts";
import type { Bead } from "../../scripts/stack/api-client.ts";
import { agentProcesses } from "../../scripts/stack/control.ts";
import { makeRepository } from "../../scripts/stack/demo/repository.ts";
import { freePort } from "../../scripts/stack/ports.ts";
import { journalOf } from "./journal.ts";
import { nothingLeftIn, type Program, ready, run, temporaryDir, ticktown, tokenIn, until } from "./support.ts";

const root = temporaryDir();
afterAll(async () => {
  expect(await nothingLeftIn(root)).toEqual([]);
  rmSync(root, { recursive: true, force: true });
});

/** Of each try its own. */
let dir = root;
let state = root;
const STOP_MS = 5_000;
const BEADS = 2;

/** Hears no SIGTERM, and has a child that has left its session; ends when it is told by a file. */
const agent = (): string => `trap '' TERM
setsid sleep 600 &
setsid sh -c "trap '' TERM; while test ! -e ${dir}/go; do sleep 0.1; done" &
while test ! -e ${dir}/go; do sleep 0.1; done
echo done > "$GASTOWN_AGENT_ID.txt"
git add --all
git commit --quiet --message "$GASTOWN_AGENT_ID"
`;

const running = (): number[] => markedProcesses(`${readMark(path.join(state, "container"))}:`);

/** `ticktown stop --all`, and what there is 5 s after it was typed. */
async function stopAll(): Promise<{ ms: number; rigs: number | null; left: number }> {
  const typed_ms = Date.now();
  const program = ticktown(["stop", "--all", "--state", state, "--json"]);
  expect([await program.exited, program.stderr()]).toEqual([0, ""]);
  const answer = JSON.parse(program.stdout()) as { ms: number; rigs: number | null; left: number };
  expect(running()).toEqual([]);
  expect(answer.ms).toBeLessThan(STOP_MS);
  console.log(`everything stopped: ${answer.ms} ms, ${Date.now() - typed_ms} ms with the start of the command`);
  return answer;
}

const killed = (name: string): void => {
  const { pid } = JSON.parse(readFileSync(path.join(state, "run", `${name}.json`), "utf8")) as { pid: number };
  process.kill(-pid, "SIGKILL");
};

test("STOP-all no process of any rig and no new start within 5 s, also where neither Worker nor control server lives; nobody is charged, the journal says who it was, and resume goes on", async () => {
  dir = mkdtempSync(path.join(root, "try-"));
  state = path.join(dir, "state");
  const { origin } = makeRepository(dir);
  writeFileSync(path.join(dir, "agent.sh"), agent());
  const port = String(await freePort());
  const url = `http://127.0.0.1:${port}`;
  const begin = async (): Promise<Program> => {
    const where = ["--port", port, "--state", state, "--repo", origin];
    const program = run("start.ts", [...where, "--agent", `sh ${dir}/agent.sh`, "--box", "none"]);
    onTestFinished(() => void program.process.kill("SIGINT"));
    await ready(program);
    return program;
  };
  const first = await begin();
  const rigId = /rig (rig-\S+)/.exec(first.stderr())?.[1] ?? "";
  const call = async <T>(method: string, route: string, body?: object): Promise<T> => {
    const response = await fetch(`${url}/api/rigs/${rigId}${route}`, {
      method,
      headers: { authorization: `Bearer ${tokenIn(state)}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return ((await response.json()) as { data: T }).data;
  };
  const life = async (): Promise<string> => (await call<{ life: string }>("GET", "/health")).life;
  const stops = async () =>
    (await journalOf(url, rigId, tokenIn(state)))
      .map(({ fact }) => fact as { type: string; by?: string; atOnce?: true })
      .filter(({ type }) => type === "rig.draining");
  await call("PUT", "/settings", { arm_delay_ms: 100, cadence_active_ms: 500, backoff_base_ms: 100 });
  const beads: Bead[] = [];
  for (let n = 1; n <= BEADS; n++)
    beads.push((await call<{ bead: Bead }>("POST", "/sling", { title: `Say hello ${n}` })).bead);
  const allRun = (): boolean => agentProcesses(path.join(state, "container")).length === BEADS;
  await until("all agents run", allRun);

  expect((await stopAll()).left).toBe(0);
  // A Worker that is slow to answer is told a moment later.
  await until("the rig is told", async () => (await life()) === "draining");
  await call("POST", "/tick");
  expect(running()).toEqual([]);
  expect(await stops()).toEqual([expect.objectContaining({ by: "operator", atOnce: true })]);
  await call("POST", "/resume");
  await until("all agents run again", allRun);

  first.process.kill("SIGKILL");
  for (const name of ["worker", "control"]) killed(name);
  await first.exited;
  expect(allRun()).toBe(true);
  expect(await stopAll()).toMatchObject({ rigs: null, left: 0 });
  const second = await begin();
  expect([await life(), running()]).toEqual(["draining", []]);
  expect(await stops()).toHaveLength(2);
  await until("it is let go", () => !existsSync(path.join(state, "container", "stopped.json")));

  const attempts = await call<{ dispatch_attempts: number }[]>("GET", "/agents");
  expect(attempts.map(({ dispatch_attempts }) => dispatch_attempts)).toEqual([0, 0]);
  writeFileSync(path.join(dir, "go"), "");
  await call("POST", "/resume");
  await until("all is merged", async () => {
    const found = await Promise.all(beads.map(({ id }) => call<Bead>("GET", `/beads/${id}`)));
    return found.every(({ status }) => status === "closed");
  });
  expect(await call("POST", "/replay")).toMatchObject({ divergence: null });
  expect(execFileSync("git", ["-C", origin, "ls-tree", "--name-only", "main"], { encoding: "utf8" })).toMatch(/agent-/);
  second.process.kill("SIGINT");
  expect(await second.exited).toBe(0);
});
