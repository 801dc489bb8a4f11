import { createWebSocketReceiver, type StatelyInspectionEvent } from "@statelyai/inspect";
import { describe, expect, test } from "vitest";
import { accessTests } from "./dashboard/access.ts";
import { debuggerTests } from "./dashboard/debugger.ts";
import { soon, usePages } from "./dashboard/pages.ts";

/** The debugger, and what all pages owe to everybody: a real browser, a real Worker, a container that runs nothing. */

const pages = usePages();

debuggerTests(pages);
accessTests(pages);

describe("the inspection protocol", () => {
  test("is understood by Stately's own receiver", async () => {
    const { agent } = await pages.world.sling("Inspect me");
    const receiver = createWebSocketReceiver({
      server: `${pages.world.stack.url.replace("http://", `ws://token:${pages.world.token}@`)}/api/rigs/${pages.world.rigId}/inspect`,
    });
    const seen: StatelyInspectionEvent[] = [];
    receiver.subscribe((event) => void seen.push(event));
    const session = `agent:${agent.id}`;
    await soon(() => seen.find((event) => event.type === "@xstate.actor" && event.sessionId === session)).toBeDefined();
    await pages.world.rig("POST", "/escalations", { title: "Inspected?", metadata: { agent_id: agent.id } });
    await soon(() =>
      seen.filter((event) => event.sessionId === session && event.type !== "@xstate.actor").map((event) => event.type),
    ).toEqual(expect.arrayContaining(["@xstate.event", "@xstate.snapshot"]));
  });
});
