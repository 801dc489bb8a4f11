import { useEffect, useMemo, useState } from "react";
import { historyOf, type History } from "../lib/history.ts";
import { listsOf, startOfToday, type Lists } from "../lib/lists.ts";
import { useWorld } from "../lib/use-rig.ts";

/** What of the board was marked as seen stays in this browser. */
const SEEN = "ticktown.seen";
const SEEN_KEPT = 2_000;
/** What waits for a time becomes ready without a fact. */
const LOOK_MS = 30_000;

function useEvery(ms: number): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setCount((n) => n + 1), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return count;
}

export interface Shown {
  readonly lists: Lists;
  readonly history: History;
  /** The rig's time when they were made, ms. */
  readonly now: number;
  see(beadIds: readonly string[]): void;
}

/** All lists of the board, made once for each version of the rig: numbers and lists cannot be of different moments. */
export function useLists(): Shown {
  const { state, world, now } = useWorld();
  const looks = useEvery(LOOK_MS);
  const [seen, setSeen] = useState<ReadonlySet<string>>(
    () => new Set(JSON.parse(localStorage.getItem(SEEN) ?? "[]") as string[]),
  );
  const made = useMemo(
    () => ({ lists: listsOf(world, { content: state.content, now, today: startOfToday(now), seen }), now }),
    [world, state.worldVersion, seen, looks],
  );
  const history = useMemo(() => historyOf(state.entries, now), [state.entries, looks]);
  const see = (ids: readonly string[]) => {
    const next = new Set([...seen, ...ids].slice(-SEEN_KEPT));
    localStorage.setItem(SEEN, JSON.stringify([...next]));
    setSeen(next);
  };
  return { ...made, history, see };
}
