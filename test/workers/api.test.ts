import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { replayFile } from "../../src/do/replay.ts";
import { api, call } from "./client.ts";

test("the feed resumes from a seq without gap or double", async () => {
  const rig = api("rig-feed");
  for (let i = 0; i < 5; i++) await rig.post("/beads", { type: "issue", title: `bead ${i}` });
  const response = await exports.default.fetch(new Request("http://localhost/api/rigs/rig-feed/feed?after=2", { headers: { upgrade: "websocket" } }));
  const socket = response.webSocket;
  if (!socket) throw new Error("no socket");
  const seen: number[] = [];
  socket.addEventListener("message", (event) => seen.push((JSON.parse(String(event.data)) as { fact: { seq: number } }).fact.seq));
  socket.accept();
  for (let i = 0; i < 3; i++) await rig.post("/beads", { type: "issue", title: `later ${i}` });
  await expect.poll(() => seen.length).toBe(6);
  expect(seen).toEqual([3, 4, 5, 6, 7, 8]);
  socket.close();
});

test("the same Idempotency-Key answers as the first time and changes nothing", async () => {
  const rig = api("rig-idem");
  const first = await rig.post("/beads", { type: "issue", title: "one" }, { "idempotency-key": "k1" });
  const again = await rig.post("/beads", { type: "issue", title: "one" }, { "idempotency-key": "k1" });
  expect(again).toEqual(first);
  expect((await rig.get("/beads")).data).toHaveLength(1);
  expect((await rig.post("/beads", { type: "issue", title: "two" }, { "idempotency-key": "k1" })).status).toBe(422);
});

test("a replay of the journal finds no difference, and any past state can be shown", async () => {
  const rig = api("rig-replay");
  const { data } = await rig.post("/sling", { title: "one" });
  expect((await rig.post("/replay")).data).toMatchObject({ divergence: null });
  const past = await rig.get("/state?seq=1");
  expect(past.data.actors.map((actor: { kind: string }) => actor.kind)).toContain("bead");
  expect((await rig.get(`/agents/${data.agent.id}/why`)).data.reason).toBe("no_config");
});

test("an Idempotency-Key holds for what is not a rig's command as well: one town, one rig, one tick", async () => {
  const key = (name: string) => ({ "idempotency-key": name });
  const town = await call("POST", "/api/users/once/towns", { name: "town" }, key("t"));
  expect(await call("POST", "/api/users/once/towns", { name: "town" }, key("t"))).toEqual(town);
  expect((await call("GET", "/api/users/once/towns")).data).toHaveLength(1);
  const body = { town_id: town.data.id, name: "rig", git_url: "https://example.org/r.git" };
  const rig = await call("POST", "/api/users/once/rigs", body, key("r"));
  expect(await call("POST", "/api/users/once/rigs", body, key("r"))).toEqual(rig);
  expect((await call("GET", `/api/users/once/towns/${town.data.id}/rigs`)).data).toHaveLength(1);
  expect((await call("POST", "/api/users/once/rigs", { ...body, name: "other" }, key("r"))).status).toBe(422);
  // What failed may be tried again under its key.
  expect((await call("POST", "/api/users/once/rigs", { ...body, town_id: "town-none" }, key("x"))).status).toBe(404);
  expect((await call("POST", "/api/users/once/rigs", { ...body, town_id: "town-none" }, key("x"))).status).toBe(404);
  const tick = await call("POST", `/api/rigs/${rig.data.id}/tick`, {}, key("k"));
  expect(await call("POST", `/api/rigs/${rig.data.id}/tick`, {}, key("k"))).toEqual(tick);
  expect((await call("POST", "/api/operator-tokens", { name: "n" }, key("o"))).status).toBe(400);
});

test("the feed is also a stream of server-sent events that resumes by the last event id", async () => {
  const rig = api("rig-sse");
  for (let i = 0; i < 3; i++) await rig.post("/beads", { type: "issue", title: `bead ${i}` });
  const response = await exports.default.fetch(new Request("http://localhost/api/rigs/rig-sse/feed", { headers: { accept: "text/event-stream", "last-event-id": "1" } }));
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  await rig.post("/beads", { type: "issue", title: "later" });
  let text = "";
  while (!text.includes("id: 4")) text += new TextDecoder().decode((await reader.read()).value);
  expect(Array.from(text.matchAll(/^id: (\d+)$/gm), (match) => Number(match[1]))).toEqual([2, 3, 4]);
  expect(text).toContain("event: fact");
  await reader.cancel();
});

test("an export holds the whole journal and every actor, and replays", async () => {
  const rig = api("rig-export");
  for (let i = 0; i < 30; i++) await rig.post("/sling", { title: `bead ${i}` });
  const file = String((await rig.get("/export")).body["text"]).trimEnd().split("\n");
  const journal = String((await rig.get("/journal")).body["text"]).trimEnd().split("\n");
  const replayed = await replayFile(file);
  expect(replayed).toMatchObject({ facts: journal.length, divergence: null });
  expect(file.filter((line) => line.startsWith('{"actor"'))).toHaveLength(60);
});
