import { dispatchId } from "../../events/dispatch-id.ts";
import { actorOf } from "../../events/by.ts";
import type { Fact } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import { isDead, statusOf, type BeadSnapshot } from "../../machines/bead.ts";
import { freePolecats, hook } from "../schedule.ts";
import { get, type World } from "../world.ts";
import { newAgent } from "./agents.ts";
import { anyOf, itself, mayors, operators, ownBead, roleOf, type Rule } from "./authority.ts";
import type { BeadInput, CommandOf, Decision, Refusal, Rows, Surroundings } from "./command.ts";
import { accept, bytes, cannot, isRefusal, noAgent, noBead, refuse, staleness, takes } from "./tools.ts";

/** A bead for nobody yet, or for whoever makes it: to give work to others is for those who run the rig. */
const forItself: Rule<CommandOf<"create_bead">> = {
  says: "agents, for nobody or for themselves",
  holds: (who, { assignTo }) => who.kind === "agent" && who.isAtHome && (assignTo === null || assignTo === who.id),
};

/** Commands about pieces of work. */
export const BEADS: Rows<
  | "create_bead"
  | "sling"
  | "escalate"
  | "set_bead_status"
  | "close_bead"
  | "cancel_bead"
  | "edit_bead"
  | "raise_budget"
  | "delete_bead"
> = {
  create_bead: {
    may: anyOf<CommandOf<"create_bead">>(operators, mayors, forItself),
    run: (world, { bead, assignTo }, around) => createBead(world, bead, assignTo, around),
  },
  sling: { may: anyOf(operators, mayors), run: (world, { bead }, around) => sling(world, bead, around) },
  escalate: { may: anyOf<CommandOf<"escalate">>(operators, itself), run: escalate },
  set_bead_status: {
    may: anyOf<CommandOf<"set_bead_status">>(operators, mayors, ownBead),
    run: setStatus,
  },
  close_bead: {
    may: anyOf<CommandOf<"close_bead">>(operators, mayors, ownBead),
    run: (world, { beadId }, around) =>
      ofBead(
        world,
        around,
        beadId,
        (bead) =>
          bead.value === "closed" ? null : { type: "bead.closed", beadId, by: around.caller.id, was: statusOf(bead) },
        "be closed",
      ),
  },
  cancel_bead: { may: operators, run: (world, { beadId }, around) => cancelBead(world, beadId, around) },
  edit_bead: { may: anyOf<CommandOf<"edit_bead">>(operators, mayors), run: editBead },
  raise_budget: {
    may: operators,
    run: (world, { beadId, tokens, microdollars }, around) =>
      ofBead(
        world,
        around,
        beadId,
        () => ({ type: "bead.budget_raised", beadId, tokens, microdollars, by: around.caller.id }),
        "spend more",
      ),
  },
  delete_bead: {
    may: anyOf<CommandOf<"delete_bead">>(operators, mayors, ownBead),
    run: (world, { beadId }) =>
      get(world, "bead", beadId) === undefined
        ? noBead(beadId)
        : accept([{ type: "bead.deleted", beadId }], { beadId }),
  },
};

/** `make` returns null when there is nothing left to do: the same request again is no error. */
export function ofBead(
  world: World,
  around: Surroundings,
  beadId: string,
  make: (bead: BeadSnapshot) => Fact | null,
  what: string,
): Decision {
  const bead = get(world, "bead", beadId);
  if (!bead) return noBead(beadId);
  const fact = make(bead);
  if (fact === null) return accept([], { beadId });
  return takes(world, bead, fact, around.at) ? accept([fact], { beadId }) : cannot("bead", beadId, bead, what);
}

/** The container has its review: nobody can call that back. */
export function isBeingMerged(world: World, { value, context }: BeadSnapshot): boolean {
  if (value !== "in_review" || context.reviewId === null) return false;
  const review = get(world, "review", context.reviewId);
  return review?.hasTag("merging") === true;
}

/** What is being merged is merged, or ends cancelled: whichever is true. */
export const cancelBead = (
  world: World,
  beadId: string,
  around: Surroundings,
  more: { readonly reviewId?: string } = {},
): Decision => {
  const decision = ofBead(
    world,
    around,
    beadId,
    (bead) => {
      const { reviewId, cancelAsked } = bead.context;
      const by = around.caller.id;
      if (bead.value === "failed" || cancelAsked !== undefined) return null;
      return reviewId !== null && isBeingMerged(world, bead)
        ? { type: "bead.cancel_asked", beadId, reviewId, by }
        : { type: "bead.cancelled", beadId, by, was: statusOf(bead) };
    },
    "be cancelled",
  );
  return decision.ok ? { ...decision, ...more } : decision;
};

/**
 * By hand. An issue that is set in progress in an agent's name is that agent's; in anybody else's it is in that hand, and is not
 * dispatched until the hand lets go.
 */
function setStatus(world: World, { beadId, status }: CommandOf<"set_bead_status">, around: Surroundings): Decision {
  const { id: by } = around.caller;
  const bead = get(world, "bead", beadId);
  const agent = world.agents.get(actorOf(by));
  if (
    bead !== undefined &&
    agent !== undefined &&
    status === "in_progress" &&
    bead.context.type === "issue" &&
    bead.context.assignee === null
  ) {
    const hooked = hook(bead, agent.context.id);
    if (!takes(world, bead, hooked, around.at)) return cannot("bead", beadId, bead, `become ${status} by hand`);
    return takes(world, agent, hooked, around.at)
      ? accept([hooked, { type: "bead.status_set", beadId, status, by, was: statusOf(bead) }], { beadId })
      : cannot("agent", agent.context.id, agent, "take a bead");
  }
  if (status === "in_progress" && bead !== undefined && statusOf(bead) === "open" && bead.context.blockedBy.length > 0)
    return refuse(
      409,
      `bead ${beadId} waits for ${bead.context.blockedBy.slice(0, 5).join(", ")}; drop those blockers first`,
    );
  return ofBead(
    world,
    around,
    beadId,
    (now) => (statusOf(now) === status ? null : { type: "bead.status_set", beadId, status, by, was: statusOf(now) }),
    `become ${status} by hand`,
  );
}

/** What it waits for may be changed as long as it waits; what it says as long as it has not ended. */
function editBead(world: World, { beadId, changes }: CommandOf<"edit_bead">, around: Surroundings): Decision {
  const bead = get(world, "bead", beadId);
  if (bead === undefined) return noBead(beadId);
  if (changes.body != null && changes.body.length > LIMITS.bead_body_chars)
    return refuse(
      413,
      `a bead's body may have ${LIMITS.bead_body_chars} characters, this one has ${changes.body.length}`,
    );
  const edges = changes.blockedBy === undefined ? null : blockers(world, changes.blockedBy);
  if (edges !== null && "ok" in edges) return edges;
  if (edges !== null && statusOf(bead) !== "open")
    return refuse(
      409,
      `bead ${beadId} is ${String(bead.value)}: what it waits for can be changed only while it is open`,
    );
  if (edges?.some((id) => id === beadId || waitsFor(world, id, beadId)) === true)
    return refuse(422, `blocked_by would make bead ${beadId} wait for itself`);
  const fact: Fact = {
    type: "bead.edited",
    beadId,
    by: around.caller.id,
    changes: { ...changes, ...(edges === null ? {} : { blockedBy: edges }) },
  };
  return takes(world, bead, fact, around.at)
    ? accept([fact, ...stuckAtOnce(world, beadId, edges ?? [])], { beadId })
    : cannot("bead", beadId, bead, "be edited");
}

/** Those that are not closed; a refusal where one does not exist. */
function blockers(world: World, ids: readonly string[]): string[] | Refusal {
  const open: string[] = [];
  for (const id of new Set(ids)) {
    const blocker = get(world, "bead", id);
    if (!blocker) return refuse(422, `blocked_by names ${id}, but there is no such bead in this rig`);
    if (blocker.value !== "closed") open.push(id);
  }
  return open;
}

/** Whether one bead waits for another, over however many between them. */
function waitsFor(world: World, beadId: string, other: string): boolean {
  const seen = new Set<string>();
  const open = [beadId];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (id === other) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    open.push(...(get(world, "bead", id)?.context.blockedBy ?? []));
  }
  return false;
}

/** Of what a bead waits for from now on, what has failed already. @param back what is tried again in the same step: those that come back stuck say so themselves */
export const stuckAtOnce = (
  world: World,
  beadId: string,
  blockedBy: readonly string[],
  back: ReadonlySet<string> = new Set(),
): Fact[] =>
  blockedBy
    .filter((blockerId) => !back.has(blockerId) && staysDead(world, blockerId, back))
    .map((blockerId): Fact => ({ type: "bead.stuck", beadId, blockerId }));

/** Whether it has failed, or waits for what has, once those are tried again. */
function staysDead(world: World, beadId: string, back: ReadonlySet<string>): boolean {
  const bead = get(world, "bead", beadId);
  if (bead === undefined || !isDead(bead)) return false;
  if (bead.value === "failed" && !back.has(beadId)) return true;
  const { blockedBy, stuckBy = [] } = bead.context;
  return (bead.value === "failed" ? blockedBy : stuckBy).some((id) => staysDead(world, id, back));
}

function created(
  world: World,
  input: BeadInput,
  around: Surroundings,
  createdBy: string | null,
): Extract<Fact, { type: "bead.created" }> | Refusal {
  if (input.body !== null && input.body.length > LIMITS.bead_body_chars)
    return refuse(
      413,
      `a bead's body may have ${LIMITS.bead_body_chars} characters, this one has ${input.body.length}`,
    );
  if (bytes(input.metadata) > LIMITS.metadata_bytes)
    return refuse(413, `a bead's metadata may have ${LIMITS.metadata_bytes} bytes of JSON`);
  const notByAgent = tooMuchForAgent(world, input.type, around);
  if (notByAgent !== null) return notByAgent;
  if (around.openBeads() >= LIMITS.open_beads)
    return refuse(429, `this rig has ${LIMITS.open_beads} open beads already; close or delete some first`);
  const blockedBy = blockers(world, input.blockedBy);
  if ("ok" in blockedBy) return blockedBy;
  const { type: beadType, title, body, priority, labels, metadata, convoyId, deferUntil } = input;
  const { runtime, model, expectMs, hold } = input;
  return {
    type: "bead.created",
    beadId: around.newId("bead"),
    beadType,
    title,
    body,
    priority,
    labels,
    metadata,
    convoyId,
    blockedBy,
    deferUntil,
    ...(runtime === undefined ? {} : { runtime }),
    ...(model === undefined ? {} : { model }),
    ...(expectMs === undefined ? {} : { expectMs }),
    ...(hold === true ? { hold } : {}),
    createdBy,
  };
}

/**
 * What an agent may not make, or no more of: one that is in a loop must not fill the rig, nor a person's list of questions. Making
 * work is what a mayor is for.
 */
function tooMuchForAgent(world: World, type: BeadInput["type"], { caller, openBeadsBy }: Surroundings): Refusal | null {
  if (caller.kind !== "agent") return null;
  if (type === "merge_request")
    return refuse(403, "a merge request is not made by hand: hand the branch in (done), and Ticktown makes its review");
  if (roleOf(world, caller) === "mayor") return null;
  const { escalations, others } = openBeadsBy(caller.id);
  if (type === "escalation" && escalations >= LIMITS.open_escalations_per_agent)
    return refuse(
      429,
      `agent ${caller.id} has asked ${escalations} times already and nobody has answered; wait, or close what needs no answer any more`,
    );
  if (type !== "escalation" && others >= LIMITS.open_beads_per_agent)
    return refuse(
      429,
      `agent ${caller.id} has made ${others} beads that are open, and an agent may have ${LIMITS.open_beads_per_agent}; finish its own work first, or ask a person (escalations)`,
    );
  return null;
}

function createBead(world: World, input: BeadInput, assignTo: string | null, around: Surroundings): Decision {
  const bead = created(world, input, around, around.caller.id);
  if (isRefusal(bead)) return bead;
  const made = [bead, ...stuckAtOnce(world, bead.beadId, bead.blockedBy)];
  if (assignTo === null) return accept(made, { beadId: bead.beadId });
  const agent = world.agents.get(assignTo);
  if (!agent) return noAgent(assignTo);
  const hooked: Fact = { type: "agent.hooked", agentId: assignTo, beadId: bead.beadId, attempts: 0, branch: null };
  return takes(world, agent, hooked, around.at)
    ? accept([...made, hooked], { beadId: bead.beadId, agentId: assignTo })
    : cannot("agent", assignTo, agent, "take a bead");
}

/** A bead, hooked to an idle polecat or a new one, in one commit. An agent that has a hook is never picked (KC-411). */
function sling(world: World, input: BeadInput, around: Surroundings): Decision {
  const bead = created(world, input, around, around.caller.id);
  if (isRefusal(bead)) return bead;
  const free = freePolecats(world)[0];
  const registered = free ? null : newAgent(world, "polecat", around);
  if (registered !== null && isRefusal(registered)) return registered;
  const agentId = free?.context.id ?? (registered?.type === "agent.registered" ? registered.agentId : "");
  const hooked: Fact = { type: "agent.hooked", agentId, beadId: bead.beadId, attempts: 0, branch: null };
  const made = [bead, ...stuckAtOnce(world, bead.beadId, bead.blockedBy)];
  return accept([...made, ...(registered ? [registered] : []), hooked], { beadId: bead.beadId, agentId });
}

/** An escalation about an escalation joins its parent (KC-1878). One raised by a live dispatch blocks its agent. */
function escalate(world: World, command: CommandOf<"escalate">, around: Surroundings): Decision {
  const { title, body, priority, metadata, agentId } = command;
  const about = typeof metadata["bead_id"] === "string" ? get(world, "bead", metadata["bead_id"]) : undefined;
  if (about?.context.type === "escalation" && !about.hasTag("terminal")) {
    return accept([{ type: "escalation.joined", beadId: about.context.id, title, body, by: agentId }], {
      beadId: about.context.id,
    });
  }
  const bead = created(
    world,
    {
      type: "escalation",
      title,
      body,
      priority,
      labels: [],
      metadata,
      convoyId: null,
      blockedBy: [],
      deferUntil: null,
    },
    around,
    agentId,
  );
  if (isRefusal(bead)) return bead;
  const agent = agentId === null ? undefined : world.agents.get(agentId);
  if (!agent || agentId === null) return accept([bead], { beadId: bead.beadId });
  if (staleness(world, agentId, around.caller.dispatchId, "escalation", bead.beadId))
    return accept([bead], { beadId: bead.beadId, stale: true });
  const asked: Fact = {
    type: "agent.asked_help",
    agentId,
    dispatchId: dispatchId(agentId, agent.context.dispatchN),
    escalationId: bead.beadId,
  };
  return accept(takes(world, agent, asked, around.at) ? [bead, asked] : [bead], { beadId: bead.beadId, agentId });
}
