import { useMemo } from "react";
import { useWorld } from "../lib/use-rig.ts";

/** The few numbers that say how the rig is. */
export function Vitals() {
  const { state, world } = useWorld();
  const counts = useMemo(() => {
    let open = 0;
    let closed = 0;
    for (const bead of world.beads.values()) {
      if (bead.context.type !== "issue") continue;
      if (bead.value === "closed") closed++;
      else if (bead.value !== "failed") open++;
    }
    return { open, closed };
  }, [world, state.version]);
  const { settings } = world.rig.context;
  const slots = world.index.slots.size;
  const isActive = world.rig.matches({ cadence: "active" });
  return (
    <div className="vitals">
      <div className="vital">
        <b>
          {slots}
          <span className="soft"> / {settings.capacity}</span>
        </b>
        <span>slots</span>
        <span className="meter" aria-hidden="true">
          <i style={{ width: `${settings.capacity === 0 ? 0 : Math.min(100, (slots / settings.capacity) * 100)}%` }} />
        </span>
      </div>
      <Vital n={world.index.ready.size} of="ready" />
      <Vital n={counts.open} of="open beads" />
      <Vital n={world.index.queued.size + world.index.merging.size} of="to be merged" />
      <Vital n={counts.closed} of="closed" />
      <span className="soft small">
        Looks every {Math.round((isActive ? settings.cadence_active_ms : settings.cadence_idle_ms) / 1_000)} s while {isActive ? "work goes on" : "it is quiet"}; new work never waits for that.
      </span>
    </div>
  );
}

const Vital = ({ n, of }: { n: number; of: string }) => (
  <div className="vital">
    <b>{n.toLocaleString("en")}</b>
    <span>{of}</span>
  </div>
);
