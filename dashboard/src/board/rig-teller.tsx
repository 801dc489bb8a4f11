import { useEffect, useMemo } from "react";
import { shownNeeds } from "../lib/needs.ts";
import { forget, needPath, tell, tellNothing } from "../lib/tell.ts";
import { useRig, useStore } from "../lib/use-rig.ts";
import { kindWord } from "./need-words.ts";

/** On every page of a rig: counts who needs somebody in the tab, and tells of what is new. */
export function RigTeller() {
  const { rigId } = useStore();
  const { world, content, version, skew_ms } = useRig();
  const needs = useMemo(
    () =>
      world === null
        ? null
        : shownNeeds(world, content, Date.now() + skew_ms)
            .filter(({ level }) => level === "now")
            .map((need) => ({
              of: rigId,
              key: need.key,
              title: `${kindWord(need.code, need.beads.length, need.waiting.length)} · ${world.rig.context.config?.name ?? rigId}`,
              text: need.title,
              to: needPath(rigId, need.key),
            })),
    [world, version],
  );
  useEffect(() => {
    if (needs === null) return;
    tell(rigId, needs);
    forget(rigId, new Set(needs.map(({ key }) => key)));
  }, [needs]);
  useEffect(() => tellNothing, []);
  return null;
}
