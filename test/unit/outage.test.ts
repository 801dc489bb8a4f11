import { expect, test } from "vitest";
import { LIMITS } from "../../src/events/limits.ts";
import { DEFAULT_SETTINGS } from "../../src/events/settings.ts";
import { alertLimits } from "../../src/machines/agent/limits.ts";
import type { MachineEvent } from "../../src/machines/event.ts";
import {
  begun,
  endOf,
  goesOn,
  isCommon,
  recentCharges,
  type Charge,
  type Suspect,
} from "../../src/machines/rig/outage.ts";

/** The numbers of an outage: how many agents, how many charges are remembered, how long a probe waits. */

const failed = (agentId: string, at = 1_000): MachineEvent => ({
  type: "dispatch.failed",
  agentId: agentId as never,
  dispatchId: `${agentId}:1` as never,
  beadId: `bead of ${agentId}` as never,
  charged: true,
  attempts: 1,
  reason: "failed: boom",
  seq: 1,
  at,
  cause: null,
  settings: DEFAULT_SETTINGS,
  ruleSet: 2,
  isOutage: false,
});

const charges = (n: number): Charge[] =>
  Array.from({ length: n }, (_, i) => ({ agentId: `a${i}`, beadId: `b${i}`, at: 1_000 }));

test("so many agents at once are an outage, and one less is none", () => {
  expect(isCommon({ charges: charges(LIMITS.outage_agents - 2) }, failed("last"))).toBe(false);
  expect(isCommon({ charges: charges(LIMITS.outage_agents - 1) }, failed("last"))).toBe(true);
});

test.each([
  ["failed: exit 3", "exit 3"],
  ["failed: exit 30", "exit 30"],
  ["failed: signal SIGKILL", "signal SIGKILL"],
  ["failed: failed: it could not go on, exit 1", "exit 1"],
  ["refused: HTTP 500: exit 3", "no process"],
  ["gone: not there", "no process"],
  ["lease_over: not heard from within its lease", "no process"],
  ["completed: it said nothing", "completed"],
  ["", ""],
])("of the end %j what counts is %j", (reason, end) => expect(endOf(reason)).toBe(end));

test("ends that are not alike do not add up", () => {
  const others = charges(LIMITS.outage_agents - 1);
  const isTogetherWith = (end: string): boolean =>
    isCommon({ charges: others.map((one) => ({ ...one, end })) }, failed("last"));
  expect([isTogetherWith("failed"), isTogetherWith("exit 3")]).toEqual([true, false]);
});

test("whoever failed in so many outages that others ended is charged, in one less not", () => {
  const known = (outages: number): { charges: Charge[]; suspects: Suspect[] } => ({
    charges: charges(LIMITS.outage_agents - 1),
    suspects: [{ agentId: "last", beadId: "bead of last", outages }],
  });
  expect(isCommon(known(LIMITS.outages_forgiven - 1), failed("last"))).toBe(true);
  expect(isCommon(known(LIMITS.outages_forgiven), failed("last"))).toBe(false);
  expect(recentCharges(known(LIMITS.outages_forgiven), failed("last"))).toHaveLength(LIMITS.outage_agents - 1);
});

test("so many charges are remembered, and the oldest goes", () => {
  const all = recentCharges({ charges: charges(LIMITS.charges_remembered) }, failed("last"));
  expect([all.length, all[0]?.agentId, all.at(-1)?.agentId]).toEqual([LIMITS.charges_remembered, "a1", "last"]);
});

test("a probe waits its first time, then twice as long, and never longer than the longest", () => {
  let outage = begun({ charges: charges(LIMITS.outage_agents) }, failed("a"));
  expect(outage.nextAt).toBe(1_000 + LIMITS.outage_probe_ms);
  outage = goesOn(outage, failed("a", 2_000)) ?? outage;
  expect(outage.nextAt).toBe(2_000 + 2 * LIMITS.outage_probe_ms);
  for (let n = 0; n < 20; n++) outage = goesOn(outage, failed("a", 3_000)) ?? outage;
  expect(outage.nextAt).toBe(3_000 + LIMITS.outage_probe_max_ms);
});

test("so many rate limits in a row are told, one less is not, and one more not again", () => {
  const told = (limited: number): number =>
    alertLimits({ id: "a", name: "a", dispatchN: 1, hook: "b", limited, exit: null } as never, failed("a")).length;
  const { rate_limits_told } = LIMITS;
  expect([told(LIMITS.rate_limits_told - 1), told(rate_limits_told), told(rate_limits_told + 1)]).toEqual([0, 1, 0]);
});
