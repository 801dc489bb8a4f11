import type { AgentSnapshot } from "./agent.ts";
import type { BeadSnapshot } from "./bead.ts";
import { cooldownEnd, gateOf } from "./rig.ts";
import { allowance, freeSlots, isDeferred, mayRun } from "./schedule.ts";
import { get, type World } from "./world.ts";

/** Why something is not running. The set is closed: whatever waits has one of these (design rule 10). */
export const REASONS = ["at_capacity", "blocked_by", "deferred_until", "backing_off_until", "quarantined_until", "paused", "breaker_open", "over_budget", "no_config", "wrong_role", "draining", "waiting_for_person", "waiting_for_merge", "running", "no_work", "ended"] as const;
export type Reason = (typeof REASONS)[number];

export interface Why {
  readonly reason: Reason;
  readonly sentence: string;
  /** The values that decide. */
  readonly values: Record<string, string | number | boolean | null | string[]>;
  /** When it is looked at next, ms, or null when only somebody's act can change it. */
  readonly until: number | null;
}

const why = (reason: Reason, sentence: string, values: Why["values"] = {}, until: number | null = null): Why => ({ reason, sentence, values, until });

/** Why the rig grants nothing now, or null when it would. */
function whyTheRigWaits(world: World): Why | null {
  const { context } = world.rig;
  switch (gateOf(world.rig)) {
    case "destroyed":
      return why("ended", "The rig was deleted.");
    case "no_config":
      return why("no_config", "Nobody has told this rig its repository: create the rig through the API.");
    case "draining":
      return why("draining", "The rig is draining: work is handed back and nothing is dispatched until it is resumed.");
    case "paused":
      return why("paused", "The rig is paused: what runs goes on, nothing new is dispatched until it is resumed.");
    case "breaker_open":
      return why("breaker_open", context.probe === null ? "Too many dispatches failed: dispatch is suspended until the cool-down is over, then one probe is tried." : "A probe is running; its fate decides whether dispatch goes on.", { failures: context.failures.length, probe: context.probe }, cooldownEnd(context));
    case "open":
    case "probe":
      return allowance(world) > 0 ? null : why("at_capacity", `All ${context.settings.capacity} slots are taken.`, { capacity: context.settings.capacity, in_use: world.index.slots.size, free: freeSlots(world) });
  }
}

/** Why this bead is where it is. */
export function whyBead(world: World, bead: BeadSnapshot): Why {
  const { context } = bead;
  const broken = world.broken.get(`bead:${context.id}`);
  if (broken !== undefined) return why("quarantined_until", `Its stored state cannot be read: ${broken}. A repair folds its state again from the journal.`);
  if (bead.hasTag("terminal")) return why("ended", `It is ${String(bead.value)}${context.reason === null ? "" : `: ${context.reason}`}.`, { commit_sha: context.commitSha });
  if (context.type !== "issue") return why("wrong_role", `It is ${context.type === "escalation" ? "an" : "a"} ${context.type}: it is for people and mail, never dispatched as work.`, { type: context.type });
  if (bead.value === "in_review") {
    const review = context.reviewId === null ? undefined : get(world, "review", context.reviewId);
    return why("waiting_for_merge", review?.value === "running" ? "Its branch is being merged." : "Its branch waits in the merge queue.", { review_id: context.reviewId, branch: context.branch, attempts: review?.context.attempts ?? 0, message: review?.context.message ?? null }, review?.context.backoffUntil ?? review?.context.claimUntil ?? null);
  }
  if (context.blockedBy.length > 0) return why("blocked_by", `It waits for ${context.blockedBy.length === 1 ? "a bead" : `${context.blockedBy.length} beads`} to be merged: ${context.blockedBy.slice(0, 5).join(", ")}.`, { blocked_by: [...context.blockedBy] });
  if (isDeferred(bead, world.at)) return why("deferred_until", "It is deferred.", { defer_until: context.deferUntil }, context.deferUntil);
  const agent = context.assignee === null ? undefined : world.agents.get(context.assignee);
  if (agent !== undefined) return whyAgent(world, agent);
  return whyTheRigWaits(world) ?? why("running", "It is ready and is dispatched with the next commit.");
}

/** What an agent with a process does, in words. */
function doing(agent: AgentSnapshot): string {
  if (agent.matches({ working: { process: "draining" } })) return "Its process was asked to stop.";
  if (!agent.matches({ working: { process: "running" } })) return "Its process was asked to start and has not been heard from yet.";
  if (agent.matches({ working: { progress: "checked" } })) return "Its process runs, but has shown no progress for a while: it was sent a GUPP_CHECK.";
  if (agent.matches({ working: { progress: "escalated" } })) return "Its process runs, but shows no progress: a person was told, and it will be restarted.";
  return "Its process runs and makes progress.";
}

/** Why this agent does what it does, or does not. */
export function whyAgent(world: World, agent: AgentSnapshot): Why {
  const { context } = agent;
  const broken = world.broken.get(`agent:${context.id}`);
  if (broken !== undefined) return why("quarantined_until", `Its stored state cannot be read: ${broken}. A repair folds its state again from the journal.`);
  if (agent.matches({ blocked: "quarantined" })) return why("quarantined_until", "It gave up several beads in a row and rests; unblock it to end that now.", {}, context.quarantinedUntil);
  if (agent.matches({ blocked: "overBudget" })) return why("over_budget", `Its process said that its budget is used up (${context.exit?.reason ?? ""}): raise the budget and answer it with unblock, or cancel the bead.`, { since: context.blockedAt });
  if (agent.matches({ blocked: "onHelp" })) return why("waiting_for_person", "It asked for help: answer it with unblock.", { since: context.blockedAt });
  if (agent.matches({ blocked: "onPermission" })) return why("waiting_for_person", "It waits at a permission prompt: answer it.", { since: context.blockedAt });
  if (agent.matches("working") || agent.matches({ restarting: "starting" })) return why("running", doing(agent), { dispatch: context.dispatchN, progress_at: context.progressAt }, context.leaseUntil ?? context.stopUntil);
  if (agent.matches("exited")) return why("backing_off_until", `Its process ended (${context.exit?.outcome ?? "unknown"}: ${context.exit?.reason ?? ""}); the next TICK decides.`, {}, context.backoffUntil ?? world.at);
  if (agent.matches({ restarting: "backingOff" })) return why("backing_off_until", "It waits before its next attempt.", { attempts: context.attempts }, context.backoffUntil);
  if (context.hook === null) return why("no_work", "It has no bead.");
  if (context.role !== "polecat") return why("wrong_role", `It is a ${context.role}: only polecats are dispatched on beads.`, { role: context.role });
  const bead = get(world, "bead", context.hook);
  const lost = world.broken.get(`bead:${context.hook}`) ?? (bead === undefined ? "it is gone" : undefined);
  if (lost !== undefined || bead === undefined) return why("quarantined_until", `Its bead ${context.hook} cannot be read: ${lost ?? ""}. Repair the bead, or unhook the agent.`);
  if (!mayRun(bead, world.at)) return whyBead(world, bead);
  return whyTheRigWaits(world) ?? why("running", "It is due and is dispatched with the next commit.");
}
