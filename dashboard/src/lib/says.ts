import type { BoardContent } from "../../../src/do/board.ts";
import type { Fact } from "../../../src/events/facts.ts";
import type { World } from "../../../src/machines/world.ts";
import { agentName, beadTitle, short } from "./names.ts";

/** A fact as a sentence for the timeline, and how it should strike the reader. */
export type Tone = "plain" | "good" | "busy" | "warn" | "bad" | "quiet";

export interface Said {
  readonly tone: Tone;
  readonly text: string;
}

const said = (tone: Tone, text: string): Said => ({ tone, text });

export function say(fact: Fact, world: World, content: ReadonlyMap<string, BoardContent>): Said {
  const agent = (id: string) => agentName(world, id);
  const bead = (id: string) => `“${beadTitle(content, id)}”`;
  switch (fact.type) {
    case "TICK":
      return said("quiet", fact.container === "unreachable" ? "The rig looked; the container does not answer" : "The rig looked at everything");
    case "rig.configured":
      return said("plain", `The rig was set up for ${fact.gitUrl}`);
    case "rig.settings_changed":
      return said("plain", `Settings changed: ${Object.entries(fact.changes).map(([name, value]) => `${name} = ${value}`).join(", ")}`);
    case "rig.paused":
      return said("warn", `${fact.by} paused the rig`);
    case "rig.resumed":
      return said("good", `${fact.by} resumed the rig`);
    case "rig.draining":
      return said("warn", `${fact.by} drains the rig: work is handed back`);
    case "rig.destroyed":
      return said("bad", `${fact.by} deleted the rig`);
    case "rig.activity_changed":
      return said("quiet", fact.active ? "The rig looks more often: there is work" : "The rig looks less often: nothing goes on");
    case "container.unreachable":
      return said("bad", `The container cannot be reached: ${fact.error}`);
    case "container.reachable":
      return said("good", "The container answers again");
    case "agent.registered":
      return said("plain", `New ${fact.role} ${fact.name}`);
    case "agent.deleted":
      return said("plain", `Agent ${agent(fact.agentId)} was deleted`);
    case "agent.hooked":
      return said("plain", `${agent(fact.agentId)} got ${bead(fact.beadId)} on its hook`);
    case "agent.unhooked":
      return said("plain", `${agent(fact.agentId)} lost ${bead(fact.beadId)}: ${fact.reason}`);
    case "dispatch.granted":
      return said("busy", `${agent(fact.agentId)} is started on ${bead(fact.beadId)}${fact.rework ? " to resolve a conflict" : ""}${fact.probe ? " as a probe" : ""}`);
    case "dispatch.failed":
      return said("bad", `${agent(fact.agentId)} failed on ${bead(fact.beadId)}${fact.charged ? ` (attempt ${fact.attempts})` : " (not charged)"}: ${fact.reason}`);
    case "start.accepted":
      return said("busy", `The container accepted ${agent(fact.agentId)}`);
    case "start.refused":
      return said("bad", `The container refused ${agent(fact.agentId)} (HTTP ${fact.status}): ${fact.error}`);
    case "start.unknown":
      return said("warn", `Nobody knows yet whether ${agent(fact.agentId)} runs: ${fact.error}`);
    case "agent.heard":
      return said("good", `${agent(fact.agentId)} gave its first sign of life`);
    case "agent.progressed":
      return said("good", `${agent(fact.agentId)} made progress: ${fact.what}`);
    case "agent.checkpointed":
      return said("good", `${agent(fact.agentId)} saved a checkpoint`);
    case "agent.exited":
      return said(fact.outcome === "completed" ? "plain" : "warn", `${agent(fact.agentId)} exited (${fact.outcome.replace("_", " ")}): ${fact.reason}`);
    case "agent.asked_help":
      return said("warn", `${agent(fact.agentId)} asks for help: ${bead(fact.escalationId)}`);
    case "permission.asked":
      return said("warn", `${agent(fact.agentId)} waits for a permission: ${fact.prompt}`);
    case "permission.answered":
      return said("good", `${agent(fact.agentId)} got its permission`);
    case "agent.answered":
      return said("good", `${fact.by} answered ${agent(fact.agentId)}: ${fact.answer}`);
    case "agent.done":
      return said("good", `${agent(fact.agentId)} is done with ${bead(fact.beadId)} on ${fact.branch}`);
    case "report.stale":
      return said("quiet", `A late ${fact.report} of ${short(fact.dispatchId ?? fact.agentId)} was recorded and changed nothing`);
    case "mail.sent":
      return said("plain", `${agent(fact.from)} wrote to ${agent(fact.to)}: ${fact.subject}`);
    case "mail.delivered":
      return said("quiet", `${agent(fact.agentId)} read ${fact.mailIds.length === 1 ? "a mail" : `${fact.mailIds.length} mails`}`);
    case "bead.created":
      return said(fact.beadType === "escalation" ? "warn" : "plain", `${fact.beadType === "escalation" ? "Escalation" : fact.beadType === "issue" ? "New bead" : `New ${fact.beadType.replace("_", " ")}`} “${fact.title}”`);
    case "bead.status_set":
      return said("plain", `${fact.by} set ${bead(fact.beadId)} to ${fact.status.replace("_", " ")}`);
    case "bead.closed":
      return said("good", `${fact.by} closed ${bead(fact.beadId)}`);
    case "bead.cancelled":
      return said("warn", `${fact.by} cancelled ${bead(fact.beadId)}`);
    case "bead.deleted":
      return said("plain", `${bead(fact.beadId)} was deleted`);
    case "bead.unblocked":
      return said("good", `${bead(fact.beadId)} no longer waits for ${bead(fact.blockerId)}`);
    case "bead.failed":
      return said("bad", `${bead(fact.beadId)} failed: ${fact.reason}`);
    case "bead.merged":
      return said("good", `${bead(fact.beadId)} is merged${fact.commitSha === null ? "" : ` as ${fact.commitSha.slice(0, 10)}`}`);
    case "bead.conflicted":
      return said("warn", `${bead(fact.beadId)} conflicts: ${fact.message}`);
    case "attempts.reset":
      return said("quiet", `${bead(fact.beadId)}: proven progress, its attempts start again from 0`);
    case "escalation.joined":
      return said("plain", `More on the escalation ${bead(fact.beadId)}: ${fact.title}`);
    case "review.submitted":
      return said("busy", `${bead(fact.beadId)} was submitted for review`);
    case "review.opened":
      return said("busy", `${bead(fact.beadId)} waits to be merged from ${fact.branch}`);
    case "review.granted":
      return said("busy", `A merge is asked for (claim ${fact.claim} of ${short(fact.reviewId)})`);
    case "review.completed":
      return said(fact.verdict === "merged" ? "good" : "warn", `The merge answered: ${fact.verdict}${fact.message === "" ? "" : `, ${fact.message}`}`);
    case "review.cancelled":
      return said("plain", `A review was cancelled: ${fact.reason}`);
    case "merge.refused":
      return said("warn", `The container refused a merge (HTTP ${fact.status}): ${fact.error}`);
    case "merge.unknown":
      return said("warn", `A merge could not be asked for: ${fact.error}`);
    case "effect.failed":
      return said("bad", `${fact.kind} was given up after ${fact.attempts} tries: ${fact.error}`);
    case "actor.quarantined":
      return said("bad", `The ${fact.kind} ${short(fact.id)} cannot be read and is set aside: ${fact.error}`);
    case "actor.repaired":
      return said("good", `${fact.by} repaired the ${fact.kind} ${short(fact.id)}`);
  }
}
