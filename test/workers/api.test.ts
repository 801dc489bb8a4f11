import { env, exports } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { openApi } from "../../src/api/openapi.ts";
import type { Route } from "../../src/api/route.ts";
import { ROUTES } from "../../src/api/routes/index.ts";
import { replayFile } from "../../src/core/journal-file.ts";
import { STREAM_HEADER } from "../../src/do/streams.ts";
import { DOOR, LIMITS } from "../../src/events/limits.ts";
import { api, call, OPERATOR } from "./client.ts";

test("the feed resumes from a seq without gap or double", async () => {
  const rig = api("rig-feed");
  for (let i = 0; i < 5; i++) await rig.post("/beads", { type: "issue", title: `bead ${i}` });
  const response = await exports.default.fetch(
    new Request("http://localhost/api/rigs/rig-feed/feed?after=2", {
      // What a client says in the name of the Worker is not believed.
      headers: { ...OPERATOR, upgrade: "websocket", [STREAM_HEADER]: "inspect" },
    }),
  );
  const socket = response.webSocket;
  if (!socket) throw new Error("no socket");
  const seen: number[] = [];
  socket.addEventListener("message", (event) =>
    seen.push((JSON.parse(String(event.data)) as { fact: { seq: number } }).fact.seq),
  );
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

test("an answer outside of rigs that is too long to be kept is not made a second time", async () => {
  const stub = env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName("wordy"));
  const say = async (chars: number) => {
    const script = { "POST /agents/a/message": { status: 200, body: { sent: true, said: "x".repeat(chars) } } };
    await stub.fetch("http://container/_script", { method: "POST", body: JSON.stringify(script) });
    const send = () =>
      call("POST", "/api/towns/wordy/container/agents/a/message", { prompt: "p" }, { "idempotency-key": `${chars}` });
    return [await send(), await send()].map(({ status }) => status);
  };
  const envelope = JSON.stringify({ success: true, data: { sent: true, said: "" } }).length;
  expect(await say(DOOR.answer_bytes - envelope)).toEqual([200, 200]);
  expect(await say(DOOR.answer_bytes - envelope + 1)).toEqual([200, 409]);
  const { calls } = (await (await stub.fetch("http://container/_calls")).json()) as { calls: unknown[] };
  expect(calls).toHaveLength(2);
});

test("the feed is also a stream of server-sent events that resumes by the last event id", async () => {
  const rig = api("rig-sse");
  for (let i = 0; i < 3; i++) await rig.post("/beads", { type: "issue", title: `bead ${i}` });
  const response = await exports.default.fetch(
    new Request("http://localhost/api/rigs/rig-sse/feed", {
      headers: { ...OPERATOR, accept: "text/event-stream", "last-event-id": "1" },
    }),
  );
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
  const file = String((await rig.get("/export")).body["text"])
    .trimEnd()
    .split("\n");
  const journal = String((await rig.get("/journal")).body["text"])
    .trimEnd()
    .split("\n");
  const replayed = await replayFile(file);
  expect(replayed).toMatchObject({ facts: journal.length, divergence: null });
  expect(file.filter((line) => line.startsWith('{"actor"'))).toHaveLength(60);
});

test("an agent's status is one line of bounded length, and is a field of the agent from then on", async () => {
  const rig = api("rig-status");
  const { data } = await rig.post("/sling", { title: "one" });
  const path = `/agents/${data.agent.id}`;
  expect((await rig.get(path)).data.status_line).toBe(undefined);
  const longest = "x".repeat(LIMITS.status_chars);
  for (const status of ["reading the tests", longest]) {
    expect(await rig.post(`${path}/status`, { status })).toMatchObject({ status: 200, data: { said: true } });
    expect((await rig.get(path)).data.status_line).toBe(status);
  }
  for (const status of [`${longest}x`, "", "   ", "two\nlines", "two\u2028lines", "\u0000", 7, undefined])
    expect((await rig.post(`${path}/status`, { status })).status, JSON.stringify(status)).toBe(400);
  expect((await rig.get(path)).data.status_line).toBe(longest);
  expect((await rig.post("/agents/ghost/status", { status: "here" })).status).toBe(404);
});

describe("the document", () => {
  test("/openapi.json describes every route, and /docs shows it", async () => {
    const document = (await call("GET", "/openapi.json")).body as {
      openapi: string;
      paths: Record<string, Record<string, unknown>>;
    };
    expect(document.openapi).toBe("3.1.0");
    const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ":$1")}`),
    );
    expect(listed.sort()).toEqual(ROUTES.map((entry) => `${entry.method} ${entry.path}`).sort());
    expect(document).toEqual(JSON.parse(JSON.stringify(openApi(ROUTES))));
    const page = String((await call("GET", "/docs")).body["text"]);
    for (const entry of ROUTES) expect(page).toContain(entry.path);
    expect(page).not.toContain("<script");
  });
});

describe("what documented clients send", () => {
  test("unknown keys are ignored, optional ones may be missing or null", async () => {
    const http = api("rig-unknown-keys");
    const bead = await http.post("/beads", {
      type: "issue",
      title: "t",
      body: null,
      labels: ["a"],
      metadata: null,
      convoy_id: null,
      future_key: { nested: [1] },
    });
    expect(bead.data).toMatchObject({ priority: "medium", labels: ["a"], metadata: {}, molecule_id: null });
    expect((await http.post("/agents/nobody/heartbeat", "not json")).data).toEqual({ heartbeat: true });
    expect((await http.post("/agents/nobody/heartbeat")).data).toEqual({ heartbeat: true });
  });
});

test("an Idempotency-Key is offered by every POST but those that answer with a secret", () => {
  const route = (more: Partial<Route>): Route => ({
    method: "POST",
    path: "/x",
    summary: "",
    tag: "t",
    access: ["operator"],
    handle: async () => null,
    ...more,
  });
  const offers = (entry: Route): boolean => JSON.stringify(openApi([entry])).includes("Idempotency-Key");
  expect(offers(route({}))).toBe(true);
  expect(offers(route({ answersSecret: true }))).toBe(false);
  expect(offers(route({ method: "PUT" }))).toBe(false);
});

test("every POST has its answer kept under an Idempotency-Key, or says where else it is, or that none is needed", () => {
  const posts = ROUTES.filter(({ method }) => method === "POST");
  expect(posts.length).toBeGreaterThan(40);
  const isRigs = ({ handle }: Route): boolean => /\bexecute\b|\bkey\b/.test(String(handle));
  const unsaid = posts.filter((entry) => entry.once === undefined && entry.answersSecret !== true && !isRigs(entry));
  expect(unsaid.map(({ path }) => path)).toEqual([]);
  const isOne = ({ handle }: Route): boolean => /\bexecute\b/.test(String(handle));
  const idle = ROUTES.filter((entry) => entry.once !== undefined && (entry.method === "GET" || isOne(entry)));
  expect(idle.map(({ path }) => path)).toEqual([]);
});
