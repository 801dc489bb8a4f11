import { useEffect, useRef } from "react";
import type { World } from "../../../src/core/world.ts";
import { shownNeeds } from "../lib/needs.ts";
import type { RigState } from "../lib/rig-store.ts";
import { forget, needPath, tell, tellNothing, type Told } from "../lib/tell.ts";
import { useRig, useStore } from "../lib/use-rig.ts";
import { kindWord } from "./need-words.ts";

/** What is drawn goes first, and many facts at once are told once. */
const TELL_MS = 250;

/** On every page of a rig: counts who needs somebody in the tab, and tells of what is new. */
export function RigTeller() {
  const store = useStore();
  const { worldVersion } = useRig();
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      const state = store.get();
      if (state.world === null) return;
      const needs = toldOf(store.rigId, state.world, state);
      tell(store.rigId, needs);
      forget(store.rigId, new Set(needs.map(({ key }) => key)));
    }, TELL_MS);
  }, [store, worldVersion]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
      tellNothing();
    },
    [store],
  );
  return null;
}

/** What stands still until somebody acts. */
function toldOf(rigId: string, world: World, { content, skew_ms }: RigState): Told[] {
  return shownNeeds(world, content, Date.now() + skew_ms)
    .filter(({ level }) => level === "now")
    .map((need) => ({
      of: rigId,
      key: need.key,
      title: `${kindWord(need.code, need.beads.length, need.waiting.length)} · ${world.rig.context.config?.name ?? rigId}`,
      text: need.title,
      to: needPath(rigId, need.key),
    }));
}
