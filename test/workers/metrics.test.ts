import { env, exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { METRICS } from "../../src/wire/metrics.ts";
import { api, call } from "./client.ts";

/** What all rigs count, in one document. test/unit/metrics.test.ts has it read by somebody else's parser. */

const ask = (token: string | null): Promise<Response> =>
  exports.default.fetch("http://ticktown/metrics", {
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
  });

/** The samples of a rig: by name, and by what is left of the labels. */
async function samplesOf(rigId: string): Promise<Record<string, Record<string, number>>> {
  const response = await ask(env.TICKTOWN_OPERATOR_TOKEN ?? "");
  expect([response.status, response.headers.get("content-type")]).toEqual([
    200,
    "text/plain; version=0.0.4; charset=utf-8",
  ]);
  const found: Record<string, Record<string, number>> = {};
  for (const line of (await response.text()).split("\n").filter((one) => one !== "" && !one.startsWith("#"))) {
    const [, name = "", rig, label = "", value] = /^(\w+)\{rig="([^"]*)"(?:,\w+="([^"]*)")?\} (\S+)$/.exec(line) ?? [];
    expect(METRICS, line).toHaveProperty(name);
    if (rig === rigId) (found[name] ??= {})[label] = Number(value);
  }
  return found;
}

test("metrics of all rigs are what their state and their newest facts say, by names that have a unit", async () => {
  const { data: town } = await call("POST", "/api/users/metrics/towns", { name: "town" });
  const { data: made } = await call("POST", "/api/users/metrics/rigs", {
    town_id: town.id,
    name: 'a "rig"',
    git_url: "https://git.example/x.git",
    default_branch: "main",
  });
  const rig = api(String(made.id));
  await rig.post("/beads", { type: "issue", title: "one" });
  const { data: slung } = await rig.post("/sling", { title: "two" });
  await rig.post(`/agents/${slung.agent.id}/heartbeat`, {
    usage: { session: "s", input_tokens: 100, cached_tokens: 0, output_tokens: 10, cost_microdollars: 2_000_000 },
  });
  const seen = await samplesOf(String(made.id));
  const of = (name: string): Record<string, number> => seen[name] ?? {};
  expect(of("ticktown_rig_up")).toEqual({ "": 1 });
  expect(of("ticktown_dispatches_total")[""]).toBeGreaterThanOrEqual(1);
  expect(of("ticktown_tokens_total")).toEqual({ in: 100, out: 10 });
  expect(of("ticktown_cost_dollars_total")).toEqual({ "": 2 });
  expect(of("ticktown_day_tokens")).toEqual({ "": 110 });
  const sum = (all: Record<string, number>): number => Object.values(all).reduce((a, b) => a + b, 0);
  expect(sum(of("ticktown_agents"))).toBeGreaterThanOrEqual(1);
  expect(sum(of("ticktown_beads"))).toBe(2);
});

test("metrics are for operators", async () => {
  expect((await ask(null)).status).toBe(401);
});
