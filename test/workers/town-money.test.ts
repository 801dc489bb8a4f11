import { expect, test } from "vitest";
import { api, call } from "./client.ts";

/** A town's day in the objects that keep it: who may cap it, who is told, and what its rigs have used together. */

async function townWithRigs(user: string, names: readonly string[]): Promise<{ townId: string; rigs: string[] }> {
  const { data: town } = await call("POST", `/api/users/${user}/towns`, { name: "town" });
  const rigs: string[] = [];
  for (const name of names) rigs.push(await rigIn(user, String(town.id), name));
  return { townId: String(town.id), rigs };
}

async function rigIn(user: string, townId: string, name: string): Promise<string> {
  const { data: made } = await call("POST", `/api/users/${user}/rigs`, {
    town_id: townId,
    name,
    git_url: "https://git.example/x.git",
    default_branch: "main",
  });
  return String(made.id);
}

/** A bead is slung, and its agent tells what it uses. */
async function uses(rigId: string, tokens: number): Promise<void> {
  const rig = api(rigId);
  const { data: slung } = await rig.post("/sling", { title: "work" });
  await expect
    .poll(async () => (await rig.get(`/agents/${slung.agent.id}`)).data.status, { timeout: 10_000 })
    .toBe("working");
  const usage = { session: slung.agent.id, input_tokens: tokens, cached_tokens: 0, output_tokens: 0, at_door: true };
  await rig.post(`/agents/${slung.agent.id}/heartbeat`, { usage });
}

test("a town's rigs spend what they have leased of its day; the spend of the town is that of its rigs, and says who capped it", async () => {
  const { townId, rigs } = await townWithRigs("town-money", ["one", "two"]);
  const capped = await call("PUT", `/api/towns/${townId}/budget`, { tokens: 16_000, on_cap: "stop" });
  expect([capped.status, capped.data]).toMatchObject([200, { tokens: 16_000, microdollars: null, told_percent: 80 }]);
  const third = await rigIn("town-money", townId, "three");
  for (const rigId of [...rigs, third]) {
    expect((await api(rigId).get("/settings")).data.town_on_cap).toBe("stop");
    await uses(rigId, 300);
  }
  const { data } = await call("GET", `/api/towns/${townId}/spend?by=rig`);
  expect(data.today).toMatchObject({ tokens: 900, caps: { tokens: 16_000, on_cap: "stop" } });
  expect(data.today.leased.tokens).toBeGreaterThan(900);
  expect(data.today.leased.tokens).toBeLessThanOrEqual(16_000);
  expect(data.total.input_tokens).toBe(900);
  expect(new Set(data.rows.map(({ key }: { key: string }) => key))).toEqual(new Set([...rigs, third]));
  expect(data.changes).toMatchObject([{ by: expect.any(String), what: { budget: { tokens: 16_000 } } }]);
  const by = async (what: string) => (await call("GET", `/api/towns/${townId}/spend?by=${what}`)).data.rows;
  expect(await by("town")).toMatchObject([{ key: townId, input_tokens: 900 }]);
  expect(await by("day")).toMatchObject([{ input_tokens: 900 }]);
  for (const what of ["bead", "agent", "attempt"]) expect(await by(what)).toHaveLength(3);
  expect((await by("bead"))[0].rig_id).toBeTypeOf("string");
  // Raised to no cap at all, nobody asks for anything any more.
  await call("PUT", `/api/towns/${townId}/budget`, {});
  expect((await api(third).get("/settings")).data.town_on_cap).toBe(null);
});

test("no operator of a rig sets what its town says, and a budget that is none is refused", async () => {
  const { townId, rigs } = await townWithRigs("town-money-2", ["one"]);
  expect((await api(rigs[0] ?? "").put("/settings", { town_on_cap: null })).status).toBe(400);
  expect((await call("PUT", `/api/towns/${townId}/budget`, { tokens: -1 })).status).toBe(400);
  expect((await call("PUT", `/api/towns/${townId}/budget`, { token: 5 })).status).toBe(400);
});
