import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { archive } from "../../src/do/archive.ts";
import { replayFile } from "../../src/core/journal-file.ts";
import type { RigDO } from "../../src/do/rig-do.ts";
import { call, api, eventually, send, OPERATOR } from "./client.ts";

/** The archive with a real bucket and a real object: what left and what stayed are one journal, and every page goes on working. */

async function longLived(user: string) {
  const town = (await call("POST", `/api/users/${user}/towns`, { name: "home" })).data;
  const { id } = (
    await call("POST", `/api/users/${user}/rigs`, {
      town_id: town.id,
      name: "pottery",
      git_url: "https://example.com/pottery.git",
    })
  ).data;
  const rig = api(id as string);
  for (let i = 0; i < 40; i++) {
    const { data: bead } = await rig.post("/beads", { type: "message", title: `note ${i}` });
    await rig.post(`/beads/${bead.id}/close`, { agent_id: "operator" });
  }
  const { agent } = (await rig.post("/sling", { title: "throw a pot" })).data;
  await eventually(async () => expect((await rig.get("/outbox")).data).toEqual([]));
  const stub = env.RIG.get(env.RIG.idFromName(id as string));
  const inside = <T>(what: (rig: NonNullable<RigDO["rig"]>) => T) =>
    runInDurableObject(stub as never, (instance: RigDO) => {
      if (instance.rig === null) throw new Error("the rig is gone");
      return what(instance.rig);
    });
  return { id: id as string, rig, agent: agent as { id: string }, inside };
}

const text = async (path: string): Promise<string> =>
  (await send(new Request(`http://localhost${path}`, { headers: OPERATOR }))).text();

test("segments in R2 and what the rig still holds are one journal, and its past can be seen as far back as the rig reaches", async () => {
  const { id, rig, agent, inside } = await longLived("archive-1");
  const { seq } = (await rig.get("/board")).data as { seq: number };
  const wasStateOf = async (at: number) =>
    ((await rig.get(`/state?seq=${at}`)).data.actors as { kind: string; id: string }[]).filter(
      (actor) => actor.id === agent.id,
    );
  const before = await wasStateOf(seq);
  const keys: string[] = [];
  const bucket = env.ARCHIVE;
  if (bucket === undefined) throw new Error("no bucket is bound");
  for (;;) {
    const archived = await inside((held) => archive(held, bucket, id, { keep: 20, segment: 15 }));
    if (archived === null) break;
    keys.push(archived.key);
  }
  expect(keys.length).toBeGreaterThan(2);
  expect((await bucket.list({ prefix: `${id}/journal/` })).objects.map(({ key }) => key)).toEqual(keys);

  const lines: string[] = [];
  for (const key of keys) lines.push(...((await (await bucket.get(key))?.text()) ?? "").trim().split("\n"));
  const [header = "", ...rest] = (await text(`/api/rigs/${id}/export`)).trim().split("\n");
  expect(JSON.parse(header)).toMatchObject({ ticktown: "journal" });
  const whole = await replayFile([...lines, ...rest]);
  expect(whole).toMatchObject({ divergence: null });
  expect(whole.facts).toBeGreaterThanOrEqual(seq);

  expect(await wasStateOf(seq)).toEqual(before);
  expect(await rig.get("/state?seq=1")).toMatchObject({
    status: 404,
    error: "no fact with seq 1 in this rig: it is still to come, or in the archive",
  });
  expect((await rig.post("/replay")).data).toMatchObject({ divergence: null });
  expect((await rig.get(`/actors/agent/${agent.id}/possible?seq=${seq}`)).status).toBe(200);
  expect((await rig.get("/board")).status).toBe(200);
  expect((await rig.post("/sling", { title: "another" })).status).toBe(201);
  expect((await rig.post("/replay")).data).toMatchObject({ divergence: null });
});

test("a rig that is deleted takes its segments in the archive with it, and nobody else's", async () => {
  const { id, rig, inside } = await longLived("archive-2");
  const bucket = env.ARCHIVE;
  if (bucket === undefined) throw new Error("no bucket is bound");
  expect(await inside((held) => archive(held, bucket, id, { keep: 20, segment: 25 }))).not.toBe(null);
  await bucket.put(`${id}-other/journal/000-001.ndjson`, "kept");
  expect((await call("DELETE", `/api/users/archive-2/rigs/${id}`)).status).toBe(200);
  expect((await rig.get("/board")).status).toBe(404);
  await eventually(async () =>
    expect((await bucket.list({ prefix: id })).objects.map(({ key }) => key)).toEqual([
      `${id}-other/journal/000-001.ndjson`,
    ]),
  );
});
