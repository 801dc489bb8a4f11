import { rulesAtLeast, rulesOf } from "../../events/rules.ts";
import { currentDispatch, type AgentSnapshot } from "../../machines/agent.ts";
import { queueDeadline } from "../../machines/queue.ts";
import { reviewDeadline } from "../../machines/review.ts";
import { isDead, type BeadSnapshot } from "../../machines/bead.ts";
import { gateOf, rigDeadline } from "../../machines/rig.ts";
import { allowance, schedule } from "../schedule.ts";
import { get, type World } from "../world.ts";
import { deadlineOfAgent } from "./deadlines.ts";
import type { Glance } from "./commits.ts";
import { changedAreIndexed, indexesAreRight } from "./indexes.ts";
import { isExcused, type Report, type Rule, type Violation } from "./rules.ts";
import { AGENT_WAKERS, leafOf } from "./wakers.ts";

/** The highest limits that were ever in force: what was legal then is not wrong because an operator has lowered a limit since. */
export interface Highest {
  readonly capacity: number;
  readonly max_attempts: number;
}
export const highest = (world: World, before: Highest = { capacity: 0, max_attempts: 0 }): Highest => {
  const { capacity, max_attempts } = world.rig.context.settings;
  return capacity <= before.capacity && max_attempts <= before.max_attempts
    ? before
    : { capacity: Math.max(capacity, before.capacity), max_attempts: Math.max(max_attempts, before.max_attempts) };
};

/** Whose rules are looked at; left out, everybody's. */
interface Scope {
  readonly agent: (id: string, agent: AgentSnapshot) => boolean;
  readonly bead: (id: string, bead: BeadSnapshot) => boolean;
}
const EVERYBODY: Scope = { agent: () => true, bead: () => true };

/**
 * Every invariant that can be seen in one state.
 * @param seen the limits in force so far; without it only today's are known, and an agent may be blamed for a lowered one.
 */
export function violations(world: World, seen: Highest = highest(world)): Violation[] {
  const found: Violation[] = [];
  if (world.rig.matches({ life: "destroyed" })) return found;
  const report = (rule: Rule, actor: string, text: string) => void found.push({ rule, actor, text });
  actorsAreRight(world, seen, report, EVERYBODY);
  indexesAreRight(world, report);
  return found;
}

function actorsAreRight(world: World, seen: Highest, report: Report, scope: Scope): void {
  agentsAreRight(world, seen, report, scope);
  beadsAreRight(world, report, scope);
  reviewsAreRight(world, report);
  queueIsRight(world, report);
  rigIsRight(world, report);
}

/**
 * The same, after a state that was right: of agents and beads only those that have changed since, and those that depend on one that has.
 * What an actor's rules say follows from its snapshot, from those that it names, and from the settings; all of them are compared. That
 * nothing else has changed is believed: whoever asks this looks at the whole now and then (the simulation does).
 */
export function violationsSince(before: Glance, world: World, seen: Highest): Violation[] {
  const { context } = world.rig;
  const was = before.rig.context;
  const { broken } = before;
  const isSame = broken.size === world.broken.size && [...broken].every((key) => world.broken.has(key));
  if (!isSame || was.settings !== context.settings || rulesOf(was) !== rulesOf(context)) return violations(world, seen);
  const found: Violation[] = [];
  if (world.rig.matches({ life: "destroyed" })) return found;
  const report = (rule: Rule, actor: string, text: string) => void found.push({ rule, actor, text });
  const agent = (id: string | null): boolean => id !== null && world.agents.get(id) !== before.agents.get(id);
  const bead = (id: string | null): boolean => id !== null && world.beads.get(id) !== before.beads.get(id);
  const review = (id: string | null): boolean => id !== null && world.reviews.get(id) !== before.reviews.get(id);
  actorsAreRight(world, seen, report, {
    agent: (id, now) => now !== before.agents.get(id) || bead(now.context.hook),
    bead: (id, now) =>
      now !== before.beads.get(id) ||
      agent(now.context.assignee) ||
      review(now.context.reviewId) ||
      now.context.blockedBy.some(bead),
  });
  changedAreIndexed(before, world, report);
  return found;
}

function agentsAreRight(world: World, seen: Highest, report: Report, scope: Scope): void {
  const { settings } = world.rig.context;
  const hooked = new Map<string, string>();
  let slots = 0;
  for (const [id, agent] of world.agents) {
    const { context } = agent;
    const holds = agent.hasTag("slot");
    if (holds) slots++;
    if (isExcused(world, "agent", id)) continue;
    if (!scope.agent(id, agent)) {
      if (context.hook !== null) hooked.set(context.hook, id);
      continue;
    }
    const actor = `agent:${id}`;
    const leaf = leafOf(agent.value);
    const waker = AGENT_WAKERS[leaf];
    if (waker === undefined) report("everyone_has_a_waker", actor, `nobody is known to wake an agent that is ${leaf}`);
    else if (waker === "deadline" && context.role !== "mayor" && deadlineOfAgent(agent, settings) === null)
      report("everyone_has_a_waker", actor, `is ${leaf} without a deadline`);
    if (context.attempts > seen.max_attempts)
      report("attempts_are_bounded", actor, `has ${context.attempts} attempts of ${seen.max_attempts}`);
    if (context.hook === null) {
      if (
        (holds ||
          leaf.startsWith("restarting") ||
          leaf === "idle.hooked" ||
          leaf === "blocked.onHelp.parked" ||
          leaf === "blocked.overBudget") &&
        context.role !== "mayor"
      )
        report("process_has_hook", actor, `is ${leaf} without a hook`);
      continue;
    }
    if (leaf === "idle.empty" || leaf === "blocked.quarantined")
      report("process_has_hook", actor, `is ${leaf} with ${context.hook} on its hook`);
    const other = hooked.get(context.hook);
    if (other !== undefined)
      report(
        holds && world.agents.get(other)?.hasTag("slot") ? "one_dispatch_per_bead" : "one_bead_per_agent",
        `bead:${context.hook}`,
        `is on the hooks of ${other} and ${id}`,
      );
    hooked.set(context.hook, id);
    if (holds && context.dispatchBead !== context.hook)
      report(
        "one_dispatch_per_bead",
        actor,
        `runs ${currentDispatch(context) ?? "nothing"} for ${context.dispatchBead ?? "nothing"}, but has ${context.hook} on its hook`,
      );
    if (isExcused(world, "bead", context.hook)) continue;
    const bead = world.beads.get(context.hook);
    if (bead === undefined || bead.hasTag("terminal") || bead.value === "in_review")
      report(
        "hooks_agree",
        actor,
        `has ${context.hook} on its hook, which is ${bead === undefined ? "gone or over" : String(bead.value)}`,
      );
    else if (bead.context.assignee !== id)
      report(
        "hooks_agree",
        actor,
        `has ${context.hook} on its hook, whose assignee is ${bead.context.assignee ?? "nobody"}`,
      );
    else if (bead.context.attempts !== context.attempts)
      report(
        "hooks_agree",
        actor,
        `counts ${context.attempts} attempts of ${context.hook}, which counts ${bead.context.attempts}`,
      );
  }
  if (slots > seen.capacity)
    report(
      "within_capacity",
      "rig:rig",
      `${slots} slots are in use, the capacity has never been above ${seen.capacity}`,
    );
}

function beadsAreRight(world: World, report: Report, scope: Scope): void {
  for (const [id, bead] of world.beads) {
    if (!scope.bead(id, bead) || bead.hasTag("terminal") || isExcused(world, "bead", id)) continue;
    const { context } = bead;
    const actor = `bead:${id}`;
    if (bead.value === "in_review") {
      const review = context.reviewId === null ? undefined : world.reviews.get(context.reviewId);
      if (context.reviewId !== null && isExcused(world, "review", context.reviewId)) continue;
      if (review === undefined || review.hasTag("terminal"))
        report(
          "review_is_live",
          actor,
          `is in_review, but its review ${context.reviewId ?? "(none)"} is ${review === undefined ? "gone or over" : String(review.value)}`,
        );
      continue;
    }
    if (context.assignee !== null) {
      if (!isExcused(world, "agent", context.assignee) && world.agents.get(context.assignee)?.context.hook !== id)
        report(
          "hooks_agree",
          actor,
          `is assigned to ${context.assignee}, whose hook is ${world.agents.get(context.assignee)?.context.hook ?? "empty"}`,
        );
    } else if (bead.value === "in_progress" && context.type === "issue" && context.byHand === undefined) {
      report("everyone_has_a_waker", actor, "is in progress, and nobody works on it");
    }
    chainIsRight(world, bead, report);
    for (const blocker of context.blockedBy) {
      if (world.beads.has(blocker) || isExcused(world, "bead", blocker)) continue;
      // A failed blocker is a person's to replace; one that is closed or does not exist will never say so again.
      const blocking = get(world, "bead", blocker);
      if (blocking === undefined || blocking.value === "closed")
        report(
          "everyone_has_a_waker",
          actor,
          `waits for ${blocker}, which is ${blocking === undefined ? "gone" : "closed"}`,
        );
    }
  }
}

/** What waits for what has failed, or for what is stuck itself, is stuck; nothing else is. From rules 2 on. */
function chainIsRight(world: World, { value, context }: BeadSnapshot, report: Report): void {
  if (!rulesAtLeast(rulesOf(world.rig.context), 2) || context.type !== "issue") return;
  if (value !== "open" && value !== "stuck") return;
  const { id, blockedBy, stuckBy = [] } = context;
  if ((value === "stuck") !== stuckBy.length > 0)
    report("chains_are_told", `bead:${id}`, `is ${value} with ${stuckBy.length} blockers that have failed`);
  for (const blocker of blockedBy) {
    if (isExcused(world, "bead", blocker)) continue;
    const blocking = get(world, "bead", blocker);
    if (blocking !== undefined && isDead(blocking) !== stuckBy.includes(blocker))
      report(
        "chains_are_told",
        `bead:${id}`,
        `is ${value}, and waits for ${blocker}, which is ${String(blocking.value)}`,
      );
  }
}

function reviewsAreRight(world: World, report: Report): void {
  let running = 0;
  for (const [id, review] of world.reviews) {
    if (review.hasTag("terminal") || isExcused(world, "review", id)) continue;
    const { beadId } = review.context;
    if (review.value === "running") {
      running++;
      if (reviewDeadline(review, world.rig.context.settings) === null)
        report("everyone_has_a_waker", `review:${id}`, "is running without a deadline");
    }
    if (isExcused(world, "bead", beadId)) continue;
    const bead = world.beads.get(beadId);
    if (bead?.value !== "in_review" || bead.context.reviewId !== id)
      report(
        "review_is_live",
        `review:${id}`,
        `is ${String(review.value)}, but its bead ${beadId} is ${bead === undefined ? "gone or over" : `${String(bead.value)} with review ${bead.context.reviewId ?? "(none)"}`}`,
      );
  }
  if (running > 1) report("one_merge", "rig:rig", `${running} merges are running`);
}

/** Who is on a train and who runs it agree; a train has an end, and at most one runs. */
function queueIsRight(world: World, report: Report): void {
  const { queue } = world;
  if (isExcused(world, "queue", "queue")) return;
  const on = new Map<string, number>();
  if (queue?.value === "running") {
    const { members, again } = queue.context;
    for (const { reviewId, claim } of [...members, ...(again === null ? [] : [again])]) on.set(reviewId, claim);
    if (queueDeadline(queue) === null) report("everyone_has_a_waker", "queue:queue", "runs a train without a deadline");
    for (const [id, review] of world.reviews)
      if (review.value === "running" && !isExcused(world, "review", id))
        report("one_merge", `review:${id}`, `is being merged beside train ${queue.context.train}`);
  }
  for (const [id, review] of world.reviews) {
    if (isExcused(world, "review", id)) continue;
    const { claim, train } = review.context;
    if (review.value === "boarded" && on.get(id) !== claim)
      report("train_agrees", `review:${id}`, `is on train ${train ?? 0}, which does not run with it`);
    if (review.value !== "boarded" && !review.hasTag("terminal") && on.get(id) === claim)
      report("train_agrees", `review:${id}`, `is ${String(review.value)}, and train ${train ?? 0} runs with it`);
  }
}

function rigIsRight(world: World, report: Report): void {
  if (world.broken.size > 0 && world.broken.has("rig:rig")) return;
  const { rig } = world;
  const { probe } = rig.context;
  if (rig.matches({ gate: "suspended" }) && rigDeadline(rig) === null)
    report("everyone_has_a_waker", "rig:rig", "is suspended without a deadline");
  if (rig.matches({ gate: "halfOpen" }) && probe !== null) {
    // Its fate decides whether dispatch goes on; without it the rig would wait for ever.
    const agent = world.agents.get(probe.slice(0, probe.lastIndexOf(":")));
    if (
      agent === undefined ||
      currentDispatch(agent.context) !== probe ||
      !agent.hasTag("slot") ||
      isExcused(world, "agent", agent.context.id)
    )
      report("everyone_has_a_waker", "rig:rig", `is half open and waits for ${probe}, which does not run`);
  }
  const left = schedule(world, world.seq);
  if (left.length > 0)
    report(
      "nothing_left_to_decide",
      "rig:rig",
      `the gate is ${gateOf(rig)}, ${allowance(world)} dispatches are allowed, and the rig would still say ${left.map((fact) => fact.type).join(", ")}`,
    );
}
