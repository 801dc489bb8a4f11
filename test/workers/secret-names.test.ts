import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { api, call } from "./client.ts";

interface Called {
  readonly path: string;
  readonly body: { readonly envVars?: Record<string, string> };
}

test("secrets are not called like what each start says; one that an earlier version took reaches no process, and can be taken away", async () => {
  const town = (await call("POST", "/api/users/u/towns", { name: "town" })).data;
  const make = (secrets: Record<string, string>) =>
    call("POST", "/api/users/u/rigs", { town_id: town.id, name: "r", git_url: "https://example.org/r.git", secrets });
  const rig = (await make({ MODEL_KEY: "k" })).data;
  const http = api(rig.id);
  for (const name of ["TICKTOWN_DISPATCH_ID", "GASTOWN_SESSION_TOKEN", "TICKTOWN_X"]) {
    const { status, error } = await http.put("/secrets", { [name]: "x" });
    expect([status, error]).toEqual([400, expect.stringContaining("Ticktown sets these variables itself")]);
    const made = await make({ [name]: "x" });
    expect([made.status, made.error]).toEqual([400, expect.stringContaining("Ticktown sets these variables itself")]);
  }
  await runInDurableObject(env.RIG.get(env.RIG.idFromName(rig.id)) as never, (_rig, { storage: { sql } }) =>
    sql.exec("INSERT INTO secrets VALUES ('TICKTOWN_DISPATCH_ID', 'a:99'), ('GASTOWN_SESSION_TOKEN', 'stolen')"),
  );
  await http.post("/sling", { title: "work" });
  await http.post("/tick");
  const container = env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName(town.id));
  const { calls } = (await (await container.fetch("http://container/_calls")).json()) as { calls: Called[] };
  const { envVars = {} } = calls.find(({ path }) => path === "/agents/start")?.body ?? {};
  expect(envVars).not.toHaveProperty("TICKTOWN_DISPATCH_ID");
  expect(envVars["GASTOWN_SESSION_TOKEN"]?.split(".")).toHaveLength(3);
  const { data } = await http.put("/secrets", { TICKTOWN_DISPATCH_ID: null });
  expect(data.names).not.toContain("TICKTOWN_DISPATCH_ID");
});
