import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { sign } from "hono/jwt";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { DOOR, LIMITS } from "../../src/events/limits.ts";
import { api, call, OPERATOR, send } from "./client.ts";

/** Many requests, one after the other: a machine that does other things too takes its time. */
const SLOW_MS = 120_000;

const SECRET = "test-secret-test-secret-test-secret";
const URL_OF_RIG = "http://localhost/api/rigs/rig-door";

/** An agent's token. */
async function agentToken(claims: { agentId: string; rigId: string; dispatchId?: string }) {
  const now = Math.floor(Date.now() / 1_000);
  const token = await sign({ townId: "t", userId: "u", iat: now, exp: now + 3_600, ...claims }, SECRET, "HS256");
  return { authorization: `Bearer ${token}` };
}

const operator = async (name: string) => {
  const { data } = await call("POST", "/api/operator-tokens", { name }, OPERATOR);
  return { authorization: `Bearer ${data.token}` };
};

/** The clock stands where the test puts it. */
function clock(): { later: (ms: number) => void } {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  onTestFinished(() => void vi.useRealTimers());
  return { later: (ms) => vi.setSystemTime(Date.now() + ms) };
}

describe("F-701 what a page of another origin can send", () => {
  const evil = { origin: "http://localhost:9999", "sec-fetch-site": "same-site" };
  const post = (headers: Record<string, string>) =>
    send(new Request(`${URL_OF_RIG}/sling`, { method: "POST", headers, body: '{"title":"evil"}' }));

  test("is refused, whatever it says its body is, and with a good token too; nothing is slung", async () => {
    expect((await post({ ...evil, ...OPERATOR, "content-type": "text/plain" })).status).toBe(403);
    expect((await post({ ...evil, ...OPERATOR, "content-type": "application/json" })).status).toBe(403);
    expect((await post({ ...OPERATOR, "content-type": "text/plain" })).status).toBe(415);
    expect((await api("rig-door").get("/beads")).data).toEqual([]);
  });

  test("a body that does not say what it is must be none, whether its length is known or not", async () => {
    const beat = (chunks: string[], headers: Record<string, string> = {}, ends = true) => {
      const body = new ReadableStream({
        start(controller) {
          for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
          if (ends) controller.close();
        },
      });
      const method = "POST";
      return send(new Request(`${URL_OF_RIG}/tick`, { method, headers: { ...OPERATOR, ...headers }, body }));
    };
    expect((await beat([])).status).toBe(200);
    expect((await beat([""])).status).toBe(200);
    expect((await beat(["", "{}"])).status).toBe(415);
    expect((await beat([], { "content-type": "text/plain" })).status).toBe(415);
    expect((await beat([], evil)).status).toBe(403);
    // One that does not end is not waited for.
    expect((await beat([], {}, false)).status).toBe(415);
    expect((await beat(["{}"], { "content-type": "application/json" })).status).toBe(200);
  });

  test.each(["/feed", "/inspect"])("opens no socket to %s, with a good token too", async (path) => {
    const upgrade = { ...OPERATOR, upgrade: "websocket" };
    expect((await send(new Request(`${URL_OF_RIG}${path}`, { headers: { ...upgrade, ...evil } }))).status).toBe(403);
    const own = await send(
      new Request(`${URL_OF_RIG}${path}`, { headers: { ...upgrade, origin: "http://localhost" } }),
    );
    expect(own.status).toBe(101);
    own.webSocket?.accept();
    own.webSocket?.close();
  });

  test("a receiver that takes an address alone sends the token in it, to a socket and to nothing else", async () => {
    const basic = (text: string) => ({ authorization: `Basic ${btoa(text)}` });
    const token = OPERATOR.authorization.slice("Bearer ".length);
    const open = async (headers: Record<string, string>) =>
      (await send(new Request(`${URL_OF_RIG}/inspect`, { headers: { upgrade: "websocket", ...headers } }))).status;
    expect(await open(basic(`token:${token}`))).toBe(101);
    for (const wrong of [
      basic(`token:${token}x`),
      basic(`else:${token}`),
      basic(token),
      { authorization: "Basic ===" },
    ])
      expect(await open(wrong)).toBe(401);
    expect(await open({ ...basic(`token:${token}`), ...evil })).toBe(403);
    expect((await api("rig-door", basic(`token:${token}`)).get("/beads")).status).toBe(401);
  });

  test("opens no socket to an agent's output", async () => {
    const url = "http://localhost/api/towns/t/container/agents/a/stream?ticket=x";
    expect((await send(new Request(url, { headers: { upgrade: "websocket", ...evil } }))).status).toBe(403);
  });
});

describe("F-705 an Idempotency-Key is each caller's own", () => {
  const key = { "idempotency-key": "the same" };
  const rig = (headers: Record<string, string>) => api("rig-keys", { ...headers, ...key });

  test("two operators, two agents, and two dispatches of one agent get answers of their own", async () => {
    const body = { type: "issue", title: "one" };
    const callers = [OPERATOR, await operator("ann"), await operator("ben")];
    const agents: string[] = [];
    for (const name of ["a1", "a2"])
      agents.push((await api("rig-keys").post("/agents", { role: "polecat", name, identity: name })).data.id);
    for (const agentId of agents)
      for (const n of [1, 2])
        callers.push(await agentToken({ agentId, rigId: "rig-keys", dispatchId: `${agentId}:${n}` }));
    const answers = await Promise.all(callers.map((one) => rig(one).post("/beads", body)));
    const ids = answers.map(({ data, status }) => `${status} ${data?.id}`);
    expect(new Set(ids).size).toBe(callers.length);
    const again = await Promise.all(callers.map((one) => rig(one).post("/beads", body)));
    expect(again.map(({ data, status }) => `${status} ${data?.id}`)).toEqual(ids);
    // A token that has ended is told nothing, not even what it was told before.
    await api("rig-keys").del(`/agents/${agents[0]}`);
    const [late] = callers.slice(-4);
    expect((await rig(late as Record<string, string>).post("/beads", body)).status).toBe(401);
  });

  test("also for towns, which no rig keeps", async () => {
    const make = (headers: Record<string, string>) =>
      call("POST", "/api/users/keys/towns", { name: "t" }, { ...headers, ...key });
    const ann = await operator("ann");
    const [first, second] = [await make(OPERATOR), await make(ann)];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.data.id).not.toBe(first.data.id);
    expect((await make(ann)).data.id).toBe(second.data.id);
  });
});

describe("F-706 bytes are counted beside requests", () => {
  const events = async (rigId: string) => {
    const rig = api(rigId);
    const { data } = await rig.post("/agents", { role: "polecat", name: "a", identity: "a" });
    const own = await agentToken({ agentId: data.id, rigId });
    const say = (chars: number) =>
      api(rigId, own).post("/agent-events", { agent_id: data.id, event_type: "said", data: "x".repeat(chars) });
    return { say, agentId: data.id as string, own };
  };

  test("an event of a megabyte is refused, one of 64 KiB is taken and not a byte more", async () => {
    const { say } = await events("rig-bytes-1");
    expect((await say(1_000_000)).status).toBe(413);
    expect((await say(LIMITS.agent_event_bytes - 1)).status).toBe(413);
    expect((await say(LIMITS.agent_event_bytes - 2)).status).toBe(201);
  });

  test(
    "a token that sends bodies of 500 KB at the full rate is told when to go on",
    async () => {
      const { later } = clock();
      const { own, agentId } = await events("rig-bytes-2");
      const save = () =>
        send(
          new Request(`http://localhost/api/rigs/rig-bytes-2/agents/${agentId}/checkpoint`, {
            method: "POST",
            headers: { ...own, "content-type": "application/json" },
            body: JSON.stringify({ data: "x".repeat(500_000) }),
          }),
        );
      const answers: Response[] = [];
      for (let i = 0; i < 20; i++) answers.push(await save());
      const limited = answers.filter(({ status }) => status === 429);
      expect(20 - limited.length).toBe(Math.floor(DOOR.bytes.agent.burst / 500_011));
      const wait_s = Number(limited[0]?.headers.get("retry-after"));
      expect(wait_s).toBeGreaterThanOrEqual(1);
      later(wait_s * 1_000);
      expect((await save()).status).not.toBe(429);
    },
    SLOW_MS,
  );

  test(
    "a rig has a budget of its own, whoever sends",
    async () => {
      clock();
      const body = { type: "issue", title: "large", body: "x".repeat(500_000) };
      const operators = await Promise.all(Array.from({ length: 2 }, (_, i) => operator(`loader ${i}`)));
      const statuses: number[] = [];
      // Each of the two has sent half of the rig's budget and a little more, and could go on elsewhere.
      for (let i = 0; i < 140; i++)
        statuses.push((await api("rig-bytes-3", operators[i % 2]).post("/beads", body)).status);
      const taken = statuses.filter((status) => status === 201).length;
      expect(taken).toBe(Math.floor(DOOR.bytes.rig.burst / JSON.stringify(body).length));
      expect(statuses.at(-1)).toBe(429);
      expect((await api("rig-bytes-4", operators[0]).post("/beads", body)).status).toBe(201);
    },
    SLOW_MS,
  );

  test(
    "the events kept of an agent have bytes as well as a number",
    async () => {
      const { agentId } = await events("rig-bytes-5");
      const rig = api("rig-bytes-5");
      for (let i = 0; i < 320; i++)
        await rig.post("/agent-events", { agent_id: agentId, event_type: "said", data: "x".repeat(60_000) });
      const stub = env.RIG.get(env.RIG.idFromName("rig-bytes-5")) as unknown as DurableObjectStub;
      const kept = await runInDurableObject(stub, (_, { storage: { sql } }) =>
        sql.exec<{ bytes: number }>("SELECT SUM(LENGTH(data)) AS bytes FROM agent_events").one(),
      );
      expect(kept.bytes).toBeGreaterThan(LIMITS.agent_events_kept_bytes - 100_000);
      expect(kept.bytes).toBeLessThan(LIMITS.agent_events_kept_bytes + 101 * 60_002);
    },
    SLOW_MS,
  );
});

describe("F-708 the stream of an agent's output", () => {
  const stream = (town: string, search: string) =>
    send(
      new Request(`http://localhost/api/towns/${town}/container/agents/x/stream${search}`, {
        headers: { "x-ticktown-caller": "somebody else" },
      }),
    );
  const callsOf = async (town: string) => {
    const stub = env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName(town));
    const { calls } = (await (await stub.fetch("http://container/_calls")).json()) as {
      calls: { path: string; caller?: string }[];
    };
    return calls.map(({ path, caller }) => (caller === undefined ? path : `${path} of ${caller}`));
  };

  test("of an invented town, without a ticket or with one of the container's own, is 401 before anything is woken", async () => {
    for (const search of ["", "?ticket=", "?ticket=t", `?ticket=${Date.now() + 9_000}.${"0".repeat(64)}.t`])
      expect([search, (await stream("invented", search)).status]).toEqual([search, 401]);
    expect(await callsOf("invented")).toEqual([]);
  });

  test("is opened by the ticket that was given for this town and agent, within a minute, and by no other", async () => {
    const { later } = clock();
    const stub = env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName("ticketed"));
    const script = { "POST /agents/x/stream-ticket": { status: 200, body: { ticket: "inner", expiresAt: "2030" } } };
    await stub.fetch("http://container/_script", { method: "POST", body: JSON.stringify(script) });
    const { data } = await call("POST", "/api/towns/ticketed/container/agents/x/stream-ticket");
    const search = `?ticket=${encodeURIComponent(data.ticket)}&after=7`;
    expect((await stream("another", search)).status).toBe(401);
    expect((await stream("ticketed", search.replace(".inner", ".other"))).status).toBe(401);
    later(DOOR.ticket_ms - 1);
    // The scripted container has no streams; what matters is that it was asked.
    expect((await stream("ticketed", search)).status).toBe(404);
    later(1);
    expect((await stream("ticketed", search)).status).toBe(401);
    expect(await callsOf("ticketed")).toEqual(["/agents/x/stream-ticket", "/agents/x/stream of operator:operator"]);
  });
});

describe("F-709 JSON that is nested too deep", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  const AGENT = { agent_id: "a" };
  const places: [string, string, (json: string) => string][] = [
    ["metadata", "/beads", (json) => `{"type":"issue","title":"t","metadata":{"a":${json}}}`],
    ["a checkpoint", "/agents/a/checkpoint", (json) => `{"data":${json}}`],
    ["an event", "/agent-events", (json) => `{"agent_id":"${AGENT.agent_id}","event_type":"x","data":${json}}`],
    ["a heartbeat", "/agents/a/heartbeat", (json) => `{"x":${json}}`],
    ["an unknown member", "/sling", (json) => `{"title":"t","x":${json}}`],
    ["a whole body", "/escalations", (json) => json],
  ];
  test.each(places)("is refused in %s, 65 deep, 3,000 deep and half a million deep", async (_, path, body) => {
    const status = async (depth: number) => (await api("rig-deep").post(path, body(nested(depth)))).status;
    for (const depth of [LIMITS.json_depth + 1, 3_000, 500_000]) expect(await status(depth)).toBe(400);
  });

  test("is taken up to 64", async () => {
    const body = (depth: number) => `{"type":"issue","title":"t","metadata":{"a":${nested(depth - 2)}}}`;
    const rig = api("rig-deep");
    expect((await rig.post("/beads", body(LIMITS.json_depth))).status).toBe(201);
    expect((await rig.post("/beads", body(LIMITS.json_depth + 1))).status).toBe(400);
  });
});

describe("zeroshot#621 a text that no program can be given", () => {
  test("is refused at the door, with its place; what a program reports is cleaned and taken", async () => {
    const rig = api("rig-text");
    for (const bad of ["\u0000", "a\u001b[2J", "\u007f", "\u0085", "\ud800"]) {
      const title = await rig.post("/sling", { title: `t${bad}` });
      expect([title.status, title.body["issues"]]).toEqual([400, [{ path: ["title"], message: expect.any(String) }]]);
      expect((await rig.post("/sling", { title: "t", body: bad })).status).toBe(400);
      expect((await rig.post("/sling", { title: "t", metadata: { [bad]: 1 } })).status).toBe(400);
      expect((await rig.get(`/beads?convoy_id=${encodeURIComponent("c\u0000")}`)).status).toBe(400);
    }
    expect((await rig.get("/beads")).data).toEqual([]);
    const { data } = await rig.post("/sling", { title: "t", body: "two\r\nlines" });
    expect(data.bead.body).toBe("two\nlines");
    const event = { agent_id: data.agent.id, event_type: "said", data: { line: "\u001b[1mbold\u0000" } };
    expect((await rig.post("/agent-events", event)).status).toBe(201);
    expect((await rig.get(`/agents/${data.agent.id}/events`)).data[0].data).toEqual({ line: "\ufffd[1mbold\ufffd" });
  });
});

test("a rig has so many boards and no more, by sockets and by event streams, and takes another when one goes", async () => {
  const stub = env.RIG.get(env.RIG.idFromName("rig-boards")) as unknown as DurableObjectStub;
  await runInDurableObject(stub, (_, state) => {
    for (let i = 2; i < LIMITS.sockets; i++) state.acceptWebSocket(new WebSocketPair()[1], ["test"]);
  });
  const feed = (headers: Record<string, string>) =>
    send(new Request("http://localhost/api/rigs/rig-boards/feed", { headers: { ...OPERATOR, ...headers } }));
  const stream = await feed({ accept: "text/event-stream" });
  const socket = (await feed({ upgrade: "websocket" })).webSocket;
  socket?.accept();
  const refused = await feed({ upgrade: "websocket" });
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "10"]);
  expect((await feed({ accept: "text/event-stream" })).status).toBe(429);
  await stream.body?.cancel();
  await vi.waitFor(async () => {
    const again = await feed({ upgrade: "websocket" });
    again.webSocket?.accept();
    expect(again.status).toBe(101);
  });
});

test(
  "F-706b one caller has half of a rig's streams at most, whatever it says of itself; another one comes in",
  async () => {
    const ann = await operator("ann");
    const feed = (who: Record<string, string>, headers: Record<string, string>) =>
      send(new Request("http://localhost/api/rigs/rig-share/feed", { headers: { ...who, ...headers } }));
    const open = async (who: Record<string, string>, headers: Record<string, string> = {}) => {
      const { status, webSocket } = await feed(who, { upgrade: "websocket", ...headers });
      webSocket?.accept();
      return status;
    };
    const ticket = (await call("POST", "/api/operators/codes", undefined, ann)).data.code as string;
    const browser = { authorization: `Bearer ${(await call("POST", "/api/session", { code: ticket })).data.token}` };
    for (let i = 2; i < LIMITS.sockets_per_caller; i++) expect(await open(i % 2 === 0 ? ann : browser)).toBe(101);
    const stream = await feed(ann, { accept: "text/event-stream" });
    expect(await open(browser)).toBe(101);
    // Neither the operator, nor its browser, nor either of them under another name.
    for (const one of [ann, browser])
      for (const name of ["", "operator:somebody"]) expect(await open(one, { "x-ticktown-caller": name })).toBe(429);
    expect((await feed(ann, { accept: "text/event-stream" })).status).toBe(429);
    expect(await open(OPERATOR)).toBe(101);
    await stream.body?.cancel();
    await vi.waitFor(async () => expect(await open(ann)).toBe(101));
    expect(await open(ann)).toBe(429);
  },
  SLOW_MS,
);

test("no answer of the API is kept by a cache or taken for a page, whether it is one, a refusal or a fault", async () => {
  const get = (path: string, init: RequestInit = {}) => send(new Request(`http://localhost${path}`, init));
  const rig = "/api/rigs/rig-headers";
  for (const answer of [
    await get(`${rig}/beads`, { headers: OPERATOR }),
    await get(`${rig}/journal`, { headers: OPERATOR }),
    await get(`${rig}/export`, { headers: OPERATOR }),
    await get(`${rig}/beads`),
    await get(`${rig}/beads`, { headers: { ...OPERATOR, origin: "http://evil.example" } }),
    await get(`${rig}/beads`, { method: "POST", headers: OPERATOR, body: "{" }),
    await get(`${rig}/beads/none`, { headers: OPERATOR }),
    await get(`${rig}/no-such-route`, { headers: OPERATOR }),
    await get("/api"),
    await get("/health"),
  ]) {
    expect([answer.url, answer.headers.get("x-content-type-options")]).toEqual([answer.url, "nosniff"]);
    expect([answer.url, answer.headers.get("cache-control")]).toEqual([answer.url, "no-store"]);
    await answer.body?.cancel();
  }
});
