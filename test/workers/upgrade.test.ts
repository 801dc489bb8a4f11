import { env } from "cloudflare:workers";
import { createScheduledController, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import worker from "../../src/worker.ts";
import { NEWEST_RULES } from "../../src/events/rules.ts";
import { OPERATOR, api, call, send } from "./client.ts";

/** Two rigs in one town; the first is then as a newer Ticktown would have left it. */
async function newerAndOther() {
  const town = (await call("POST", "/api/users/newer/towns", { name: "home" })).data;
  const make = async (name: string) =>
    (await call("POST", "/api/users/newer/rigs", { town_id: town.id, name, git_url: "https://example.org/r.git" }))
      .data;
  const [newer, other] = [await make("newer"), await make("other")];
  const stub = () => env.RIG.get(env.RIG.idFromName(newer.id));
  const change = (rules: number) =>
    runInDurableObject(stub() as never, (_instance, state) => {
      state.storage.sql.exec("UPDATE actors SET context = json_set(context, '$.rules', ?) WHERE kind = 'rig'", rules);
    });
  const restart = () =>
    runInDurableObject(stub() as never, (_instance, state) => state.abort("restart")).catch(() => {});
  const rows = () =>
    runInDurableObject(stub() as never, (_instance, state) =>
      ["journal", "actors", "outbox", "secrets", "idempotency"].map((name) =>
        state.storage.sql.exec(`SELECT * FROM ${name}`).toArray(),
      ),
    );
  return { town, newer, other, stub, change, restart, rows };
}

test("a rig that a newer Ticktown wrote answers every call with one sentence and is left as it is; the others go on", async () => {
  const { town, newer, other, stub, change, restart, rows } = await newerAndOther();
  await change(NEWEST_RULES + 1);
  const before = await rows();
  await restart();
  const http = api(newer.id);
  for (const answer of [
    await http.get("/beads"),
    await http.get("/health"),
    await http.get("/export"),
    await http.get("/feed"),
    await http.post("/sling", { title: "work" }),
    await http.post("/sling", { title: "work" }, { "idempotency-key": "once" }),
    await http.post("/tick"),
    await http.put("/secrets", { A: "b" }),
    await http.post("/agents/a/heartbeat"),
    await call("DELETE", `/api/users/newer/rigs/${newer.id}`),
  ]) {
    expect(answer.status).toBe(503);
    expect(answer.error).toMatch(
      /^this rig was written by a newer Ticktown and is left alone: the journal follows rules/,
    );
    expect(answer.body["code"]).toBe("rig_newer");
  }
  const socket = await send(
    new Request(`http://localhost/api/rigs/${newer.id}/feed`, { headers: { ...OPERATOR, upgrade: "websocket" } }),
  );
  expect(socket.status).toBe(503);
  await runDurableObjectAlarm(stub() as never);
  expect(await rows()).toEqual(before);

  expect((await api(other.id).post("/beads", { type: "message", title: "goes on" })).status).toBe(201);
  const events = await call("GET", `/api/users/newer/towns/${town.id}/events`);
  expect(events.status).toBe(200);
  expect(events.data.length).toBeGreaterThan(0);
  expect((await call("GET", `/api/users/newer/towns/${town.id}/rigs`)).data).toHaveLength(2);
  await worker.scheduled(createScheduledController() as never, env as never);

  await change(NEWEST_RULES);
  await restart();
  expect((await http.get("/beads")).status).toBe(200);
});
