import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import { DOOR, LIMITS } from "../../src/events/limits.ts";
import type { Overview, RigDigest } from "../../src/wire/overview.ts";
import type { UserDO } from "../../src/do/user-do.ts";
import { api, call, eventually } from "./client.ts";

/** What is seen of many rigs at once, as they have told it. */

const user = env.USER.get(env.USER.idFromName("seer"));
const rigOf = (id: string) => env.RIG.get(env.RIG.idFromName(id));

/** Only what is awake can be put to sleep. */
const putToSleep = async (rigId: string): Promise<boolean> =>
  evictDurableObject(rigOf(rigId) as never).then(
    () => true,
    () => false,
  );

const overview = async (of = "", query = ""): Promise<Overview> =>
  (await call("GET", `/api/users/seer${of}/needs${query}`)).data;

let towns: { id: string }[] = [];
let rigs: { id: string; name: string }[] = [];
beforeAll(async () => {
  const town = async (name: string) => (await call("POST", "/api/users/seer/towns", { name })).data;
  towns = [await town("north"), await town("south")];
  const rig = async (town: number, name: string) => {
    const body = { town_id: towns[town]?.id, name, git_url: "https://example.org/repo.git" };
    return (await call("POST", "/api/users/seer/rigs", body)).data;
  };
  rigs = [await rig(0, "one"), await rig(0, "two"), await rig(1, "three")];
  // Nothing runs: who is needed does not hang on a container.
  for (const { id } of rigs) await api(id).post("/pause");
});

const asked = async (rigId: string, title: string, priority = "high") =>
  (await api(rigId).post("/escalations", { title, body: `${title}, in full`, priority })).data;

test("an overview of all rigs, or of a town, tells who needs a person and how each rig stands, and wakes no rig that sleeps", async () => {
  const [one, , three] = rigs;
  await asked(one?.id ?? "", "first question");
  await asked(three?.id ?? "", "second question");
  await eventually(async () => {
    const seen = await overview();
    expect(seen.needs.filter(({ code }) => code === "escalation").map((need) => [need.rig_name, need.title])).toEqual([
      ["one", expect.stringContaining("first question")],
      ["three", expect.stringContaining("second question")],
    ]);
    expect(seen.rigs.map(({ state }) => state?.life)).toEqual(["alive.paused", "alive.paused", "alive.paused"]);
  });

  // The last of what they tell is said; then they sleep.
  await scheduler.wait(2 * LIMITS.digest_every_ms);
  for (const { id } of rigs) expect(await putToSleep(id)).toBe(true);
  const seen = await overview();
  const south = await overview(`/towns/${towns[1]?.id}`);
  for (const { id, name } of rigs) expect(await putToSleep(id), `${name} sleeps on`).toBe(false);
  // A look at the rig itself does wake it.
  await api(three?.id ?? "").get("/needs");
  expect(await putToSleep(three?.id ?? "")).toBe(true);

  expect(seen.totals).toMatchObject({ rigs: 3, needs: { now: 2, soon: 0, know: 3 } });
  expect(seen.rigs.map(({ name, state }) => [name, state?.beads, state?.slots.used])).toEqual([
    ["one", { open: 1 }, 0],
    ["two", {}, 0],
    ["three", { open: 1 }, 0],
  ]);
  expect(south.rigs.map(({ name }) => name)).toEqual(["three"]);
  expect(south.needs.map(({ rig_name, code }) => [rig_name, code])).toEqual([
    ["three", "escalation"],
    ["three", "paused"],
  ]);
}, 120_000);

test("whoever knows a version is answered when there is a newer one, or after the time it would wait", async () => {
  const before = await overview();
  const waits = overview("", `?after=${before.version}&wait_s=25`);
  await asked(rigs[1]?.id ?? "", "third question");
  const after = await waits;
  expect(after.version).toBeGreaterThan(before.version);
  expect(after.needs.map(({ title }) => title).join()).toContain("third question");

  await eventually(async () => {
    const { version } = await overview();
    expect(await overview("", `?after=${version}&wait_s=0`)).toMatchObject({ version });
  });
  expect((await call("GET", "/api/users/seer/needs?after=x")).status).toBe(400);
  expect((await call("GET", "/api/users/seer/towns/nowhere/needs")).status).toBe(404);
}, 120_000);

test("a rig that is renamed or deleted is so in the overview at once", async () => {
  const body = { town_id: towns[0]?.id, name: "short-lived", git_url: "https://example.org/repo.git" };
  const { id } = (await call("POST", "/api/users/seer/rigs", body)).data;
  await call("PATCH", `/api/users/seer/rigs/${id}`, { name: "renamed" });
  expect((await overview()).rigs.at(-1)).toMatchObject({ id, name: "renamed" });
  const { version } = await overview();
  await call("DELETE", `/api/users/seer/rigs/${id}`);
  const after = await overview();
  expect(after.rigs.map(({ id }) => id)).not.toContain(id);
  expect(after.version).toBeGreaterThan(version);
  // What it said too late is not kept.
  expect(await user.keepDigest(id, DIGEST)).toBe(false);
});

const NEED: RigDigest["needs"][number] = {
  key: "escalation:b",
  code: "escalation",
  level: "now",
  title: "t",
  text: "",
  since: "2026-01-01T00:00:00.000Z",
  until: null,
  count: 1,
  agent: null,
  bead: null,
  options: [],
  ask_id: null,
  can: [],
};
const DIGEST: RigDigest = {
  state: {
    at: "2026-01-01T00:00:00.000Z",
    life: "alive.running",
    gate: "open",
    container: "reachable",
    slots: { used: 1, capacity: 2 },
    agents: {},
    beads: {},
    reviews: {},
    ready: 3,
    today: { merged: 4, failed: 5 },
    spend: {
      tokens: 6,
      microdollars: 7,
      caps: { tokens: null, microdollars: null },
      left: { tokens: null, microdollars: null },
      state: "counting",
      ends_at: "2026-01-02T00:00:00.000Z",
    },
    oldest_stuck: null,
    needs: { now: 1, soon: 0, know: 0 },
  },
  needs: [NEED],
};

test("an overview lists the most urgent needs of all rigs, so many at most, and what was said of another day does not count for today", async () => {
  await runInDurableObject(user as never, (instance: UserDO, state) => {
    const { sql } = state.storage;
    for (let n = 0; n < 11; n++) {
      sql.exec(
        "INSERT INTO rigs (id, town_id, name, git_url, default_branch, created_at) VALUES (?, 'wide', ?, 'u', 'main', 1)",
        `wide-${n}`,
        `wide ${n}`,
      );
      const needs = Array.from({ length: LIMITS.digest_needs }, (_, i) => ({
        ...NEED,
        key: `k${n}-${i}`,
        level: i === 7 ? ("now" as const) : ("soon" as const),
      }));
      instance.keepDigest(`wide-${n}`, { ...DIGEST, needs });
    }
    const ends_at = new Date(Date.now() + 60_000).toISOString();
    const today = { ...DIGEST.state, spend: { ...DIGEST.state.spend, ends_at } };
    instance.keepDigest("wide-0", { state: today, needs: DIGEST.needs });
  });
  const seen = await runInDurableObject(user as never, (instance: UserDO) => instance.overview("wide", null, 0));
  if (!seen.ok) throw new Error(seen.error);
  const { needs, totals } = seen.value;
  expect(needs).toHaveLength(DOOR.overview_needs);
  expect(needs.slice(0, 11).every(({ level }) => level === "now")).toBe(true);
  expect(needs[11]?.level).toBe("soon");
  expect(totals).toMatchObject({
    rigs: 11,
    needs: { now: 11 },
    slots: { used: 11, capacity: 22 },
    ready: 33,
    today: { merged: 4, failed: 5 },
    spend: { tokens: 6, microdollars: 7 },
  });
});

test("no more than so many wait at once", async () => {
  const answers = await runInDurableObject(user as never, async (instance: UserDO) => {
    const all = Array.from({ length: DOOR.overview_waiters + 1 }, () => instance.overview("nowhere", 1e15, 200));
    return Promise.all(all);
  });
  expect(answers.slice(0, -1).every(({ ok }) => ok)).toBe(true);
  expect(answers.at(-1)).toMatchObject({ ok: false, status: 429 });
});

test("what a rig tells is bounded: the most urgent needs, in short, and no secret", async () => {
  const [{ id = "" } = {}] = rigs;
  await call("PUT", `/api/rigs/${id}/secrets`, { KEY: "very-secret-value" });
  for (let n = 0; n < LIMITS.digest_needs + 5; n++)
    await asked(id, `${n} very-secret-value ${"x".repeat(LIMITS.digest_text_chars)}`, "low");
  await eventually(async () => {
    const of = (await overview()).rigs.find((rig) => rig.id === id);
    expect(of?.state?.needs.now).toBe(LIMITS.digest_needs + 6);
  });
  const { needs } = await overview();
  const own = needs.filter(({ rig_id }) => rig_id === id);
  expect(own).toHaveLength(LIMITS.digest_needs);
  expect(own.every(({ title, text }) => Math.max(title.length, text.length) <= LIMITS.digest_text_chars)).toBe(true);
  expect(JSON.stringify(needs)).not.toContain("very-secret-value");
  expect(JSON.stringify(own).length).toBeLessThan(LIMITS.digest_bytes + 50 * 200);
}, 120_000);
