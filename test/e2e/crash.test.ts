import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { type Bead, createApiClient } from "../../scripts/stack/api-client.ts";
import { agentProcesses, type Control, startControl } from "../../scripts/stack/control.ts";
import { makeRepository } from "../../scripts/stack/demo/repository.ts";
import { freePort } from "../../scripts/stack/ports.ts";
import { DEMO_AGENT } from "../../scripts/stack/stack.ts";
import { openState } from "../../scripts/stack/state.ts";
import { startWorker, type Worker } from "../../scripts/stack/worker.ts";
import { journalOf } from "./journal.ts";
import { nothingLeftIn, eachTry, until } from "./support.ts";

let dir = "";
eachTry((made) => (dir = made));
const undo: (() => Promise<unknown>)[] = [];

afterAll(async () => {
  for (const step of undo.toReversed()) await step();
  expect(await nothingLeftIn(dir)).toEqual([]);
});

test("the Worker is killed in the middle of the work and started again: nothing is started twice and the work ends", async () => {
  const repository = makeRepository(dir);
  const state = openState(path.join(dir, "state"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const control: Control = await startControl(state, {
    agentCommand: DEMO_AGENT,
    apiUrl: url,
    environment: process.env,
    say: () => {},
  });
  undo.push(() => control.stop());
  const variables = { GASTOWN_API_URL: url, ...state.secrets };
  const start = (): Promise<Worker> =>
    startWorker(state, { port, variables, controlUrl: control.url, environment: process.env });

  const first = await start();
  const api = createApiClient(url, state.secrets.TICKTOWN_OPERATOR_TOKEN);
  const { rig } = await api.rigFor({ name: "demo", gitUrl: repository.origin, defaultBranch: "main" });
  await api.call("PUT", `/api/rigs/${rig.id}/settings`, {
    arm_delay_ms: 300,
    cadence_active_ms: 1_000,
    backoff_base_ms: 500,
  });
  const beads: Bead[] = [];
  for (const title of ["One", "Two", "Three"]) {
    beads.push(
      (await api.call<{ bead: Bead }>("POST", `/api/rigs/${rig.id}/sling`, { title, body: "steps: 4\nstep_ms: 600" }))
        .bead,
    );
  }
  const running = await until("three agents run", () =>
    agentProcesses(state.container).length === 3 ? agentProcesses(state.container) : null,
  );
  await sleep(800);

  process.kill(-first.pid, "SIGKILL");
  expect(await first.exited).toContain("SIGKILL");
  const second = await start();
  undo.push(() => second.stop());

  await until(
    "all three beads are closed",
    async () => {
      const statuses = await Promise.all(
        beads.map(async ({ id }) => (await api.call<Bead>("GET", `/api/rigs/${rig.id}/beads/${id}`)).status),
      );
      return statuses.every((status) => status === "closed");
    },
    30_000,
  );

  const journal = await journalOf(url, rig.id, state.secrets.TICKTOWN_OPERATOR_TOKEN);
  const granted = journal.filter(({ fact }) => fact.type === "dispatch.granted").map(({ fact }) => fact.dispatchId);
  expect(granted.toSorted()).toEqual(running.map(({ agentId }) => `${agentId}:1`).toSorted());
  for (const { agentId } of running) {
    const { events } = await api.call<{ events: { type: string }[] }>(
      "GET",
      `/api/towns/${rig.town_id}/container/agents/${agentId}/events`,
    );
    expect(events.filter(({ type }) => type === "agent_started")).toHaveLength(1);
  }
  const subjects = repository.git("log", "--format=%s", "main").split("\n");
  for (const { title } of beads) {
    for (const step of [1, 2, 3, 4])
      expect(subjects.filter((subject) => subject.startsWith(`${title}: step ${step} of 4`))).toHaveLength(1);
  }
  expect(await api.call("POST", `/api/rigs/${rig.id}/replay`)).toMatchObject({ divergence: null });
});

test("the control server is killed in the middle of the work: its agents end with it, and their work is taken up again", async () => {
  const state = openState(path.join(dir, "second"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const said: string[] = [];
  const control = await startControl(state, {
    agentCommand: DEMO_AGENT,
    apiUrl: url,
    environment: process.env,
    say: (line) => said.push(line),
  });
  undo.push(() => control.stop());
  const worker = await startWorker(state, {
    port,
    variables: { GASTOWN_API_URL: url, ...state.secrets },
    controlUrl: control.url,
    environment: process.env,
  });
  undo.push(() => worker.stop());
  const api = createApiClient(url, state.secrets.TICKTOWN_OPERATOR_TOKEN);
  const { rig } = await api.rigFor({ name: "demo", gitUrl: makeRepository(dir).origin, defaultBranch: "main" });
  await api.call("PUT", `/api/rigs/${rig.id}/settings`, {
    arm_delay_ms: 300,
    cadence_active_ms: 1_000,
    backoff_base_ms: 500,
  });
  const { bead } = await api.call<{ bead: Bead }>("POST", `/api/rigs/${rig.id}/sling`, {
    title: "Four",
    body: "steps: 4\nstep_ms: 600",
  });
  const before = await until("an agent runs", () => agentProcesses(state.container)[0]);
  await sleep(1_000);

  process.kill(-control.pid(), "SIGKILL");
  await until(
    "the agent has ended with it",
    () => !agentProcesses(state.container).some(({ pid }) => pid === before.pid),
  );
  await until(
    "the bead is closed",
    async () => (await api.call<Bead>("GET", `/api/rigs/${rig.id}/beads/${bead.id}`)).status === "closed",
    30_000,
  );
  expect(said.join("\n")).toContain("the control server was ended by SIGKILL; starting it again");
});
