import { expect, test } from "vitest";
import { agentDeadline, type AgentContext } from "../../../src/machines/agent.ts";
import { beadMachine } from "../../../src/machines/bead.ts";
import { BEAD_STATUSES } from "../../../src/events/facts.ts";
import { AGENT_WAKERS, leafOf } from "../../../src/core/invariants.ts";
import { REASONS, whyAgent, whyBead } from "../../../src/core/why.ts";
import { put } from "../../../src/core/world.ts";
import { bead, testRig, type TestRig } from "../../support/node-rig.ts";
import { agentOf, as, beadOf, everyProcessDies, exits, HOUR, MINUTE, SECOND, slung } from "./words.ts";

type Pair = { agentId: string; beadId: string };

/** How an agent gets into each of its states, by what really happens to it. */
const WAYS: Record<string, (rig: TestRig) => Promise<Pair>> = {
  "idle.empty": async (rig) => {
    const { agentId = "" } = rig.run({ type: "get_or_create_agent", role: "polecat" });
    return { agentId, beadId: pausedBead(rig) };
  },
  "idle.hooked": async (rig) => {
    rig.run({ type: "pause" });
    return slung(rig);
  },
  "working.starting": async (rig) => {
    rig.container.onStart = () => ({ kind: "unknown", error: "timed out" });
    return slung(rig);
  },
  "working.running": (rig) => slung(rig),
  "working.draining": async (rig) => {
    const made = await slung(rig);
    await rig.advance(rig.now + 2 * HOUR);
    return made;
  },
  "blocked.onHelp.waiting": async (rig) => {
    const made = await slung(rig);
    rig.run(
      { type: "escalate", title: "help", body: null, priority: "high", metadata: {}, agentId: made.agentId },
      as(rig, made.agentId),
    );
    return made;
  },
  "blocked.onHelp.parked": async (rig) => {
    const made = await way("blocked.onHelp.waiting", rig);
    await exits(rig, made.agentId, "completed");
    return made;
  },
  "blocked.onPermission.waiting": async (rig) => {
    const made = await slung(rig);
    rig.run({ type: "permission_asked", agentId: made.agentId, prompt: "may I?" }, as(rig, made.agentId));
    return made;
  },
  "blocked.onPermission.escalated": async (rig) => {
    const made = await way("blocked.onPermission.waiting", rig);
    await rig.advance(rig.now + HOUR);
    return made;
  },
  "blocked.quarantined": async (rig) => {
    rig.run({ type: "set_settings", settings: { max_attempts: 1 } });
    everyProcessDies(rig);
    const { agentId } = await slung(rig, "one");
    await rig.tickAt(rig.now + 10 * SECOND);
    await slung(rig, "two");
    await rig.tickAt(rig.now + 10 * SECOND);
    return { agentId, beadId: pausedBead(rig) };
  },
  "blocked.notAuthorized": (rig) => ended(rig, "not_authorized"),
  "blocked.overBudget": (rig) => ended(rig, "over_budget"),
  "exited.crashed": (rig) => ended(rig, "failed"),
  "exited.completed": (rig) => ended(rig, "completed"),
  "exited.rateLimited": (rig) => ended(rig, "rate_limited"),
  "exited.placeNotFit": (rig) => ended(rig, "place"),
  "exited.evicted": (rig) => ended(rig, "evicted"),
  "exited.full": (rig) => ended(rig, "full"),
  "exited.refused": async (rig) => {
    rig.container.onStart = () => ({ kind: "refused", status: 400, error: "no" });
    return slung(rig);
  },
  "working.handing_in": async (rig) => {
    rig.tell({ type: "container.met", inspects: true, ephemeral: false });
    const made = await slung(rig);
    rig.run({ type: "done", agentId: made.agentId, branch: "b", prUrl: null, summary: null }, as(rig, made.agentId));
    return made;
  },
  "exited.handing_in": async (rig) => {
    const made = await way("working.handing_in", rig);
    rig.run({
      type: "exited",
      agentId: made.agentId,
      dispatchId: null,
      outcome: "completed",
      reason: "",
      resetAt: null,
    });
    return made;
  },
  "restarting.backingOff": async (rig) => {
    await ended(rig, "failed");
    await rig.tickAt(rig.now + SECOND);
    const [agentId = ""] = [...rig.rig.world.agents.keys()];
    await exits(rig, agentId, "failed");
    await rig.tickAt(rig.now + SECOND);
    return { agentId, beadId: agentOf(rig, agentId).context.hook ?? "" };
  },
  "restarting.due": async (rig) => {
    const made = await ended(rig, "failed");
    rig.run({ type: "pause" });
    await rig.tickAt(rig.now + SECOND);
    return made;
  },
  "restarting.starting": async (rig) => {
    const made = await ended(rig, "failed");
    rig.container.onStart = () => ({ kind: "unknown", error: "timed out" });
    await rig.tickAt(rig.now + SECOND);
    return made;
  },
};
const way = (state: string, rig: TestRig): Promise<Pair> =>
  WAYS[state]?.(rig) ?? Promise.reject(new Error(`no way into ${state}`));

async function ended(
  rig: TestRig,
  outcome: "failed" | "completed" | "rate_limited" | "evicted" | "over_budget" | "place" | "not_authorized" | "full",
): Promise<Pair> {
  const made = await slung(rig);
  await exits(rig, made.agentId, outcome);
  return made;
}

function pausedBead(rig: TestRig): string {
  rig.run({ type: "pause" });
  return rig.run({ type: "create_bead", bead: bead("for nobody yet"), assignTo: null }).beadId ?? "";
}

test("KC-1574 whatever states an agent and its bead are in, a TICK moves them or a reason is shown", async () => {
  expect(Object.keys(WAYS).sort()).toEqual(Object.keys(AGENT_WAKERS).sort());
  for (const state of Object.keys(WAYS)) {
    for (const status of BEAD_STATUSES) {
      const rig = testRig();
      try {
        const { agentId, beadId } = await way(state, rig);
        const { world } = rig.rig;
        const agent = agentOf(rig, agentId);
        expect(leafOf(agent.value)).toBe(state);
        // A bead that nobody has cannot be in progress.
        if (agent.context.hook === null && status === "in_progress") continue;
        put(world, "bead", beadId, beadMachine.resolveState({ value: status, context: beadOf(rig, beadId).context }));

        await looksOn(rig, agentId, beadId, `${state} with a bead that is ${status}`);
        await looksOn(rig, agentId, beadId, `${state} with a bead that is ${status}, a TICK later`);
      } finally {
        rig.close();
      }
    }
  }
});

/** One TICK, when the agent is due; then each of the two has moved, or says why it has not. */
async function looksOn(rig: TestRig, agentId: string, beadId: string, told: string): Promise<void> {
  const { world } = rig.rig;
  const { settings } = world.rig.context;
  const [agentBefore, beadBefore] = [agentOf(rig, agentId), beadOf(rig, beadId)];
  await rig.tickAt(Math.max(rig.now + 30 * SECOND, agentDeadline(agentBefore, settings) ?? 0));
  const [agent, bead] = [agentOf(rig, agentId), beadOf(rig, beadId)];

  const ofAgent = whyAgent(world, agent);
  expect(REASONS).toContain(ofAgent.reason);
  if (agent === agentBefore) {
    // Running is a reason only for who holds a slot; everybody else says what it waits for, and until a time to come.
    expect([told, ofAgent.sentence, ofAgent.reason === "running" && !agent.hasTag("slot")]).toEqual([
      told,
      ofAgent.sentence,
      false,
    ]);
    expect([told, ofAgent.sentence, isOverdue(rig, ofAgent.until)]).toEqual([told, ofAgent.sentence, false]);
  }
  expect([told, ofAgent.reason === "no_work" && agent.context.hook !== null]).toEqual([told, false]);
  const deadline = agentDeadline(agent, settings);
  expect([told, deadline === null || deadline > rig.now]).toEqual([told, true]);

  const ofBead = whyBead(world, bead);
  expect(REASONS).toContain(ofBead.reason);
  if (bead === beadBefore) {
    const holder = [...world.agents.values()].find(({ context }: { context: AgentContext }) => context.hook === beadId);
    expect([told, ofBead.sentence, ofBead.reason === "running" && holder?.hasTag("slot") !== true]).toEqual([
      told,
      ofBead.sentence,
      false,
    ]);
    expect([told, ofBead.sentence, isOverdue(rig, ofBead.until)]).toEqual([told, ofBead.sentence, false]);
  }
  expect([told, rig.alarm !== null && rig.alarm > rig.now && rig.alarm <= rig.now + 5 * MINUTE]).toEqual([told, true]);
}

const isOverdue = (rig: TestRig, until: number | null): boolean => until !== null && until <= rig.now;
