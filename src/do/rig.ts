import { dispatchNumber } from "../events/dispatch-id.ts";
import { clip, type Fact } from "../events/facts.ts";
import { decide, type Caller, type Command, type Decision } from "../machines/decide.ts";
import type { Entry } from "../machines/fold.ts";
import { actorKey, type World } from "../machines/world.ts";
import { wake } from "./alarm.ts";
import { stateBefore } from "./archive.ts";
import { commit } from "./commit.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import type { Sightings } from "./patrol.ts";
import type { RigPorts } from "./ports.ts";
import { migrate } from "./schema.ts";
import { loadWorld, undeliveredMail } from "./store.ts";
import type { TickReport } from "./tick.ts";

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
  /** Dispatches whose stale heartbeats are in the journal already: one line tells it all. */
  readonly staleHeard: Set<string>;
  ticking: Promise<TickReport> | null;
}

/** Opens the rig from its rows; quarantines rows that cannot be read; re-arms what a crash may have left asleep. */
export function openRig(ports: RigPorts): Rig {
  ports.transaction(() => migrate(ports.sql));
  const { world, malformed } = loadWorld(ports.sql);
  const rig: Rig = { world, ports, sightings: new Map(), outbox: createOutbox(), listeners: new Set(), staleHeard: new Set(), ticking: null };
  const news = malformed.filter(({ kind, id }) => !world.broken.has(actorKey(kind, id)));
  if (news.length > 0) commit(rig, news.map(({ kind, id, error }): Fact => ({ type: "actor.quarantined", kind, id, error: clip(error) })));
  wake(rig);
  return rig;
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
    stateBefore: (kind, id) => stateBefore(rig, kind, id),
  });
  if (!decision.ok) return decision;
  if (isRepeatedStale(rig, decision.facts)) return { ...decision, facts: [] };
  commit(rig, decision.facts);
  return decision;
}

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

/** A sign of life. Kept in memory; a fact only when it is news: the first of a dispatch, or of one thought lost. */
export function heartbeat(rig: Rig, agentId: string, dispatchId: string | null, caller: Caller): void {
  const agent = rig.world.agents.get(agentId);
  if (!agent) return;
  const spokenOf = dispatchId ?? caller.dispatchId;
  const n = spokenOf === null ? agent.context.dispatchN : dispatchNumber(agentId, spokenOf);
  if (n === agent.context.dispatchN) rig.sightings.set(agentId, { n, at: rig.ports.now() });
  execute(rig, { type: "heard", agentId, dispatchId }, caller);
}
