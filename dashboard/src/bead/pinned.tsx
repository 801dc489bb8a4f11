import { useMemo } from "react";
import type { BeadSnapshot } from "../../../src/machines/bead.ts";
import { Need } from "../board/need.tsx";
import * as actions from "../lib/actions.ts";
import { shownNeeds } from "../lib/needs.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { useDialog } from "../ui/dialogs.tsx";
import { Btn } from "../ui/parts.tsx";
import { useToasts } from "../ui/toasts.tsx";

/** What somebody is needed for on this piece of work, with its answer: on screen wherever one reads. */
export function PinnedNeed({ beadId }: { beadId: string }) {
  const { state, world, now } = useWorld();
  const assignee = world.beads.get(beadId)?.context.assignee ?? null;
  const hook = world.agents.get(assignee ?? "")?.context.hook ?? null;
  const needs = useMemo(
    () =>
      shownNeeds(world, state.content, now).filter(
        (need) =>
          need.level === "now" &&
          (need.beads.includes(beadId) || (hook === beadId && need.agents.includes(assignee ?? ""))),
      ),
    [world, state.version, beadId, assignee, hook],
  );
  if (needs.length === 0) return null;
  return (
    <ul className="needs pinned" aria-label="Needs you now">
      {needs.slice(0, 2).map((need, n) => (
        <Need key={need.key} need={need} see={() => {}} isFirst={n === 0} />
      ))}
    </ul>
  );
}

/** What may be done with it, each a fact under one's name. */
export function BeadActs({ bead, title, body }: { bead: BeadSnapshot; title: string; body: string }) {
  const { rigId } = useStore();
  const { context } = bead;
  const ask = useDialog();
  const toasts = useToasts();
  const isOpen = !bead.hasTag("terminal");
  return (
    <>
      {isOpen && context.assignee !== null && (
        <Btn onClick={() => ask({ type: "mail", to: context.assignee })}>Write to its agent…</Btn>
      )}
      {isOpen && context.type === "issue" && context.assignee === null && (
        <Btn onClick={() => ask({ type: "hook", agentId: null, beadId: context.id })}>Give to an agent…</Btn>
      )}
      {isOpen && (
        <Btn
          kind="grave"
          onClick={() =>
            ask({
              type: "confirm",
              title: "Cancel this piece of work?",
              text: `“${title}” ends and stays so. What runs for it is stopped.`,
              yes: "Cancel it",
              isGrave: true,
              doing: () => actions.cancelBead(rigId, context.id),
              failed: "It was not cancelled",
            })
          }
        >
          Cancel…
        </Btn>
      )}
      {bead.value === "failed" && (
        <Btn onClick={() => void toasts.act(() => actions.retryAll(rigId, [context.id], []), "It was not tried again")}>
          Retry
        </Btn>
      )}
      {!isOpen && bead.value !== "failed" && (
        <Btn onClick={() => ask({ type: "sling", title, body })}>Sling again…</Btn>
      )}
    </>
  );
}
