import { rmSync } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Agent, Bead } from "../../scripts/stack/api-client.ts";
import { browser as browserPath } from "../../scripts/browser.ts";
import { type DemoRepository, makeRepository } from "../../scripts/stack/demo/repository.ts";
import { startStack, type Stack } from "../../scripts/stack/stack.ts";
import { letIn } from "./dashboard/world.ts";
import { nothingLeftIn, temporaryDir, tokenIn, until } from "./support.ts";

/** An agent's output, through the Worker: a ticket, once, and then a socket that goes on from the last event id. */

const dir = temporaryDir();
let stack: Stack;
let repository: DemoRepository;

beforeAll(async () => {
  repository = makeRepository(dir);
  stack = await startStack({
    port: 0,
    stateDir: path.join(dir, "state"),
    containerUrl: null,
    agentCommand: "echo first; echo second; sleep 3; echo third; exec sleep 30",
    environment: process.env,
    say: () => {},
  });
});
afterAll(async () => {
  await stack.stop();
  const left = await nothingLeftIn(dir);
  rmSync(dir, { recursive: true, force: true });
  expect(left).toEqual([]);
});

interface Event {
  readonly id: number;
  readonly data: { readonly line?: string };
}

/** Collects what a socket says until it is closed or the test has seen enough. */
function listen(url: string): { events: Event[]; closed: Promise<void>; close: () => void } {
  const socket = new WebSocket(url);
  const events: Event[] = [];
  socket.addEventListener("message", ({ data }) => {
    const said = JSON.parse(String(data)) as Event | { event: Event };
    events.push("event" in said ? said.event : said);
  });
  return {
    events,
    closed: new Promise((resolve) => socket.addEventListener("close", () => resolve())),
    close: () => socket.close(),
  };
}

test("the board shows what a process prints, as it prints it, without asking again", async () => {
  const { rig } = await stack.api.rigFor({ name: "stream", gitUrl: repository.origin, defaultBranch: "main" });
  const { agent } = await stack.api.call<{ agent: Agent }>("POST", `/api/rigs/${rig.id}/sling`, {
    title: "Talk to the board",
  });
  const browser = await chromium.launch({
    executablePath: browserPath(),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  try {
    const context = await browser.newContext();
    await letIn(context, tokenIn(path.join(dir, "state")));
    const page = await context.newPage();
    await page.goto(`${stack.url}/rigs/${rig.id}?show=agent:${agent.id}`);
    const printed = page.getByRole("log", { name: /^What the process of/ });
    await printed.getByText("first").waitFor();
    let asked = 0;
    page.on("request", () => asked++);
    await printed.getByText("third").waitFor();
    expect(asked).toBeLessThan(3);
  } finally {
    await browser.close();
  }
});

test("a ticket opens an agent's output once; the stream is live, and resumes after an event id", async () => {
  const { rig } = await stack.api.rigFor({ name: "stream", gitUrl: repository.origin, defaultBranch: "main" });
  const { agent } = await stack.api.call<{ bead: Bead; agent: Agent }>("POST", `/api/rigs/${rig.id}/sling`, {
    title: "Talk",
  });
  const container = `/api/towns/${rig.town_id}/container/agents/${agent.id}`;
  const ticket = async () =>
    (await stack.api.call<{ ticket: string }>("POST", `${container}/stream-ticket`, {})).ticket;
  const socketUrl = stack.url.replace("http", "ws") + container;

  const first = await until("the container knows the agent", () => ticket().catch(() => null));
  const stream = listen(`${socketUrl}/stream?ticket=${first}`);
  await until("the third line has come", () => stream.events.some(({ data }) => data.line === "third"));
  expect(stream.events.flatMap(({ data }) => (data.line === undefined ? [] : [data.line]))).toEqual([
    "first",
    "second",
    "third",
  ]);
  expect(stream.events.map(({ id }) => id)).toEqual(stream.events.map(({ id }) => id).toSorted((a, b) => a - b));
  stream.close();

  const again = listen(`${socketUrl}/stream?ticket=${first}`);
  await again.closed;
  expect(again.events).toEqual([]);

  const after = stream.events.find(({ data }) => data.line === "second")?.id ?? 0;
  const resumed = listen(`${socketUrl}/stream?ticket=${await ticket()}&after=${after}`);
  await until("it resumed", () => resumed.events.some(({ data }) => data.line === "third"));
  expect(resumed.events.map(({ id }) => id).every((id) => id > after)).toBe(true);
  resumed.close();
});
