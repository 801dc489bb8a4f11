import { currentDispatch } from "../machines/agent.ts";
import type { Fact } from "../events/facts.ts";
import type { Command } from "../core/decide/index.ts";
import type { Rig } from "./rig.ts";

/**
 * Letters. A dispatch that reads one does not get it again; delivered it is when that dispatch next has something to show, and the next
 * dispatch gets it otherwise: what was told to a process that died was told to nobody.
 */

export const dispatchOf = (rig: Rig, agentId: string): string | null => {
  const agent = rig.world.agents.get(agentId);
  return agent === undefined ? null : currentDispatch(agent.context);
};

/** Commands by which a dispatch shows that what it has read was not read in vain. */
const PROOFS: ReadonlySet<Command["type"]> = new Set(["progressed", "checkpoint", "done"]);

/** What a dispatch has read, once it has something to show for itself. */
export function deliveredBy(rig: Rig, command: Command): Fact[] {
  if (!PROOFS.has(command.type) || !("agentId" in command) || command.agentId === null) return [];
  const { agentId } = command;
  const dispatch = dispatchOf(rig, agentId);
  if (dispatch === null) return [];
  const mailIds = rig.ports.sql
    .exec<{ id: string }>(
      "SELECT id FROM mail WHERE recipient = ? AND delivered_at IS NULL AND read_by = ? ORDER BY seq",
      agentId,
      dispatch,
    )
    .toArray()
    .map(({ id }) => id);
  return mailIds.length === 0 ? [] : [{ type: "mail.delivered", agentId, mailIds }];
}
