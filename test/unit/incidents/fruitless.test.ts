import { expect, test } from "vitest";
import { needs } from "../../../src/do/needs.ts";
import type { TestRig } from "../../support/node-rig.ts";
import { codes, set, uses } from "./money-words.ts";
import { agentOf, as, calls, exits, MINUTE, slung, town } from "./words.ts";

/** Who spends and has nothing to show for it is told of, once per stretch; what ends a stretch; and that nobody is stopped for it. */

const toldOf = (rig: TestRig): string[] =>
  rig.notified.map(({ title }) => title).filter((title) => title.endsWith("has nothing to show"));

test("MONEY-fruitless who uses so many tokens without anything to show is told of, once, not a token earlier, and goes on", async () => {
  const rig = town();
  set(rig, { fruitless_tokens: 1_000, bead_tokens: 1_000_000 });
  const { agentId, beadId } = await slung(rig);
  uses(rig, agentId, { tokens: 999, shown: 0 });
  await rig.settled();
  expect([toldOf(rig), codes(rig)]).toEqual([[], []]);
  for (const tokens of [1_000, 1_001, 50_000]) uses(rig, agentId, { tokens, shown: 0 });
  await rig.settled();
  expect([toldOf(rig).length, codes(rig), calls(rig, "stop")]).toEqual([1, ["fruitless"], []]);
  expect(needs(rig.rig).needs).toMatchObject([
    { level: "soon", agents: [{ id: agentId }], beads: [{ id: beadId }], values: { tokens: "50,000" } },
  ]);
});

test("MONEY-shown a commit, a new end of a tool or a new checkpoint begins another stretch, which is told of again", async () => {
  const saves = (rig: TestRig, agentId: string, step: number): unknown =>
    rig.run({ type: "checkpoint", agentId, data: { step } }, as(rig, agentId));
  const shows: Record<string, (rig: TestRig, agentId: string) => unknown> = {
    "a new end of a tool": (rig, agentId) => uses(rig, agentId, { tokens: 1_001, shown: 1 }),
    "a commit": (rig, agentId) => uses(rig, agentId, { tokens: 1_001, head: "a".repeat(40) }),
    "a checkpoint": (rig, agentId) => saves(rig, agentId, 1),
  };
  for (const [what, show] of Object.entries(shows)) {
    const rig = town();
    set(rig, { fruitless_tokens: 1_000, bead_tokens: 1_000_000 });
    const { agentId } = await slung(rig);
    uses(rig, agentId, { tokens: 1_000 });
    show(rig, agentId);
    expect([what, codes(rig)]).toEqual([what, []]);
    const { shown, head } = agentOf(rig, agentId).context.stretch ?? {};
    uses(rig, agentId, { tokens: 1_999, shown, head });
    await rig.settled();
    expect([what, toldOf(rig).length]).toEqual([what, 1]);
    uses(rig, agentId, { tokens: 2_100, shown, head });
    await rig.settled();
    expect([what, toldOf(rig).length]).toEqual([what, 2]);
  }
});

test("the same checkpoint again shows nothing, and neither does a new dispatch on the same bead", async () => {
  const rig = town();
  set(rig, { fruitless_tokens: 1_000, bead_tokens: 1_000_000 });
  const { agentId } = await slung(rig);
  const save = (n: number): unknown => rig.run({ type: "checkpoint", agentId, data: { step: 1 } }, as(rig, agentId, n));
  save(1);
  for (const tokens of [100, 700]) uses(rig, agentId, { tokens, shown: 3 });
  save(1);
  await exits(rig, agentId);
  await rig.advance(rig.now + MINUTE);
  uses(rig, agentId, { tokens: 399, session: "t", shown: 0 });
  expect(codes(rig)).toEqual([]);
  uses(rig, agentId, { tokens: 400, session: "t", shown: 0 });
  expect(codes(rig)).toEqual(["fruitless"]);
  // Its tools are counted from the beginning.
  uses(rig, agentId, { tokens: 401, session: "t", shown: 1 });
  expect(codes(rig)).toEqual([]);
});

test("without a number nobody is told of what has nothing to show", async () => {
  const rig = town();
  set(rig, { fruitless_tokens: null, bead_tokens: 1_000_000_000 });
  const { agentId } = await slung(rig);
  uses(rig, agentId, { tokens: 100_000_000 });
  expect(codes(rig)).toEqual([]);
});
