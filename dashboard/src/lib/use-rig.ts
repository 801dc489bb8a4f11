import { createContext, useContext, useEffect, useSyncExternalStore } from "react";
import type { World } from "../../../src/core/world.ts";
import type { RigState, RigStore } from "./rig-store.ts";

export const RigContext = createContext<RigStore | null>(null);

export function useStore(): RigStore {
  const store = useContext(RigContext);
  if (store === null) throw new Error("no rig is open here");
  return store;
}

/** The rig's state; renders again with every version. */
export function useRig(): RigState {
  const store = useStore();
  return useSyncExternalStore(store.subscribe, store.get);
}

/** The same where the board is there: its world is. */
export function useWorld(): { state: RigState; world: World; now: number } {
  const state = useRig();
  if (state.world === null) throw new Error("the rig's world is not loaded yet");
  return { state, world: state.world, now: Date.now() + state.skew_ms };
}

/** Whether all texts of a bead are here; those that had no room on the board are fetched. */
export function useWhole(beadId: string): boolean {
  const store = useStore();
  const isCut = useRig().content.get(beadId)?.isCut === true;
  useEffect(() => {
    // Whoever cannot have it sees what there is; the line says why.
    if (isCut) store.whole(beadId).catch(() => {});
  }, [store, beadId, isCut]);
  return !isCut;
}
