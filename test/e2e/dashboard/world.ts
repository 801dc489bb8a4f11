import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium, type Browser } from "playwright-core";
import { browser as browserPath } from "../../../scripts/browser.ts";
import { startStack, type Stack } from "../../../scripts/stack/stack.ts";
import type { Agent, Bead } from "../../../scripts/stack/api-client.ts";
import { startQuietContainer, type QuietContainer } from "./container.ts";

/** A Worker with the built dashboard, a rig whose container runs nothing, and a real browser. */
export interface DashboardWorld {
  readonly stack: Stack;
  readonly container: QuietContainer;
  readonly rigId: string;
  readonly browser: Browser;
  rig<T>(method: "GET" | "POST" | "PUT" | "DELETE", rest: string, body?: unknown): Promise<T>;
  sling(title: string, more?: Record<string, unknown>): Promise<{ bead: Bead; agent: Agent }>;
  close(): Promise<void>;
}

const PROJECT = path.join(import.meta.dirname, "../../..");
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Builds the pages: the Worker serves dist/dashboard. For production: a test runner says otherwise, and would leave slower pages behind. */
export function buildDashboard(): void {
  if (existsSync(path.join(PROJECT, "dist/dashboard/index.html")) && process.env["DASHBOARD_BUILT"] === "1") return;
  execFileSync(process.execPath, [path.join(PROJECT, "node_modules/vite/bin/vite.js"), "build", "dashboard", "--logLevel", "error"], { cwd: PROJECT, stdio: "inherit", env: { ...process.env, NODE_ENV: "production" } });
}

/** @param environment overrides of the Worker's variables, such as ENVIRONMENT. */
export async function openWorld(environment: Record<string, string> = {}): Promise<DashboardWorld> {
  buildDashboard();
  const stateDir = mkdtempSync(path.join(tmpdir(), "ticktown-dashboard-"));
  const container = await startQuietContainer();
  const stack = await startStack({ port: 0, stateDir, containerUrl: container.url, agentCommand: "true", environment: { ...process.env, ...environment }, say: () => {} });
  const { rig } = await stack.api.rigFor({ name: "pottery", gitUrl: "https://example.com/kiln/pottery.git", defaultBranch: "main" });
  const browser = await chromium.launch({ executablePath: browserPath(), args: FLAGS });
  const call: DashboardWorld["rig"] = (method, rest, body) => stack.api.call(method, `/api/rigs/${rig.id}${rest}`, body);
  // Nothing that is slung here ever ends by itself.
  await call("PUT", "/settings", { capacity: 100 });
  return {
    stack,
    container,
    rigId: rig.id,
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
