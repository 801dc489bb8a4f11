import type { Fact, RecordedOf } from "../events/facts.ts";
import { currentDispatch, type AgentSnapshot } from "../machines/agent.ts";
import { rulesAtLeast, rulesOf } from "../events/rules.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import type { RigSnapshot } from "../machines/rig.ts";
import { chainNews } from "./chain.ts";
import { restore, type AnySnapshot, type Kind } from "./step.ts";
import { actorKey, get, inOrder, markRepaired, put, type World } from "./world.ts";

/**
 * The repair of an actor that was damaged. It took no facts meanwhile, so what it agreed about with others may no longer be
 * so: whoever disagrees with it lets go, and work that was theirs alone is ready again.
 */

/** Takes the actor back: in the state that the fact brings, or as it stands when it only threw. */
export function revive(world: World, { kind, id, state }: RecordedOf<"actor.repaired">): void {
  if (state !== null) {
    const snapshot: AnySnapshot = restore(kind, state);
    const hook = kind === "agent" ? (snapshot as AgentSnapshot).context.hook : null;
    const holder = hook === null ? undefined : world.index.hooks.get(hook);
    put(world, kind, id, (kind === "rig" ? withoutLostProbe(world, snapshot as RigSnapshot) : snapshot) as never);
    // Another may have by now what it had: it is unhooked in the same commit, and the other keeps it.
    if (hook !== null && holder !== undefined) world.index.hooks.set(hook, holder);
    inOrder(world);
  }
  markRepaired(world, kind, id);
}

/** A probe that ended while the rig could not hear it would be waited for for ever. */
function withoutLostProbe(world: World, rig: RigSnapshot): RigSnapshot {
  const { probe } = rig.context;
  const isRunning =
    probe !== null &&
    [...world.index.slots].some((id) => currentDispatch((world.agents.get(id) as AgentSnapshot).context) === probe);
  return isRunning ? rig : ({ ...rig, context: { ...rig.context, probe: null } } as RigSnapshot);
}

/** What has to be said so that the actor and those it deals with agree again. */
export function missed(world: World, kind: Kind, id: string): Fact[] {
  if (kind === "agent")
    return disagreements(
      world,
      (agentId) => agentId === id,
      () => true,
    );
  if (kind === "review")
    return reviewIsWanted(world, id)
      ? leftBehind(world, (reviewId) => reviewId === id)
      : [{ type: "review.cancelled", reviewId: id, reason: `nobody waits for it any more` }];
  if (kind === "queue") return leftBehind(world, () => true);
  if (kind === "rig" || kind === "budget" || kind === "accounts") return [];
  const bead = world.beads.get(id);
  return [
    ...disagreements(
      world,
      () => true,
      (beadId) => beadId === id,
    ),
    ...(bead === undefined
      ? []
      : [...lostVerdict(world, bead), ...endedBlockers(world, bead), ...newsOfChain(world, bead)]),
  ];
}

const isSetAside = (world: World, kind: Kind, id: string): boolean => world.broken.has(actorKey(kind, id));

/** Hooks and assignments that the other side does not know of; both sides are told. */
function disagreements(world: World, ofAgent: (id: string) => boolean, ofBead: (id: string) => boolean): Fact[] {
  const pairs = new Map<string, Fact>();
  const part = (agentId: string, beadId: string): void => {
    if (isSetAside(world, "agent", agentId) || isSetAside(world, "bead", beadId)) return;
    pairs.set(`${agentId} ${beadId}`, {
      type: "agent.unhooked",
      agentId,
      beadId,
      reason: "after a repair the agent and the bead did not agree",
    });
  };
  for (const [agentId, { context }] of world.agents) {
    if (context.hook === null || !ofAgent(agentId) || !ofBead(context.hook)) continue;
    const bead = world.beads.get(context.hook);
    if (bead === undefined || !agree(agentId, context.attempts, bead)) part(agentId, context.hook);
  }
  for (const [beadId, bead] of world.beads) {
    const { assignee } = bead.context;
    if (
      assignee === null ||
      bead.value === "in_review" ||
      bead.hasTag("terminal") ||
      !ofAgent(assignee) ||
      !ofBead(beadId)
    )
      continue;
    if (world.agents.get(assignee)?.context.hook !== beadId) part(assignee, beadId);
  }
  return [...pairs.values()];
}

const agree = (agentId: string, attempts: number, bead: BeadSnapshot): boolean =>
  !bead.hasTag("terminal") &&
  bead.value !== "in_review" &&
  bead.context.assignee === agentId &&
  bead.context.attempts === attempts;

function reviewIsWanted(world: World, id: string): boolean {
  const review = world.reviews.get(id);
  if (review === undefined || review.hasTag("terminal") || isSetAside(world, "bead", review.context.beadId))
    return true;
  const bead = world.beads.get(review.context.beadId);
  return bead?.value === "in_review" && bead.context.reviewId === id;
}

/** Reviews on a train that the queue does not run, or not with them: they go with a later one. */
function leftBehind(world: World, of: (id: string) => boolean): Fact[] {
  if (isSetAside(world, "queue", "queue")) return [];
  const { members = [], again = null } = world.queue?.context ?? {};
  const on = new Map([...members, ...(again === null ? [] : [again])].map(({ reviewId, claim }) => [reviewId, claim]));
  return [...world.reviews.values()]
    .filter(({ value, context }) => value === "boarded" && of(context.id) && !isSetAside(world, "review", context.id))
    .filter(({ context }) => on.get(context.id) !== context.claim)
    .map(({ context }) => ({
      type: "review.unboarded",
      reviewId: context.id,
      claim: context.claim,
      why: "after a repair the queue and the review did not agree",
    }));
}

/** A bead in review whose review ended without it: merged is merged, anything else is done again. */
function lostVerdict(world: World, { value, context: { id, reviewId } }: BeadSnapshot): Fact[] {
  if (value !== "in_review" || reviewId === null || isSetAside(world, "review", reviewId)) return [];
  const review = get(world, "review", reviewId);
  if (review !== undefined && !review.hasTag("terminal")) return [];
  if (review?.value === "merged")
    return [{ type: "bead.merged", beadId: id, reviewId, commitSha: review.context.commitSha }];
  return [{ type: "bead.conflicted", beadId: id, reviewId, message: review?.context.message ?? "its review was lost" }];
}

function endedBlockers(world: World, { context: { id, blockedBy } }: BeadSnapshot): Fact[] {
  const hasEnded = (blocker: string): boolean => {
    if (world.beads.has(blocker) || isSetAside(world, "bead", blocker))
      return world.beads.get(blocker)?.value === "closed";
    const ended = get(world, "bead", blocker);
    return ended === undefined || ended.value === "closed";
  };
  return blockedBy.filter(hasEnded).map((blockerId) => ({ type: "bead.unblocked", beadId: id, blockerId }));
}

/** By older rules nothing is ever stuck. */
const newsOfChain = (world: World, bead: BeadSnapshot): Fact[] =>
  rulesAtLeast(rulesOf(world.rig.context), 2) ? chainNews(world, bead) : [];
