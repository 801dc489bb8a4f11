import { runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { isOverloaded, isPassing } from "../../src/do/moving.ts";
import { DIRECTORY } from "../../src/do/user-do.ts";
import { api, OPERATOR } from "./client.ts";

/** Objects that are started anew under load, as the platform does when it moves them, with its own words. */

const WORDS = [
  "Network connection lost.",
  "Durable Object reset because its code was updated.",
  "Durable Object storage operation exceeded timeout which caused object to be reset.",
  "Cannot resolve Durable Object due to transient issue on remote node.",
];

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

async function abort(stub: DurableObjectStub<never>, words: string): Promise<void> {
  await runInDurableObject(stub, (_, state) => state.abort(words)).catch(() => {});
}

const seen = new Map<number, number>();

/** What a client does that keeps to the answers: it asks again after 503, with the same key. */
async function patient(method: string, path: string, key: string, body?: unknown): Promise<Response> {
  for (let tries = 0; tries < 200; tries++) {
    const response = await exports.default.fetch(
      new Request(`http://localhost${path}`, {
        method,
        headers: { ...OPERATOR, "idempotency-key": key, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
    seen.set(response.status, (seen.get(response.status) ?? 0) + 1);
    // The answer to the first one may still be on its way.
    if (response.status !== 503 && response.status !== 409) return response;
    if (response.status === 503) expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
    await response.body?.cancel();
    await pause(20);
  }
  throw new Error(`${method} ${path} was never answered`);
}

test("MOVE-objects objects that are aborted under load answer with no 500: reads are answered, commands are 503 with Retry-After, and repeated with their key are done once", async () => {
  const path = "/api/rigs/rig-moves";
  await api("rig-moves").post("/beads", { type: "issue", title: "first" });
  let isOver = false;
  const moves = (async () => {
    for (let n = 0; !isOver; n++) {
      await pause(40);
      const [id, namespace] = n % 4 === 3 ? [DIRECTORY, env.USER] : ["rig-moves", env.RIG];
      await abort(namespace.get(namespace.idFromName(id)) as never, WORDS[n % WORDS.length] ?? "");
    }
  })();
  const titles = Array.from({ length: 80 }, (_, n) => `bead ${n}`);
  const done = titles.map(async (title, n) => {
    await pause(n * 10);
    const [made, read, town] = await Promise.all([
      patient("POST", `${path}/beads`, `made ${n}`, { type: "issue", title }),
      patient("GET", `${path}/beads?limit=1`, ""),
      n % 8 === 0 ? patient("POST", "/api/users/moves/towns", `town ${n}`, { name: title }) : null,
    ]);
    expect([made.status, read.status, town?.status ?? 201]).toEqual([201, 200, 201]);
  });
  await Promise.all(done);
  isOver = true;
  await moves;
  const beads = (await (await patient("GET", `${path}/beads?limit=500`, "")).json()) as { data: { title: string }[] };
  expect(beads.data.map(({ title }) => title).toSorted()).toEqual(["first", ...titles].toSorted());
  const towns = (await (await patient("GET", "/api/users/moves/towns", "")).json()) as { data: { name: string }[] };
  expect(towns.data.map(({ name }) => name).toSorted()).toEqual(titles.filter((_, n) => n % 8 === 0).toSorted());
  expect([...seen.keys()].filter((status) => status >= 500)).toEqual([503]);
  expect(seen.get(503)).toBeGreaterThan(0);
}, 240_000);

test("MOVE-objects an error says by its properties, or by the platform's words, whether it passes; a fault of ours does not", () => {
  for (const mark of ["retryable", "overloaded", "durableObjectReset"])
    expect(isPassing(Object.assign(new Error("x"), { [mark]: true }))).toBe(true);
  for (const words of WORDS) expect(isPassing(new Error(words))).toBe(true);
  const busy = new Error("Durable Object is overloaded. Too many requests queued.");
  expect([isPassing(busy), isOverloaded(busy)]).toEqual([true, true]);
  for (const fault of [new TypeError("x is not a function"), new Error("the count was reset"), null, "text"])
    expect(isPassing(fault)).toBe(false);
});

test("MOVE-objects whose answer was lost on the way gets, under its key, the town and the rig that were made", async () => {
  const lost = () =>
    runInDurableObject(env.USER.get(env.USER.idFromName(DIRECTORY)) as never, (_, state) => {
      (state as DurableObjectState).storage.sql.exec("DELETE FROM answers");
    });
  const asked = async (path: string, key: string, body: object) =>
    ((await (await patient("POST", path, key, body)).json()) as { data: { id: string } }).data;
  const town = await asked("/api/users/lost/towns", "t", { name: "t" });
  await lost();
  expect(await asked("/api/users/lost/towns", "t", { name: "t" })).toEqual(town);
  const body = { town_id: town.id, name: "r", git_url: "https://example.org/r.git" };
  const rig = await asked("/api/users/lost/rigs", "r", body);
  await lost();
  expect(await asked("/api/users/lost/rigs", "r", body)).toEqual(rig);
  const towns = (await (await patient("GET", "/api/users/lost/towns", "")).json()) as { data: unknown[] };
  expect(towns.data).toEqual([town]);
});
