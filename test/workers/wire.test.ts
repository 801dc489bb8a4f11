import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { sign } from "hono/jwt";
import { describe, expect, test } from "vitest";
import { MergeRequest, StartAgentRequest } from "../../src/wire/container.ts";
import { api, call, eventually } from "./client.ts";

/** Towns, rigs, secrets and fencing, as a client of the protocol meets them. */

const SECRET = "test-secret-test-secret-test-secret";
const now = () => Math.floor(Date.now() / 1_000);

const DAY_S = 86_400;
interface Order {
  entryId?: string;
  envVars: Record<string, string>;
}

async function newTown() {
  const town = (await call("POST", "/api/users/u1/towns", { name: "town" })).data;
  const rig = (
    await call("POST", "/api/users/u1/rigs", {
      town_id: town.id,
      name: "rig",
      git_url: "https://example.org/repo.git",
      kilocode_token: "kilo-secret-1",
      secrets: { GIT_TOKEN: "git-secret-2", MODEL_API_KEY: "model-secret-3" },
    })
  ).data;
  return {
    town,
    rig,
    http: api(rig.id),
    calls: async () =>
      (await (
        await env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName(town.id)).fetch("http://container/_calls")
      ).json()) as { calls: { method: string; path: string; body: Record<string, unknown> }[] },
  };
}

describe("towns and rigs", () => {
  test("are created, listed, read and deleted", async () => {
    const { town, rig } = await newTown();
    expect((await call("GET", "/api/users/u1/towns")).data.map(({ id }: { id: string }) => id)).toContain(town.id);
    expect((await call("GET", `/api/users/u1/towns/${town.id}`)).data).toEqual(town);
    expect((await call("GET", `/api/users/u1/towns/${town.id}/rigs`)).data).toEqual([rig]);
    expect(rig).toMatchObject({ default_branch: "main", git_url: "https://example.org/repo.git" });
    expect((await call("GET", "/api/users/u2/towns")).data).toEqual([]);
    expect((await call("POST", "/api/users/u1/rigs", { town_id: "town-x", name: "r", git_url: "/g" })).status).toBe(
      404,
    );
    await api(rig.id).post("/beads", { type: "issue", title: "in this town" });
    expect((await call("GET", `/api/users/u1/towns/${town.id}/events?limit=1`)).data).toHaveLength(1);
    expect((await call("DELETE", `/api/users/u1/towns/${town.id}`)).data).toEqual({ deleted: true });
    expect((await call("GET", `/api/users/u1/towns/${town.id}`)).status).toBe(404);
    expect((await call("GET", `/api/users/u1/rigs/${rig.id}`)).status).toBe(404);
  });

  test("KC-1182 a deleted rig stops its processes, keeps no alarm and no rows, and is not resurrected by a late callback", async () => {
    const { rig, http, calls } = await newTown();
    const { data } = await http.post("/sling", { title: "work" });
    await eventually(async () => expect((await calls()).calls.some(({ path }) => path === "/agents/start")).toBe(true));
    await eventually(async () => expect((await http.get("/health")).data.outbox).toBe(0));
    expect((await call("DELETE", `/api/users/u1/rigs/${rig.id}`)).data).toEqual({ deleted: true });
    expect((await calls()).calls.map(({ path }) => path)).toContain(`/agents/${data.agent.id}/stop`);
    for (const late of [
      http.post(`/agents/${data.agent.id}/done`, { branch: "b" }),
      http.post(`/agents/${data.agent.id}/completed`, { status: "failed" }),
      http.get("/beads"),
      http.post("/tick"),
      http.post("/beads", { type: "issue", title: "again" }),
    ]) {
      expect((await late).status).toBe(404);
    }
    const stub = env.RIG.get(env.RIG.idFromName(rig.id));
    await runInDurableObject(stub as never, async (_instance, state) => {
      expect(await state.storage.getAlarm()).toBe(null);
      expect(
        state.storage.sql
          .exec(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('journal', 'actors', 'outbox', 'secrets')",
          )
          .toArray(),
      ).toEqual([]);
    });
  });
});

describe("a start through the Worker", () => {
  test("may not set what decides which programs run, and cannot call such a variable the rig's own", async () => {
    const { town } = await newTown();
    const order = (more: object) => ({
      agentId: "a1",
      rigId: "r1",
      townId: town.id,
      role: "mayor",
      name: "Mayor",
      identity: "r1/mayor/a1",
      prompt: "p",
      model: "m",
      systemPrompt: "s",
      gitUrl: "https://example.org/repo.git",
      branch: "b",
      defaultBranch: "main",
      ...more,
    });
    const path = `/api/towns/${town.id}/container/agents/start`;
    for (const ownVars of [undefined, ["PATH"]]) {
      const { status, body } = await call("POST", path, order({ envVars: { PATH: "/tmp/evil" }, ownVars }));
      expect([status, body.error]).toEqual([400, expect.stringContaining("envVars may not set PATH, which decides")]);
    }
    expect((await call("POST", path, order({ envVars: { MODEL_API_KEY: "k" } }))).status).toBe(201);
  });
});

describe("secrets", () => {
  test("zeroshot#621 one with a zero byte is refused, and one that an earlier version took fails no start", async () => {
    const { rig, http, calls } = await newTown();
    for (const secrets of [{ MODEL_API_KEY: "a\u0000b" }, { "MODEL\u0000": "a" }])
      expect((await http.put("/secrets", secrets)).status).toBe(400);
    await runInDurableObject(env.RIG.get(env.RIG.idFromName(rig.id)) as never, (_rig, { storage: { sql } }) =>
      sql.exec("UPDATE secrets SET value = ? WHERE name = 'MODEL_API_KEY'", "two\u0000words\r\n\u001b"),
    );
    await http.post("/sling", { title: "work" });
    await eventually(async () => expect((await calls()).calls.some(({ path }) => path === "/agents/start")).toBe(true));
    const order = (await calls()).calls.find(({ path }) => path === "/agents/start")?.body as unknown as Order;
    // Only what no process can be given is replaced: the rest may be meant.
    expect(order.envVars["MODEL_API_KEY"]).toBe("two\ufffdwords\r\n\u001b");
  });

  test("F-707 a credential in the git_url is a secret from its first moment: no answer, journal, export, board or log has it", async () => {
    const logged: string[] = [];
    const { log, warn, error } = console;
    Object.assign(
      console,
      Object.fromEntries(
        ["log", "warn", "error"].map((name) => [name, (...args: unknown[]) => logged.push(args.join(" "))]),
      ),
    );
    try {
      const { town } = await newTown();
      const made = await call("POST", "/api/users/u1/rigs", {
        town_id: town.id,
        name: "private",
        git_url: "https://ann:hunter2-pass%21word@git.example.org/r.git",
        secrets: { MODEL: "m" },
      });
      expect(made.data).toMatchObject({ git_url: "https://git.example.org/r.git" });
      const http = api(made.data.id);
      await http.post("/sling", { title: "work" });
      const paths = [
        "/journal",
        "/export",
        "/events",
        "/settings",
        "/health",
        "/state",
        "/beads",
        "/agents",
        "/outbox",
        "/board",
        "/needs",
      ];
      const answers = await Promise.all(paths.map(async (path) => JSON.stringify((await http.get(path)).body)));
      answers.push(JSON.stringify(made), JSON.stringify(await call("GET", "/api/users/u1/rigs/" + made.data.id)));
      answers.push(JSON.stringify(await call("GET", `/api/users/u1/towns/${town.id}/rigs`)));
      const rows = await runInDurableObject(
        env.RIG.get(env.RIG.idFromName(made.data.id)) as never,
        (_rig, { storage: { sql } }) => {
          const tables = sql
            .exec<{ name: string }>(
              "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'",
            )
            .toArray();
          return tables
            .filter(({ name }) => name !== "secrets")
            .map(({ name }) => JSON.stringify(sql.exec(`SELECT * FROM "${name}"`).toArray()));
        },
      );
      expect(rows.length).toBeGreaterThan(5);
      for (const text of [...answers, ...rows, ...logged]) {
        expect(text).not.toContain("hunter2");
        expect(text).not.toContain("ann:");
      }
      expect((await http.put("/secrets", { NO_SUCH: null })).data).toEqual({
        names: ["GIT_TOKEN", "GIT_USERNAME", "MODEL"],
      });
    } finally {
      Object.assign(console, { log, warn, error });
    }
  });

  test("reach the environment of the process and nothing else: no answer, no journal, no event, no log", async () => {
    const logged: string[] = [];
    // A secret that is not to be seen is replaced without being shown.
    const rotated = await newTown();
    expect((await rotated.http.put("/secrets", { GIT_TOKEN: "git-secret-9", MODEL_API_KEY: null })).data).toEqual({
      names: ["GIT_TOKEN", "KILOCODE_TOKEN"],
    });
    const original = console.warn;
    console.warn = (...args: unknown[]) => logged.push(args.join(" "));
    const { rig, http, calls, town } = await newTown();
    const { data } = await http.post("/sling", { title: "work" });
    await eventually(async () => expect((await calls()).calls.some(({ path }) => path === "/agents/start")).toBe(true));
    const order = (await calls()).calls.find(({ path }) => path === "/agents/start")?.body ?? {};
    // What the rig sends is what the control server accepts.
    const parsed = StartAgentRequest.parse(order);
    expect(parsed.envVars).toMatchObject({
      KILOCODE_TOKEN: "kilo-secret-1",
      GIT_TOKEN: "git-secret-2",
      MODEL_API_KEY: "model-secret-3",
    });
    const token = parsed.envVars?.["GASTOWN_SESSION_TOKEN"] ?? "";
    expect(token).toMatch(/^ey/);
    const everything = await Promise.all(
      [
        "/journal",
        "/export",
        "/events",
        "/settings",
        "/health",
        "/state",
        "/beads",
        "/agents",
        `/agents/${data.agent.id}/prime`,
        `/agents/${data.agent.id}/events`,
        "/outbox",
        "/board",
      ].map(async (path) => JSON.stringify((await http.get(path)).body)),
    );
    everything.push(
      JSON.stringify((await call("GET", `/api/users/u1/rigs/${rig.id}`)).body),
      JSON.stringify((await call("GET", `/api/users/u1/towns/${town.id}/events`)).body),
      logged.join("\n"),
    );
    console.warn = original;
    for (const text of everything)
      for (const secret of ["kilo-secret", "git-secret", "model-secret", token, SECRET])
        expect(text).not.toContain(secret);
  });
});

describe("fencing through the token", () => {
  test("GT-909 every report of an older dispatch is answered as it always was, a done with 409; all are journalled as stale and change nothing", async () => {
    const { rig, town, http } = await newTown();
    const { data } = await http.post("/sling", { title: "work" });
    const agentId: string = data.agent.id;
    const tokenOf = async (n: number) => ({
      authorization: `Bearer ${await sign({ agentId, rigId: rig.id, townId: town.id, userId: "u1", dispatchId: `${agentId}:${n}`, iat: now(), exp: now() + 3_600 }, SECRET, "HS256")}`,
    });
    const old = await tokenOf(1);
    await eventually(async () => expect((await http.get("/health")).data.outbox).toBe(0));
    await http.post(`/agents/${agentId}/heartbeat`, {}, old);
    await http.put("/settings", { arm_delay_ms: 0 });
    await http.post(`/agents/${agentId}/completed`, { status: "failed", reason: "exit 1" }, old);
    await http.post("/tick");
    await eventually(async () =>
      expect((await http.get(`/agents/${agentId}`)).data).toMatchObject({ status: "working", dispatch_attempts: 1 }),
    );
    await http.post(`/agents/${agentId}/heartbeat`, {}, await tokenOf(2));
    const state = async () => JSON.stringify((await http.get("/state")).data.actors);
    const before = await state(); // The newer dispatch has been heard.
    const reports: [string, unknown, number][] = [
      [`/agents/${agentId}/heartbeat`, {}, 200],
      // Its agent is to know that what it did is not taken.
      [`/agents/${agentId}/done`, { branch: "b" }, 409],
      [`/agents/${agentId}/completed`, { status: "completed" }, 200],
      [`/agents/${agentId}/checkpoint`, { data: { old: true } }, 200],
      ["/mail", { from_agent_id: agentId, to_agent_id: agentId, subject: "s", body: "b" }, 201],
      ["/agent-events", { agent_id: agentId, event_type: "tool_call", data: {} }, 201],
      ["/review-queue", { agent_id: agentId, bead_id: data.bead.id, branch: "b" }, 201],
    ];
    for (const [path, body, status] of reports) expect((await http.post(path, body, old)).status, path).toBe(status);
    expect(await state()).toBe(before);
    const stale = (await http.get("/journal")).body["text"] as string;
    expect(
      stale
        .split("\n")
        .filter((line) => line.includes('"report.stale"'))
        .map((line) => (JSON.parse(line) as { fact: { report: string } }).fact.report),
    ).toEqual(["heartbeat", "done", "completed", "checkpoint", "mail", "progress", "review"]);
    // The newest dispatch is heard, and an operator, whose token names none, is not fenced.
    expect((await http.post(`/agents/${agentId}/done`, { branch: "b" }, await tokenOf(2))).data).toEqual({
      done: true,
    });
    expect((await http.get(`/beads/${data.bead.id}`)).data.status).toBe("in_review");
  });

  test("lobehub#19548 a token past its end counts for 7 days, while its dispatch is the live one", async () => {
    const { rig, town, http } = await newTown();
    const { data } = await http.post("/sling", { title: "long work" });
    const agentId: string = data.agent.id;
    await eventually(async () => expect((await http.get("/health")).data.outbox).toBe(0));
    const token = async (age_s: number, n = 1) => ({
      authorization: `Bearer ${await sign({ agentId, rigId: rig.id, townId: town.id, userId: "u1", role: "polecat", dispatchId: `${agentId}:${n}`, iat: now() - age_s, exp: now() - age_s + DAY_S }, SECRET, "HS256")}`,
    });
    const save = async (headers: Record<string, string>) =>
      (await http.post(`/agents/${agentId}/checkpoint`, { data: 1 }, headers)).status;
    expect(await save(await token(DAY_S + 1))).toBe(200);
    expect(await save(await token(7 * DAY_S - 60))).toBe(200);
    expect((await http.get("/beads", await token(7 * DAY_S - 60))).status).toBe(200);
    expect(await save(await token(7 * DAY_S + 1))).toBe(401);
    expect(await save(await token(DAY_S + 1, 0))).toBe(401);
    expect((await http.get("/beads", await token(DAY_S + 1, 0))).status).toBe(401);
    await http.post(`/agents/${agentId}/done`, { branch: "b" }, await token(2 * DAY_S));
    expect((await http.get(`/beads/${data.bead.id}`)).data.status).toBe("in_review");
    expect(await save(await token(DAY_S + 1))).toBe(401);
  });

  test("F-104 the order to merge brings the credential of its claim, which is good for the verdict and for nothing else", async () => {
    const { http, calls } = await newTown();
    const { data } = await http.post("/sling", { title: "work" });
    await http.post(`/agents/${data.agent.id}/done`, { branch: "b" });
    await eventually(async () => expect((await calls()).calls.some(({ path }) => path === "/git/merge")).toBe(true));
    const orders = (await calls()).calls.map(({ path, body }) => ({ path, body: body as unknown as Order }));
    const tokenOf = (path: string) => {
      const token = orders.find((order) => order.path === path)?.body.envVars["GASTOWN_SESSION_TOKEN"];
      return { authorization: `Bearer ${token}` };
    };
    const verdict = `/review-queue/${orders.find(({ path }) => path === "/git/merge")?.body.entryId}/complete`;
    const body = { status: "merged", message: "" };
    expect((await http.post(verdict, body, tokenOf("/agents/start"))).status).toBe(403);
    const credential = tokenOf("/git/merge");
    expect((await http.get("/beads", credential)).status).toBe(403);
    expect((await http.post("/review-queue/review-x/complete", body, credential)).status).toBe(403);
    expect((await http.get(`/beads/${data.bead.id}`)).data.status).toBe("in_review");
    // A container that repeats no dispatch id, as Gas Town's.
    expect((await http.post(verdict, body, credential)).status).toBe(200);
    expect((await http.get(`/beads/${data.bead.id}`)).data.status).toBe("closed");
  });

  test("a merge result of an older claim changes nothing", async () => {
    const { http, calls } = await newTown();
    const { data } = await http.post("/sling", { title: "work" });
    await http.post(`/agents/${data.agent.id}/done`, { branch: "b" });
    await eventually(async () => expect((await calls()).calls.some(({ path }) => path === "/git/merge")).toBe(true));
    const merge = (await calls()).calls.find(({ path }) => path === "/git/merge")?.body as {
      entryId: string;
      dispatchId: string;
    };
    MergeRequest.parse(merge);
    expect(merge.dispatchId).toBe(`${merge.entryId}:1`);
    expect(
      (
        await http.post(`/review-queue/${merge.entryId}/complete`, {
          status: "merged",
          message: "",
          dispatch_id: `${merge.entryId}:0`,
        })
      ).status,
    ).toBe(200);
    expect((await http.get(`/beads/${data.bead.id}`)).data.status).toBe("in_review");
    expect(
      (
        await http.post(`/review-queue/${merge.entryId}/complete`, {
          status: "merged",
          message: "",
          commit_sha: "abc",
          dispatch_id: merge.dispatchId,
        })
      ).status,
    ).toBe(200);
    expect((await http.get(`/beads/${data.bead.id}`)).data).toMatchObject({
      status: "closed",
      metadata: { commit_sha: "abc" },
    });
  });
});

describe("a mayor's tools", () => {
  test("work with the rigs of its town and no other", async () => {
    const { rig, town } = await newTown();
    const other = await newTown();
    const mayor: string = (await api(rig.id).post("/agents", { role: "mayor", name: "mayor", identity: "rig/mayor" }))
      .data.id;
    const headers = {
      authorization: `Bearer ${await sign({ agentId: mayor, rigId: rig.id, townId: town.id, userId: "u1", iat: now(), exp: now() + 60 }, SECRET, "HS256")}`,
    };
    const tools = `/api/mayor/${town.id}/tools`;
    const listed = [{ ...rig, updated_at: rig.created_at }];
    expect((await call("GET", `${tools}/rigs`, undefined, headers)).data).toEqual(listed);
    const slung = await call("POST", `${tools}/sling`, { rig_id: rig.id, title: "from the mayor" }, headers);
    expect(slung.status).toBe(201);
    expect((await call("GET", `${tools}/rigs/${rig.id}/beads`, undefined, headers)).data).toHaveLength(1);
    expect((await call("GET", `${tools}/rigs/${rig.id}/agents`, undefined, headers)).data).toHaveLength(2);
    expect(
      (
        await call(
          "POST",
          `${tools}/mail`,
          { rig_id: rig.id, from_agent_id: mayor, to_agent_id: slung.data.agent.id, subject: "s", body: "b" },
          headers,
        )
      ).status,
    ).toBe(201);
    expect((await call("POST", `${tools}/sling`, { rig_id: other.rig.id, title: "no" }, headers)).status).toBe(403);
    expect((await call("GET", `/api/mayor/${other.town.id}/tools/rigs`, undefined, headers)).status).toBe(403);
  });
});
