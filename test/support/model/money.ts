import { dispatchId } from "../../../src/events/dispatch-id.ts";
import type { Fact } from "../../../src/events/facts.ts";
import type { AgentSnapshot } from "../../../src/machines/agent.ts";
import { meterDeadline } from "../../../src/machines/agent/spend.ts";
import { agentIn, agentModel, BEAD, hasNoPast, ID, keyOf, movesOf, TO_A_PROCESS } from "./agent.ts";
import type { Model } from "./explore.ts";
import { aroundDeadlines, side } from "./times.ts";
import { move, type Move } from "./world.ts";
import type { World } from "../../../src/core/world.ts";

const START_MS = 1_800_000_000_000;
const CAPPED = { bead_tokens: 1_000_000_000, unmetered_ms: 60_000, fruitless_tokens: 2 } as const;

const meterOf = (world: World, agent: AgentSnapshot): number | null =>
  agent.matches({ working: { process: "running" } }) ? meterDeadline(agent.context, world.rig.context.settings) : null;

/** An agent and its money: what was used, and what is done at a cap. */
export const moneyModel: Model = {
  ...agentModel("polecat"),
  name: "agent (money)",
  // A cap that is never reached by itself: the model says what is capped. Its clocks are the other models' affair.
  seeds: [...agentModel("polecat").seeds, move(START_MS, { type: "rig.settings_changed", changes: CAPPED })],
  moves: (world) => {
    const agent = agentIn(world);
    return [
      ...movesOf(world, agent).filter(({ type }) => TO_A_PROCESS.has(type) || IN_MONEY.has(type)),
      ...moneyMoves(agent, world.at),
      ...aroundDeadlines(world.at, [meterOf(world, agent)]).map((at) =>
        move(at, { type: "TICK", container: "unasked" }),
      ),
    ];
  },
  key: (world) => {
    if (!world.agents.has(ID)) return "gone";
    const agent = agentIn(world);
    const { counted, atDoor, dispatchN, stretch } = agent.context;
    const money = agent.matches("working") &&
      hasNoPast(agent.context) && [
        counted?.at(-1),
        atDoor,
        dispatchN > 1,
        side(world.at, meterOf(world, agent)),
        stretch?.isTold,
      ];
    return JSON.stringify([keyOf(world, agent), money]);
  },
};

const IN_MONEY: ReadonlySet<string> = new Set<Fact["type"]>(["agent.answered", "agent.unhooked", "rig.draining"]);

function moneyMoves({ context }: AgentSnapshot, at: number): Move[] {
  if (!hasNoPast(context)) return [];
  const caps = { spent: { tokens: 1_000, microdollars: 0 }, caps: { tokens: 1_000, microdollars: null } };
  const used = (n: number, inputTokens: number, atDoor?: true): Fact => ({
    type: "agent.usage",
    agentId: ID,
    dispatchId: dispatchId(ID, n),
    session: n < context.dispatchN ? "older" : "s",
    inputTokens,
    cachedTokens: 0,
    outputTokens: 0,
    model: null,
    costMicrodollars: null,
    ...(atDoor === undefined ? {} : { atDoor }),
  });
  const { dispatchN } = context;
  const facts: Fact[] = [
    ...[1, 2].map((tokens) => used(dispatchN, tokens)),
    used(dispatchN, 2, true),
    ...(dispatchN > 1 ? [used(dispatchN - 1, 1)] : []),
    used(dispatchN + 1, 1),
    ...[BEAD, "another"].flatMap((beadId): Fact[] => [
      { type: "bead.capped", agentId: ID, beadId, ...caps },
      { type: "bead.uncapped", agentId: ID, beadId },
    ]),
    { type: "budget.capped", day: 20_000, ...caps },
  ];
  return facts.map((fact) => move(at, fact));
}
