/**
 * Pictures of every page, in both schemes and at every width that is looked at: `npm run shots [-- FOLDER [PAGE...]]`. Without a
 * folder they are made small, for docs/pictures; a folder has them as they are.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";
import { inScheme } from "../test/e2e/dashboard/flaws.ts";
import { makeTour, SCHEMES, SCREENS, tourPages } from "../test/e2e/dashboard/tour.ts";
import { letIn, openWorld } from "../test/e2e/dashboard/world.ts";
import { PROJECT } from "./stack/project.ts";

const [folder, ...only] = process.argv.slice(2);
const to = path.resolve(folder ?? path.join(PROJECT, "docs/pictures"));
mkdirSync(to, { recursive: true });
/** A picture of a page in a document: 96 of them are a few MB. */
const QUALITY = 70;
/** What a phone shows of a long page: a few screens. */
const LONGEST_PX = 3_200;

/** The page as it stands; of a phone's all that one scrolls to. */
async function shoot(page: Page, file: string): Promise<void> {
  const viewport = page.viewportSize() ?? { width: 0, height: 0 };
  const isPhone = viewport.width < 700;
  if (isPhone) {
    const height = await page.evaluate<number>("document.documentElement.scrollHeight");
    await page.setViewportSize({ ...viewport, height: Math.min(LONGEST_PX, Math.max(viewport.height, height)) });
  }
  await page.evaluate("document.fonts.ready.then(() => new Promise((drawn) => requestAnimationFrame(() => drawn(1))))");
  if (folder !== undefined) await page.screenshot({ path: `${file}.png` });
  else {
    const session = await page.context().newCDPSession(page);
    const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality: QUALITY });
    writeFileSync(`${file}.webp`, Buffer.from(data, "base64"));
    await session.detach();
  }
  if (isPhone) await page.setViewportSize(viewport);
}

const world = await openWorld();
try {
  const tour = await makeTour(world);
  const pages = tourPages(world, tour).filter(({ name }) => only.length === 0 || only.includes(name));
  // A phone is another browser; of one browser the window is another size.
  for (const isPhone of [true, false]) {
    const screens = SCREENS.filter(({ isMobile }) => (isMobile === true) === isPhone);
    const context = await world.browser.newContext({ ...screens[0], reducedMotion: "reduce" });
    await letIn(context, world.token);
    const page = await context.newPage();
    for (const one of pages) {
      await page.goto(`${world.stack.url}${one.path}`);
      await one.ready(page);
      for (const { name, viewport } of screens) {
        await page.setViewportSize(viewport);
        for (const colorScheme of SCHEMES) {
          await inScheme(page, colorScheme);
          await shoot(page, path.join(to, `${one.name}-${name}-${colorScheme}`));
        }
      }
    }
    await context.close();
  }
  tour.work.remove();
  console.log(`The pictures are in ${to}`);
} finally {
  await world.close();
}
