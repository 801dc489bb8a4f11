import { dispatchId } from "../../events/dispatch-id.ts";
import type { Fact } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import type { BeadSnapshot } from "../../machines/bead.ts";
import { freePolecats } from "../schedule.ts";
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
  "create_bead" | "sling" | "escalate" | "set_bead_status" | "close_bead" | "cancel_bead" | "delete_bead"
> = {
  create_bead: {
    may: anyOf<CommandOf<"create_bead">>(operators, mayors, forItself),
    run: (world, { bead, assignTo }, around) => createBead(world, bead, assignTo, around),
  },
  sling: { may: anyOf(operators, mayors), run: (world, { bead }, around) => sling(world, bead, around) },
  escalate: { may: anyOf<CommandOf<"escalate">>(operators, itself), run: escalate },
  set_bead_status: {
    may: anyOf<CommandOf<"set_bead_status">>(operators, mayors, ownBead),
    run: (world, { beadId, status }, around) =>
      ofBead(
        world,
        around,
        beadId,
        (bead) => (bead.value === status ? null : { type: "bead.status_set", beadId, status, by: around.caller.id }),
        `become ${status} by hand`,
      ),
  },
  close_bead: {
    may: anyOf<CommandOf<"close_bead">>(operators, mayors, ownBead),
    run: (world, { beadId }, around) =>
      ofBead(
        world,
        around,
        beadId,
        (bead) => (bead.value === "closed" ? null : { type: "bead.closed", beadId, by: around.caller.id }),
        "be closed",
      ),
  },
  cancel_bead: {
    may: operators,
    run: (world, { beadId }, around) =>
      ofBead(
        world,
        around,
        beadId,
        (bead) => (bead.value === "failed" ? null : { type: "bead.cancelled", beadId, by: around.caller.id }),
        "be cancelled",
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
  const blockedBy: string[] = [];
  for (const id of new Set(input.blockedBy)) {
    const blocker = get(world, "bead", id);
    if (!blocker) return refuse(422, `blocked_by names ${id}, but there is no such bead in this rig`);
    if (blocker.value !== "closed") blockedBy.push(id);
  }
  const { type: beadType, title, body, priority, labels, metadata, convoyId, deferUntil } = input;
  const { runtime, model, expectMs } = input;
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
  if (assignTo === null) return accept([bead], { beadId: bead.beadId });
  const agent = world.agents.get(assignTo);
  if (!agent) return noAgent(assignTo);
  const hooked: Fact = { type: "agent.hooked", agentId: assignTo, beadId: bead.beadId, attempts: 0, branch: null };
  return takes(world, agent, hooked, around.at)
    ? accept([bead, hooked], { beadId: bead.beadId, agentId: assignTo })
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
  return accept([bead, ...(registered ? [registered] : []), hooked], { beadId: bead.beadId, agentId });
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
