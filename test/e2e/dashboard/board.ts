import type { WebSocketRoute } from "playwright-core";
import { describe, expect, test } from "vitest";
import { packActors, packBoard } from "../../../src/wire/board.ts";
import { AGENTS, BEADS, manyOnBoard } from "../../support/many.ts";
import { DESK, soon, live, agents, need, toast, work, type Pages } from "./pages.ts";

/** What an operator sees and does on the board. */
export function boardTests(pages: Pages): void {
  const { visit } = pages;
  describe("the board", () => {
    test("teaches how to sling the first bead when there is none", async () => {
      const page = await visit("/");
      await page.getByText("Sling the first bead").waitFor();
      expect(await page.locator("pre").innerText()).toContain(`/api/rigs/${pages.world.rigId}/sling`);
    });

    test("opens by its address, and by the one that links of earlier versions have", async () => {
      const page = await visit("/");
      await live(page);
      expect(await page.title()).toBe("pottery · Ticktown");
      await page.goto(`${pages.world.stack.url}/?rig=${pages.world.rigId}`);
      await live(page);
      expect(new URL(page.url()).pathname).toBe(`/rigs/${pages.world.rigId}`);
      const { bead } = await pages.world.sling("Linked to");
      await page.goto(`${pages.world.stack.url}/rigs/${pages.world.rigId}/beads/${bead.id}`);
      await page.getByRole("heading", { name: "Linked to" }).waitFor();
      await soon(() => page.title()).toBe("Linked to · Ticktown");
    });

    test("slings by keyboard, says what came of it and shows it live", async () => {
      const page = await visit("/");
      await live(page);
      await page.keyboard.press("s");
      await page.getByLabel("What is to be done").fill("Glaze the blue bowl");
      await page.keyboard.press("Enter");
      await toast(page, /Slung “Glaze the blue bowl”.*hook of polecat/s);
      await page.getByRole("dialog").getByText("in progress", { exact: true }).waitFor();
      await page.keyboard.press("Escape");
      await work(page).getByText("Glaze the blue bowl").waitFor();
      await agents(page).getByText("Working").first().waitFor();
    });

    test("shows what others do the moment it is written, without asking again", async () => {
      const page = await visit("/?q=kiln");
      await live(page);
      const asked: string[] = [];
      page.on("request", (request) => asked.push(request.url()));
      const { agent } = await pages.world.sling("Fire the kiln");
      await work(page).getByText("Fire the kiln").waitFor();
      await agents(page).getByText(agent.name, { exact: true }).waitFor();
      await pages.world.rig("POST", `/agents/${agent.id}/status`, { status: "Stacking the shelves" });
      await agents(page).getByText("Stacking the shelves").waitFor();
      expect(asked).toEqual([]);
      await page.getByRole("link", { name: "Log", exact: true }).click();
      await page
        .getByRole("list", { name: "Facts, newest first" })
        .getByText(`${agent.name} is started on “Fire the kiln”`)
        .waitFor();
    });

    test("draws how full the container's disk is, and what of it is this rig's", async () => {
      const disk = async () => (await pages.world.rig<{ disk: unknown }>("GET", "/health")).disk;
      await soon(disk).toMatchObject({ free_bytes: 61_400_000_000 });
      const page = await visit("/");
      const vital = page.locator(".nums .cell").filter({ hasText: "disk free" });
      await vital.getByText("3.5 MB this rig's").waitFor();
      expect(await vital.innerText()).toMatch(/61\.4 GB\s+of 100 GB disk free/);
      expect(await vital.locator(".meter i").getAttribute("style")).toMatch(/width: 38\.6/);
    });

    test("shows what is spent, and lets a bead that has spent what it may go on with a click", async () => {
      await pages.world.rig("PUT", "/settings", { bead_tokens: 1_000, day_tokens: 100_000 });
      const { agent, bead } = await pages.world.sling("A dear vase");
      await soon(() => pages.world.container.starts.some(({ beadId }) => beadId.endsWith(bead.id))).toBe(true);
      const usage = { session: "s", input_tokens: 1_100, cached_tokens: 0, output_tokens: 100 };
      await pages.world.rig("POST", `/agents/${agent.id}/heartbeat`, { usage });
      const page = await visit(`/?show=bead:${bead.id}`);
      await page.getByText("1,200 of 1,000 tokens", { exact: true }).waitFor();
      await page.keyboard.press("Escape");
      await page
        .locator(".nums a")
        .filter({ hasText: /1k tokens.*of 100k tokens/ })
        .waitFor();
      await pages.world.rig("POST", `/agents/${agent.id}/completed`, { status: "failed", reason: "stopped" });
      await page.getByRole("heading", { name: "“A dear vase” has spent what it may" }).waitFor();
      await page.getByRole("button", { name: /^As much again: “A dear vase”/ }).click();
      await toast(page, /Its budget was raised/);
      await soon(() => pages.world.container.starts.filter(({ beadId }) => beadId.endsWith(bead.id)).length).toBe(2);
      await pages.world.rig("PUT", "/settings", { bead_tokens: null, day_tokens: null });
    });

    test("says of a branch that nobody has looked at what was handed in, in the queue and where the bead is shown", async () => {
      const { agent, bead } = await pages.world.sling("Unseen work");
      await soon(async () => (await pages.world.rig<{ status: string }>("GET", `/agents/${agent.id}`)).status).toBe(
        "working",
      );
      await pages.world.rig("POST", `/agents/${agent.id}/done`, { branch: `ticktown/${bead.id}` });
      const page = await visit(`/?show=bead:${bead.id}`);
      await page.getByRole("dialog").getByText("Nobody has looked at what was handed in.").waitFor();
      await page.keyboard.press("Escape");
      const row = page.getByRole("list", { name: "Train" }).getByRole("listitem").filter({ hasText: "Unseen work" });
      await row.getByText("not looked at").waitFor();
    });

    test("shows how an attempt ended, with the last that its agent printed", async () => {
      const { agent, bead } = await pages.world.sling("Fire it twice");
      const started = () => pages.world.container.starts.find(({ beadId }) => beadId.endsWith(bead.id))?.dispatchId;
      await soon(started).toBeDefined();
      await pages.world.rig("POST", `/agents/${agent.id}/completed`, {
        status: "failed",
        reason: "exit 2",
        dispatch_id: started(),
        bead_id: bead.id,
        tail: "lighting the kiln\nsh: 0: cannot open kiln.sh",
      });
      const drawer = (await visit(`/?show=bead:${bead.id}`)).getByRole("dialog");
      await drawer.getByText(/^#\d+ failed: exit 2/).waitFor();
      await drawer.getByText("sh: 0: cannot open kiln.sh").waitFor();
    });

    test("an agent that asks is on top, and goes on when it is answered there", async () => {
      const page = await visit("/");
      const { agent } = await pages.world.sling("Choose a clay");
      await soon(async () => (await pages.world.rig<{ status: string }>("GET", `/agents/${agent.id}`)).status).toBe(
        "working",
      );
      await pages.world.rig("POST", "/escalations", {
        title: "Stoneware or porcelain?",
        metadata: { agent_id: agent.id },
      });
      const item = need(page, "Stoneware or porcelain?");
      await item.getByLabel(`Answer ${agent.name} in your own words`).fill("Porcelain, please");
      await page.keyboard.press("Control+Enter");
      await toast(page, `Answered ${agent.name}`);
      await item.waitFor({ state: "detached" });
      expect((await pages.world.rig<{ status: string }>("GET", `/agents/${agent.id}`)).status).toBe("working");
      await soon(() => pages.world.container.messages).toContainEqual({
        agentId: agent.id,
        prompt: "Porcelain, please",
      });
    });

    test("pauses and resumes, and says why ready work does not run meanwhile", async () => {
      const page = await visit("/");
      await live(page);
      await page.getByRole("button", { name: "More for this rig" }).click();
      await page.getByRole("menuitem", { name: /^Pause/ }).click();
      await toast(page, "The rig is paused");
      await page.locator(".bar").getByText("Paused").waitFor();
      await pages.world.sling("Wait for me");
      await page.getByText("Good to know").click();
      const waiting = need(page, "One bead waits for it.");
      await waiting.waitFor();
      await page.getByText("nothing new is dispatched until it is resumed").first().waitFor();
      await page.getByRole("button", { name: "Resume" }).first().click();
      await toast(page, "The rig is resumed");
      await waiting.waitFor({ state: "detached" });
    });

    test("an agent can be restarted, unhooked, hooked and written to, each with its result", async () => {
      const { agent, bead } = await pages.world.sling("Trim the foot");
      const page = await visit(`/?show=agent:${agent.id}`);
      const drawer = page.getByRole("dialog", { name: agent.name });
      await drawer.getByText("working", { exact: true }).waitFor();
      await drawer.getByRole("button", { name: "Restart" }).click();
      await page
        .getByRole("dialog", { name: `Restart ${agent.name}?` })
        .getByRole("button", { name: "Restart" })
        .click();
      await toast(page, `Restarted ${agent.name}`);
      await drawer.getByText("number 2").waitFor();
      await pages.world.rig("POST", "/pause");
      await drawer.getByRole("button", { name: "Unhook" }).click();
      await page
        .getByRole("dialog", { name: `Unhook ${agent.name}?` })
        .getByRole("button", { name: "Unhook" })
        .click();
      await toast(page, `Unhooked ${agent.name}`);
      await drawer.getByRole("button", { name: "Hook a bead" }).click();
      const hook = page.getByRole("dialog", { name: "Hook a bead to an agent" });
      await hook.getByRole("combobox", { name: "Bead" }).or(hook.getByLabel("Bead")).first().click();
      await page.getByRole("option", { name: "Trim the foot" }).click();
      await hook.getByRole("button", { name: "Hook it" }).click();
      await toast(page, `Hooked ${agent.name}`);
      await drawer.getByRole("button", { name: "Write" }).click();
      const mail = page.getByRole("dialog", { name: "Write to an agent" });
      await mail.getByLabel("Subject").fill("Mind the rim");
      await mail.getByLabel("Text").fill("It is thin.");
      await mail.getByRole("button", { name: "Send" }).click();
      await toast(page, `Mail sent to ${agent.name}`);
      await pages.world.rig("POST", "/resume");
      expect((await pages.world.rig<{ assignee_agent_id: string }>("GET", `/beads/${bead.id}`)).assignee_agent_id).toBe(
        agent.id,
      );
    });

    test("a refusal is told in the rig's own words, and the text that was typed is kept", async () => {
      const { agent } = await pages.world.sling("Ask nothing");
      await soon(async () => (await pages.world.rig<{ status: string }>("GET", `/agents/${agent.id}`)).status).toBe(
        "working",
      );
      await pages.world.rig("POST", "/escalations", { title: "A question", metadata: { agent_id: agent.id } });
      const page = await visit("/");
      const item = need(page, "A question");
      await item.getByRole("textbox").fill("An answer");
      await page.route("**/unblock", (route) =>
        route.fulfill({
          status: 409,
          contentType: "application/json",
          body: JSON.stringify({ success: false, error: "agent is working and cannot be unblocked" }),
        }),
      );
      await item.getByRole("button", { name: "Send" }).click();
      await item.getByRole("alert").getByText("agent is working and cannot be unblocked").waitFor();
      expect(await item.getByRole("textbox").inputValue()).toBe("An answer");
      pages.troubles.splice(0);
      await page.unroute("**/unblock");
      await item.getByRole("button", { name: "Send" }).click();
      await item.waitFor({ state: "detached" });
    });

    test("a lost line is shown as stale, comes back by itself and misses nothing", async () => {
      let socket: WebSocketRoute | null = null;
      let isDown = false;
      const page = await visit("/?q=away", DESK, (fresh) =>
        fresh.routeWebSocket(/\/feed/, (route) => {
          if (isDown) return void route.close();
          socket = route;
          route.connectToServer();
        }),
      );
      await live(page);
      isDown = true;
      await (socket as WebSocketRoute | null)?.close();
      await page.getByRole("button", { name: /^Stale for/ }).waitFor();
      await pages.world.sling("While you were away");
      expect(await work(page).getByText("While you were away").count()).toBe(0);
      expect(await page.locator("html").getAttribute("data-line")).toBe("stale");
      isDown = false;
      await live(page);
      await work(page).getByText("While you were away").waitFor();
      const last = (await pages.world.rig<{ seq: number }>("GET", "/board")).seq;
      await page.getByRole("link", { name: "Log", exact: true }).click();
      await page.getByText(`#${last}`, { exact: false }).first().waitFor();
    });

    test("hostile text is shown as text", async () => {
      const evil = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`;
      const { agent, bead } = await pages.world.sling(evil, {
        body: `${evil}\njavascript:alert(1)`,
        labels: [evil.slice(0, 90)],
        metadata: { evil },
      });
      await pages.world.rig("POST", "/agent-events", {
        agent_id: agent.id,
        event_type: "message",
        data: { text: evil },
      });
      await pages.world.rig("POST", "/agent-events", {
        agent_id: agent.id,
        event_type: "<b>kind</b>",
        data: { deep: [evil] },
      });
      await pages.world.rig("POST", "/mail", {
        from_agent_id: agent.id,
        to_agent_id: agent.id,
        subject: evil,
        body: evil,
      });
      await pages.world.rig("POST", "/escalations", { title: evil, body: evil, metadata: {} });
      const page = await visit(`/?show=agent:${agent.id}`);
      await page.getByRole("log").getByText(evil).first().waitFor();
      await page.goto(`${pages.world.stack.url}/rigs/${pages.world.rigId}?show=bead:${bead.id}`);
      await page.getByRole("dialog").getByText("javascript:alert(1)").waitFor();
      await page.goto(`${pages.world.stack.url}/debug?rig=${pages.world.rigId}&actor=bead:${bead.id}`);
      await page.getByRole("heading", { name: evil }).waitFor();
      expect(await page.evaluate(() => (globalThis as { hacked?: number }).hacked)).toBeUndefined();
      expect(await page.locator("img, iframe, object").count()).toBe(0);
    });

    test("the policy of the page forbids inline scripts, frames and other hosts", async () => {
      const response = await fetch(`${pages.world.stack.url}/`);
      const policy = response.headers.get("content-security-policy") ?? "";
      for (const rule of [
        "default-src 'self'",
        "script-src 'self';",
        "connect-src 'self';",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "base-uri 'none'",
      ])
        expect(policy).toContain(rule);
      const page = await visit("/");
      await live(page);
      const ran = await page.evaluate(`(() => {
      const script = document.createElement("script");
      script.textContent = "window.hacked = 1";
      document.body.append(script);
      return window.hacked;
    })()`);
      expect(ran).toBeUndefined();
      expect(pages.troubles.splice(0).join()).toContain("Content Security Policy");
    });

    test("a drag across the bars shows only the facts of that time, and one click shows all again", async () => {
      await pages.world.sling("Later");
      const page = await visit("/log");
      const bars = page.locator(".u-over");
      await bars.scrollIntoViewIfNeeded();
      const count = async () =>
        Number((await page.getByRole("heading", { name: /^Timeline/ }).innerText()).replace(/\D/g, ""));
      const all = await count();
      const box = await bars.boundingBox();
      if (box === null) throw new Error("there are no bars");
      await page.mouse.move(box.x + 2, box.y + 40);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width / 2, box.y + 40, { steps: 5 });
      await page.mouse.up();
      await soon(count).toBeLessThan(all);
      await page.getByRole("button", { name: "Show everything" }).click();
      await soon(count).toBeGreaterThanOrEqual(all);
    });

    test("rows are gone through with j and k; Enter opens, Escape closes", async () => {
      const page = await visit("/");
      await agents(page).locator(".agent-row").nth(1).waitFor();
      const titles = await agents(page).locator(".agent-row .a-bead").allInnerTexts();
      await page.keyboard.press("g");
      await page.keyboard.press("a");
      await agents(page).locator(".agent-row").first().focus();
      await page.keyboard.press("j");
      await soon(() => page.evaluate<string>("document.activeElement.textContent")).toContain(titles[1]);
      await page.keyboard.press("k");
      await soon(() => page.evaluate<string>("document.activeElement.textContent")).toContain(titles[0]);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: titles[0] ?? "" }).waitFor();
      expect(new URL(page.url()).pathname).toContain("/beads/");
      await page.keyboard.press("g");
      await page.keyboard.press("b");
      await agents(page).waitFor();
    });

    test("has a screenful of 1,000 agents and 10,000 beads in the document, from the first to the last; numbers are those of all", async () => {
      const many = await manyOnBoard();
      const data = packBoard({ ...many, older: { before: 7, beads: 1 } });
      const old = many.actors.find(({ kind }) => kind === "bead") as (typeof many.actors)[number];
      const ended = {
        ...old,
        id: "bead-old",
        value: "closed",
        context: { ...(old.context as object), id: "bead-old" },
      };
      const older = { actors: packActors({ actors: [ended], content: {} }), older: { before: 1, beads: 0 } };
      let asked = 0;
      const page = await visit("/", { ...DESK }, async (at) => {
        await at.route(/\/board$/, (route) => (asked++, route.fulfill({ json: { success: true, data } })));
        await at.route(/\/board\/ended\?before=7$/, (route) => route.fulfill({ json: { success: true, data: older } }));
      });
      const rows = page.locator("[role=listitem]");
      await work(page).locator(".work-row").first().waitFor();
      const chips = page.getByRole("group", { name: "Show work that is" });
      await chips.getByRole("button", { name: /^All\s*10,000$/ }).waitFor();
      expect(await rows.count()).toBeLessThan(200);
      // What was asked for before the page was there is what the page has.
      expect(asked).toBe(1);
      await page.goto(`${page.url().split("?")[0]}?agents=all&work=all`);
      for (const [list, least] of [
        ["Agents", AGENTS],
        ["Work", BEADS],
      ] as const) {
        const items = page.getByRole("list", { name: list, exact: true }).getByRole("listitem");
        await items.first().waitFor();
        const all = Number(await items.first().getAttribute("aria-setsize"));
        expect(all).toBeGreaterThanOrEqual(least);
        await soon(async () => {
          await page.mouse.wheel(0, 100_000);
          return Number((await items.last().getAttribute("aria-posinset")) ?? 0);
        }).toBe(all);
        expect(await rows.count()).toBeLessThan(200);
      }
      await page.getByRole("button", { name: "Fetch more" }).click();
      await chips.getByRole("button", { name: /^All\s*10,001$/ }).waitFor();
      await page.getByRole("button", { name: "Fetch more" }).waitFor({ state: "detached" });
    });
  });
}
