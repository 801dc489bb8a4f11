import { NEWEST_RULES } from "../../../src/events/rules.ts";
import { agentCaller } from "../callers.ts";
import type { Fact } from "../../../src/events/facts.ts";
import { decide, type Caller, type Command } from "../../../src/core/decide/index.ts";
import { nearestDeadline } from "../../../src/core/invariants.ts";
import type { World } from "../../../src/core/world.ts";
import type { AgentContext } from "../../../src/machines/agent.ts";
import { walk, type Edge } from "../graph.ts";
import { keyOf as agentKey } from "./agent.ts";
import { keyOf as beadKey } from "./bead.ts";
import { keyOf as reviewKey } from "./review.ts";
import { endsOnly, type Path } from "./explore.ts";
import { move, take, worldAfter, type Move, type Taken } from "./world.ts";

/**
 * A whole rig: the rig grants, merges and retries by itself; the model only commands and reports, as the world outside does.
 * One bead at a time, small limits, and what the container can answer.
 */

const START_MS = 1_800_000_000_000;
const SEEDS: readonly Move[] = [
  move(
    START_MS,
    {
      type: "rig.configured",
      rigId: "rig1",
      townId: "town1",
      userId: "user1",
      name: "rig",
      gitUrl: "file:///repo",
      defaultBranch: "main",
      rules: NEWEST_RULES,
    },
    {
      type: "rig.settings_changed",
      changes: { max_attempts: 2, review_max_attempts: 2, capacity: 1, breaker_failures: 1_000 },
    },
  ),
];
/** Enough for one to be quarantined and another to take its place. */
const AGENTS = 2;

const OPERATOR: Caller = { kind: "operator", id: "operator", dispatchId: null, scope: "operate" };
const BEAD = {
  type: "issue",
  title: "a bead",
  body: null,
  priority: "medium",
  labels: [],
  metadata: {},
  convoyId: null,
  blockedBy: [],
  deferUntil: null,
} as const;

/** What people, agents and the container may say in a state; `decide` drops or refuses what does not fit. */
function movesOf(world: World): Move[] {
  const { at } = world;
  const moves: Move[] = [];
  const say = (command: Command, caller = OPERATOR) => {
    const ids = (kind: string) => `${kind}-${world.seq + 1}`;
    const decision = decide(world, command, {
      at,
      caller,
      newId: ids,
      undeliveredMail: () => 0,
      openBeads: () => 0,
      openBeadsBy: () => ({ escalations: 0, others: 0 }),
      stateBefore: () => null,
    });
    if (decision.ok && decision.facts.length > 0 && decision.facts[0]?.type !== "report.stale")
      moves.push(move(at, ...decision.facts));
  };
  const tell = (...facts: Fact[]) => moves.push(move(at, ...facts));

  /** What the container finds when it looks at what was handed in. */
  const tellOfHandIn = ({ id: agentId, dispatchN, hook, handIn }: AgentContext) => {
    if (handIn === undefined || handIn === null || hook === null) return;
    const about = { agentId, dispatchId: `${agentId}:${dispatchN}`, beadId: hook };
    const commit = "c".repeat(40);
    const refusals = (world.beads.get(hook)?.context.refusals ?? 0) + 1;
    const seen = { branch: "ticktown/b", commit, base: null, ahead: 1, files: 1, deletions: 0, asIs: false };
    tell({ type: "hand_in.accepted", ...about, ...seen });
    tell({ type: "hand_in.refused", ...about, code: "dirty", sentence: "look at it.", refusals, commit });
    tell({ type: "hand_in.unanswered", ...about, error: "no answer" });
    tell({ type: "work.lost", ...about, reason: "the clone is gone" });
  };
  const deadline = nearestDeadline(world);
  for (const container of ["unasked", "unreachable"] as const)
    moves.push(move(deadline === null ? at : Math.max(at, deadline), { type: "TICK", container }));
  moves.push(move(at, { type: "TICK", container: "unasked" }));
  for (const type of ["drain", "stop", "resume"] as const) say({ type });
  tell({ type: "rig.imported", by: "operator", secrets: [] });

  const open = [...world.beads.values()].filter((bead) => bead.context.type === "issue" && !bead.hasTag("terminal"));
  if (open.length === 0 && world.agents.size <= AGENTS)
    say({ type: "create_bead", bead: { ...BEAD, labels: [], metadata: {}, blockedBy: [] }, assignTo: null });
  for (const { context } of open) {
    const beadId = context.id;
    say({ type: "close_bead", beadId });
    say({ type: "cancel_bead", beadId });
    say({ type: "delete_bead", beadId });
  }
  for (const { context } of world.agents.values()) {
    const agentId = context.id;
    const of = { agentId, dispatchId: `${agentId}:${context.dispatchN}` };
    const itself: Caller = agentCaller(agentId, of.dispatchId);
    say({ type: "progressed", agentId, what: "a tool call" }, itself);
    say({ type: "checkpoint", agentId, data: context.checkpoint?.seq ?? 0 }, itself);
    say({ type: "permission_asked", agentId, prompt: "may I?" }, itself);
    say({ type: "permission_answered", agentId }, itself);
    say({ type: "escalate", title: "help", body: null, priority: "high", metadata: {}, agentId }, itself);
    say({ type: "done", agentId, branch: "ticktown/b", prUrl: null, summary: null }, itself);
    for (const outcome of ["completed", "failed", "gone", "rate_limited", "evicted", "over_budget", "place"] as const)
      say({ type: "exited", agentId, dispatchId: of.dispatchId, outcome, reason: outcome, resetAt: null });
    say({ type: "answer", agentId, answer: "yes" });
    say({ type: "unhook", agentId });
    say({ type: "delete_agent", agentId });
    tellOfHandIn(context);
    if (context.leaseUntil === null) continue;
    tell({ type: "start.accepted", ...of });
    tell({ type: "start.refused", ...of, status: 422, error: "no such branch" });
  }
  for (const { context } of world.reviews.values()) {
    const { id: reviewId, claim } = context;
    for (const verdict of ["merged", "conflict", "failed"] as const)
      say({
        type: "complete_review",
        reviewId,
        claimId: null,
        verdict,
        permanent: false,
        message: verdict,
        commitSha: null,
      });
    if (world.index.merging.has(reviewId)) tell({ type: "merge.unknown", reviewId, claim, error: "no answer" });
  }
  return moves;
}

function keyOf(world: World): string {
  const beads = [...world.beads.values()].filter((bead) => bead.context.type === "issue" && !bead.hasTag("terminal"));
  const reviews = [...world.reviews.values()].filter((review) => !review.hasTag("terminal"));
  // Names tell nothing: an agent that is new is as good as one that is free.
  const names = new Map(
    [...world.agents.keys(), ...world.beads.keys()].map((id, i) => [
      id,
      `#${world.beads.has(id) ? "bead" : "agent"}${i}`,
    ]),
  );
  const unnamed = (key: string): string =>
    key.replaceAll(/"(polecat-rig1-[\d-]+|bead-\d+)"/g, (_, id: string) =>
      names.get(id)?.startsWith("#bead") ? '"bead"' : '"agent"',
    );
  return [
    JSON.stringify(world.rig.value),
    ...[...world.agents.values()].map((agent) => unnamed(agentKey(world, agent))).sort(),
    ...beads.map((bead) => unnamed(beadKey(bead))),
    ...reviews.map((review) => reviewKey(world, review)),
  ].join("\n");
}

/** A state of the walk knows what led to it and how far it is from the start. */
interface Reached extends Taken {
  readonly before: World;
  readonly moves: number;
}

export interface TownWalk {
  readonly states: number;
  readonly edges: readonly Edge<Reached, Move>[];
  readonly ways: ReadonlyMap<string, readonly Move[]>;
  /** ms since epoch. */
  readonly startedAt: number;
}

/** @param depth how many moves from an empty rig; what lies further is not looked at. */
export function walkTown(depth: number): TownWalk {
  const world = worldAfter(SEEDS);
  const { ways, edges } = walk<Reached, Move>({
    start: { world, before: world, entries: [], moves: 0 },
    next: (state, event) => ({ ...take(state.world, event), before: state.world, moves: state.moves + 1 }),
    events: (state) => (state.moves < depth ? movesOf(state.world) : []),
    key: (state) => keyOf(state.world),
  });
  return { states: ways.size, ways, startedAt: START_MS, edges };
}

/** The shortest path to every state of the walk. */
export const pathsOf = ({ ways }: TownWalk): Path[] =>
  endsOnly(
    Array.from(ways, ([key, moves]) => ({ model: "town", kind: "rig", id: "rig", moves: [...SEEDS, ...moves], key })),
  );
