import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { api } from "./client.ts";

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
