import { messageOf } from "../events/message-of.ts";
import type { Effect } from "../events/effects.ts";
import { clip, rowOf, type Fact, type Recorded } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import { inScope, type MachineEvent } from "../machines/event.ts";
import { chained } from "./chain.ts";
import { missed, revive } from "./repair.ts";
import { route, type Target } from "./route.ts";
import { schedule } from "./schedule.ts";
import { initial, isEffect, step, type AnySnapshot, type Kind } from "./step.ts";
import { actorKey, get, markBroken, nextWake, put, singlesOf, type World } from "./world.ts";

/** One line of the journal: a fact, the effects its transitions emitted, and what went wrong with its address. */
export interface Entry {
  readonly fact: Recorded;
  readonly effects: readonly Effect[];
  /** The actor that the fact names and that does not exist: consumed once, recorded, never retried (KC-3047). */
  readonly missing: string | null;
}

export interface Folded {
  /** The root facts and all facts derived from them, in seq order. Empty for a TICK that changed nothing. */
  readonly entries: readonly Entry[];
  /** Actors whose snapshot changed (or was removed), each once. */
  readonly changed: ReadonlyMap<string, readonly [Kind, string]>;
}

/**
 * Folds one commit's root facts into the world, with everything that follows from them: each actor a fact is routed to takes
 * it, what their transitions say becomes derived facts (journalled with the seq of their cause), and when all is told the
 * rig decides. Changes `world` in place; `begin`/`rollback` of world.ts take it back. Deterministic: same world, facts and
 * time, same result. A TICK comes last, and leaves no entry when nothing came of it.
 * @param at ms; an earlier one than that of the newest fact is taken for that, unless the first fact says that the clock was put back.
 */
export function fold(world: World, roots: readonly Fact[], at: number): Folded {
  const entries: Entry[] = [];
  const changed = new Map<string, readonly [Kind, string]>();
  const first = world.seq;
  const limit =
    LIMITS.derived_facts_per_actor * (world.agents.size + world.beads.size + world.reviews.size + roots.length + 8);
  // It never runs backwards, unless the journal says that it was put back.
  world.at = roots[0]?.type === "clock.jumped" ? at : Math.max(world.at, at);
  let moved = 0;

  const takeAll = (facts: readonly Fact[], cause: number | null): void => {
    const queue = facts.map((fact) => ({ fact, cause }));
    // Grows while it is read; taking the first off a long one would move all others.
    for (const next of queue) {
      if (entries.length >= limit)
        throw new Error(`fact ${first + 1} causes facts without end, the last a ${next.fact.type}`);
      const fact = { ...next.fact, seq: ++world.seq, at: world.at, cause: next.cause } as Recorded;
      const taken = take(world, fact, changed);
      moved += taken.moved;
      entries.push({ fact, effects: taken.effects, missing: taken.missing });
      for (const derived of taken.derived) queue.push({ fact: derived, cause: fact.seq });
    }
  };

  let movedByRoot = 0;
  for (const root of roots) {
    const movedBefore = moved;
    takeAll([root], null);
    movedByRoot = moved - movedBefore;
  }
  const last = entries.findLast((entry) => entry.fact.cause === null)?.fact;
  if (last === undefined) return { entries, changed };
  for (let movedBefore = -1; moved !== movedBefore;) {
    // A decision that moves nobody would be made again for ever; so the loop ends when nothing moves.
    movedBefore = moved;
    takeAll(schedule(world, last.seq), last.seq);
  }

  if (last.type === "TICK" && last.seq === world.seq && movedByRoot === 0 && entries.at(-1)?.effects.length === 0) {
    entries.pop();
    world.seq--;
  }
  return { entries, changed };
}

export interface Taken {
  readonly effects: Effect[];
  readonly derived: Fact[];
  missing: string | null;
  /** How many actors changed. */
  moved: number;
}

/**
 * One fact goes to each actor it is routed to. An actor that throws is damaged from then on, with its error; the others go on. What its
 * transitions say is answered, not taken: whoever follows a journal, as a page does, meets that with the facts to come.
 * @param changed takes the actors that it changed.
 */
export function take(world: World, fact: Recorded, changed: Map<string, readonly [Kind, string]> = new Map()): Taken {
  const taken: Taken = { effects: [], derived: [], missing: null, moved: 0 };
  const event = inScope(fact, world.rig.context);
  const { makes, removes } = rowOf(fact.type);
  taken.derived.push(...note(world, fact, changed));
  for (const target of fact.type === "TICK" ? stirred(world, fact.at) : route(world, fact)) {
    const before = get(world, target.kind, target.id);
    if (before === undefined) {
      // One whose row cannot be read is there all the same, and waits for its repair.
      if (target.kind === makes && !world.broken.has(actorKey(target.kind, target.id))) {
        put(world, target.kind, target.id, initial(target.kind, event));
        taken.moved++;
        changed.set(actorKey(target.kind, target.id), [target.kind, target.id]);
      } else if (target.must) {
        taken.missing ??= actorKey(target.kind, target.id);
      }
      continue;
    }
    if (world.broken.size > 0 && world.broken.has(actorKey(target.kind, target.id))) continue;
    const after = takeOne(world, target, before, event, taken);
    const gone = target.kind === removes;
    if (after !== before) put(world, target.kind, target.id, after);
    if (target.kind === "bead")
      taken.derived.push(...consequences(world, before as BeadSnapshot, gone ? null : (after as BeadSnapshot)));
    if (gone) put(world, target.kind, target.id, undefined);
    if (after === before && !gone) continue;
    taken.moved++;
    changed.set(actorKey(target.kind, target.id), [target.kind, target.id]);
  }
  return taken;
}

/** Those of a TICK's targets that it may move: all but the agents that are quiet. In the order of `route`. */
function stirred(world: World, at: number): Target[] {
  const targets: Target[] = [];
  for (const [id, agent] of world.agents)
    if (at >= nextWake(world, id, agent).quietUntil) targets.push({ kind: "agent", id, must: true });
  for (const id of world.index.queued) targets.push({ kind: "review", id, must: true });
  for (const id of world.index.merging) targets.push({ kind: "review", id, must: true });
  for (const [kind] of singlesOf(world)) targets.push({ kind, id: kind, must: false });
  targets.push({ kind: "rig", id: "rig", must: true });
  return targets;
}

function takeOne(world: World, target: Target, before: AnySnapshot, event: MachineEvent, taken: Taken): AnySnapshot {
  try {
    const { snapshot, emissions } = step(target.kind, before as never, event);
    for (const emission of emissions) {
      if (isEffect(emission)) taken.effects.push(emission);
      else taken.derived.push(emission);
    }
    return snapshot as AnySnapshot;
  } catch (error) {
    taken.derived.push({
      type: "actor.quarantined",
      kind: target.kind,
      id: target.id,
      error: clip(messageOf(error)),
    });
    return before;
  }
}

/** Facts about the rig's own bookkeeping, which is no chart's business. Answers with what follows from it. */
function note(world: World, fact: Recorded, changed: Map<string, readonly [Kind, string]>): Fact[] {
  if (fact.type !== "actor.quarantined" && fact.type !== "actor.repaired") return [];
  // Told twice it is repaired once: by now it may be somewhere else.
  if (fact.type === "actor.repaired" && !world.broken.has(actorKey(fact.kind, fact.id))) return [];
  changed.set(actorKey(fact.kind, fact.id), [fact.kind, fact.id]);
  if (fact.type === "actor.repaired") {
    revive(world, fact);
    return missed(world, fact.kind, fact.id);
  }
  // A root one says that the row could not be read: the rig has no such actor in memory, and neither has a replay.
  if (fact.cause === null) put(world, fact.kind, fact.id, fact.kind === "rig" ? initial("rig") : undefined);
  markBroken(world, fact.kind, fact.id, fact.error);
  return [];
}

/**
 * What follows for others when a bead leaves the hands of its agent, ends, or is deleted (null): its agent loses the hook,
 * a review that nobody waits for is cancelled, and what was blocked only by it is unblocked. Closed unblocks; failed does
 * not: what needed that work still needs it, and says so.
 */
function consequences(world: World, before: BeadSnapshot, after: BeadSnapshot | null): Fact[] {
  const { id, reviewId } = before.context;
  // A failed bead still blocks; deleted, it will never be replaced, and what waits for it must not wait for ever.
  const ends = after === null || (!before.hasTag("terminal") && after.hasTag("terminal"));
  const submits = before.value !== "in_review" && after?.value === "in_review";
  // What failed blocks until it is deleted; what is closed blocks no more.
  const unblocks = after === null || (ends && after.value === "closed");
  const ofChain = chained(world, before, after);
  if (!ends && !submits && !unblocks) return ofChain;
  const facts: Fact[] = [];
  const agentId = world.index.hooks.get(id);
  if (agentId !== undefined)
    facts.push({
      type: "agent.unhooked",
      agentId,
      beadId: id,
      reason: after === null ? "the bead was deleted" : `the bead is ${String(after.value)}`,
    });
  if (ends && before.value === "in_review" && reviewId !== null) {
    const review = get(world, "review", reviewId);
    if (review && !review.hasTag("terminal"))
      facts.push({
        type: "review.cancelled",
        reviewId,
        reason: after === null ? "the bead was deleted" : `the bead is ${String(after.value)}`,
      });
  }
  if (unblocks) {
    for (const dependent of [...(world.index.dependents.get(id) ?? [])].sort())
      facts.push({ type: "bead.unblocked", beadId: dependent, blockerId: id });
  }
  facts.push(...ofChain);
  return facts;
}
