import { describe, expect, test } from "vitest";
import { NEWEST_RULES } from "../../../src/events/rules.ts";
import { DEFAULT_SETTINGS } from "../../../src/events/settings.ts";
import type { Fact } from "../../../src/events/facts.ts";
import type { MachineEvent } from "../../../src/machines/event.ts";
import { step, wakeOf } from "../../../src/core/step.ts";
import type { AgentSnapshot } from "../../../src/machines/agent.ts";
import { bead, testRig } from "../../support/node-rig.ts";
import { exploreAll } from "../../support/explored.ts";
import { worldAfter } from "../../support/model/world.ts";
import { fold } from "../../../src/core/fold.ts";
import { begin, rollback, type World } from "../../../src/core/world.ts";

/** A TICK is not put to an agent that is quiet. Here it is, and must find nothing to do. */

const tick = (
  at: number,
  container: "reachable" | "unreachable" | "unasked",
  settings = DEFAULT_SETTINGS,
): MachineEvent => ({
  type: "TICK",
  container,
  seq: 1_000_000,
  at,
  cause: null,
  settings,
  ruleSet: NEWEST_RULES,
  isOutage: false,
});

/** Times at which something might happen: around every threshold, counted from every time that the agent remembers. */
function timesOf({ context }: AgentSnapshot, now: number): number[] {
  const remembered = [
    context.leaseUntil,
    context.progressAt,
    context.stopUntil,
    context.backoffUntil,
    context.quarantinedUntil,
    context.blockedAt,
    context.exit?.at,
    now,
  ].filter((at) => typeof at === "number");
  const { gupp_check_ms, gupp_escalate_ms, gupp_restart_ms, arm_delay_ms } = DEFAULT_SETTINGS;
  return [
    ...new Set(
      remembered.flatMap((at) =>
        [0, arm_delay_ms, gupp_check_ms, gupp_escalate_ms, gupp_restart_ms].flatMap((more) => [
          at + more - 1,
          at + more,
          at + more + 1,
        ]),
      ),
    ),
  ].filter((at) => at >= now);
}

/** What the chart does although the agent was said to be quiet. */
function disturbances(world: World): string[] {
  const found: string[] = [];
  for (const agent of world.agents.values()) {
    const { quietUntil } = wakeOf(agent, DEFAULT_SETTINGS);
    for (const at of timesOf(agent, world.at).filter((time) => time < quietUntil)) {
      for (const container of ["reachable", "unreachable", "unasked"] as const) {
        const { snapshot, emissions } = step("agent", agent, tick(at, container));
        if (snapshot !== agent || emissions.length > 0)
          found.push(`${JSON.stringify(agent.value)} at ${at - world.at} ms: quiet until ${quietUntil - world.at} ms`);
      }
    }
  }
  return found;
}

describe("an agent that is quiet", () => {
  test("would not have moved on a TICK, in any state that the model reaches", () => {
    const states = new Set<string>();
    for (const { paths } of exploreAll()) {
      for (const { moves } of paths) {
        const world = worldAfter(moves);
        for (const agent of world.agents.values()) states.add(JSON.stringify(agent.value));
        expect(disturbances(world)).toEqual([]);
      }
    }
    expect(states.size).toBeGreaterThan(15);
  });

  test("is asked again as soon as a shorter threshold makes it due", () => {
    const town = testRig();
    const { agentId = "" } = town.run({ type: "sling", bead: bead("work") });
    town.tell({ type: "start.accepted", agentId, dispatchId: `${agentId}:1` });
    const at = town.now + 60_000;
    const mails = (world: World): Fact[] => {
      begin(world);
      const { entries } = fold(world, [{ type: "TICK", container: "unasked" }], at);
      rollback(world);
      return entries.map(({ fact }) => fact).filter(({ type }) => type === "mail.sent");
    };
    expect(mails(town.rig.world)).toHaveLength(0);
    town.run({ type: "set_settings", settings: { gupp_check_ms: 60_000 } });
    expect(mails(town.rig.world)).toHaveLength(1);
    town.close();
  });
});
