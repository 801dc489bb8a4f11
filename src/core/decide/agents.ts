import { meantOption, offered } from "../../events/choice.ts";
import { askOf } from "../../machines/agent/driver.ts";
import { clip, type Fact, type Role } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import { freePolecats, hook as hookFact, polecatName } from "../schedule.ts";
import { get, type World } from "../world.ts";
import { anyOf, itself, mayors, operators } from "./authority.ts";
import type { CommandOf, Decision, Refusal, Rows, Surroundings } from "./command.ts";
import { accept, allowedIn, cannot, isRefusal, noAgent, noBead, refuse, stateName, takes, tooLong } from "./tools.ts";

/** Commands about agents, from outside of them. */
export const AGENTS: Rows<
  | "register_agent"
  | "get_or_create_agent"
  | "delete_agent"
  | "hook"
  | "unhook"
  | "hold_agent"
  | "release_agent"
  | "answer"
> = {
  register_agent: {
    may: anyOf(operators, mayors),
    run: (world, { role, name, identity }, around) => registerAgent(world, role, name, identity, around),
  },
  get_or_create_agent: {
    may: anyOf(operators, mayors),
    run: (world, { role }, around) => getOrCreateAgent(world, role, around),
  },
  delete_agent: {
    may: anyOf(operators, mayors),
    run: (world, { agentId }) =>
      world.agents.has(agentId) ? accept([{ type: "agent.deleted", agentId }], { agentId }) : noAgent(agentId),
  },
  hook: {
    may: anyOf<CommandOf<"hook">>(operators, mayors, itself),
    run: (world, { agentId, beadId }, around) => hook(world, agentId, beadId, around),
  },
  unhook: { may: anyOf<CommandOf<"unhook">>(operators, mayors, itself), run: unhook },
  hold_agent: { may: operators, run: hold },
  release_agent: { may: operators, run: release },
  answer: { may: operators, run: answer },
};

export function newAgent(
  world: World,
  role: Role,
  around: Surroundings,
  name?: string,
  identity?: string,
): Extract<Fact, { type: "agent.registered" }> | Refusal {
  if (world.agents.size >= LIMITS.agents)
    return refuse(429, `this rig has ${LIMITS.agents} agents already; delete some first`);
  const agentId = around.newId("agent");
  const called = name ?? (role === "polecat" ? polecatName(world) : role);
  const known =
    identity ?? `${world.rig.context.config?.name ?? "rig"}/${role === "polecat" ? "polecats" : role}/${world.seq + 1}`;
  if (world.index.identities.has(known))
    return refuse(409, `identity ${known} belongs to agent ${world.index.identities.get(known) ?? ""} already`);
  return { type: "agent.registered", agentId, role, name: called, identity: known };
}

function registerAgent(world: World, role: Role, name: string, identity: string, around: Surroundings): Decision {
  const fact = newAgent(world, role, around, name, identity);
  return isRefusal(fact) ? fact : accept([fact], { agentId: fact.agentId });
}

/** An idle unhooked one first; refinery, witness and mayor are singletons. */
function getOrCreateAgent(world: World, role: Role, around: Surroundings): Decision {
  const known =
    role === "polecat"
      ? freePolecats(world)[0]
      : [...world.agents.values()].find((agent) => agent.context.role === role);
  if (known) return accept([], { agentId: known.context.id });
  const fact = newAgent(world, role, around);
  return isRefusal(fact) ? fact : accept([fact], { agentId: fact.agentId });
}

function hook(world: World, agentId: string, beadId: string, around: Surroundings): Decision {
  const agent = world.agents.get(agentId);
  if (!agent) return noAgent(agentId);
  const bead = get(world, "bead", beadId);
  if (!bead) return noBead(beadId);
  if (agent.context.hook === beadId) return accept([], { agentId, beadId });
  const fact = hookFact(bead, agentId);
  if (!takes(world, agent, fact, around.at)) return cannot("agent", agentId, agent, `take bead ${beadId}`);
  if (!takes(world, bead, fact, around.at)) {
    return bead.context.assignee === null
      ? cannot("bead", beadId, bead, "be hooked")
      : refuse(409, `bead ${beadId} is on the hook of agent ${bead.context.assignee} already`, {
          state: stateName(bead),
          allowed: allowedIn(bead),
        });
  }
  return accept([fact], { agentId, beadId });
}

function unhook(world: World, { agentId }: CommandOf<"unhook">, around: Surroundings): Decision {
  const agent = world.agents.get(agentId);
  if (!agent) return noAgent(agentId);
  const { hook: beadId } = agent.context;
  const reason = `unhooked by ${clip(around.caller.id, 200)}`;
  return accept(beadId === null ? [] : [{ type: "agent.unhooked", agentId, beadId, reason }], { agentId });
}

/** Whoever is held already stays held by whom and for what it was. */
function hold(world: World, { agentId, reason }: CommandOf<"hold_agent">, around: Surroundings): Decision {
  const agent = world.agents.get(agentId);
  if (!agent) return noAgent(agentId);
  const fact: Fact = { type: "agent.held", agentId, by: around.caller.id, reason: clip(reason, LIMITS.reason_chars) };
  return accept(agent.context.held === undefined ? [fact] : [], { agentId });
}

function release(world: World, { agentId }: CommandOf<"release_agent">, around: Surroundings): Decision {
  const agent = world.agents.get(agentId);
  if (!agent) return noAgent(agentId);
  const fact: Fact = { type: "agent.released", agentId, by: around.caller.id };
  return accept(agent.context.held === undefined ? [] : [fact], { agentId });
}

function answer(world: World, command: CommandOf<"answer">, around: Surroundings): Decision {
  const { agentId, option = null, answer: words = null } = command;
  const agent = world.agents.get(agentId);
  if (!agent) return noAgent(agentId);
  // What its process asked when it ended for another reason is asked no more.
  const isAsking = agent.matches({ blocked: "onHelp" }) || agent.matches({ blocked: "onPermission" });
  const ask = isAsking ? askOf(agent.context) : undefined;
  const chosen =
    option === null ? meantOption(words ?? "", ask?.options ?? []) : ask?.options.find(({ id }) => id === option);
  if (option !== null && chosen === undefined)
    return refuse(
      422,
      `agent ${agentId} gives no answer called ${option} to choose from${ask === undefined ? "" : `; there is ${ask.options.map(({ id }) => id).join(", ") || "none"}`}`,
    );
  // What a tool may do is said by one of its answers. Other words are nobody's Yes, and nobody's No.
  if (ask?.kind === "permission" && chosen === undefined)
    return refuse(
      422,
      `agent ${agentId} asks for a permission, and "${clip(words ?? "", 60)}" is none of its answers: ${offered(ask.options)}`,
    );
  const text = words ?? chosen?.label ?? "";
  if (text.length > LIMITS.mail_body_chars) return tooLong("an answer", text);
  const fact: Fact = {
    type: "agent.answered",
    agentId,
    answer: text,
    by: around.caller.id,
    ...(ask === undefined ? {} : { askId: ask.id }),
    ...(chosen === undefined ? {} : { optionId: chosen.id }),
  };
  return takes(world, agent, fact, around.at)
    ? accept([fact], { agentId })
    : cannot("agent", agentId, agent, "be unblocked");
}
