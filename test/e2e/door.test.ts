import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWorld, type DashboardWorld } from "./dashboard/world.ts";

/**
 * F-701: what a web page does to a Ticktown that runs where the browser does. A real browser visits pages of two other origins:
 * another port of the same address, which browsers call same-site, and another name, which is cross-site.
 */

let world: DashboardWorld;
let server: Server;

beforeAll(async () => {
  world = await openWorld();
  server = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(EVIL));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  server.close();
  await world.close();
});

const paths = (rigId: string) => ({
  sling: `/api/rigs/${rigId}/sling`,
  start: `/api/towns/town/container/agents/start`,
});

/** The page of an attacker: everything that it can send without asking first, and with a token too, as if it had stolen one. */
const EVIL = `<!doctype html><body><iframe name="frame"></iframe><script>
const order = '{"title":"evil","agentId":"evil","gitUrl":"/tmp/x","envVars":{"PATH":"/tmp"},"x":"';
const tell = async (name, what) => [name, await what().catch(() => "blocked")];
async function attack({ base, token, sling, start, rig }) {
  const simple = async (path, type) =>
    (await fetch(base + path, { method: "POST", mode: "no-cors", headers: { "content-type": type }, body: order + '"}' })).type;
  const readable = async (init) => String((await fetch(base + sling, init)).status);
  const socket = (path, protocols) => new Promise((resolve) => {
    const opened = new WebSocket(base.replace("http", "ws") + path, protocols);
    opened.onopen = () => resolve("open");
    opened.onclose = () => resolve("blocked");
  });
  const both = ["ticktown", "bearer." + token];
  const json = { "content-type": "application/json", authorization: "Bearer " + token };
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: base + start, enctype: "text/plain", target: "frame" });
  const field = document.createElement("input");
  Object.assign(field, { name: order, value: '"}' });
  form.append(field);
  document.body.append(form);
  const loaded = new Promise((resolve) => { document.querySelector("iframe").onload = () => resolve("sent"); });
  form.submit();
  return Object.fromEntries(await Promise.all([
    tell("form", () => loaded),
    tell("no-cors", () => simple(sling, "text/plain")),
    tell("no-cors start", () => simple(start, "application/x-www-form-urlencoded")),
    tell("beacon", async () => String(navigator.sendBeacon(base + sling, new Blob([order + '"}'], { type: "text/plain" })))),
    tell("json with a token", () => readable({ method: "POST", headers: json, body: '{"title":"evil"}' })),
    tell("read with a token", () => readable({ headers: json })),
    tell("feed", () => socket("/api/rigs/" + rig + "/feed", both)),
    tell("inspect", () => socket("/api/rigs/" + rig + "/inspect", both)),
    tell("feed without a token", () => socket("/api/rigs/" + rig + "/feed", [])),
    tell("stream", () => socket("/api/towns/town/container/agents/x/stream?ticket=x", [])),
  ]));
}
</script></body>`;

describe.each([
  ["another port of the same address (same-site)", "127.0.0.1"],
  ["another name of the same machine (cross-site)", "localhost"],
])("F-701 a page of %s", (_, name) => {
  test("sends a form, a fetch, a beacon and opens sockets, even with a token: all refused, no bead, no process", async () => {
    const context = await world.browser.newContext();
    const page = await context.newPage();
    const statuses: [string, number][] = [];
    page.on("response", (response) => {
      if (response.url().startsWith(world.stack.url)) statuses.push([response.request().method(), response.status()]);
    });
    await page.goto(`http://${name}:${(server.address() as AddressInfo).port}/`);
    const told = await page.evaluate<Record<string, string>>(
      `attack(${JSON.stringify({ base: world.stack.url, token: world.token, rig: world.rigId, ...paths(world.rigId) })})`,
    );
    // A beacon tells nothing of its end.
    await page.waitForTimeout(300);
    for (const what of ["feed", "inspect", "feed without a token", "stream"])
      expect([what, told[what]]).toEqual([what, "blocked"]);
    for (const what of ["json with a token", "read with a token"])
      expect([what, told[what]]).toEqual([what, "blocked"]);
    // The browser sent what it may send without asking; the door refused each of them.
    expect(statuses.filter(([method]) => method === "POST").length).toBeGreaterThan(0);
    expect(statuses.filter(([, status]) => status !== 403)).toEqual([]);
    expect(await world.rig("GET", "/beads")).toEqual([]);
    expect(world.container.starts).toEqual([]);
    await context.close();
  });
});

test("F-701 the same socket opens for the board itself", async () => {
  const context = await world.browser.newContext();
  const page = await context.newPage();
  await page.goto(world.stack.url);
  const url = `${world.stack.url.replace("http", "ws")}/api/rigs/${world.rigId}/feed`;
  const opened = await page.evaluate(
    `new Promise((resolve) => {
      const socket = new WebSocket(${JSON.stringify(url)}, ["ticktown", ${JSON.stringify(`bearer.${world.token}`)}]);
      socket.onopen = () => resolve("open");
      socket.onclose = () => resolve("blocked");
    })`,
  );
  expect(opened).toBe("open");
  await context.close();
});
