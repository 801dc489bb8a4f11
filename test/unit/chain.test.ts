import { expect, test } from "vitest";
import { allChainNews } from "../../src/core/chain.ts";
import { createWorld, put, type World } from "../../src/core/world.ts";
import type { BeadSnapshot } from "../../src/machines/bead.ts";

/** Which chains a rig that is set up late is told of: as they will be when all is told. */

function worldOf(beads: Record<string, { value: string; blockedBy?: string[]; stuckBy?: string[] }>): World {
  const world = createWorld();
  for (const [id, { value, blockedBy = [], stuckBy }] of Object.entries(beads)) {
    const context = { id, type: "issue", assignee: null, blockedBy, ...(stuckBy === undefined ? {} : { stuckBy }) };
    put(world, "bead", id, {
      value,
      context,
      hasTag: (tag: string) => tag === "terminal" && value === "failed",
    } as never as BeadSnapshot);
  }
  return world;
}

const news = (world: World): string[] =>
  allChainNews(world).map((fact) =>
    "blockerId" in fact ? `${fact.type} ${fact.beadId} by ${fact.blockerId}` : fact.type,
  );

test("who waits for what will be let go is not told that it is stuck", () => {
  const world = worldOf({
    root: { value: "open" },
    middle: { value: "stuck", blockedBy: ["root"], stuckBy: ["root"] },
    last: { value: "open", blockedBy: ["middle"] },
  });
  expect(news(world)).toEqual(["bead.unstuck middle by root"]);
});

test("a whole chain behind what has failed is told, however little of it is known", () => {
  const world = worldOf({
    root: { value: "failed" },
    middle: { value: "stuck", blockedBy: ["root"], stuckBy: ["root"] },
    last: { value: "open", blockedBy: ["middle"] },
    other: { value: "open", blockedBy: ["root", "done"] },
    done: { value: "closed" },
  });
  expect(news(world)).toEqual(["bead.stuck last by middle", "bead.stuck other by root"]);
});
