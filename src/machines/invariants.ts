import { dispatchNumber } from "../events/dispatch-id.ts";
import { agentDeadline, currentDispatch, type AgentSnapshot } from "./agent.ts";
import { beadDeadline, type BeadSnapshot } from "./bead.ts";
import type { Entry } from "./fold.ts";
import { reviewDeadline, type ReviewSnapshot } from "./review.ts";
import { gateOf, rigDeadline, type RigSnapshot } from "./rig.ts";
import { allowance, schedule } from "./schedule.ts";
import { actorKey, get, isReady, type World } from "./world.ts";

/**
 * What must be true after every commit: of one state (`violations`), and of two with the journal between them
 * (`transitionViolations`). Pure, and cheap enough to be asked in production. An actor that is quarantined, or whose row
 * could not be read, is excused, and whoever depends on it with it: a person was told.
 */

export interface Violation {
  /** Which invariant; see RULES. */
  readonly rule: Rule;
  /** `agent:…`, `bead:…`, `review:…` or `rig:rig`. */
  readonly actor: string;
  readonly text: string;
}

export const RULES = {
  one_dispatch_per_bead: "at most one live dispatch per bead",
  one_bead_per_agent: "at most one bead per agent, and one agent per bead",
  process_has_hook: "a process implies a hook, except for a mayor",
  hooks_agree: "an agent's hook and its bead's assignee and attempts agree",
  within_capacity: "slots in use never grow past the capacity",
  review_is_live: "in_review implies a review that is not terminal, and a live review a bead in_review",
  one_merge: "at most one running merge",
  nothing_left_to_decide: "ready, free and ungated implies dispatched in the same commit",
  attempts_are_bounded: "attempts never grow past their maximum",
  everyone_has_a_waker: "every state that is not terminal has a deadline or somebody who wakes it",
  indexes_agree: "the indexes are what the snapshots say",
  journal_is_ordered: "seq has no gaps, time never runs backwards, a cause comes before what it causes",
  terminal_stays: "closed, failed and merged never leave",
  stale_changes_nothing: "a report of an older dispatch changes nothing",
  deadlines_are_served: "no deadline that was over before a TICK is left after it",
  told_once: "each alert at most once per episode",
} as const;
export type Rule = keyof typeof RULES;

/** The highest limits that were ever in force: what was legal then is not wrong because an operator has lowered a limit since. */
export interface Highest {
  readonly capacity: number;
  readonly max_attempts: number;
}
export const highest = (world: World, before: Highest = { capacity: 0, max_attempts: 0 }): Highest => {
  const { capacity, max_attempts } = world.rig.context.settings;
  return capacity <= before.capacity && max_attempts <= before.max_attempts ? before : { capacity: Math.max(capacity, before.capacity), max_attempts: Math.max(max_attempts, before.max_attempts) };
};

/**
 * Who moves an agent on, per state. `deadline`: a TICK at its deadline. Anything else names the fact that does, and who
 * brings it about. A state that is not here has nobody, and is a violation.
 */
export const AGENT_WAKERS: Readonly<Record<string, string>> = {
  "idle.empty": "agent.hooked: the rig, when a bead is ready, or an operator",
  "idle.hooked": "dispatch.granted: the rig, when a slot, the gate, the bead's blockers and its time allow it",
  "working.starting": "deadline",
  "working.running": "deadline",
  "working.draining": "deadline",
  "blocked.onHelp.waiting": "agent.answered: an operator; or the process, by progress or its end, which the patrol sees",
  "blocked.onHelp.parked": "agent.answered: an operator",
  "blocked.overBudget": "agent.answered: an operator",
  "blocked.onPermission.waiting": "deadline",
  "blocked.onPermission.escalated": "permission.answered or agent.answered: an operator; or the process, by its end, which the patrol sees",
  "blocked.quarantined": "deadline",
  "exited.crashed": "deadline",
  "exited.completed": "deadline",
  "exited.rateLimited": "deadline",
  "exited.evicted": "deadline",
  "exited.refused": "deadline",
  "restarting.backingOff": "deadline",
  "restarting.due": "dispatch.granted: the rig, when a slot and the gate allow it",
  "restarting.starting": "deadline",
};

/** `working` is two states at once; what its process does is the one that must go on. */
export function leafOf(value: unknown): string {
  if (typeof value === "string") return value;
  const [key = "", inner] = Object.entries(value as Record<string, unknown>)[0] ?? [];
  return key === "working" ? `working.${(inner as { process: string }).process}` : `${key}.${leafOf(inner)}`;
}

/**
 * Every invariant that can be seen in one state.
 * @param seen the limits in force so far; without it only today's are known, and an agent may be blamed for a lowered one.
 */
export function violations(world: World, seen: Highest = highest(world)): Violation[] {
  const found: Violation[] = [];
  if (world.rig.matches({ life: "destroyed" })) return found;
  const report = (rule: Rule, actor: string, text: string) => void found.push({ rule, actor, text });
  agentsAreRight(world, seen, report);
  beadsAreRight(world, report);
  reviewsAreRight(world, report);
  rigIsRight(world, report);
  indexesAreRight(world, report);
  return found;
}

type Report = (rule: Rule, actor: string, text: string) => void;

const isExcused = (world: World, kind: "agent" | "bead" | "review", id: string): boolean => world.broken.size > 0 && world.broken.has(actorKey(kind, id));

function agentsAreRight(world: World, seen: Highest, report: Report): void {
  const { settings } = world.rig.context;
  const hooked = new Map<string, string>();
  let slots = 0;
  for (const [id, agent] of world.agents) {
    const { context } = agent;
    const holds = agent.hasTag("slot");
    if (holds) slots++;
    if (isExcused(world, "agent", id)) continue;
    const actor = `agent:${id}`;
    const leaf = leafOf(agent.value);
    const waker = AGENT_WAKERS[leaf];
    if (waker === undefined) report("everyone_has_a_waker", actor, `nobody is known to wake an agent that is ${leaf}`);
    else if (waker === "deadline" && context.role !== "mayor" && agentDeadline(agent, settings) === null) report("everyone_has_a_waker", actor, `is ${leaf} without a deadline`);
    if (context.attempts > seen.max_attempts) report("attempts_are_bounded", actor, `has ${context.attempts} attempts of ${seen.max_attempts}`);
    if (context.hook === null) {
      if ((holds || leaf.startsWith("restarting") || leaf === "idle.hooked" || leaf === "blocked.onHelp.parked" || leaf === "blocked.overBudget") && context.role !== "mayor") report("process_has_hook", actor, `is ${leaf} without a hook`);
      continue;
    }
    if (leaf === "idle.empty" || leaf === "blocked.quarantined") report("process_has_hook", actor, `is ${leaf} with ${context.hook} on its hook`);
    const other = hooked.get(context.hook);
    if (other !== undefined) report(holds && world.agents.get(other)?.hasTag("slot") ? "one_dispatch_per_bead" : "one_bead_per_agent", `bead:${context.hook}`, `is on the hooks of ${other} and ${id}`);
    hooked.set(context.hook, id);
    if (holds && context.dispatchBead !== context.hook) report("one_dispatch_per_bead", actor, `runs ${currentDispatch(context) ?? "nothing"} for ${context.dispatchBead ?? "nothing"}, but has ${context.hook} on its hook`);
    if (isExcused(world, "bead", context.hook)) continue;
    const bead = world.beads.get(context.hook);
    if (bead === undefined || bead.hasTag("terminal") || bead.value === "in_review") report("hooks_agree", actor, `has ${context.hook} on its hook, which is ${bead === undefined ? "gone or over" : String(bead.value)}`);
    else if (bead.context.assignee !== id) report("hooks_agree", actor, `has ${context.hook} on its hook, whose assignee is ${bead.context.assignee ?? "nobody"}`);
    else if (bead.context.attempts !== context.attempts) report("hooks_agree", actor, `counts ${context.attempts} attempts of ${context.hook}, which counts ${bead.context.attempts}`);
  }
  if (slots > seen.capacity) report("within_capacity", "rig:rig", `${slots} slots are in use, the capacity has never been above ${seen.capacity}`);
}

function beadsAreRight(world: World, report: Report): void {
  for (const [id, bead] of world.beads) {
    if (bead.hasTag("terminal") || isExcused(world, "bead", id)) continue;
    const { context } = bead;
    const actor = `bead:${id}`;
    if (bead.value === "in_review") {
      const review = context.reviewId === null ? undefined : world.reviews.get(context.reviewId);
      if (context.reviewId !== null && isExcused(world, "review", context.reviewId)) continue;
      if (review === undefined || review.hasTag("terminal")) report("review_is_live", actor, `is in_review, but its review ${context.reviewId ?? "(none)"} is ${review === undefined ? "gone or over" : String(review.value)}`);
      continue;
    }
    if (context.assignee !== null) {
      if (!isExcused(world, "agent", context.assignee) && world.agents.get(context.assignee)?.context.hook !== id) report("hooks_agree", actor, `is assigned to ${context.assignee}, whose hook is ${world.agents.get(context.assignee)?.context.hook ?? "empty"}`);
    } else if (bead.value === "in_progress" && context.type === "issue") {
      report("everyone_has_a_waker", actor, "is in progress, and nobody works on it");
    }
    for (const blocker of context.blockedBy) {
      if (world.beads.has(blocker) || isExcused(world, "bead", blocker)) continue;
      // A failed blocker is a person's to replace; one that is closed or does not exist will never say so again.
      const blocking = get(world, "bead", blocker);
      if (blocking === undefined || blocking.value === "closed") report("everyone_has_a_waker", actor, `waits for ${blocker}, which is ${blocking === undefined ? "gone" : "closed"}`);
    }
  }
}

function reviewsAreRight(world: World, report: Report): void {
  let running = 0;
  for (const [id, review] of world.reviews) {
    if (review.hasTag("terminal") || isExcused(world, "review", id)) continue;
    const { beadId } = review.context;
    if (review.value === "running") {
      running++;
      if (reviewDeadline(review, world.rig.context.settings) === null) report("everyone_has_a_waker", `review:${id}`, "is running without a deadline");
    }
    if (isExcused(world, "bead", beadId)) continue;
    const bead = world.beads.get(beadId);
    if (bead?.value !== "in_review" || bead.context.reviewId !== id) report("review_is_live", `review:${id}`, `is ${String(review.value)}, but its bead ${beadId} is ${bead === undefined ? "gone or over" : `${String(bead.value)} with review ${bead.context.reviewId ?? "(none)"}`}`);
  }
  if (running > 1) report("one_merge", "rig:rig", `${running} merges are running`);
}

function rigIsRight(world: World, report: Report): void {
  if (world.broken.size > 0 && world.broken.has("rig:rig")) return;
  const { rig } = world;
  const { probe } = rig.context;
  if (rig.matches({ gate: "suspended" }) && rigDeadline(rig) === null) report("everyone_has_a_waker", "rig:rig", "is suspended without a deadline");
  if (rig.matches({ gate: "halfOpen" }) && probe !== null) {
    // Its fate decides whether dispatch goes on; without it the rig would wait for ever.
    const agent = world.agents.get(probe.slice(0, probe.lastIndexOf(":")));
    if (agent === undefined || currentDispatch(agent.context) !== probe || !agent.hasTag("slot") || isExcused(world, "agent", agent.context.id)) report("everyone_has_a_waker", "rig:rig", `is half open and waits for ${probe}, which does not run`);
  }
  const left = schedule(world, world.seq);
  if (left.length > 0) report("nothing_left_to_decide", "rig:rig", `the gate is ${gateOf(rig)}, ${allowance(world)} dispatches are allowed, and the rig would still say ${left.map((fact) => fact.type).join(", ")}`);
}

function indexesAreRight(world: World, report: Report): void {
  const { index } = world;
  const counts = { free: 0, due: 0, slots: 0, active: 0, ready: 0, queued: 0, merging: 0, hooks: 0 };
  const member = (name: "free" | "due" | "slots" | "active" | "ready" | "queued" | "merging", id: string, is: boolean) => {
    if (is) counts[name]++;
    if (index[name].has(id) !== is) report("indexes_agree", id, `${is ? "is missing from" : "does not belong into"} the index of ${name}`);
  };
  for (const [id, agent] of world.agents) {
    member("free", id, agent.context.role === "polecat" && agent.hasTag("free"));
    member("due", id, agent.hasTag("due"));
    member("slots", id, agent.hasTag("slot"));
    member("active", `agent:${id}`, agent.hasTag("active"));
    if (agent.context.hook !== null) {
      counts.hooks++;
      if (index.hooks.get(agent.context.hook) !== id) report("indexes_agree", `agent:${id}`, `has ${agent.context.hook} on its hook, the index of hooks says ${index.hooks.get(agent.context.hook) ?? "nobody"}`);
    }
    if (index.identities.get(agent.context.identity) !== id) report("indexes_agree", `agent:${id}`, `identity ${agent.context.identity} belongs to ${index.identities.get(agent.context.identity) ?? "nobody"} in the index`);
  }
  for (const [id, bead] of world.beads) {
    member("ready", id, isReady(bead) && bead.context.assignee === null);
    if (bead.hasTag("terminal")) continue;
    for (const blocker of bead.context.blockedBy) if (!index.dependents.get(blocker)?.has(id)) report("indexes_agree", `bead:${id}`, `waits for ${blocker}, which the index of dependents does not know`);
  }
  for (const [id, review] of world.reviews) {
    member("queued", id, review.hasTag("queued"));
    member("merging", id, review.hasTag("merging"));
    member("active", `review:${id}`, review.hasTag("merging"));
  }
  for (const name of ["free", "due", "slots", "active", "ready", "queued", "merging", "hooks"] as const) {
    if (index[name].size !== counts[name]) report("indexes_agree", "rig:rig", `the index of ${name} has ${index[name].size} members, the snapshots have ${counts[name]}`);
  }
}

/** Deadlines that the TICK at the world's time should have served; any that is left would ring the alarm for ever. */
export function overdue(world: World): Violation[] {
  if (gateOf(world.rig) === "destroyed") return [];
  const found: Violation[] = [];
  const { settings } = world.rig.context;
  const consider = (actor: string, state: unknown, at: number | null): void => {
    if (at !== null && at <= world.at) found.push({ rule: "deadlines_are_served", actor, text: `is ${leafOf(state)}, and its deadline was over ${world.at - at} ms before the TICK` });
  };
  for (const [id, agent] of world.agents) {
    // Who exited in this very TICK is taken up by the next one.
    if (!isExcused(world, "agent", id) && !agent.matches("exited")) consider(`agent:${id}`, agent.value, agentDeadline(agent, settings));
    else if (agent.matches("exited") && agent.context.exit !== null && agent.context.exit.at < world.at && !isExcused(world, "agent", id)) consider(`agent:${id}`, agent.value, agent.context.exit.at);
  }
  for (const [id, review] of world.reviews) if (!isExcused(world, "review", id)) consider(`review:${id}`, review.value, reviewDeadline(review, settings));
  if (!world.broken.has("rig:rig")) consider("rig:rig", "suspended", rigDeadline(world.rig));
  return found;
}

/** What `transitionViolations` must remember of the world before a commit. Snapshots never change, so it is a copy of three maps. */
export interface Glance {
  readonly seq: number;
  readonly at: number;
  readonly slots: number;
  readonly rig: RigSnapshot;
  readonly agents: ReadonlyMap<string, AgentSnapshot>;
  readonly beads: ReadonlyMap<string, BeadSnapshot>;
  readonly reviews: ReadonlyMap<string, ReviewSnapshot>;
}
export const glance = (world: World): Glance => ({
  seq: world.seq,
  at: world.at,
  slots: world.index.slots.size,
  rig: world.rig,
  agents: new Map(world.agents),
  beads: new Map(world.beads),
  reviews: new Map(world.reviews),
});

/** Every invariant that needs two states and the commit between them. */
export function transitionViolations(before: Glance, entries: readonly Entry[], after: World): Violation[] {
  const found: Violation[] = [];
  const report = (rule: Rule, actor: string, text: string) => void found.push({ rule, actor, text });
  journalIsOrdered(before, entries, after, report);
  terminalStays(before, entries, after, report);
  staleChangesNothing(before, entries, after, report);
  toldOnce(before, entries, report);
  if (entries.some(({ fact }) => fact.type === "TICK")) found.push(...overdue(after));
  const { capacity } = after.rig.context.settings;
  const slots = after.index.slots.size;
  if (slots > before.slots && slots > capacity && entries.some(({ fact }) => fact.type === "dispatch.granted")) report("within_capacity", "rig:rig", `a grant made ${before.slots} slots ${slots}, the capacity is ${capacity}`);
  return found;
}

function journalIsOrdered(before: Glance, entries: readonly Entry[], after: World, report: Report): void {
  let { seq, at } = before;
  for (const { fact } of entries) {
    if (fact.seq !== seq + 1) report("journal_is_ordered", "rig:rig", `seq ${fact.seq} (${fact.type}) follows seq ${seq}`);
    if (fact.at < at) report("journal_is_ordered", "rig:rig", `seq ${fact.seq} (${fact.type}) is ${at - fact.at} ms before the one before it`);
    if (fact.cause !== null && (fact.cause >= fact.seq || fact.cause <= before.seq)) report("journal_is_ordered", "rig:rig", `seq ${fact.seq} (${fact.type}) says it is caused by seq ${fact.cause}`);
    ({ seq, at } = fact);
  }
  if (after.seq !== seq) report("journal_is_ordered", "rig:rig", `the world is at seq ${after.seq}, its journal at ${seq}`);
}

function terminalStays(before: Glance, entries: readonly Entry[], after: World, report: Report): void {
  const born = new Set<string>();
  const deleted = new Set<string>();
  for (const { fact } of entries) {
    if (fact.type === "bead.created") born.add(`bead:${fact.beadId}`);
    if (fact.type === "review.opened") born.add(`review:${fact.reviewId}`);
    // Whoever was set aside may come back, as it was.
    if (fact.type === "actor.repaired") born.add(`${fact.kind}:${fact.id}`);
    if (fact.type === "bead.deleted") deleted.add(fact.beadId);
  }
  for (const kind of ["beads", "reviews"] as const) {
    const name = kind === "beads" ? "bead" : "review";
    for (const [id, now] of after[kind] as ReadonlyMap<string, BeadSnapshot | ReviewSnapshot>) {
      const was = before[kind].get(id);
      if (was === now) continue;
      if (was === undefined) {
        // What has ended is not held in memory; it may not come back.
        if (!born.has(`${name}:${id}`)) report("terminal_stays", `${name}:${id}`, `came back as ${String(now.value)}`);
      } else if (was.hasTag("terminal" as never) && was.value !== now.value) {
        report("terminal_stays", `${name}:${id}`, `was ${String(was.value)} and is ${String(now.value)}`);
      }
    }
  }
  for (const id of deleted) if (after.beads.has(id)) report("terminal_stays", `bead:${id}`, "was deleted and is still there");
}

function staleChangesNothing(before: Glance, entries: readonly Entry[], after: World, report: Report): void {
  const roots = entries.filter(({ fact }) => fact.cause === null);
  for (const { fact, effects } of roots) {
    if (!("dispatchId" in fact) || !("agentId" in fact) || fact.dispatchId === null) continue;
    const agent = before.agents.get(fact.agentId);
    if (agent === undefined) continue;
    const n = dispatchNumber(fact.agentId, fact.dispatchId);
    if (fact.type !== "report.stale" && n !== null && n >= agent.context.dispatchN) continue;
    if (effects.length > 0) report("stale_changes_nothing", `agent:${fact.agentId}`, `${fact.type} of ${fact.dispatchId} has effects, the newest dispatch is ${currentDispatch(agent.context) ?? "none"}`);
    if (roots.length === 1 && entries.length === 1 && after.agents.get(fact.agentId) !== agent) report("stale_changes_nothing", `agent:${fact.agentId}`, `${fact.type} of ${fact.dispatchId} moved it, the newest dispatch is ${currentDispatch(agent.context) ?? "none"}`);
  }
}

/** An alert belongs to an edge: whoever raises it must have been on the other side of it before. */
function toldOnce(before: Glance, entries: readonly Entry[], report: Report): void {
  const told = new Set<string>();
  const { probe } = before.rig.context;
  // A probe that was heard closes the breaker; what opens it later in the same commit begins another episode.
  let probed = false;
  for (const { fact, effects } of entries) {
    if (probe !== null && "dispatchId" in fact && fact.dispatchId === probe && fact.type !== "dispatch.failed") probed = true;
    for (const effect of effects) {
      if (effect.kind !== "notify") continue;
      if (told.has(effect.key)) report("told_once", "rig:rig", `${effect.key} was told twice`);
      told.add(effect.key);
      if (effect.key.includes(":breaker:") && !before.rig.matches({ gate: "open" }) && !probed) report("told_once", "rig:rig", "the breaker was open already");
      if (effect.key.includes(":container:") && !before.rig.matches({ container: "reachable" })) report("told_once", "rig:rig", "the container was unreachable already");
    }
    if (fact.type === "mail.sent" && fact.subject === "GUPP_CHECK") onceIn(fact.to, "checked", "escalated");
    if (fact.type === "bead.created" && fact.metadata["kind"] === "gupp") onceIn(String(fact.metadata["agent_id"]), "escalated");
    if (fact.type === "bead.created" && fact.metadata["kind"] === "permission") {
      const agent = before.agents.get(String(fact.metadata["agent_id"]));
      if (agent?.matches({ blocked: { onPermission: "escalated" } })) report("told_once", `agent:${agent.context.id}`, "its permission prompt was escalated already");
    }
  }

  function onceIn(agentId: string, ...over: ("checked" | "escalated")[]): void {
    const agent = before.agents.get(agentId);
    for (const progress of over) if (agent?.matches({ working: { progress } })) report("told_once", `agent:${agentId}`, `its stall is ${progress} already`);
  }
}

/** The next deadline that a TICK must serve, ms, or null: nothing waits for time. */
export function nearestDeadline(world: World): number | null {
  const { settings } = world.rig.context;
  let nearest = rigDeadline(world.rig);
  const consider = (at: number | null) => {
    if (at !== null && (nearest === null || at < nearest)) nearest = at;
  };
  for (const [id, agent] of world.agents) if (!isExcused(world, "agent", id)) consider(agentDeadline(agent, settings));
  for (const [id, bead] of world.beads) if (!isExcused(world, "bead", id)) consider(beadDeadline(bead, world.at));
  for (const [id, review] of world.reviews) if (!isExcused(world, "review", id)) consider(reviewDeadline(review, settings));
  return nearest;
}
