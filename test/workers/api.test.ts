import { env, exports } from "cloudflare:workers";
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";

const call = async (method: string, path: string, body?: unknown) => {
  const response = await exports.default.fetch(new Request(`http://localhost${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }) }));
  return { status: response.status, body: (await response.json()) as any };
};

test("a bead can be created and read back", async () => {
  console.log(await call("GET", "/health"));
  const made = await call("POST", "/api/rigs/rig-1/beads", { type: "issue", title: "one" });
  console.log(JSON.stringify(made));
  expect(made.status).toBe(201);
  console.log(JSON.stringify(await call("GET", "/api/rigs/rig-1/beads")));
  console.log(JSON.stringify(await call("GET", "/api/rigs/rig-1/health")));
  const stub = env.RIG.get(env.RIG.idFromName("rig-1"));
  console.log(await runDurableObjectAlarm(stub as never));
  console.log(await runInDurableObject(stub as never, async (_i, s) => s.storage.getAlarm()));
  console.log(JSON.stringify(await call("POST", "/api/rigs/rig-1/tick")));
  console.log(JSON.stringify(await call("POST", "/api/rigs/rig-1/sling", {title: ""})));
});
