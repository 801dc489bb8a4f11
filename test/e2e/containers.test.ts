/** One story through `npm start`, by its own control server and by a container of before Ticktown: both get all of it merged. */
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Agent, Bead } from "../../scripts/stack/api-client.ts";
import { makeRepository } from "../../scripts/stack/demo/repository.ts";
import { DEMO_AGENT } from "../../scripts/stack/stack.ts";
import { type OldContainerServer, startOldContainer } from "../support/old-container-server.ts";
import { nothingLeftIn, type Program, ready, run, temporaryDir, tokenIn, until } from "./support.ts";

const dir = temporaryDir();
afterAll(async () => {
  expect(await nothingLeftIn(dir)).toEqual([]);
  rmSync(dir, { recursive: true, force: true });
});

const TOKEN = "token-of-the-old-container";
const SLOW_MS = 2_500;

interface Fact {
  readonly type: string;
  readonly body: Record<string, unknown>;
}

interface Started {
  readonly program: Program;
  /** Calls the rig's routes. */
  readonly call: <T>(method: string, route: string, body?: unknown) => Promise<T>;
  readonly facts: (type: string) => Promise<Record<string, unknown>[]>;
}

async function start(
  name: string,
  repository: string,
  container: OldContainerServer | null,
  onTestFinished: (undo: () => Promise<void>) => void,
): Promise<Started> {
  const state = path.join(dir, name, "state");
  const args = ["--port", "0", "--state", state, "--repo", repository];
  const program =
    container === null
      ? run("start.ts", args)
      : run("start.ts", [...args, "--container", container.url], { CONTROL_TOKEN: TOKEN });
  onTestFinished(async () => {
    program.process.kill("SIGINT");
    await program.exited;
  });
  const url = await ready(program);
  const rig = `${url}/api/rigs/${/rig (rig-\S+)/.exec(program.stderr())?.[1]}`;
  const ask = (method: string, route: string, body?: unknown): Promise<Response> =>
    fetch(rig + route, {
      method,
      headers: { authorization: `Bearer ${tokenIn(state)}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  return {
    program,
    call: async <T>(method: string, route: string, body?: unknown) => {
      const answer = (await (await ask(method, route, body)).json()) as { data: T; error?: string };
      expect(answer.error).toBeUndefined();
      return answer.data;
    },
    facts: async (type) =>
      (await (await ask("GET", "/export")).text())
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Fact)
        .filter((fact) => fact.type === type)
        .map(({ body }) => body),
  };
}

test.concurrent.for([
  ["its own control server", false],
  ["a container that knows no dispatch ids, starts slowly and keeps its first environment", true],
] as const)(
  "npm start with %s: two beads one after the other by one agent, a question, and a crash: all of it is merged, and only the crash is charged",
  { timeout: 180_000 },
  async ([, isOld], { onTestFinished, expect }) => {
    const name = isOld ? "old" : "own";
    const home = path.join(dir, name);
    mkdirSync(path.join(home, "work"), { recursive: true });
    const repository = makeRepository(home);
    const container = isOld
      ? await startOldContainer(path.join(home, "work"), { token: TOKEN, agentCommand: DEMO_AGENT, slow_ms: SLOW_MS })
      : null;
    onTestFinished(() => container?.stop());
    const { program, call, facts } = await start(name, repository.origin, container, onTestFinished);
    const sling = (title: string, body = "") =>
      call<{ bead: Bead; agent: Agent }>("POST", "/sling", { title, body: `steps: 1\nstep_ms: 50\n${body}` });
    const status = async ({ id }: Bead) => (await call<Bead>("GET", `/beads/${id}`)).status;
    const isMerged = (bead: Bead) => until(`${bead.title} is merged`, async () => (await status(bead)) === "closed");

    const first = await sling("first");
    await isMerged(first.bead);
    const second = await sling("second", "file: work/second.md");
    expect(second.agent.id).toBe(first.agent.id);
    const asking = await sling("asking", "file: work/asking.md\nhelp: which way?");
    const failing = await sling("failing", "file: work/failing.md\nfail: 1");
    // While it starts, whatever is known of the process before is looked at again and again.
    for (let i = 0; i < 4; i++) await call("POST", "/tick", {});
    await until("it asks", async () => (await call<Agent>("GET", `/agents/${asking.agent.id}`)).status === "blocked");
    await call("POST", `/agents/${asking.agent.id}/unblock`, { answer: "that way" });
    for (const { bead } of [second, asking, failing]) await isMerged(bead);

    expect(repository.git("show", "main:work/asking.md")).toContain("answer: that way");
    const grants = await facts("dispatch.granted");
    const granted = ({ id }: Bead): number => grants.filter(({ beadId }) => beadId === id).length;
    expect([first, second, asking, failing].map(({ bead }) => granted(bead))).toEqual([1, 1, 1, 2]);
    expect(await facts("dispatch.failed")).toMatchObject([{ beadId: failing.bead.id, charged: true, attempts: 1 }]);
    // The process of the first piece of work, which has handed it in, may say its last words when the second has begun.
    const stale = (await facts("report.stale")) as { dispatchId: string }[];
    expect(stale.filter(({ dispatchId }) => dispatchId !== `${first.agent.id}:1`)).toEqual([]);
    expect((await call<{ divergence: unknown }>("POST", "/replay", {})).divergence).toBeNull();
    const health = await call<{ fence: string; violations: string[] }>("GET", "/health");
    expect(health).toMatchObject({ fence: isOld ? "agent" : "dispatch", violations: [] });
    if (container !== null) {
      // Nobody could tell its dispatches apart by what its agents have.
      const ofFirst = container.starts.filter(({ agentId }) => agentId === first.agent.id);
      expect(new Set(ofFirst.map(({ token }) => token)).size).toBe(1);
      expect(ofFirst).toHaveLength(2);
      expect(JSON.parse(atob(ofFirst[0]?.token?.split(".")[1] ?? ""))).not.toHaveProperty("dispatchId");
      expect(program.stderr()).toContain("knows no dispatch ids");
    }
    program.process.kill("SIGINT");
    expect(await program.exited).toBe(0);
  },
);
