import { expect, test } from "vitest";
import { violations } from "../../../src/core/invariants.ts";
import { replaySync } from "../../../src/core/replay.ts";
import { storedActors } from "../../../src/do/store.ts";
import { brought, linesOf, sealed } from "./restore-words.ts";
import { journal, slung, town } from "./words.ts";

/** A rig with damaged actors that is lost and brought back from a file. */

test("RESTORE-damaged who was damaged is damaged here as well: what was said to it then comes out as it did, and a repair takes it back", async () => {
  for (const kind of ["bead", "agent"] as const) {
    const rig = town();
    const { agentId, beadId } = await slung(rig, "the damaged one");
    const id = kind === "bead" ? beadId : agentId;
    rig.ports.sql.exec("UPDATE actors SET context = '{garbage' WHERE kind = ? AND id = ?", kind, id);
    rig.reopen();
    rig.tell({ type: "agent.progressed", agentId, dispatchId: `${agentId}:1`, what: "a tool" });
    rig.tell({ type: "bead.unblocked", beadId, blockerId: "none" });
    expect(journal(rig).some(({ missing }) => missing === `${kind}:${id}`)).toBe(true);
    const again = await brought(sealed(linesOf(rig)));
    expect(journal(again).slice(0, journal(rig).length)).toEqual(journal(rig));
    expect([...again.rig.world.broken.keys()]).toEqual([`${kind}:${id}`]);
    again.reopen();
    expect([...again.rig.world.broken.keys()]).toEqual([`${kind}:${id}`]);
    again.run({ type: "repair", kind, id });
    expect([...again.rig.world.broken.keys()]).toEqual([]);
    expect(violations(again.rig.world)).toEqual([]);
    expect(replaySync(journal(again), storedActors(again.ports.sql)).divergence).toBe(null);
  }
});
