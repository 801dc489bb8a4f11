import { agentCaller } from "../../support/callers.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LIMITS } from "../../../src/events/limits.ts";
import { ACCEPTED, bead, testRig, type TestRig } from "../../support/node-rig.ts";

/** Calls, alarms and bytes: what grows with the fleet, and what must not. */

const DAY_MS = 86_400_000;
let town: TestRig;

beforeEach(() => {
  town = testRig();
});
afterEach(() => town.close());

async function working(agents: number): Promise<void> {
  town.run({ type: "set_settings", settings: { capacity: agents } });
  for (let i = 0; i < agents; i++) town.run({ type: "sling", bead: bead(`work ${i}`) });
  await town.settled();
  for (const { agentId, dispatchId } of town.container.starts) town.tell({ type: "agent.heard", agentId, dispatchId });
  town.container.calls.length = 0;
}

const facts = (): number => town.rig.world.seq;

test("an idle rig-day is 288 alarms, no fact and no call to the container", async () => {
  await town.advance(town.now + DAY_MS);
  const before = facts();
  expect(await town.advance(town.now + DAY_MS)).toBe(288);
  expect(facts()).toBe(before);
  expect(town.container.calls).toEqual([]);
});

test("a patrol of 300 agents is one call and no fact, and a second one soon after is no call at all", async () => {
  await working(300);
  town.rig.sightings.clear();
  const before = facts();
  await town.tickAt(town.now + 1_000);
  expect(town.container.calls.map(({ kind }) => kind)).toEqual(["statuses"]);
  await town.tickAt(town.now + 30_000);
  expect(town.container.calls).toHaveLength(1);
  expect(facts()).toBe(before);
});

test("a dispatch of 300 agents is one commit, and never more than six starts are under way", async () => {
  let now = 0;
  let most = 0;
  town.container.onStart = async () => {
    most = Math.max(most, ++now);
    await Promise.resolve();
    now--;
    return ACCEPTED;
  };
  town.run({ type: "set_settings", settings: { capacity: 300 } });
  town.run({ type: "pause" });
  for (let i = 0; i < 300; i++) town.run({ type: "create_bead", bead: bead(`work ${i}`), assignTo: null });
  const { seq } = town.rig.world;
  town.run({ type: "resume" });
  const granted = town.ports.sql
    .exec<{ batch: number; n: number }>(
      "SELECT batch, COUNT(*) AS n FROM journal WHERE type = 'dispatch.granted' AND seq > ? GROUP BY batch",
      seq,
    )
    .toArray();
  expect(granted).toEqual([{ batch: seq + 1, n: 300 }]);
  await town.settled();
  expect(town.container.starts).toHaveLength(300);
  expect(most).toBeLessThanOrEqual(LIMITS.effects_in_flight);
});

test("a heartbeat that is no news is no fact, however often it comes", async () => {
  await working(3);
  const before = facts();
  for (let i = 0; i < 100; i++)
    for (const { agentId, dispatchId } of town.container.starts) town.run({ type: "heard", agentId, dispatchId });
  expect(facts()).toBe(before);
});

test("a bead's life is twelve facts and less than four kilobytes of journal", async () => {
  await working(1);
  const [start] = town.container.starts;
  if (start === undefined) throw new Error("nothing was started");
  town.run(
    { type: "done", agentId: start.agentId, branch: "b", prUrl: null, summary: null },
    agentCaller(start.agentId, start.dispatchId ?? null),
  );
  await town.settled();
  const merge = town.container.merges.at(-1);
  town.run({
    type: "complete_review",
    reviewId: merge?.entryId ?? "",
    claimId: merge?.dispatchId ?? null,
    verdict: "merged",
    permanent: false,
    message: "",
    commitSha: "0".repeat(40),
  });
  const [life] = town.ports.sql
    .exec<{ facts: number; bytes: number }>(
      "SELECT COUNT(*) AS facts, SUM(LENGTH(type) + LENGTH(body) + COALESCE(LENGTH(effects), 0) + COALESCE(LENGTH(bead), 0) + 40) AS bytes FROM journal WHERE type NOT LIKE 'rig.%'",
    )
    .toArray();
  expect(life?.facts).toBe(12);
  expect(life?.bytes).toBeLessThan(4_000);
});
