import { currentDispatch } from "../../machines/agent.ts";
import { LIMITS } from "../../events/limits.ts";
import type { World } from "../world.ts";
import { anyOf, itself, operators, roleOf, type Rule } from "./authority.ts";
import type { CommandOf, Decision, Rows, Surroundings } from "./command.ts";
import { accept, noAgent, refuse, staleness, tooLong } from "./tools.ts";

/** Within the rig; a mayor, within its town. */
const inItsOwnName: Rule<CommandOf<"send_mail">> = {
  says: "agents of this rig and the town's mayors, in their own name",
  holds: (who, { from }, world) =>
    who.kind === "agent" && who.id === from && (who.isAtHome || roleOf(world, who) === "mayor"),
};

/** Letters between agents. */
export const MAIL: Rows<"send_mail" | "read_mail"> = {
  send_mail: { may: anyOf<CommandOf<"send_mail">>(operators, inItsOwnName), run: sendMail },
  read_mail: { may: anyOf<CommandOf<"read_mail">>(operators, itself), run: readMail },
};

function sendMail(world: World, command: CommandOf<"send_mail">, around: Surroundings): Decision {
  const { from, to, subject, body } = command;
  if (!world.agents.has(to)) return noAgent(to);
  if (body.length > LIMITS.mail_body_chars) return tooLong("a mail's body", body);
  if (around.undeliveredMail(to) >= LIMITS.undelivered_mail)
    return refuse(429, `agent ${to} has ${LIMITS.undelivered_mail} undelivered mails; it must read some first`);
  const stale = staleness(world, from, around.caller.dispatchId, "mail", null);
  if (stale) return stale;
  return accept([{ type: "mail.sent", mailId: around.newId("mail"), from, to, subject, body }]);
}

function readMail(world: World, { agentId, mailIds }: CommandOf<"read_mail">, around: Surroundings): Decision {
  const agent = world.agents.get(agentId);
  if (agent === undefined) return noAgent(agentId);
  if (staleness(world, agentId, around.caller.dispatchId, "mail reading", null)) return accept([], { stale: true });
  if (mailIds.length === 0 || around.caller.kind !== "agent") return accept([]);
  const dispatchId = currentDispatch(agent.context);
  // Who was never dispatched has nothing to show later: to read is all that it does.
  return accept([
    dispatchId === null
      ? { type: "mail.delivered", agentId, mailIds }
      : { type: "mail.read", agentId, dispatchId, mailIds },
  ]);
}
