import { BEAD_STATUSES, type BeadType, type Fact } from "../../../src/events/facts.ts";
import { NEWEST_RULES } from "../../../src/events/rules.ts";
import { DEFAULT_SETTINGS } from "../../../src/events/settings.ts";
import type { BeadSnapshot } from "../../../src/machines/bead.ts";
import type { World } from "../../../src/core/world.ts";
import type { Model } from "./explore.ts";
import { counted } from "./budget.ts";
import { move, type Move } from "./world.ts";

/** One bead in a rig without a repository: hooked and dispatched by the model alone, to agent `a`, if there is one, and `z`. */

const ID = "b";
const START_MS = 1_800_000_000_000;
const CAP = 1_000;

const created = (beadType: BeadType): Fact => ({
  type: "bead.created",
  beadId: ID,
  beadType,
  title: "a bead",
  body: null,
  priority: "medium",
  labels: [],
  metadata: {},
  convoyId: null,
  blockedBy: ["blocker"],
  deferUntil: null,
  createdBy: null,
});

const registered: Fact = {
  type: "agent.registered",
  agentId: "a",
  role: "polecat",
  name: "agent a",
  identity: "rig/a",
};

export const beadModel = (beadType: BeadType, { withAgent = false, inChain = false } = {}): Model => ({
  name: `bead (${beadType}${inChain ? " in a chain" : ""}${withAgent ? " and its agent" : ""})`,
  kind: "bead",
  id: ID,
  seeds: [
    move(START_MS, { type: "rig.upgraded", rules: NEWEST_RULES, version: "0.1.0" }),
    move(START_MS, { type: "rig.settings_changed", changes: { bead_tokens: CAP } }),
    move(START_MS, created(beadType), ...(withAgent ? [registered] : [])),
  ],
  moves: (world) => (inChain ? movesInChain(world) : movesOf(world, beadIn(world))),
  key: (world) => (world.beads.has(ID) ? keyOf(beadIn(world)) + agentKey(world) : "gone"),
});

function beadIn(world: World): BeadSnapshot {
  const bead = world.beads.get(ID);
  if (bead === undefined) throw new Error(`the model has no bead ${ID}`);
  return bead;
}

export const keyOf = ({ value, context }: BeadSnapshot): string =>
  JSON.stringify([
    value,
    context.type,
    context.assignee,
    context.blockedBy.length,
    context.attempts,
    context.reworks,
    context.reviewId !== null,
    context.refusals ?? 0,
    // What is spent matters while an agent is on it.
    value === "in_progress" && [0.8, 1].map((share) => (context.spent?.tokens ?? 0) >= share * CAP),
    (context.stuckBy ?? []).join(),
    context.byHand !== undefined,
    context.cancelAsked !== undefined,
  ]);

const agentKey = (world: World): string =>
  JSON.stringify([world.agents.get("a")?.value, world.agents.get("a")?.context.hook]);

function movesOf({ at }: World, { context }: BeadSnapshot): Move[] {
  const ofReview = (reviewId: string): Fact[] => [
    { type: "bead.merged", beadId: ID, reviewId, commitSha: "c0ffee" },
    { type: "bead.conflicted", beadId: ID, reviewId, message: "both changed it" },
    { type: "bead.rejected", beadId: ID, reviewId, check: "test", words: "1 failed" },
  ];
  const facts: Fact[] = [
    ...["a", "z"].flatMap(ofAgent),
    ...ofReview(context.reviewId ?? "none"),
    ...ofReview("another"),
    ...BEAD_STATUSES.map((status): Fact => ({ type: "bead.status_set", beadId: ID, status, by: "operator" })),
    ...["blocker", "another"].map((blockerId): Fact => ({ type: "bead.unblocked", beadId: ID, blockerId })),
    // Only an issue is ever stuck, and that is a model of its own.
    ...(context.type === "issue" ? [] : [{ type: "bead.stuck", beadId: ID, blockerId: "blocker" } as const]),
    { type: "bead.edited", beadId: ID, by: "operator", changes: { priority: "high" } },
    ...[context.reviewId ?? "none", "another"].map((reviewId): Fact => ({
      type: "bead.cancel_asked",
      beadId: ID,
      reviewId,
      by: "operator",
    })),
    { type: "attempts.reset", beadId: ID },
    { type: "bead.closed", beadId: ID, by: "operator" },
    { type: "bead.cancelled", beadId: ID, by: "operator" },
    { type: "bead.failed", beadId: ID, reason: "2 attempts used up" },
    created(context.type),
    {
      type: "bead.retried",
      beadId: ID,
      by: "operator",
      blockedBy: [...context.blockedBy],
      state: { v: 1, value: "failed", context: {} },
    },
    ...spending,
    { type: "bead.deleted", beadId: ID },
    { type: "agent.deleted", agentId: "a" },
  ];
  // One charge given back is like any other.
  return facts.filter(({ type }) => type !== "charge.forgiven" || context.attempts <= 1).map((fact) => move(at, fact));
}

/** What happens to it as one of those that wait for each other; what else may happen is the other models'. */
const spending: readonly Fact[] = [
  ...[1, CAP * 0.8, CAP].map((tokens) => counted(tokens, ID)),
  { type: "bead.budget_raised", beadId: ID, tokens: CAP, microdollars: 0, by: "operator" },
];

const movesInChain = ({ at }: World): Move[] => {
  const facts: Fact[] = [
    ...["blocker", "another"].flatMap((blockerId): Fact[] => [
      { type: "bead.stuck", beadId: ID, blockerId },
      { type: "bead.unstuck", beadId: ID, blockerId },
      { type: "bead.unblocked", beadId: ID, blockerId },
    ]),
    ...[[], ["blocker"], ["blocker", "another"]].map((blockedBy): Fact => ({
      type: "bead.edited",
      beadId: ID,
      by: "operator",
      changes: { blockedBy },
    })),
    { type: "bead.edited", beadId: ID, by: "operator", changes: { priority: "high" } },
    ...spending,
    ...["a", "z"].flatMap((agentId): Fact[] => [
      { type: "agent.hooked", agentId, beadId: ID, attempts: 0, branch: null },
      { type: "agent.unhooked", agentId, beadId: ID, reason: "unhooked" },
      { type: "review.submitted", agentId, beadId: ID, branch: "ticktown/b", prUrl: null, summary: null },
    ]),
    ...BEAD_STATUSES.map((status): Fact => ({ type: "bead.status_set", beadId: ID, status, by: "operator" })),
    { type: "bead.closed", beadId: ID, by: "operator" },
    { type: "bead.cancelled", beadId: ID, by: "operator" },
    { type: "bead.failed", beadId: ID, reason: "2 attempts used up" },
    { type: "bead.deleted", beadId: ID },
    { type: "agent.deleted", agentId: "a" },
  ];
  return facts.map((fact) => move(at, fact));
};

const ofAgent = (agentId: string): Fact[] => [
  { type: "agent.hooked", agentId, beadId: ID, attempts: 0, branch: null },
  { type: "agent.unhooked", agentId, beadId: ID, reason: "unhooked" },
  {
    type: "dispatch.granted",
    agentId,
    dispatchId: `${agentId}:1`,
    beadId: ID,
    branch: "ticktown/b",
    rework: false,
    probe: false,
  },
  ...[1, DEFAULT_SETTINGS.max_attempts].map((attempts): Fact => ({
    type: "dispatch.failed",
    agentId,
    dispatchId: `${agentId}:1`,
    beadId: ID,
    charged: true,
    attempts,
    reason: "crashed",
  })),
  {
    type: "hand_in.refused",
    agentId,
    dispatchId: `${agentId}:1`,
    beadId: ID,
    code: "no_commits",
    sentence: "nothing was committed",
    refusals: 1,
    commit: null,
  },
  {
    type: "hand_in.settled",
    agentId,
    beadId: ID,
    decision: "send_back",
    note: null,
    commit: null,
    by: "operator",
  },
  { type: "charge.forgiven", agentId, beadId: ID },
  { type: "bead.no_change", agentId, beadId: ID, note: "it is so already" },
  { type: "review.submitted", agentId, beadId: ID, branch: "ticktown/b", prUrl: null, summary: null },
];
