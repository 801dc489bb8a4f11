import { expect, test } from "vitest";
import { compare, type Existing } from "../../../src/core/reconcile.ts";
import { needsOf } from "../../../src/core/needs.ts";
import { say } from "../../../src/core/sentences.ts";
import { execute } from "../../../src/do/rig.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import type { ClearOrder } from "../../../src/events/strays.ts";
import type { TidyRequest } from "../../../src/wire/container.ts";
import { type Inventory, LISTED_MAX } from "../../../src/wire/inventory.ts";
import type { TestRig } from "../../support/node-rig.ts";
import { bead } from "../../support/node-rig.ts";
import {
  agentOf,
  as,
  beadOf,
  done,
  exits,
  facts,
  HOUR,
  MINUTE,
  SECOND,
  slung,
  startsOf,
  stateOf,
  submitted,
  town,
  verdict,
} from "./words.ts";

/** What a container has and its rig does not know. */

const stray_ms = LIMITS.stray_ms;
const NOTHING: Existing = { processes: [], clones: [], folders: [] };
const cloneOf = (agentId: string) => ({ agentId, branch: `ticktown/of-${agentId}`, beadId: `of-${agentId}` });

/** Whether what exists is ordered away once it has been there for long enough. */
function isStray(rig: TestRig, existing: Partial<Existing>): boolean {
  const all = { ...NOTHING, ...existing };
  const { world } = rig.rig;
  const first = compare(world, all, {}, rig.now);
  expect(first.found).toBeNull();
  return compare(world, all, first.suspects, rig.now + stray_ms).found !== null;
}

interface Had {
  inventory: Inventory | null;
  asked: number;
  readonly orders: { at: number; order: ClearOrder }[];
}

/** A container that says what it has of the rig, and does as it is told where a test lets it. */
function having(rig: TestRig, has: Partial<Inventory> | null = {}): Had {
  const had: Had = {
    inventory: has === null ? null : { processes: [], clones: [], folders: [], leftOut: 0, ...has },
    asked: 0,
    orders: [],
  };
  const port = rig.ports.container("town1");
  port.inventory = async () => {
    had.asked += 1;
    if (rig.container.down !== null) throw new Error(rig.container.down);
    return had.inventory;
  };
  port.clear = async (_, { processes, clones, folders }) => {
    had.orders.push({ at: rig.now, order: { processes, clones, folders } });
    return { kind: "accepted" };
  };
  return had;
}

const strays = (rig: TestRig) =>
  needsOf(rig.rig.world, {
    about: () => ({ createdBy: null, kind: null, agentId: null, beadId: null }),
    ended: [],
    now: rig.now,
  }).filter(({ code }) => code === "strays");

test("RECONCILE-known a process is known by the dispatch that was granted last, while it may run, and by nothing else", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const process = (dispatchId: string | null, of = agentId) => ({ processes: [{ agentId: of, dispatchId }] });
  expect(isStray(rig, process(`${agentId}:1`))).toBe(false);
  expect(isStray(rig, process(null))).toBe(false);
  expect(isStray(rig, process(`${agentId}:0`))).toBe(true);
  expect(isStray(rig, process(`${agentId}:2`))).toBe(true);
  expect(isStray(rig, process("agent-gone:1", "agent-gone"))).toBe(true);
  rig.run({ type: "escalate", title: "?", body: null, priority: "high", metadata: {}, agentId });
  expect(stateOf(rig, agentId)).toMatch(/^blocked/);
  expect(isStray(rig, process(`${agentId}:1`))).toBe(false);
  await exits(rig, agentId);
  expect(agentOf(rig, agentId).hasTag("slot")).toBe(false);
  expect(isStray(rig, process(`${agentId}:1`))).toBe(true);
  expect(isStray(rig, process(null))).toBe(true);
});

test("RECONCILE-known who waits for somebody to look at what it has handed in is known, since it may have to mend it", async () => {
  const rig = town();
  rig.tell({ type: "container.met", inspects: true, ephemeral: false });
  const { agentId } = await slung(rig);
  rig.container.onInspect = () => Promise.reject(new Error("away"));
  await done(rig, agentId, "feature/work");
  await rig.advance(rig.now + 10 * MINUTE);
  expect(stateOf(rig, agentId)).toBe("exited.handing_in");
  expect(isStray(rig, { processes: [{ agentId, dispatchId: `${agentId}:1` }] })).toBe(false);
});

test("RECONCILE-known a clone is known by its agent, also where that cannot be read; a folder that is no part of a rig by nobody", async () => {
  const rig = town();
  const { agentId, beadId } = await submitted(rig);
  expect(isStray(rig, { clones: [cloneOf(agentId)] })).toBe(false);
  expect(isStray(rig, { clones: [cloneOf("agent-gone")] })).toBe(true);
  expect(isStray(rig, { folders: ["odd"] })).toBe(true);
  expect(isStray(rig, {})).toBe(false);
  rig.tell({ type: "actor.quarantined", kind: "agent", id: agentId, error: "garbage" });
  expect(isStray(rig, { clones: [cloneOf(agentId)] })).toBe(false);
  expect(isStray(rig, { processes: [{ agentId, dispatchId: `${agentId}:1` }] })).toBe(false);
  expect(beadId).not.toBe("");
});

test("RECONCILE-young what was seen for less than ten minutes is left alone, and what is known by then for ever", async () => {
  const rig = town();
  const { world } = rig.rig;
  const existing = { ...NOTHING, clones: [cloneOf("agent-gone")] };
  const { suspects } = compare(world, existing, {}, rig.now);
  expect(compare(world, existing, suspects, rig.now + stray_ms - 1).found).toBeNull();
  expect(compare(world, existing, suspects, rig.now + stray_ms).found).toEqual({
    type: "strays.found",
    processes: [],
    clones: [{ ...cloneOf("agent-gone"), since: rig.now }],
    folders: [],
    total: 1,
  });
  // It was gone in between, or the clock was put back: it counts from anew.
  expect(compare(world, NOTHING, suspects, rig.now + MINUTE).suspects).toEqual({});
  expect(compare(world, existing, suspects, rig.now - 1).suspects).toEqual({
    "clone:agent-gone": { since: rig.now - 1, orders: 0, at: 0 },
  });
});

test("RECONCILE-young what stays is ordered away again after ten minutes, twenty, forty, and then each hour", async () => {
  const rig = town();
  const { world } = rig.rig;
  const existing = { ...NOTHING, folders: ["odd"] };
  let { suspects } = compare(world, existing, {}, 0);
  const at: number[] = [];
  for (let now = MINUTE; now <= 6 * HOUR; now += MINUTE) {
    const compared = compare(world, existing, suspects, now);
    ({ suspects } = compared);
    if (compared.found !== null) at.push(now / MINUTE);
  }
  expect(at).toEqual([10, 20, 40, 80, 140, 200, 260, 320]);
  expect(LIMITS.stray_again_max_ms).toBe(HOUR);
});

test("RECONCILE-once what nobody knows is ordered away, journalled with what was seen, and told once until it is gone", async () => {
  const rig = town();
  const had = having(rig, {
    processes: [{ agentId: "agent-gone", dispatchId: "agent-gone:3" }],
    clones: [{ ...cloneOf("agent-gone"), parts: ["clone", "inbox"] }],
    folders: ["odd"],
  });
  await slung(rig);
  await rig.advance(rig.now + stray_ms - MINUTE);
  expect([had.orders.length, facts(rig, "strays.found").length]).toEqual([0, 0]);
  await rig.advance(rig.now + 2 * MINUTE);
  expect(had.orders.map(({ order }) => order)).toEqual([
    { processes: [{ agentId: "agent-gone", dispatchId: "agent-gone:3" }], clones: ["agent-gone"], folders: ["odd"] },
  ]);
  const [found] = facts(rig, "strays.found");
  expect(found).toMatchObject({ total: 3, clones: [{ beadId: "of-agent-gone", branch: "ticktown/of-agent-gone" }] });
  const told = (): number => rig.notified.filter(({ key }) => key.includes(":strays:")).length;
  expect(told()).toBe(1);
  const [need] = strays(rig);
  expect(need).toMatchObject({ level: "know", since: found?.at, values: { things: 3 } });
  const none = { agent: (id: string) => id, bead: (id: string) => id, review: (id: string) => id };
  expect(need === undefined ? "" : say(need, none).text).toContain(
    "the process of agent-gone:3, the clone of agent-gone, odd",
  );
  // It does not go: it is ordered away again, and told to nobody.
  await rig.advance(rig.now + HOUR);
  expect(had.orders.length).toBe(3);
  expect([told(), facts(rig, "strays.found").length]).toEqual([1, 3]);
  had.inventory = { processes: [], clones: [], folders: [], leftOut: 0 };
  await rig.advance(rig.now + 6 * MINUTE);
  expect([facts(rig, "strays.gone").length, strays(rig)]).toEqual([1, []]);
  // Another one is another episode.
  had.inventory = { processes: [], clones: [], folders: ["odd"], leftOut: 0 };
  await rig.advance(rig.now + stray_ms + 6 * MINUTE);
  expect(told()).toBe(2);
});

test("RECONCILE-once an object that sleeps between its looks knows what it saw before", async () => {
  const rig = town();
  const had = having(rig, { folders: ["odd"] });
  await slung(rig);
  for (let n = 0; n * 30 * SECOND < stray_ms + MINUTE; n++) {
    rig.reopen();
    await rig.advance(rig.now + 30 * SECOND);
  }
  expect(had.orders.length).toBe(1);
});

test("RECONCILE-once of more than fifty things of a kind fifty are ordered away at a time, and all are counted", async () => {
  const rig = town();
  const folders = Array.from({ length: LISTED_MAX }, (_, n) => `odd-${n}`);
  const { suspects } = compare(rig.rig.world, { ...NOTHING, folders }, {}, 0);
  expect(Object.keys(suspects).length).toBe(LIMITS.strays_remembered);
  const { found } = compare(rig.rig.world, { ...NOTHING, folders }, suspects, stray_ms);
  expect([found?.folders.length, found?.total]).toEqual([LIMITS.strays_named, LIMITS.strays_remembered]);
});

test("RECONCILE-old a container that has no such list is asked once and left alone, and another control server is asked again", async () => {
  const rig = town();
  rig.container.instance = "first";
  const had = having(rig, null);
  await slung(rig);
  await rig.advance(rig.now + HOUR);
  const { asked } = had;
  expect(asked).toBeLessThanOrEqual(2);
  rig.container.instance = "second";
  await rig.advance(rig.now + HOUR);
  expect(had.asked).toBeGreaterThan(asked);
  expect([had.orders, facts(rig, "strays.found"), rig.logs.filter(({ level }) => level !== "info")]).toEqual([
    [],
    [],
    [],
  ]);
});

test("RECONCILE-old a container that does not answer has nothing concluded of it", async () => {
  const rig = town();
  const had = having(rig, { folders: ["odd"] });
  await slung(rig);
  await rig.advance(rig.now + 5 * MINUTE);
  rig.container.down = "no route";
  await rig.advance(rig.now + 2 * stray_ms);
  expect([had.orders, facts(rig, "strays.gone")]).toEqual([[], []]);
});

test("an idle rig wakes no container, but for what it has seen and is not gone", async () => {
  const rig = town();
  const had = having(rig);
  await rig.advance(rig.now + 12 * HOUR);
  expect(had.asked).toBe(0);
  const { agentId } = await slung(rig);
  await rig.advance(rig.now + MINUTE);
  expect(had.asked).toBeGreaterThan(0);
  had.inventory = { processes: [{ agentId, dispatchId: `${agentId}:1` }], clones: [], folders: [], leftOut: 0 };
  rig.run({ type: "cancel_bead", beadId: agentOf(rig, agentId).context.hook ?? "" });
  await rig.settled();
  await rig.advance(rig.now + HOUR);
  expect(rig.rig.world.rig.matches({ cadence: "idle" })).toBe(true);
  expect(had.orders.length).toBeGreaterThan(0);
  had.inventory = { processes: [], clones: [], folders: [], leftOut: 0 };
  await rig.advance(rig.now + HOUR);
  const { asked } = had;
  await rig.advance(rig.now + 12 * HOUR);
  expect(had.asked).toBe(asked);
});

test("RECONCILE-told a clone that nobody knows is told of before its disk is given back, that of a deleted agent is given back at once and is no news", async () => {
  const rig = town();
  const had = having(rig, { clones: [{ ...cloneOf("agent-gone"), parts: ["clone"] }] });
  const orders: TidyRequest[] = [];
  rig.ports.container("town1").tidy = async (_, order) => {
    orders.push(order);
    return { removed: 0, nextAt: null, disk: { free_bytes: 1, total_bytes: 1, rig_bytes: 1 } };
  };
  const { agentId } = await slung(rig);
  await rig.advance(rig.now + MINUTE);
  expect(orders.at(-1)?.agents).toEqual([agentId, "agent-gone"]);
  had.inventory = { processes: [], clones: [], folders: [], leftOut: 0 };
  const other = rig.run({ type: "register_agent", role: "polecat", name: "b", identity: "b" }).agentId ?? "";
  await rig.advance(rig.now + MINUTE);
  const before = orders.length;
  rig.run({ type: "delete_agent", agentId: other });
  await rig.advance(rig.now + MINUTE);
  expect(orders.length).toBe(before + 1);
  expect(orders.at(-1)?.agents).toEqual([agentId]);
  expect(rig.notified.filter(({ key }) => key.includes(":strays:"))).toEqual([]);
});

test("RECONCILE-held a rig that was brought back and is not resumed orders nothing away, and neither does one that is stopped", async () => {
  for (const held of ["rig.imported", "rig.draining"] as const) {
    const rig = town();
    const had = having(rig, { clones: [{ ...cloneOf("agent-gone"), parts: ["clone"] }] });
    rig.run({ type: "create_bead", bead: bead("work"), assignTo: null });
    await rig.advance(rig.now + MINUTE);
    if (held === "rig.imported") rig.tell({ type: held, by: "operator", secrets: [] });
    else rig.tell({ type: held, by: "operator", atOnce: true });
    await rig.advance(rig.now + 2 * HOUR);
    expect([held, had.orders.length]).toEqual([held, 0]);
    rig.tell({ type: "rig.resumed", by: "operator" });
    await rig.advance(rig.now + HOUR);
    expect([held, had.orders.length > 0]).toEqual([held, true]);
  }
});

test("a container's address may change: what ran at the old one runs again at the new one, is merged there, and its late words are those of an older dispatch", async () => {
  const rig = town();
  rig.container.instance = "at the old address";
  const merging = await submitted(rig, "merging");
  const { agentId, beadId } = await slung(rig, "running");
  await rig.advance(rig.now + MINUTE);
  const asked = rig.container.merges.length;
  const n = agentOf(rig, agentId).context.dispatchN;
  // Nothing of the one before is known here, and nothing of it was ever told where it is.
  rig.container.instance = "at the new address";
  rig.container.processes.clear();
  await rig.advance(rig.now + 5 * MINUTE);
  expect(startsOf(rig, beadId)).toBe(2);
  expect(rig.container.merges.length).toBeGreaterThan(asked);
  await verdict(rig, merging.reviewId, "merged");
  expect(beadOf(rig, merging.beadId).value).toBe("closed");
  expect(rig.container.processes.get(agentId)?.dispatchId).toBe(`${agentId}:${n + 1}`);
  const late = { type: "done", agentId, branch: "feature/late", prUrl: null, summary: null } as const;
  expect(execute(rig.rig, late, as(rig, agentId, n))).toMatchObject({ stale: true });
  expect(beadOf(rig, beadId).value).toBe("in_progress");
  await done(rig, agentId, "feature/running");
  expect(beadOf(rig, beadId).value).toBe("in_review");
});
