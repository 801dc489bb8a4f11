import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { DIRECTORY } from "../../src/do/user-do.ts";
import { POKE_PAGE } from "../../src/do/poke.ts";
import worker from "../../src/worker.ts";
import { send } from "./client.ts";

/** What the cron trigger does, and on one machine a timer by a route. */

const directory = () => env.USER.get(env.USER.idFromName(DIRECTORY));
const rigNamed = (id: string) => env.RIG.get(env.RIG.idFromName(id));
const alarmOf = (id: string): Promise<number | null> =>
  runInDurableObject(rigNamed(id) as never, (_instance, state) => state.storage.getAlarm());

/** A rig whose alarm was lost while it slept. */
async function stranded(id: string): Promise<string> {
  const configure = { rigId: id, townId: "t", userId: "u", name: id, gitUrl: "file:///x", defaultBranch: "main" };
  await rigNamed(id).execute(
    { type: "configure", ...configure },
    { kind: "operator", id: "op", dispatchId: null, scope: "operate" },
  );
  await directory().enlist(id, "t", id);
  await runInDurableObject(rigNamed(id) as never, async (_instance, state) => {
    await state.storage.deleteAlarm();
    await state.storage.sync();
    state.abort("it sleeps");
  }).catch(() => {});
  return id;
}

const poke = (token: string | null): Promise<Response> =>
  send(
    new Request("http://localhost/api/maintenance/poke", {
      method: "POST",
      ...(token === null ? {} : { headers: { authorization: `Bearer ${token}` } }),
    }),
  );

test("a poke reaches the rigs beyond the first page, in order of their ids, and arms their alarms again", async () => {
  const names = Array.from({ length: POKE_PAGE }, (_, n) => `rig-${String(n).padStart(4, "0")}`);
  for (const name of names) await directory().enlist(name, "t", name);
  const [first, beyond, last] = [await stranded("rig-0000a"), await stranded("rig-0099a"), await stranded("rig-9999")];

  const response = await poke("test-operator-token");
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ success: true, data: { rigs: names.length + 3, failed: 0 } });
  for (const id of [first, beyond, last]) expect(await alarmOf(id), id).not.toBeNull();
});

test("the cron trigger does the same", async () => {
  const id = await stranded("rig-zzzz");
  await worker.scheduled({} as ScheduledController, env);
  expect(await alarmOf(id)).not.toBeNull();
});

test("nobody pokes without an operator's token, not even on loopback in development", async () => {
  expect((await poke(null)).status).toBe(401);
});
