import { evictDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { api, OPERATOR } from "./client.ts";

/** The platform puts an object to sleep that has nothing to do; here the test does, and only that which is awake can be put to sleep. */
const putToSleep = async (rigId: string): Promise<boolean> => {
  try {
    await evictDurableObject(env.RIG.get(env.RIG.idFromName(rigId)) as never);
    return true;
  } catch (error) {
    expect(String(error)).toContain("not");
    return false;
  }
};

test("an open board does not wake an idle rig: its pings are answered while the rig sleeps, and what happens later still comes", async () => {
  const rig = api("rig-sleeps");
  await rig.post("/beads", { type: "issue", title: "before" });
  const { webSocket: socket } = await exports.default.fetch(
    new Request("http://localhost/api/rigs/rig-sleeps/feed", { headers: { ...OPERATOR, upgrade: "websocket" } }),
  );
  if (socket === null) throw new Error("no socket");
  const said: string[] = [];
  socket.addEventListener("message", ({ data }) => void said.push(String(data)));
  socket.accept();
  await expect.poll(() => said.length, { timeout: 60_000 }).toBe(1);

  expect(await putToSleep("rig-sleeps")).toBe(true);
  for (let pings = 1; pings <= 3; pings++) {
    socket.send("ping");
    await expect.poll(() => said.slice(1), { timeout: 60_000 }).toEqual(Array(pings).fill("pong"));
  }
  expect(await putToSleep("rig-sleeps"), "it slept through all pings").toBe(false);

  // Anything else that a client says does wake it, and changes nothing.
  socket.send("hello");
  await expect.poll(() => putToSleep("rig-sleeps"), { timeout: 60_000 }).toBe(true);

  await rig.post("/beads", { type: "issue", title: "after" });
  await expect.poll(() => said.length, { timeout: 60_000 }).toBe(5);
  expect(JSON.parse(said[4] ?? "{}")).toMatchObject({ fact: { type: "bead.created", seq: 2, title: "after" } });
  socket.close();
}, 240_000);
