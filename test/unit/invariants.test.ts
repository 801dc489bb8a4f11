import { expect, test } from "vitest";
import {
  AGENT_WAKERS,
  glance,
  highest,
  leafOf,
  RULES,
  transitionViolations,
  violations,
  violationsSince,
  type Rule,
} from "../../src/core/invariants.ts";
import { agentMachine, type AgentSnapshot } from "../../src/machines/agent.ts";
import type { BeadSnapshot } from "../../src/machines/bead.ts";
import type { Fact } from "../../src/events/facts.ts";
import { put, type World } from "../../src/core/world.ts";
import { bead, testRig, type TestRig } from "../support/node-rig.ts";

async function busy(): Promise<TestRig & { agentId: string; beadId: string; world: World }> {
  const town = testRig();
  const { agentId = "", beadId = "" } = town.run({ type: "sling", bead: bead("one") });
  town.run({ type: "sling", bead: bead("two") });
  await town.settled();
  return Object.assign(town, { agentId, beadId, world: town.rig.world });
}
const agentOf = (town: { world: World; agentId: string }): AgentSnapshot =>
  town.world.agents.get(town.agentId) as AgentSnapshot;
const beadOf = (town: { world: World; beadId: string }): BeadSnapshot =>
  town.world.beads.get(town.beadId) as BeadSnapshot;
const rulesOf = (world: World): Rule[] => [...new Set(violations(world).map(({ rule }) => rule))];
const withContext = <S extends { context: object }>(snapshot: S, context: Partial<S["context"]>): S => ({
  ...snapshot,
  context: { ...snapshot.context, ...context },
});

test("a rig at work violates nothing", async () => {
  const town = await busy();
  expect(violations(town.world)).toEqual([]);
});

test("every state of an agent has a deadline or a named waker", () => {
  const { idMap } = agentMachine as unknown as {
    idMap: Map<string, { type: string; path: string[]; always?: unknown[] }>;
  };
  const leaves = [...idMap.values()].filter(
    (node) => node.type === "atomic" && !node.path.includes("progress") && (node.always ?? []).length === 0,
  );
  const names = leaves.map(({ path }) => (path[0] === "working" ? `working.${path[2]}` : path.join(".")));
  expect(names.filter((name) => !(name in AGENT_WAKERS))).toEqual([]);
  expect(Object.keys(AGENT_WAKERS).filter((name) => !names.includes(name))).toEqual([]);
});

test("a state is named by what its process does", () => {
  expect(leafOf({ working: { process: "running", progress: "fresh" } })).toBe("working.running");
  expect(leafOf({ blocked: { onHelp: "waiting" } })).toBe("blocked.onHelp.waiting");
});

const BREAK: [Rule, (town: Awaited<ReturnType<typeof busy>>) => void][] = [
  [
    "one_dispatch_per_bead",
    (town) => {
      const other = [...town.world.agents.values()].find((agent) => agent.context.id !== town.agentId) as AgentSnapshot;
      put(town.world, "agent", other.context.id, withContext(other, { hook: town.beadId, dispatchBead: town.beadId }));
    },
  ],
  ["process_has_hook", (town) => put(town.world, "agent", town.agentId, withContext(agentOf(town), { hook: null }))],
  [
    "hooks_agree",
    (town) => put(town.world, "bead", town.beadId, withContext(beadOf(town), { assignee: "somebody-else" })),
  ],
  ["hooks_agree", (town) => put(town.world, "agent", town.agentId, withContext(agentOf(town), { attempts: 2 }))],
  [
    "attempts_are_bounded",
    (town) => put(town.world, "agent", town.agentId, withContext(agentOf(town), { attempts: 6 })),
  ],
  [
    "within_capacity",
    (town) =>
      put(
        town.world,
        "rig",
        "rig",
        withContext(town.world.rig, { settings: { ...town.world.rig.context.settings, capacity: 1 } }),
      ),
  ],
  [
    "everyone_has_a_waker",
    (town) => put(town.world, "agent", town.agentId, withContext(agentOf(town), { progressAt: null })),
  ],
  [
    "everyone_has_a_waker",
    (town) =>
      put(town.world, "rig", "rig", {
        ...withContext(town.world.rig, { probe: "nobody:1" }),
        matches: (value: unknown) => JSON.stringify(value) === '{"gate":"halfOpen"}',
      } as never),
  ],
  [
    "nothing_left_to_decide",
    (town) => {
      town.run({ type: "pause" });
      const { beadId = "" } = town.run({ type: "create_bead", bead: bead("three"), assignTo: null });
      const waiting = town.world.beads.get(beadId);
      town.run({ type: "delete_bead", beadId });
      town.run({ type: "resume" });
      put(town.world, "bead", beadId, waiting);
    },
  ],
  [
    "review_is_live",
    (town) =>
      put(town.world, "bead", town.beadId, {
        ...withContext(beadOf(town), { reviewId: "none" }),
        value: "in_review",
      } as never),
  ],
  ["indexes_agree", (town) => void town.world.index.slots.delete(town.agentId)],
];

test.each(BREAK)("%s is noticed when it is broken", async (rule, spoil) => {
  const town = await busy();
  spoil(town);
  expect(rulesOf(town.world)).toContain(rule);
});

test.each(BREAK)("%s is noticed by a look at what has changed since all was right", async (rule, spoil) => {
  const town = await busy();
  const before = glance(town.world);
  expect(violationsSince(before, town.world, highest(town.world))).toEqual([]);
  spoil(town);
  expect(violationsSince(before, town.world, highest(town.world)).map((found) => found.rule)).toContain(rule);
});

test("who has not changed is looked at where one that it names has: an agent's bead, a bead's agent, a blocker", async () => {
  const town = await busy();
  const { world, agentId, beadId } = town;
  const since = (change: () => void): string[] => {
    const before = glance(world);
    change();
    return violationsSince(before, world, highest(world)).map(({ actor }) => actor);
  };
  const agent = agentOf(town);
  expect(since(() => put(world, "agent", agentId, undefined))).toContain(`bead:${beadId}`);
  put(world, "agent", agentId, agent);
  const one = beadOf(town);
  expect(since(() => put(world, "bead", beadId, undefined))).toContain(`agent:${agentId}`);
  put(world, "bead", beadId, one);
  const blocker = town.run({ type: "create_bead", bead: bead("blocker"), assignTo: null }).beadId ?? "";
  const blocked = { ...bead("blocked"), blockedBy: [blocker] };
  const waiting = town.run({ type: "create_bead", bead: blocked, assignTo: null }).beadId ?? "";
  expect(violations(world)).toEqual([]);
  const failed = { ...world.beads.get(blocker), value: "failed" } as never;
  expect(since(() => put(world, "bead", blocker, failed))).toContain(`bead:${waiting}`);
});

test("who is damaged, or not any more, is a reason to look at everybody", async () => {
  const town = await busy();
  const { world, agentId, beadId } = town;
  world.broken.set(`bead:${beadId}`, "garbage");
  put(world, "agent", agentId, withContext(agentOf(town), { attempts: 2 }));
  const before = glance(world);
  expect(violationsSince(before, world, highest(world))).toEqual([]);
  world.broken.delete(`bead:${beadId}`);
  expect(violationsSince(before, world, highest(world)).map(({ rule }) => rule)).toEqual(["hooks_agree"]);
});

test("a capacity that was lowered while agents ran is no violation; a grant above it is", async () => {
  const town = await busy();
  const seen = highest(town.world);
  const before = glance(town.world);
  town.run({ type: "set_settings", settings: { capacity: 1 } });
  expect(violations(town.world, highest(town.world, seen))).toEqual([]);
  const granted = {
    fact: { type: "dispatch.granted", seq: before.seq + 1, at: before.at, cause: null } as never,
    effects: [],
    missing: null,
  };
  expect(transitionViolations({ ...before, slots: 1 }, [granted], town.world).map(({ rule }) => rule)).toContain(
    "within_capacity",
  );
});

test("a quarantined actor is excused, and those who depend on it", async () => {
  const town = await busy();
  town.world.broken.set(`agent:${town.agentId}`, "garbage");
  put(town.world, "bead", town.beadId, withContext(beadOf(town), { assignee: town.agentId, attempts: 3 }));
  expect(violations(town.world)).toEqual([]);
});

test("a bead that comes back after its end is noticed", async () => {
  const town = await busy();
  const was = beadOf(town);
  town.run({ type: "cancel_bead", beadId: town.beadId });
  const before = glance(town.world);
  put(town.world, "bead", town.beadId, was);
  expect(transitionViolations(before, [], town.world)).toEqual([
    { rule: "terminal_stays", actor: `bead:${town.beadId}`, text: "came back as in_progress" },
  ]);
});

test("a gap, a step back in time and a stale report with effects are noticed", async () => {
  const town = await busy();
  const before = glance(town.world);
  const stale = {
    fact: {
      type: "agent.heard",
      agentId: town.agentId,
      dispatchId: `${town.agentId}:0`,
      seq: before.seq + 2,
      at: before.at - 1,
      cause: null,
    },
    effects: [{ kind: "notify", key: "k" }],
    missing: null,
  };
  expect(new Set(transitionViolations(before, [stale as never], town.world).map(({ rule }) => rule))).toEqual(
    new Set(["journal_is_ordered", "stale_changes_nothing"]),
  );
});

test("a second alert of one episode is noticed", async () => {
  const town = await busy();
  town.now += 1_800_000;
  town.tell({ type: "agent.heard", agentId: town.agentId, dispatchId: `${town.agentId}:1` });
  town.tell({ type: "TICK", container: "unasked" });
  expect(agentOf(town).matches({ working: { progress: "checked" } })).toBe(true);
  const before = glance(town.world);
  const mail = {
    fact: {
      type: "mail.sent",
      to: town.agentId,
      subject: "GUPP_CHECK",
      seq: before.seq + 1,
      at: before.at,
      cause: null,
    },
    effects: [],
    missing: null,
  };
  expect(transitionViolations(before, [mail as never], town.world).map(({ rule }) => rule)).toContain("told_once");
});

test("a rig of 1,000 agents is checked within a few milliseconds", { timeout: 60_000 }, () => {
  const town = testRig();
  town.run({ type: "set_settings", settings: { capacity: 1_000 } });
  const beads = Array.from({ length: 1_000 }, (_, i): Fact => ({
    type: "bead.created",
    beadId: `b${i}`,
    beadType: "issue",
    title: "t",
    body: null,
    priority: "low",
    labels: [],
    metadata: {},
    convoyId: null,
    blockedBy: [],
    deferUntil: null,
    createdBy: null,
  }));
  town.tell(...beads);
  expect(town.rig.world.index.slots.size).toBe(1_000);
  const times: number[] = [];
  for (let i = 0; i < 30; i++) {
    const started = performance.now();
    expect(violations(town.rig.world).length).toBe(0);
    times.push(performance.now() - started);
  }
  // The best of many: a busy machine is not the check's fault.
  expect(Math.min(...times)).toBeLessThan(10);
});

test("every rule has a sentence", () => {
  for (const text of Object.values(RULES)) expect(text).toMatch(/^[a-z].{20,}/);
});
