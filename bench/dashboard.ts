/**
 * What the pages weigh, and how soon they are of use.
 *
 *   node bench/dashboard.ts          a small rig
 *   node bench/dashboard.ts --big    also 1,000 agents and 10,000 beads
 *
 * Weight: every file that a first visit fetches, gzipped. First useful paint: from the navigation to the first row of the
 * board, median of seven visits with an empty cache, on loopback.
 */
import { gzipSync } from "node:zlib";
import { letIn, openWorld, type DashboardWorld } from "../test/e2e/dashboard/world.ts";

const VISITS = 7;
const KIB = 1_024;

const world = await openWorld();
try {
  for (const title of ["Throw a bowl", "Glaze the bowl", "Fire the kiln"]) await world.sling(title);
  await report("board, 3 agents and 3 beads", `/rigs/${world.rigId}`, ".rows-row");
  await report("debugger", `/debug?rig=${world.rigId}`, ".box.leaf.lit");
  if (process.argv.includes("--big")) {
    await fill(world, 1_000, 10_000);
    await report("board, 1,000 agents and 10,000 beads", `/rigs/${world.rigId}`, ".rows-row");
    await flood(world);
  }
} finally {
  await world.close();
}

/** @param row what is there when the page is of use. */
async function report(name: string, path: string, row: string): Promise<void> {
  const times: number[] = [];
  let weight: { files: number; gzip: number; data: number } | null = null;
  for (let visit = 0; visit < VISITS; visit++) {
    const context = await world.browser.newContext({ viewport: { width: 1440, height: 900 } });
    await letIn(context, world.token);
    const page = await context.newPage();
    const files: Promise<{ isData: boolean; gzip: number }>[] = [];
    page.on("response", (response) =>
      files.push(
        response.body().then(
          (body) => ({ isData: response.url().includes("/api/"), gzip: gzipSync(body).length }),
          () => ({ isData: true, gzip: 0 }),
        ),
      ),
    );
    await page.addInitScript(`
      new MutationObserver((_changes, watcher) => {
        if (document.querySelector(${JSON.stringify(row)}) === null) return;
        watcher.disconnect();
        requestAnimationFrame(() => setTimeout(() => { window.useful = performance.now(); }));
      }).observe(document, { childList: true, subtree: true });
    `);
    await page.goto(`${world.stack.url}${path}`);
    await page.waitForFunction(() => "useful" in globalThis);
    times.push(await page.evaluate<number>("window.useful"));
    await page.waitForTimeout(300);
    const read = await Promise.all(files);
    const assets = read.filter((file) => !file.isData);
    weight ??= {
      files: assets.length,
      gzip: assets.reduce((sum, file) => sum + file.gzip, 0),
      data: read.filter((file) => file.isData).reduce((sum, file) => sum + file.gzip, 0),
    };
    await context.close();
  }
  const median = times.toSorted((a, b) => a - b)[Math.floor(VISITS / 2)] ?? 0;
  console.log(
    `${name}: ${weight?.files} files, ${((weight?.gzip ?? 0) / KIB).toFixed(0)} KiB gzip, data ${((weight?.data ?? 0) / KIB).toFixed(0)} KiB gzip, first useful paint ${median.toFixed(0)} ms`,
  );
}

async function fill({ rig }: DashboardWorld, agents: number, beads: number): Promise<void> {
  await rig("PUT", "/settings", { capacity: 0 });
  const jobs = [
    ...Array.from(
      { length: agents - 3 },
      (_, i) => () => rig("POST", "/agents", { role: "polecat", name: `potter-${i}`, identity: `potter-${i}` }),
    ),
    ...Array.from(
      { length: beads - 3 },
      (_, i) => () =>
        rig("POST", "/beads", {
          type: "issue",
          title: `Pot number ${i}`,
          priority: ["low", "medium", "high", "critical"][i % 4],
        }),
    ),
  ];
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) await job();
    }),
  );
}

/** How long the page takes to show a fact while a thousand agents are given work at once. */
async function flood({ rig, browser, stack, rigId, token }: DashboardWorld): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await letIn(context, token);
  const page = await context.newPage();
  await page.goto(`${stack.url}/rigs/${rigId}`);
  await page.locator(".rows-row").first().waitFor();
  const before = (await rig<{ seq: number }>("GET", "/board")).seq;
  const start = performance.now();
  await rig("PUT", "/settings", { capacity: 1_000 });
  await page.locator(".chip", { hasText: /^Working ?1,?000$/ }).waitFor({ timeout: 120_000 });
  const facts = (await rig<{ seq: number }>("GET", "/board")).seq - before;
  console.log(
    `1,000 agents set to work at once: ${facts.toLocaleString("en")} facts written, sent, folded and shown in ${((performance.now() - start) / 1_000).toFixed(1)} s`,
  );
}
