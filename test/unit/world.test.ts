import { describe, expect, test } from "vitest";
import { fold } from "../../src/core/fold.ts";
import { gateOf } from "../../src/machines/rig.ts";
import { begin, letGo, createWorld, get, inOrder, nextWake, put, rollback, type World } from "../../src/core/world.ts";
import { bead } from "../support/node-rig.ts";
import { agentOf, beadOf, probing, slung, town } from "./incidents/words.ts";

/** The world in memory: what a failed commit leaves, and what is remembered on the way. */

async function three(): Promise<{ world: World; ids: string[]; beads: string[] }> {
  const rig = town();
  const made = [];
  for (const title of ["a", "b", "c"]) made.push(await slung(rig, title));
  return { world: rig.rig.world, ids: made.map(({ agentId }) => agentId), beads: made.map(({ beadId }) => beadId) };
}

describe("a commit that is taken back", () => {
  test.each([0, 1, 2])("leaves agent %i of three in its place, although it was deleted", async (n) => {
    const { world, ids } = await three();
    begin(world);
    fold(world, [{ type: "agent.deleted", agentId: ids[n] ?? "" }], world.at);
    expect(world.agents.has(ids[n] ?? "")).toBe(false);
    rollback(world);
    expect([...world.agents.keys()]).toEqual(ids);
  });

  test("leaves whoever was set aside or taken back as it was", async () => {
    const { world, ids } = await three();
    const [first = "", second = ""] = ids;
    begin(world);
    fold(world, [{ type: "actor.quarantined", kind: "agent", id: second, error: "garbage" }], world.at);
    rollback(world);
    expect([world.broken.size, world.agents.has(second)]).toEqual([0, true]);
    world.broken.set(`agent:${first}`, "garbage");
    begin(world);
    fold(world, [{ type: "actor.repaired", kind: "agent", id: first, by: "operator", state: null }], world.at);
    expect(world.broken.size).toBe(0);
    rollback(world);
    expect([...world.broken]).toEqual([[`agent:${first}`, "garbage"]]);
  });

  test("leaves the seq and the time, and forgets what it deleted", async () => {
    const { world, beads } = await three();
    const { seq, at } = world;
    begin(world);
    fold(world, [{ type: "bead.deleted", beadId: beads[0] ?? "" }], at + 1);
    expect([world.seq > seq, world.at, get(world, "bead", beads[0] ?? "")]).toEqual([true, at + 1, undefined]);
    rollback(world);
    expect([world.seq, world.at, world.gone.size, world.undo]).toEqual([seq, at, 0, null]);
    expect(get(world, "bead", beads[0] ?? "")?.value).toBe("in_progress");
  });
});

test("what a commit removed is not recalled from its row before the commit is written; afterwards the row decides", async () => {
  const { world, beads } = await three();
  const [id = ""] = beads;
  const held = world.beads.get(id);
  const recalling: World = {
    ...world,
    beads: new Map(world.beads),
    gone: new Set(),
    recall: ((_kind: string, wanted: string) => (wanted === id ? held : undefined)) as never,
  };
  begin(recalling);
  put(recalling, "bead", id, undefined);
  expect(get(recalling, "bead", id)).toBe(undefined);
  expect(get(recalling, "bead", "other")).toBe(undefined);
  letGo(recalling, []);
  expect(get(recalling, "bead", id)).toBe(held);
  // Outside a commit nothing is on its way out.
  put(recalling, "bead", id, undefined);
  expect(get(recalling, "bead", id)).toBe(held);
});

test("agents that were put in any order stand in the order of their registration", async () => {
  const { world, ids } = await three();
  for (const order of [
    [2, 1, 0],
    [1, 2, 0],
    [0, 1, 2],
  ]) {
    const shuffled = order.map((n) => [ids[n] ?? "", world.agents.get(ids[n] ?? "")] as const);
    world.agents.clear();
    for (const [id, agent] of shuffled) if (agent !== undefined) world.agents.set(id, agent);
    inOrder(world);
    expect([...world.agents.keys()]).toEqual(ids);
  }
});

test("nothing told is nothing folded", () => {
  const world = createWorld();
  expect(fold(world, [], 5)).toEqual({ entries: [], changed: new Map() });
  expect([world.seq, world.at]).toEqual([0, 5]);
});

test("when an agent must be woken is found out once, and again for other settings or another state", async () => {
  const { world, ids } = await three();
  const [id = ""] = ids;
  const agent = world.agents.get(id);
  if (agent === undefined) throw new Error("no agent");
  const wake = nextWake(world, id, agent);
  expect(nextWake(world, id, agent)).toBe(wake);
  const faster = {
    ...world,
    rig: {
      ...world.rig,
      context: { ...world.rig.context, settings: { ...world.rig.context.settings, gupp_check_ms: 1 } },
    },
  } as World;
  expect(nextWake(faster, id, agent).deadline).not.toBe(wake.deadline);
  fold(world, [{ type: "agent.deleted", agentId: id }], world.at);
  expect(world.wakes.has(id)).toBe(false);
});

test("a drain forgets the probe, and a rig that was deleted grants nothing", async () => {
  const { rig } = await probing();
  rig.run({ type: "drain" });
  expect([rig.rig.world.rig.context.probe, gateOf(rig.rig.world.rig)]).toEqual([null, "draining"]);
  rig.run({ type: "destroy" });
  expect(gateOf(rig.rig.world.rig)).toBe("destroyed");
});

test("an agent takes another bead: the first is on nobody's hook any more", async () => {
  const rig = town();
  const { agentId, beadId } = await slung(rig);
  rig.run({ type: "pause" });
  const { beadId: other = "" } = rig.run({ type: "create_bead", bead: bead("other"), assignTo: null });
  rig.run({ type: "unhook", agentId });
  rig.run({ type: "hook", agentId, beadId: other });
  expect([...rig.rig.world.index.hooks]).toEqual([[other, agentId]]);
  expect([agentOf(rig, agentId).context.hook, beadOf(rig, beadId).context.assignee]).toEqual([other, null]);
});
