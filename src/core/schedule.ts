import { dispatchId } from "../events/dispatch-id.ts";
import type { Fact } from "../events/facts.ts";
import type { AgentSnapshot } from "../machines/agent.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import { gateOf as findGate, isHeldBack, type Gate, type RigSnapshot } from "../machines/rig.ts";
import { turnOf } from "../machines/rig/outage.ts";
import { isBeadCapped } from "../machines/spend.ts";
import { programFor, type Program } from "./accounts.ts";
import { heldFor } from "./held.ts";
import { rank } from "./rank.ts";
import { canTrain, departures, needsTrain } from "./train/depart.ts";
import { get, isReady, type World } from "./world.ts";

/**
 * The rig's rig-wide decisions: which waiting agent or ready bead gets a slot, and which review is merged next. Called
 * after every root fact, so that new work never waits for an alarm. Looks only at snapshots; same world, same answer.
 */

const gates = new WeakMap<RigSnapshot, Gate>();

/** Asked several times for every fact, and the same as long as the rig's snapshot is. */
function gateOf(rig: RigSnapshot): Gate {
  let gate = gates.get(rig);
  if (gate === undefined) {
    gate = findGate(rig);
    gates.set(rig, gate);
  }
  return gate;
}

/** Slots that may be given now. The one capacity function: everyone who asks "is there room" asks here. */
export function freeSlots(world: World): number {
  return Math.max(0, world.rig.context.settings.capacity - world.index.slots.size);
}

/** How many dispatches may be granted now: limited by the day's budget, the gate, and the capacity. */
export function allowance(world: World): number {
  // Whoever is next would find the container as full.
  if (world.rig.context.full !== undefined) return 0;
  if (world.budget?.value === "capped") return 0;
  const gate = gateOf(world.rig);
  if (gate === "open") return freeSlots(world);
  return gate === "probe" ? Math.min(1, freeSlots(world)) : 0;
}

export const isDeferred = (bead: BeadSnapshot, at: number): boolean =>
  bead.context.deferUntil !== null && bead.context.deferUntil > at;

/** Work that only waits for a slot, whether or not somebody has it on their hook already. */
export const waitsForSlot = (bead: BeadSnapshot, at: number): boolean => isReady(bead) && !isDeferred(bead, at);

/** A bead that may run now: an issue, every blocker closed, not deferred. In progress counts: its agent comes back to it. */
export const mayRun = (bead: BeadSnapshot, at: number): boolean =>
  waitsForSlot(bead, at) || (bead.value === "in_progress" && bead.context.type === "issue" && !isDeferred(bead, at));

/** What the bead may spend is spent. */
export const isCapped = ({ rig }: World, { context }: BeadSnapshot): boolean =>
  isBeadCapped(context, rig.context.settings);

interface Candidate {
  readonly bead: BeadSnapshot;
  /** The agent that has it on its hook already; null: any free polecat. */
  readonly agent: AgentSnapshot | null;
}

/** What is dispatched is always a polecat's. */
const ROLE = "polecat";

/** Whether there is a program to run it with: one whose account is not limited, and whose key was not refused. */
function hasProgram(world: World, { bead, agent }: Candidate): boolean {
  const program = programFor(world, bead, ROLE);
  return program.held === null && heldFor(world, program.choice.runtime, agent) === null;
}

function candidates(world: World): Candidate[] {
  const found: Candidate[] = [];
  for (const id of world.index.due) {
    const agent = world.agents.get(id);
    if (!agent || agent.context.hook === null || agent.context.role !== "polecat" || world.broken.has(`agent:${id}`))
      continue;
    if (agent.context.held !== undefined) continue;
    const bead = get(world, "bead", agent.context.hook);
    if (!bead || !mayRun(bead, world.at) || isCapped(world, bead) || world.broken.has(`bead:${bead.context.id}`))
      continue;
    if (hasProgram(world, { bead, agent })) found.push({ bead, agent });
  }
  for (const id of world.index.ready) {
    const bead = world.beads.get(id);
    if (!bead || isDeferred(bead, world.at) || isCapped(world, bead) || world.broken.has(`bead:${id}`)) continue;
    if (hasProgram(world, { bead, agent: null })) found.push({ bead, agent: null });
  }
  // A probe goes round, or one bead that can never run would hold back everybody who can.
  return found
    .map((candidate) => ({
      candidate,
      turn: turnOf(world.rig.context, candidate.bead.context.id),
      rank: rank(world, candidate.bead),
    }))
    .sort((a, b) => a.turn - b.turn || a.rank - b.rank || a.candidate.bead.context.seq - b.candidate.bead.context.seq)
    .map(({ candidate }) => candidate);
}

/** The branch of a bead's work: the same for every dispatch of it, so that a restart or a rework finds it. */
export const branchOf = (bead: BeadSnapshot): string =>
  bead.context.branch ?? `ticktown/${bead.context.id.replace(/[^A-Za-z0-9_-]/g, "-")}`;

const grant = (bead: BeadSnapshot, agentId: string, n: number, probe: boolean, program: Started): Fact => ({
  type: "dispatch.granted",
  agentId,
  beadId: bead.context.id,
  dispatchId: dispatchId(agentId, n),
  branch: branchOf(bead),
  rework: bead.context.reworks > 0,
  probe,
  ...(bead.context.expectMs === undefined ? {} : { expectMs: bead.context.expectMs }),
  ...namedProgram(program),
});

type Started = Extract<Program, { held: null }>;

/** What is named with a start: a program where there are several, and the account that it finds out about. */
const namedProgram = ({ choice: { isListed, runtime, model }, probes }: Started) => ({
  ...(isListed && runtime !== undefined ? { runtime } : {}),
  ...(isListed && model !== undefined ? { model } : {}),
  ...(probes === undefined ? {} : { account: probes }),
});

export const hook = (bead: BeadSnapshot, agentId: string): Fact => ({
  type: "agent.hooked",
  agentId,
  beadId: bead.context.id,
  attempts: bead.context.attempts,
  branch: bead.context.branch,
  ...(bead.context.resets === undefined ? {} : { resets: bead.context.resets }),
});

/**
 * The facts that the rig derives now, as one batch: at most `allowance` dispatches, at most one merge, and the edge between
 * idle and active. A ready bead without a free polecat gets a new one: the capacity is what limits, not the roster.
 * @param causeSeq seq of the root fact; names the agents that are made.
 */
export function schedule(world: World, causeSeq: number): Fact[] {
  const facts: Fact[] = [];
  if (gateOf(world.rig) !== "destroyed" && world.rig.context.config !== null) {
    facts.push(...dispatches(world, causeSeq), ...merges(world));
  }
  const active = isActive(world);
  if (facts.length === 0 && active !== (world.rig.value.cadence === "active"))
    facts.push({ type: "rig.activity_changed", active });
  return facts;
}

/** Whether anybody is a reason for the fast cadence. Who is damaged is none: a person was told. */
function isActive(world: World): boolean {
  if (world.broken.size === 0) return world.index.active.size > 0;
  for (const key of world.index.active) if (!world.broken.has(key)) return true;
  return false;
}

function dispatches(world: World, causeSeq: number): Fact[] {
  let left = allowance(world);
  if (left === 0 || (world.index.due.size === 0 && world.index.ready.size === 0)) return [];
  const facts: Fact[] = [];
  const probe = gateOf(world.rig) === "probe";
  let free: AgentSnapshot[] | null = null;
  let made = 0;
  const probed = new Set<string>();
  for (const { bead, agent } of candidates(world)) {
    if (left === 0) break;
    const program = programFor(world, bead, ROLE, probed);
    if (program.held !== null) continue;
    if (program.probes !== undefined) probed.add(program.probes);
    left--;
    if (agent) {
      facts.push(grant(bead, agent.context.id, agent.context.dispatchN + 1, probe, program));
      continue;
    }
    free ??= freePolecats(world);
    const polecat = free.shift();
    if (polecat) {
      facts.push(
        hook(bead, polecat.context.id),
        grant(bead, polecat.context.id, polecat.context.dispatchN + 1, probe, program),
      );
      continue;
    }
    const registered = newPolecat(world, `${causeSeq}${made === 0 ? "" : `-${made}`}`, made);
    made++;
    facts.push(registered, hook(bead, registered.agentId), grant(bead, registered.agentId, 1, probe, program));
  }
  return facts;
}

/** Free polecats, oldest first. */
export const freePolecats = (world: World): AgentSnapshot[] =>
  Array.from(world.index.free, (id) => world.agents.get(id))
    .filter((agent) => agent !== undefined && !world.broken.has(`agent:${agent.context.id}`))
    .filter((agent) => agent?.context.held === undefined)
    .sort((a, b) => (a?.context.seq ?? 0) - (b?.context.seq ?? 0)) as AgentSnapshot[];

/** People count agents; ids and identities hold the seq, which nobody shares. */
export const polecatName = (world: World, made = 0): string => `polecat-${world.agents.size + made + 1}`;

/** A new worker identity, named after the fact that made it necessary. */
export function newPolecat(world: World, tag: string, made: number): Extract<Fact, { type: "agent.registered" }> {
  const { config, imported } = world.rig.context;
  const { rigId = "rig", name = "rig" } = config ?? {};
  // What came after the file that a rig was brought back from is lost, and may have had the same seq.
  const own = imported === undefined ? tag : `${tag}-${Math.floor(imported.at / 1_000)}`;
  return {
    type: "agent.registered",
    agentId: `polecat-${rigId}-${own}`,
    role: "polecat",
    name: polecatName(world, made),
    identity: `${name}/polecats/${own}`,
  };
}

/** Reviews on their way: by train where the container runs any, or where they may go in no other way. Goes on while dispatch is paused, but not while draining, nor before a rig that was brought back is resumed. */
function merges(world: World): Fact[] {
  if (gateOf(world.rig) === "draining" || isHeldBack(world.rig)) return [];
  const isByTrain = canTrain(world) || needsTrain(world) || world.queue?.context.trouble?.class === "container";
  return isByTrain ? departures(world) : singleMerge(world);
}

/** One merge at a time, oldest first (design rule 8). */
function singleMerge(world: World): Fact[] {
  if (world.index.queued.size === 0) return [];
  for (const id of world.index.merging) if (!world.broken.has(`review:${id}`)) return [];
  const next = Array.from(world.index.queued, (id) => world.reviews.get(id))
    .filter((review) => review !== undefined)
    .filter(
      ({ value, context }) =>
        value === "pending" && (context.backoffUntil ?? 0) <= world.at && !world.broken.has(`review:${context.id}`),
    )
    .sort((a, b) => a.context.seq - b.context.seq)[0];
  return next ? [{ type: "review.granted", reviewId: next.context.id, claim: next.context.claim + 1 }] : [];
}
