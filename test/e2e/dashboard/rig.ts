import type { Page } from "playwright-core";
import { afterEach, describe, expect, test } from "vitest";
import { agents, DESK, live, need, soon, toast, work, type Pages } from "./pages.ts";

/** A rig as an operator works with it: answered in place, every number opens its list, all work by keyboard. */
export function rigTests(pages: Pages): void {
  const { visit } = pages;
  const rig = <T>(method: "GET" | "POST" | "PUT", rest: string, body?: unknown) =>
    pages.world.rig<T>(method, rest, body);
  const started = (agentId: string) => pages.world.container.starts.find((start) => start.agentId === agentId);

  /** Somebody at work on it, and how its dispatch is called. */
  async function working(title: string) {
    const slung = await pages.world.sling(title);
    await soon(() => started(slung.agent.id)).toBeDefined();
    return { ...slung, dispatchId: started(slung.agent.id)?.dispatchId ?? "" };
  }
  const ask = (to: { agent: { id: string }; dispatchId: string }, more: Record<string, unknown>) =>
    rig("POST", `/agents/${to.agent.id}/asked`, { dispatch_id: to.dispatchId, ask_id: `ask ${to.agent.id}`, ...more });
  const rows = (page: Page, list: string) => page.locator(`#${list} .head .n`).innerText();

  describe("a rig", () => {
    // A test that fails while the rig is paused must not fail the others.
    afterEach(() => rig("POST", "/resume"));

    test("F-801 a question shows its text and its options, a permission its exact command with Allow, Always and Deny; one key or one click answers", async () => {
      const asking = await working("Choose the glaze");
      await ask(asking, {
        kind: "question",
        text: "Two glazes fit.\nWhich one?",
        options: [
          { id: "celadon", label: "Celadon" },
          { id: "tenmoku", label: "Tenmoku" },
        ],
      });
      const waiting = await working("Clear the shelf");
      await ask(waiting, {
        kind: "permission",
        text: "It removes what was fired.",
        command: "rm -rf shelf/ && ls",
        options: [
          { id: "allow", label: "Allow once" },
          { id: "always", label: "Always in this rig" },
          { id: "deny", label: "Deny" },
        ],
      });
      const page = await visit("/");
      const question = need(page, "Which one?");
      await question.getByText("Choose the glaze").waitFor();
      await question.focus();
      await page.keyboard.press("2");
      await toast(page, `Answered ${asking.agent.name}`);
      await question.waitFor({ state: "detached" });
      const permission = need(page, "It removes what was fired.");
      expect(await permission.locator("code").innerText()).toBe("rm -rf shelf/ && ls");
      for (const name of ["Allow once", "Always in this rig"])
        await permission.getByRole("button", { name, exact: true }).waitFor();
      // What cannot be taken back asks once, in its own place.
      await permission.getByRole("button", { name: "Deny", exact: true }).click();
      await permission.getByRole("button", { name: "Deny: sure?" }).waitFor();
      await permission.focus();
      await page.keyboard.press("a");
      await permission.waitFor({ state: "detached" });
      const open = await working("Name the studio");
      await ask(open, { kind: "question", text: "What is it to be called?", options: [] });
      await need(page, "What is it to be called?").getByRole("textbox").fill("The Wheelhouse");
      await page.keyboard.press("Control+Enter");
      await toast(page, `Answered ${open.agent.name}`);
      await need(page, "What is it to be called?").waitFor({ state: "detached" });
    });

    test("F-803 every number opens its list, and is as many as are in it", async () => {
      await rig("POST", "/beads", {
        type: "issue",
        title: "Waits for its turn",
        blocked_by: [(await working("In front")).bead.id],
      });
      const page = await visit("/");
      await live(page);
      const links = page.locator(".nums a");
      const words = await links.locator(".l").allInnerTexts();
      expect(words.length).toBeGreaterThanOrEqual(8);
      for (const [word, list] of [
        ["need you", "needs"],
        ["running", "agents"],
        ["ready", "work"],
        ["waiting", "work"],
        ["in the train", "train"],
        ["failed", "work"],
        ["merged today", "work"],
      ] as const) {
        const link = links.filter({ hasText: word });
        await link.click();
        const said = (await link.locator("b").innerText()).split(/\s/)[0];
        await soon(() => rows(page, list)).toBe(said);
        await soon(() => page.evaluate<string>("document.activeElement.id")).toBe(list);
      }
    });

    test("F-804 an unknown rig is said to be one", async () => {
      const page = await visit("//rigs/rig-of-nobody");
      await page.getByRole("alert").getByText("There is no rig rig-of-nobody").waitFor();
      pages.troubles.splice(0);
    });

    test("work is filtered, grouped and ordered in the address, edited where it stands, and changed many at once", async () => {
      await rig("POST", "/pause");
      for (const title of ["Sieve the clay", "Sieve the ash", "Sieve the salt"])
        await rig("POST", "/beads", { type: "issue", title, priority: "low" });
      const page = await visit("/?q=sieve&by=none&sort=title");
      const titles = () => work(page).locator(".w-t .ttl").allInnerTexts();
      await soon(titles).toEqual(["Sieve the ash", "Sieve the clay", "Sieve the salt"]);
      await page.getByLabel("Group work by").selectOption("priority");
      await soon(() => work(page).locator(".rows-head").innerText()).toMatch(/^low\s+3$/);
      expect(page.url()).toContain("by=priority");
      await work(page).locator(".work-row").first().focus();
      await page.keyboard.press("e");
      await page.getByLabel("Title", { exact: true }).fill("Sieve the white ash");
      await page.keyboard.press("Enter");
      await toast(page, "Changed “Sieve the white ash”");
      await work(page).getByText("Sieve the white ash").waitFor();
      for (const [i, key] of ["x", "x"].entries()) {
        await work(page).locator(".work-row").nth(i).focus();
        await page.keyboard.press(key);
      }
      const bulk = page.getByRole("region", { name: "What to do with those that are chosen" });
      await bulk.getByText("2 chosen").waitFor();
      await bulk.getByRole("combobox").selectOption("critical");
      await toast(page, "Changed 2 pieces of work");
      await soon(async () => (await work(page).locator(".rows-head").allInnerTexts()).join(", ")).toMatch(
        /^critical\s+2, low\s+1$/,
      );
      await page.reload();
      await soon(titles).toEqual(["Sieve the clay", "Sieve the salt", "Sieve the white ash"]);
    });

    test("Ctrl K finds work, agents and commands, and a command on the rig is run from it; ? lists the keys", async () => {
      await pages.world.sling("Wedge the porcelain");
      const page = await visit("/");
      await live(page);
      await page.keyboard.press("Control+k");
      await page.keyboard.type("wedge porc");
      await page.getByRole("option", { name: /Wedge the porcelain/ }).waitFor();
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Wedge the porcelain" }).waitFor();
      await page.keyboard.press("Control+k");
      await page.keyboard.type("look at everything");
      await page.keyboard.press("Enter");
      await toast(page, "The rig looked at everything");
      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keys" }).getByText("Sling work").waitFor();
    });

    test("the train says who is where; a branch is held, released, put in front and taken out", async () => {
      for (const title of ["First load", "Second load", "Third load"]) {
        const { agent, bead } = await working(title);
        await rig("POST", `/agents/${agent.id}/done`, { branch: `ticktown/${bead.id}` });
      }
      const page = await visit("/");
      const row = (title: string) =>
        page.getByRole("list", { name: "Train" }).getByRole("listitem").filter({ hasText: title });
      await row("Third load").getByRole("button", { name: "Hold: Third load" }).click();
      await row("Third load").getByText("Held").waitFor();
      await row("Third load").getByRole("button", { name: "Release: Third load" }).click();
      await row("Third load").getByText("In line").waitFor();
      await row("Third load").getByRole("button", { name: "Jump to the front: Third load" }).click();
      await toast(page, "In front of the others");
      await row("Second load").getByRole("button", { name: "Remove: Second load" }).click();
      await row("Second load").getByRole("button", { name: "Cancel it?" }).click();
      await row("Second load").waitFor({ state: "detached" });
    });

    test("who runs is above the fold: what it does now, what it has cost, since when", async () => {
      const { agent } = await working("Throw a tall jar");
      await rig("POST", `/agents/${agent.id}/status`, { status: "Centres the clay" });
      await rig("POST", `/agents/${agent.id}/heartbeat`, {
        usage: {
          session: "s",
          input_tokens: 40_000,
          cached_tokens: 0,
          output_tokens: 2_000,
          cost_microdollars: 1_250_000,
        },
      });
      const page = await visit("/?agents=working");
      const row = agents(page).getByRole("listitem").filter({ hasText: "Throw a tall jar" });
      await row.getByText("Centres the clay").waitFor();
      await row.getByText("$1.25").waitFor();
      await row.getByText("42k").waitFor();
      const first = await agents(page).locator(".agent-row").first().boundingBox();
      expect(first?.y).toBeLessThan(300);
    });

    test("an agent is held with a reason, its work is moved to another one and edited, each under one's name", async () => {
      const { agent, bead } = await working("Pull a handle");
      // Nobody else is given work meanwhile.
      await rig("POST", "/pause");
      const other = await rig<{ id: string; name: string }>("POST", "/agents", {
        role: "polecat",
        name: "spare",
        identity: "spare",
      });
      const page = await visit(`/?show=agent:${agent.id}`);
      const drawer = page.getByRole("dialog", { name: agent.name });
      await drawer.getByRole("button", { name: "Hold…" }).click();
      const hold = page.getByRole("dialog", { name: "Hold an agent" });
      await hold.getByLabel("Why").fill("its clone is looked at");
      await hold.getByRole("button", { name: `Hold ${agent.name}` }).click();
      await drawer.getByText("): its clone is looked at").waitFor();
      await drawer.getByRole("button", { name: "Release" }).click();
      await drawer.getByRole("button", { name: "Hold…" }).waitFor();
      await drawer.getByRole("button", { name: "Move…" }).click();
      const move = page.getByRole("dialog", { name: "Move the work to another agent" });
      await move.getByRole("combobox").or(move.getByLabel("To whom")).first().click();
      await page.getByRole("option", { name: "spare" }).click();
      await move.getByRole("button", { name: "Move it" }).click();
      await toast(page, "Moved “Pull a handle” to spare");
      expect((await rig<{ assignee_agent_id: string }>("GET", `/beads/${bead.id}`)).assignee_agent_id).toBe(other.id);
      await page.goto(`${pages.world.stack.url}/rigs/${pages.world.rigId}?show=bead:${bead.id}`);
      await page.getByRole("dialog").getByRole("button", { name: "Edit…" }).click();
      const edit = page.getByRole("dialog", { name: "Edit" });
      await edit.getByLabel("Title").fill("Pull two handles");
      await edit.getByRole("button", { name: "Keep it so" }).click();
      await toast(page, "Changed “Pull two handles”");
      await page.getByRole("dialog", { name: "Pull two handles" }).waitFor();
    });

    test("who does not look is told once, by one tab: in the title, on the icon and by a notification that leads to the need", async () => {
      const { agent } = await working("Ask when nobody looks");
      const context = await pages.world.browser.newContext(DESK);
      await context.grantPermissions(["notifications"]);
      await context.addInitScript({
        content: `
          localStorage.setItem("ticktown.token", ${JSON.stringify(pages.world.token)});
          localStorage.setItem("ticktown.tell", '{"notify":true}');
          Object.defineProperty(document, "visibilityState", { get: () => "hidden" });
          window.told = [];
          window.Notification = class extends Notification {
            constructor(title, options) { super(title, options); window.told.push(this); }
          };`,
      });
      const tabs = [await context.newPage(), await context.newPage()];
      for (const tab of tabs) {
        await tab.goto(`${pages.world.stack.url}/rigs/${pages.world.rigId}`);
        await live(tab);
      }
      const told = async () =>
        (
          await Promise.all(
            tabs.map((tab) => tab.evaluate<string[]>("told.map(({ title, body }) => title + ' ' + body)")),
          )
        ).flat();
      const before = await tabs[0]?.title();
      await rig("POST", "/escalations", { title: "Is anybody there?", metadata: { agent_id: agent.id } });
      await soon(told).toHaveLength(1);
      expect((await told())[0]).toMatch(/^Question · pottery .* asks: Is anybody there\?$/);
      for (const tab of tabs) {
        await soon(() => tab.title()).not.toBe(before);
        await soon(() => tab.title()).toMatch(/^\(\d+\) pottery · Ticktown$/);
        const count = /^\((\d+)\)/.exec(await tab.title())?.[1];
        expect(await tab.locator("link[rel=icon]").getAttribute("data-count")).toBe(count);
      }
      for (const tab of tabs) await tab.evaluate("for (const one of told) one.dispatchEvent(new Event('click'))");
      await soon(() =>
        Promise.all(tabs.map((tab) => tab.evaluate<string>("document.activeElement.textContent"))),
      ).toEqual(expect.arrayContaining([expect.stringContaining("Is anybody there?")]));
      await context.close();
      await rig("POST", `/agents/${agent.id}/unblock`, { answer: "yes" });
    });
  });
}
