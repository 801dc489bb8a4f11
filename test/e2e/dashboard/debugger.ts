import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { journalOf } from "../journal.ts";
import { soon, type Pages } from "./pages.ts";

/** The past and the present of every actor, and files of journals. */
export function debuggerTests(pages: Pages): void {
  const { visit } = pages;
  describe("the debugger", () => {
    const lit = (page: Page) =>
      page
        .locator(".box.leaf.lit")
        .evaluateAll((boxes) =>
          boxes.map((box) => (box as unknown as { dataset: Record<string, string> }).dataset["state"]),
        );

    test("lights the states of a live actor as its facts arrive", async () => {
      const { agent } = await pages.world.sling("Watch me");
      const page = await visit(`/debug?actor=agent:${agent.id}`);
      await soon(() => lit(page)).toEqual(["agent.working.process.running", "agent.working.progress.fresh"]);
      await pages.world.rig("POST", "/escalations", { title: "Seen?", metadata: { agent_id: agent.id } });
      await soon(() => lit(page)).toEqual(["agent.blocked.onHelp.waiting"]);
      expect(await page.locator(".edge.taken").count()).toBeGreaterThan(0);
      await page.getByRole("button", { name: "Facts" }).click();
      await page.getByText("agent.asked_help").first().waitFor();
    });

    test("shows any fact of the past exactly as a replay has it, by address and by steps", async () => {
      const { agent } = await pages.world.sling("Remember me");
      await soon(async () => (await pages.world.rig<{ status: string }>("GET", `/agents/${agent.id}`)).status).toBe(
        "working",
      );
      const journal = await journalOf(pages.world.stack.url, pages.world.rigId, pages.world.token);
      const seqOf = (type: string) =>
        journal.findLast(({ fact }) => fact.type === type && fact.agentId === agent.id)?.fact.seq ?? 0;
      const page = await visit(`/debug?actor=agent:${agent.id}&seq=${seqOf("agent.hooked")}`);
      await soon(() => lit(page)).toEqual(["agent.idle.hooked"]);
      await page.getByRole("button", { name: "its next fact" }).click();
      await soon(() => lit(page)).toEqual(["agent.working.process.starting", "agent.working.progress.fresh"]);
      expect(page.url()).toContain(`seq=${seqOf("dispatch.granted")}`);
      await page.getByText("container.start").first().waitFor();
      for (const { fact } of journal.filter(({ fact }) => fact.agentId === agent.id)) {
        const cut = await pages.world.rig<{ seq: number; actors: { id: string; value: unknown }[] }>(
          "GET",
          `/state?seq=${fact.seq}`,
        );
        if (cut.seq !== fact.seq) continue;
        await page.goto(
          `${pages.world.stack.url}/debug?rig=${pages.world.rigId}&actor=agent:${agent.id}&seq=${fact.seq}`,
        );
        const value = cut.actors.find((actor) => actor.id === agent.id)?.value;
        await soon(() => lit(page)).toEqual(leaves("agent", value));
      }
      await page.getByRole("button", { name: "Now", exact: true }).first().click();
      expect(page.url()).not.toContain("seq=");
    });

    test("says what can happen with each guard's value, and tries it on a copy", async () => {
      const { agent } = await pages.world.sling("What if");
      await soon(async () => (await pages.world.rig<{ status: string }>("GET", `/agents/${agent.id}`)).status).toBe(
        "working",
      );
      const page = await visit(`/debug?actor=agent:${agent.id}`);
      await page.getByRole("button", { name: "Can happen" }).click();
      const done = page.locator(".possible").filter({ has: page.getByRole("button", { name: /^What if agent.done/ }) });
      await done.getByText("✓ isCurrentDispatch").first().waitFor();
      await done.getByRole("button").click();
      await page.getByRole("button", { name: "Try it on a copy" }).click();
      const outcome = page.getByRole("region", { name: "What would happen" });
      await outcome.getByText("idle.empty").waitFor();
      await outcome.getByText("container.stop").first().waitFor();
      // The rig lives on meanwhile, so its seq may move; what was tried may not be in its journal.
      expect(
        (await journalOf(pages.world.stack.url, pages.world.rigId, pages.world.token)).filter(
          ({ fact }) => fact.type === "agent.done" && fact.agentId === agent.id,
        ),
      ).toEqual([]);
      expect((await pages.world.rig<{ status: string }>("GET", `/agents/${agent.id}`)).status).toBe("working");
      await page.getByLabel("The event, as JSON").fill("{");
      await page.getByRole("button", { name: "Try it on a copy" }).click();
      await page.getByRole("alert").waitFor();
    });

    test("exports the journal, and opens it again without any network", async () => {
      const { agent } = await pages.world.sling("Keep this");
      const page = await visit(`/debug?actor=agent:${agent.id}`);
      await page.locator(".box.leaf.lit").first().waitFor();
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Export" }).click(),
      ]);
      const path = await download.path();
      expect(readFileSync(path, "utf8").split("\n")[0]).toContain('"ticktown":"journal"');
      await page.context().setOffline(true);
      await page
        .getByLabel("Journal file")
        .setInputFiles({ name: "pottery.ndjson", mimeType: "application/x-ndjson", buffer: readFileSync(path) });
      await page.getByText("no difference").waitFor();
      await page.getByLabel("Find an actor").fill(agent.name);
      await page.getByRole("list", { name: "Actors" }).getByRole("button").first().click();
      await page.getByRole("button", { name: "its last fact" }).click();
      await page.locator(".box.leaf.lit").first().waitFor();
      await page.getByRole("button", { name: "What if", exact: true }).click();
      await page.getByRole("button", { name: "Try it on a copy" }).click();
      await page.getByRole("region", { name: "What would happen" }).waitFor();
      await page.getByLabel("Journal file").waitFor({ state: "detached" });
      pages.troubles.splice(0);
    });

    test("a file that was tampered with is opened, and its first difference named", async () => {
      const text = await (
        await fetch(`${pages.world.stack.url}/api/rigs/${pages.world.rigId}/export`, {
          headers: { authorization: `Bearer ${pages.world.token}` },
        })
      ).text();
      const page = await visit("/debug");
      await page.getByLabel("Journal file").setInputFiles({
        name: "forged.ndjson",
        mimeType: "application/x-ndjson",
        buffer: Buffer.from(text.replace('"probe":false', '"probe":true')),
      });
      await page.getByText(/At seq \d+ the file says/).waitFor();
      await page.getByRole("button", { name: "Close the file" }).click();
      await page
        .getByLabel("Journal file")
        .setInputFiles({ name: "cat.txt", mimeType: "text/plain", buffer: Buffer.from("meow") });
      await page.getByRole("alert").getByText("this is no journal file").waitFor();
    });
  });
}

/** The atomic states of a stored value, as the chart names them, in the chart's order. */
function leaves(id: string, value: unknown): string[] {
  if (typeof value === "string") return [`${id}.${value}`];
  return Object.entries(value as Record<string, unknown>).flatMap(([key, inner]) => leaves(`${id}.${key}`, inner));
}
