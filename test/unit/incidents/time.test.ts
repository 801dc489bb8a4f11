import { describe, expect, test } from "vitest";
import { outcomeOf } from "../../../src/do/patrol.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import type { TestRig } from "../../support/node-rig.ts";
import {
  agentOf,
  as,
  beadOf,
  calls,
  DAY,
  exits,
  facts,
  HOUR,
  MINUTE,
  reviewOf,
  SECOND,
  slung,
  stateOf,
  submitted,
  town,
} from "./words.ts";

/** Time that nobody could use, clocks that are wrong, and times that others name. */

/** The alarm that is armed rings now, however late that is. */
async function ring(rig: TestRig): Promise<void> {
  const scheduled = rig.alarm;
  rig.alarm = null;
  await rig.tickAt(rig.now, scheduled);
}
const heard = (rig: TestRig, agentId: string) =>
  rig.run({ type: "heard", agentId, dispatchId: null }, as(rig, agentId));

test("looper#364 a night's suspend stops, charges and escalates nobody; the journal says that everything stood still", async () => {
  const rig = town();
  const running = await slung(rig, "running");
  heard(rig, running.agentId);
  rig.container.onStart = () => ({ kind: "unknown", error: "the lid was closed" });
  const starting = await slung(rig, "starting");
  await rig.tickAt(rig.now + 20 * SECOND);
  rig.suspend(8 * HOUR);
  await ring(rig);
  const [jump, ...others] = facts(rig, "clock.jumped");
  expect(others).toEqual([]);
  expect(jump?.by).toBeGreaterThan(7 * HOUR);
  expect(stateOf(rig, running.agentId)).toBe("working.process.running + working.progress.fresh");
  expect(facts(rig, "dispatch.failed")).toEqual([]);
  expect(facts(rig, "bead.created").filter(({ beadType }) => beadType === "escalation")).toEqual([]);
  expect(calls(rig, "stop")).toEqual([]);
  expect(rig.notified).toEqual([]);
  // What was left of the lease is what is left of it.
  const { leaseUntil } = agentOf(rig, starting.agentId).context;
  expect(leaseUntil).toBeGreaterThan(rig.now + 2 * MINUTE);
  expect(leaseUntil).toBeLessThanOrEqual(rig.now + 3 * MINUTE);
});

describe("a clock that jumps", () => {
  test.each([
    [LIMITS.clock_tolerance_ms, 0],
    [LIMITS.clock_tolerance_ms + 1, 1],
  ])("an alarm that is %i ms late is told %i times", async (late_ms, times) => {
    const rig = town();
    rig.suspend((rig.alarm ?? 0) - rig.now + late_ms);
    await ring(rig);
    expect(facts(rig, "clock.jumped")).toHaveLength(times);
  });

  test("is told before whatever is said first, also when the object was not in memory; and only once", async () => {
    const rig = town();
    const { agentId } = await slung(rig);
    heard(rig, agentId);
    const { progressAt } = agentOf(rig, agentId).context;
    rig.suspend(8 * HOUR);
    rig.reopen();
    rig.run({ type: "pause" });
    await ring(rig);
    const [jump] = facts(rig, "clock.jumped");
    expect(facts(rig, "clock.jumped")).toHaveLength(1);
    expect(agentOf(rig, agentId).context.progressAt).toBe((progressAt ?? 0) + (jump?.by ?? 0));
  });

  test("moves leases, backoffs, cool-downs and claims, and no time that a person or a provider named", async () => {
    const rig = town();
    rig.run({ type: "set_settings", settings: { breaker_failures: 2 } });
    const deferUntil = rig.now + 2 * HOUR;
    const limited = await slung(rig, "limited");
    await exits(rig, limited.agentId, "rate_limited", rig.now + HOUR);
    const { beadId } = await slung(rig, "later");
    rig.run({ type: "edit_bead", beadId, changes: { deferUntil } });
    const { reviewId } = await submitted(rig, "merging");
    for (const title of ["a", "b"]) await exits(rig, (await slung(rig, title)).agentId);
    const { claimUntil } = reviewOf(rig, reviewId).context;
    const { openedAt, failures } = rig.rig.world.rig.context;
    expect(openedAt).not.toBeNull();
    const named = agentOf(rig, limited.agentId).context.backoffUntil;
    rig.suspend(3 * HOUR);
    await ring(rig);
    const by = facts(rig, "clock.jumped")[0]?.by ?? 0;
    expect(reviewOf(rig, reviewId).context.claimUntil).toBe((claimUntil ?? 0) + by);
    expect(rig.rig.world.rig.context).toMatchObject({
      openedAt: (openedAt ?? 0) + by,
      failures: failures.map((at) => at + by),
    });
    expect(beadOf(rig, beadId).context.deferUntil).toBe(deferUntil);
    expect([named, null]).toContain(agentOf(rig, limited.agentId).context.backoffUntil);
  });
});

test("F-501 one TICK a year ahead, then the true time: what waits ends when it should, with one alert", async () => {
  const rig = town();
  const { agentId, beadId } = await slung(rig);
  await exits(rig, agentId);
  await exits(rig, (await slung(rig, "second")).agentId);
  rig.container.onStart = ({ prompt }) =>
    prompt.includes("third") ? { kind: "unknown", error: "no answer" } : { kind: "accepted" };
  const starting = await slung(rig, "third");
  rig.suspend(365 * DAY);
  await ring(rig);
  expect(facts(rig, "dispatch.failed").filter(({ reason }) => reason.startsWith("lease_over"))).toEqual([]);
  rig.suspend(-365 * DAY + 30 * SECOND);
  rig.rig.clock.awakeAt = 0;
  rig.run({ type: "pause" });
  rig.run({ type: "resume" });
  expect(facts(rig, "clock.jumped").map(({ by }) => Math.sign(by))).toEqual([1, -1]);
  expect(rig.rig.world.at).toBe(rig.now);
  expect(rig.alarm).toBeLessThanOrEqual(rig.now + 5 * MINUTE);
  const { leaseUntil } = agentOf(rig, starting.agentId).context;
  expect(leaseUntil).toBeLessThanOrEqual(rig.now + 3 * MINUTE);
  rig.container.onStart = () => ({ kind: "accepted" });
  await rig.advance(rig.now + 5 * MINUTE);
  expect(stateOf(rig, agentId)).toContain("working");
  expect(beadOf(rig, beadId).value).toBe("in_progress");
  expect(rig.notified.map(({ title }) => title)).toEqual(["the clock was put back"]);
});

test("RepoLens#109 a reset that has just passed, again and again: each wait is longer, and one alert after three in a row", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const waits: number[] = [];
  for (let n = 0; n < 4; n++) {
    await exits(rig, agentId, "rate_limited", rig.now - SECOND);
    const until = agentOf(rig, agentId).context.backoffUntil ?? 0;
    waits.push(until - rig.now);
    await rig.advance(until + 31 * SECOND);
    expect(stateOf(rig, agentId)).toContain("working");
  }
  expect(waits).toEqual([30, 60, 120, 240].map((s) => s * SECOND));
  expect(rig.notified.map(({ title }) => title)).toEqual([
    `the provider of ${agentOf(rig, agentId).context.name} does not let it in`,
  ]);
  rig.run({ type: "progressed", agentId, what: "tool" }, as(rig, agentId));
  await exits(rig, agentId, "rate_limited", rig.now - SECOND);
  expect((agentOf(rig, agentId).context.backoffUntil ?? 0) - rig.now).toBe(30 * SECOND);
});

test("hive-mind#1236 a reset far ahead is bounded, and a time without a zone is none", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  await exits(rig, agentId, "rate_limited", Date.parse("2099-01-01T00:00:00Z"));
  expect((agentOf(rig, agentId).context.backoffUntil ?? 0) - rig.now).toBe(LIMITS.rate_limit_max_ms);
  const at = "2027-03-01T12:00:00";
  expect(outcomeOf("failed", `rate_limited until ${at}`, null).resetAt).toBeNull();
  expect(outcomeOf("failed", `rate_limited until ${at}Z`, null).resetAt).toBe(Date.parse(`${at}Z`));
  expect(outcomeOf("failed", `rate_limited until ${at}+02:00`, null).resetAt).toBe(Date.parse(`${at}+02:00`));
});
