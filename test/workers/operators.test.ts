import { env } from "cloudflare:workers";
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { scopeOf } from "../../src/api/route.ts";
import { ROUTES } from "../../src/api/routes/index.ts";
import { DIRECTORY } from "../../src/do/user-do.ts";
import { DOOR } from "../../src/events/limits.ts";
import { api, call } from "./client.ts";

/** Many requests, one after the other: a machine that does other things too takes its time. */
const SLOW_MS = 120_000;

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const FIRST = bearer("test-operator-token");

const newToken = async (name: string, scope?: string) =>
  (await call("POST", "/api/operator-tokens", { name, ...(scope === undefined ? {} : { scope }) }, FIRST)).data as {
    id: string;
    token: string;
  };
const newCode = async (headers: Record<string, string>) =>
  (await call("POST", "/api/operators/codes", undefined, headers)).data as { code: string; expires_at: string };
const trade = (code: string) => call("POST", "/api/session", { code });
const isIn = async (token: string) =>
  (await call("GET", "/api/users/u/towns", undefined, bearer(token))).status === 200;
const list = async () => (await call("GET", "/api/operator-tokens", undefined, FIRST)).data as { id: string }[];

/** The clock stands where the test puts it. */
function clock(): { later: (ms: number) => void } {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  onTestFinished(() => void vi.useRealTimers());
  return { later: (ms) => vi.setSystemTime(Date.now() + ms) };
}

/** Takes back what a test made: there is one directory for all of them. */
afterEach(async () => {
  const directory = env.USER.get(env.USER.idFromName(DIRECTORY)) as unknown as DurableObjectStub;
  await runInDurableObject(directory, (_, { storage: { sql } }) => {
    sql.exec("DELETE FROM operator_tokens");
    sql.exec("DELETE FROM operator_codes");
  });
});

describe("the scope of an operator's token", () => {
  /** What each scope is for, beyond "a GET reads, everything else operates". */
  const ADMIN = [
    "PUT /api/rigs/:rigId/secrets",
    "DELETE /api/users/:userId/towns/:townId",
    "DELETE /api/users/:userId/rigs/:rigId",
    "POST /api/towns/:townId/container/agents/start",
    "POST /api/rigs/:rigId/trains/:trainId/complete",
    "POST /api/maintenance/poke",
    "POST /api/users/:userId/rigs/import",
    "PUT /api/users/:userId/notify",
    "PUT /api/towns/:townId/budget",
    "POST /api/operator-tokens",
    "GET /api/operator-tokens",
    "DELETE /api/operator-tokens/:tokenId",
  ];
  const OPERATE_GET = ["GET /api/rigs/:rigId/agents/:agentId/mail"];
  const READ_POST = [
    "POST /api/rigs/:rigId/replay",
    "POST /api/rigs/:rigId/what-if",
    "POST /api/towns/:townId/container/agents/:id/stream-ticket",
    "POST /api/operators/codes",
  ];

  test("is read for what only looks, admin for access, secrets and deletions, operate for the rest", () => {
    for (const entry of ROUTES.filter(({ access }) => access.includes("operator"))) {
      const name = `${entry.method} ${entry.path}`;
      const expected = ADMIN.includes(name)
        ? "admin"
        : READ_POST.includes(name) || (entry.method === "GET" && !OPERATE_GET.includes(name))
          ? "read"
          : "operate";
      expect([name, scopeOf(entry)]).toEqual([name, expected]);
    }
  });

  test(
    "opens its own routes and those of the lesser scopes, and no others",
    async () => {
      const ranks = ["read", "operate", "admin"];
      for (const scope of ranks) {
        const own = bearer((await newToken(`a ${scope}`, scope)).token);
        for (const entry of ROUTES.filter((one) => one.access.includes("operator"))) {
          const path = entry.path.replace(/:\w+/g, "x1");
          // A feed never ends; a mayor's tool looks for the rig first; one route would end this test's own token.
          if (/^\/api\/mayor|\/feed$|:tokenId$/.test(entry.path)) continue;
          const { status, error } = await call(entry.method, path, entry.method === "GET" ? undefined : {}, own);
          const isRefused = status === 403 && error?.includes("is good for") === true;
          const mayNot = ranks.indexOf(scope) < ranks.indexOf(scopeOf(entry));
          expect([scope, entry.method, path, isRefused]).toEqual([scope, entry.method, path, mayNot]);
        }
      }
    },
    SLOW_MS,
  );

  test("is admin for a token that was made before there were scopes", async () => {
    const { id, token } = await newToken("old", "read");
    const directory = env.USER.get(env.USER.idFromName("somebody-old")) as unknown as DurableObjectStub;
    await runInDurableObject(directory, (_, { storage: { sql } }) => {
      const old = ["towns", "rigs", "directory", "answers"];
      const tables = sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").toArray();
      for (const { name } of tables) if (!old.includes(name) && !name.startsWith("_")) sql.exec(`DROP TABLE ${name}`);
      sql.exec(`
        ALTER TABLE rigs DROP COLUMN updated_at;
        CREATE TABLE operator_tokens (id TEXT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, created_at INTEGER NOT NULL, revoked_at INTEGER) STRICT, WITHOUT ROWID;
      `);
      sql.exec("INSERT INTO operator_tokens VALUES ('op-1', 'old', 'h', 0, NULL)");
    });
    await evictDurableObject(directory);
    const again = env.USER.get(env.USER.idFromName("somebody-old"));
    expect(await again.operatorTokens()).toMatchObject([{ id: "op-1", name: "old", scope: "admin", expires_at: null }]);
    expect([id, await isIn(token)]).toEqual([id, true]);
  });

  test("is told in the list, and whose token it was stands in the fact", async () => {
    const { id, token } = await newToken("night shift", "operate");
    expect(await list()).toMatchObject([{ id, name: "night shift", scope: "operate" }]);
    const rig = api("rig-by", bearer(token));
    await rig.post("/pause");
    expect(String((await rig.get("/journal")).body["text"])).toContain(`"by":"night shift (${id})"`);
  });

  test("stands in the fact also where its holder acts in an agent's name; on the wire the bead's event is the agent's", async () => {
    const { id, token } = await newToken("n".repeat(DOOR.operator_name_chars), "operate");
    const rig = api("rig-for", bearer(token));
    const agentId = "a".repeat(128);
    for (const [path, body] of [
      ["/close", { agent_id: agentId }],
      ["/status", { agent_id: agentId, status: "closed" }],
    ] as const) {
      const { data } = await rig.post("/beads", { type: "issue", title: "t" });
      const done = path === "/close" ? rig.post : rig.patch;
      expect((await done(`/beads/${data.id}${path}`, body)).status).toBe(200);
      expect((await rig.get(`/events?bead_id=${data.id}`)).data.at(-1)).toMatchObject({
        event_type: "closed",
        agent_id: agentId,
      });
    }
    const journal = String((await rig.get("/journal")).body["text"]);
    expect(journal.split(`"by":"${"n".repeat(40)} (${id}) for ${agentId}"`)).toHaveLength(3);
  });
});

describe("a one-time code", () => {
  test("is traded once for a token of its operator's scope", async () => {
    const code = await newCode(bearer((await newToken("ann", "operate")).token));
    const session = await trade(code.code);
    expect([session.status, session.data]).toEqual([
      201,
      { token: expect.stringMatching(/^tto_[0-9a-f]{64}$/), operator: "ann", scope: "operate" },
    ]);
    expect(await isIn(session.data.token)).toBe(true);
    expect((await trade(code.code)).status).toBe(401);
    expect(await list()).toMatchObject([{ name: "ann" }, { name: "browser of ann", scope: "operate" }]);
  });

  test("is good for five minutes and not a millisecond longer", async () => {
    const { later } = clock();
    const inTime = await newCode(FIRST);
    const tooLate = await newCode(FIRST);
    expect(Date.parse(inTime.expires_at) - Date.now()).toBe(DOOR.code_ms);
    later(DOOR.code_ms - 1);
    expect((await trade(inTime.code)).status).toBe(201);
    later(1);
    expect((await trade(tooLate.code)).status).toBe(401);
  });

  test("is kept as a digest only", async () => {
    const { code } = await newCode(FIRST);
    const directory = env.USER.get(env.USER.idFromName(DIRECTORY)) as unknown as DurableObjectStub;
    const kept = await runInDurableObject(directory, (_, { storage: { sql } }) =>
      sql.exec("SELECT * FROM operator_codes").toArray(),
    );
    expect(kept).toHaveLength(1);
    expect(JSON.stringify(kept)).not.toContain(code.slice(4));
  });

  test("of one operator: the tenth is kept, with the eleventh the first one goes", async () => {
    const { later } = clock();
    const codes: string[] = [];
    for (let i = 0; i <= DOOR.codes_per_operator; i++, later(1)) codes.push((await newCode(FIRST)).code);
    expect((await trade(codes[0] ?? "")).status).toBe(401);
    expect((await trade(codes[1] ?? "")).status).toBe(201);
  });

  test("is refused when there are too many in all, until some are over", async () => {
    const { later } = clock();
    const directory = env.USER.get(env.USER.idFromName(DIRECTORY)) as unknown as DurableObjectStub;
    await runInDurableObject(directory, (_, { storage: { sql } }) => {
      for (let i = 1; i < DOOR.codes; i++)
        sql.exec(
          "INSERT INTO operator_codes VALUES (?, ?, NULL, 0, ?, '')",
          `h${i}`,
          `o${i}`,
          Date.now() + DOOR.code_ms,
        );
    });
    const other = bearer((await newToken("ben")).token);
    expect((await call("POST", "/api/operators/codes", undefined, FIRST)).status).toBe(201);
    expect((await call("POST", "/api/operators/codes", undefined, other)).status).toBe(429);
    later(DOOR.code_ms);
    expect((await call("POST", "/api/operators/codes", undefined, other)).status).toBe(201);
  });

  test("dies with the token it came from", async () => {
    const ann = await newToken("ann");
    const { code } = await newCode(bearer(ann.token));
    await call("DELETE", `/api/operator-tokens/${ann.id}`, undefined, FIRST);
    expect((await trade(code)).status).toBe(401);
  });

  test("is nothing that an agent or nobody can make", async () => {
    expect((await call("POST", "/api/operators/codes", undefined, { authorization: "Bearer x" })).status).toBe(401);
    expect((await trade("ttc_" + "0".repeat(64))).status).toBe(401);
  });
});

describe("a browser's token", () => {
  const browser = async (headers = FIRST) => (await trade((await newCode(headers)).code)).data.token as string;

  test("ends when it was not used for 30 days; a use moves that on", async () => {
    const { later } = clock();
    const [used, unused] = [await browser(), await browser()];
    later(DOOR.browser_idle_ms - 1);
    expect(await isIn(used)).toBe(true);
    later(1);
    expect(await isIn(unused)).toBe(false);
    later(DOOR.browser_idle_ms - 2);
    expect(await isIn(used)).toBe(true);
  });

  test("is ended with the operator's token that let it in, also one that it let in itself", async () => {
    const ann = await newToken("ann");
    const first = await browser(bearer(ann.token));
    const second = await browser(bearer(first));
    expect(await isIn(second)).toBe(true);
    await call("DELETE", `/api/operator-tokens/${ann.id}`, undefined, FIRST);
    expect([await isIn(first), await isIn(second)]).toEqual([false, false]);
  });

  test("lets others in only so far: whom each came from is remembered", async () => {
    let token = await browser();
    for (let i = 1; i < DOOR.browser_generations; i++) token = await browser(bearer(token));
    const { status, error } = await call("POST", "/api/operators/codes", undefined, bearer(token));
    expect([status, error]).toEqual([429, expect.stringContaining("npm run open")]);
    expect(await isIn(token)).toBe(true);
  });

  test("of the first operator is ended by a new first token", async () => {
    const token = await browser();
    expect(await isIn(token)).toBe(true);
    const directory = env.USER.get(env.USER.idFromName(DIRECTORY)) as unknown as DurableObjectStub;
    await runInDurableObject(directory, (_, { storage: { sql } }) => {
      sql.exec("UPDATE operator_tokens SET root_hash = 'the digest of another one'");
    });
    expect(await isIn(token)).toBe(false);
  });

  test("is one of 20 per operator: the one not used for longest goes", async () => {
    const { later } = clock();
    const tokens: string[] = [];
    for (let i = 0; i < DOOR.browsers_per_operator; i++, later(1)) tokens.push(await browser());
    expect(await isIn(tokens[0] ?? "")).toBe(true);
    await browser();
    expect([await isIn(tokens[0] ?? ""), await isIn(tokens[1] ?? "")]).toEqual([true, false]);
    expect(await list()).toHaveLength(DOOR.browsers_per_operator);
  });
});

test("F-602b with a revoked token ends all that came of it: its codes, its browsers, and theirs; what it came from goes on", async () => {
  const browser = async (of: string) => {
    const { code } = await newCode(bearer(of));
    const { token } = (await trade(code)).data as { token: string };
    return { token, id: (await list()).find(({ id }) => !seen.has(id) && seen.add(id))?.id ?? "" };
  };
  const seen = new Set((await list()).map(({ id }) => id));
  const ann = await newToken("ann");
  seen.add(ann.id);
  const stolen = await browser(ann.token);
  const other = await browser(ann.token);
  const thiefs = await browser(stolen.token);
  const thiefsOther = await browser(thiefs.token);
  const codes = [await newCode(bearer(stolen.token)), await newCode(bearer(thiefsOther.token))];
  const annsCode = await newCode(bearer(ann.token));
  expect((await call("DELETE", `/api/operator-tokens/${stolen.id}`, undefined, FIRST)).status).toBe(200);
  for (const { token } of [stolen, thiefs, thiefsOther]) expect(await isIn(token)).toBe(false);
  for (const { code } of codes) expect((await trade(code)).status).toBe(401);
  for (const { token } of [ann, other]) expect(await isIn(token)).toBe(true);
  expect((await trade(annsCode.code)).status).toBe(201);
  // And with the token that is the root of it all, the rest.
  const last = await newCode(bearer(other.token));
  await call("DELETE", `/api/operator-tokens/${ann.id}`, undefined, FIRST);
  expect([await isIn(ann.token), await isIn(other.token)]).toEqual([false, false]);
  expect((await trade(last.code)).status).toBe(401);
});

test("an operator's name has a length", async () => {
  const made = async (chars: number) =>
    (await call("POST", "/api/operator-tokens", { name: "n".repeat(chars) }, FIRST)).status;
  expect([await made(DOOR.operator_name_chars), await made(DOOR.operator_name_chars + 1)]).toEqual([201, 400]);
});

test("operators' tokens have a limit, and revoked ones are remembered up to another", async () => {
  const directory = env.USER.get(env.USER.idFromName(DIRECTORY)) as unknown as DurableObjectStub;
  await runInDurableObject(directory, (_, { storage: { sql } }) => {
    const put = (id: string, revoked: number | null) =>
      sql.exec(
        "INSERT INTO operator_tokens (id, name, hash, created_at, revoked_at) VALUES (?, 'n', ?, 0, ?)",
        id,
        id,
        revoked,
      );
    for (let i = 1; i < DOOR.operator_tokens; i++) put(`live-${i}`, null);
    for (let i = 0; i <= DOOR.ended_tokens_kept; i++) put(`ended-${i}`, i);
  });
  const make = () => call("POST", "/api/operator-tokens", { name: "one more" }, FIRST);
  expect((await make()).status).toBe(201);
  expect((await make()).status).toBe(429);
  const ids = (await list()).map(({ id }) => id);
  expect([ids.includes("ended-0"), ids.includes("ended-1")]).toEqual([false, true]);
  await call("DELETE", "/api/operator-tokens/live-1", undefined, FIRST);
  expect((await make()).status).toBe(201);
});
