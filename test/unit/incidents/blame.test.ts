import { describe, expect, test } from "vitest";
import { whyBead } from "../../../src/core/why.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import type { MachineEvent } from "../../../src/machines/event.ts";
import { suspectsAfter, withoutHandedIn } from "../../../src/machines/rig/outage.ts";
import { bead, type TestRig } from "../../support/node-rig.ts";
import { agentOf, as, beadOf, done, exits, facts, HOUR, MINUTE, SECOND, slung, town } from "./words.ts";

/** Who is to blame: what fails everybody is charged to nobody. */

const running = (rig: TestRig): string[] =>
  [...rig.rig.world.agents.values()].filter((agent) => agent.matches("working")).map(({ context }) => context.id);

async function busy(agents: number): Promise<{ rig: TestRig; beads: string[] }> {
  const rig = town();
  rig.run({ type: "set_settings", settings: { capacity: agents } });
  const beads: string[] = [];
  for (let n = 0; n < agents; n++) beads.push((await slung(rig, `bead ${n}`)).beadId);
  return { rig, beads };
}

/** A provider that is away until then: whoever runs dies within ten seconds. */
async function away(rig: TestRig, until: number): Promise<void> {
  while (rig.now < until) {
    for (const agentId of running(rig)) await exits(rig, agentId);
    await rig.advance(rig.now + 10 * SECOND);
  }
}

test("F-306 a provider is away for 8 hours with 3, 10 and 50 agents: told at once, nobody charged, no bead failed, and all go on when it is back", async () => {
  for (const agents of [3, 10, 50]) await outlives(agents);
});

async function outlives(agents: number): Promise<void> {
  const { rig, beads } = await busy(agents);
  await away(rig, rig.now + MINUTE);
  expect(rig.notified.map(({ title }) => title)).toEqual(["agents fail for a reason that is not their work's"]);
  await away(rig, rig.now + 8 * HOUR);
  expect(beads.map((id) => beadOf(rig, id).context.attempts)).toEqual(beads.map(() => 0));
  expect(facts(rig, "bead.failed")).toEqual([]);
  expect(rig.notified).toHaveLength(1);
  // One at a time finds out.
  expect(facts(rig, "dispatch.granted").length).toBeLessThan(agents + agents + 12 + 8 * 7);
  await rig.advance(rig.now + 11 * MINUTE);
  const [probe = ""] = running(rig);
  rig.run({ type: "progressed", agentId: probe, what: "tool" }, as(rig, probe));
  await rig.advance(rig.now + 11 * MINUTE);
  expect(running(rig)).toHaveLength(agents);
  expect(rig.rig.world.rig.matches({ gate: "open" })).toBe(true);
}

describe("failures at once", () => {
  test.each([
    [2, LIMITS.outage_window_ms, "nothing", false],
    [3, LIMITS.outage_window_ms, "nothing", true],
    [3, LIMITS.outage_window_ms, "something", true],
    [3, LIMITS.outage_window_ms + 2, "something", false],
    [3, LIMITS.outage_window_ms + 2, "nothing", true],
    [3, LIMITS.outage_quiet_ms, "nothing", true],
    [3, LIMITS.outage_quiet_ms + 2, "nothing", false],
  ])(
    "%i beads that fail within %i ms, with %s to show before the last: one reason is %s",
    async (n, within_ms, shown, isCommon) => {
      const { rig } = await busy(n + 1);
      const [well = "", ...agents] = running(rig);
      for (const [i, agentId] of agents.entries()) {
        if (i > 0) rig.now += within_ms / (n - 1) - 1;
        if (i === n - 1 && shown === "something")
          rig.run({ type: "progressed", agentId: well, what: "tool" }, as(rig, well));
        rig.container.processes.delete(agentId);
        await exits(rig, agentId);
      }
      expect(rig.rig.world.rig.matches({ gate: "outage" })).toBe(isCommon);
      expect(facts(rig, "charge.forgiven")).toHaveLength(isCommon ? n : 0);
    },
  );

  test("a rig that runs one bead at a time: the third that ends as the two before it did is told, and the queue outlives it", async () => {
    const { rig } = await busy(1);
    for (let n = 1; n < 6; n++) rig.run({ type: "create_bead", bead: bead(`bead ${n}`), assignTo: null });
    await away(rig, rig.now + 8 * HOUR);
    expect(facts(rig, "bead.failed")).toEqual([]);
    expect(rig.rig.world.rig.matches({ gate: "outage" })).toBe(true);
  });

  test("one agent that fails again and again is charged as ever", async () => {
    const { rig, beads } = await busy(1);
    await away(rig, rig.now + HOUR);
    expect(beadOf(rig, beads[0] ?? "").value).toBe("failed");
    expect(facts(rig, "charge.forgiven")).toEqual([]);
  });

  test("a probe that lives as long as an agent may be quiet ends it, without a word of progress", async () => {
    const { rig } = await busy(3);
    await away(rig, rig.now + MINUTE);
    await rig.advance(rig.now + 10 * MINUTE);
    expect(running(rig)).toHaveLength(1);
    await rig.advance(rig.now + 31 * MINUTE);
    expect(running(rig)).toHaveLength(3);
    expect(running(rig).map((id) => agentOf(rig, id).context.attempts)).toEqual([0, 0, 0]);
  });
});

/** Beads whose program can never do its work, each by the end that its number among them gives. */
async function sick(rig: TestRig, endOf: (bead: number) => string, until: number, healthy: readonly string[] = []) {
  const beads = beadIds(rig);
  while (rig.now < until) {
    for (const agentId of running(rig)) {
      const { hook, dispatchN } = agentOf(rig, agentId).context;
      if (healthy.includes(hook ?? "")) await done(rig, agentId, `b-${agentId}-${dispatchN}`);
      else await exits(rig, agentId, "failed", null, endOf(beads.indexOf(hook ?? "")));
    }
    await rig.advance(rig.now + 10 * SECOND);
  }
}
const beadIds = (rig: TestRig): string[] => facts(rig, "bead.created").map(({ beadId }) => beadId);

test("OUTAGE-own three that end each in its own way are three failures: each runs out of its attempts", async () => {
  const { rig, beads } = await busy(3);
  await sick(rig, (n) => `exit ${3 + n}`, rig.now + 8 * HOUR);
  expect(beads.map((id) => beadOf(rig, id).value)).toEqual(["failed", "failed", "failed"]);
  expect(facts(rig, "charge.forgiven")).toEqual([]);
});

test("OUTAGE-own three that end alike are taken for an outage: its probe goes to work that has not been one yet, and ends it", async () => {
  const { rig } = await busy(3);
  await sick(rig, () => "exit 1", rig.now + HOUR);
  const before = facts(rig, "dispatch.granted").length;
  const well = rig.run({ type: "create_bead", bead: bead("can be done"), assignTo: null }).beadId ?? "";
  await sick(rig, () => "exit 1", rig.now + 11 * MINUTE, [well]);
  const after = facts(rig, "dispatch.granted").slice(before);
  expect([after[0]?.beadId, after[0]?.probe]).toEqual([well, true]);
  expect(facts(rig, "agent.done").map(({ beadId }) => beadId)).toEqual([well]);
});

test("OUTAGE-own what failed in so many outages that others ended is charged, and outages fail nobody else", async () => {
  const { rig, beads } = await busy(3);
  const well = Array.from(
    { length: 4 * LIMITS.outages_forgiven },
    (_, n) => rig.run({ type: "create_bead", bead: bead(`can be done ${n}`), assignTo: null }).beadId ?? "",
  );
  await sick(rig, () => "exit 1", rig.now + 12 * HOUR, well);
  expect(beads.map((id) => beadOf(rig, id).value)).toEqual(["failed", "failed", "failed"]);
  expect(new Set(facts(rig, "agent.done").map(({ beadId }) => beadId))).toEqual(new Set(well));
  expect(rig.rig.world.rig.matches({ gate: "open" })).toBe(true);
});

test("OUTAGE-own while nobody can do anything the probe goes round, and nobody is charged", async () => {
  const { rig, beads } = await busy(3);
  await sick(rig, () => "exit 1", rig.now + 2 * HOUR);
  const turns = facts(rig, "dispatch.granted")
    .filter(({ probe }) => probe)
    .map(({ beadId }) => beads.indexOf(beadId));
  expect(turns.length).toBeGreaterThan(6);
  for (const [n, turn] of turns.slice(3).entries()) expect(turn).toBe(turns[n]);
  expect(beads.map((id) => beadOf(rig, id).context.attempts)).toEqual([0, 0, 0]);
});

test("OUTAGE-own whom an outage failed is suspected when another ends it, until it hands something in", () => {
  const whom = ["x", "y", "z"].map((name) => ({ agentId: name, beadId: `bead of ${name}` }));
  const outage = { since: 1, agents: 3, reason: "", tries: 1, nextAt: null, probeAt: null, failed: whom };
  const moved = { type: "agent.progressed", agentId: "x" } as MachineEvent;
  const once = suspectsAfter({ outage, suspects: [] }, moved);
  expect(once.map(({ agentId, outages }) => [agentId, outages])).toEqual([
    ["y", 1],
    ["z", 1],
  ]);
  const twice = suspectsAfter({ outage, suspects: once }, moved);
  expect(twice.map(({ agentId, outages }) => [agentId, outages])).toEqual([
    ["y", 2],
    ["z", 2],
  ]);
  // Of a probe that lived long enough the TICK tells.
  const tick = { type: "TICK", container: "unasked" } as MachineEvent;
  const lived = suspectsAfter({ outage, probe: "y:4" }, tick);
  expect(lived.map(({ agentId }) => agentId)).toEqual(["x", "z"]);
  const handedIn = { type: "agent.done", agentId: "y" } as MachineEvent;
  expect(withoutHandedIn(twice, handedIn).map(({ agentId }) => agentId)).toEqual(["z"]);
});

test("RUNTIME-missing a coding agent that is not installed where it is to start charges nobody, is told once, and another one may be named", async () => {
  const rig = town();
  const asked: (string | undefined)[] = [];
  rig.container.onStart = ({ runtime }) => {
    asked.push(runtime);
    return runtime === "codex"
      ? { kind: "refused", status: 422, code: "runtime_missing", error: "the coding agent codex is not installed here" }
      : { kind: "accepted" };
  };
  const { beadId, agentId } = await slung(rig, "work", { runtime: "codex" });
  await rig.advance(rig.now + HOUR);
  expect(asked.length).toBeGreaterThan(1);
  expect([beadOf(rig, beadId).value, beadOf(rig, beadId).context.attempts]).toEqual(["in_progress", 0]);
  expect(rig.notified.map(({ title }) => title)).toEqual(["agents cannot start: their place is not fit"]);
  expect(facts(rig, "agent.exited")[0]?.reason).toBe("runtime_missing: the coding agent codex is not installed here");
  rig.run({ type: "edit_bead", beadId, changes: { runtime: "claude" } });
  await rig.advance(rig.now + 10 * MINUTE);
  expect([asked.at(-1), agentOf(rig, agentId).matches({ working: { process: "running" } })]).toEqual(["claude", true]);
  rig.run({ type: "edit_bead", beadId, changes: { runtime: null } });
  expect(beadOf(rig, beadId).context.runtime).toBeUndefined();
});

const lostStarts = async (instance: string | null): Promise<TestRig> => {
  const rig = town();
  rig.container.instance = instance;
  const { agentId } = await slung(rig, "known before");
  await rig.tickAt(rig.now + SECOND);
  rig.container.processes.delete(agentId);
  await done(rig, agentId, "b");
  rig.container.onStart = () => ({ kind: "unknown", error: "internal error" });
  for (let n = 0; n < 3; n++) await slung(rig, `bead ${n}`);
  rig.container.onStart = () => ({ kind: "accepted" });
  rig.container.processes.clear();
  return rig;
};
const exited = (rig: TestRig) => facts(rig, "agent.exited").map(({ outcome }) => outcome);

test("START-instance starts whose answer was lost with the control server that was asked are settled at once by the next one, at nobody's cost and as no sign of an outage", async () => {
  const rig = await lostStarts("one");
  await rig.tickAt(rig.now + 5 * SECOND);
  expect(exited(rig)).toEqual([]);
  rig.container.instance = "two";
  await rig.tickAt(rig.now + 5 * SECOND);
  expect(exited(rig)).toEqual(["evicted", "evicted", "evicted"]);
  await rig.advance(rig.now + MINUTE);
  expect(running(rig)).toHaveLength(3);
  expect(running(rig).map((id) => agentOf(rig, id).context.attempts)).toEqual([0, 0, 0]);
  expect([facts(rig, "dispatch.failed"), rig.rig.world.rig.matches({ gate: "open" })]).toEqual([[], true]);
});

test.each([
  ["the one that was asked", "one", "one"],
  ["the first one that says who it is", null, "one"],
  ["one that does not say who it is", "one", null],
])("starts whose answer was lost wait for their lease when %s is asked how they are", async (_, before, after) => {
  const rig = await lostStarts(before);
  rig.container.instance = after;
  await rig.tickAt(rig.now + 5 * SECOND);
  expect(exited(rig)).toEqual([]);
});

test("START-instance another control server says nothing of a start that is still to be asked for", async () => {
  const rig = await lostStarts("one");
  const [agentId = ""] = running(rig);
  rig.ports.sql.exec(
    "INSERT INTO outbox (key, seq, kind, body, attempts, next_at) VALUES (?, 1, 'container.start', '{}', 0, ?)",
    `${agentId}:${agentOf(rig, agentId).context.dispatchN}:container.start`,
    rig.now + HOUR,
  );
  rig.container.instance = "two";
  await rig.tickAt(rig.now + 5 * SECOND);
  expect(exited(rig)).toEqual(["evicted", "evicted"]);
});

test("xagent#779 a container with no more room: nobody is charged, why says at_capacity, and all get their turn", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { capacity: 10 } });
  const ROOM = 3;
  rig.container.onStart = () =>
    rig.container.processes.size < ROOM
      ? { kind: "accepted" }
      : {
          kind: "unknown",
          status: 429,
          error: "HTTP 429: 100 agents are running in this container, which is its limit",
        };
  const beads: string[] = [];
  for (let n = 0; n < 10; n++) beads.push((await slung(rig, `bead ${n}`)).beadId);
  const waiting = beads.filter((id) => !running(rig).includes(beadOf(rig, id).context.assignee ?? ""));
  expect(waiting.length).toBeGreaterThan(0);
  expect(waiting.map((id) => whyBead(rig.rig.world, beadOf(rig, id)).reason)).toContain("at_capacity");
  for (let n = 0; n < 60 && beads.some((id) => beadOf(rig, id).value !== "in_review"); n++) {
    await rig.advance(rig.now + MINUTE);
    for (const agentId of running(rig)) {
      if (!rig.container.processes.has(agentId)) continue;
      rig.container.processes.delete(agentId);
      await done(rig, agentId, `b/${agentId}`);
    }
  }
  expect(beads.map((id) => beadOf(rig, id).value)).toEqual(beads.map(() => "in_review"));
  expect(facts(rig, "dispatch.failed")).toEqual([]);
  expect(rig.notified).toEqual([]);
});
