import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { DESK, PHONE, soon, type Pages } from "./pages.ts";

/** For everybody: axe finds nothing serious, in light and dark, on a desk and on a phone. */
export function accessTests(pages: Pages): void {
  const { visit } = pages;
  describe("everybody can use it", () => {
    const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    interface Violation {
      id: string;
      impact: string;
      nodes: { html: string; failureSummary: string }[];
    }
    async function violations(page: Page): Promise<string[]> {
      await page.evaluate(axe);
      const found = await page.evaluate(
        async () =>
          (await (globalThis as unknown as { axe: { run(): Promise<{ violations: unknown[] }> } }).axe.run())
            .violations,
      );
      return (found as Violation[])
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .flatMap(({ id, nodes }) =>
          nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`),
        );
    }

    test.each([
      ["light", "desk", "/"],
      ["dark", "desk", "/"],
      ["light", "phone", "/"],
      ["light", "desk", "//"],
      ["dark", "phone", "//needs"],
      ["light", "desk", "/settings"],
      ["dark", "desk", "//new"],
      ["light", "desk", "/debug"],
      ["dark", "desk", "/debug"],
      ["dark", "phone", "/debug"],
    ] as const)("in %s on a %s, %s has no serious violation of accessibility", async (colorScheme, device, path) => {
      if (path === "/") {
        const { agent } = await pages.world.sling("Look at it");
        await pages.world.rig("POST", "/beads", { type: "issue", title: "And at that", labels: ["pottery"] });
        await soon(async () => (await pages.world.rig<{ status: string }>("GET", `/agents/${agent.id}`)).status).toBe(
          "working",
        );
        const metadata = { agent_id: agent.id, options: ["Round", "Square"] };
        await pages.world.rig("POST", "/escalations", { title: "Which form?", body: "Both would do.", metadata });
      }
      const page = await visit(path, { ...(device === "desk" ? DESK : PHONE), colorScheme });
      await page
        .locator(path === "/" ? ".rows-row" : path === "/debug" ? ".box.leaf.lit" : ".panel, .empty")
        .first()
        .waitFor();
      expect(await violations(page)).toEqual([]);
      expect(await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
    });

    test.each(["light", "dark"] as const)(
      "in %s, dialogs, drawers and panels have none either",
      async (colorScheme) => {
        const { agent, bead } = await pages.world.sling("Look closely");
        await pages.world.rig("POST", "/agent-events", {
          agent_id: agent.id,
          event_type: "message",
          data: { text: "hello" },
        });
        const page = await visit(`/?show=agent:${agent.id}`, { ...DESK, colorScheme });
        await page.getByRole("log").waitFor();
        expect(await violations(page)).toEqual([]);
        await page.goto(`${pages.world.stack.url}/rigs/${pages.world.rigId}?show=bead:${bead.id}`);
        await page.getByRole("dialog").getByText("What happened to it").waitFor();
        expect(await violations(page)).toEqual([]);
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
        await page.keyboard.press("s");
        await page.getByLabel("What is to be done").waitFor();
        await page.waitForTimeout(400);
        expect(await violations(page)).toEqual([]);
        await page.goto(`${pages.world.stack.url}/debug?rig=${pages.world.rigId}&actor=agent:${agent.id}`);
        for (const tab of ["Can happen", "What if", "Facts"]) {
          await page.getByRole("button", { name: tab, exact: true }).click();
          expect(await violations(page)).toEqual([]);
        }
      },
    );
  });
}
