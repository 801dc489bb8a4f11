import { expect, test } from "vitest";
import { whyAgent, whyBead } from "../../../src/core/why.ts";
import { bead } from "../../support/node-rig.ts";
import { agentOf, as, beadOf, exits, facts, MINUTE, slung, stateOf, town } from "./words.ts";

/** A person holds an agent: nothing new is started with it until it is released, and what runs goes on. */

const held = (agentId: string) => ({ type: "hold_agent", agentId, reason: "its key is being changed" }) as const;
const granted = (rig: ReturnType<typeof town>, agentId: string) =>
  facts(rig, "dispatch.granted").filter((fact) => fact.agentId === agentId).length;

test("HOLD-free whoever is free and held is given no work: another agent is made for it", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  rig.run({ type: "done", agentId, branch: "b", prUrl: null, summary: null }, as(rig, agentId));
  await rig.settled();
  rig.run(held(agentId));
  const other = await slung(rig, "more");
  expect(other.agentId).not.toBe(agentId);
  rig.run({ type: "release_agent", agentId });
  expect((await slung(rig, "still more")).agentId).toBe(agentId);
});

test("HOLD-due work that is on its hook waits, says for whom and why, and starts with the release", async () => {
  const rig = town();
  rig.run({ type: "pause" });
  const { agentId, beadId } = await slung(rig);
  rig.run({ type: "hook", agentId, beadId });
  rig.run(held(agentId));
  rig.run({ type: "resume" });
  await rig.advance(rig.now + 30 * MINUTE);
  expect(granted(rig, agentId)).toBe(0);
  for (const { sentence, reason } of [
    whyAgent(rig.rig.world, agentOf(rig, agentId)),
    whyBead(rig.rig.world, beadOf(rig, beadId)),
  ]) {
    expect(reason).toBe("waiting_for_person");
    expect(sentence).toMatch(/^It is held by \S.*: its key is being changed\. Nothing new is started with it/);
  }
  rig.run({ type: "release_agent", agentId });
  await rig.settled();
  expect(granted(rig, agentId)).toBe(1);
});

test("what runs goes on; when it has ended nothing follows it, also after the rig was opened again, until the release", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  rig.run({ type: "heard", agentId, dispatchId: null }, as(rig, agentId));
  rig.run(held(agentId));
  expect(stateOf(rig, agentId)).toContain("working");
  await exits(rig, agentId, "failed");
  await rig.advance(rig.now + 60 * MINUTE);
  rig.reopen();
  await rig.advance(rig.now + 60 * MINUTE);
  expect(granted(rig, agentId)).toBe(1);
  rig.run({ type: "release_agent", agentId });
  await rig.settled();
  expect(granted(rig, agentId)).toBe(2);
});

test("HOLD-once a hold is a fact under the name of who holds, once; so is the release", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  for (let again = 0; again < 2; again++) rig.run(held(agentId));
  for (let again = 0; again < 2; again++) rig.run({ type: "release_agent", agentId });
  expect(facts(rig, "agent.held").map(({ by, reason }) => [by, reason])).toEqual([
    [expect.stringMatching(/\S/), "its key is being changed"],
  ]);
  expect(facts(rig, "agent.released")).toHaveLength(1);
  // Two pieces of work for one that is held: both get somebody else.
  rig.run(held(agentId));
  const both = ["one", "two"].map((title) => rig.run({ type: "sling", bead: bead(title) }).agentId);
  expect(both).not.toContain(agentId);
});
