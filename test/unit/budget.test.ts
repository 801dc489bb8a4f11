import { expect, test } from "vitest";
import { outcomeOf } from "../../src/do/patrol.ts";
import { whyAgent } from "../../src/core/why.ts";
import { agentOf, exits, slung } from "./incidents/words.ts";
import { START_MS, testRig } from "../support/node-rig.ts";

const DAY_MS = 86_400_000;

test("an agent whose budget is used up is not started again until somebody answers, and then from its checkpoint", async () => {
  const rig = testRig();
  const { agentId, beadId } = await slung(rig);
  rig.run({ type: "checkpoint", agentId, data: { step: 3 } });
  await exits(rig, agentId, "over_budget");
  expect(agentOf(rig, agentId).matches({ blocked: "overBudget" })).toBe(true);
  await rig.advance(START_MS + DAY_MS);
  expect(rig.container.starts).toHaveLength(1);
  expect([...rig.rig.world.beads.values()].filter((bead) => bead.context.type === "escalation")).toHaveLength(1);
  expect(whyAgent(rig.rig.world, agentOf(rig, agentId)).reason).toBe("over_budget");
  expect(rig.rig.world.beads.get(beadId)?.context.attempts).toBe(0);
  rig.run({ type: "answer", agentId, answer: "here is more" });
  await rig.settled();
  expect(rig.container.starts.map((order) => order.checkpoint)).toEqual([null, { step: 3 }]);
});

test("the reason an agent gives decides what kind of end it was", () => {
  expect(outcomeOf("failed", "over_budget: 20 dollars", null).outcome).toBe("over_budget");
  expect(outcomeOf("failed", "Budget exceeded", null).outcome).toBe("over_budget");
  expect(outcomeOf("failed", "rate_limited until 2030-01-01T00:00:00Z", null)).toEqual({
    outcome: "rate_limited",
    resetAt: Date.UTC(2030, 0, 1),
  });
  expect(outcomeOf("failed", "setup_failed: exit 1", 7)).toEqual({ outcome: "place", resetAt: 7 });
  expect(outcomeOf("failed", "setup_failed_badly", null).outcome).toBe("failed");
  expect(outcomeOf("failed", "evicted", null).outcome).toBe("evicted");
  expect(outcomeOf("completed", null, null).outcome).toBe("completed");
});
