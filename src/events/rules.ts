/**
 * The rule sets: by which rules a journal is folded. A journal says it (`rig.configured`, `rig.upgraded`) and is folded by the rules of
 * its time from the first fact to the last, so that a replay compares everything, across upgrades too. What a chart decides otherwise
 * than before hangs on `rulesAtLeast`; the older branch stays for the journals that were written by it (docs/upgrading.md).
 *
 * A new number is due when a released version knows less than the next one: a fact, a version of a fact, a stored version, or a
 * decision. One number is enough for all that changes between two releases. test/unit/upgrade.test.ts holds it against the shapes
 * of what the released ones wrote.
 */
export const RULES = {
  1: "The rules of every journal that names none.",
  2:
    "Facts: rig.upgraded, container.instance_changed, agent.status_said, container.met, place.changed, work.handed_in, hand_in.accepted, hand_in.refused, hand_in.no_change, hand_in.unseen, hand_in.unanswered, hand_in.settled, work.lost, work.set_aside, bead.no_change; rig.configured with its rules; settings of clones; review.submitted and review.opened with a commit. An end of the kind place. An agent's escalation over used-up attempts names the agent, not the bead's id. A bead that waits to be merged, or for its next start, says what the last try came to and whether anybody looked. " +
    "Facts of trains: queue.opened, queue.blocked, queue.resumed, train.departed, train.reported, train.seen, train.lost, train.refused, train.unknown, review.boarded, review.unboarded, review.rejected, review.protected, review.approved, review.handed_over, review.held, review.released, review.jumped, review.checked, bead.rejected, bead.retried; settings of the gate; review.submitted and review.opened with a commit that they take back. Reviews go by train where the container can run one. What is cancelled says so. " +
    "Facts of drivers: agent.observed, agent.silent, agent.waiting, agent.session, agent.usage, agent.asked, answer.missed, secrets.changed, start.failed, message.refused; an end of the kind not_authorized; start.accepted with a clone that is being made; beads with a runtime, a model and a time; settings of the watch. Who is busy is not reminded, told of as stalled or stopped; who waits for its model has a deadline. Attempts are reset by a new commit, by a checkpoint alone twice. " +
    "Facts of ends and time: clock.jumped, mail.read, bead.stuck, bead.unstuck, bead.edited, bead.cancel_asked, rig.edited; bead.failed with its escalation. What waits for what has failed is stuck and says so; what others wait for has their priority; what is being merged ends as what comes of it; an issue may be in a person's hand. Of restores: rig.imported. Of blame: charge.forgiven. What fails several agents at once is charged to nobody, and neither is a container without room; an end of the kind full. " +
    "Facts of money: budget.opened, spend.counted, spend.incomplete, spend.completed, bead.capped, bead.budget_raised, bead.uncapped, budget.capped; settings of the budget. What is spent is counted, and ends at its caps; who spends without anything to show is told of. " +
    "Of the town: town.leased; a setting of the town. A rig spends no more of a day than it has leased of its town's. " +
    "Facts of accounts: account.limited; dispatch.granted with a program and an account, agent.exited with an account; settings runtimes and hold_accounts. What a provider limits is an account: nothing is started with it until its reset, and another program is used meanwhile. " +
    "Of the wire: bead.created with a hold; bead.status_set, bead.closed and bead.cancelled with what was before. " +
    "Of reconciling: strays.found, strays.gone. What a container has and its rig does not know is stopped or removed. " +
    "Facts of agents that a person holds: agent.held, agent.released. Nothing new is started with whoever is held.",
} as const satisfies Record<number, string>;

/** What this Ticktown decides by: a new rig from its first fact, an older one from its `rig.upgraded` on. */
export const NEWEST_RULES = 2;

/** What `rig.upgraded` says of who wrote it; package.json has the same. */
export const TICKTOWN_VERSION = "0.1.0";

/** What names a rule set: the context of a rig. None is the first. */
export interface Ruled {
  readonly rules?: number;
}

export const rulesOf = ({ rules }: Ruled): number => rules ?? 1;

/** Whether what is decided by a rule set is decided by this one or a later one. */
export const rulesAtLeast = (ruleSet: number, rules: keyof typeof RULES): boolean => ruleSet >= rules;
