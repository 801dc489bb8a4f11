/**
 * What a board costs where there are many: 1,000 agents and 10,000 beads in a real browser, against the board of 38640e0, which is
 * built from its own sources and served by its own Worker. Both are visited in turns.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import path from "node:path";
import type { DashboardWorld } from "../../test/e2e/dashboard/world.ts";
import type { Bench } from "../context.ts";
import { median, quantile, type Result } from "../report.ts";
import { ROOT, scratch } from "../server.ts";

const BEFORE = "38640e0";
const AGENTS = 1_000;
const BEADS = 10_000;
const VISITS = 5;
/** Of the wheel, one after the other. */
const TURNS = 100;
const WHEEL_PX = 300;
const AT_ONCE = 16;
const ROW = ".rows-row, .list-row";
const MOST_BYTES = 1_000_000;
const FIRST_ROW_MS = 1_500;
const FRAME_MS = 20;

interface Side {
  readonly name: string;
  readonly world: DashboardWorld;
  readonly path: string;
  readonly letIn: ((context: never, token: string) => Promise<void>) | null;
  readonly firstRow_ms: number[];
  readonly frames_ms: number[];
  bytes: number;
}

export const board: Bench = async ({ quick }): Promise<Result> => {
  const size = quick ? { agents: AGENTS / 10, beads: BEADS / 10 } : { agents: AGENTS, beads: BEADS };
  const sides: Side[] = [];
  try {
    sides.push(await open("now", ROOT, ({ rigId }) => `/rigs/${rigId}`));
    sides.push(await open(BEFORE, checkedOut(), ({ rigId }) => `/?rig=${rigId}`));
    for (const { world } of sides) await fill(world, size.agents, size.beads);
    for (let visit = 0; visit < (quick ? 3 : VISITS); visit++)
      for (const side of visit % 2 === 0 ? sides : sides.toReversed()) await look(side);
    return reportOf(sides, size);
  } finally {
    for (const { world } of sides) await world.close();
  }
};

/** The sources of that version, with the packages that are installed: those of its pages are the same. */
function checkedOut(): string {
  const tree = path.join(scratch, BEFORE);
  mkdirSync(tree);
  const archive = execFileSync("git", ["archive", BEFORE], { cwd: ROOT, maxBuffer: 2 ** 28 });
  execFileSync("tar", ["-x", "-C", tree], { input: archive });
  symlinkSync(path.join(ROOT, "node_modules"), path.join(tree, "node_modules"));
  return tree;
}

async function open(name: string, tree: string, pathOf: (world: DashboardWorld) => string): Promise<Side> {
  execFileSync(process.execPath, [path.join(ROOT, "node_modules/vite/bin/vite.js"), "build", "dashboard"], {
    cwd: tree,
    stdio: "ignore",
    env: { ...process.env, NODE_ENV: "production" },
  });
  const module = (await import(path.join(tree, "test/e2e/dashboard/world.ts"))) as {
    openWorld(): Promise<DashboardWorld>;
    letIn?: NonNullable<Side["letIn"]>;
  };
  const world = await module.openWorld();
  return {
    name,
    world,
    path: pathOf(world),
    letIn: module.letIn ?? null,
    firstRow_ms: [],
    frames_ms: [],
    bytes: 0,
  };
}

async function fill({ rig }: DashboardWorld, agents: number, beads: number): Promise<void> {
  await rig("PUT", "/settings", { capacity: 0 });
  const polecat = (i: number) => ({ role: "polecat", name: `potter-${i}`, identity: `potter-${i}` });
  const pot = (i: number) => ({
    type: "issue",
    title: `Throw pot number ${i} like the one that was asked for`,
    priority: ["low", "medium", "high", "critical"][i % 4],
  });
  const jobs = [
    ...Array.from({ length: beads }, (_none, i) => () => rig("POST", "/beads", pot(i))),
    ...Array.from({ length: agents }, (_none, i) => () => rig("POST", "/agents", polecat(i))),
  ];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) await patiently(job);
    }),
  );
}

/** There is a limit of requests; whoever fills a rig waits. */
async function patiently(job: () => Promise<unknown>, tries = 60): Promise<void> {
  try {
    await job();
  } catch (error) {
    if (tries === 0 || !/429|too many/i.test(String(error))) throw error;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await patiently(job, tries - 1);
  }
}

/** One visit with an empty cache: until the first row is drawn, and how long each frame takes while the list is scrolled. */
async function look(side: Side): Promise<void> {
  const { world, letIn } = side;
  const context = await world.browser.newContext({ viewport: { width: 1440, height: 900 } });
  try {
    await letIn?.(context as never, world.token);
    const page = await context.newPage();
    page.on("response", (response) => {
      if (response.url().endsWith("/board")) void response.body().then((body) => (side.bytes = body.length));
    });
    await page.addInitScript(`
      new MutationObserver((_changes, watcher) => {
        if (document.querySelector(${JSON.stringify(ROW)}) === null) return;
        watcher.disconnect();
        requestAnimationFrame(() => setTimeout(() => { window.firstRow = performance.now(); }));
      }).observe(document, { childList: true, subtree: true });
    `);
    await page.goto(`${world.stack.url}${side.path}`);
    await page.waitForFunction(() => "firstRow" in globalThis);
    side.firstRow_ms.push(await page.evaluate<number>("window.firstRow"));
    // What comes behind the board is there: the page is at rest.
    await page.waitForTimeout(1_500);
    // The longest list of the page: of now the last one, which scrolls with the page.
    const place = await page.evaluate<{ x: number; y: number }>(`(() => {
      const row = [...document.querySelectorAll(${JSON.stringify(ROW)})].at(-1);
      row.scrollIntoView({ block: "center" });
      const { left, top, width, height } = row.getBoundingClientRect();
      return { x: left + width / 2, y: top + height / 2 };
    })()`);
    await page.mouse.move(place.x, place.y);
    await page.evaluate(`
      window.frames = [];
      let last = 0;
      const frame = (at) => { if (last > 0) window.frames.push(at - last); last = at; requestAnimationFrame(frame); };
      requestAnimationFrame(frame);
    `);
    for (let turn = 0; turn < TURNS; turn++) await page.mouse.wheel(0, WHEEL_PX);
    side.frames_ms.push(...(await page.evaluate<number[]>("window.frames")));
  } finally {
    await context.close();
  }
}

function reportOf(sides: readonly Side[], size: { agents: number; beads: number }): Result {
  const many = `${size.agents.toLocaleString("en")} agents and ${size.beads.toLocaleString("en")} beads`;
  const now = sides[0] as Side;
  const frame = quantile(now.frames_ms, 0.95);
  return {
    tables: [
      {
        title: `A board of ${many}, in Chromium`,
        columns: ["the board of", "answer, KB", "first row, ms", "scroll, p50 ms a frame", "scroll, p95 ms a frame"],
        rows: sides.map(({ name, bytes, firstRow_ms, frames_ms }) => [
          name,
          bytes / 1_000,
          median(firstRow_ms),
          median(frames_ms),
          quantile(frames_ms, 0.95),
        ]),
        notes: ["From the navigation, with an empty cache, on loopback; the answer before anything compresses it."],
      },
    ],
    targets: [
      {
        what: `the board's answer, ${many}`,
        wanted: "less than 1 MB",
        is: `${Math.round(now.bytes / 1_000)} KB`,
        reached: now.bytes > 0 && now.bytes < MOST_BYTES,
      },
      {
        what: "first row",
        wanted: `less than ${FIRST_ROW_MS} ms`,
        is: `${Math.round(median(now.firstRow_ms))} ms`,
        reached: median(now.firstRow_ms) < FIRST_ROW_MS,
      },
      {
        what: "scroll, p95",
        wanted: `less than ${FRAME_MS} ms a frame`,
        is: `${frame.toFixed(1)} ms`,
        reached: frame < FRAME_MS,
      },
    ],
  };
}
