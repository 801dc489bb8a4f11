import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createWebSocketReceiver, type StatelyInspectionEvent } from "@statelyai/inspect";
import type { BrowserContextOptions, Page, WebSocketRoute } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { journalOf } from "./journal.ts";
import { openWorld, type DashboardWorld } from "./dashboard/world.ts";

/** The pages as an operator has them: a real browser, a real Worker, a container that accepts everything and runs nothing. */

let world: DashboardWorld;
const open: Page[] = [];
/** What went wrong in any page, and whom it asked; each test must leave both clean. */
const troubles: string[] = [];
const hosts = new Set<string>();

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world?.close());
afterEach(async () => {
  for (const page of open.splice(0)) await page.context().close();
  expect(troubles.splice(0)).toEqual([]);
  expect([...hosts].filter((host) => host !== new URL(world.stack.url).host)).toEqual([]);
});

const DESK: BrowserContextOptions = { viewport: { width: 1440, height: 900 }, colorScheme: "light" };
const PHONE: BrowserContextOptions = { viewport: { width: 375, height: 800 }, colorScheme: "light", hasTouch: true, isMobile: true };

async function visit(path: string, options: BrowserContextOptions = DESK, prepare: (page: Page) => Promise<void> = async () => {}): Promise<Page> {
  const context = await world.browser.newContext({ ...options, acceptDownloads: true });
  const page = await context.newPage();
  open.push(page);
  page.on("pageerror", (error) => troubles.push(error.message));
  page.on("console", (message) => {
    // The quiet container has no output to stream; the browser notes its 404 in the console.
    const isExpected = message.text().includes("WebSocket") || message.location().url.endsWith("/stream-ticket");
    if (message.type() === "error" && !isExpected) troubles.push(message.text());
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http")) hosts.add(url.host);
  });
  await prepare(page);
  await page.goto(`${world.stack.url}${path}${path.includes("?") ? "&" : "?"}rig=${world.rigId}`);
  return page;
}

/** A machine that does other things too may take a while. */
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 20_000, interval: 50 });

const live = (page: Page) => page.getByText("live", { exact: true }).waitFor();
const agents = (page: Page) => page.getByRole("list", { name: "Agents" });
const beads = (page: Page) => page.getByRole("list", { name: "Beads" });
const toast = (page: Page, text: string | RegExp) => page.locator(".toast").filter({ hasText: text }).first().waitFor();

describe("the board", () => {
  test("teaches how to sling the first bead when there is none", async () => {
    const page = await visit("/");
    await page.getByText("Sling the first bead").waitFor();
    expect(await page.locator("pre").innerText()).toContain(`/api/rigs/${world.rigId}/sling`);
  });

  test("slings by keyboard, says what came of it and shows it live", async () => {
    const page = await visit("/");
    await live(page);
    await page.keyboard.press("s");
    await page.getByLabel("What is to be done").fill("Glaze the blue bowl");
    await page.keyboard.press("Enter");
    await toast(page, /Slung “Glaze the blue bowl”.*hook of polecat/s);
    await page.getByRole("dialog").getByText("in progress", { exact: true }).waitFor();
    await page.keyboard.press("Escape");
    await beads(page).getByText("Glaze the blue bowl").waitFor();
    await agents(page).getByText("working").first().waitFor();
  });

  test("shows what others do the moment it is written, without asking again", async () => {
    const page = await visit("/");
    await live(page);
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    const { agent } = await world.sling("Fire the kiln");
    await beads(page).getByText("Fire the kiln").waitFor();
    await agents(page).getByText(agent.name, { exact: true }).waitFor();
    await page.getByRole("list", { name: "Facts, newest first" }).getByText(`${agent.name} is started on “Fire the kiln”`).waitFor();
    expect(asked).toEqual([]);
  });

  test("an agent that asks is on top, and goes on when it is answered there", async () => {
    const page = await visit("/");
    const { agent } = await world.sling("Choose a clay");
    await soon(async () => (await world.rig<{ status: string }>("GET", `/agents/${agent.id}`)).status).toBe("working");
    await world.rig("POST", "/escalations", { title: "Stoneware or porcelain?", metadata: { agent_id: agent.id } });
    const need = page.getByRole("list", { name: "Who needs me now" }).getByRole("listitem").filter({ hasText: "Stoneware or porcelain?" });
    await need.getByLabel(`Answer to ${agent.name}`).fill("Porcelain, please");
    await need.getByRole("button", { name: "Unblock" }).click();
    await toast(page, `Answered ${agent.name}`);
    await need.waitFor({ state: "detached" });
    expect((await world.rig<{ status: string }>("GET", `/agents/${agent.id}`)).status).toBe("working");
    await soon(() => world.container.messages).toContainEqual({ agentId: agent.id, prompt: "Porcelain, please" });
  });

  test("pauses and resumes, and says why ready work does not run meanwhile", async () => {
    const page = await visit("/");
    await live(page);
    await page.getByRole("button", { name: "Rig ▾" }).click();
    await page.getByRole("menuitem", { name: /^Pause/ }).click();
    await toast(page, "The rig is paused");
    await page.locator(".bar").getByText("paused").waitFor();
    await world.sling("Wait for me");
    const waiting = page.getByRole("list", { name: "Who needs me now" }).getByText("1 bead is ready and not running");
    await waiting.waitFor();
    await page.getByText("nothing new is dispatched until it is resumed").first().waitFor();
    await page.getByRole("button", { name: "Resume" }).first().click();
    await toast(page, "The rig is resumed");
    await waiting.waitFor({ state: "detached" });
  });

  test("an agent can be restarted, unhooked, hooked and written to, each with its result", async () => {
    const { agent, bead } = await world.sling("Trim the foot");
    const page = await visit(`/?show=agent:${agent.id}`);
    const drawer = page.getByRole("dialog", { name: agent.name });
    await drawer.getByText("working", { exact: true }).waitFor();
    await drawer.getByRole("button", { name: "Restart" }).click();
    await page.getByRole("dialog", { name: `Restart ${agent.name}?` }).getByRole("button", { name: "Restart" }).click();
    await toast(page, `Restarted ${agent.name}`);
    await drawer.getByText("number 2").waitFor();
    await world.rig("POST", "/pause");
    await drawer.getByRole("button", { name: "Unhook" }).click();
    await page.getByRole("dialog", { name: `Unhook ${agent.name}?` }).getByRole("button", { name: "Unhook" }).click();
    await toast(page, `Unhooked ${agent.name}`);
    await drawer.getByRole("button", { name: "Hook a bead" }).click();
    const hook = page.getByRole("dialog", { name: "Hook a bead to an agent" });
    await hook.getByRole("combobox", { name: "Bead" }).or(hook.getByLabel("Bead")).first().click();
    await page.getByRole("option", { name: "Trim the foot" }).click();
    await hook.getByRole("button", { name: "Hook it" }).click();
    await toast(page, `Hooked ${agent.name}`);
    await drawer.getByRole("button", { name: "Write" }).click();
    const mail = page.getByRole("dialog", { name: "Write to an agent" });
    await mail.getByLabel("Subject").fill("Mind the rim");
    await mail.getByLabel("Text").fill("It is thin.");
    await mail.getByRole("button", { name: "Send" }).click();
    await toast(page, `Mail sent to ${agent.name}`);
    await world.rig("POST", "/resume");
    expect((await world.rig<{ assignee_agent_id: string }>("GET", `/beads/${bead.id}`)).assignee_agent_id).toBe(agent.id);
  });

  test("a refusal is told in the rig's own words, and the text that was typed is kept", async () => {
    const { agent } = await world.sling("Ask nothing");
    await soon(async () => (await world.rig<{ status: string }>("GET", `/agents/${agent.id}`)).status).toBe("working");
    await world.rig("POST", "/escalations", { title: "A question", metadata: { agent_id: agent.id } });
    const page = await visit("/");
    const need = page.getByRole("list", { name: "Who needs me now" }).getByRole("listitem").filter({ hasText: "A question" });
    await need.getByRole("textbox").fill("An answer");
    await page.route("**/unblock", (route) => route.fulfill({ status: 409, contentType: "application/json", body: JSON.stringify({ success: false, error: "agent is working and cannot be unblocked" }) }));
    await need.getByRole("button", { name: "Unblock" }).click();
    await toast(page, "agent is working and cannot be unblocked");
    expect(await need.getByRole("textbox").inputValue()).toBe("An answer");
    troubles.splice(0);
    await page.unroute("**/unblock");
    await need.getByRole("button", { name: "Unblock" }).click();
    await need.waitFor({ state: "detached" });
  });

  test("a lost line is shown as stale, comes back by itself and misses nothing", async () => {
    let socket: WebSocketRoute | null = null;
    let isDown = false;
    const page = await visit("/", DESK, (fresh) =>
      fresh.routeWebSocket(/\/feed/, (route) => {
        if (isDown) return void route.close();
        socket = route;
        route.connectToServer();
      }),
    );
    await live(page);
    isDown = true;
    await (socket as WebSocketRoute | null)?.close();
    await page.getByRole("button", { name: /^stale for/ }).waitFor();
    await world.sling("While you were away");
    expect(await beads(page).getByText("While you were away").count()).toBe(0);
    isDown = false;
    await live(page);
    await beads(page).getByText("While you were away").waitFor();
    const last = (await world.rig<{ seq: number }>("GET", "/board")).seq;
    await page.getByText(`#${last}`, { exact: false }).first().waitFor();
  });

  test("hostile text is shown as text", async () => {
    const evil = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`;
    const { agent, bead } = await world.sling(evil, { body: `${evil}\njavascript:alert(1)`, labels: [evil.slice(0, 90)], metadata: { evil } });
    await world.rig("POST", "/agent-events", { agent_id: agent.id, event_type: "message", data: { text: evil } });
    await world.rig("POST", "/agent-events", { agent_id: agent.id, event_type: "<b>kind</b>", data: { deep: [evil] } });
    await world.rig("POST", "/mail", { from_agent_id: agent.id, to_agent_id: agent.id, subject: evil, body: evil });
    await world.rig("POST", "/escalations", { title: evil, body: evil, metadata: {} });
    const page = await visit(`/?show=agent:${agent.id}`);
    await page.getByRole("log").getByText(evil).first().waitFor();
    await page.goto(`${world.stack.url}/?rig=${world.rigId}&show=bead:${bead.id}`);
    await page.getByRole("dialog").getByText("javascript:alert(1)").waitFor();
    await page.goto(`${world.stack.url}/debug?rig=${world.rigId}&actor=bead:${bead.id}`);
    await page.getByRole("heading", { name: evil }).waitFor();
    expect(await page.evaluate(() => (globalThis as { hacked?: number }).hacked)).toBeUndefined();
    expect(await page.locator("img, iframe, object").count()).toBe(0);
  });

  test("the policy of the page forbids inline scripts, frames and other hosts", async () => {
    const response = await fetch(`${world.stack.url}/`);
    const policy = response.headers.get("content-security-policy") ?? "";
    for (const rule of ["default-src 'self'", "script-src 'self';", "frame-ancestors 'none'", "object-src 'none'", "base-uri 'none'"]) expect(policy).toContain(rule);
    const page = await visit("/");
    await live(page);
    const ran = await page.evaluate(`(() => {
      const script = document.createElement("script");
      script.textContent = "window.hacked = 1";
      document.body.append(script);
      return window.hacked;
    })()`);
    expect(ran).toBeUndefined();
    expect(troubles.splice(0).join()).toContain("Content Security Policy");
  });

  test("a drag across the bars shows only the facts of that time, and one click shows all again", async () => {
    await world.sling("Later");
    const page = await visit("/");
    const bars = page.locator(".u-over");
    await bars.scrollIntoViewIfNeeded();
    const count = async () => Number((await page.getByRole("heading", { name: /^Timeline/ }).innerText()).replace(/\D/g, ""));
    const all = await count();
    const box = await bars.boundingBox();
    if (box === null) throw new Error("there are no bars");
    await page.mouse.move(box.x + 2, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + 40, { steps: 5 });
    await page.mouse.up();
    await soon(count).toBeLessThan(all);
    await page.getByRole("button", { name: "Show everything" }).click();
    await soon(count).toBeGreaterThanOrEqual(all);
  });

  test("lists are gone through with the arrow keys; Enter opens, Escape closes", async () => {
    const page = await visit("/");
    await agents(page).getByRole("button").first().focus();
    const names = await agents(page).locator(".list-title").allInnerTexts();
    await page.keyboard.press("ArrowDown");
    await soon(() => page.evaluate<string>("document.activeElement.textContent")).toContain(names[1]);
    await page.keyboard.press("Enter");
    const drawer = page.getByRole("dialog", { name: names[1] ?? "" });
    await drawer.waitFor();
    await page.keyboard.press("Escape");
    await drawer.waitFor({ state: "detached" });
  });
});

describe("the debugger", () => {
  const lit = (page: Page) => page.locator(".box.leaf.lit").evaluateAll((boxes) => boxes.map((box) => (box as unknown as { dataset: Record<string, string> }).dataset["state"]));

  test("lights the states of a live actor as its facts arrive", async () => {
    const { agent } = await world.sling("Watch me");
    const page = await visit(`/debug?actor=agent:${agent.id}`);
    await soon(() => lit(page)).toEqual(["agent.working.process.running", "agent.working.progress.fresh"]);
    await world.rig("POST", "/escalations", { title: "Seen?", metadata: { agent_id: agent.id } });
    await soon(() => lit(page)).toEqual(["agent.blocked.onHelp.waiting"]);
    expect(await page.locator(".edge.taken").count()).toBeGreaterThan(0);
    await page.getByRole("button", { name: "Facts" }).click();
    await page.getByText("agent.asked_help").first().waitFor();
  });

  test("shows any fact of the past exactly as a replay has it, by address and by steps", async () => {
    const { agent } = await world.sling("Remember me");
    await soon(async () => (await world.rig<{ status: string }>("GET", `/agents/${agent.id}`)).status).toBe("working");
    const journal = await journalOf(world.stack.url, world.rigId);
    const seqOf = (type: string) => journal.findLast(({ fact }) => fact.type === type && fact.agentId === agent.id)?.fact.seq ?? 0;
    const page = await visit(`/debug?actor=agent:${agent.id}&seq=${seqOf("agent.hooked")}`);
    await soon(() => lit(page)).toEqual(["agent.idle.hooked"]);
    await page.getByRole("button", { name: "its next fact" }).click();
    await soon(() => lit(page)).toEqual(["agent.working.process.starting", "agent.working.progress.fresh"]);
    expect(page.url()).toContain(`seq=${seqOf("dispatch.granted")}`);
    await page.getByText("container.start").first().waitFor();
    for (const { fact } of journal.filter(({ fact }) => fact.agentId === agent.id)) {
      const cut = await world.rig<{ seq: number; actors: { id: string; value: unknown }[] }>("GET", `/state?seq=${fact.seq}`);
      if (cut.seq !== fact.seq) continue;
      await page.goto(`${world.stack.url}/debug?rig=${world.rigId}&actor=agent:${agent.id}&seq=${fact.seq}`);
      const value = cut.actors.find((actor) => actor.id === agent.id)?.value;
      await soon(() => lit(page)).toEqual(leaves("agent", value));
    }
    await page.getByRole("button", { name: "Now", exact: true }).first().click();
    expect(page.url()).not.toContain("seq=");
  });

  test("says what can happen with each guard's value, and tries it on a copy", async () => {
    const { agent } = await world.sling("What if");
    await soon(async () => (await world.rig<{ status: string }>("GET", `/agents/${agent.id}`)).status).toBe("working");
    const page = await visit(`/debug?actor=agent:${agent.id}`);
    await page.getByRole("button", { name: "Can happen" }).click();
    const done = page.locator(".possible").filter({ has: page.getByRole("button", { name: /^What if agent.done/ }) });
    await done.getByText("✓ isCurrentDispatch").first().waitFor();
    await done.getByRole("button").click();
    await page.getByRole("button", { name: "Try it on a copy" }).click();
    const outcome = page.getByRole("region", { name: "What would happen" });
    await outcome.getByText("idle.empty").waitFor();
    await outcome.getByText("container.stop").first().waitFor();
    // The rig lives on meanwhile, so its seq may move; what was tried may not be in its journal.
    expect((await journalOf(world.stack.url, world.rigId)).filter(({ fact }) => fact.type === "agent.done" && fact.agentId === agent.id)).toEqual([]);
    expect((await world.rig<{ status: string }>("GET", `/agents/${agent.id}`)).status).toBe("working");
    await page.getByLabel("The event, as JSON").fill("{");
    await page.getByRole("button", { name: "Try it on a copy" }).click();
    await page.getByRole("alert").waitFor();
  });

  test("exports the journal, and opens it again without any network", async () => {
    const { agent } = await world.sling("Keep this");
    const page = await visit(`/debug?actor=agent:${agent.id}`);
    await page.locator(".box.leaf.lit").first().waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export" }).click()]);
    const path = await download.path();
    expect(readFileSync(path, "utf8").split("\n")[0]).toContain('"ticktown":"journal"');
    await page.context().setOffline(true);
    await page.getByLabel("Journal file").setInputFiles({ name: "pottery.ndjson", mimeType: "application/x-ndjson", buffer: readFileSync(path) });
    await page.getByText("no difference").waitFor();
    await page.getByLabel("Find an actor").fill(agent.name);
    await page.getByRole("list", { name: "Actors" }).getByRole("button").first().click();
    await page.getByRole("button", { name: "its last fact" }).click();
    await page.locator(".box.leaf.lit").first().waitFor();
    await page.getByRole("button", { name: "What if", exact: true }).click();
    await page.getByRole("button", { name: "Try it on a copy" }).click();
    await page.getByRole("region", { name: "What would happen" }).waitFor();
    await page.getByLabel("Journal file").waitFor({ state: "detached" });
    troubles.splice(0);
  });

  test("a file that was tampered with is opened, and its first difference named", async () => {
    const text = await (await fetch(`${world.stack.url}/api/rigs/${world.rigId}/export`)).text();
    const page = await visit("/debug");
    await page.getByLabel("Journal file").setInputFiles({ name: "forged.ndjson", mimeType: "application/x-ndjson", buffer: Buffer.from(text.replace('"probe":false', '"probe":true')) });
    await page.getByText(/At seq \d+ the file says/).waitFor();
    await page.getByRole("button", { name: "Close the file" }).click();
    await page.getByLabel("Journal file").setInputFiles({ name: "cat.txt", mimeType: "text/plain", buffer: Buffer.from("meow") });
    await page.getByRole("alert").getByText("this is no journal file").waitFor();
  });
});

/** The atomic states of a stored value, as the chart names them, in the chart's order. */
function leaves(id: string, value: unknown): string[] {
  if (typeof value === "string") return [`${id}.${value}`];
  return Object.entries(value as Record<string, unknown>).flatMap(([key, inner]) => leaves(`${id}.${key}`, inner));
}

describe("everybody can use it", () => {
  const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  interface Violation {
    id: string;
    impact: string;
    nodes: { html: string; failureSummary: string }[];
  }
  async function violations(page: Page): Promise<string[]> {
    await page.evaluate(axe);
    const found = await page.evaluate(async () => (await (globalThis as unknown as { axe: { run(): Promise<{ violations: unknown[] }> } }).axe.run()).violations);
    return (found as Violation[]).filter(({ impact }) => impact === "serious" || impact === "critical").flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`));
  }

  test.each([
    ["light", "desk", "/"],
    ["dark", "desk", "/"],
    ["light", "phone", "/"],
    ["light", "desk", "/debug"],
    ["dark", "desk", "/debug"],
    ["dark", "phone", "/debug"],
  ] as const)("in %s on a %s, %s has no serious violation of accessibility", async (colorScheme, device, path) => {
    const page = await visit(path, { ...(device === "desk" ? DESK : PHONE), colorScheme });
    await page.locator(path === "/" ? ".list-row" : ".box.leaf.lit").first().waitFor();
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
  });

  test.each(["light", "dark"] as const)("in %s, dialogs, drawers and panels have none either", async (colorScheme) => {
    const { agent, bead } = await world.sling("Look closely");
    await world.rig("POST", "/agent-events", { agent_id: agent.id, event_type: "message", data: { text: "hello" } });
    const page = await visit(`/?show=agent:${agent.id}`, { ...DESK, colorScheme });
    await page.getByRole("log").waitFor();
    expect(await violations(page)).toEqual([]);
    await page.goto(`${world.stack.url}/?rig=${world.rigId}&show=bead:${bead.id}`);
    await page.getByRole("dialog").getByText("What happened to it").waitFor();
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("s");
    await page.getByLabel("What is to be done").waitFor();
    await page.waitForTimeout(400);
    expect(await violations(page)).toEqual([]);
    await page.goto(`${world.stack.url}/debug?rig=${world.rigId}&actor=agent:${agent.id}`);
    for (const tab of ["Can happen", "What if", "Facts"]) {
      await page.getByRole("button", { name: tab, exact: true }).click();
      expect(await violations(page)).toEqual([]);
    }
  });
});

describe("the inspection protocol", () => {
  test("is understood by Stately's own receiver", async () => {
    const { agent } = await world.sling("Inspect me");
    const receiver = createWebSocketReceiver({ server: `${world.stack.url.replace("http", "ws")}/api/rigs/${world.rigId}/inspect` });
    const seen: StatelyInspectionEvent[] = [];
    receiver.subscribe((event) => void seen.push(event));
    const session = `agent:${agent.id}`;
    await soon(() => seen.find((event) => event.type === "@xstate.actor" && event.sessionId === session)).toBeDefined();
    await world.rig("POST", "/escalations", { title: "Inspected?", metadata: { agent_id: agent.id } });
    await soon(() => seen.filter((event) => event.sessionId === session && event.type !== "@xstate.actor").map((event) => event.type)).toEqual(expect.arrayContaining(["@xstate.event", "@xstate.snapshot"]));
  });
});

describe("a Worker that wants a token", () => {
  test("is given one in the page, which keeps it in its tab", async () => {
    const guarded = await openWorld({ ENVIRONMENT: "production", TICKTOWN_OPERATOR_TOKEN: "operators-know-this" });
    try {
      const context = await guarded.browser.newContext(DESK);
      const page = await context.newPage();
      await page.goto(`${guarded.stack.url}/?rig=${guarded.rigId}`);
      await page.getByRole("textbox", { name: "Operator token" }).fill("wrong");
      await page.keyboard.press("Enter");
      await page.getByText("The token was not accepted").waitFor();
      await page.getByRole("textbox", { name: "Operator token" }).fill("operators-know-this");
      await page.keyboard.press("Enter");
      await live(page);
      await page.getByRole("textbox", { name: "Operator token" }).waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Sling work" }).click();
      await page.getByLabel("What is to be done").fill("Behind the door");
      await page.keyboard.press("Enter");
      await toast(page, "Slung “Behind the door”");
      expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain("operators-know-this");
      await context.close();
    } finally {
      await guarded.close();
    }
  });
});
