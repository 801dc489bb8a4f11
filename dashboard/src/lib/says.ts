import { dollars, spentText } from "../../../src/events/budget.ts";
import type { BoardContent } from "../../../src/wire/board.ts";
import type { Fact, FactOf, FactType } from "../../../src/events/facts.ts";
import type { World } from "../../../src/core/world.ts";
import { agentName, beadTitle, short } from "./names.ts";

/** A fact as a sentence for the timeline, and how it should strike the reader. */
export type Tone = "plain" | "good" | "busy" | "warn" | "bad" | "quiet";

export interface Said {
  readonly tone: Tone;
  readonly text: string;
}

const said = (tone: Tone, text: string): Said => ({ tone, text });

/** Names of agents and titles of beads, as people read them. */
interface Names {
  agent(id: string): string;
  bead(id: string): string;
}

type Saying<T extends FactType> = (fact: FactOf<T>, names: Names) => Said;

const DECISIONS = { send_back: "sent back", no_change: "no change", as_is: "taken as it is" } as const;
const EDIT_WORDS: Readonly<Record<string, string>> = { blockedBy: "what it waits for", deferUntil: "its time" };
const edited = (changes: FactOf<"bead.edited">["changes"]): string =>
  Object.keys(changes)
    .map((name) => EDIT_WORDS[name] ?? name)
    .join(", ");
const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
const saysNoChange = (bead: string, note: string | null): Said =>
  said("plain", `${bead} needs no change: ${note ?? "no reason was given"}`);

/** Of trains, and of what people do to the queue. */
const TRAIN_SAYINGS = {
  "queue.opened": () => said("quiet", "Reviews go by train from here on"),
  "queue.blocked": (fact) => said("bad", `Nothing is merged: ${fact.words}`),
  "queue.resumed": (fact) => said("good", `${fact.by} has the merge queue tried again`),
  "train.departed": (fact) =>
    said(
      "busy",
      `Train ${fact.train} leaves with ${counted(fact.members.length, "review")}, gated at ${fact.gates.join(", ")}`,
    ),
  "train.reported": (fact) =>
    said(
      fact.stopped === null ? "good" : "warn",
      `Train ${fact.train} is back: ${fact.merged} merged, ${fact.sentBack} sent back${fact.stopped === null ? "" : `; ${fact.stopped.code}: ${fact.stopped.words}`}`,
    ),
  "train.seen": (fact) => said("quiet", `Train ${fact.train} is seen to run`),
  "train.lost": (fact) => said("warn", `The container does not know train ${fact.train}: it is asked for again`),
  "train.refused": (fact) =>
    said("warn", `The container refused train ${fact.train} (HTTP ${fact.status}): ${fact.error}`),
  "train.unknown": (fact) => said("warn", `Train ${fact.train} could not be asked for: ${fact.error}`),
  "review.boarded": (fact) => said("busy", `${short(fact.reviewId)} is on train ${fact.train}`),
  "review.unboarded": (fact) => said("quiet", `${short(fact.reviewId)} waits for another train: ${fact.why}`),
  "review.rejected": (fact) => said("warn", `${short(fact.reviewId)} is sent back: ${fact.check} is red`),
  "review.protected": (fact) =>
    said("warn", `${short(fact.reviewId)} changes protected files: ${fact.files.slice(0, 3).join(", ")}`),
  "review.approved": (fact) =>
    said("good", `${fact.by} approved ${short(fact.reviewId)}: tree ${fact.tree.slice(0, 10)}`),
  "review.handed_over": (fact) => said("plain", `${short(fact.reviewId)} is handed over: its branch is at the remote`),
  "review.held": (fact) => said("plain", `${fact.by} holds ${short(fact.reviewId)} back`),
  "review.released": (fact) => said("plain", `${fact.by} lets ${short(fact.reviewId)} go on`),
  "review.jumped": (fact) => said("plain", `${fact.by} put ${short(fact.reviewId)} in front`),
  "review.checked": (fact) =>
    said(
      "good",
      `${fact.to.slice(0, 10)} is on the target: ${counted(fact.members.length, "review")}, ${fact.checks.length === 0 ? "unchecked" : `${counted(fact.checks.length, "check")} green`}`,
    ),
} satisfies { readonly [T in FactType]?: Saying<T> };

/** A sentence for every fact; a new fact without one does not compile. */
const SAYINGS: { readonly [T in FactType]: Saying<T> } = {
  TICK: (fact) =>
    said(
      "quiet",
      fact.container === "unreachable"
        ? "The rig looked; the container does not answer"
        : "The rig looked at everything",
    ),
  "rig.configured": (fact) => said("plain", `The rig was set up for ${fact.gitUrl}`),
  "clock.jumped": ({ by }) =>
    said(
      "warn",
      by > 0
        ? `The rig stood still for ${Math.round(by / 1_000)} s: whatever runs goes on from where it was`
        : `The clock was put back by ${Math.round(-by / 1_000)} s: whatever runs goes on from where it was`,
    ),
  "rig.edited": ({ by, changes: { name, gitUrl, defaultBranch } }) =>
    said(
      "plain",
      `${by} changed the rig: ${Object.entries({ name, repository: gitUrl, "target branch": defaultBranch })
        .filter(([, value]) => value !== undefined)
        .map(([what, value]) => `${what} ${value}`)
        .join(", ")}`,
    ),
  "rig.upgraded": (fact) =>
    said("plain", `Ticktown ${fact.version} took the rig over: from here on rules ${fact.rules} hold`),
  "place.changed": () => said("plain", "What clones are made by was changed: nobody waits for its place any more"),
  "rig.settings_changed": (fact) =>
    said(
      "plain",
      `Settings changed: ${Object.entries(fact.changes)
        .map(([name, value]) => `${name} = ${typeof value === "object" ? JSON.stringify(value) : value}`)
        .join(", ")}`,
    ),
  "rig.paused": (fact) => said("warn", `${fact.by} paused the rig`),
  "rig.resumed": (fact) => said("good", `${fact.by} resumed the rig`),
  "rig.imported": (fact) =>
    said(
      "warn",
      `${fact.by} brought the rig back from a file: nothing is started before it is resumed${fact.secrets.length === 0 ? "" : `; its secrets were ${fact.secrets.join(", ")}`}`,
    ),
  "rig.draining": (fact) =>
    said("warn", fact.atOnce ? `${fact.by} stopped everything` : `${fact.by} drains the rig: work is handed back`),
  "rig.destroyed": (fact) => said("bad", `${fact.by} deleted the rig`),
  "rig.activity_changed": (fact) =>
    said(
      "quiet",
      fact.active ? "The rig looks more often: there is work" : "The rig looks less often: nothing goes on",
    ),
  "container.unreachable": (fact) => said("bad", `The container cannot be reached: ${fact.error}`),
  "container.reachable": () => said("good", "The container answers again"),
  "container.instance_changed": () =>
    said("quiet", "The control server is a new one: what the one before was merging is asked for again"),
  "agent.registered": (fact) => said("plain", `New ${fact.role} ${fact.name}`),
  "agent.deleted": (fact, { agent }) => said("plain", `Agent ${agent(fact.agentId)} was deleted`),
  "agent.hooked": (fact, { agent, bead }) =>
    said("plain", `${agent(fact.agentId)} got ${bead(fact.beadId)} on its hook`),
  "agent.unhooked": (fact, { agent, bead }) =>
    said("plain", `${agent(fact.agentId)} lost ${bead(fact.beadId)}: ${fact.reason}`),
  "dispatch.granted": (fact, { agent, bead }) =>
    said(
      "busy",
      `${agent(fact.agentId)} is started on ${bead(fact.beadId)}${fact.rework ? " to resolve a conflict" : ""}${fact.probe ? " as a probe" : ""}`,
    ),
  "dispatch.failed": (fact, { agent, bead }) =>
    said(
      "bad",
      `${agent(fact.agentId)} failed on ${bead(fact.beadId)}${fact.charged ? ` (attempt ${fact.attempts})` : " (not charged)"}: ${fact.reason}`,
    ),
  "charge.forgiven": (fact, { agent }) =>
    said("good", `${agent(fact.agentId)} is not charged: others failed at the same time`),
  "start.accepted": (fact, { agent }) => said("busy", `The container accepted ${agent(fact.agentId)}`),
  "start.refused": (fact, { agent }) =>
    said("bad", `The container refused ${agent(fact.agentId)} (HTTP ${fact.status}): ${fact.error}`),
  "start.failed": (fact, { agent }) =>
    said("warn", `The container failed to start ${agent(fact.agentId)}: ${fact.error}`),
  "start.unknown": (fact, { agent }) =>
    said("warn", `Nobody knows yet whether ${agent(fact.agentId)} runs: ${fact.error}`),
  "agent.heard": (fact, { agent }) => said("good", `${agent(fact.agentId)} gave its first sign of life`),
  "agent.progressed": (fact, { agent }) => said("good", `${agent(fact.agentId)} made progress: ${fact.what}`),
  "agent.observed": (fact, { agent }) =>
    fact.progressAt === null
      ? said("plain", `${agent(fact.agentId)} is seen to be busy`)
      : said("good", `${agent(fact.agentId)} is seen to make progress`),
  "agent.silent": (fact, { agent }) => said("warn", `${agent(fact.agentId)} has printed nothing since its start`),
  "agent.waiting": (fact, { agent }) =>
    fact.for === null
      ? said("good", `${agent(fact.agentId)} goes on`)
      : said("warn", `${agent(fact.agentId)} waits for its model`),
  "agent.session": (fact, { agent }) => said("quiet", `${agent(fact.agentId)} has a conversation (${fact.driver})`),
  "agent.usage": (fact, { agent }) =>
    said("quiet", `${agent(fact.agentId)} has used ${fact.inputTokens} tokens in and ${fact.outputTokens} out`),
  "town.leased": (fact) =>
    said(
      fact.news === "capped" ? "warn" : "quiet",
      `The rig may spend ${spentText({ tokens: fact.tokens ?? 0, microdollars: fact.microdollars ?? 0 }, fact.caps)} of the town's day`,
    ),
  "account.limited": (fact, { agent }) =>
    said(
      "warn",
      `${agent(fact.agentId)} has met the limit of the account ${fact.account}, which ends at ${new Date(fact.until).toISOString()}: nothing is started with it until then`,
    ),
  "budget.opened": () => said("quiet", "What is spent is counted from now on"),
  "spend.counted": (fact, { agent }) =>
    said("quiet", `${agent(fact.agentId)}: ${fact.inputTokens + fact.outputTokens} tokens more are counted`),
  "spend.incomplete": (fact, { agent }) =>
    fact.awaited === true
      ? said("quiet", `${agent(fact.agentId)} may have used more than is counted, until its end is told`)
      : said("warn", `${agent(fact.agentId)} ended without its last words: it has used more than is counted`),
  "spend.completed": (fact, { agent }) =>
    said("quiet", `${agent(fact.agentId)}: its end was told, and all that it has used is counted`),
  "bead.capped": (fact, { bead }) =>
    said("warn", `${bead(fact.beadId)} has spent what it may: ${spentText(fact.spent, fact.caps)}`),
  "bead.budget_raised": (fact, { bead }) =>
    said(
      "plain",
      `${fact.by} lets ${bead(fact.beadId)} spend ${fact.tokens} tokens and ${dollars(fact.microdollars)} more`,
    ),
  "bead.uncapped": (fact, { bead }) => said("good", `${bead(fact.beadId)} may go on`),
  "budget.capped": (fact) =>
    said(
      "warn",
      `The day's budget is spent: ${spentText(fact.spent, fact.caps)}. Nothing is started until the next day`,
    ),
  "agent.asked": (fact, { agent }) => said("warn", `${agent(fact.agentId)} asks: ${fact.command ?? fact.text}`),
  "message.refused": (fact, { agent }) =>
    said("warn", `${agent(fact.agentId)} was given none of what it was told: ${fact.error}`),
  "answer.missed": (fact, { agent }) =>
    said("warn", `${agent(fact.agentId)} did not wait for the answer any more: it gets it as a letter`),
  "secrets.changed": () => said("plain", "The secrets were changed"),
  "agent.checkpointed": (fact, { agent }) => said("good", `${agent(fact.agentId)} saved a checkpoint`),
  "agent.held": (fact, { agent }) =>
    said("warn", `${fact.by} holds ${agent(fact.agentId)}${fact.reason === "" ? "" : `: ${fact.reason}`}`),
  "agent.released": (fact, { agent }) => said("good", `${fact.by} released ${agent(fact.agentId)}`),
  "agent.status_said": (fact, { agent }) => said("plain", `${agent(fact.agentId)} says: ${fact.line}`),
  "agent.exited": (fact, { agent }) =>
    said(
      fact.outcome === "completed" ? "plain" : "warn",
      `${agent(fact.agentId)} exited (${fact.outcome.replace("_", " ")}): ${fact.reason}`,
    ),
  "agent.asked_help": (fact, { agent, bead }) =>
    said("warn", `${agent(fact.agentId)} asks for help: ${bead(fact.escalationId)}`),
  "permission.asked": (fact, { agent }) =>
    said("warn", `${agent(fact.agentId)} waits for a permission: ${fact.prompt}`),
  "permission.answered": (fact, { agent }) => said("good", `${agent(fact.agentId)} got its permission`),
  "agent.answered": (fact, { agent }) => said("good", `${fact.by} answered ${agent(fact.agentId)}: ${fact.answer}`),
  "agent.done": (fact, { agent, bead }) =>
    said(
      "good",
      `${agent(fact.agentId)} is done with ${bead(fact.beadId)} on ${fact.branch}${fact.unseen === true ? "; nobody could look at it, its container is an old one" : ""}`,
    ),
  "report.stale": (fact) =>
    said(
      "quiet",
      `A late ${fact.report} of ${short(fact.dispatchId ?? fact.agentId)} was recorded and changed nothing`,
    ),
  "work.handed_in": (fact, { agent, bead }) =>
    said("plain", `${agent(fact.agentId)} says that ${bead(fact.beadId)} is done; it is looked at`),
  "hand_in.accepted": (fact, { bead }) =>
    said("good", `The work on ${bead(fact.beadId)} was taken: commit ${fact.commit.slice(0, 10)}`),
  "hand_in.refused": (fact, { bead }) =>
    said("warn", `The work on ${bead(fact.beadId)} was not taken: ${fact.sentence}`),
  "hand_in.no_change": (fact, { bead }) => saysNoChange(bead(fact.beadId), fact.note),
  "bead.no_change": (fact, { bead }) => saysNoChange(bead(fact.beadId), fact.note),
  "hand_in.unseen": (fact, { bead }) =>
    said("quiet", `Nobody could look at the work on ${bead(fact.beadId)}: its container is an old one`),
  "hand_in.unanswered": (fact, { bead }) =>
    said("warn", `Nobody looks at the work on ${bead(fact.beadId)}: ${fact.error}`),
  "hand_in.settled": (fact, { bead }) =>
    said("plain", `${fact.by} decided on the work on ${bead(fact.beadId)}: ${DECISIONS[fact.decision]}`),
  "work.lost": (fact, { agent, bead }) =>
    said("bad", `The work of ${agent(fact.agentId)} on ${bead(fact.beadId)} is lost: ${fact.reason}`),
  "work.set_aside": (fact, { bead }) =>
    said(
      "plain",
      `Uncommitted work on ${bead(fact.beadId)} was ${fact.givenBack ? "given back" : "set aside"}: ${fact.why}`,
    ),
  "strays.found": (fact) =>
    said(
      "warn",
      `The container has ${counted(fact.total, "thing")} that the rig does not know: it is told to clear them`,
    ),
  "strays.gone": () => said("quiet", "The container has nothing any more that the rig does not know"),
  "container.met": (fact) =>
    said("quiet", fact.inspects ? "The container looks at what is handed in" : "The container is an old one"),
  "mail.sent": (fact, { agent }) => said("plain", `${agent(fact.from)} wrote to ${agent(fact.to)}: ${fact.subject}`),
  "mail.read": (fact, { agent }) =>
    said("quiet", `${agent(fact.agentId)} read ${counted(fact.mailIds.length, "letter")}`),
  "mail.delivered": (fact, { agent }) =>
    said(
      "quiet",
      `${agent(fact.agentId)} read ${fact.mailIds.length === 1 ? "a mail" : `${fact.mailIds.length} mails`}`,
    ),
  "bead.created": (fact) =>
    said(
      fact.beadType === "escalation" ? "warn" : "plain",
      `${fact.beadType === "escalation" ? "Escalation" : fact.beadType === "issue" ? "New bead" : `New ${fact.beadType.replace("_", " ")}`} “${fact.title}”`,
    ),
  "bead.status_set": (fact, { bead }) =>
    said("plain", `${fact.by} set ${bead(fact.beadId)} to ${fact.status.replace("_", " ")}`),
  "bead.closed": (fact, { bead }) => said("good", `${fact.by} closed ${bead(fact.beadId)}`),
  "bead.cancelled": (fact, { bead }) => said("warn", `${fact.by} cancelled ${bead(fact.beadId)}`),
  "bead.deleted": (fact, { bead }) => said("plain", `${bead(fact.beadId)} was deleted`),
  "bead.unblocked": (fact, { bead }) =>
    said("good", `${bead(fact.beadId)} no longer waits for ${bead(fact.blockerId)}`),
  "bead.stuck": (fact, { bead }) =>
    said("warn", `${bead(fact.beadId)} is stuck: ${bead(fact.blockerId)} has failed, or is stuck itself`),
  "bead.unstuck": (fact, { bead }) =>
    said("good", `${bead(fact.beadId)} can go on when ${bead(fact.blockerId)} is merged`),
  "bead.edited": (fact, { bead }) =>
    said("plain", `${fact.by} changed ${edited(fact.changes)} of ${bead(fact.beadId)}`),
  "bead.cancel_asked": (fact, { bead }) =>
    said("warn", `${fact.by} cancelled ${bead(fact.beadId)} while it was being merged: what comes of that is told`),
  "bead.failed": (fact, { bead }) => said("bad", `${bead(fact.beadId)} failed: ${fact.reason}`),
  "bead.merged": (fact, { bead }) =>
    said(
      "good",
      `${bead(fact.beadId)} is merged${fact.commitSha === null ? "" : ` as ${fact.commitSha.slice(0, 10)}`}`,
    ),
  "bead.conflicted": (fact, { bead }) => said("warn", `${bead(fact.beadId)} conflicts: ${fact.message}`),
  "bead.rejected": (fact, { bead }) => said("warn", `${bead(fact.beadId)} is red: ${fact.check}`),
  "bead.retried": (fact, { bead }) => said("plain", `${fact.by} has ${bead(fact.beadId)} tried again`),
  "attempts.reset": (fact, { bead }) =>
    said("quiet", `${bead(fact.beadId)}: proven progress, its attempts start again from 0`),
  "escalation.joined": (fact, { bead }) => said("plain", `More on the escalation ${bead(fact.beadId)}: ${fact.title}`),
  "review.submitted": (fact, { bead }) => said("busy", `${bead(fact.beadId)} was submitted for review`),
  "review.opened": (fact, { bead }) => said("busy", `${bead(fact.beadId)} waits to be merged from ${fact.branch}`),
  "review.granted": (fact) => said("busy", `A merge is asked for (claim ${fact.claim} of ${short(fact.reviewId)})`),
  "review.completed": (fact) =>
    said(
      fact.verdict === "merged" ? "good" : "warn",
      `The merge answered: ${fact.verdict}${fact.message === "" ? "" : `, ${fact.message}`}`,
    ),
  "review.cancelled": (fact) => said("plain", `A review was cancelled: ${fact.reason}`),
  "merge.refused": (fact) => said("warn", `The container refused a merge (HTTP ${fact.status}): ${fact.error}`),
  "merge.unknown": (fact) => said("warn", `A merge could not be asked for: ${fact.error}`),
  ...TRAIN_SAYINGS,
  "effect.failed": (fact) => said("bad", `${fact.kind} was given up after ${fact.attempts} tries: ${fact.error}`),
  "actor.quarantined": (fact) =>
    said("bad", `The ${fact.kind} ${short(fact.id)} cannot be read and is set aside: ${fact.error}`),
  "actor.repaired": (fact) => said("good", `${fact.by} repaired the ${fact.kind} ${short(fact.id)}`),
};

/** A fact in words. */
export function say(fact: Fact, world: World, content: ReadonlyMap<string, BoardContent>): Said {
  const names: Names = { agent: (id) => agentName(world, id), bead: (id) => `“${beadTitle(content, id)}”` };
  return (SAYINGS[fact.type] as Saying<FactType>)(fact as never, names);
}
