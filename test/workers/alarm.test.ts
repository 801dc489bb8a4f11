import { env } from "cloudflare:workers";
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api, call, eventually } from "./client.ts";

/** The issue's own list: what a rig must do, shown in workerd against real storage. */

interface Call {
  method: string;
  path: string;
  body: Record<string, unknown>;
}

const CADENCE_ACTIVE_MS = 30_000;
const CADENCE_IDLE_MS = 300_000;
const ARM_DELAY_MS = 5_000;
const MINUTE_MS = 60_000;

let n = 0;
/** Ahead of the real clock, which rings real alarms: so that only `ring` rings them here. */
const START = Date.now() + 400 * 86_400_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START + n * 86_400_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A configured rig in a town of its own. */
async function newRig(prefix = "town", gitUrl = "file:///nowhere") {
  const id = `${prefix}-${++n}`;
  const rigId = `rig-${id}`;
  const stub = () => env.RIG.get(env.RIG.idFromName(rigId));
  const town = env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName(id));
  const reply = await stub().execute(
    { type: "configure", rigId, townId: id, userId: "u", name: "rig", gitUrl, defaultBranch: "main" },
    { kind: "operator", id: "op", dispatchId: null, scope: "operate" },
  );
  expect(reply.ok).toBe(true);
  return {
    rigId,
    http: api(rigId),
    stub,
    town,
    calls: async (path?: RegExp) =>
      ((await (await town.fetch("http://container/_calls")).json()) as { calls: Call[] }).calls.filter(
        (each) => path === undefined || path.test(each.path),
      ),
    script: (script: unknown) =>
      town.fetch("http://container/_script", { method: "POST", body: JSON.stringify(script) }),
    exit: (agentId: string) =>
      town.fetch("http://container/_exit", { method: "POST", body: JSON.stringify({ agentId }) }),
    alarmIn: async (): Promise<number | null> => {
      const at = await runInDurableObject(stub() as never, async (_instance, state) => state.storage.getAlarm());
      return at === null ? null : at - Date.now();
    },
    /** The object dies where it stands: its memory and what it was waiting for are gone. */
    crash: () => runInDurableObject(stub() as never, (_instance, state) => state.abort("crash")).catch(() => {}),
    ring: () => runDurableObjectAlarm(stub() as never),
    /** Effects run behind the answer; this waits for them. */
    settled: () => eventually(async () => expect((await stub().health()).outbox).toBe(0)),
  };
}

const later = (ms: number) => vi.setSystemTime(Date.now() + ms);

describe("the alarm", () => {
  test("the alarm handler runs, and arms itself again", async () => {
    const rig = await newRig();
    expect(await rig.ring()).toBe(true);
    expect(await rig.alarmIn()).toBe(CADENCE_IDLE_MS);
  });

  test("idle agents with hooked beads are dispatched to the container", async () => {
    const rig = await newRig();
    await rig.http.post("/pause");
    const { data: agent } = await rig.http.post("/agents", { role: "polecat", name: "a", identity: "rig/a" });
    const { data: bead } = await rig.http.post("/beads", { type: "issue", title: "work" });
    expect((await rig.http.post(`/agents/${agent.id}/hook`, { bead_id: bead.id })).data).toEqual({ hooked: true });
    expect((await rig.http.get(`/agents/${agent.id}`)).data.status).toBe("idle");
    await rig.http.post("/resume");
    await rig.settled();
    const starts = await rig.calls(/^\/agents\/start$/);
    expect(starts.map(({ body }) => [body["agentId"], body["dispatchId"], body["branch"], body["gitUrl"]])).toEqual([
      [agent.id, `${agent.id}:1`, `ticktown/${bead.id}`, "file:///nowhere"],
    ]);
    expect((await rig.http.get(`/agents/${agent.id}`)).data).toMatchObject({
      status: "working",
      current_hook_bead_id: bead.id,
    });
    expect((await rig.http.get(`/beads/${bead.id}`)).data.status).toBe("in_progress");
  });

  test("process health is checked, and a dead agent is restarted from its checkpoint in the same TICK", async () => {
    const rig = await newRig();
    const { data } = await rig.http.post("/sling", { title: "work" });
    await rig.settled();
    await rig.http.post(`/agents/${data.agent.id}/heartbeat`, {});
    await rig.http.post(`/agents/${data.agent.id}/checkpoint`, { data: { step: 2 } });
    await rig.exit(data.agent.id);
    later(90_000);
    await rig.ring();
    await rig.settled();
    const starts = await rig.calls(/^\/agents\/start$/);
    expect(starts.map(({ body }) => [body["dispatchId"], body["checkpoint"]])).toEqual([
      [`${data.agent.id}:1`, undefined],
      [`${data.agent.id}:2`, { step: 2 }],
    ]);
    expect((await rig.http.get(`/agents/${data.agent.id}`)).data).toMatchObject({
      status: "working",
      dispatch_attempts: 1,
    });
  });

  test("GUPP violations are found: one mail per episode at 30 min without progress, and it really arrives", async () => {
    const rig = await newRig();
    const { data } = await rig.http.post("/sling", { title: "work" });
    await rig.settled();
    await rig.http.post(`/agents/${data.agent.id}/heartbeat`, {});
    // It looks all the while: time in which nobody looks counts against nobody.
    for (let n = 0; n < 30; n++) {
      later(MINUTE_MS - (n === 29 ? 1 : 0));
      await rig.ring();
    }
    await rig.settled();
    expect(await rig.calls(/message$/)).toHaveLength(0);
    later(1);
    for (let i = 0; i < 10; i++) {
      await rig.ring();
      later(1_000);
    }
    await rig.settled();
    const messages = await rig.calls(/message$/);
    expect(messages).toHaveLength(1);
    expect(messages[0]?.body["prompt"]).toContain("GUPP_CHECK");
    const mail = await rig.http.get(`/agents/${data.agent.id}/mail`);
    expect(mail.data.map((letter: { subject: string }) => letter.subject)).toEqual(["GUPP_CHECK"]);
  });

  test("the review queue triggers merges, one at a time, oldest first", async () => {
    const rig = await newRig();
    const slung = [];
    for (let i = 0; i < 3; i++) slung.push((await rig.http.post("/sling", { title: `work ${i}` })).data);
    await rig.settled();
    for (const { agent } of slung)
      expect((await rig.http.post(`/agents/${agent.id}/done`, { branch: `b-${agent.id}` })).data).toEqual({
        done: true,
      });
    await rig.settled();
    for (let merged = 0; merged < 3; merged++) {
      const merges = await rig.calls(/^\/git\/merge$/);
      expect(merges.map(({ body }) => body["beadId"])).toEqual(slung.slice(0, merged + 1).map(({ bead }) => bead.id));
      const { entryId, dispatchId } = (merges[merged] as Call).body as unknown as {
        entryId: string;
        dispatchId: string;
      };
      expect((await rig.http.get(`/beads/${slung[merged].bead.id}`)).data.status).toBe("in_review");
      await rig.http.post(`/review-queue/${entryId}/complete`, {
        status: "merged",
        message: "ok",
        commit_sha: "abc",
        dispatch_id: dispatchId,
      });
      await rig.settled();
      expect((await rig.http.get(`/beads/${slung[merged].bead.id}`)).data.status).toBe("closed");
    }
  });

  test("rings every 30 s while there is work, every 5 min when there is none", async () => {
    const rig = await newRig();
    await rig.ring();
    expect(await rig.alarmIn()).toBe(CADENCE_IDLE_MS);
    const { data } = await rig.http.post("/sling", { title: "work" });
    await rig.settled();
    await rig.http.post(`/agents/${data.agent.id}/heartbeat`, {});
    await rig.ring();
    expect(await rig.alarmIn()).toBe(CADENCE_ACTIVE_MS);
    await rig.http.post(`/beads/${data.bead.id}/cancel`);
    await rig.settled();
    await rig.ring();
    expect(await rig.alarmIn()).toBe(CADENCE_IDLE_MS);
  });

  test("is armed by a hook, a done, an exit report and a health check, and never pushed back", async () => {
    const rig = await newRig();
    const armedBy = async (act: () => Promise<unknown>) => {
      await rig.ring();
      expect(await rig.alarmIn()).toBeGreaterThan(ARM_DELAY_MS);
      await act();
      expect(await rig.alarmIn()).toBeLessThanOrEqual(ARM_DELAY_MS);
    };
    const { data: agent } = await rig.http.post("/agents", { role: "refinery", name: "a", identity: "rig/a" });
    const { data: bead } = await rig.http.post("/beads", { type: "message", title: "work" });
    await armedBy(() => rig.http.post(`/agents/${agent.id}/hook`, { bead_id: bead.id }));
    const first = await rig.http.post("/sling", { title: "one" });
    const second = await rig.http.post("/sling", { title: "two" });
    await rig.settled();
    await armedBy(() => rig.http.post(`/agents/${first.data.agent.id}/done`, { branch: "b" }));
    await rig.settled();
    await armedBy(() =>
      rig.http.post(`/agents/${second.data.agent.id}/completed`, { status: "failed", reason: "exit 1" }),
    );
    await rig.settled();
    await armedBy(() => rig.http.get("/health"));
    const armed = (await rig.alarmIn()) ?? 0;
    later(1_000);
    await rig.http.get("/health");
    expect(await rig.alarmIn()).toBe(armed - 1_000);
  });
});

describe("with the real control server and a real process", () => {
  test("a bead is created, the alarm fires, the container starts an agent", async () => {
    const repository = (await (
      await env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName("real-0")).fetch("http://container/_repository")
    ).json()) as { url: string };
    const rig = await newRig("real", repository.url);
    await rig.http.post("/pause");
    const { data: agent } = await rig.http.post("/agents", { role: "polecat", name: "a", identity: "rig/a" });
    const { data: bead } = await rig.http.post("/beads", { type: "issue", title: "work" });
    await rig.http.post(`/agents/${agent.id}/hook`, { bead_id: bead.id });
    await rig.http.post("/resume");
    await rig.ring();
    await rig.settled();
    expect((await rig.http.get(`/agents/${agent.id}`)).data.status).toBe("working");
    const status = (await (await rig.town.fetch(`http://container/agents/${agent.id}/status`)).json()) as {
      status: string;
      dispatchId: string;
    };
    expect(status).toMatchObject({ status: "running", dispatchId: `${agent.id}:1` });
    await eventually(async () => {
      const { events } = (await (await rig.town.fetch(`http://container/agents/${agent.id}/events`)).json()) as {
        events: { data: { line?: string } }[];
      };
      expect(events.map(({ data }) => data.line)).toContain(`started ${agent.id}`);
    });
    await rig.ring();
    expect((await rig.http.get(`/agents/${agent.id}`)).data.status).toBe("working");
    await rig.http.post(`/beads/${bead.id}/cancel`);
    await rig.settled();
    await eventually(async () =>
      expect(
        ((await (await rig.town.fetch(`http://container/agents/${agent.id}/status`)).json()) as { status: string })
          .status,
      ).toMatch(/failed|exited/),
    );
  });
});

describe("a crash between commit and settle", () => {
  test("before the effect ran: it runs after the restart, once", async () => {
    const rig = await newRig();
    await rig.script({ "POST /agents/start": "hang" });
    const { data } = await rig.http.post("/sling", { title: "work" });
    await eventually(async () => expect(await rig.calls(/start$/)).toHaveLength(1));
    await rig.crash();
    await rig.script({ "POST /agents/start": { status: 0 } });
    later(1_000);
    await rig.http.get("/health");
    await rig.ring();
    await rig.settled();
    const starts = await rig.calls(/start$/);
    // At least once, under one unchanging dispatch id: the container starts one process for it.
    expect(new Set(starts.map(({ body }) => body["dispatchId"]))).toEqual(new Set([`${data.agent.id}:1`]));
    expect((await rig.http.get(`/agents/${data.agent.id}`)).data.status).toBe("working");
  });

  test("after the settle: nothing is started again", async () => {
    const rig = await newRig();
    const { data } = await rig.http.post("/sling", { title: "work" });
    await rig.settled();
    await rig.crash();
    await rig.ring();
    await rig.ring();
    expect(await rig.calls(/start$/)).toHaveLength(1);
    expect((await rig.http.get(`/agents/${data.agent.id}`)).data.status).toBe("working");
    expect((await rig.http.post("/replay")).data.divergence).toBe(null);
  });
});

describe("bad input gets a clear error and loses nothing", () => {
  test("unknown ids are 404, refusals of the chart 409 with the state and what is allowed, bad bodies 400, large ones 413", async () => {
    const rig = await newRig();
    const { data } = await rig.http.post("/sling", { title: "work" });
    await rig.settled();
    const before = (await rig.stub().journal(0, 1_000)).length;
    expect((await rig.http.get("/beads/nope")).status).toBe(404);
    expect((await rig.http.post("/agents/nope/done", { branch: "b" })).status).toBe(404);
    const refused = await rig.http.post(`/agents/${data.agent.id}/unblock`, { answer: "yes" });
    expect(refused.status).toBe(409);
    expect(refused.body).toMatchObject({
      success: false,
      state: expect.stringContaining("working"),
      allowed: expect.arrayContaining(["agent.done"]),
    });
    const invalid = await rig.http.post("/beads", { type: "song", title: "" });
    expect(invalid.status).toBe(400);
    expect(invalid.body["issues"]).toHaveLength(2);
    expect((await rig.http.post("/beads", "{not json")).status).toBe(400);
    expect((await rig.http.post("/beads", { type: "issue", title: "x", body: "y".repeat(1_100_000) })).status).toBe(
      413,
    );
    expect((await rig.http.post(`/agents/${data.agent.id}/checkpoint`, { data: "z".repeat(300_000) })).status).toBe(
      413,
    );
    expect((await rig.http.get("/beads?limit=-1")).error).toContain("limit and offset must be non-negative integers");
    expect(await call("GET", "/api/nothing")).toMatchObject({ status: 404, error: "Not found" });
    expect((await rig.stub().journal(0, 1_000)).length).toBe(before);
  });
});
