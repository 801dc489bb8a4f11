import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { MergeRequest, StartAgentRequest } from "../../src/wire/container.ts";
import { api, call, eventually } from "./client.ts";

async function newTown() {
  const town = (await call("POST", "/api/users/u1/towns", { name: "town" })).data;
  const about = { town_id: town.id, name: "rig", git_url: "https://example.org/repo.git" };
  const rig = (await call("POST", "/api/users/u1/rigs", about)).data;
  const container = env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName(town.id));
  return {
    http: api(rig.id),
    calls: async () =>
      (await (await container.fetch("http://container/_calls")).json()) as { calls: { path: string; body: unknown }[] },
  };
}

test("settings of clones are in every order, and with leftovers_remote a key of the rig's own that no agent is given", async () => {
  const { http, calls } = await newTown();
  const orders = async (path: string) => (await calls()).calls.filter((call) => call.path === path);
  await http.put("/settings", { clone: "shallow:5", push_timeout_ms: 9_000, leftovers_remote: true });
  const { data } = await http.post("/sling", { title: "work" });
  await eventually(async () => expect(await orders("/agents/start")).toHaveLength(1));
  const start = StartAgentRequest.parse((await orders("/agents/start"))[0]?.body);
  expect(start.place).toMatchObject({ clone: "shallow:5", push_timeout_ms: 9_000, fetch_timeout_ms: 120_000 });
  expect(start.sealKey).toMatch(/^[0-9a-f]{64}$/);
  expect(JSON.stringify(start.envVars)).not.toContain(start.sealKey);
  await http.post(`/agents/${data.agent.id}/done`, { branch: "b" });
  await eventually(async () => expect(await orders("/git/merge")).toHaveLength(1));
  const merge = (await orders("/git/merge"))[0]?.body;
  expect(MergeRequest.parse(merge).place).toMatchObject({ clone: "shallow:5", push_timeout_ms: 9_000 });
  expect(JSON.stringify(merge)).not.toContain(start.sealKey);
  // The same one for whoever comes next.
  const second = (await http.post("/sling", { title: "more" })).data;
  await eventually(async () => expect((await orders("/agents/start")).length).toBeGreaterThan(1));
  const next = (await orders("/agents/start")).map(({ body }) => StartAgentRequest.parse(body));
  expect(next.find(({ agentId }) => agentId === second.agent.id)?.sealKey).toBe(start.sealKey);
  expect(JSON.stringify((await http.get("/export")).body)).not.toContain(start.sealKey);
});

test("a remote that is away says nothing of the work: its merge is asked for again, and no attempt is charged", async () => {
  const { http, calls } = await newTown();
  await http.put("/settings", { backoff_base_ms: 0, backoff_max_ms: 0, arm_delay_ms: 0 });
  const { data } = await http.post("/sling", { title: "work" });
  await http.post(`/agents/${data.agent.id}/done`, { branch: "b" });
  const merges = async () =>
    (await calls()).calls.filter(({ path }) => path === "/git/merge").map(({ body }) => MergeRequest.parse(body));
  for (let n = 1; n <= 6; n++) {
    await eventually(async () => expect((await merges()).at(-1)?.dispatchId).toMatch(new RegExp(`:${n}$`)));
    const { entryId, dispatchId } = (await merges()).at(-1) as MergeRequest;
    const verdict = { status: "failed", reason: "remote_unreachable", message: "no answer", dispatch_id: dispatchId };
    expect((await http.post(`/review-queue/${entryId}/complete`, verdict)).status).toBe(200);
    await http.post("/tick", {});
  }
  expect((await http.get(`/beads/${data.bead.id}`)).data.status).toBe("in_review");
});

test("how each dispatch of a bead ended, and what it printed last, can be asked for, also after a restart of its agent", async () => {
  const { http: rig } = await newTown();
  const { data } = await rig.post("/sling", { title: "work" });
  const [beadId, agentId]: [string, string] = [data.bead.id, data.agent.id];
  const dispatch_id = `${agentId}:1`;
  await eventually(async () =>
    expect((await rig.get(`/events?bead_id=${beadId}`)).data.map((event: any) => event.event_type)).toContain(
      "agent_spawned",
    ),
  );
  const ended = {
    status: "failed",
    reason: "exit 1",
    dispatch_id,
    bead_id: beadId,
    tail: "Error: no such file\n    at line 3",
  };
  expect((await rig.post(`/agents/${agentId}/completed`, ended)).status).toBe(200);
  expect((await rig.get(`/beads/${beadId}/attempts`)).data).toMatchObject([
    { dispatch_id, agent_id: agentId, status: "failed", reason: "exit 1", tail: ended.tail },
  ]);
  expect((await rig.get("/beads/none/attempts")).status).toBe(404);
  expect((await rig.post(`/agents/${agentId}/completed`, { ...ended, tail: "x".repeat(16_385) })).status).toBe(400);
});
