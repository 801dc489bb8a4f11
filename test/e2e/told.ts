import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { expect } from "vitest";
import { until } from "./support.ts";

/** What stands for ntfy and Slack: what they were told; for a collector of traces; a place that leads elsewhere, and a Slack that is out of order at first. */
export async function startStandIn() {
  const ntfy: { topic: string; title: string; click: string }[] = [];
  const slack: { text: string; at: number }[] = [];
  const traces: unknown[] = [];
  const stand = { url: "", ntfy, slack, traces, outOfOrder: 0, close: () => void server.close() };
  const server = createServer(async (request, response) => {
    const body = await json(request);
    if (request.url === "/redirects") return void response.writeHead(307, { location: "/slack" }).end();
    if (request.url === "/slack" && stand.outOfOrder-- > 0) return void response.writeHead(503).end();
    if (request.url === "/slack") slack.push({ ...(body as { text: string }), at: Date.now() });
    else if (request.url === "/v1/traces") traces.push(body);
    else ntfy.push(body as (typeof ntfy)[number]);
    response.end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stand.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return stand;
}
type StandIn = Awaited<ReturnType<typeof startStandIn>>;

/** What a busy machine may take beside what is promised. */
const BUSY_MS = 10_000;

interface CommandLine {
  readonly does: (...args: string[]) => Promise<string>;
  readonly typed: (args: string[], given: { stdin: string }) => Promise<{ code: number; out: string; told: string }>;
  readonly asks: (title: string, ask: object) => Promise<void>;
}

/** A user sets where he is told of needs, and is. */
export async function isTold(stand: StandIn, { does, typed, asks }: CommandLine, board: string): Promise<void> {
  const { slack } = stand;
  const question = (text: string) => ({ ask_id: "1", kind: "question", text, options: [] });
  const hang = async (title: string): Promise<unknown> =>
    does("sling", title, "--body", "steps: 1\nstep_ms: 0\nhang: true");
  expect(await does("notify")).toContain("nobody is told");
  const set = (url: string, ...args: string[]) => typed(["notify", "--to", ...args], { stdin: `${url}\n` });
  expect((await set("ftp://example.com/x")).told).toContain("must begin with");
  const { code, out, told } = await set(`${stand.url}/slack`, "--format", "slack", "--quiet", "none");
  expect([code, out], told).toEqual([0, `${new URL(stand.url).host} (slack): needs of level now`]);
  expect(await does("notify", "--json")).not.toContain("/slack");

  await hang("Tell me");
  stand.outOfOrder = 1;
  const beginning = Date.now();
  await asks("Tell me", question("Up or down?"));
  const [first] = await until("it is told", () => (slack.length > 0 ? slack : null));
  expect((first?.at ?? 0) - beginning).toBeLessThan(5_000 + BUSY_MS);
  expect(first?.text).toContain("Up or down?");
  expect(first?.text).toContain(`<${board}/rigs/`);
  expect(await does("notify")).toContain("could not be told");

  // Whatever else happens in its rig, it is told once.
  await set(`${stand.url}/redirects`);
  await does("rig", "settings", "capacity=4");
  await hang("Tell me too");
  await asks("Tell me too", question("Left or right, then?"));
  await until("it is said that it redirects", async () => (await does("notify")).includes("redirects (HTTP 307)"));
  expect(slack).toHaveLength(1);
  expect(await does("notify", "--off")).toContain("nobody is told");
  for (const title of ["Tell me too", "Tell me"]) await does("cancel", title, "--yes");
  await does("rig", "settings", "capacity=3");
}

/** A bead that has ended is a trace, and the end of its dispatch tells of the tools that it has run. */
export async function isTraced(
  { traces }: StandIn,
  api: { readonly call: (method: "POST", path: string, body?: unknown) => Promise<unknown> },
  rig: string,
  beadId: string,
): Promise<void> {
  const told = (what: string): Promise<string> =>
    until(`a trace with ${what}`, () => traces.map((one) => JSON.stringify(one)).find((one) => one.includes(what)));
  const whole = await told(beadId);
  const [, agentId = ""] = /"gen_ai.agent.id","value":\{"stringValue":"([^"]+)"/.exec(whole) ?? [];
  const [, dispatchId = ""] = /"ticktown.dispatch.id","value":\{"stringValue":"([^"]+)"/.exec(whole) ?? [];
  await api.call("POST", `/api/rigs/${rig}/agents/${agentId}/completed`, {
    status: "completed",
    dispatch_id: dispatchId,
    tools: [{ name: "Bash", from: 1, to: 2, ok: true }],
  });
  expect(await told("execute_tool Bash")).toContain(dispatchId);
}
