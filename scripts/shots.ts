/**
 * Pictures of every page, in both schemes and at every width that is looked at: `npm run shots [-- FOLDER [PAGE...]]`. Without a
 * folder, docs/pictures has those at 1440.
 */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { makeTour, SCHEMES, SCREENS, tourPages } from "../test/e2e/dashboard/tour.ts";
import { letIn, openWorld } from "../test/e2e/dashboard/world.ts";
import { PROJECT } from "./stack/project.ts";

const [folder, ...only] = process.argv.slice(2);
const to = path.resolve(folder ?? path.join(PROJECT, "docs/pictures"));
mkdirSync(to, { recursive: true });
const world = await openWorld();
try {
  const tour = await makeTour(world);
  const pages = tourPages(world, tour).filter(({ name }) => only.length === 0 || only.includes(name));
  for (const { name: width, ...screen } of SCREENS.filter((one) => folder !== undefined || one.name === "1440"))
    for (const colorScheme of SCHEMES) {
      const context = await world.browser.newContext({ ...screen, colorScheme });
      await letIn(context, world.token);
      const page = await context.newPage();
      for (const one of pages) {
        await page.goto(`${world.stack.url}${one.path}`);
        await one.ready(page);
        await page.evaluate("document.fonts.ready.then(() => 1)");
        await page.screenshot({
          path: path.join(to, `${one.name}-${width}-${colorScheme}.png`),
          fullPage: width === "375",
        });
      }
      await context.close();
    }
  tour.work.remove();
  console.log(`The pictures are in ${to}`);
} finally {
  await world.close();
}
