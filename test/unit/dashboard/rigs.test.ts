import { expect, test } from "vitest";
import { gateOf, rigsOf, sumsOf, type OfRig } from "../../../dashboard/src/lib/rigs.ts";
import type { Overview } from "../../../src/wire/overview.ts";

/** All rigs in the order in which somebody must look, and sums that are those of the list. */

const at = (minutes: number): string => new Date(1_800_000_000_000 - minutes * 60_000).toISOString();

function rigOf(id: string, more: Partial<NonNullable<OfRig["state"]>> = {}): OfRig {
  const state: NonNullable<OfRig["state"]> = {
    at: at(0),
    life: "alive.running",
    gate: "open",
    container: "reachable",
    slots: { used: 2, capacity: 10 },
    agents: {},
    beads: {},
    reviews: {},
    ready: 1,
    today: { merged: 3, failed: 0 },
    spend: {
      tokens: 10,
      microdollars: 500_000,
      caps: { tokens: null, microdollars: null },
      left: { tokens: null, microdollars: null },
      state: "counting",
      ends_at: at(-60),
    },
    oldest_stuck: null,
    needs: { now: 0, soon: 0, know: 0 },
    ...more,
  };
  return { id, town_id: "t", name: id, state };
}

const needOf = (rig: string, minutes: number): Overview["needs"][number] => ({
  key: `${rig} ${minutes}`,
  code: "question",
  level: "now",
  title: "asks",
  text: "which?",
  since: at(minutes),
  until: null,
  count: 1,
  agent: null,
  bead: null,
  options: [],
  ask_id: null,
  can: [],
  rig_id: rig,
  rig_name: rig,
  town_id: "t",
});

const one = { now: 1, soon: 0, know: 0 };
const overview: Overview = {
  version: 1,
  totals: {
    rigs: 6,
    needs: { now: 3, soon: 0, know: 0 },
    slots: { used: 10, capacity: 50 },
    ready: 5,
    today: { merged: 15, failed: 0 },
    spend: { tokens: 50, microdollars: 2_500_000 },
    oldest_stuck: null,
  },
  rigs: [
    rigOf("paused", { life: "alive.paused" }),
    rigOf("calm"),
    rigOf("asks", { needs: { now: 2, soon: 0, know: 0 } }),
    rigOf("asks-longer", { needs: one }),
    rigOf("away", { container: "unreachable" }),
    { id: "silent", town_id: "t", name: "silent", state: null },
  ],
  needs: [needOf("asks", 5), needOf("asks", 1), needOf("asks-longer", 50)],
};

test("trouble is first, and of that what stands still for longest; what was stopped is last", () => {
  expect(rigsOf(overview).map(({ rig: { id }, standing }) => [id, standing])).toEqual([
    ["asks-longer", "trouble"],
    ["asks", "trouble"],
    ["away", "trouble"],
    ["calm", "calm"],
    ["silent", "calm"],
    ["paused", "stopped"],
  ]);
  expect(rigsOf(overview)[1]?.oldest?.key).toBe("asks 5");
});

test("the numbers on top are the sums of what is listed, and those that the API has", () => {
  const sums = sumsOf(rigsOf(overview));
  expect(sums).toEqual({
    needs: overview.totals.needs.now,
    used: overview.totals.slots.used,
    capacity: overview.totals.slots.capacity,
    ready: overview.totals.ready,
    merged: overview.totals.today.merged,
    microdollars: overview.totals.spend.microdollars,
    tokens: overview.totals.spend.tokens,
    notOpen: 3,
  });
});

test("each way in which a gate is not open has its own name", () => {
  const gates = [
    rigOf("a"),
    rigOf("a", { life: "draining" }),
    rigOf("a", { life: "alive.paused" }),
    rigOf("a", { container: "unreachable" }),
    rigOf("a", { gate: "suspended" }),
    rigOf("a", { gate: "outage" }),
    rigOf("a", { gate: "halfOpen" }),
  ].map(gateOf);
  expect(gates).toEqual(["open", "draining", "paused", "unreachable", "breaker", "outage", "probe"]);
});
