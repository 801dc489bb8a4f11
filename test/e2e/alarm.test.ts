import { existsSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Bead, RigInfo } from "../../scripts/stack/api-client.ts";
import { agentProcesses } from "../../scripts/stack/control.ts";
import { type DemoRepository, makeRepository } from "../../scripts/stack/demo/repository.ts";
import { DEMO_AGENT, type Stack, startStack } from "../../scripts/stack/stack.ts";
import { journalOf, rootOf } from "./journal.ts";
import { nothingLeftIn, temporaryDir, tokenIn, until } from "./support.ts";

const dir = temporaryDir();
let stack: Stack;
let rig: RigInfo;
let repository: DemoRepository;

beforeAll(async () => {
  repository = makeRepository(dir);
  stack = await startStack({
    port: 0,
    stateDir: path.join(dir, "state"),
    containerUrl: null,
    agentCommand: DEMO_AGENT,
    environment: process.env,
    say: () => {},
  });
  ({ rig } = await stack.api.rigFor({ name: "demo", gitUrl: repository.origin, defaultBranch: "main" }));
  await stack.api.call("PUT", `/api/rigs/${rig.id}/settings`, { arm_delay_ms: 300, cadence_active_ms: 1_000 });
});

afterAll(async () => {
  await stack.stop();
  const left = await nothingLeftIn(dir);
  rmSync(dir, { recursive: true, force: true });
  expect(left).toEqual([]);
});

test("a bead is created, the alarm fires, the container starts an agent, and its work is merged", async () => {
  // Deferred, so that nothing but the alarm can be what starts it.
  const due = new Date(Date.now() + 1_500).toISOString();
  const bead = await stack.api.call<Bead>("POST", `/api/rigs/${rig.id}/beads`, {
    type: "issue",
    title: "Say hello",
    body: "steps: 3\nstep_ms: 400\nfile: HELLO.md",
    defer_until: due,
  });
  expect(bead.status).toBe("open");
  expect(agentProcesses(stack.workDir)).toEqual([]);

  const { pid, agentId } = await until("an agent's process runs", () => agentProcesses(stack.workDir)[0]);
  expect(readFileSync(`/proc/${pid}/environ`, "utf8").split("\0")).toEqual(
    expect.arrayContaining([`GASTOWN_AGENT_ID=${agentId}`, `TICKTOWN_DISPATCH_ID=${agentId}:1`]),
  );

  const journal = await journalOf(stack.url, rig.id, tokenIn(path.join(dir, "state")));
  const granted = journal.filter(({ fact }) => fact.type === "dispatch.granted");
  expect(granted.map(({ fact }) => fact.beadId)).toEqual([bead.id]);
  expect(granted.map((line) => rootOf(journal, line).fact.type)).toEqual(["TICK"]);

  await until(
    "the bead is closed",
    async () => (await stack.api.call<Bead>("GET", `/api/rigs/${rig.id}/beads/${bead.id}`)).status === "closed",
  );
  expect(repository.git("show", "main:HELLO.md").trim().split("\n")).toEqual(
    [1, 2, 3].map((step) => `Say hello: step ${step} of 3`),
  );
});

test("an agent's token does not open the rig of another", async () => {
  const elsewhere = makeRepository(path.join(dir, "elsewhere"));
  const other = await stack.api.rigFor({ name: "other", gitUrl: elsewhere.origin, defaultBranch: "main" });
  await stack.api.call("POST", `/api/rigs/${rig.id}/sling`, { title: "Stay a while", body: "steps: 2\nstep_ms: 3000" });
  const token = await until("an agent's process runs", () => {
    const pid = agentProcesses(stack.workDir)[0]?.pid;
    return pid === undefined
      ? undefined
      : /GASTOWN_SESSION_TOKEN=([^\0]+)/.exec(readFileSync(`/proc/${pid}/environ`, "utf8"))?.[1];
  });
  const headers = { authorization: `Bearer ${token}` };
  expect((await fetch(`${stack.url}/api/rigs/${rig.id}/beads`, { headers })).status).toBe(200);
  expect((await fetch(`${stack.url}/api/rigs/${other.rig.id}/beads`, { headers })).status).toBe(403);
});

test("a setup that fails holds a bead up; one that is set in its place is run at once by the next start, before its agent", async () => {
  const settings = `/api/rigs/${rig.id}/settings`;
  const ran = path.join(dir, "setup-ran");
  await stack.api.call("PUT", settings, { setup: { command: "echo no such package; exit 7" } });
  const { bead } = await stack.api.call<{ bead: Bead }>("POST", `/api/rigs/${rig.id}/sling`, {
    title: "Set up first",
    body: "steps: 1\nstep_ms: 100\nfile: SETUP.md",
  });
  const why = (): Promise<{ sentence: string }> => stack.api.call("GET", `/api/rigs/${rig.id}/beads/${bead.id}/why`);
  await until("it is said why", async () => /exit 7: no such package/.test((await why()).sentence));
  const began = Date.now();
  await stack.api.call("PUT", settings, { setup: { command: `pwd >> '${ran}'` } });
  await until("the setup ran", () => existsSync(ran));
  expect(Date.now() - began).toBeLessThan(15_000);
  expect(readFileSync(ran, "utf8").trim()).toMatch(/\/agents\/[^/]+\/clone$/);
  await until(
    "the bead is closed",
    async () => (await stack.api.call<Bead>("GET", `/api/rigs/${rig.id}/beads/${bead.id}`)).status === "closed",
  );
});
