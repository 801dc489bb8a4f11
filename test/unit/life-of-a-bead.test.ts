import { agentCaller } from "../support/callers.ts";
import { expect, test } from "vitest";
import { bead, testRig } from "../support/node-rig.ts";

test("a slung bead is started at once and closed when it is merged", async () => {
  const town = testRig();
  const { beadId = "", agentId = "" } = town.run({ type: "sling", bead: bead("one") });
  await town.settled();
  expect(town.container.starts.map((order) => order.dispatchId)).toEqual([`${agentId}:1`]);
  expect(town.rig.world.agents.get(agentId)?.matches({ working: { process: "running" } })).toBe(true);
  town.run({ type: "done", agentId, branch: "b", prUrl: null, summary: null }, agentCaller(agentId, `${agentId}:1`));
  await town.settled();
  expect(town.container.merges.length).toBe(1);
  town.run({
    type: "complete_review",
    reviewId: town.container.merges[0]?.entryId ?? "",
    claimId: town.container.merges[0]?.dispatchId ?? null,
    verdict: "merged",
    permanent: false,
    message: "",
    commitSha: "abc",
  });
  town.reopen();
  expect(town.rig.world.recall("bead", beadId)?.value).toBe("closed");
  expect(await town.advance(town.now + 86_400_000)).toBeLessThan(300);
  expect(town.alarm).not.toBe(null);
});
