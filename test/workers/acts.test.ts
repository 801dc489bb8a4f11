import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import { DOOR } from "../../src/events/limits.ts";
import type { ActResult } from "../../src/wire/acts.ts";
import type { Report } from "../../src/wire/report.ts";
import type { Overview } from "../../src/wire/overview.ts";
import { api, call, eventually } from "./client.ts";

/** Many needs of many rigs, settled at once. */

const USER = "/api/users/doer";
let rigs: { id: string; name: string }[] = [];
beforeAll(async () => {
  const town = (await call("POST", `${USER}/towns`, { name: "town" })).data;
  const rig = async (name: string) => {
    const body = { town_id: town.id, name, git_url: "https://example.org/repo.git" };
    const made = (await call("POST", `${USER}/rigs`, body)).data;
    await api(made.id).put("/settings", { max_attempts: 1, capacity: 20 });
    return made;
  };
  rigs = [await rig("one"), await rig("two")];
});

type Need = Overview["needs"][number];
const needs = async (): Promise<Need[]> => (await call("GET", `${USER}/needs`)).data.needs;
const itemOf = ({ rig_id, key, since, ask_id }: Need) => ({ rig_id, key, since, ask_id });
const act = async (body: object): Promise<ActResult[]> => (await call("POST", `${USER}/needs/act`, body)).data;
const results = (of: readonly ActResult[]): string[] => of.map(({ result }) => result);

/** An agent at work. */
async function atWork(rigId: string, title: string): Promise<string> {
  const { agent } = (await api(rigId).post("/sling", { title })).data;
  await api(rigId).post(`/agents/${agent.id}/heartbeat`);
  return agent.id;
}
const asks = (rigId: string, agentId: string, body: object) =>
  api(rigId).post(`/agents/${agentId}/asked`, { ask_id: "1", kind: "permission", text: "May I?", ...body });
const statusOf = async (rigId: string, agentId: string): Promise<string> =>
  (await api(rigId).get(`/agents/${agentId}`)).data.status;
const seen = async (count: number, code: string): Promise<Need[]> => {
  let found: Need[] = [];
  await eventually(async () => {
    found = (await needs()).filter((need) => need.code === code);
    expect(found).toHaveLength(count);
  });
  return found;
};

const ALLOW_DENY = [
  { id: "y", label: "Allow once" },
  { id: "n", label: "Deny" },
];

test("permissions of several rigs are previewed, allowed in one request, and the same request again does nothing", async () => {
  const agents: [string, string][] = [];
  for (const [n, { id }] of rigs.entries()) {
    const agent = await atWork(id, `task ${n}`);
    await asks(id, agent, { command: `make ${n}`, options: ALLOW_DENY });
    agents.push([id, agent]);
  }
  const told = await seen(2, "permission");
  expect(told.map(({ can, text }) => [can, text])).toEqual([
    [["answer", "allow", "deny"], "make 0"],
    [["answer", "allow", "deny"], "make 1"],
  ]);
  const nobody = { rig_id: "rig-of-nobody", key: "permission:x", since: null };
  const items = [...told.map(itemOf), nobody, ...told.slice(0, 1).map(itemOf)];

  const preview = await act({ action: "allow", items, preview: true });
  expect(results(preview)).toEqual(["would", "would", "gone", "gone"]);
  expect(preview[0]).toMatchObject({ agents: [agents[0]?.[1]], sentence: expect.stringContaining("told: y") });
  for (const [rig, agent] of agents) expect(await statusOf(rig, agent)).toBe("blocked");

  expect(results(await act({ action: "allow", items }))).toEqual(["done", "done", "gone", "gone"]);
  for (const [rig, agent] of agents) expect(await statusOf(rig, agent)).toBe("working");
  expect(results(await act({ action: "allow", items }))).toEqual(["gone", "gone", "gone", "gone"]);
});

test("an answer to a question is none to the next one, and what cannot be done is said of each", async () => {
  const [{ id } = { id: "" }] = rigs;
  const agent = await atWork(id, "odd task");
  await asks(id, agent, { ask_id: "q1", kind: "question", text: "Red or blue?", options: [] });
  const [first] = await seen(1, "question");
  if (first === undefined) throw new Error("no question");
  expect(first.ask_id).toBe("q1");
  const old = { ...itemOf(first), ask_id: "q0" };
  const items = [itemOf(first)];
  expect(results(await act({ action: "answer", answer: "red", items: [old] }))).toEqual(["changed"]);
  expect(results(await act({ action: "answer", answer: "red", items: [{ ...old, since: null }] }))).toEqual([
    "changed",
  ]);
  expect(results(await act({ action: "retry", items }))).toEqual(["cannot"]);
  expect(await act({ action: "answer", option: "green", items })).toMatchObject([
    { result: "cannot", sentence: "it offers nothing to choose from" },
  ]);
  expect(await statusOf(id, agent)).toBe("blocked");
  expect(await act({ action: "answer", answer: "red", items })).toMatchObject([{ result: "done", agents: [agent] }]);
  expect(await statusOf(id, agent)).toBe("working");

  await asks(id, agent, { ask_id: "q2", kind: "question", text: "Large or small?", options: [] });
  expect(results(await act({ action: "answer", answer: "red", items }))).toEqual(["changed"]);
  expect(await statusOf(id, agent)).toBe("blocked");
});

test("what failed for one cause is tried again with all its beads", async () => {
  const [, { id } = { id: "" }] = rigs;
  const beads: string[] = [];
  for (const title of ["first", "second"]) {
    const { bead, agent } = (await api(id).post("/sling", { title })).data;
    await api(id).post(`/agents/${agent.id}/heartbeat`);
    await api(id).post(`/agents/${agent.id}/completed`, { status: "failed", reason: "exit code 1" });
    beads.push(bead.id);
  }
  const [need] = await seen(1, "failed");
  if (need === undefined) throw new Error("no failure");
  expect(need).toMatchObject({ count: 2, can: ["retry"] });
  const done = await act({ action: "retry", items: [itemOf(need)] });
  expect(done).toMatchObject([{ result: "done", beads: expect.arrayContaining(beads) }]);
  for (const bead of beads) expect((await api(id).get(`/beads/${bead}`)).data.status).not.toBe("failed");
  expect(results(await act({ action: "retry", items: [itemOf(need)] }))).toEqual(["gone"]);
});

test("a request that does not say what it means does nothing", async () => {
  const item = { rig_id: "r", key: "k", since: null };
  const ask = async (body: object) => (await call("POST", `${USER}/needs/act`, body)).status;
  expect(await ask({ action: "answer", items: [item] })).toBe(400);
  expect(await ask({ action: "answer", answer: "a", option: "b", items: [item] })).toBe(400);
  expect(await ask({ action: "allow", answer: "a", items: [item] })).toBe(400);
  expect(await ask({ action: "allow", items: [] })).toBe(400);
  expect(await ask({ action: "allow", items: Array.from({ length: DOOR.acts + 1 }, () => item) })).toBe(400);
  expect(await ask({ action: "allow", items: Array.from({ length: DOOR.acts }, () => item) })).toBe(200);
});

test("a report of all rigs adds up what each of them came to, and says of one that does not answer that it does not", async () => {
  const { total, rigs: each } = (await call("GET", `${USER}/report`)).data;
  expect(each.map(({ name, error }: { name: string; error: string | null }) => [name, error])).toEqual([
    ["one", null],
    ["two", null],
  ]);
  const sum = (of: (report: Report) => number) => of(each[0].report) + of(each[1].report);
  expect(total).toMatchObject({
    merged: 0,
    failed: sum(({ failed }) => failed.count),
    asked: sum(({ asked }) => asked.count),
    attempts: { started: sum(({ attempts }) => attempts.started), failed: 2 },
    slot_ms: sum(({ slot_ms }) => slot_ms),
  });
  expect(total.attempts.started).toBeGreaterThanOrEqual(5);
  expect(total.asked).toBe(4);
  const town = (await call("GET", `${USER}/towns`)).data[0];
  const ofTown = (await call("GET", `${USER}/towns/${town.id}/report`)).data;
  expect(ofTown.total.attempts).toEqual(total.attempts);
  expect((await call("GET", `${USER}/towns/nowhere/report`)).status).toBe(404);
  expect((await call("GET", `${USER}/report?from=2&to=1`)).status).toBe(400);

  // It was deleted behind its user's back.
  await env.RIG.get(env.RIG.idFromName(rigs[1]?.id ?? "")).destroy({
    kind: "operator",
    id: "op",
    dispatchId: null,
    scope: "admin",
  });
  const left = (await call("GET", `${USER}/report`)).data;
  expect(left.rigs[1]).toMatchObject({ name: "two", report: null, error: expect.stringContaining("deleted") });
  expect(left.total.attempts).toEqual(left.rigs[0].report.attempts);
});
