import { env } from "cloudflare:workers";
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api, eventually } from "./client.ts";

/** What things cost in rows, counted by workerd's own meter: the numbers that the bill is made of. Nothing is timed. */

let n = 0;
/** Ahead of the real clock, which rings real alarms. */
const START = Date.now() + 800 * 86_400_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START + n * 86_400_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Rows {
  written: number;
  /** Alarms set: each is billed as a row written. */
  alarms: number;
}

type Stub = ReturnType<typeof env.RIG.get>;

/** Counts what this file's objects write while something happens. */
async function counted(stub: Stub, settled: () => Promise<void>, what: () => Promise<unknown>): Promise<Rows> {
  const cursors: { rowsWritten: number }[] = [];
  let alarms = 0;
  const undo = await runInDurableObject(stub as never, (_instance, state) => {
    const sql = Object.getPrototypeOf(state.storage.sql) as { exec: (...args: unknown[]) => { rowsWritten: number } };
    const storage = Object.getPrototypeOf(state.storage) as { setAlarm: (...args: unknown[]) => unknown };
    const { exec } = sql;
    const { setAlarm } = storage;
    sql.exec = function (...args) {
      const cursor = exec.apply(this, args);
      cursors.push(cursor);
      return cursor;
    };
    storage.setAlarm = function (...args) {
      alarms++;
      return setAlarm.apply(this, args);
    };
    return () => {
      sql.exec = exec;
      storage.setAlarm = setAlarm;
    };
  });
  await what();
  await settled();
  undo();
  return { written: cursors.reduce((sum, cursor) => sum + cursor.rowsWritten, 0), alarms };
}

async function newRig() {
  const id = `cost-${++n}`;
  const rigId = `rig-${id}`;
  const stub = env.RIG.get(env.RIG.idFromName(rigId));
  const reply = await stub.execute(
    {
      type: "configure",
      rigId,
      townId: id,
      userId: "u",
      name: "rig",
      gitUrl: "file:///nowhere",
      defaultBranch: "main",
    },
    { kind: "operator", id: "op", dispatchId: null, scope: "operate" },
  );
  expect(reply.ok).toBe(true);
  const settled = async () => {
    for (let tries = 0; (await stub.pending()).length > 0; tries++) {
      if (tries === 200) throw new Error("the outbox does not settle");
      await scheduler.wait(10);
    }
    await scheduler.wait(10);
  };
  const town = env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName(id));
  const paths = async () =>
    ((await (await town.fetch("http://container/_calls")).json()) as { calls: { path: string }[] }).calls.map(
      ({ path }) => path,
    );
  const ring = () => runDurableObjectAlarm(stub as never);
  return {
    stub,
    http: api(rigId),
    settled,
    calls: async () => (await paths()).length,
    ring,
    /** The first TICK asks for more than any later one, and nobody waits for it. */
    ringFirst: async () => {
      await ring();
      await eventually(async () => expect(await paths()).toContain(`/rigs/${rigId}/tidy`));
    },
    cost: (what: () => Promise<unknown>) => counted(stub, settled, what),
  };
}

const later = (ms: number) => vi.setSystemTime(Date.now() + ms);

describe("rows written", () => {
  test("an idle tick writes one row, its alarm, and asks nobody", async () => {
    const rig = await newRig();
    await rig.http.post("/agents", { role: "polecat", name: "a", identity: "rig/a" });
    await rig.ringFirst();
    const before = await rig.calls();
    expect(await rig.cost(rig.ring)).toEqual({ written: 0, alarms: 1 });
    expect(await rig.calls()).toBe(before);
  });

  test("a tick of agents at work writes one row, its alarm, and asks the container once for all of them", async () => {
    const rig = await newRig();
    const agents = [];
    for (let i = 0; i < 5; i++)
      agents.push((await rig.http.post("/sling", { title: `work ${i}` })).data.agent.id as string);
    await rig.settled();
    for (const id of agents) await rig.http.post(`/agents/${id}/heartbeat`, {});
    await rig.ringFirst();
    const before = await rig.calls();
    expect(await rig.cost(rig.ring)).toEqual({ written: 0, alarms: 1 });
    expect(await rig.calls()).toBe(before);
    later(90_000);
    expect(await rig.cost(rig.ring)).toEqual({ written: 0, alarms: 1 });
    expect(await rig.calls()).toBe(before + 1);
  });

  test("a heartbeat that is no news writes nothing", async () => {
    const rig = await newRig();
    const { data } = await rig.http.post("/sling", { title: "work" });
    await rig.settled();
    await rig.http.post(`/agents/${data.agent.id}/heartbeat`, {});
    expect(await rig.cost(() => rig.http.post(`/agents/${data.agent.id}/heartbeat`, {}))).toEqual({
      written: 0,
      alarms: 0,
    });
  });

  test("an agent's event writes its row and index; every ten seconds also a fact and the agent's row", async () => {
    const rig = await newRig();
    const { data } = await rig.http.post("/sling", { title: "work" });
    await rig.settled();
    await rig.http.post(`/agents/${data.agent.id}/heartbeat`, {});
    const event = () =>
      rig.http.post("/agent-events", {
        agent_id: data.agent.id,
        event_type: "message.updated",
        data: { text: "hello" },
      });
    expect(await rig.cost(event)).toEqual({ written: 2, alarms: 0 });
    later(10_000);
    expect(await rig.cost(event)).toEqual({ written: 4, alarms: 0 });
  });

  test("a bead's whole life, from sling to merge, writes 42 rows", async () => {
    const rig = await newRig();
    const sling = async () =>
      (await rig.http.post("/sling", { title: "work", body: "Fix it." })).data as {
        agent: { id: string };
        bead: { id: string };
      };
    // The first life also makes the agent and wakes the rig up; every later one finds both.
    let slung = await sling();
    const live = async () => {
      await rig.settled();
      await rig.http.post(`/agents/${slung.agent.id}/heartbeat`, {});
      await rig.http.post(`/agents/${slung.agent.id}/done`, { branch: `ticktown/${slung.bead.id}` });
      await rig.settled();
      const review = (await rig.stub.journal(0, 1_000))
        .map(({ fact }) => fact)
        .findLast((fact) => fact.type === "review.opened");
      const id = review?.type === "review.opened" ? review.reviewId : "";
      expect(
        (
          await rig.http.post(`/review-queue/${id}/complete`, {
            entry_id: id,
            status: "merged",
            message: "",
            commit_sha: "0".repeat(40),
          })
        ).status,
      ).toBe(200);
      expect((await rig.http.get(`/beads/${slung.bead.id}`)).data.status).toBe("closed");
    };
    await live();
    const rows = await rig.cost(async () => {
      slung = await sling();
      await live();
    });
    expect(rows).toEqual({ written: 42, alarms: 0 });
  });
});
