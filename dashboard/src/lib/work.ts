import type { BoardContent } from "../../../src/wire/board.ts";
import type { World } from "../../../src/core/world.ts";
import type { BeadSnapshot } from "../../../src/machines/bead.ts";
import { PLACES, placeOf, type Lists, type Place } from "./lists.ts";
import { agentName, beadTitle } from "./names.ts";

/** The list of work as it is asked for in the address: which, in which order, in which groups. */

export const FILTERS = {
  open: {
    word: "Open",
    of: (lists: Lists) => PLACES.filter((place) => place !== "closed").flatMap((place) => lists.work[place]),
  },
  ready: { word: "Ready", of: ({ work }: Lists) => work.ready },
  waiting: { word: "Waiting", of: ({ work }: Lists) => work.waiting },
  stuck: { word: "Stuck", of: ({ stuck }: Lists) => stuck },
  running: { word: "With an agent", of: ({ work }: Lists) => work.running },
  review: { word: "In train", of: ({ work }: Lists) => work.review },
  failed: { word: "Failed", of: ({ work }: Lists) => work.failed },
  people: { word: "For people", of: ({ work }: Lists) => work.people },
  merged: { word: "Merged today", of: ({ merged }: Lists) => merged },
  closed: { word: "Ended", of: ({ work }: Lists) => work.closed },
  all: { word: "All", of: (lists: Lists) => PLACES.flatMap((place) => lists.work[place]) },
} as const;
export type Filter = keyof typeof FILTERS;
/** Lists with work that has ended: those that are old are not in them before they are fetched. */
export const GOES_BACK: ReadonlySet<Filter> = new Set(["failed", "merged", "closed", "all"]);
export const filterOf = (name: string | null): Filter => (name !== null && name in FILTERS ? (name as Filter) : "open");

export const GROUPINGS = {
  place: "State",
  priority: "Priority",
  agent: "Agent",
  label: "Label",
  none: "Nothing",
} as const;
export type Grouping = keyof typeof GROUPINGS;
export const SORTS = {
  turn: "Its turn",
  age: "Age",
  priority: "Priority",
  title: "Title",
  cost: "Cost",
  tries: "Tries",
} as const;
export type Sort = keyof typeof SORTS;

export const PLACE_WORDS: Record<Place, string> = {
  people: "For people",
  running: "With an agent",
  ready: "Ready",
  waiting: "Waiting",
  review: "In train",
  failed: "Failed",
  closed: "Ended",
};

export const PRIORITIES = ["critical", "high", "medium", "low"] as const;

export interface Asked {
  readonly filter: Filter;
  readonly by: Grouping;
  readonly sort: Sort;
  readonly text: string;
}

/** A line of the list: a piece of work, or the name of those under it. */
export type Line = { readonly bead: BeadSnapshot } | { readonly group: string; readonly count: number };

interface Known {
  readonly world: World;
  readonly content: ReadonlyMap<string, BoardContent>;
  readonly now: number;
}

export function linesOf(lists: Lists, asked: Asked, known: Known): { lines: Line[]; beads: readonly BeadSnapshot[] } {
  const wanted = asked.text.trim().toLowerCase();
  const all = FILTERS[asked.filter].of(lists);
  const beads = wanted === "" ? all : all.filter((bead) => textOf(bead, known).includes(wanted));
  const sorted = asked.sort === "turn" ? beads : beads.toSorted(orderOf(asked.sort, known));
  if (asked.by === "none") return { lines: sorted.map((bead) => ({ bead })), beads };
  const groups = new Map<string, BeadSnapshot[]>();
  for (const bead of sorted) {
    const group = groupOf(bead, asked.by, known);
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [bead]);
    else members.push(bead);
  }
  const names = [...groups.keys()];
  const order = ORDERS[asked.by];
  names.sort((a, b) => (order === undefined ? a.localeCompare(b) : order.indexOf(a) - order.indexOf(b)));
  const lines = names.flatMap((group): Line[] => {
    const members = groups.get(group) ?? [];
    return [{ group, count: members.length }, ...members.map((bead) => ({ bead }))];
  });
  return { lines, beads };
}

const ORDERS: Partial<Record<Grouping, readonly string[]>> = {
  place: PLACES.map((place) => PLACE_WORDS[place]),
  priority: PRIORITIES,
};

const textOf = ({ context }: BeadSnapshot, { content, world }: Known): string =>
  `${beadTitle(content, context.id)} ${context.id} ${(content.get(context.id)?.labels ?? []).join(" ")} ${context.assignee === null ? "" : agentName(world, context.assignee)}`.toLowerCase();

function groupOf(bead: BeadSnapshot, by: Grouping, { world, content, now }: Known): string {
  switch (by) {
    case "place":
      return PLACE_WORDS[placeOf(bead, now)];
    case "priority":
      return bead.context.priority;
    case "agent":
      return bead.context.assignee === null ? "No agent" : agentName(world, bead.context.assignee);
    case "label":
      return content.get(bead.context.id)?.labels[0] ?? "No label";
    case "none":
      return "";
  }
}

function orderOf(sort: Sort, { content }: Known): (a: BeadSnapshot, b: BeadSnapshot) => number {
  const seq = (a: BeadSnapshot, b: BeadSnapshot) => a.context.seq - b.context.seq;
  const by = (of: (bead: BeadSnapshot) => number) => (a: BeadSnapshot, b: BeadSnapshot) => of(b) - of(a) || seq(a, b);
  switch (sort) {
    case "age":
      return by(({ context }) => -context.createdAt);
    case "priority":
      return by(({ context }) => -PRIORITIES.indexOf(context.priority));
    case "cost":
      return by(({ context }) => (context.spent?.microdollars ?? 0) * 1e6 + (context.spent?.tokens ?? 0));
    case "tries":
      return by(({ context }) => context.attempts);
    case "title":
      return (a, b) => beadTitle(content, a.context.id).localeCompare(beadTitle(content, b.context.id)) || seq(a, b);
    case "turn":
      return seq;
  }
}
