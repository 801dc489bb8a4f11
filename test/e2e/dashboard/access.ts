import { expect, describe, test } from "vitest";
import { runAxe, SETTLED } from "./flaws.ts";
import { DESK, type Pages } from "./pages.ts";

/** For everybody: axe finds nothing in what is opened on a page, in light and dark. The pages themselves are walked in looks.ts. */
export function accessTests(pages: Pages): void {
  const { visit } = pages;
  describe("everybody can use it", () => {
    test.each([
      ["light", []],
      ["dark", ["color-contrast"]],
    ] as const)("in %s, dialogs, drawers and panels have no fault that axe finds", async (colorScheme, rules) => {
      const { agent, bead } = await pages.world.sling("Look closely");
      await pages.world.rig("POST", "/agent-events", {
        agent_id: agent.id,
        event_type: "message",
        data: { text: "hello" },
      });
      const page = await visit(`/?show=agent:${agent.id}`, { ...DESK, colorScheme, reducedMotion: "reduce" });
      const flaws: string[] = [];
      const look = async (what: string, within = "[role=dialog]"): Promise<void> => {
        // What moves in is looked at when it is there.
        await page.evaluate(SETTLED);
        flaws.push(...(await runAxe(page, within, rules)).map((flaw) => `${what}: ${flaw}`));
      };
      await page.getByRole("log").waitFor();
      await look("an agent");
      await page.goto(`${pages.world.stack.url}/rigs/${pages.world.rigId}?show=bead:${bead.id}`);
      await page.getByRole("dialog").getByText("What happened to it").waitFor();
      await look("a bead");
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      await page.keyboard.press("s");
      await page.getByLabel("What is to be done").waitFor();
      await look("new work");
      await page.goto(`${pages.world.stack.url}/debug?rig=${pages.world.rigId}&actor=agent:${agent.id}`);
      for (const tab of ["Can happen", "What if", "Facts"]) {
        await page.getByRole("button", { name: tab, exact: true }).click();
        await look(tab, ".side-panel");
      }
      // The library's dialogs have a header of their own, which axe takes for one of the page.
      expect(flaws.filter((flaw) => !flaw.includes("landmark-no-duplicate-banner"))).toEqual([]);
    });
  });
}
