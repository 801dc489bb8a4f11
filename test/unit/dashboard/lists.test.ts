import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AGENT_GROUPS, listsOf, PLACES, type Lists } from "../../../dashboard/src/lib/lists.ts";
import { shown, typed, usual } from "../../../dashboard/src/lib/setting-words.ts";
import {
  FILTERS,
  linesOf,
  type Asked,
  type Filter,
  type Grouping,
  type Sort,
} from "../../../dashboard/src/lib/work.ts";
import { worldOf } from "../../../dashboard/src/lib/world.ts";
import { board } from "../../../src/do/board.ts";
import { bead, testRig, type TestRig } from "../../support/node-rig.ts";

/** Every number of the board is the length of the list that it opens: both are of one selector. */

let rig: TestRig;
beforeEach(async () => {
  rig = testRig();
  rig.run({ type: "set_settings", settings: { capacity: 3 } });
  const slung = ["one", "two", "three", "four"].map((title) => rig.run({ type: "sling", bead: bead(title) }));
  await rig.settled();
  const [first, second] = slung;
  rig.run({ type: "create_bead", bead: bead("after one", { blockedBy: [first?.beadId ?? ""] }), assignTo: null });
  rig.run({ type: "create_bead", bead: bead("alone", { priority: "critical" }), assignTo: null });
  rig.run({
    type: "escalate",
    title: "which way?",
    body: null,
    priority: "high",
    metadata: {},
    agentId: second?.agentId ?? "",
  });
  await rig.settled();
});
afterEach(() => rig.close());

function shownLists(): { lists: Lists; known: Parameters<typeof linesOf>[2] } {
  const made = board(rig.rig);
  const content = new Map(Object.entries(made.content));
  const world = worldOf(made);
  const now = made.now;
  return { lists: listsOf(world, { content, now, today: now - 3_600_000 }), known: { world, content, now } };
}

const asked = (more: Partial<Asked> = {}): Asked => ({ filter: "all", by: "none", sort: "turn", text: "", ...more });

describe("F-803 a number and the list that it opens", () => {
  test("are of one selector: every piece of work is in one place, every agent in one group, and none is left out", () => {
    const { lists, known } = shownLists();
    const placed = PLACES.flatMap((place) => lists.work[place]);
    expect(new Set(placed).size).toBe(placed.length);
    expect(placed.length).toBe(known.world.beads.size);
    const grouped = AGENT_GROUPS.flatMap((group) => lists.agents[group]);
    expect(new Set(grouped).size).toBe(grouped.length);
    expect(grouped.length).toBe(known.world.agents.size);
    expect(lists.running.length).toBe(known.world.index.slots.size);
    expect(lists.work.waiting).toHaveLength(1);
    expect(lists.needs.now.map(({ code }) => code)).toEqual(["question"]);
    expect(lists.agents.yours).toHaveLength(1);
  });

  test("agree in each grouping and order: the headings' counts add up to the number", () => {
    const { lists, known } = shownLists();
    for (const filter of Object.keys(FILTERS) as Filter[])
      for (const by of ["place", "priority", "agent", "label", "none"] as Grouping[])
        for (const sort of ["turn", "age", "priority", "title", "cost", "tries"] as Sort[]) {
          const { lines, beads } = linesOf(lists, asked({ filter, by, sort }), known);
          expect(beads.length).toBe(FILTERS[filter].of(lists).length);
          expect(lines.filter((line) => "bead" in line).length).toBe(beads.length);
          const counts = lines.reduce((sum, line) => sum + ("group" in line ? line.count : 0), 0);
          expect(counts).toBe(by === "none" ? 0 : beads.length);
        }
  });

  test("a text leaves those that have it in their title, id, label or agent; an order is kept", () => {
    const { lists, known } = shownLists();
    const titles = (more: Partial<Asked>) =>
      linesOf(lists, asked(more), known).lines.flatMap((line) =>
        "bead" in line ? [known.content.get(line.bead.context.id)?.title] : [],
      );
    expect(titles({ text: "AFTER" })).toEqual(["after one"]);
    expect(titles({ sort: "priority", filter: "open" }).slice(0, 2)).toEqual(["alone", "which way?"]);
    expect(titles({ sort: "title", filter: "ready" }).toSorted()).toEqual(titles({ sort: "title", filter: "ready" }));
    expect(titles({ text: "nothing is called that" })).toEqual([]);
  });
});

describe("a setting as people read and type it", () => {
  test("is the same when it is typed as it was shown", () => {
    for (const [name, value] of [
      ["gupp_check_ms", 1_800_000],
      ["heartbeat_lost_ms", 90_000],
      ["arm_delay_ms", 1_234],
      ["day_microdollars", 120_500_000],
      ["capacity", 28],
      ["fruitless_tokens", 5_000_000],
      ["clone", "full"],
      ["protect", ["db/**"]],
      ["leftovers_remote", false],
    ] as const)
      expect(typed(name, shown(name, value), value)).toEqual(value);
    expect(typed("day_microdollars", "", null)).toBeNull();
    expect(typed("day_microdollars", "$1,200", null)).toBe(1_200_000_000);
    expect(usual("gupp_check_ms", 1_800_000)).toBe("30 min");
    expect(usual("fruitless_tokens", 5_000_000)).toBe("5,000,000");
    expect(typed("fruitless_tokens", "5000000", null)).toBe(5_000_000);
  });

  test("that is none of its kind is refused in words", () => {
    expect(() => typed("gupp_check_ms", "soon", 1)).toThrow("“soon” is no time: write it like 90 s, 30 min or 2 h.");
    expect(() => typed("gupp_check_ms", "", 1)).toThrow("no time");
    expect(() => typed("day_microdollars", "much", null)).toThrow("no amount");
    expect(() => typed("capacity", "many", 10)).toThrow("is not what capacity takes");
  });
});
