import { useMemo } from "react";
import { dayOf, NOTHING_SPENT, spentText, usedText } from "../../../src/events/budget.ts";
import type { Settings } from "../../../src/events/settings.ts";
import { dayCaps, type BudgetSnapshot } from "../../../src/machines/budget.ts";
import { bytes } from "../lib/bytes.ts";
import type { RigState } from "../lib/rig-store.ts";
import { dateAndTime } from "../lib/time.ts";
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
      {world.budget !== undefined && <Spent budget={world.budget} settings={settings} at={world.at} />}
      {state.disk !== null && <Disk disk={state.disk} />}
      <span className="soft small">
        Looks every {Math.round((isActive ? settings.cadence_active_ms : settings.cadence_idle_ms) / 1_000)} s while{" "}
        {isActive ? "work goes on" : "it is quiet"}; new work never waits for that.
      </span>
    </div>
  );
}

/** What the rig has used today, and of which cap. */
function Spent(props: { budget: BudgetSnapshot; settings: Settings; at: number }) {
  const { budget, settings, at } = props;
  const today = budget.context.day === dayOf(at) ? budget.context.today : NOTHING_SPENT;
  const caps = dayCaps(settings);
  const isCapped = caps.tokens !== null || caps.microdollars !== null;
  const [main = "", ...others] = usedText(today).split(", ");
  return (
    <div className="vital">
      <b>{main}</b>
      <span>{[...others, "today", ...(isCapped ? [`(${spentText(today, caps)})`] : [])].join(" ")}</span>
    </div>
  );
}

/** How full the container's disk is, and what of it is this rig's. */
function Disk({ disk: { at, free_bytes, total_bytes, rig_bytes } }: { disk: NonNullable<RigState["disk"]> }) {
  const used = total_bytes === 0 ? 0 : Math.min(100, (1 - free_bytes / total_bytes) * 100);
  return (
    <div className="vital" title={`As of ${dateAndTime(at)}`}>
      <b>{bytes(free_bytes)}</b>
      <span>of {bytes(total_bytes)} disk free</span>
      <span className="meter" aria-hidden="true">
        <i style={{ width: `${used}%` }} />
      </span>
      {rig_bytes !== null && <span>{bytes(rig_bytes)} are this rig's</span>}
    </div>
  );
}

const Vital = ({ n, of }: { n: number; of: string }) => (
  <div className="vital">
    <b>{n.toLocaleString("en")}</b>
    <span>{of}</span>
  </div>
);
