import type { OpenBeads } from "../core/decide/command.ts";
import type { Rig } from "./rig.ts";

/**
 * Who made the open beads: no machine remembers it, and an agent may have made so many. Read once, when an agent first makes one in
 * this life of the object, and kept up with each commit.
 */
const known = new WeakMap<Rig, Map<string, string>>();

export function openBeadsBy(rig: Rig, agentId: string): OpenBeads {
  const makers = known.get(rig) ?? read(rig);
  const open = { escalations: 0, others: 0 };
  for (const [beadId, maker] of makers) {
    const bead = rig.world.beads.get(beadId);
    if (bead === undefined) makers.delete(beadId);
    else if (maker === agentId) open[bead.context.type === "escalation" ? "escalations" : "others"]++;
  }
  return open;
}

function read(rig: Rig): Map<string, string> {
  const makers = new Map<string, string>();
  const rows = rig.ports.sql
    .exec<{ id: string; maker: string | null }>(
      `SELECT actors.id AS id, json_extract(content.body, '$.createdBy') AS maker
       FROM actors JOIN content ON content.kind = 'bead' AND content.id = actors.id
       WHERE actors.kind = 'bead' AND actors.live = 1`,
    )
    .toArray();
  for (const { id, maker } of rows) if (maker !== null) makers.set(id, maker);
  rig.listeners.add((entries) => {
    for (const { fact } of entries)
      if (fact.type === "bead.created" && fact.createdBy !== null) makers.set(fact.beadId, fact.createdBy);
  });
  known.set(rig, makers);
  return makers;
}
