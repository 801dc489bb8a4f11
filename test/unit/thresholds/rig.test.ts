import { expect, test } from "vitest";
import { PRIORITY_ADVANCE_MS } from "../../../src/events/limits.ts";
import { gateOf } from "../../../src/machines/rig.ts";
import { bead } from "../../support/node-rig.ts";
import {
  beadOf,
  calls,
  done,
  everyProcessDies,
  exits,
  facts,
  MINUTE,
  probing,
  processesLive,
  reasonOfBead,
  SECOND,
  slung,
  startsOf,
  town,
} from "../incidents/words.ts";

/** Each threshold of a rig's dispatching from both sides. */

const settingsOf = (rig: ReturnType<typeof town>) => rig.rig.world.rig.context.settings;
const gate = (rig: ReturnType<typeof town>) => gateOf(rig.rig.world.rig);

/** A rig with one agent that never gives up, so that failures are counted one by one. */
async function failing() {
  const rig = town();
  rig.run({ type: "set_settings", settings: { max_attempts: 1_000, backoff_base_ms: 0, backoff_max_ms: 0 } });
  const { agentId } = await slung(rig);
  const fail = async (at: number) => {
    rig.now = at;
    await exits(rig, agentId);
    await rig.tickAt(at);
  };
  return { rig, agentId, fail };
}

test("the breaker opens with the 20th failure in its window, not with the 19th", async () => {
  const { rig, fail } = await failing();
  const since = rig.now;
  for (let i = 1; i <= 19; i++) await fail(since + i * SECOND);
  expect([gate(rig), rig.notified.length, calls(rig, "start").length]).toEqual(["open", 0, 20]);
  await fail(since + 20 * SECOND);
  expect([gate(rig), rig.notified.length, calls(rig, "start").length]).toEqual(["breaker_open", 1, 20]);
});

test("a failure counts for 30 min, and not 1 ms longer", async () => {
  for (const [age, expected] of [
    [30 * MINUTE - 1, "breaker_open"],
    [30 * MINUTE, "open"],
  ] as const) {
    const { rig, fail } = await failing();
    const since = rig.now;
    for (let i = 1; i <= 19; i++) await fail(since);
    await fail(since + age);
    expect([age, gate(rig)]).toEqual([age, expected]);
  }
});

test("starts that succeed, however many, do not open the breaker", async () => {
  const rig = town();
  for (let i = 0; i < 30; i++) {
    const { agentId } = await slung(rig, `${i}`);
    await done(rig, agentId, `b${i}`);
  }
  expect([gate(rig), rig.rig.world.rig.context.failures.length]).toEqual(["open", 0]);
});

test("the breaker's cool-down ends after 5 min, and not 1 ms earlier; then one probe runs", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { breaker_failures: 2, capacity: 10 } });
  everyProcessDies(rig);
  for (let i = 0; i < 6; i++) await slung(rig, `${i}`);
  await rig.tickAt(rig.now + SECOND);
  const since = rig.now;
  const before = calls(rig, "start").length;
  expect(gate(rig)).toBe("breaker_open");
  await rig.tickAt(since + settingsOf(rig).breaker_cooldown_ms - 1);
  expect(calls(rig, "start").length).toBe(before);
  processesLive(rig);
  await rig.tickAt(since + settingsOf(rig).breaker_cooldown_ms);
  expect(calls(rig, "start").length).toBe(before + 1);
  expect(facts(rig, "dispatch.granted").filter(({ probe }) => probe).length).toBe(1);
  // Until it is heard from, everybody else waits.
  expect(gate(rig)).toBe("breaker_open");
  await rig.tickAt(rig.now + 1);
  expect([gate(rig), calls(rig, "start").length]).toEqual(["open", before + 6]);
});

test.each(["rate_limited", "over_budget", "place"] as const)("a probe that ended %s is forgotten", async (outcome) => {
  const { rig, agentId } = await probing();
  await exits(rig, agentId, outcome);
  expect([gate(rig), rig.rig.world.rig.context.probe]).toEqual(["probe", null]);
});

test("a probe stays the probe whatever happens to other agents", async () => {
  const { rig, agentId } = await probing();
  const { agentId: other = "" } = rig.run({
    type: "register_agent",
    role: "refinery",
    name: "other",
    identity: `${agentId}:other`,
  });
  const { beadId = "" } = rig.run({ type: "create_bead", bead: bead("note", { type: "message" }), assignTo: other });
  rig.run({ type: "unhook", agentId: other });
  rig.tell({ type: "actor.quarantined", kind: "bead", id: beadId, error: "garbage" });
  rig.run({ type: "delete_agent", agentId: other });
  expect(rig.rig.world.rig.context.probe).toBe(`${agentId}:2`);
});

test("a probe that nobody is to blame for is forgotten, and another one runs", async () => {
  const { rig, agentId } = await probing();
  await exits(rig, agentId, "evicted");
  expect(gate(rig)).toBe("probe");
  await rig.tickAt(rig.now + SECOND);
  expect(rig.rig.world.rig.context.probe).toBe(`${agentId}:3`);
});

test("a probe whose agent is quarantined is forgotten: nobody would hear it", async () => {
  const { rig, agentId } = await probing();
  rig.ports.sql.exec("UPDATE actors SET value = '{' WHERE kind = 'agent' AND id = ?", agentId);
  rig.reopen();
  expect(gate(rig)).toBe("probe");
  const other = await slung(rig, "another");
  expect(rig.rig.world.rig.context.probe).toBe(`${other.agentId}:1`);
});

test("one below the capacity another bead is dispatched, at the capacity it waits", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { capacity: 2 } });
  await slung(rig, "one");
  expect(calls(rig, "start").length).toBe(1);
  const second = await slung(rig, "two");
  expect(calls(rig, "start").length).toBe(2);
  const third = await slung(rig, "three");
  expect([calls(rig, "start").length, reasonOfBead(rig, third.beadId)]).toEqual([2, "at_capacity"]);
  await done(rig, second.agentId, "b");
  expect(calls(rig, "start").length).toBe(3);
});

test("a capacity of 0 dispatches nothing, and a lowered one stops nobody", async () => {
  const rig = town();
  await slung(rig, "running");
  rig.run({ type: "set_settings", settings: { capacity: 0 } });
  await slung(rig, "waiting");
  await rig.advance(rig.now + MINUTE);
  expect([calls(rig, "start").length, calls(rig, "stop").length]).toEqual([1, 0]);
  rig.run({ type: "set_settings", settings: { capacity: 2 } });
  await rig.settled();
  expect(calls(rig, "start").length).toBe(2);
});

test("processes that are being stopped still take their slot", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { capacity: 1 } });
  const { agentId } = await slung(rig, "one");
  const waiting = await slung(rig, "two");
  rig.container.onStop = () => ({ kind: "unknown", error: "slow" });
  await rig.tickAt(rig.now + 120 * MINUTE);
  expect(rig.rig.world.agents.get(agentId)?.matches({ working: { process: "draining" } })).toBe(true);
  expect(startsOf(rig, waiting.beadId)).toBe(0);
});

test("a deferred bead is dispatched at its time, and not 1 ms earlier", async () => {
  const rig = town();
  const deferUntil = rig.now + 7 * MINUTE + 13;
  const { beadId = "" } = rig.run({ type: "create_bead", bead: bead("later", { deferUntil }), assignTo: null });
  const hooked = await slung(rig, "hooked, but later", { deferUntil });
  await rig.tickAt(deferUntil - 1);
  expect([startsOf(rig, beadId), startsOf(rig, hooked.beadId), reasonOfBead(rig, beadId)]).toEqual([
    0,
    0,
    "deferred_until",
  ]);
  // The alarm knows the time by itself.
  expect(rig.alarm).toBeLessThanOrEqual(deferUntil);
  await rig.advance(deferUntil);
  expect([startsOf(rig, beadId), startsOf(rig, hooked.beadId)]).toEqual([1, 1]);
});

for (const [higher, lower] of [
  ["critical", "high"],
  ["critical", "low"],
  ["high", "medium"],
  ["medium", "low"],
] as const) {
  test(`a ${lower} bead goes before a ${higher} one when it is older by more than the advance, and not before`, async () => {
    const advance_ms = PRIORITY_ADVANCE_MS[higher] - PRIORITY_ADVANCE_MS[lower];
    for (const [age, first] of [
      [advance_ms - 1, higher],
      // Equally ranked: the one that was first.
      [advance_ms, lower],
      [advance_ms + 1, lower],
    ] as const) {
      const rig = town();
      rig.run({ type: "pause" });
      rig.run({ type: "set_settings", settings: { capacity: 1 } });
      const ids = {
        [lower]: rig.run({ type: "create_bead", bead: bead(lower, { priority: lower }), assignTo: null }).beadId ?? "",
      };
      rig.now += age;
      ids[higher] =
        rig.run({ type: "create_bead", bead: bead(higher, { priority: higher }), assignTo: null }).beadId ?? "";
      rig.run({ type: "resume" });
      expect([age, beadOf(rig, ids[first] ?? "").value]).toEqual([age, "in_progress"]);
      expect([age, beadOf(rig, ids[first === lower ? higher : lower] ?? "").value]).toEqual([age, "open"]);
    }
  });
}
