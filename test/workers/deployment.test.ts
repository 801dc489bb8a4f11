import { env } from "cloudflare:workers";
import { createExecutionContext } from "cloudflare:test";
import { expect, test } from "vitest";
import type { Env } from "../../src/do/env.ts";
import worker from "../../src/worker.ts";

/** The whole Worker as it is deployed with some of its variables missing: what docs/operating.md says of each. */

const ALL = env as unknown as Env;
type Variable =
  | "ALLOWED_HOSTS"
  | "CONTROL_TOKEN"
  | "TICKTOWN_OPERATOR_TOKEN"
  | "GASTOWN_JWT_SECRET"
  | "GASTOWN_API_URL";

/** Without any of them but those that are given. */
const deployed = (given: Partial<Pick<Env, Variable>>): Env => ({
  RIG: ALL.RIG,
  USER: ALL.USER,
  TOWN_CONTAINER: ALL.TOWN_CONTAINER,
  ...given,
});
const OPERATOR = { TICKTOWN_OPERATOR_TOKEN: "test-operator-token" };
const AGENTS = { GASTOWN_JWT_SECRET: "test-secret-test-secret-test-secret" };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const FIRST = bearer(OPERATOR.TICKTOWN_OPERATOR_TOKEN);

async function ask(on: Env, method: string, url: string, headers: Record<string, string>, body?: unknown) {
  const request = new Request(url, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const response = await worker.fetch(request as never, on, createExecutionContext());
  const answer = (await response.json()) as { data: Record<string, string>; error?: string };
  return { status: response.status, data: answer.data, error: answer.error ?? "" };
}

/** What the version before had, and nothing that came later. */
const BEFORE = deployed({ ...OPERATOR, ...AGENTS, GASTOWN_API_URL: "https://town.example" });
const HOSTS = ["https://town.example", "https://ticktown.me.workers.dev", "http://10.0.0.7:8787"];

test("a deployment that sets no new variable works as before: under any name, for operators, agents, containers and the cron", async () => {
  const [first = "", second = "", third = ""] = HOSTS;
  const town = await ask(BEFORE, "POST", `${first}/api/users/me/towns`, FIRST, { name: "town" });
  const rig = await ask(BEFORE, "POST", `${second}/api/users/me/rigs`, FIRST, {
    town_id: town.data["id"],
    name: "rig",
    git_url: "https://example.org/r.git",
  });
  expect([town.status, rig.status]).toEqual([201, 201]);
  const api = `/api/rigs/${rig.data["id"]}`;
  expect((await ask(BEFORE, "POST", `${third}${api}/sling`, FIRST, { title: "work" })).status).toBe(201);
  expect((await ask(BEFORE, "POST", `${first}${api}/tick`, FIRST)).status).toBe(200);

  // The container was given the order, and in it the agent's token.
  const container = ALL.TOWN_CONTAINER.get(ALL.TOWN_CONTAINER.idFromName(town.data["id"] ?? ""));
  interface Asked {
    calls: { path: string; body: { agentId: string; envVars: Record<string, string> } }[];
  }
  const ordered = async () =>
    ((await (await container.fetch("http://container/_calls")).json()) as Asked).calls.find(
      ({ path }) => path === "/agents/start",
    )?.body;
  await expect.poll(ordered).toBeDefined();
  const order = await ordered();
  const own = bearer(order?.envVars["GASTOWN_SESSION_TOKEN"] ?? "none");
  for (const host of HOSTS)
    expect((await ask(BEFORE, "POST", `${host}${api}/agents/${order?.agentId}/heartbeat`, own, {})).status).toBe(200);
  await worker.scheduled({} as never, BEFORE);

  for (const host of HOSTS) {
    expect((await ask(BEFORE, "GET", `${host}/health`, {})).status).toBe(200);
    expect((await ask(BEFORE, "GET", `${host}${api}/beads`, {})).status).toBe(401);
    expect((await ask(BEFORE, "GET", `${host}${api}/beads`, { ...FIRST, origin: host })).status).toBe(200);
    expect((await ask(BEFORE, "GET", `${host}${api}/beads`, { ...FIRST, origin: "https://evil.example" })).status).toBe(
      403,
    );
  }
});

test.each([undefined, ""])(
  "without a first operator's token (%j) nobody can operate it, whatever they send",
  async (none) => {
    const on = deployed({ ...AGENTS, ...(none === undefined ? {} : { TICKTOWN_OPERATOR_TOKEN: none }) });
    const url = "https://town.example/api/users/me/towns";
    for (const token of ["", "undefined", "null", OPERATOR.TICKTOWN_OPERATOR_TOKEN])
      expect([token, (await ask(on, "GET", url, bearer(token))).status]).toEqual([token, 401]);
    expect((await ask(on, "GET", url, {})).status).toBe(401);
    // Who was given a token before goes on.
    const made = await ask(BEFORE, "POST", "https://town.example/api/operator-tokens", FIRST, { name: "ann" });
    expect((await ask(on, "GET", url, bearer(made.data["token"] ?? ""))).status).toBe(200);
  },
);

test.each([undefined, ""])(
  "without a signing secret (%j) no agent can speak, and is told why; operators can",
  async (none) => {
    const on = deployed({ ...OPERATOR, ...(none === undefined ? {} : { GASTOWN_JWT_SECRET: none }) });
    const url = "https://town.example/api/rigs/r/beads";
    const unsigned = `${btoa('{"alg":"none"}')}.${btoa('{"agentId":"a","rigId":"r","townId":"t","exp":9e9}')}.`;
    for (const token of [unsigned, "a.b.c"]) {
      const { status, error } = await ask(on, "GET", url, bearer(token));
      expect([status, error]).toEqual([401, expect.stringContaining("GASTOWN_JWT_SECRET")]);
    }
    expect((await ask(on, "GET", url, FIRST)).status).toBe(200);
  },
);
