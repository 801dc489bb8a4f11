import type { TickReport } from "../wire/schemas.ts";
import type { BudgetOrder } from "../wire/container.ts";
import { dispatchId as dispatchIdOf, dispatchNumber } from "../events/dispatch-id.ts";
import { clip, type Fact } from "../events/facts.ts";
import type { AgentSnapshot } from "../machines/agent.ts";
import { NEWEST_RULES, rulesOf, TICKTOWN_VERSION } from "../events/rules.ts";
import {
  decide,
  fenced,
  forbidden,
  type Caller,
  type Command,
  type Decision,
  type Refusal,
} from "../core/decide/index.ts";
import { fenceOf } from "../machines/rig.ts";
import type { Entry } from "../core/fold.ts";
import type { Kind } from "../core/step.ts";
import { allChainNews } from "../core/chain.ts";
import { actorKey, type World } from "../core/world.ts";
import { wake } from "./alarm.ts";
import { stateBefore } from "./archive.ts";
import { newClock, type Clock } from "./missed.ts";
import { commit } from "./commit.ts";
import { cannotInspect, type Contact } from "./contact.ts";
import { leaseMore, newLeasing, wantedDay, type Leasing } from "./lease.ts";
import { newMeter, type Meter } from "./metrics.ts";
import { openBeadsBy } from "./makers.ts";
import type { HandInAnswer } from "../wire/schemas.ts";
import { deliveredBy } from "./mail.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import { headOf, newsOfDriver, newsOfOlder, see, type Sightings } from "./sightings.ts";
import type { RigPorts, Seen } from "./ports.ts";
import { migrate } from "./schema.ts";
import { type Reconciling, readReconciling } from "./reconcile.ts";
import { type Tidying, readTidying, tidySoon } from "./tidy.ts";
import { loadWorld, undeliveredMail } from "./store.ts";
import type { Tracer } from "./traces.ts";

/** Called after each durable commit with what it journalled. */
export type Listener = (entries: readonly Entry[]) => void;

/**
 * One rig: decides, folds, commits, settles. Everything that waits for the world outside happens between commits; a commit is
 * one synchronous block, so nothing comes between reading the state and writing it.
 */
export interface Rig {
  readonly world: World;
  readonly ports: RigPorts;
  /** Last sign of life per agent; in memory only, so a restarted object asks again instead of assuming. */
  readonly sightings: Sightings;
  readonly outbox: Outbox;
  readonly listeners: Set<Listener>;
  /** Called when the alarm has rung and its TICK is over. */
  readonly reminders: Set<() => void>;
  /** Dispatches whose stale heartbeats are in the journal already: one line tells it all. */
  readonly staleHeard: Set<string>;
  ticking: Promise<TickReport> | null;
  readonly clock: Clock;
  /** What the container was asked last to give back, and how full its disk was. */
  readonly tidying: Tidying;
  /** What the container has that the rig does not know, as it was seen last. */
  readonly reconciling: Reconciling;
  /** What the container said of itself in this life of the object; null: it was not asked yet, or did not answer. */
  contact: Contact | null;
  /** Another control server answers than the one that was met: it is asked what it can do, whatever that one could. */
  isNewContainer: boolean;
  /** What is counted for whoever watches from outside; in memory only. */
  readonly meter: Meter;
  /** Who tells a collector of what has ended; null: none is set. */
  tracer: Tracer | null;
  /** What it asks its town for. */
  readonly leasing: Leasing;
  /** What the train that runs was seen doing last, for people; in memory only. */
  trainStep: { readonly train: number; readonly step: string; readonly at: number } | null;
  /** Of the listeners, the dones that wait for what comes of them. */
  readonly waiters: Set<Listener>;
  /** What came of each agent's newest hand-in, for a done that waits: one per agent, in memory only. */
  readonly handIns: Map<string, { readonly dispatchId: string; readonly answer: HandInAnswer }>;
}

/**
 * Opens the rig from its rows; says of rows that cannot be read that they are damaged; takes a rig of older rules over; re-arms what a crash may have
 * left asleep.
 * @throws NewerError when a newer Ticktown wrote the rows; then nothing was written.
 */
export function openRig(ports: RigPorts): Rig {
  ports.transaction(() => migrate(ports.sql));
  const { world, malformed } = loadWorld(ports.sql);
  const rig: Rig = {
    world,
    ports,
    sightings: new Map(),
    outbox: createOutbox(),
    listeners: new Set(),
    reminders: new Set(),
    staleHeard: new Set(),
    ticking: null,
    clock: newClock(),
    tidying: readTidying(ports.sql),
    reconciling: readReconciling(ports.sql),
    contact: null,
    isNewContainer: false,
    trainStep: null,
    meter: newMeter(),
    tracer: null,
    leasing: newLeasing(),
    handIns: new Map(),
    waiters: new Set(),
  };
  const news = malformed.filter(({ kind, id }) => !world.broken.has(actorKey(kind, id)));
  const facts = [
    ...news.map(({ kind, id, error }): Fact => ({ type: "actor.quarantined", kind, id, error: clip(error) })),
    ...upgrade(world, news),
  ];
  if (facts.length > 0) commit(rig, facts);
  rig.listeners.add((entries) => {
    if (entries.some(({ fact }) => fact.type === "agent.deleted")) tidySoon(rig);
    if (wantedDay(rig) !== null) ports.background(leaseMore(rig));
  });
  wake(rig);
  return rig;
}

/** Said once, when a rig of older rules is opened: what was decided by them stays, what is decided from now on is decided by ours. */
function upgrade(world: World, news: readonly { readonly kind: Kind }[]): Fact[] {
  const { rig, broken } = world;
  // What was never set up decides nothing yet, and is told its rules when it is.
  if (rig.context.config === null || rulesOf(rig.context) >= NEWEST_RULES || rig.matches({ life: "destroyed" }))
    return [];
  // It could not take the fact. A repair gives it back as it was, and then it is the next opening that says it.
  if (broken.has(actorKey("rig", "rig")) || news.some(({ kind }) => kind === "rig")) return [];
  return [{ type: "rig.upgraded", rules: NEWEST_RULES, version: TICKTOWN_VERSION }, ...allChainNews(world)];
}

/** Decides a command and commits its facts; a refusal changes nothing. */
export function execute(rig: Rig, command: Command, caller: Caller): Decision {
  const { world, ports } = rig;
  const decision = decide(world, command, {
    at: ports.now(),
    caller,
    newId: (kind) => ports.newId(kind),
    undeliveredMail: (agentId) => undeliveredMail(ports.sql, agentId),
    openBeads: () => world.beads.size,
    openBeadsBy: (agentId) => openBeadsBy(rig, agentId),
    isUnseeing: cannotInspect(rig),
    headOf: (agentId) => headOf(rig, agentId),
    stateBefore: (kind, id) => stateBefore(rig, kind, id),
  });
  if (!decision.ok) return decision;
  if (isRepeatedStale(rig, decision.facts)) return { ...decision, facts: [] };
  const delivered = decision.stale === true ? [] : deliveredBy(rig, command);
  commit(rig, [...decision.facts, ...delivered]);
  return decision;
}

/** Commands by which an agent shows progress (design rule 3). An escalation is none: it waits for its answer. */
const PROGRESS: ReadonlySet<Command["type"]> = new Set([
  "send_mail",
  "set_bead_status",
  "close_bead",
  "create_bead",
  "submit_review",
]);

/** Whether this is progress of the dispatch that the caller speaks for. */
export const showsProgress = ({ world }: Rig, command: Command, caller: Caller): boolean =>
  PROGRESS.has(command.type) && fenced(world, caller).dispatchId !== null;

/** A process that does not know it was replaced says so every 30 s. */
function isRepeatedStale(rig: Rig, facts: readonly Fact[]): boolean {
  const fact = facts[0];
  if (fact?.type !== "report.stale" || fact.report !== "heartbeat") return false;
  const key = fact.dispatchId ?? "";
  if (rig.staleHeard.has(key)) return true;
  if (rig.staleHeard.size >= 1_000) rig.staleHeard.clear();
  rig.staleHeard.add(key);
  return false;
}

/** What came of a heartbeat. */
export type Heard = Refusal | { readonly ok: true; readonly budget: BudgetOrder | null };

/** A sign of life. Kept in memory; a fact only when it is news: the first of a dispatch, or of one thought lost. */
export function heartbeat(
  rig: Rig,
  agentId: string,
  dispatchId: string | null,
  caller: Caller,
  seen: Seen = {},
): Refusal | null {
  const { dispatchId: speaksFor } = fenced(rig.world, caller);
  const refusal = forbidden(rig.world, { type: "heard", agentId, dispatchId }, caller);
  if (refusal !== null) return refusal;
  const agent = rig.world.agents.get(agentId);
  if (!agent) return null;
  const spokenOf = fenceOf(rig.world.rig) === "agent" ? speaksFor : (dispatchId ?? speaksFor);
  const n = spokenOf === null ? agent.context.dispatchN : dispatchNumber(agentId, spokenOf);
  if (n === agent.context.dispatchN) see(rig, agent, seen, "agent");
  execute(rig, { type: "heard", agentId, dispatchId }, caller);
  const now = rig.world.agents.get(agentId);
  const news = now === undefined ? [] : newsIn(rig, now, n, seen);
  if (news.length > 0) commit(rig, news);
  return null;
}

/** @param n number of the dispatch that speaks; null: that of another agent, which says nothing of this one */
function newsIn(rig: Rig, agent: AgentSnapshot, n: number | null, { usage }: Seen): Fact[] {
  const { id, dispatchN } = agent.context;
  if (n === dispatchN) return newsOfDriver(rig, agent);
  return n === null || n > dispatchN || usage === undefined ? [] : newsOfOlder(rig, id, dispatchIdOf(id, n), usage);
}
