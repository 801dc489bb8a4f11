import { SINGLES, type Single } from "../events/row.ts";
import type { AgentSnapshot } from "../machines/agent.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import { accountsDeadline, type AccountsSnapshot } from "../machines/accounts.ts";
import { budgetDeadline, type BudgetSnapshot } from "../machines/budget.ts";
import { queueDeadline, type QueueSnapshot } from "../machines/queue.ts";
import type { ReviewSnapshot } from "../machines/review.ts";
import type { RigSnapshot } from "../machines/rig.ts";
import { initial, wakeOf, type AnySnapshot, type Kind, type Snapshots, type Wake } from "./step.ts";

/**
 * The rig's state in memory: every actor's snapshot, and the few indexes that make rig-wide questions cheap. All of it is
 * the fold of the journal; the rows in storage are a copy of it. Terminal beads and reviews are not held: `recall` fetches
 * one when a fact names it.
 */
export interface World {
  /** Seq of the newest fact. */
  seq: number;
  /** Time of the newest fact, ms. */
  at: number;
  rig: RigSnapshot;
  readonly agents: Map<string, AgentSnapshot>;
  readonly beads: Map<string, BeadSnapshot>;
  readonly reviews: Map<string, ReviewSnapshot>;
  /** Of trains; undefined before the first review waits for one. */
  queue: QueueSnapshot | undefined;
  /** What is spent; undefined before anything was. */
  budget: BudgetSnapshot | undefined;
  /** Credentials that are limited; undefined before any was. */
  accounts: AccountsSnapshot | undefined;
  /** Actors that cannot be stepped, and why. They get no facts until they are repaired. */
  readonly broken: Map<string, string>;
  readonly index: {
    /** Polecats that the rig may give a bead. */
    readonly free: Set<string>;
    /** Agents that wait for a grant. */
    readonly due: Set<string>;
    /** Agents that hold a slot of the capacity. */
    readonly slots: Set<string>;
    /** Agents and reviews that are a reason for the fast cadence. */
    readonly active: Set<string>;
    /** Open, unassigned, unblocked issues; some may still be deferred. */
    readonly ready: Set<string>;
    readonly queued: Set<string>;
    readonly merging: Set<string>;
    /** bead id -> the agent that has it on its hook. */
    readonly hooks: Map<string, string>;
    /** blocker id -> beads that wait for it. */
    readonly dependents: Map<string, Set<string>>;
    /** identity -> agent id. */
    readonly identities: Map<string, string>;
  };
  /** Agents whose key was not taken: what asks for the same program is held for them. */
  readonly keyless: Set<string>;
  /** When each agent must see a TICK next, as far as anybody has asked. */
  readonly wakes: Map<string, Wake>;
  /** Fetches a terminal bead or review that is not held in memory. */
  readonly recall: Recall;
  /** Beads and reviews removed by the commit under way: their rows are still there and must not be recalled. */
  readonly gone: Set<string>;
  /** What to put back if the commit under way fails; null outside a commit. */
  undo: (() => void)[] | null;
}
export type Recall = <K extends "bead" | "review">(kind: K, id: string) => Snapshots[K] | undefined;

export const actorKey = (kind: Kind, id: string): string => `${kind}:${id}`;

export function createWorld(recall: Recall = () => undefined): World {
  return {
    seq: 0,
    at: 0,
    rig: initial("rig"),
    agents: new Map(),
    beads: new Map(),
    reviews: new Map(),
    queue: undefined,
    budget: undefined,
    accounts: undefined,
    broken: new Map(),
    keyless: new Set(),
    index: {
      free: new Set(),
      due: new Set(),
      slots: new Set(),
      active: new Set(),
      ready: new Set(),
      queued: new Set(),
      merging: new Set(),
      hooks: new Map(),
      dependents: new Map(),
      identities: new Map(),
    },
    wakes: new Map(),
    recall,
    gone: new Set(),
    undo: null,
  };
}

export function get<K extends Kind>(world: World, kind: K, id: string): Snapshots[K] | undefined;
export function get(world: World, kind: Kind, id: string): AnySnapshot | undefined {
  switch (kind) {
    case "agent":
      return world.agents.get(id);
    case "bead":
      return world.beads.get(id) ?? recalled(world, "bead", id);
    case "review":
      return world.reviews.get(id) ?? recalled(world, "review", id);
    case "rig":
      return world.rig;
    case "queue":
    case "budget":
    case "accounts":
      return world[kind];
  }
}

const recalled = <K extends "bead" | "review">(world: World, kind: K, id: string): Snapshots[K] | undefined =>
  world.gone.size > 0 && world.gone.has(actorKey(kind, id)) ? undefined : world.recall(kind, id);

/** Sets or (with undefined) removes one actor, and keeps the indexes true. */
export function put<K extends Kind>(world: World, kind: K, id: string, snapshot: Snapshots[K] | undefined): void;
export function put(world: World, kind: Kind, id: string, snapshot: AnySnapshot | undefined): void {
  switch (kind) {
    case "rig": {
      const before = world.rig;
      world.undo?.push(() => {
        world.rig = before;
      });
      world.rig = snapshot as RigSnapshot;
      return;
    }
    case "queue":
    case "budget":
    case "accounts": {
      const before = world[kind];
      world.undo?.push(() => setSingle(world, kind, before));
      return setSingle(world, kind, snapshot as Snapshots[Single] | undefined);
    }
    case "agent":
      return replace(world, world.agents, id, snapshot as AgentSnapshot | undefined, indexAgent);
    case "bead":
      if (snapshot === undefined && world.undo !== null) world.gone.add(actorKey(kind, id));
      return replace(world, world.beads, id, snapshot as BeadSnapshot | undefined, indexBead);
    case "review":
      if (snapshot === undefined && world.undo !== null) world.gone.add(actorKey(kind, id));
      return replace(world, world.reviews, id, snapshot as ReviewSnapshot | undefined, indexReview);
  }
}

const setSingle = <K extends Single>(world: World, kind: K, snapshot: Snapshots[K] | undefined): void => {
  (world as { [S in Single]: Snapshots[S] | undefined })[kind] = snapshot;
};

/** The actors of which a rig has one at most, as far as it has them. */
export function* singlesOf(world: World): Generator<readonly [Single, Snapshots[Single]]> {
  for (const kind of SINGLES) {
    const snapshot = world[kind];
    if (snapshot !== undefined) yield [kind, snapshot];
  }
}

/** The next time (ms) at which a single must see a TICK, or null. */
export function singleDeadline(world: World, kind: Single): number | null {
  switch (kind) {
    case "queue":
      return world.queue === undefined ? null : queueDeadline(world.queue);
    case "budget":
      return world.budget === undefined ? null : budgetDeadline(world.budget, world.rig.context.settings);
    case "accounts":
      return world.accounts === undefined ? null : accountsDeadline(world.accounts, world.rig.context.settings);
  }
}

/** When an agent must see a TICK next; found out once per snapshot and settings. */
export function nextWake(world: World, id: string, agent: AgentSnapshot): Wake {
  const { settings } = world.rig.context;
  const known = world.wakes.get(id);
  if (known?.snapshot === agent && known.settings === settings) return known;
  const wake = wakeOf(agent, settings);
  world.wakes.set(id, wake);
  return wake;
}

type Indexer<S> = (world: World, id: string, before: S | undefined, after: S | undefined) => void;

function replace<S>(world: World, map: Map<string, S>, id: string, after: S | undefined, reindex: Indexer<S>): void {
  const before = map.get(id);
  const set = (from: S | undefined, to: S | undefined) => {
    if (to === undefined) map.delete(id);
    else map.set(id, to);
    reindex(world, id, from, to);
  };
  world.undo?.push(() => set(after, before));
  set(before, after);
}

const member = (set: Set<string>, id: string, is: boolean): void => {
  if (is) set.add(id);
  else set.delete(id);
};

function indexAgent(
  world: World,
  id: string,
  before: AgentSnapshot | undefined,
  after: AgentSnapshot | undefined,
): void {
  const { index } = world;
  // Snapshots of one configuration share their tags (see step.ts): then only the context has changed.
  if (before !== undefined && after?.tags === before.tags && after.context.hook === before.context.hook) return;
  member(index.free, id, after !== undefined && after.context.role === "polecat" && after.hasTag("free"));
  member(index.due, id, after?.hasTag("due") ?? false);
  member(world.keyless, id, after?.hasTag("keyless") ?? false);
  member(index.slots, id, after?.hasTag("slot") ?? false);
  member(index.active, `agent:${id}`, after?.hasTag("active") ?? false);
  const was = before?.context.hook ?? null;
  const is = after?.context.hook ?? null;
  if (was !== is) {
    if (was !== null && index.hooks.get(was) === id) index.hooks.delete(was);
    if (is !== null) index.hooks.set(is, id);
  }
  if (before === undefined && after !== undefined) index.identities.set(after.context.identity, id);
  if (before !== undefined && after === undefined) {
    index.identities.delete(before.context.identity);
    world.wakes.delete(id);
  }
}

export const isReady = (bead: BeadSnapshot): boolean =>
  bead.value === "open" &&
  bead.context.type === "issue" &&
  bead.context.blockedBy.length === 0 &&
  bead.context.hold === undefined;

const waitsFor = (bead: BeadSnapshot | undefined): readonly string[] =>
  bead === undefined || bead.hasTag("terminal") ? [] : bead.context.blockedBy;

function indexBead(world: World, id: string, before: BeadSnapshot | undefined, after: BeadSnapshot | undefined): void {
  const { index } = world;
  member(index.ready, id, after !== undefined && isReady(after) && after.context.assignee === null);
  const was = waitsFor(before);
  const is = waitsFor(after);
  if (was === is) return;
  for (const blocker of was) {
    const set = index.dependents.get(blocker);
    set?.delete(id);
    if (set?.size === 0) index.dependents.delete(blocker);
  }
  for (const blocker of is) {
    const set = index.dependents.get(blocker);
    if (set) set.add(id);
    else index.dependents.set(blocker, new Set([id]));
  }
}

function indexReview(
  world: World,
  id: string,
  _before: ReviewSnapshot | undefined,
  after: ReviewSnapshot | undefined,
): void {
  member(world.index.queued, id, after?.hasTag("queued") ?? false);
  member(world.index.merging, id, after?.hasTag("merging") ?? false);
  member(world.index.active, `review:${id}`, after?.hasTag("merging") ?? false);
}

/** Starts remembering what is changed, so that a failed commit can be taken back. */
export function begin(world: World): void {
  const { seq, at } = world;
  world.undo = [
    () => {
      world.seq = seq;
      world.at = at;
    },
  ];
}

export function rollback(world: World): void {
  const undo = world.undo ?? [];
  world.undo = null;
  world.gone.clear();
  for (const put of undo.toReversed()) put();
  inOrder(world);
}

/** An agent that was removed and came back stands last; a TICK takes agents in the order of their seq, as a replay does. */
export function inOrder(world: World): void {
  const agents = [...world.agents];
  const isOrdered = agents.every(
    ([, agent], i) => i === 0 || (agents[i - 1]?.[1].context.seq ?? 0) < agent.context.seq,
  );
  if (isOrdered) return;
  world.agents.clear();
  for (const [id, agent] of agents.sort(([, a], [, b]) => a.context.seq - b.context.seq)) world.agents.set(id, agent);
}

/** Forgets how to go back, and lets go of what is terminal: `recall` finds it in storage. */
export function letGo(world: World, changed: Iterable<readonly [Kind, string]>): void {
  world.undo = null;
  world.gone.clear();
  for (const [kind, id] of changed) {
    if (kind === "bead" && world.beads.get(id)?.hasTag("terminal")) put(world, "bead", id, undefined);
    if (kind === "review" && world.reviews.get(id)?.hasTag("terminal")) put(world, "review", id, undefined);
  }
}

export function markBroken(world: World, kind: Kind, id: string, error: string): void {
  const key = actorKey(kind, id);
  world.broken.set(key, error);
  world.undo?.push(() => world.broken.delete(key));
}

export function markRepaired(world: World, kind: Kind, id: string): void {
  const key = actorKey(kind, id);
  const error = world.broken.get(key);
  if (error === undefined) return;
  world.broken.delete(key);
  world.undo?.push(() => world.broken.set(key, error));
}

/** A world that may be folded on without a trace in the original: snapshots never change, so only what holds them is copied. */
export function copyWorld(world: World): World {
  const { index } = world;
  return {
    ...world,
    agents: new Map(world.agents),
    beads: new Map(world.beads),
    reviews: new Map(world.reviews),
    broken: new Map(world.broken),
    keyless: new Set(world.keyless),
    wakes: new Map(world.wakes),
    gone: new Set(world.gone),
    index: {
      free: new Set(index.free),
      due: new Set(index.due),
      slots: new Set(index.slots),
      active: new Set(index.active),
      ready: new Set(index.ready),
      queued: new Set(index.queued),
      merging: new Set(index.merging),
      hooks: new Map(index.hooks),
      dependents: new Map(Array.from(index.dependents, ([id, set]) => [id, new Set(set)])),
      identities: new Map(index.identities),
    },
    undo: null,
  };
}
