import type { BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { letIn, openWorld, type DashboardWorld } from "./world.ts";

/** Without motion: what is only looked at moves for whoever waits, and for nobody here. */
export const DESK: BrowserContextOptions = {
  viewport: { width: 1440, height: 900 },
  colorScheme: "light",
  reducedMotion: "reduce",
};
export const PHONE: BrowserContextOptions = {
  viewport: { width: 375, height: 800 },
  colorScheme: "light",
  hasTouch: true,
  isMobile: true,
};

const NOTHING = async (): Promise<void> => {};

/** The pages of one world; each test opens its own, and must leave them without an error and without a foreign host. */
export interface Pages {
  readonly world: DashboardWorld;
  /** What went wrong in any page; what a test expects to go wrong, it takes out. */
  readonly troubles: string[];
  /** @param prepare runs before the page is loaded */
  visit(path: string, options?: BrowserContextOptions, prepare?: (page: Page) => Promise<void>): Promise<Page>;
}

export function usePages(): Pages {
  let world: DashboardWorld;
  const open: Page[] = [];
  /** The page of whoever sits at a desk, which is kept: a new one costs three times what its page does. */
  let desk: { readonly page: Page; isTaken: boolean } | null = null;
  const troubles: string[] = [];
  const hosts = new Set<string>();

  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world?.close());
  afterEach(async ({ task }) => {
    for (const page of open.splice(0)) await page.context().close();
    // What a test that failed has left is nobody's.
    if (desk !== null && task.result?.state === "fail") {
      await desk.page.context().close();
      desk = null;
    }
    if (desk?.isTaken === true) await leave(desk.page);
    if (desk !== null) desk.isTaken = false;
    expect(troubles.splice(0)).toEqual([]);
    expect([...hosts].filter((host) => host !== new URL(world.stack.url).host)).toEqual([]);
  });

  async function fresh(options: BrowserContextOptions): Promise<Page> {
    const context = await world.browser.newContext({ ...options, acceptDownloads: true });
    await letIn(context, world.token);
    const page = await context.newPage();
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
    return page;
  }

  async function visit(
    path: string,
    options: BrowserContextOptions = DESK,
    prepare: (page: Page) => Promise<void> = NOTHING,
  ): Promise<Page> {
    const isAtDesk = options === DESK && prepare === NOTHING && desk?.isTaken !== true;
    const page = isAtDesk && desk !== null ? desk.page : await fresh(options);
    if (isAtDesk) desk = { page, isTaken: true };
    else open.push(page);
    await prepare(page);
    await page.goto(`${world.stack.url}${addressOf(world.rigId, path)}`);
    return page;
  }

  return {
    get world() {
      return world;
    },
    troubles,
    visit,
  };
}

/** Leaves a page as one that was just opened: with nothing on it, nothing kept, and no way of its own to the Worker. */
async function leave(page: Page): Promise<void> {
  await page.unrouteAll();
  await page.context().setOffline(false);
  await page.evaluate("localStorage.clear(); sessionStorage.clear();");
  await page.goto("about:blank");
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await page.setViewportSize({ width: 1440, height: 900 });
}

/** Of the rig's pages the part after the rig is enough, the debugger has its rig in the query, and `//` begins what is of no rig. */
function addressOf(rigId: string, path: string): string {
  if (path.startsWith("/debug")) return `${path}${path.includes("?") ? "&" : "?"}rig=${rigId}`;
  if (path.startsWith("//")) return path.slice(1);
  return `/rigs/${rigId}${path === "/" || path.startsWith("/?") ? path.slice(1) : path}`;
}

/** A machine that does other things too may take a while. */
export const soon = <T>(read: () => T) => expect.poll(read, { timeout: 20_000, interval: 50 });

export const live = (page: Page) => page.getByText("Live", { exact: true }).waitFor();
export const agents = (page: Page) => page.getByRole("list", { name: "Agents" });
export const work = (page: Page) => page.getByRole("list", { name: "Work" });
/** The item of a need that says this. */
export const need = (page: Page, text: string | RegExp) => page.locator(".need").filter({ hasText: text });
export const toast = (page: Page, text: string | RegExp) =>
  page.locator(".toast").filter({ hasText: text }).first().waitFor();
