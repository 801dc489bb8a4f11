import { describe, expect, test } from "vitest";
import { soon, toast, type Pages } from "./pages.ts";
import { fails } from "./tour.ts";

/** All rigs: where must I go, what may I stop, and what is set where. */
export function townTests(pages: Pages): void {
  const { visit } = pages;
  describe("all rigs", () => {
    test("are listed with trouble first; one is paused, all are paused and resumed with a result for each", async () => {
      const { rig: weaving } = await pages.world.stack.api.rigFor({
        name: "weaving",
        gitUrl: "https://example.com/loom/weaving.git",
        defaultBranch: "main",
      });
      // What was tried before may have left them paused.
      await pages.world.stack.api.call("POST", `/api/rigs/${weaving.id}/resume`);
      await pages.world.rig("POST", "/resume");
      await pages.world.rig("POST", "/escalations", { title: "The kiln is cold" });
      const page = await visit("//");
      const row = (name: string) => page.getByRole("row").filter({ hasText: name });
      await row("pottery").getByText("The kiln is cold").or(row("pottery").locator(".k").first()).first().waitFor();
      const names = await page.locator(".c-name").allInnerTexts();
      expect(names.indexOf("pottery")).toBeLessThan(names.indexOf("weaving"));
      await row("weaving").getByRole("button", { name: "Pause weaving" }).click();
      await row("weaving").getByText("Paused").waitFor();
      await page.getByRole("button", { name: "Pause pottery" }).waitFor();
      await page.getByRole("button", { name: "Pause all…" }).click();
      const dialog = page.getByRole("dialog", { name: "Pause all rigs" });
      await dialog.getByText("Left alone: weaving (paused).").waitFor();
      await dialog.getByRole("button", { name: "Pause 1 rig" }).click();
      await dialog.getByRole("listitem").filter({ hasText: "pottery" }).getByText("paused").waitFor();
      await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
      await page.getByRole("button", { name: "Resume 2…" }).click();
      await page.getByRole("button", { name: "Resume 2 rigs" }).click();
      await soon(() => page.getByRole("dialog").getByText("resumed", { exact: true }).count()).toBe(2);
      await page.getByRole("dialog").getByRole("button", { name: "Close", exact: true }).last().click();
      await soon(async () => (await pages.world.rig<{ life: string }>("GET", "/health")).life).not.toContain("paused");
      await page.getByRole("link", { name: "Needs", exact: true }).click();
      await page.locator(".need").filter({ hasText: "The kiln is cold" }).getByRole("link", { name: "Open" }).click();
      await soon(() => page.evaluate<string>("document.activeElement.textContent")).toContain("The kiln is cold");
    });

    test("a failure is tried again where the needs of all rigs are, with what told of it settled", async () => {
      const { max_attempts } = await pages.world.rig<{ max_attempts: number }>("GET", "/settings");
      await pages.world.rig("PUT", "/settings", { max_attempts: 1 });
      const { bead } = await fails(pages.world, "Fire it too hot", "exit 1: the kiln is at 1400 degrees");
      await pages.world.rig("PUT", "/settings", { max_attempts });
      const page = await visit("//needs");
      const need = page.locator(".need").filter({ hasText: "Fire it too hot" });
      await need.getByRole("button", { name: /^Retry: / }).click();
      await toast(page, /beads? tried again/);
      await need.waitFor({ state: "detached" });
      const read = () => pages.world.rig<{ status: string }>("GET", `/beads/${bead.id}`);
      await soon(async () => (await read()).status).not.toBe("failed");
    });

    test("a rig is made, its settings are changed as people write them, its secrets are set and never shown", async () => {
      const page = await visit("//new");
      await page.getByLabel(/^Repository/).fill("https://example.com/forge/anvil.git");
      expect(await page.getByLabel("Name").inputValue()).toBe("anvil");
      await page.getByRole("button", { name: "Make the rig" }).click();
      await toast(page, "The rig anvil is there");
      await page.getByRole("link", { name: "Settings", exact: true }).click();
      await page.getByLabel(/^capacity/).fill("7");
      await page.getByLabel(/^gupp_check_ms/).fill("45 min");
      await page.getByRole("button", { name: "Save 2 changes" }).click();
      await toast(page, "2 settings were changed");
      const rigId = new URL(page.url()).pathname.split("/")[2] ?? "";
      const settings = await pages.world.stack.api.call<Record<string, number>>("GET", `/api/rigs/${rigId}/settings`);
      expect([settings["capacity"], settings["gupp_check_ms"]]).toEqual([7, 2_700_000]);
      await page.getByLabel(/^capacity/).fill("many");
      await page.getByRole("button", { name: "Save 1 change" }).click();
      await page.getByRole("alert").getByText("“many” is not what capacity takes").waitFor();
      await page.getByLabel("Name of the secret").fill("MODEL_KEY");
      await page.getByLabel("The secret", { exact: true }).fill("sk-very-secret");
      await page.getByRole("button", { name: "Set it" }).click();
      await page.getByText(/^Set are: .*MODEL_KEY/).waitFor();
      expect(await page.content()).not.toContain("sk-very-secret");
    });
  });
}
