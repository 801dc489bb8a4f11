import { clip, type Fact, type FactOf } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import type { BeadSnapshot } from "../../machines/bead.ts";
import { store } from "../step.ts";
import { canTrain } from "../train/depart.ts";
import { get, type World } from "../world.ts";
import { stuckAtOnce } from "./beads.ts";
import { operators } from "./authority.ts";
import type { CommandOf, Decision, Rows, Surroundings } from "./command.ts";
import { accept, cannot, noBead, refuse, takes } from "./tools.ts";

/** What people do about work that has ended: have it tried again, or take it back. */
export const RETRIES: Rows<"retry_bead" | "retry_beads" | "revert_bead"> = {
  retry_bead: {
    may: operators,
    run: (world, { beadId }, around) => {
      const bead = get(world, "bead", beadId);
      if (bead === undefined) return noBead(beadId);
      const fact = retried(world, bead, around);
      if (isAtWork(bead)) return accept([], { beadId });
      return takes(world, bead, fact, around.at)
        ? accept([fact, ...stuckAtOnce(world, beadId, fact.blockedBy)], { beadId })
        : cannot("bead", beadId, bead, "be tried again");
    },
  },
  /** All of them in one commit; those that have not failed are left as they are. */
  retry_beads: {
    may: operators,
    run: (world, { beadIds }, around) => {
      const facts: FactOf<"bead.retried">[] = [];
      for (const beadId of new Set(beadIds)) {
        const bead = get(world, "bead", beadId);
        if (bead === undefined) return noBead(beadId);
        const fact = retried(world, bead, around);
        if (takes(world, bead, fact, around.at)) facts.push(fact);
      }
      const back = new Set<string>(facts.map(({ beadId }) => beadId));
      const stuck = facts.flatMap(({ beadId, blockedBy }) => stuckAtOnce(world, beadId, blockedBy, back));
      return accept([...facts, ...stuck]);
    },
  },
  revert_bead: { may: operators, run: revertBead },
};

/** Nothing is left to do. */
const isAtWork = ({ value }: BeadSnapshot): boolean =>
  value === "open" || value === "in_progress" || value === "in_review";

/** Its blockers may have ended since; what failed still blocks, as it did. */
function retried(world: World, bead: BeadSnapshot, around: Surroundings): FactOf<"bead.retried"> {
  const { context } = bead;
  const blockedBy = context.blockedBy.filter((id) => {
    const blocker = get(world, "bead", id);
    return blocker !== undefined && blocker.value !== "closed";
  });
  const state = store("bead", bead) as FactOf<"bead.retried">["state"];
  return { type: "bead.retried", beadId: context.id, by: around.caller.id, blockedBy, state };
}

/**
 * What is closed stays closed: the revert is a bead of its own, which goes straight into the queue; and what is to be done again is another,
 * behind it, with the words of whoever took it back.
 */
function revertBead(world: World, command: CommandOf<"revert_bead">, around: Surroundings): Decision {
  const { beadId, why, redo, title } = command;
  const bead = get(world, "bead", beadId);
  if (bead === undefined) return noBead(beadId);
  const { commitSha, priority, convoyId, assignee } = bead.context;
  if (bead.value !== "closed" || commitSha === null || !/^[0-9a-f]{40,64}$/.test(commitSha))
    return refuse(409, `bead ${beadId} is ${String(bead.value)} and has no commit on the target to take back`);
  if (!canTrain(world))
    return refuse(
      409,
      "a revert goes through the gate, which needs a container that runs trains; this rig's has not said so",
    );
  if (around.openBeads() + 2 > LIMITS.open_beads)
    return refuse(429, `this rig has ${LIMITS.open_beads} open beads already; close or delete some first`);
  const made = (id: string, of: string, body: string, blockedBy: string[], metadata: Record<string, string>): Fact => ({
    type: "bead.created",
    beadId: id,
    beadType: "issue",
    title: clip(`${of}: ${title}`, LIMITS.title_chars),
    body,
    priority,
    labels: [],
    metadata,
    convoyId,
    blockedBy,
    deferUntil: null,
    createdBy: around.caller.id,
  });
  const revertId = around.newId("bead");
  const body = `Take back commit ${commitSha} of bead ${beadId}: ${why}`;
  const facts: Fact[] = [
    made(revertId, "Revert", body, [], { reverts: beadId }),
    {
      type: "review.submitted",
      beadId: revertId,
      agentId: assignee ?? "ticktown",
      branch: `ticktown/revert-${revertId.replace(/[^A-Za-z0-9_-]/g, "-")}`,
      prUrl: null,
      summary: clip(why),
      reverts: commitSha,
    },
  ];
  if (redo)
    facts.push(
      made(
        around.newId("bead"),
        "Again",
        `Bead ${beadId} was merged as ${commitSha} and taken back: ${why}\n\nDo it again, without that.`,
        [revertId],
        { redoes: beadId },
      ),
    );
  return accept(facts, { beadId: revertId });
}
