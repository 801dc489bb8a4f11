import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { live, PHONE, soon, toast, type Pages } from "./pages.ts";
import { makeTour, SCREENS, tourPages, type Tour } from "./tour.ts";
import { flawsOf, inScheme, runAxe } from "./flaws.ts";
import { LINES } from "./work.ts";

/** The widths at which axe looks, and in which scheme. */
const AXE_AT: Readonly<Record<string, "light" | "dark">> = { "375": "light", "1440": "dark" };

/** What an operator looks at closely: one piece of work, a night, and its report. */
export function looksTests(pages: Pages): void {
  const { visit } = pages;
  let tour: Tour;
  beforeAll(async () => {
    tour = await makeTour(pages.world);
  }, 120_000);
  afterAll(() => tour?.work.remove());
  const bead = (id: string): string => `/beads/${id}`;

  describe("a piece of work", () => {
    test("shows a diff of thousands of lines of which a screenful is in the document, to its end, and all of it as text", async () => {
      const page = await visit(bead(tour.beadId));
      const diff = page.locator("#diff");
      await diff.getByText(`+5,006`).first().waitFor();
      const rows = diff.locator(".line-at");
      await soon(() => rows.count()).toBeGreaterThan(10);
      expect(await rows.count()).toBeLessThan(150);
      expect(await diff.locator(".hidden-char").first().innerText()).toBe("U+202E");
      await diff.getByText("docs/<img src=x onerror=\"document.title='owned'\">.md").first().waitFor();
      await diff.getByRole("button", { name: "src/money/total.ts", exact: true }).click();
      await diff.getByText("export function refund(total: Money, part: Line[]): Money {").waitFor();
      await diff.getByText("const sum = lines.reduce((s, l) => s + l.qty * l.price, 0);").waitFor();
      // From its beginning to its end, a screenful at a time.
      const lines = diff.getByRole("region", { name: "Lines" });
      await lines.evaluate((box, top) => {
        (box as unknown as { scrollTop: number }).scrollTop = top;
      }, LINES * 9);
      await diff
        .getByText(/^order-2[45]\d\d,/)
        .first()
        .waitFor();
      expect(await rows.count()).toBeLessThan(150);
      expect(await page.title()).not.toContain("owned");
      expect(await diff.locator("img, script").count()).toBe(0);
    });

    test("is read in the design's order, also by a screen reader and on a phone: what it is, its time, what was said, what it changes", async () => {
      const page = await visit(bead(tour.beadId), PHONE);
      await page.getByRole("heading", { level: 1, name: /^Round EUR totals/ }).waitFor();
      await page.locator("#diff").getByText("src/money/total.ts").first().waitFor();
      const order = await page.evaluate<string[]>(
        `[...document.querySelectorAll("h1, .time-of, #talk, #diff, #attempts, #checks, #about")].map((one) => one.id || one.className.split(" ").at(-1) || one.tagName)`,
      );
      expect(order).toEqual(["H1", "time-of", "talk", "diff", "attempts", "checks", "about"]);
      const talk = page.locator("#talk");
      await talk.getByText("Invoice totals in EUR differ").waitFor();
      await talk.getByText("Plan: one roundMoney(), used by totals and refunds").waitFor();
      const about = page.getByRole("complementary", { name: "About this work" });
      await about.getByRole("link", { name: "Send the nightly totals to Finance" }).waitFor();
      await about.getByText("$0.31").first().waitFor();
    });

    test("takes a comment on a line, by keyboard, to the agent that works on it, and shows it under the line", async () => {
      const page = await visit(bead(tour.beadId));
      await live(page);
      const diff = page.locator("#diff");
      await diff.getByRole("button", { name: "src/money/total.ts", exact: true }).click();
      const line = diff.locator(".dl").filter({ hasText: "let minor = 0n;" });
      await line.click();
      await page.keyboard.press("c");
      await page.getByRole("textbox", { name: "Comment on line 4" }).fill("Keep the sign for refunds.");
      await page.keyboard.press("Control+Enter");
      await toast(page, /Went to polecat-\d+ as rework/);
      await diff.locator(".comment").getByText("Keep the sign for refunds.").waitFor();
      const mails = await pages.world.rig<{ subject: string; body: string }[]>("GET", `/agents/${tour.agentId}/mail`);
      expect(mails.at(-1)).toMatchObject({ subject: "Comment on src/money/total.ts:4" });
      expect(mails.at(-1)?.body).toContain(">   let minor = 0n;");
      await page.locator("#talk").getByText("commented on src/money/total.ts:4").waitFor();
      // A file that is viewed is folded.
      await line.click();
      await page.keyboard.press("v");
      await soon(() => line.count()).toBe(0);
    });

    test("that failed keeps the end of what its agent printed, and is tried again with one button", async () => {
      const page = await visit(bead(tour.failedId));
      await page.locator("#attempts").getByText("Error: HTTP 401, API key not valid").waitFor();
      await page.locator("#talk").getByText("Attempt failed", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Retry", exact: true }).waitFor();
    });

    test("that is not there is said not to be", async () => {
      const page = await visit(bead("bead-nobody"));
      await page.getByText("This rig has no such piece of work").waitFor();
      pages.troubles.splice(0);
    });
  });

  describe("a night", () => {
    test("has a lane for each agent and for each piece of work, its longest chain, and its zoom in the address", async () => {
      const page = await visit(`/run?from=${tour.since}`);
      const lanes = page.getByRole("list", { name: "Agents" });
      await lanes.getByRole("link", { name: /polecat-1/ }).waitFor();
      const count = Number((await page.locator("#waterfall .n").innerText()).trim());
      expect(await lanes.getByRole("listitem").count()).toBe(count);
      await page
        .getByText(/^Longest chain/)
        .first()
        .waitFor();
      await page.getByRole("button", { name: "By work" }).click();
      await page
        .getByRole("list", { name: "Pieces of work" })
        .getByText("Send the nightly totals to Finance")
        .waitFor();
      expect(new URL(page.url()).searchParams.get("lanes")).toBe("work");
      const before = new URL(page.url()).searchParams.get("from") ?? "";
      await page.keyboard.press("-");
      await soon(() => new URL(page.url()).searchParams.get("from") ?? "").not.toBe(before);
      expect(Date.parse(new URL(page.url()).searchParams.get("from") ?? "")).toBeLessThan(Date.parse(before));
      // What the address says is what somebody else sees.
      const other = await visit(`/run${new URL(page.url()).search}`);
      await other.getByRole("list", { name: "Pieces of work" }).waitFor();
    });

    test("is told in sentences and numbers, and each number opens a list of that many", async () => {
      const page = await visit(`/since?from=${tour.since}`);
      await page.getByText(/^2 pieces merged, 4 failed for 2 causes/).waitFor();
      const numbers = page.getByRole("navigation", { name: "In numbers" });
      for (const [label, list, rows] of [
        ["merged", "merged", ".night-list > li"],
        ["failed", "failed", ".cause li"],
      ] as const) {
        const link = numbers.getByRole("link", { name: new RegExp(label) });
        const said = Number.parseInt(await link.innerText(), 10);
        await link.click();
        await soon(() => page.evaluate("document.activeElement.id")).toBe(list);
        expect(await page.locator(`#${list} ${rows}`).count()).toBe(said);
      }
      await page.getByText("exit 1: HTTP 401, API key not valid").waitFor();
    });

    test("that was read is over: the next one begins there", async () => {
      const page = await visit(`/since?from=${tour.since}`);
      await page.getByText(/^2 pieces merged/).waitFor();
      await page.keyboard.press("m");
      await toast(page, /Marked as read/);
      await page.getByText(/^0 pieces merged|^Nothing happened/).waitFor();
      expect(new URL(page.url()).search).toBe("");
    });
  });

  describe("every page, in both schemes and at every width", () => {
    test("has no sideways scroll, no cut text and no fault that axe finds", async () => {
      const flaws: string[] = [];
      const page = await visit("/");
      const form = { name: "new", path: "/new", ready: (at: Page) => at.getByLabel(/^Repository/).waitFor() };
      for (const one of [...tourPages(pages.world, tour), form]) {
        await page.goto(`${pages.world.stack.url}${one.path}`);
        await one.ready(page);
        for (const { name, viewport } of SCREENS) {
          await page.setViewportSize(viewport);
          // Colours do not depend on the width, nor the layout on colours: axe sees each width of its own and each scheme once.
          const colorScheme = AXE_AT[name];
          if (colorScheme !== undefined) await inScheme(page, colorScheme);
          const found = [await flawsOf(page), colorScheme === undefined ? [] : await runAxe(page)].flat();
          flaws.push(...found.map((flaw) => `${one.name} ${name}: ${flaw}`));
        }
      }
      expect(flaws).toEqual([]);
    });
  });

  describe("many agents", () => {
    test("have a lane each, of which a screenful is in the document", async () => {
      await pages.world.rig("PUT", "/settings", { capacity: 100 });
      await Promise.all(Array.from({ length: 80 }, (_, n) => pages.world.sling(`Piece ${n}`)));
      const page = await visit(`/run?from=${tour.since}`);
      const lanes = page.getByRole("list", { name: "Agents" }).getByRole("listitem");
      await soon(async () => Number(await lanes.first().getAttribute("aria-setsize"))).toBeGreaterThan(80);
      expect(await lanes.count()).toBeLessThan(75);
      await page.mouse.move(700, 500);
      await page.mouse.wheel(0, 5_000);
      await soon(async () => Number(await lanes.last().getAttribute("aria-posinset"))).toBeGreaterThan(80);
      expect(await lanes.count()).toBeLessThan(75);
    });
  });

  describe("a question", () => {
    test("is pinned where its work is, with its evidence, and is answered there", async () => {
      const page = await visit(bead(tour.beadId));
      const talk = page.locator("#talk");
      await talk.getByText("Finance’s sheet rounds half-even per line").waitFor();
      await talk.getByRole("button", { name: /Half-even, per line/ }).click();
      await soon(() => page.locator(".pinned").count()).toBe(0);
      await talk.getByText("Half-even, per line").first().waitFor();
    });
  });
}
