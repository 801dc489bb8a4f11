import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

/** What nobody should have to see on a page, as the browser finds it. */

/** Sideways scroll of the page, and texts that end in the middle of nowhere, stand on each other, or go down letter by letter. */
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
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const one = node.parentElement;
    if (node.textContent.trim() === "" || one === null || one.closest("svg, [hidden], .visually-hidden, .skip, script, style") !== null) continue;
    const style = getComputedStyle(one);
    if (!one.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || style.clipPath.startsWith("inset(50%")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const lines = [...range.getClientRects()].filter(({ width, height }) => width > 1 && height > 1);
    if (lines.length > 3 && lines.every(({ width }) => width < 16) && node.textContent.trim().length > 3)
      found.push("goes down letter by letter: " + node.textContent.trim().slice(0, 40));
    // What floats or sticks stands over others on purpose; of what is clipped, what is seen counts.
    let floats = false;
    let box = { left: -1e6, top: -1e6, right: 1e6, bottom: 1e6 };
    for (let up = one; up !== null && up !== document.body; up = up.parentElement) {
      const { position, overflowX, overflowY } = getComputedStyle(up);
      if (position === "fixed" || position === "sticky") floats = true;
      if (overflowX === "visible" && overflowY === "visible") continue;
      const at = up.getBoundingClientRect();
      box = { left: Math.max(box.left, at.left), top: Math.max(box.top, at.top), right: Math.min(box.right, at.right), bottom: Math.min(box.bottom, at.bottom) };
    }
    if (floats) continue;
    for (const line of lines) {
      const seen = { left: Math.max(line.left, box.left), top: Math.max(line.top, box.top), right: Math.min(line.right, box.right), bottom: Math.min(line.bottom, box.bottom) };
      if (seen.right - seen.left > 2 && seen.bottom - seen.top > 2) texts.push({ ...seen, one, text: node.textContent.trim() });
    }
  }
  texts.sort((a, b) => a.top - b.top);
  for (let i = 0; i < texts.length; i++)
    for (let j = i + 1; j < texts.length && texts[j].top < texts[i].bottom - 5; j++) {
      const [a, b] = [texts[i], texts[j]];
      if (a.one !== b.one && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 4 && Math.min(a.bottom, b.bottom) - b.top > 5)
        found.push("stand on each other: " + a.text.slice(0, 40) + " | " + b.text.slice(0, 40));
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

/** In another scheme the page is when its library knows it too, and nothing changes colour any more. */
export async function inScheme(page: Page, colorScheme: "light" | "dark"): Promise<void> {
  await page.emulateMedia({ colorScheme });
  await page.locator(`html[data-mantine-color-scheme="${colorScheme}"]`).waitFor({ state: "attached" });
  await page.evaluate(SETTLED);
}

/** Runs in the page: waits for what moves and comes to an end. */
export const SETTLED = `new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))
  .then(() => Promise.all(document.getAnimations()
    .filter((one) => one.playState === "running" && one.effect.getComputedTiming().endTime !== Infinity)
    .map((one) => one.finished))).then(() => null, () => null)`;
