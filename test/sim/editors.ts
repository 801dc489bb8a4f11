import type { Command } from "../../src/core/decide/index.ts";
import type { Random } from "./random.ts";
import type { Simulation } from "./requests.ts";
import type { SimRig } from "./stage.ts";

/** People who change what there is: what beads say and wait for, whose hand they are in, where the rig's work goes. */

export function edit(sim: Simulation, rig: SimRig): void {
  const random = sim.random(`editor:${rig.id}`);
  const next = (): void => {
    sim.queue.after(random.around(600_000), () => {
      if (sim.healed) return;
      for (const command of edited(sim, rig, random)) {
        sim.request(rig, command);
        if (random.chance(0.1)) sim.request(rig, command);
      }
      next();
    });
  };
  next();
}

function edited(sim: Simulation, rig: SimRig, random: Random): Command[] {
  const beads =
    sim.peek(rig, (world) =>
      [...world.beads.values()].filter(({ context }) => context.type === "issue").map(({ context }) => context.id),
    ) ?? [];
  const over = [...rig.ended.keys()];
  const any = (): string => (beads.length === 0 ? "bead-none" : random.pick(beads));
  const ended = (): string => (over.length === 0 ? "bead-none" : random.pick(over));
  const edge = (): string => (random.chance(0.3) ? ended() : any());
  const beadId = any();
  switch (
    random.weighted({ edges: 5, free: 2, priority: 2, words: 1, time: 1, cancel: 2, retry: 3, hand: 2, rig: 1 })
  ) {
    case "edges":
      return [{ type: "edit_bead", beadId, changes: { blockedBy: random.chance(0.5) ? [edge()] : [edge(), edge()] } }];
    case "free":
      return [{ type: "edit_bead", beadId, changes: { blockedBy: [] } }];
    case "priority":
      return [{ type: "edit_bead", beadId, changes: { priority: random.pick(["low", "critical"] as const) } }];
    case "words":
      return [{ type: "edit_bead", beadId, changes: { title: "better said", labels: ["edited"] } }];
    case "time":
      return [{ type: "edit_bead", beadId, changes: { deferUntil: rig.now() + random.around(1_800_000) } }];
    case "cancel":
      return [{ type: "cancel_bead", beadId }];
    case "retry":
      return random.chance(0.5)
        ? [{ type: "retry_bead", beadId: ended() }]
        : [{ type: "retry_beads", beadIds: over.slice(-6) }];
    case "hand":
      sim.queue.after(random.around(1_200_000), () =>
        sim.request(rig, { type: "set_bead_status", beadId, status: "open" }),
      );
      return [{ type: "set_bead_status", beadId, status: "in_progress" }];
    case "rig":
      return [
        { type: "edit_rig", changes: { defaultBranch: "trunk" } },
        { type: "edit_rig", changes: { defaultBranch: "main" } },
      ];
  }
}
