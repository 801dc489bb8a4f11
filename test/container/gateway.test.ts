/** A box without a network: what its agent reaches is Ticktown, by one socket, and nothing else. */
import { existsSync, mkdirSync, realpathSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import path from "node:path";
import { expect, test } from "vitest";
import { createAgentDoor } from "../../container/agents/door/door.ts";
import type { Box } from "../../container/box/box.ts";
import { openBoxes } from "../../container/box/boxes.ts";
import { findForwarding } from "../../container/box/forwarding.ts";
import { createGateways, destinationOf } from "../../container/box/gateway.ts";
import { GATEWAY_CONNECTIONS_MAX } from "../../container/limits.ts";
import { identityOf } from "../../container/processes/marks.ts";
import { DEFAULT_PLACE } from "../../src/wire/container.ts";
import { createDoor } from "./door/world.ts";
import { COMMIT, PROGRAM, completed, drivenWorld } from "./drivers/driven-world.ts";
import { settings } from "./train-world.ts";
import { cleanUp, createFakeRig, createOrigin, eventually, startBody, startControl } from "./world.ts";

const CLOSED = { AGENT_BOX: "bwrap", AGENT_BOX_NETWORK: "gateway" };
/** What the program of the driven world is made of. */
const ITS_PARTS = [process.execPath, PROGRAM].join(path.delimiter);

/** Something else on this machine's loopback. @returns its port, and whether anybody came */
async function neighbour(): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.end("reached");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp(() => server.close());
  return { port: (server.address() as AddressInfo).port, asked };
}

/** What a proxy says of who asks. */
const PRETENDED = [
  "x-forwarded-for",
  "x-forwarded-host",
  "forwarded",
  "x-real-ip",
  "cf-connecting-ip",
  "origin",
  "cookie",
];
const CODE = "curl -s -m 20 -o /dev/null -w '%{http_code}\\n'";

test("GATEWAY-alone an agent in a box without a network reaches Ticktown's API, and no other address: no loopback of the machine, no metadata, no tunnel", async () => {
  const rig = await createFakeRig();
  const { port, asked } = await neighbour();
  const control = await startControl({ ...CLOSED, GASTOWN_API_URL: rig.url, HTTP_PROXY: `http://127.0.0.1:${port}` });
  const { url } = createOrigin();
  const reaches = [
    `${CODE} -X POST -d '{"a":1}' ${PRETENDED.map((header) => `-H '${header}: 9.9.9.9'`).join(" ")} -H 'Connection: x-own' -H 'x-own: 1' "$GASTOWN_API_URL/api/rigs/rig1/mail"`,
    `${CODE} "$GASTOWN_API_URL/health"`,
    `${CODE} --path-as-is "$GASTOWN_API_URL//127.0.0.1:${port}/api/"`,
    `${CODE} -x "$GASTOWN_API_URL" http://127.0.0.1:${port}/api/x`,
    `${CODE} -p -x "$GASTOWN_API_URL" http://127.0.0.1:${port}/api/x`,
    `${CODE} http://127.0.0.1:${port}/`,
    `${CODE} http://169.254.169.254/latest/meta-data/`,
    'echo "$(wc -l < /proc/net/dev) $HTTP_PROXY"',
  ];
  await control.post("/agents/start", startBody(url, reaches.join("\n")));
  await control.ended("a1");
  expect(await control.lines("a1")).toEqual(["200", "403", "403", "403", "000", "000", "000", "3 "]);
  expect(rig.to("/mail")).toMatchObject([{ method: "POST", body: { a: 1 } }]);
  const passed = Object.keys(rig.to("/mail")[0]?.headers ?? {});
  expect(passed.filter((name) => [...PRETENDED, "x-own"].includes(name))).toEqual([]);
  expect(rig.requests.filter(({ path: to }) => !to.startsWith("/api/rigs/rig1/"))).toEqual([]);
  expect(asked).toEqual([]);
  expect((await control.get("/health")).body.box).toContain("no network but Ticktown");
});

test("GATEWAY-path only a path decides where a request goes, and an address in its place leads nowhere", () => {
  for (const target of ["/api/rigs/r", "/api/"]) expect(destinationOf(target)).toBe("api");
  for (const target of ["/mcp", "/model/openai/v1/responses"]) expect(destinationOf(target)).toBe("door");
  for (const target of ["", "/", "/health", "/docs", "//h/api/", "http://h/api/x", "h:80", "*", "/mcp/x", "/API/x"])
    expect(destinationOf(target), target).toBeNull();
  // What whoever stands behind it may take for another path.
  for (const tricks of ["../x", "a/..", "./x", "%2e%2e/x", "a%2Fb", "a%5cb", "a\\b", "/x", "%252e", "..?x", "a%00"])
    expect(destinationOf(`/api/${tricks}`), tricks).toBeNull();
  for (const plain of ["a..b", "a.b/c", "x?to=../..&a=%2F", "x%20y", "...", "x#a//b"])
    expect(destinationOf(`/api/${plain}`), plain).toBe("api");
});

test("GATEWAY-smuggled what stands behind a request is no request of anybody's: a method without a body has none, and no two boxes share a connection", async () => {
  const asked: string[] = [];
  const ports = new Set<number | undefined>();
  const api = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    ports.add(request.socket.remotePort);
    request.resume().on("end", () => response.end("answer"));
  });
  await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
  cleanUp(() => api.close());
  const gateways = createGateways(createDoor().door, () => {});
  cleanUp(gateways.close);
  const open = async (): Promise<string> =>
    (await gateways.open(`http://127.0.0.1:${(api.address() as AddressInfo).port}`)).socket;
  const says = (socket: string, lines: readonly string[]): Promise<string> =>
    new Promise((resolve) => {
      let said = "";
      const connection = connect(socket, () => connection.write(lines.join("\r\n")));
      connection.on("data", (chunk: Buffer) => (said += chunk.toString())).on("close", () => resolve(said));
    });
  const hidden = ["GET /not-api/x HTTP/1.1", "host: x", "", ""].join("\r\n");
  const chunked = [hidden.length.toString(16), hidden, "0", "", ""];
  const one = await open();
  for (const method of ["GET", "HEAD", "DELETE", "OPTIONS", "PROPFIND"])
    for (const body of [
      ["transfer-encoding: chunked", "", ...chunked],
      [`content-length: ${hidden.length}`, "", hidden],
    ])
      expect(await says(one, [`${method} /api/x HTTP/1.1`, "host: x", ...body])).toMatch(/^HTTP\/1\.1 400 /);
  expect(asked).toEqual([]);
  for (const body of [
    ["transfer-encoding: chunked", "", ...chunked],
    [`content-length: ${hidden.length}`, "", hidden],
  ])
    expect(await says(one, ["POST /api/y HTTP/1.1", "host: x", "connection: close", ...body])).toMatch(
      /^HTTP\/1\.1 200 /,
    );
  for (const socket of [one, await open()])
    expect(await says(socket, ["GET /api/z HTTP/1.1", "host: x", "connection: close", "", ""])).toContain("answer");
  expect(asked).toEqual(["POST /api/y", "POST /api/y", "GET /api/z", "GET /api/z"]);
  expect(ports.size).toBe(2);
});

/** Where Codex finds its tools: what it would do with them, a shell does here. */
const OF_CONFIG = (name: string): string => `$(sed -n 's/^${name} = "\\(.*\\)"/\\1/p' "$CODEX_HOME/config.toml")`;
const DONE = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "tools/call",
  params: { name: "gt_done", arguments: { summary: "said hello" } },
});
const POST = `curl -s -X POST -H "authorization: Bearer ${OF_CONFIG("experimental_bearer_token")}" -H 'content-type: application/json'`;
const ASK_MODEL = `${POST} -d '{"model":"m","input":"x"}' ${OF_CONFIG("base_url")}/responses`;
const SAY_DONE = `${POST} -H 'accept: application/json, text/event-stream' -d '${DONE}' ${OF_CONFIG("url")}`;

test("GATEWAY-door a coding agent in a box without a network has its models and tools, and hands in by them", async () => {
  const { port, asked } = await neighbour();
  const { rig, start } = await drivenWorld("codex", {
    ...CLOSED,
    BOX_VISIBLE: ITS_PARTS,
    OPENAI_API_KEY: "key-of-the-model",
    OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`,
  });
  await start({}, { FAKE_SHELL: `${COMMIT}; ${ASK_MODEL}; ${SAY_DONE}`, FAKE_NOTE: "" });
  expect(await completed(rig)).toMatchObject({ status: "completed", reason: "handed in", runtime: "codex" });
  expect(rig.to("/done")).toHaveLength(1);
  expect(asked).toEqual(["/v1/responses"]);
});

test("GATEWAY-required where a rig wants it, its agents have no network though others have; and where no box works nothing is started", async () => {
  const { url } = createOrigin();
  const place = { ...DEFAULT_PLACE, box_network: "gateway" };
  const boxed = await startControl({ AGENT_BOX: "bwrap" });
  const lines = async (agentId: string, more: Record<string, unknown>): Promise<string[]> => {
    await boxed.post("/agents/start", startBody(url, "wc -l < /proc/net/dev", { agentId, ...more }));
    await boxed.ended(agentId);
    return boxed.lines(agentId);
  };
  expect(await lines("a1", { place })).toEqual(["3"]);
  expect(await lines("a2", {})).not.toEqual(["3"]);
  const bare = await startControl();
  const reply = await bare.post("/agents/start", startBody(url, "true", { place }));
  expect(reply).toMatchObject({ status: 422, body: { code: "box_required" } });
  await expect(startControl({ AGENT_BOX_NETWORK: "gateway" })).rejects.toThrow(
    "AGENT_BOX_NETWORK is gateway, but agents have no box",
  );
});

test("GATEWAY_CONNECTIONS_MAX: so many connections of one box are held, and one more is closed", async () => {
  const gateways = createGateways(createDoor().door, () => {});
  cleanUp(gateways.close);
  const { socket } = await gateways.open(null);
  const sockets = Array.from({ length: GATEWAY_CONNECTIONS_MAX + 1 }, () => connect(socket).on("error", () => {}));
  cleanUp(() => sockets.forEach((one) => one.destroy()));
  await eventually("one is closed", () => sockets.filter(({ closed }) => closed).length === 1);
});

test("an agent in a box without a network hears that it is to end, and ends with the code of its own", async () => {
  const control = await startControl({ ...CLOSED, STOP_GRACE_MS: "20000" });
  const { url } = createOrigin();
  await control.post(
    "/agents/start",
    startBody(url, "trap 'echo saved; exit 3' TERM; echo up; while :; do sleep 0.1; done"),
  );
  await expect.poll(() => control.lines("a1")).toContain("up");
  await control.post("/agents/a1/stop", {});
  await control.ended("a1");
  expect(await control.lines("a1")).toContain("saved");
  await control.post("/agents/start", startBody(url, "exit 7", { agentId: "a2" }));
  expect((await control.ended("a2")).exitReason).toBe("exit 7");
});

test("a box without a network begins by Node alone where Perl does not work, and as fast as its program where it does", async () => {
  const config = settings(CLOSED);
  mkdirSync(path.dirname(identityOf(config.workDir)), { recursive: true });
  const boxes = await openBoxes({ config, mark: "forwards", door: createAgentDoor({ log: () => {} }), log: () => {} });
  cleanUp(() => boxes.agents.gateways.close());
  const real = boxes.agents.box;
  const without = (no: string): Box => ({
    ...real,
    within: (spec, argv) => real.within(spec, argv[0] === no ? ["sh", "-c", "echo no >&2; exit 1"] : argv),
  });
  const found = (box: Box): ReturnType<typeof findForwarding> =>
    findForwarding(box, boxes.agents.gateways, config.hostEnv["PATH"] ?? "");
  const node = realpathSync(process.execPath);
  const [whole, plain] = [await found(real), await found(without("/usr/bin/perl"))];
  expect([whole.why, whole.forwarding(["x"])[0]]).toEqual(["", existsSync("/usr/bin/perl") ? "/usr/bin/perl" : node]);
  expect([plain.why, plain.forwarding(["x"])[0]]).toEqual(["", node]);
  const none: Box = { ...real, within: () => ["sh", "-c", "echo no >&2; exit 1"] };
  expect((await found(none)).why).toBe("a box without a network: no");
});
