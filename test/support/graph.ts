import { getAdjacencyMap, getShortestPaths } from "@xstate/graph";
import type { ActorLogic, AnyEventObject, Snapshot } from "xstate";

/**
 * The one file that imports @xstate/graph. It walks any pure function over states; what a state's key leaves out, the walk
 * does not tell apart.
 */
export interface Walk<State extends object, Event extends { readonly type: string }> {
  readonly start: State;
  next(state: State, event: Event): State;
  /** What may happen in a state. */
  events(state: State): readonly Event[];
  /** States with the same key are one. */
  key(state: State): string;
}

export interface Edge<State, Event> {
  readonly from: string;
  readonly event: Event;
  readonly after: State;
  readonly to: string;
}

export interface Walked<State, Event> {
  /** The shortest way to every reachable state, by key. */
  readonly ways: ReadonlyMap<string, readonly Event[]>;
  /** Everything that may happen in every reachable state. */
  readonly edges: readonly Edge<State, Event>[];
}

export function walk<State extends object, Event extends { readonly type: string }>({
  start,
  next,
  events,
  key,
}: Walk<State, Event>): Walked<State, Event> {
  // A state is asked for its key several times, and a next state is computed by both functions of the library.
  const keys = new WeakMap<State, string>();
  const keyOf = (state: State): string => {
    const known = keys.get(state);
    if (known !== undefined) return known;
    const made = key(state);
    keys.set(state, made);
    return made;
  };
  const logic = { transition: next, getInitialSnapshot: () => start } as unknown as ActorLogic<
    Snapshot<unknown>,
    AnyEventObject
  >;
  const options = {
    events,
    fromState: start,
    serializeState: keyOf,
    serializeEvent: (event: Event) => JSON.stringify(event),
  } as never;
  const adjacency = getAdjacencyMap(logic, options) as unknown as Record<
    string,
    { state: State; transitions: Record<string, { event: Event; state: State }> }
  >;
  const edges = Object.entries(adjacency).flatMap(([from, { transitions }]) =>
    Object.values(transitions).map(({ event, state }) => ({ from, event, after: state, to: keyOf(state) })),
  );
  // The walk is done; the second function of the library only looks it up.
  const seen = new Map(Object.values(adjacency).map(({ state, transitions }) => [state, transitions]));
  const looked = {
    ...logic,
    transition: (state: State, event: Event) => seen.get(state)?.[JSON.stringify(event)]?.state ?? next(state, event),
  };
  const paths = getShortestPaths(looked as never, options) as unknown as { state: State; steps: { event: Event }[] }[];
  // The first event of a path is the library's own.
  return {
    ways: new Map(paths.map(({ state, steps }) => [keyOf(state), steps.slice(1).map((step) => step.event)])),
    edges,
  };
}
