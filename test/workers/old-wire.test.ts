import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { api, call, eventually } from "./client.ts";

/** A container that speaks only the wire of Gas Town's own: it works, and nobody has looked at what it hands in. */

interface Call {
  path: string;
  body: Record<string, unknown> & { envVars: Record<string, string> };
}

/** A rig in a town whose container is of the kind that its name says. */
async function newRig(townId: string) {
  const rigId = `rig-of-${townId}`;
  const stub = env.RIG.get(env.RIG.idFromName(rigId));
  const town = env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName(townId));
  const configured = await stub.execute(
    { type: "configure", rigId, townId, userId: "u", name: "rig", gitUrl: "file:///nowhere", defaultBranch: "main" },
    { kind: "operator", id: "op", dispatchId: null, scope: "operate" },
  );
  expect(configured.ok).toBe(true);
  return {
    rigId,
    stub,
    http: api(rigId),
    calls: async (path: string) =>
      ((await (await town.fetch("http://container/_calls")).json()) as { calls: Call[] }).calls.filter(
        (each) => each.path === path,
      ),
    script: (script: unknown) =>
      town.fetch("http://container/_script", { method: "POST", body: JSON.stringify(script) }),
    facts: async (type: string) =>
      (await stub.journal(0, 1_000)).map(({ fact }) => fact).filter((fact) => fact.type === type),
  };
}

test("sling, done and merge by branch work with a container that knows none of Ticktown's routes; the hand-in is unseen, in the journal, in why and in the timeline", async () => {
  const rig = await newRig("old-1");
  const { bead, agent } = (await rig.http.post("/sling", { title: "work" })).data;
  await eventually(async () => expect(await rig.calls("/agents/start")).toHaveLength(1));
  await eventually(async () => expect((await rig.http.get(`/agents/${agent.id}`)).data.status).toBe("working"));
  // It is known for what it is, and no token names what it would keep for the next dispatch.
  expect(await rig.facts("container.met")).toMatchObject([{ inspects: false, dispatchIds: false }]);
  expect((await rig.http.get("/health")).data.fence).toBe("agent");
  const token = (await rig.calls("/agents/start"))[0]?.body.envVars["GASTOWN_SESSION_TOKEN"] ?? "";
  expect(JSON.parse(atob(token.split(".")[1] ?? ""))).not.toHaveProperty("dispatchId");
  // The patrol asks one by one, and finds it alive although it names no dispatch.
  expect((await rig.http.post("/tick")).data.error).toBeNull();
  expect((await rig.http.get(`/agents/${agent.id}`)).data.status).toBe("working");

  const branch = (await rig.calls("/agents/start"))[0]?.body["branch"];
  const done = await rig.http.post(`/agents/${agent.id}/done`, { branch, wait_ms: 1_000 });
  expect(done.data).toMatchObject({ done: true, hand_in: { code: "unseen" } });
  expect((await rig.http.get(`/agents/${agent.id}`)).data).toMatchObject({
    status: "idle",
    current_hook_bead_id: null,
  });
  expect(await rig.facts("agent.done")).toMatchObject([{ beadId: bead.id, unseen: true }]);
  expect((await rig.http.get(`/beads/${bead.id}/why`)).data).toMatchObject({
    reason: "waiting_for_merge",
    sentence: expect.stringContaining("Nobody has looked at what was handed in."),
    values: { looked_at: false },
  });
  const events = (await rig.http.get(`/events?bead_id=${bead.id}`)).data as { event_type: string; metadata: object }[];
  expect(events.find(({ event_type }) => event_type === "review_submitted")?.metadata).toMatchObject({
    hand_in: "unseen",
  });

  await eventually(async () => expect(await rig.calls("/git/merge")).toHaveLength(1));
  const [merge] = await rig.calls("/git/merge");
  expect(merge?.body).toMatchObject({ branch, targetBranch: "main", beadId: bead.id });
  // It knows no claim: who it is stands in the token that came with the order.
  const verdict = await call(
    "POST",
    `/api/rigs/${rig.rigId}/review-queue/${String(merge?.body["entryId"])}/complete`,
    { status: "merged", message: "merged", commit_sha: "abc" },
    { authorization: `Bearer ${merge?.body.envVars["GASTOWN_SESSION_TOKEN"]}` },
  );
  expect(verdict.status).toBe(200);
  expect((await rig.http.get(`/beads/${bead.id}`)).data.status).toBe("closed");
  expect((await rig.http.post("/replay")).data.divergence).toBeNull();
  // What it cannot do is said as that.
  expect(await rig.http.post(`/agents/${agent.id}/sync`)).toMatchObject({
    status: 409,
    error: expect.stringContaining("keeps no store"),
  });
});

test("a container that once said that it looks, and then answers 404, is not known to be anything: asked again, never unseen", async () => {
  const rig = await newRig("town-that-forgets");
  await rig.script({
    "GET /capabilities": { status: 200, body: { inspect: true, ephemeral: false } },
    "POST /agents/[^/]+/inspect": { status: 404, body: { error: "Not found" } },
  });
  const { bead, agent } = (await rig.http.post("/sling", { title: "work" })).data;
  await eventually(async () => expect(await rig.facts("container.met")).toMatchObject([{ inspects: true }]));
  await eventually(async () => expect((await rig.http.get(`/agents/${agent.id}`)).data.status).toBe("working"));
  await rig.script({ "GET /capabilities": { status: 404 } });
  const done = await rig.http.post(`/agents/${agent.id}/done`, { branch: `ticktown/${bead.id}`, wait_ms: 10_000 });
  expect(done.data.hand_in).toMatchObject({ code: "unanswered" });
  expect(await rig.facts("hand_in.unseen")).toEqual([]);
  expect(await rig.facts("agent.done")).toEqual([]);
  expect((await rig.http.get(`/beads/${bead.id}`)).data.status).toBe("in_progress");
  expect((await rig.http.get(`/beads/${bead.id}/why`)).data.reason).toBe("waiting_for_inspection");
  await rig.script({
    "POST /agents/[^/]+/inspect": {
      status: 200,
      body: {
        result: "accepted",
        branch: `ticktown/${bead.id}`,
        commit: "c".repeat(40),
        base: null,
        ahead: 1,
        files: 1,
        deletions: 0,
      },
    },
  });
  await eventually(async () => {
    await rig.http.post("/tick");
    expect((await rig.http.get(`/beads/${bead.id}`)).data.status).toBe("in_review");
  });
});
