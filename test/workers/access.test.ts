import { sign } from "hono/jwt";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Access } from "../../src/api/route.ts";
import { ROUTES } from "../../src/api/routes/index.ts";
import { send } from "./client.ts";

/**
 * Who may call what. Written by hand, beside the routes' own declarations: a new route without a line here fails, and so
 * does a route whose declaration is changed by accident.
 */
const AGENT: Access[] = ["agent", "operator"];
const OPERATOR: Access[] = ["operator"];
const MAYOR: Access[] = ["mayor", "operator"];
const PUBLIC: Access[] = ["public"];

const TABLE: Record<string, Access[]> = {
  "GET /health": PUBLIC,
  "GET /openapi.json": PUBLIC,
  "GET /docs": PUBLIC,
  "POST /api/rigs/:rigId/beads": AGENT,
  "GET /api/rigs/:rigId/beads": AGENT,
  "GET /api/rigs/:rigId/beads/:beadId": AGENT,
  "PATCH /api/rigs/:rigId/beads/:beadId/status": AGENT,
  "POST /api/rigs/:rigId/beads/:beadId/close": AGENT,
  "DELETE /api/rigs/:rigId/beads/:beadId": AGENT,
  "POST /api/rigs/:rigId/sling": AGENT,
  "POST /api/rigs/:rigId/escalations": AGENT,
  "POST /api/rigs/:rigId/beads/:beadId/cancel": OPERATOR,
  "POST /api/rigs/:rigId/agents": AGENT,
  "GET /api/rigs/:rigId/agents": AGENT,
  "POST /api/rigs/:rigId/agents/get-or-create": AGENT,
  "GET /api/rigs/:rigId/agents/:agentId": AGENT,
  "DELETE /api/rigs/:rigId/agents/:agentId": AGENT,
  "GET /api/rigs/:rigId/agents/:agentId/events": AGENT,
  "POST /api/rigs/:rigId/agents/:agentId/hook": AGENT,
  "DELETE /api/rigs/:rigId/agents/:agentId/hook": AGENT,
  "GET /api/rigs/:rigId/agents/:agentId/prime": AGENT,
  "POST /api/rigs/:rigId/agents/:agentId/done": AGENT,
  "POST /api/rigs/:rigId/agents/:agentId/completed": AGENT,
  "POST /api/rigs/:rigId/agents/:agentId/checkpoint": AGENT,
  "GET /api/rigs/:rigId/agents/:agentId/mail": AGENT,
  "POST /api/rigs/:rigId/agents/:agentId/heartbeat": AGENT,
  "POST /api/rigs/:rigId/agents/:agentId/unblock": OPERATOR,
  "POST /api/rigs/:rigId/agent-events": AGENT,
  "POST /api/rigs/:rigId/mail": AGENT,
  "POST /api/rigs/:rigId/review-queue": AGENT,
  "POST /api/rigs/:rigId/review-queue/:entryId/complete": AGENT,
  "GET /api/rigs/:rigId/events": AGENT,
  "GET /api/rigs/:rigId/settings": OPERATOR,
  "PUT /api/rigs/:rigId/settings": OPERATOR,
  "PUT /api/rigs/:rigId/secrets": OPERATOR,
  "GET /api/rigs/:rigId/health": OPERATOR,
  "POST /api/rigs/:rigId/tick": OPERATOR,
  "POST /api/rigs/:rigId/pause": OPERATOR,
  "POST /api/rigs/:rigId/resume": OPERATOR,
  "POST /api/rigs/:rigId/drain": OPERATOR,
  "GET /api/rigs/:rigId/agents/:id/why": OPERATOR,
  "GET /api/rigs/:rigId/beads/:id/why": OPERATOR,
  "GET /api/rigs/:rigId/state": OPERATOR,
  "POST /api/rigs/:rigId/replay": OPERATOR,
  "GET /api/rigs/:rigId/export": OPERATOR,
  "GET /api/rigs/:rigId/feed": OPERATOR,
  "GET /api/rigs/:rigId/journal": OPERATOR,
  "GET /api/rigs/:rigId/board": OPERATOR,
  "GET /api/rigs/:rigId/outbox": OPERATOR,
  "GET /api/rigs/:rigId/actors/:kind/:id/possible": OPERATOR,
  "POST /api/rigs/:rigId/what-if": OPERATOR,
  "POST /api/rigs/:rigId/actors/:kind/:id/repair": OPERATOR,
  "GET /api/rigs/:rigId/inspect": OPERATOR,
  "POST /api/users/:userId/towns": OPERATOR,
  "GET /api/users/:userId/towns": OPERATOR,
  "GET /api/users/:userId/towns/:townId": OPERATOR,
  "DELETE /api/users/:userId/towns/:townId": OPERATOR,
  "POST /api/users/:userId/rigs": OPERATOR,
  "GET /api/users/:userId/rigs/:rigId": OPERATOR,
  "DELETE /api/users/:userId/rigs/:rigId": OPERATOR,
  "GET /api/users/:userId/towns/:townId/rigs": OPERATOR,
  "GET /api/users/:userId/towns/:townId/events": OPERATOR,
  "GET /api/towns/:townId/container/health": MAYOR,
  "POST /api/towns/:townId/container/agents/start": OPERATOR,
  "POST /api/towns/:townId/container/agents/:id/stop": OPERATOR,
  "POST /api/towns/:townId/container/agents/:id/message": MAYOR,
  "GET /api/towns/:townId/container/agents/:id/status": MAYOR,
  "GET /api/towns/:townId/container/agents/:id/events": MAYOR,
  "POST /api/towns/:townId/container/agents/:id/stream-ticket": MAYOR,
  "GET /api/towns/:townId/container/agents/:id/stream": PUBLIC,
  "POST /api/mayor/:townId/tools/sling": MAYOR,
  "GET /api/mayor/:townId/tools/rigs": MAYOR,
  "GET /api/mayor/:townId/tools/rigs/:rig/beads": MAYOR,
  "GET /api/mayor/:townId/tools/rigs/:rig/agents": MAYOR,
  "POST /api/mayor/:townId/tools/mail": MAYOR,
  "POST /api/operator-tokens": OPERATOR,
  "GET /api/operator-tokens": OPERATOR,
  "DELETE /api/operator-tokens/:tokenId": OPERATOR,
};

const SECRET = "test-secret-test-secret-test-secret";
const now = () => Math.floor(Date.now() / 1_000);
const claims = (more: Record<string, unknown> = {}) => ({ agentId: "a1", rigId: "r1", townId: "t1", userId: "u1", iat: now(), exp: now() + 3_600, ...more });
const bearer = async (more: Record<string, unknown> = {}, secret = SECRET, algorithm: "HS256" | "HS512" = "HS256") => ({ authorization: `Bearer ${await sign(claims(more), secret, algorithm)}` });

/** Not loopback, so that the development pass does not open. */
const ask = (method: string, path: string, headers: Record<string, string> = {}, body: unknown = {}) =>
  send(new Request(`https://ticktown.example${path}`, { method, headers: { ...headers, "content-type": "application/json" }, ...(method === "GET" || method === "DELETE" ? {} : { body: JSON.stringify(body) }) }));

const concrete = (path: string): string =>
  path.replace(/:(\w+)/g, (_, name: string) => ({ rigId: "r1", agentId: "a1", townId: "t1", userId: "u1" })[name] ?? "x1");

describe("the access table", () => {
  test("has one line for every route, and says what the route says", () => {
    expect(Object.fromEntries(ROUTES.map((entry) => [`${entry.method} ${entry.path}`, [...entry.access]]))).toEqual(TABLE);
  });

  test.each(Object.entries(TABLE))("%s is for %j", async (name, access) => {
    const [method = "", path = ""] = name.split(" ");
    const denied = async (headers: Record<string, string>) => {
      const { status } = await ask(method, concrete(path), headers);
      return status === 401 || status === 403;
    };
    const isPublic = access.includes("public");
    expect(await denied({})).toBe(!isPublic);
    expect((await ask(method, concrete(path))).status === 401).toBe(!isPublic);
    // A mayor's tool looks for the rig first; there is no rig x1 in town t1.
    if (!path.startsWith("/api/mayor")) expect(await denied({ authorization: "Bearer test-operator-token" })).toBe(false);
    if (isPublic || path.includes("/tools/")) return;
    expect(await denied(await bearer())).toBe(!access.includes("agent") && !(access.includes("mayor") && path.includes(":townId")));
    if (path.includes(":rigId")) expect(await denied(await bearer({ rigId: "r2" }))).toBe(true);
    if (path.includes(":townId")) expect(await denied(await bearer({ townId: "t2" }))).toBe(true);
    if (path.includes(":agentId")) expect(await denied(await bearer({ agentId: "a2" }))).toBe(true);
  });
});

describe("a token", () => {
  const status = async (headers: Record<string, string>) => (await ask("GET", "/api/rigs/r1/beads", headers)).status;

  test("opens its own rig", async () => expect(await status(await bearer())).toBe(200));
  test("of another secret is refused", async () => expect(await status(await bearer({}, "another-secret-another-secret-xx"))).toBe(401));
  test("of another algorithm is refused, even with the right secret", async () => expect(await status(await bearer({}, SECRET, "HS512"))).toBe(401));
  test("without a signature is refused", async () => {
    const encode = (value: unknown) => btoa(JSON.stringify(value)).replace(/=+$/, "");
    expect(await status({ authorization: `Bearer ${encode({ alg: "none", typ: "JWT" })}.${encode(claims())}.` })).toBe(401);
  });
  test("that has expired is refused", async () => expect(await status(await bearer({ exp: now() - 1 }))).toBe(401));
  test("that would live longer than 24 h is refused", async () => expect(await status(await bearer({ exp: now() + 86_400 * 2 }))).toBe(401));
  test("that is older than 24 h is refused", async () => expect(await status(await bearer({ iat: now() - 86_401 }))).toBe(401));
  test("that lacks a claim is refused", async () => expect(await status(await bearer({ rigId: undefined }))).toBe(401));
  test("that is garbage is refused", async () => {
    for (const value of ["", "Basic abc", "Bearer", "Bearer a.b.c", `Bearer ${"x".repeat(10_000)}`, "Bearer unknown"]) expect(await status({ authorization: value })).toBe(401);
  });
  test("may not speak for another agent in a body", async () => {
    const headers = await bearer();
    const bodies: [string, unknown][] = [
      ["/agent-events", { agent_id: "a2", event_type: "x" }],
      ["/mail", { from_agent_id: "a2", to_agent_id: "a1", subject: "s", body: "b" }],
      ["/review-queue", { agent_id: "a2", bead_id: "b1", branch: "b" }],
      ["/beads/b1/close", { agent_id: "a2" }],
    ];
    for (const [path, body] of bodies) expect((await ask("POST", `/api/rigs/r1${path}`, headers, body)).status).toBe(403);
  });
});

describe("the development pass", () => {
  test("opens on loopback only, and never a mayor's tools", async () => {
    const { status } = await send(new Request("http://127.0.0.1:8787/api/rigs/r1/beads"));
    expect(status).toBe(200);
    expect((await send(new Request("http://ticktown.example/api/rigs/r1/beads"))).status).toBe(401);
    expect((await send(new Request("http://127.0.0.1.evil.example/api/rigs/r1/beads"))).status).toBe(401);
    expect((await send(new Request("http://localhost/api/mayor/t1/tools/rigs"))).status).toBe(401);
  });
});

describe("an operator's token", () => {
  const operator = { authorization: "Bearer test-operator-token" };
  test("is made by an operator, shown once, kept as a hash, and revocable", async () => {
    const made = (await (await ask("POST", "/api/operator-tokens", operator, { name: "night shift" })).json()) as { data: { id: string; token: string } };
    const own = { authorization: `Bearer ${made.data.token}` };
    expect((await ask("GET", "/api/rigs/r1/health", own)).status).toBe(200);
    const listed = await (await ask("GET", "/api/operator-tokens", own)).text();
    expect(listed).toContain("night shift");
    expect(listed).not.toContain(made.data.token);
    expect((await ask("DELETE", `/api/operator-tokens/${made.data.id}`, operator)).status).toBe(200);
    expect((await ask("GET", "/api/rigs/r1/health", own)).status).toBe(401);
    expect((await ask("DELETE", `/api/operator-tokens/${made.data.id}`, operator)).status).toBe(404);
  });
});

describe("a client in a loop", () => {
  test("is told to slow down, and may go on a second later", async () => {
    const headers = await bearer({ agentId: "looper" });
    // The clock stands: how fast this machine asks does not matter.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    onTestFinished(() => void vi.useRealTimers());
    const statuses: number[] = [];
    for (let i = 0; i < 400; i++) statuses.push((await ask("GET", "/api/rigs/r1/beads?limit=0", headers)).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(statuses.indexOf(429));
    expect(statuses.indexOf(429)).toBeGreaterThanOrEqual(300);
    expect(statuses.at(-1)).toBe(429);
    vi.setSystemTime(Date.now() + 1_000);
    expect((await ask("GET", "/api/rigs/r1/beads?limit=0", headers)).status).toBe(200);
  });
});
