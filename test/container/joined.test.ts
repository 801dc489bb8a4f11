import { expect, test } from "vitest";
import { whyBead } from "../../src/core/why.ts";
import { beadOf, MINUTE, startsOf } from "../unit/incidents/words.ts";
import { joined } from "./joined.ts";
import { createOrigin, git } from "./world.ts";

/** What is promised of a rig and its container together. */

const WORK = "echo work > $GASTOWN_AGENT_ID.txt; git add --all; git commit --quiet -m work";

test("F-301c work that waits because the target is checked out is merged after the cure, without another run of its agent", async () => {
  const { clone } = createOrigin();
  const { rig, worked, handedIn, until } = await joined(clone, WORK);
  const { beadId, agentId } = await worked("one");
  await handedIn(agentId);
  await until("the queue is parked", () => rig.rig.world.queue?.value === "parked");
  expect(beadOf(rig, beadId).value).toBe("in_review");
  expect(whyBead(rig.rig.world, beadOf(rig, beadId)).sentence).toMatch(
    /^The queue is parked, .* is a repository with main checked out.*git config receive\.denyCurrentBranch updateInstead/,
  );
  git(clone, "config", "receive.denyCurrentBranch", "updateInstead");
  await rig.advance(rig.now + 2 * MINUTE);
  await until("it is merged", () => beadOf(rig, beadId).value === "closed");
  expect(git(clone, "show", `HEAD:${agentId}.txt`)).toBe("work");
  expect(git(clone, "status", "--porcelain")).toBe("");
  expect(startsOf(rig, beadId)).toBe(1);
});
