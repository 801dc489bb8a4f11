import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

/** What nobody should have to see on a page, as the browser finds it. */

/** Sideways scroll of the page, and texts that end in the middle of nowhere. */
export const flawsOf = (page: Page): Promise<string[]> => page.evaluate<string[]>(`(${FIND})()`);

/** Runs in the page. A text that is clipped ends in an ellipsis, and can be read in full elsewhere; a region that scrolls may hold more. */
const FIND = `() => {
  const found = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth + 1) {
    const wide = [...document.querySelectorAll("body *")].filter((one) => {
      const { right, width } = one.getBoundingClientRect();
      return width > 0 && right > root.clientWidth + 1 && one.closest("[tabindex='0'], .nums, .visually-hidden") === null;
    });
    found.push("scrolls sideways: " + root.scrollWidth + " of " + root.clientWidth + ", as " + wide.slice(0, 3).map((one) => one.tagName + "." + one.className).join(", "));
  }
  for (const one of document.querySelectorAll("body *")) {
    if (!(one instanceof HTMLElement) || one.offsetParent === null || one.closest(".visually-hidden, .skip, svg, [hidden]") !== null) continue;
    const style = getComputedStyle(one);
    // Words that are for screen readers alone are a pixel wide, or cut away as a whole.
    if (style.clipPath.startsWith("inset(50%") || one.clientWidth <= 1) continue;
    const hasText = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== "");
    if (!hasText) continue;
    const hides = (axis) => axis === "hidden" || axis === "clip";
    if (hides(style.overflowX) && style.textOverflow !== "ellipsis" && one.scrollWidth > one.clientWidth + 1)
      found.push("cut text: " + one.textContent.trim().slice(0, 60));
    if (hides(style.overflowY) && one.scrollHeight > one.clientHeight + 4 && style.textOverflow !== "ellipsis")
      found.push("cut text, below: " + one.textContent.trim().slice(0, 60));
  }
  return found.slice(0, 5);
}`;

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/**
 * What axe finds, contrast included: one line each.
 * @param within of what, as a selector
 * @param rules these alone
 */
export async function runAxe(page: Page, within = ":root", rules: readonly string[] = []): Promise<string[]> {
  if (!(await page.evaluate<boolean>("'axe' in globalThis"))) await page.evaluate(AXE);
  const only = rules.length === 0 ? "" : `, runOnly: ${JSON.stringify(rules)}`;
  return page.evaluate<
    string[]
  >(`axe.run(${JSON.stringify(within)}, { resultTypes: ["violations"]${only} }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes
      .slice(0, 3).map(({ target, failureSummary }) => id + " at " + target.join(" ") + ": " + failureSummary.split("\\n").at(-1).trim())))`);
}
