import path from "node:path";
import { expect, test } from "vitest";
import { createTickets } from "../../container/http/tickets.ts";
import { AgentEvents, AgentStatusList, Health, StreamTicket } from "../../src/wire/container.ts";
import { CONTROL_TOKEN, clientOf, createOrigin, eventually, startBody, startControl, tempDir } from "./world.ts";

test("health needs no token and tells how many agents there are", async () => {
  const control = await startControl({ CONTROL_TOKEN: "control-secret" });
  const { status, body } = await control.get("/health");
  expect(status).toBe(200);
  expect(Health.parse(body)).toMatchObject({ status: "ok", agents: 0, servers: 0, uptime: expect.any(Number) });
});

test("health and the list of agents name the run of the server, and another run has another name", async () => {
  const [one, two] = [await startControl(), await startControl()];
  const { instance } = Health.parse((await one.get("/health")).body);
  expect(instance).toMatch(/./);
  expect(AgentStatusList.parse((await one.get("/agents")).body).instance).toBe(instance);
  expect(Health.parse((await two.get("/health")).body).instance).not.toBe(instance);
});

test("with CONTROL_TOKEN every other route wants it", async () => {
  const control = await startControl({ CONTROL_TOKEN: "control-secret" });
  const routes = [
    () => control.get("/agents"),
    () => control.post("/agents/start", {}),
    () => control.post("/agents/a1/stop", {}),
    () => control.get("/agents/a1/events"),
    () => control.post("/git/merge", {}),
    () => control.get("/agents", { authorization: "Bearer wrong" }),
    () => control.get("/agents", { authorization: "control-secret" }),
  ];
  for (const route of routes) expect((await route()).status).toBe(401);
  expect((await control.get("/agents", { authorization: "Bearer control-secret" })).status).toBe(200);
});

test("what is not JSON, does not validate, or is too large is refused with 400 or 413 and a reason", async () => {
  const control = await startControl();
  expect(await control.post("/agents/start", "{not json")).toMatchObject({
    status: 400,
    body: { error: "the body is not valid JSON" },
  });
  const invalid = await control.post("/agents/start", { agentId: 7 });
  expect(invalid.status).toBe(400);
  expect(invalid.body.issues).toEqual(expect.arrayContaining([{ path: "agentId", message: expect.any(String) }]));
  expect((await control.post("/agents/start", startBody("/x", "true", { envVars: { "BAD-NAME": "x" } }))).status).toBe(
    400,
  );
  expect((await control.post("/agents/a1/message", {})).status).toBe(400);
  expect(await control.post("/agents/start", JSON.stringify({ prompt: "x".repeat(3 * 1024 * 1024) }))).toMatchObject({
    status: 413,
    body: { code: "body_too_large" },
  });
  expect(await control.get("/nowhere")).toEqual({ status: 404, body: { error: "Not found" } });
});

test("F-701b a body that does not say that it is JSON starts nothing, as that of a form on a web page; none needs not", async () => {
  const control = await startControl();
  const post = async (to: string, type: string | null, body: string) => {
    const headers = { authorization: `Bearer ${CONTROL_TOKEN}`, ...(type === null ? {} : { "content-type": type }) };
    const bytes = new TextEncoder().encode(body);
    const response = await fetch(control.url + to, {
      method: "POST",
      headers,
      ...(body === "" ? {} : { body: bytes }),
    });
    return { status: response.status, body: (await response.json()) as unknown };
  };
  const order = JSON.stringify(startBody("/r.git", "true"));
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", null])
    expect([type, await post("/agents/start", type, order)]).toMatchObject([
      type,
      { status: 415, body: { code: "not_json" } },
    ]);
  expect(await control.get("/agents")).toMatchObject({ body: { agents: [] } });
  expect((await post("/agents/start", "application/json; charset=utf-8", "{}")).status).toBe(400);
  expect((await post("/agents/nobody/stop", null, "")).status).toBe(404);
});

test("a body without a length that grows too large is refused as well", async () => {
  const control = await startControl();
  const chunk = new Uint8Array(256 * 1024).fill(120);
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (stream) => (sent++ < 12 ? stream.enqueue(chunk) : stream.close()),
  });
  const response = await fetch(`${control.url}/agents/start`, {
    method: "POST",
    body,
    duplex: "half",
    headers: { authorization: `Bearer ${CONTROL_TOKEN}` },
  } as RequestInit);
  expect(response.status).toBe(413);
  await response.body?.cancel();
});

test("unknown keys are ignored", async () => {
  const control = await startControl();
  expect(
    (await control.post("/agents/start", startBody(createOrigin().url, "true", { someday: { we: "may" } }))).status,
  ).toBe(201);
});

test("an agent that the container does not know is 404 for status, and has no events", async () => {
  const control = await startControl();
  expect((await control.get("/agents/nobody/status")).status).toBe(404);
  expect(await control.get("/agents/nobody/events?after=0")).toEqual({ status: 200, body: { events: [] } });
  expect((await control.post("/agents/nobody/stream-ticket")).status).toBe(404);
});

test("GET /agents answers the status of every agent in one call", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await control.post("/agents/start", startBody(url, "sleep 60", { agentId: "a1", dispatchId: "a1:1" }));
  await control.post("/agents/start", startBody(url, "exit 2", { agentId: "a2", dispatchId: "a2:7" }));
  await control.ended("a2");
  const { agents } = AgentStatusList.parse((await control.get("/agents")).body);
  expect(agents).toMatchObject([
    { agentId: "a1", status: "running", dispatchId: "a1:1", exitReason: null },
    { agentId: "a2", status: "failed", dispatchId: "a2:7", exitReason: "exit 2" },
  ]);
  expect((await control.get("/health")).body).toMatchObject({ agents: 1, servers: 1 });
  expect(AgentEvents.parse((await control.get("/agents/a2/events")).body).events.length).toBeGreaterThan(0);
});

/** Opens the stream and collects what arrives. */
function watch(
  url: string,
  token: string = CONTROL_TOKEN,
): { ids: number[]; socket: WebSocket; outcome: Promise<"open" | "refused"> } {
  const ids: number[] = [];
  const headers = { authorization: `Bearer ${token}` };
  // Node's own WebSocket takes headers, which browsers' do not and their types do not know.
  const socket = new WebSocket(url.replace("http", "ws"), { headers } as unknown as string[]);
  socket.addEventListener("message", ({ data }) => ids.push((JSON.parse(String(data)) as { id: number }).id));
  const outcome = new Promise<"open" | "refused">((resolve) => {
    socket.addEventListener("open", () => resolve("open"));
    socket.addEventListener("error", () => resolve("refused"));
  });
  return { ids, socket, outcome };
}

test("a stream sends the events after N and then the live ones, none twice", async () => {
  const control = await startControl();
  await control.post("/agents/start", startBody(createOrigin().url, "echo one; echo two; read x; seq 1 200; sleep 60"));
  await eventually("two lines", async () => (await control.lines("a1")).length === 2);
  const { ticket, expiresAt } = StreamTicket.parse((await control.post("/agents/a1/stream-ticket")).body);
  expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(60_000);
  const stream = watch(`${control.url}/agents/a1/stream?ticket=${ticket}&after=2`);
  expect(await stream.outcome).toBe("open");
  await control.post("/agents/a1/message", { prompt: "go on" });
  const all = await eventually("all events", async () => {
    const events = await control.events("a1");
    return events.length > 200 && stream.ids.length === events.length - 2 ? events : null;
  });
  expect(stream.ids).toEqual(all.slice(2).map(({ id }) => id));
  stream.socket.close();
});

test("a ticket opens one stream of one agent", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  for (const agentId of ["a1", "a2"]) await control.post("/agents/start", startBody(url, "sleep 60", { agentId }));
  const ticketFor = async (agentId: string): Promise<string> =>
    (await control.post(`/agents/${agentId}/stream-ticket`)).body.ticket as string;
  const ticket = await ticketFor("a1");
  const first = watch(`${control.url}/agents/a1/stream?ticket=${ticket}`);
  expect(await first.outcome).toBe("open");
  expect(await watch(`${control.url}/agents/a1/stream?ticket=${ticket}`).outcome).toBe("refused");
  expect(await watch(`${control.url}/agents/a2/stream?ticket=${await ticketFor("a1")}`).outcome).toBe("refused");
  expect(await watch(`${control.url}/agents/a1/stream`).outcome).toBe("refused");
  expect(await watch(`${control.url}/elsewhere?ticket=${await ticketFor("a1")}`).outcome).toBe("refused");
  first.socket.close();
});

test("a ticket is good for 60 seconds", () => {
  let now = 0;
  const tickets = createTickets(() => now);
  const early = tickets.issue("a1").ticket;
  const late = tickets.issue("a1").ticket;
  now = 59_999;
  expect(tickets.redeem(early, "a1")).toBe(true);
  now = 60_000;
  expect(tickets.redeem(late, "a1")).toBe(false);
});

test("with CONTROL_TOKEN a stream wants it too", async () => {
  const control = await startControl({ CONTROL_TOKEN: "control-secret" });
  const headers = { authorization: "Bearer control-secret" };
  await control.post("/agents/start", startBody(createOrigin().url, "sleep 60"), headers);
  const { ticket } = (await control.post("/agents/a1/stream-ticket", undefined, headers)).body as { ticket: string };
  expect(await watch(`${control.url}/agents/a1/stream?ticket=${ticket}`).outcome).toBe("refused");
});

test("a port that is taken, a folder that is taken and a setting that makes no sense are clear errors", async () => {
  const control = await startControl();
  const port = new URL(control.url).port;
  await expect(startControl({ PORT: port })).rejects.toThrow("EADDRINUSE");
  await expect(startControl({ PORT: "http" })).rejects.toThrow('PORT is "http"; it must be an integer from 0 to 65535');
  expect(clientOf(control.url).url).toBe(control.url);
});

test("on a port the server does not start without a token, and says what to do; on a socket it does", async () => {
  await expect(startControl({ CONTROL_TOKEN: "" })).rejects.toThrow(
    "CONTROL_TOKEN is not set, so whoever reaches the port could run programs here: nothing listens now. Set it",
  );
  const socket = path.join(tempDir(), "s", "control.sock");
  expect((await startControl({ CONTROL_TOKEN: "", LISTEN_SOCKET: socket })).server.url).toBe(`unix:${socket}`);
});
