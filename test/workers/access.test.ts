import { sign } from "hono/jwt";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { ROUTES } from "../../src/api/routes/index.ts";
import { send } from "./client.ts";

/** Tokens by themselves. Who may call what with a good one is in matrix.test.ts. */
/** Many requests, one after the other: a machine that does other things too takes its time. */
const SLOW_MS = 120_000;

const FIRST = { authorization: "Bearer test-operator-token" };
const SECRET = "test-secret-test-secret-test-secret";
const now = () => Math.floor(Date.now() / 1_000);
const claims = (more: Record<string, unknown> = {}) => ({
  agentId,
  rigId: "r1",
  townId: "t1",
  userId: "u1",
  iat: now(),
  exp: now() + 3_600,
  ...more,
});
const bearer = async (more: Record<string, unknown> = {}, secret = SECRET, algorithm: "HS256" | "HS512" = "HS256") => ({
  authorization: `Bearer ${await sign(claims(more), secret, algorithm)}`,
});

const ask = (method: string, path: string, headers: Record<string, string> = {}, body: unknown = {}) =>
  send(
    new Request(`https://ticktown.example${path}`, {
      method,
      headers: { ...headers, "content-type": "application/json" },
      ...(method === "GET" || method === "DELETE" ? {} : { body: JSON.stringify(body) }),
    }),
  );

const concrete = (path: string): string =>
  path.replace(
    /:(\w+)/g,
    (_, name: string) => ({ rigId: "r1", agentId: "a1", townId: "t1", userId: "u1" })[name] ?? "x1",
  );

/** Agent a1 of rig r1, for tokens that are good. */
let agentId = "";
const newAgent = async (name: string): Promise<string> => {
  const made = await ask("POST", "/api/rigs/r1/agents", FIRST, { role: "polecat", name, identity: `r1/${name}` });
  return ((await made.json()) as { data: { id: string } }).data.id;
};
beforeAll(async () => {
  agentId = await newAgent("a1");
});

describe("a token", () => {
  const status = async (headers: Record<string, string>) => (await ask("GET", "/api/rigs/r1/beads", headers)).status;

  test("opens its own rig", async () => expect(await status(await bearer())).toBe(200));
  test("of another secret is refused", async () =>
    expect(await status(await bearer({}, "another-secret-another-secret-xx"))).toBe(401));
  test("of another algorithm is refused, even with the right secret", async () =>
    expect(await status(await bearer({}, SECRET, "HS512"))).toBe(401));
  test("without a signature is refused", async () => {
    const encode = (value: unknown) => btoa(JSON.stringify(value)).replace(/=+$/, "");
    expect(await status({ authorization: `Bearer ${encode({ alg: "none", typ: "JWT" })}.${encode(claims())}.` })).toBe(
      401,
    );
  });
  test("that has expired is refused", async () => expect(await status(await bearer({ exp: now() - 1 }))).toBe(401));
  test("that would live longer than 24 h is refused", async () =>
    expect(await status(await bearer({ exp: now() + 86_400 * 2 }))).toBe(401));
  test("that is older than 24 h is refused", async () =>
    expect(await status(await bearer({ iat: now() - 86_401 }))).toBe(401));
  test("that lacks a claim is refused", async () => expect(await status(await bearer({ rigId: undefined }))).toBe(401));
  test("that is garbage is refused", async () => {
    for (const value of ["", "Basic abc", "Bearer", "Bearer a.b.c", `Bearer ${"x".repeat(10_000)}`, "Bearer unknown"])
      expect(await status({ authorization: value })).toBe(401);
  });
  test("may not speak for another agent in a body", async () => {
    const headers = await bearer();
    const bodies: [string, unknown][] = [
      ["/agent-events", { agent_id: "a2", event_type: "x" }],
      ["/mail", { from_agent_id: "a2", to_agent_id: agentId, subject: "s", body: "b" }],
      ["/review-queue", { agent_id: "a2", bead_id: "b1", branch: "b" }],
      ["/beads/b1/close", { agent_id: "a2" }],
    ];
    for (const [path, body] of bodies)
      expect((await ask("POST", `/api/rigs/r1${path}`, headers, body)).status).toBe(403);
  });
});

test(
  "F-702 nobody passes without a token: not on loopback, not in development, not for a mayor's tools",
  async () => {
    for (const host of ["http://127.0.0.1:8787", "http://localhost", "http://[::1]:8787", "https://ticktown.example"])
      for (const entry of ROUTES.filter(({ access }) => !access.includes("public"))) {
        const request = new Request(`${host}${concrete(entry.path)}`, { method: entry.method });
        const answer = await send(request);
        expect([entry.method, entry.path, host, answer.status]).toEqual([entry.method, entry.path, host, 401]);
      }
  },
  SLOW_MS,
);

describe("an operator's token", () => {
  const operator = { authorization: "Bearer test-operator-token" };
  test("is made by an operator, shown once, kept as a hash, and revocable", async () => {
    const made = (await (await ask("POST", "/api/operator-tokens", operator, { name: "night shift" })).json()) as {
      data: { id: string; token: string };
    };
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
    const headers = await bearer({ agentId: await newAgent("looper") });
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
