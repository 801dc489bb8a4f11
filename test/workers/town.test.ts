import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { DOOR } from "../../src/events/limits.ts";
import { NO_TOWN_CAPS } from "../../src/do/town-money.ts";
import type { UserDO } from "../../src/do/user-do.ts";
import { api, call } from "./client.ts";

/** What is promised of towns and of who may read what, where no other test looks. */

test("a stale dispatch reads no mail, and what is there stays for the newer one", async () => {
  const rig = api("rig-stale-mail");
  const { data: agent } = await rig.post("/agents", { role: "polecat", name: "a", identity: "a" });
  await rig.post("/mail", { from_agent_id: "someone", to_agent_id: agent.id, subject: "s", body: "b" });
  const stub = env.RIG.get(env.RIG.idFromName("rig-stale-mail"));
  const caller = {
    kind: "agent" as const,
    id: String(agent.id),
    dispatchId: `${agent.id}:7`,
    role: null,
    townId: "t1",
    isAtHome: true,
    isExpired: false,
  };
  expect(await stub.readMail(agent.id, caller)).toEqual([]);
  expect((await rig.get(`/agents/${agent.id}/mail`)).data).toHaveLength(1);
  // A person's look takes nothing away.
  expect((await rig.get(`/agents/${agent.id}/mail`)).data).toHaveLength(1);
});

test("a rig that cannot be set up as a whole is taken back: it is in no list, and is gone", async () => {
  const { data: town } = await call("POST", "/api/users/half/towns", { name: "town" });
  const made: string[] = [];
  const user = env.USER.get(env.USER.idFromName("half"));
  const answer = await runInDurableObject(user as never, async (instance: UserDO) => {
    const host = instance as unknown as { env: typeof env };
    const whole = host.env;
    host.env = {
      ...whole,
      RIG: {
        idFromName: (name: string) => {
          made.push(name);
          return whole.RIG.idFromName(name);
        },
        get: (id: never) => whole.RIG.get(id),
      },
      USER: {
        idFromName: (name: string) => whole.USER.idFromName(name),
        get: () => ({
          townCaps: async () => NO_TOWN_CAPS,
          enlist: async () => {
            throw new Error("the directory is away");
          },
        }),
      },
    } as never;
    try {
      return await instance.createRig(
        {
          townId: town.id,
          name: "r",
          gitUrl: "https://example.org/r.git",
          defaultBranch: "main",
          secrets: {},
        },
        { id: "rig-half", isAskedAgain: false },
        "operator",
      );
    } finally {
      host.env = whole;
    }
  });
  expect(answer).toMatchObject({ ok: false, status: 502, error: expect.stringContaining("the directory is away") });
  expect((await call("GET", `/api/users/half/towns/${town.id}/rigs`)).data).toEqual([]);
  expect(new Set(made).size).toBe(1);
  expect((await api(made[0] ?? "").get("/health")).status).toBe(404);
});

/** What the container of a town was asked, and what it answers from now on. */
const containerOf = (townId: string) => {
  const stub = env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName(townId));
  return {
    script: (script: unknown) =>
      stub.fetch("http://container/_script", { method: "POST", body: JSON.stringify(script) }),
    calls: async (path: string) =>
      (
        (await (await stub.fetch("http://container/_calls")).json()) as { calls: { path: string; body: unknown }[] }
      ).calls.filter((each) => each.path === path),
  };
};

test("a rig is made for a repository that was looked at first: what no agent could work on is refused, what may keep work from being merged is told, and so is that nobody could look", async () => {
  const { data: town } = await call("POST", "/api/users/looker/towns", { name: "town" });
  const container = containerOf(town.id);
  const make = (more: object = {}) =>
    call("POST", "/api/users/looker/rigs", {
      town_id: town.id,
      name: "r",
      git_url: "https://me:let-me-in@example.org/r.git",
      secrets: { GIT_USERNAME: "me", MODEL_API_KEY: "model-secret" },
      ...more,
    });
  const answers = (body: unknown, status = 200) => container.script({ "POST /repositories/look": { status, body } });
  const sentence = "main is checked out in /srv/r";

  await answers({ result: "refused", code: "no_such_branch", sentence: "it has no branch main" });
  expect(await make()).toMatchObject({ status: 422, error: "it has no branch main", body: { code: "no_such_branch" } });
  expect((await call("GET", `/api/users/looker/towns/${town.id}/rigs`)).data).toEqual([]);
  await answers({ result: "ok", warnings: [{ code: "checked_out", sentence }] });
  const warned = await make({ default_branch: "trunk" });
  expect(warned).toMatchObject({ status: 201, body: { warnings: [{ code: "checked_out", sentence }] } });
  expect((await call("GET", `/api/users/looker/rigs/${warned.data.id}`)).data).toEqual(warned.data);
  // What git logs in with goes along, and nothing else.
  expect((await container.calls("/repositories/look")).at(-1)?.body).toEqual({
    gitUrl: "https://example.org/r.git",
    targetBranch: "trunk",
    envVars: { GIT_TOKEN: "let-me-in", GIT_USERNAME: "me" },
  });
  await answers({ result: "ok", warnings: [] });
  expect((await make()).body["warnings"]).toBeUndefined();
  for (const [status, body, words] of [
    [404, { error: "Not found" }, "is an old one"],
    [503, { error: "busy" }, "HTTP 503: busy"],
    [200, { result: "perhaps" }, "does not answer"],
  ] as const) {
    await answers(body, status);
    expect((await make()).body["warnings"]).toMatchObject([
      { code: "not_looked", sentence: expect.stringContaining(words) },
    ]);
  }
});

test("no container is asked for a town that nobody has, and an address that is none is refused with a hint", async () => {
  const make = (git_url: string, town_id = "town-x") =>
    call("POST", "/api/users/looker/rigs", { town_id, name: "r", git_url });
  expect((await make("https://example.org/r.git")).status).toBe(404);
  expect(await containerOf("town-x").calls("/repositories/look")).toEqual([]);
  expect(await make("owner/repo")).toMatchObject({
    status: 400,
    error: expect.stringContaining("https://github.com/owner/repo.git"),
  });
  expect(await make("~/repo")).toMatchObject({
    status: 400,
    error: expect.stringContaining("the ~ is known to your shell"),
  });
});

test("a deleted rig is forgotten by its container, and one that does not answer keeps nobody from deleting it", async () => {
  const { data: town } = await call("POST", "/api/users/forgetter/towns", { name: "town" });
  const rig = { town_id: town.id, name: "r", git_url: "https://example.org/r.git" };
  const { data: first } = await call("POST", "/api/users/forgetter/rigs", rig);
  const { data: second } = await call("POST", "/api/users/forgetter/rigs", rig);
  const container = containerOf(town.id);
  expect((await call("DELETE", `/api/users/forgetter/rigs/${first.id}`)).status).toBe(200);
  expect(await container.calls(`/rigs/${first.id}/forget`)).toHaveLength(1);
  expect(await container.calls(`/rigs/${second.id}/forget`)).toEqual([]);
  await container.script({ "POST /rigs/[^/]+/forget": { status: 503 } });
  expect((await call("DELETE", `/api/users/forgetter/towns/${town.id}`)).status).toBe(200);
  expect(await container.calls(`/rigs/${second.id}/forget`)).toHaveLength(1);
});

test("an agent brings its origin up to date through the rig: what the container says comes back, with its status", async () => {
  const { data: town } = await call("POST", "/api/users/syncer/towns", { name: "town" });
  const { data: rig } = await call("POST", "/api/users/syncer/rigs", {
    town_id: town.id,
    name: "r",
    git_url: "https://example.org/r.git",
    secrets: { GIT_TOKEN: "git-secret" },
  });
  const { data: agent } = await api(rig.id).post("/agents", { role: "polecat", name: "a", identity: "a" });
  const container = containerOf(town.id);
  const path = `/agents/${agent.id}/sync`;
  const answers = (body: unknown, status = 200) => container.script({ [`POST ${path}`]: { status, body } });
  await answers({ synced: true, target: "abc" });
  expect((await api(rig.id).post(path)).data).toEqual({ synced: true, target: "abc" });
  expect((await container.calls(path))[0]?.body).toMatchObject({
    rigId: rig.id,
    gitUrl: "https://example.org/r.git",
    targetBranch: "main",
    envVars: { GIT_TOKEN: "git-secret" },
  });
  for (const [told, code, status] of [
    [404, "no_clone", 404],
    [404, undefined, 409],
    [422, "remote_unreachable", 422],
    [503, undefined, 503],
  ] as const) {
    await answers({ error: "in words", ...(code === undefined ? {} : { code }) }, told);
    const answer = await api(rig.id).post(path);
    expect(answer.status).toBe(status);
    if (status !== 409) expect(answer.error).toContain("in words");
  }
  expect((await api(rig.id).post("/agents/agent-x/sync")).status).toBe(404);
});

test("a town's events are those of all its rigs, oldest first, and a limit keeps the oldest", async () => {
  const { data: town } = await call("POST", "/api/users/order/towns", { name: "town" });
  const rigs = await Promise.all(
    ["one", "two"].map(async (name) => {
      const { data } = await call("POST", "/api/users/order/rigs", {
        town_id: town.id,
        name,
        git_url: "https://example.org/r.git",
      });
      return api(data.id);
    }),
  );
  const ids: string[] = [];
  for (let n = 0; n < 6; n++) {
    ids.push((await rigs[n % 2]?.post("/beads", { type: "message", title: `bead ${n}` }))?.data.id);
    await scheduler.wait(3);
  }
  const events = async (query = ""): Promise<{ bead_id: string; event_type: string }[]> =>
    (await call("GET", `/api/users/order/towns/${town.id}/events${query}`)).data;
  const created = (await events()).filter(({ event_type }) => event_type === "created").map(({ bead_id }) => bead_id);
  expect(created).toEqual(ids);
  expect((await events("?limit=1")).map(({ bead_id }) => bead_id)).toEqual(ids.slice(0, 1));
});

test("a user has so many towns and so many rigs and no more", async () => {
  const user = env.USER.get(env.USER.idFromName("collector")) as unknown as DurableObjectStub<UserDO>;
  const { data: town } = await call("POST", "/api/users/collector/towns", { name: "first" });
  await runInDurableObject(user, (_, { storage: { sql } }) => {
    for (let i = 2; i < DOOR.towns_and_rigs; i++) sql.exec("INSERT INTO towns VALUES (?, 'n', ?)", `t${i}`, i);
    for (let i = 1; i < DOOR.towns_and_rigs; i++)
      sql.exec(
        "INSERT INTO rigs (id, town_id, name, git_url, default_branch, created_at) VALUES (?, ?, 'n', 'https://example.org/r.git', 'main', ?)",
        `r${i}`,
        town.id,
        i,
      );
  });
  const rig = { town_id: town.id, name: "rig", git_url: "https://example.org/r.git" };
  const statuses: number[] = [];
  for (let i = 0; i < 2; i++) {
    statuses.push((await call("POST", "/api/users/collector/towns", { name: "n" })).status);
    statuses.push((await call("POST", "/api/users/collector/rigs", rig)).status);
  }
  expect(statuses).toEqual([201, 201, 429, 429]);
});
