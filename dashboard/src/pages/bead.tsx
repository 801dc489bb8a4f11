import { BeadDetails } from "../board/details/bead.tsx";
import { beadTitle } from "../lib/names.ts";
import { useTitle } from "../lib/title.ts";
import { useWorld } from "../lib/use-rig.ts";
import { Nothing } from "../ui/parts.tsx";
import "../styles/board.css";
import "../styles/drawer.css";

/** A piece of work. */
export default function BeadPage({ beadId }: { beadId: string }) {
  const { world, state } = useWorld();
  const bead = world.beads.get(beadId);
  const title = bead === undefined ? "Not found" : beadTitle(state.content, beadId);
  useTitle(title);
  return (
    <div className="page narrow">
      <h1 style={{ font: "var(--t20)", fontWeight: 600, marginBottom: 8 }}>{title}</h1>
      {bead === undefined ? (
        <Nothing title="This rig has no such piece of work">
          <p>Or it ended long ago: the journal still has it.</p>
        </Nothing>
      ) : (
        <BeadDetails key={beadId} bead={bead} />
      )}
    </div>
  );
}
