import type { BoardContent } from "../../../src/wire/board.ts";
import { rank } from "../../../src/core/rank.ts";
import { waitsForSlot } from "../../../src/core/schedule.ts";
import { inLine } from "../../../src/core/train/depart.ts";
import type { World } from "../../../src/core/world.ts";
import type { AgentSnapshot } from "../../../src/machines/agent.ts";
import type { BeadSnapshot } from "../../../src/machines/bead.ts";
import type { ReviewSnapshot } from "../../../src/machines/review.ts";
import { shownNeeds, type ShownNeed } from "./needs.ts";

/**
 * Every list of a rig's board. Its numbers are the lengths of these lists and come from nowhere else, so that a number and the list
 * that it opens cannot differ.
 */

/** Where a piece of work is; each is in exactly one place. */
export const PLACES = ["people", "running", "ready", "waiting", "review", "failed", "closed"] as const;
export type Place = (typeof PLACES)[number];

export function placeOf(bead: BeadSnapshot, now: number): Place {
  if (bead.context.cancelled === true) return "closed";
  if (bead.context.type !== "issue") return bead.hasTag("terminal") ? "closed" : "people";
  switch (bead.value) {
    case "in_progress":
      return "running";
    case "in_review":
      return "review";
    case "failed":
      return "failed";
    case "closed":
      return "closed";
    default:
      return waitsForSlot(bead, now) ? "ready" : "waiting";
  }
}

/** What an agent is to whoever looks; each is in exactly one group, in this order. */
export const AGENT_GROUPS = ["yours", "working", "waits", "free"] as const;
export type AgentGroup = (typeof AGENT_GROUPS)[number];

export function groupOf(agent: AgentSnapshot): AgentGroup {
  if (agent.matches("blocked") && !agent.matches({ blocked: "quarantined" })) return "yours";
  if (agent.hasTag("slot")) return "working";
  return agent.matches({ idle: "empty" }) ? "free" : "waits";
}

export interface Lists {
  /** Most urgent first: what stands still until somebody acts, what will, and what is good to know. */
  readonly needs: {
    readonly now: readonly ShownNeed[];
    readonly soon: readonly ShownNeed[];
    readonly know: readonly ShownNeed[];
  };
  readonly agents: Readonly<Record<AgentGroup, readonly AgentSnapshot[]>>;
  /** Those that hold a slot: of those that work, and of those that wait for somebody. */
  readonly running: readonly AgentSnapshot[];
  readonly work: Readonly<Record<Place, readonly BeadSnapshot[]>>;
  /** Of those that wait, those that wait in vain. */
  readonly stuck: readonly BeadSnapshot[];
  /** Put on the target since this day began. */
  readonly merged: readonly BeadSnapshot[];
  /** Branches on their way to the target, in the order in which they go. */
  readonly train: readonly ReviewSnapshot[];
}

export interface Known {
  readonly content: ReadonlyMap<string, BoardContent>;
  /** ms. */
  readonly now: number;
  /** When this day began, ms. */
  readonly today: number;
  readonly seen?: ReadonlySet<string>;
}

const bySeq = (a: { context: { seq: number } }, b: { context: { seq: number } }): number =>
  a.context.seq - b.context.seq;
const newestEnd = (a: BeadSnapshot, b: BeadSnapshot): number => (b.context.closedAt ?? 0) - (a.context.closedAt ?? 0);

export function listsOf(world: World, { content, now, today, seen }: Known): Lists {
  const needs = { now: [] as ShownNeed[], soon: [] as ShownNeed[], know: [] as ShownNeed[] };
  for (const need of shownNeeds(world, content, now, seen)) needs[need.level].push(need);
  const agents: Record<AgentGroup, AgentSnapshot[]> = { yours: [], working: [], waits: [], free: [] };
  for (const agent of world.agents.values()) agents[groupOf(agent)].push(agent);
  for (const group of AGENT_GROUPS) agents[group].sort(bySeq);
  agents.yours.sort((a, b) => (a.context.blockedAt ?? 0) - (b.context.blockedAt ?? 0));
  const work: Record<Place, BeadSnapshot[]> = {
    people: [],
    running: [],
    ready: [],
    waiting: [],
    review: [],
    failed: [],
    closed: [],
  };
  for (const bead of world.beads.values()) work[placeOf(bead, now)].push(bead);
  const ranks = new Map(work.ready.map((bead) => [bead, rank(world, bead)]));
  work.ready.sort((a, b) => (ranks.get(a) ?? 0) - (ranks.get(b) ?? 0) || bySeq(a, b));
  work.failed.sort(newestEnd);
  work.closed.sort(newestEnd);
  return {
    needs,
    agents,
    running: [...agents.yours, ...agents.working].filter((agent) => agent.hasTag("slot")),
    work,
    stuck: work.waiting.filter(({ value }) => value === "stuck"),
    merged: work.closed.filter(
      ({ value, context }) => value === "closed" && context.commitSha !== null && (context.closedAt ?? 0) >= today,
    ),
    train: trainOf(world),
  };
}

/** What is being merged, then who waits in line, then what a person keeps back or must approve. */
function trainOf(world: World): ReviewSnapshot[] {
  const line = new Map(inLine(world).map(({ context }, i) => [context.id, i]));
  const step = ({ value }: ReviewSnapshot): number => {
    if (value === "running" || value === "boarded") return 0;
    return value === "pending" ? 1 : 2;
  };
  const place = ({ context }: ReviewSnapshot): number => line.get(context.id) ?? Number.MAX_SAFE_INTEGER;
  return [...world.reviews.values()]
    .filter((review) => !review.hasTag("terminal"))
    .sort((a, b) => step(a) - step(b) || place(a) - place(b) || bySeq(a, b));
}

/** When the day of this place began, ms. */
export function startOfToday(now: number): number {
  const day = new Date(now);
  day.setHours(0, 0, 0, 0);
  return day.getTime();
}
