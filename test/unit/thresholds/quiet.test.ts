import { expect, test } from "vitest";
import { needs } from "../../../src/do/needs.ts";
import { agentOf, MINUTE, slung, town } from "../incidents/words.ts";

/** What is equal is told once: many agents that are quiet in one way are one need. */

const CROWD = 23;

test("23 agents that make no progress are one need, which is about all of them until each moves again", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { capacity: CROWD } });
  const made = [];
  for (let n = 0; n < CROWD; n++) {
    const one = await slung(rig, `work ${n}`);
    rig.run({ type: "heard", agentId: one.agentId, dispatchId: null });
    made.push(one);
  }
  const stalled = () => needs(rig.rig).needs.filter(({ code }) => code === "stalled");
  const isStalled = ({ agentId }: { agentId: string }) =>
    agentOf(rig, agentId).matches({ working: { progress: "escalated" } });
  // Both sides of the threshold: the last but one minute has none of them.
  while (!made.some(isStalled)) {
    expect(stalled()).toEqual([]);
    await rig.tickAt(rig.now + MINUTE);
  }
  while (!made.every(isStalled)) await rig.tickAt(rig.now + MINUTE);
  const [need, ...others] = stalled();
  expect(others).toEqual([]);
  expect([need?.key, need?.count, need?.title]).toEqual(["stalled", CROWD, `${CROWD} agents make no progress`]);
  expect(need?.text).toContain("They are alive, were asked what they are doing");
  // The first that something is done about.
  const deadlines = made.map(({ agentId }) => agentOf(rig, agentId).context.progressAt ?? 0);
  const { gupp_restart_ms } = rig.rig.world.rig.context.settings;
  expect(Date.parse(need?.until ?? "")).toBe(Math.min(...deadlines) + gupp_restart_ms);
  // What one of them did settles nothing of the others.
  for (const [n, { agentId }] of made.entries()) {
    rig.run({ type: "checkpoint", agentId, data: { n } });
    expect(stalled()[0]?.count ?? 0).toBe(CROWD - n - 1);
    if (n === CROWD - 2) {
      const name = agentOf(rig, made[CROWD - 1]?.agentId ?? "").context.name;
      expect(stalled().map(({ title }) => title)).toEqual([`${name} makes no progress`]);
    }
  }
});
