import { describe, expect, test } from "vitest";
import { DESK, PHONE, live, type Pages } from "./pages.ts";

/** How a browser is let in, and what it sees before. */
export function doorTests(pages: Pages): void {
  describe("how a browser is let in", () => {
    const code = async () => (await pages.world.stack.api.call<{ code: string }>("POST", "/api/operators/codes")).code;
    const deep = () => `${pages.world.stack.url}/debug?rig=${pages.world.rigId}&actor=rig:rig`;

    test("by a link with a one-time code: the address is cleaned, the deep link is kept, a new tab is let in as well", async () => {
      const context = await pages.world.browser.newContext(DESK);
      const page = await context.newPage();
      const link = `${deep()}#code=${await code()}`;
      await page.goto(link);
      await live(page);
      expect(page.url()).toBe(deep());
      expect(await page.evaluate("history.length")).toBe(2);
      const tab = await context.newPage();
      await tab.goto(deep());
      await live(tab);
      expect(await context.cookies()).toEqual([]);
      await context.close();

      const again = await pages.world.browser.newContext(DESK);
      const late = await again.newPage();
      await late.goto(link);
      await late.getByText("This link was used, or is over.").waitFor();
      await late.getByText("npm run open").waitFor();
      expect(late.url()).toBe(deep());
      // A fresh link opens it where it stands.
      await late.goto(`${deep()}#code=${await code()}`);
      await live(late);
      await again.close();
    });

    test("by a token that is typed in, when there is no link; a wrong one is said to be", async () => {
      const context = await pages.world.browser.newContext(PHONE);
      const page = await context.newPage();
      await page.goto(`${pages.world.stack.url}/?rig=${pages.world.rigId}`);
      await page.getByRole("heading", { name: "This browser is not let in yet" }).waitFor();
      await page.getByRole("textbox", { name: "Or an operator’s token" }).fill("wrong");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "This browser is not let in any more" }).waitFor();
      await page.getByRole("textbox", { name: "Or an operator’s token" }).fill(pages.world.token);
      await page.keyboard.press("Enter");
      await live(page);
      await context.close();
    });

    test("the page that is shown outside fits a phone and a wide screen, in light and dark", async () => {
      const context = await pages.world.browser.newContext();
      const page = await context.newPage();
      await page.goto(`${pages.world.stack.url}/?rig=${pages.world.rigId}`);
      await page.getByRole("heading", { name: "This browser is not let in yet" }).waitFor();
      for (const width of [375, 768, 1_920]) {
        await page.setViewportSize({ width, height: 900 });
        for (const colorScheme of ["light", "dark"] as const) {
          await page.emulateMedia({ colorScheme });
          expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
        }
      }
      await context.close();
    });
  });
}
