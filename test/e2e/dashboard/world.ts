import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium, type Browser, type BrowserContext } from "playwright-core";
import { browser as browserPath } from "../../../scripts/browser.ts";
import { startStack, type Stack } from "../../../scripts/stack/stack.ts";
import type { Agent, Bead } from "../../../scripts/stack/api-client.ts";
import { tokenIn } from "../support.ts";
import { startQuietContainer, type QuietContainer } from "./container.ts";

/** A Worker with the built dashboard, a rig whose container runs nothing, and a real browser. */
export interface DashboardWorld {
  readonly stack: Stack;
  readonly container: QuietContainer;
  readonly rigId: string;
  readonly token: string;
  readonly browser: Browser;
  rig<T>(method: "GET" | "POST" | "PUT" | "DELETE", rest: string, body?: unknown): Promise<T>;
  sling(title: string, more?: Record<string, unknown>): Promise<{ bead: Bead; agent: Agent }>;
  close(): Promise<void>;
}

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A process for each page takes longer than what the pages do.
  "--renderer-process-limit=1",
];

/** Gives a browser what it keeps once it was let in. */
export async function letIn(context: BrowserContext, token: string): Promise<void> {
  // An error page has no storage.
  await context.addInitScript({
    content: `if (location.protocol.startsWith("http")) localStorage.setItem("ticktown.token", ${JSON.stringify(token)});`,
  });
}

/** @param environment overrides of the Worker's variables. */
export async function openWorld(environment: Record<string, string> = {}): Promise<DashboardWorld> {
  const stateDir = mkdtempSync(path.join(tmpdir(), "ticktown-dashboard-"));
  const container = await startQuietContainer();
  const stack = await startStack({
    port: 0,
    stateDir,
    containerUrl: container.url,
    agentCommand: "true",
    environment: { ...process.env, ...environment },
    say: () => {},
  });
  const { rig } = await stack.api.rigFor({
    name: "pottery",
    gitUrl: "https://example.com/kiln/pottery.git",
    defaultBranch: "main",
  });
  const browser = await chromium.launch({ executablePath: browserPath(), args: FLAGS });
  const call: DashboardWorld["rig"] = (method, rest, body) =>
    stack.api.call(method, `/api/rigs/${rig.id}${rest}`, body);
  // Nothing that is slung here ever ends by itself.
  await call("PUT", "/settings", { capacity: 100 });
  return {
    stack,
    container,
    rigId: rig.id,
    token: tokenIn(stateDir),
    browser,
    rig: call,
    sling: (title, more = {}) => call("POST", "/sling", { title, ...more }),
    async close() {
      await browser.close();
      await stack.stop();
      await container.stop();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
