import type { BrowserContextOptions, Page } from "playwright-core";
import type { DashboardWorld } from "./world.ts";
import { makeWork, type Work } from "./work.ts";

/** One rig with something in every place, and the pages that show it: walked by the tests, and pictured by `npm run shots`. */

export interface Tour {
  /** When it was begun, ISO. */
  readonly since: string;
  /** The piece of work that its agent asks about, with its diff. */
  readonly beadId: string;
  readonly agentId: string;
  readonly failedId: string;
  readonly mergedId: string;
  readonly work: Work;
}

const HOLD = { timeout_ms: 30_000, pause_ms: 50 } as const;

/** @throws Error naming what did not come about */
async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + HOLD.timeout_ms;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${HOLD.timeout_ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, HOLD.pause_ms));
  }
}

type Slung = Awaited<ReturnType<DashboardWorld["sling"]>>;

/** Work that its agent has begun. */
async function begun(world: DashboardWorld, title: string, more: Record<string, unknown> = {}): Promise<Slung> {
  const slung = await world.sling(title, more);
  await until(`${title} is started`, () => world.container.starts.some(({ beadId }) => beadId.endsWith(slung.bead.id)));
  await world.rig("POST", `/agents/${slung.agent.id}/heartbeat`, {
    usage: {
      session: `s-${slung.agent.id}`,
      input_tokens: 41_000,
      cached_tokens: 30_000,
      output_tokens: 2_100,
      cost_microdollars: 310_000,
    },
  });
  return slung;
}

async function merged(world: DashboardWorld, title: string): Promise<Slung> {
  const slung = await begun(world, title);
  await world.rig("POST", `/agents/${slung.agent.id}/done`, { branch: `ticktown/${slung.bead.id}` });
  const asked = () => world.container.merges.find(({ beadId }) => beadId === slung.bead.id);
  await until(`${title} is to be merged`, async () => {
    if (asked() === undefined) await world.rig("POST", "/tick", {});
    return asked() !== undefined;
  });
  const { entryId = "", dispatchId = "" } = asked() ?? {};
  await world.rig("POST", `/review-queue/${entryId}/complete`, {
    status: "merged",
    message: "merged",
    commit_sha: "8d02f6b".padEnd(40, "0"),
    dispatch_id: dispatchId,
  });
  return slung;
}

/** A piece of work that its agent gives up, for this reason. Where it may be tried once, it has failed then. */
export async function fails(world: DashboardWorld, title: string, reason: string): Promise<Slung> {
  const slung = await begun(world, title);
  const start = world.container.starts.findLast(({ agentId }) => agentId === slung.agent.id);
  await world.rig("POST", `/agents/${slung.agent.id}/completed`, {
    status: "failed",
    reason,
    dispatch_id: start?.dispatchId,
    bead_id: slung.bead.id,
    tail: `$ agent --print\nError: ${reason.replace(/^exit 1: /, "")}\nexit 1`,
  });
  await until(`${title} has failed`, async () => {
    const { status } = await world.rig<{ status: string }>("GET", `/beads/${slung.bead.id}`);
    if (status !== "failed") await world.rig("POST", "/tick", {});
    return status === "failed";
  });
  return slung;
}

/** Rigs beside it: one at work, one that was stopped, one that is calm. */
async function makeOthers({ stack }: DashboardWorld): Promise<void> {
  const made = async (name: string): Promise<string> =>
    (await stack.api.rigFor({ name, gitUrl: `https://example.com/shop/${name}.git`, defaultBranch: "main" })).rig.id;
  const [ledger, warehouse] = [await made("ledger"), await made("warehouse"), await made("website")];
  for (const title of ["Close the month twice as fast", "Book fees per order"])
    await stack.api.call("POST", `/api/rigs/${ledger}/sling`, { title });
  await stack.api.call("POST", `/api/rigs/${warehouse}/pause`, {});
  await stack.api.call("POST", `/api/rigs/${warehouse}/sling`, { title: "Count by shelf" });
}

/** Fills a rig. */
export async function makeTour(world: DashboardWorld): Promise<Tour> {
  const since = new Date(Date.now() - 2_000).toISOString();
  await world.rig("PUT", "/settings", { max_attempts: 1 });
  const first = await merged(world, "Store amounts in minor units");
  await merged(world, "Count refunds in the daily report");
  const failed = await fails(world, "Write release notes for 4.12", "exit 1: HTTP 401, API key not valid");
  for (const title of ["Read the ledger’s schema", "Sign the webhook’s body", "Tell the acquirer’s errors apart"])
    await fails(world, title, "exit 1: npm ci, ERESOLVE could not resolve react@19");
  const asking = await begun(
    world,
    "Round EUR totals the way Finance does, in every invoice and refund that leaves the shop",
    {
      body: "Invoice totals in EUR differ from Finance’s sheet by a cent on about 1 in 300 orders.\nMake the code round the way Finance does and prove it with the October orders in fixtures/october.csv.",
      priority: "high",
      labels: ["money", "finance"],
    },
  );
  await world.rig("POST", `/agents/${asking.agent.id}/status`, {
    status: "Plan: one roundMoney(), used by totals and refunds",
  });
  for (const title of ["Send the nightly totals to Finance", "Tell the shops about the rounding"])
    await world.rig("POST", "/beads", { type: "issue", title, blocked_by: [asking.bead.id] });
  for (const title of [
    "Speed up the tax table loader",
    "Read VAT rates from one table",
    "Log the acquirer’s trace id",
  ]) {
    const { agent } = await begun(world, title);
    await world.rig("POST", `/agents/${agent.id}/status`, { status: "Runs npm test -- money" });
  }
  const careful = await begun(world, "Rebuild the price snapshot");
  await world.rig("POST", `/agents/${careful.agent.id}/asked`, {
    dispatch_id: world.container.starts.findLast(({ agentId }) => agentId === careful.agent.id)?.dispatchId,
    ask_id: "psql",
    kind: "permission",
    text: "Writes to staging. Not in this rig’s list of allowed commands.",
    command: 'psql "$STAGING_URL" -f db/rebuild_snapshot.sql',
    options: [
      { id: "allow", label: "Allow once" },
      { id: "always", label: "Always in this rig" },
      { id: "deny", label: "Deny" },
    ],
  });
  for (const title of ["Guard the checkout against double clicks", "Show the fee on the receipt"]) {
    const { agent, bead } = await begun(world, title);
    await world.rig("POST", `/agents/${agent.id}/done`, { branch: `ticktown/${bead.id}` });
  }
  // All slots are taken, and something waits for one.
  await world.rig("PUT", "/settings", { capacity: 5 });
  for (const title of ["Cache the shipping quotes", "Type the order events end to end"])
    await world.sling(title, { priority: "low" });
  await makeOthers(world);
  await world.rig("POST", "/escalations", {
    title: "Which rounding is the rule?",
    body: "Finance’s sheet rounds half-even per line; the code rounds half-up on the total. Which one is it?",
    metadata: { agent_id: asking.agent.id, options: ["Half-even, per line", "Half-up, on the total"] },
  });
  const work = await makeWork(world.rigId, asking.bead.id);
  world.container.diff = work.diff;
  return {
    since,
    beadId: asking.bead.id,
    agentId: asking.agent.id,
    failedId: failed.bead.id,
    mergedId: first.bead.id,
    work,
  };
}

export interface TourPage {
  readonly name: string;
  readonly path: string;
  /** What is there when it is of use. */
  readonly ready: (page: Page) => Promise<unknown>;
}

/** Every page, with something on it. */
export function tourPages({ rigId }: Pick<DashboardWorld, "rigId">, tour: Tour): readonly TourPage[] {
  const rig = `/rigs/${rigId}`;
  const live = (page: Page): Promise<unknown> =>
    page.locator(".live").getByText("Live").or(page.locator('.live[title*="Pushed"]')).first().waitFor();
  const shows = (text: string | RegExp) => async (page: Page) => {
    await live(page);
    await page.getByText(text).first().waitFor();
  };
  return [
    { name: "overview", path: "/", ready: (page) => page.getByText("pottery").first().waitFor() },
    {
      name: "needs",
      path: "/needs",
      ready: (page) => page.getByText("Finance’s sheet rounds half-even per line").first().waitFor(),
    },
    { name: "settings", path: "/settings", ready: (page) => page.getByRole("heading", { level: 1 }).waitFor() },
    {
      name: "rig-settings",
      path: `${rig}/settings`,
      ready: (page) => page.getByRole("heading", { level: 1 }).waitFor(),
    },
    {
      name: "log",
      path: `${rig}/log`,
      ready: (page) => page.getByRole("heading", { level: 1, name: "Log and mail" }).waitFor({ state: "attached" }),
    },
    { name: "rig", path: rig, ready: shows("Round EUR totals") },
    { name: "bead", path: `${rig}/beads/${tour.beadId}`, ready: shows("src/money/total.ts") },
    { name: "bead-failed", path: `${rig}/beads/${tour.failedId}`, ready: shows("API key not valid") },
    { name: "run", path: `${rig}/run?from=${tour.since}`, ready: shows("Longest chain") },
    { name: "since", path: `${rig}/since?from=${tour.since}`, ready: shows("Failed, by cause") },
    {
      name: "debug",
      path: `/debug?rig=${rigId}&actor=bead:${tour.beadId}`,
      ready: (page) => page.locator(".box.leaf.lit").first().waitFor(),
    },
  ];
}

/** Widths at which every page is looked at. */
export const SCREENS: readonly (BrowserContextOptions & {
  readonly name: string;
  viewport: { width: number; height: number };
})[] = [
  { name: "375", viewport: { width: 375, height: 812 }, hasTouch: true, isMobile: true },
  { name: "1280", viewport: { width: 1280, height: 720 } },
  { name: "1440", viewport: { width: 1440, height: 900 } },
  { name: "1920", viewport: { width: 1920, height: 1080 } },
];
export const SCHEMES = ["light", "dark"] as const;
