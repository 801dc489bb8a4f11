import { describe, expect, test } from "vitest";
import { SOURCES, type ValueName } from "../../src/core/why-because.ts";
import { whyAgent, whyBead } from "../../src/core/why.ts";
import { get, type World } from "../../src/core/world.ts";
import { whyOfAgent, whyOfBead, type WhyBecause } from "../../src/do/why.ts";
import { FACT_TYPES } from "../../src/events/facts.ts";
import { bead, type TestRig } from "../support/node-rig.ts";
import { agentOf, as, exits, facts, journal, MINUTE, slung, submitted, town } from "./incidents/words.ts";

/** Every value of an answer to "why" is there by a fact that can be looked up; a sentence that shows a value is another one when the value is. */

type Asked = { readonly rig: TestRig; readonly agentId: string; readonly beadId: string; readonly why: WhyBecause };

const asked = (rig: TestRig, agentId: string, beadId: string): Asked => {
  const why = agentId === "" ? whyOfBead(rig.rig, beadId) : whyOfAgent(rig.rig, agentId);
  if (why === null) throw new Error("nobody to ask");
  return { rig, agentId, beadId, why };
};

const STORIES: Record<string, () => Promise<Asked>> = {
  "a bead that waits for another": async () => {
    const rig = town();
    const { beadId = "" } = rig.run({ type: "sling", bead: bead("throw the pot") });
    const { beadId: second = "" } = rig.run({
      type: "create_bead",
      bead: bead("glaze it", { blockedBy: [beadId] }),
      assignTo: null,
    });
    await rig.settled();
    return asked(rig, "", second);
  },
  "a bead that is stuck": async () => {
    const rig = town();
    rig.run({ type: "pause" });
    const { beadId = "" } = rig.run({ type: "create_bead", bead: bead("throw the pot"), assignTo: null });
    const { beadId: second = "" } = rig.run({
      type: "create_bead",
      bead: bead("glaze it", { blockedBy: [beadId] }),
      assignTo: null,
    });
    rig.run({ type: "cancel_bead", beadId });
    return asked(rig, "", second);
  },
  "a bead that is deferred": async () => {
    const rig = town();
    const { beadId = "" } = rig.run({
      type: "create_bead",
      bead: bead("later", { deferUntil: rig.now + MINUTE }),
      assignTo: null,
    });
    return asked(rig, "", beadId);
  },
  "a bead without a slot": async () => {
    const rig = town();
    rig.run({ type: "set_settings", settings: { capacity: 1 } });
    await slung(rig);
    const { beadId = "" } = rig.run({ type: "create_bead", bead: bead("second"), assignTo: null });
    return asked(rig, "", beadId);
  },
  "an agent that waits for a person": async () => {
    const rig = town();
    const { agentId, beadId } = await slung(rig);
    rig.run(
      { type: "escalate", title: "which?", body: null, priority: "high", metadata: {}, agentId },
      as(rig, agentId),
    );
    return asked(rig, agentId, beadId);
  },
  "an agent between two attempts": async () => {
    const rig = town();
    const { agentId, beadId } = await slung(rig);
    await exits(rig, agentId);
    await rig.tickAt(rig.now + 6_000);
    await exits(rig, agentId);
    await rig.tickAt(rig.now + 6_000);
    return asked(rig, agentId, beadId);
  },
  "an agent at work": async () => {
    const rig = town();
    const { agentId, beadId } = await slung(rig);
    rig.run({ type: "checkpoint", agentId, data: 1 }, as(rig, agentId));
    return asked(rig, agentId, beadId);
  },
  "a bead that is being merged": async () => {
    const rig = town();
    const { beadId } = await submitted(rig, "work");
    return asked(rig, "", beadId);
  },
};

test("every row names facts that there are, and says of which actor they are", () => {
  for (const [name, source] of Object.entries(SOURCES)) {
    if (source === "counted") continue;
    expect(source.facts.length, name).toBeGreaterThan(0);
    for (const type of source.facts) expect(FACT_TYPES as readonly string[], name).toContain(type);
  }
});

describe.each(Object.keys(STORIES))("%s", (story) => {
  const tell = () => (STORIES[story] as () => Promise<Asked>)();

  test("names for each of its values the fact that it comes from, or a deadline", async () => {
    const { rig, why, agentId, beadId } = await tell();
    expect(why.because.map(({ name }) => name)).toEqual([
      ...Object.keys(why.values),
      ...(why.until === null ? [] : ["until"]),
    ]);
    const entries = new Map(journal(rig).map(({ fact }) => [fact.seq, fact]));
    for (const { name, value, seq, deadline } of why.because) {
      if (name === "until") {
        expect([value, deadline]).toEqual([why.until, why.until]);
        continue;
      }
      const source = SOURCES[name as ValueName];
      const fact = entries.get(seq ?? 0);
      if (source === "counted") {
        expect(seq).toBe(rig.rig.world.seq);
        continue;
      }
      // What was never said by any fact is null, or as it was when nothing had happened.
      if (fact === undefined) {
        expect([null, 0, false], name).toContainEqual(value);
        continue;
      }
      expect(source.facts as readonly string[], name).toContain(fact.type);
      if ("beadId" in fact && source.of === "bead") expect(fact.beadId).toBe(beadId);
      if ("agentId" in fact && source.of === "agent" && agentId !== "") expect(fact.agentId).toBe(agentId);
    }
  });

  test("calls beads by their titles", async () => {
    const { rig, why } = await tell();
    for (const { beadId } of facts(rig, "bead.created")) expect(why.sentence).not.toContain(beadId);
  });
});

/** A value as it is, and the same answer where it is another one. */
const CHANGES: [string, (rig: TestRig, ids: Asked) => void][] = [
  ["a bead that waits for another", (rig, { beadId }) => set(rig, "bead", beadId, { blockedBy: ["x", "y"] })],
  ["a bead that is stuck", (rig, { beadId }) => set(rig, "bead", beadId, { stuckBy: ["x"], blockedBy: ["x"] })],
  [
    "a bead without a slot",
    (rig) => set(rig, "rig", "rig", { settings: { ...rig.rig.world.rig.context.settings, capacity: 0 } }),
  ],
  [
    "an agent between two attempts",
    (rig, { agentId }) => set(rig, "agent", agentId, { exit: { outcome: "crashed", reason: "another one", at: 1 } }),
  ],
  [
    "an agent that waits for a person",
    (rig, { agentId }) =>
      set(rig, "agent", agentId, {
        asks: [{ id: "1", kind: "question", text: "which glaze?", command: null, options: [] }],
      }),
  ],
  [
    "an agent at work",
    (rig, { agentId }) => set(rig, "agent", agentId, { waiting: { since: 1, until: 2, isOver: false } }),
  ],
  ["an agent at work", (rig, { agentId }) => set(rig, "agent", agentId, { preparing: 1 })],
  [
    "a bead that is being merged",
    (rig, { beadId }) =>
      set(rig, "review", get(rig.rig.world, "bead", beadId)?.context.reviewId ?? "", {
        message: "no route",
        attempts: 1,
      }),
  ],
];

function set(rig: TestRig, kind: "bead" | "agent" | "review" | "rig", id: string, more: object): void {
  const actor = get(rig.rig.world as World, kind, id);
  Object.assign((actor as { context: object }).context, more);
}

test.each(CHANGES)("a sentence is another one when a value of it is: %s", async (story, change) => {
  const told = await (STORIES[story] as () => Promise<Asked>)();
  const { rig, agentId, beadId } = told;
  const { world } = rig.rig;
  const now = () => {
    const held = get(world, "bead", beadId);
    return agentId === "" && held !== undefined
      ? whyBead(world, held).sentence
      : whyAgent(world, agentOf(rig, agentId)).sentence;
  };
  const before = now();
  change(rig, told);
  expect(now()).not.toBe(before);
});
