import type { Command } from "../src/core/decide/index.ts";
import type { Fact } from "../src/events/facts.ts";
import type { World } from "../src/core/world.ts";

/** What rigs are filled with: the facts of agents at work and of beads' whole lives. Pure, so that Node and workerd share them. */

export const setUp = (rigId: string, townId: string, capacity: number): Command[] => [
  { type: "configure", rigId, townId, userId: "u", name: "rig", gitUrl: "file:///repo", defaultBranch: "main" },
  { type: "set_settings", settings: { capacity } },
];

export const beadCreated = (beadId: string): Fact => ({
  type: "bead.created",
  beadId,
  beadType: "issue",
  title: `work on ${beadId}`,
  body: "Find the cause, write a test that shows it, and make it pass.",
  priority: "medium",
  labels: ["bench"],
  metadata: {},
  convoyId: null,
  blockedBy: [],
  deferUntil: null,
  createdBy: "bench",
});

/** Commits that put n agents to work: beads (the rig makes an agent for each), what the container answered, a first sign of life. */
export function* workOf(agents: number, end: "working" | "evicted", world: World): Generator<Fact[]> {
  yield Array.from({ length: agents }, (_, i) => beadCreated(`bead-${i}`));
  const all = [...world.agents.values()].map(({ context: { id, dispatchN } }) => ({
    agentId: id,
    dispatchId: `${id}:${dispatchN}`,
  }));
  yield all.map((each): Fact => ({ type: "start.accepted", ...each }));
  yield all.map((each): Fact => ({ type: "agent.heard", ...each }));
  if (end === "evicted")
    yield all.map((each): Fact => ({
      type: "agent.exited",
      ...each,
      outcome: "evicted",
      reason: "container evicted",
      resetAt: null,
    }));
}

let lives = 0;

/** The commits of one bead's life, from created to merged, by whichever agent the rig gives it to. */
export function* lifeOf(world: World): Generator<Fact[]> {
  const beadId = `life-${world.seq}-${++lives}`;
  yield [beadCreated(beadId)];
  const agentId = world.index.hooks.get(beadId);
  if (agentId === undefined) throw new Error("the rig gave the bead to nobody");
  const dispatchId = `${agentId}:${world.agents.get(agentId)?.context.dispatchN}`;
  const ofDispatch = { agentId, dispatchId };
  yield [{ type: "start.accepted", ...ofDispatch }];
  yield [{ type: "agent.heard", ...ofDispatch }];
  yield [{ type: "agent.progressed", ...ofDispatch, what: "tool" }];
  yield [{ type: "agent.checkpointed", ...ofDispatch, beadId, digest: beadId.slice(-64), data: { step: 1 } }];
  yield [{ type: "agent.progressed", ...ofDispatch, what: "tool" }];
  yield [{ type: "agent.done", ...ofDispatch, beadId, branch: `b/${beadId}`, prUrl: null, summary: "done" }];
  const reviewId = world.beads.get(beadId)?.context.reviewId ?? "";
  yield [
    {
      type: "review.completed",
      reviewId,
      claim: 1,
      verdict: "merged",
      permanent: false,
      message: "",
      commitSha: "0123456789abcdef0123456789abcdef01234567",
    },
  ];
}

const ofWorking = (world: World): { agentId: string; dispatchId: string; beadId: string }[] =>
  Array.from(world.index.slots, (agentId) => {
    const { dispatchN = 0, hook } = world.agents.get(agentId)?.context ?? {};
    return { agentId, dispatchId: `${agentId}:${dispatchN}`, beadId: hook ?? "" };
  });

export const progressOf = (world: World): Fact[] =>
  ofWorking(world).map(({ agentId, dispatchId }) => ({ type: "agent.progressed", agentId, dispatchId, what: "tool" }));
export const unhookOf = (world: World): Fact[] =>
  ofWorking(world).map(({ agentId, beadId }) => ({ type: "agent.unhooked", agentId, beadId, reason: "bench" }));
