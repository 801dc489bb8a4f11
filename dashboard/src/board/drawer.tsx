import { Drawer } from "@mantine/core";
import { beadTitle } from "../lib/names.ts";
import { setParams, usePlace } from "../lib/url.ts";
import { useWorld } from "../lib/use-rig.ts";
import { AgentDetails } from "./details/agent.tsx";
import { BeadDetails } from "./details/bead.tsx";
import "../styles/drawer.css";

/** Everything about one agent or bead, beside the board. */
export function Details() {
  const { params } = usePlace();
  const { world, state } = useWorld();
  const show = params.get("show") ?? "";
  const agent = show.startsWith("agent:") ? world.agents.get(show.slice(6)) : undefined;
  const bead = show.startsWith("bead:") ? world.beads.get(show.slice(5)) : undefined;
  const title =
    agent !== undefined
      ? agent.context.name
      : bead !== undefined
        ? beadTitle(state.content, bead.context.id)
        : "Not found";
  return (
    <Drawer
      opened={show !== ""}
      onClose={() => setParams({ show: null })}
      position="right"
      size="min(560px, 100vw)"
      title={<b>{title}</b>}
      closeButtonProps={{ "aria-label": "Close" }}
      overlayProps={{ backgroundOpacity: 0.18 }}
      transitionProps={{ duration: 120 }}
    >
      {agent !== undefined && <AgentDetails key={agent.context.id} agent={agent} />}
      {bead !== undefined && <BeadDetails key={bead.context.id} bead={bead} />}
      {agent === undefined && bead === undefined && (
        <p className="soft">
          This rig has no {show.replace(":", " ")}, or it ended long ago: the journal still has it.
        </p>
      )}
    </Drawer>
  );
}
