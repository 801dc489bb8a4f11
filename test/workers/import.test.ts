import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { archive } from "../../src/do/archive.ts";
import { LIMITS } from "../../src/events/limits.ts";
import type { RigDO } from "../../src/do/rig-do.ts";
import { api, call, eventually, OPERATOR, send } from "./client.ts";

/** A rig that is lost and brought back from the file of its export, in workerd. */

const FILE = { "content-type": "application/x-ndjson" };

async function rigOf(user: string) {
  const town = (await call("POST", `/api/users/${user}/towns`, { name: "Delft" })).data;
  const { id } = (
    await call("POST", `/api/users/${user}/rigs`, {
      town_id: town.id,
      name: "pottery",
      git_url: "https://example.com/pottery.git",
      secrets: { GIT_TOKEN: "s3cret-of-the-pottery" },
    })
  ).data;
  const rig = api(id as string);
  const { agent, bead } = (await rig.post("/sling", { title: "throw a pot" })).data;
  for (let i = 0; i < 10; i++) await rig.post("/beads", { type: "message", title: `note ${i}: über «all»` });
  await eventually(async () => expect((await rig.get("/outbox")).data).toEqual([]));
  return {
    id: id as string,
    town: town.id as string,
    rig,
    agent: agent as { id: string },
    bead: bead as { id: string },
  };
}

const exportOf = async (id: string): Promise<string> =>
  (await send(new Request(`http://localhost/api/rigs/${id}/export`, { headers: OPERATOR }))).text();

const bring = (user: string, file: string, headers: Record<string, string> = {}) =>
  call("POST", `/api/users/${user}/rigs/import`, file, { ...FILE, ...headers });

/** The object forgets all of it, as one whose disk is lost. */
async function lose(user: string, id: string, town: string): Promise<void> {
  const stub = env.RIG.get(env.RIG.idFromName(id));
  await runInDurableObject(stub as never, async (instance: RigDO, state: DurableObjectState) => {
    instance.rig = null;
    await state.storage.deleteAll();
  });
  await runInDurableObject(stub as never, (_: RigDO, state: DurableObjectState) => state.abort()).catch(() => {});
  await runInDurableObject(
    env.USER.get(env.USER.idFromName(user)) as never,
    (_: unknown, state: DurableObjectState) => {
      state.storage.sql.exec("DELETE FROM rigs WHERE id = ?", id);
      state.storage.sql.exec("DELETE FROM towns WHERE id = ?", town);
    },
  );
}

const factsOf = (file: string): string[] => file.split("\n").filter((line) => line.startsWith('{"seq":'));

test("a rig that was lost is brought back as it was, held, with its old dispatches fenced and its secrets asked for", async () => {
  const user = "import-1";
  const { id, town, rig, agent, bead } = await rigOf(user);
  const file = await exportOf(id);
  expect(file).not.toContain("s3cret");
  await lose(user, id, town);
  expect((await rig.get("/agents")).data).toEqual([]);

  const key = { "idempotency-key": "bring it back" };
  const brought = await bring(user, file, key);
  expect(brought).toMatchObject({ status: 201, data: { id, town_id: town, missing_secrets: ["GIT_TOKEN"] } });
  expect((await bring(user, file, key)).body).toEqual(brought.body);
  // Another file is another request, however long it is.
  const other = file.replace("note 3", "note 4");
  expect([other.length, other === file]).toEqual([file.length, false]);
  expect((await bring(user, other, key)).status).toBe(422);
  expect((await call("GET", `/api/users/${user}/towns/${town}`)).data).toMatchObject({ name: "Delft" });

  const now = factsOf(await exportOf(id));
  expect(now.slice(0, factsOf(file).length)).toEqual(factsOf(file));
  expect(now.slice(factsOf(file).length).map((line) => JSON.parse(line).type)).toContain("rig.imported");
  expect((await rig.post("/replay")).data).toMatchObject({ divergence: null });
  expect((await rig.get("/health")).data).toMatchObject({ life: "alive.paused" });
  expect((await rig.get(`/agents/${agent.id}`)).data).toMatchObject({ status: "exited", dispatch_attempts: 0 });
  expect((await rig.get(`/beads/${bead.id}/why`)).data.sentence).toContain("brought back from a file");
  expect((await rig.get("/needs")).data.needs[0]).toMatchObject({
    code: "restored",
    text: expect.stringContaining("GIT_TOKEN"),
  });

  expect(await bring(user, file)).toMatchObject({ status: 409, error: expect.stringContaining("this rig exists") });
  expect(await bring("somebody-else", file)).toMatchObject({ status: 409 });
});

test("what is no whole, unchanged file of this user's rig is refused, and leaves nothing", async () => {
  const user = "import-2";
  const { id, town, rig } = await rigOf(user);
  const file = await exportOf(id);
  await lose(user, id, town);
  const lines = file.trimEnd().split("\n");
  const bad: [string, string, number, RegExp][] = [
    ["nothing", "\n", 422, /first line is not JSON/],
    ["cut off", `${lines.slice(0, -1).join("\n")}\n`, 422, /its last line, which says so, is missing/],
    ["changed", file.replace("note 3", "note 4"), 422, /SHA-256/],
    ["somebody's", file, 422, /import it for that user/],
  ];
  for (const [what, text, status, error] of bad) {
    const answer = await bring(what === "somebody's" ? "another" : user, text);
    expect({ what, status: answer.status, error: answer.error }).toEqual({
      what,
      status,
      error: expect.stringMatching(error),
    });
    expect((await rig.get("/agents")).data).toEqual([]);
  }
  const tooLarge = await bring(user, file, { "content-length": String(LIMITS.import_bytes + 1) });
  expect(tooLarge).toMatchObject({ status: 413, error: expect.stringContaining(`${LIMITS.import_bytes} bytes`) });
  expect((await bring(user, file)).status).toBe(201);
});

test("an import that ended with its object has left nothing", async () => {
  const user = "import-3";
  const { id, town, rig } = await rigOf(user);
  const file = await exportOf(id);
  await lose(user, id, town);
  const stub = env.RIG.get(env.RIG.idFromName(id));
  await runInDurableObject(stub as never, (_: RigDO, state: DurableObjectState) => {
    state.storage.kv.put("importing", "nothing");
    state.storage.sql.exec("INSERT INTO content VALUES ('bead', 'half', '{}')");
  });
  await runInDurableObject(stub as never, (_: RigDO, state: DurableObjectState) => state.abort()).catch(() => {});
  expect((await rig.get("/beads")).data).toEqual([]);
  expect((await bring(user, file)).status).toBe(201);
});

test("what the archive holds is put in front of what the file has", async () => {
  const user = "import-4";
  const { id, town, rig } = await rigOf(user);
  const bucket = env.ARCHIVE;
  if (bucket === undefined) throw new Error("no bucket is bound");
  const whole = factsOf(await exportOf(id));
  const stub = env.RIG.get(env.RIG.idFromName(id));
  await runInDurableObject(stub as never, async (instance: RigDO) => {
    if (instance.rig === null) throw new Error("the rig is gone");
    while ((await archive(instance.rig, bucket, id, { keep: 5, segment: 4 })) !== null);
  });
  const file = await exportOf(id);
  expect(factsOf(file).length).toBeLessThan(whole.length);
  await lose(user, id, town);
  expect((await bring(user, file)).status).toBe(201);
  expect(factsOf(await exportOf(id)).slice(0, whole.length)).toEqual(whole);
  expect((await rig.post("/replay")).data).toMatchObject({ divergence: null });

  await lose(user, id, town);
  for (const { key } of (await bucket.list({ prefix: `${id}/journal/` })).objects) await bucket.delete(key);
  expect(await bring(user, file)).toMatchObject({
    status: 422,
    error: expect.stringContaining("of those before it the archive of this Ticktown has 0"),
  });
});
