import { dispatchNumber } from "../../events/dispatch-id.ts";
import { currentDispatch, type AgentSnapshot } from "../../machines/agent.ts";
import type { BeadSnapshot } from "../../machines/bead.ts";
import type { ReviewSnapshot } from "../../machines/review.ts";
import type { RigSnapshot } from "../../machines/rig.ts";
import type { Entry } from "../fold.ts";
import type { World } from "../world.ts";
import { overdue } from "./deadlines.ts";
import { sizesOf, type Sizes } from "./indexes.ts";
import type { Report, Rule, Violation } from "./rules.ts";

/** What `transitionViolations` must remember of the world before a commit. Snapshots never change, so it is a copy of three maps. */
export interface Glance {
  readonly seq: number;
  readonly at: number;
  readonly slots: number;
  readonly sizes: Sizes;
  /** Who is damaged. */
  readonly broken: ReadonlySet<string>;
  readonly rig: RigSnapshot;
  readonly agents: ReadonlyMap<string, AgentSnapshot>;
  readonly beads: ReadonlyMap<string, BeadSnapshot>;
  readonly reviews: ReadonlyMap<string, ReviewSnapshot>;
}
const NOBODY: ReadonlySet<string> = new Set();

export const glance = (world: World): Glance => ({
  seq: world.seq,
  at: world.at,
  slots: world.index.slots.size,
  sizes: sizesOf(world),
  broken: world.broken.size === 0 ? NOBODY : new Set(world.broken.keys()),
  rig: world.rig,
  agents: new Map(world.agents),
  beads: new Map(world.beads),
  reviews: new Map(world.reviews),
});

/** Every invariant that needs two states and the commit between them. */
export function transitionViolations(before: Glance, entries: readonly Entry[], after: World): Violation[] {
  const found: Violation[] = [];
  const report = (rule: Rule, actor: string, text: string) => void found.push({ rule, actor, text });
  journalIsOrdered(before, entries, after, report);
  terminalStays(before, entries, after, report);
  staleChangesNothing(before, entries, after, report);
  toldOnce(before, entries, report);
  nothingUnresumed(before, entries, report);
  if (entries.some(({ fact }) => fact.type === "TICK")) found.push(...overdue(after));
  const { capacity } = after.rig.context.settings;
  const slots = after.index.slots.size;
  if (slots > before.slots && slots > capacity && entries.some(({ fact }) => fact.type === "dispatch.granted"))
    report("within_capacity", "rig:rig", `a grant made ${before.slots} slots ${slots}, the capacity is ${capacity}`);
  return found;
}

function journalIsOrdered(before: Glance, entries: readonly Entry[], after: World, report: Report): void {
  let { seq, at } = before;
  for (const { fact } of entries) {
    if (fact.seq !== seq + 1)
      report("journal_is_ordered", "rig:rig", `seq ${fact.seq} (${fact.type}) follows seq ${seq}`);
    if (fact.at < at && fact.type !== "clock.jumped")
      report(
        "journal_is_ordered",
        "rig:rig",
        `seq ${fact.seq} (${fact.type}) is ${at - fact.at} ms before the one before it`,
      );
    if (fact.cause !== null && (fact.cause >= fact.seq || fact.cause <= before.seq))
      report("journal_is_ordered", "rig:rig", `seq ${fact.seq} (${fact.type}) says it is caused by seq ${fact.cause}`);
    ({ seq, at } = fact);
  }
  if (after.seq !== seq)
    report("journal_is_ordered", "rig:rig", `the world is at seq ${after.seq}, its journal at ${seq}`);
}

function terminalStays(before: Glance, entries: readonly Entry[], after: World, report: Report): void {
  const born = new Set<string>();
  const deleted = new Set<string>();
  const retried = new Set<string>();
  for (const { fact } of entries) {
    if (fact.type === "bead.created") born.add(`bead:${fact.beadId}`);
    if (fact.type === "review.opened") born.add(`review:${fact.reviewId}`);
    // Whoever was set aside may come back, as it was.
    if (fact.type === "bead.retried") retried.add(fact.beadId);
    if (fact.type === "actor.repaired") born.add(`${fact.kind}:${fact.id}`);
    if (fact.type === "bead.deleted") deleted.add(fact.beadId);
  }
  for (const kind of ["beads", "reviews"] as const) {
    const name = kind === "beads" ? "bead" : "review";
    for (const [id, now] of after[kind] as ReadonlyMap<string, BeadSnapshot | ReviewSnapshot>) {
      const was = before[kind].get(id);
      if (was === now) continue;
      if (was === undefined) {
        // What has ended is not held in memory; it may not come back.
        if (!born.has(`${name}:${id}`) && !(name === "bead" && retried.has(id)))
          report("terminal_stays", `${name}:${id}`, `came back as ${String(now.value)}`);
      } else if (was.hasTag("terminal" as never) && was.value !== now.value && !retried.has(id)) {
        report("terminal_stays", `${name}:${id}`, `was ${String(was.value)} and is ${String(now.value)}`);
      }
    }
  }
  for (const id of deleted)
    if (after.beads.has(id)) report("terminal_stays", `bead:${id}`, "was deleted and is still there");
}

function staleChangesNothing(before: Glance, entries: readonly Entry[], after: World, report: Report): void {
  const roots = entries.filter(({ fact }) => fact.cause === null);
  for (const { fact, effects } of roots) {
    if (!("dispatchId" in fact) || !("agentId" in fact) || fact.dispatchId === null) continue;
    const agent = before.agents.get(fact.agentId);
    if (agent === undefined) continue;
    const n = dispatchNumber(fact.agentId, fact.dispatchId);
    if (fact.type !== "report.stale" && n !== null && n >= agent.context.dispatchN) continue;
    if (effects.length > 0)
      report(
        "stale_changes_nothing",
        `agent:${fact.agentId}`,
        `${fact.type} of ${fact.dispatchId} has effects, the newest dispatch is ${currentDispatch(agent.context) ?? "none"}`,
      );
    if (roots.length === 1 && entries.length === 1 && after.agents.get(fact.agentId) !== agent)
      report(
        "stale_changes_nothing",
        `agent:${fact.agentId}`,
        `${fact.type} of ${fact.dispatchId} moved it, the newest dispatch is ${currentDispatch(agent.context) ?? "none"}`,
      );
  }
}

const BEGINS: ReadonlySet<string> = new Set(["dispatch.granted", "review.granted", "train.departed"]);

function nothingUnresumed({ rig }: Glance, entries: readonly Entry[], report: Report): void {
  let isHeld = rig.context.stopped === true || rig.context.imported?.isHeld === true;
  for (const { fact } of entries) {
    if (fact.type === "rig.imported" || (fact.type === "rig.draining" && fact.atOnce === true)) isHeld = true;
    if (fact.type === "rig.resumed") isHeld = false;
    if (isHeld && BEGINS.has(fact.type))
      report("nothing_unresumed", "rig:rig", `seq ${fact.seq} (${fact.type}), and nobody has resumed it`);
  }
}

/** An alert belongs to an edge: whoever raises it must have been on the other side of it before. */
function toldOnce(before: Glance, entries: readonly Entry[], report: Report): void {
  const told = new Set<string>();
  const { probe } = before.rig.context;
  // A probe that was heard closes the breaker; what opens it later in the same commit begins another episode.
  let probed = false;
  for (const { fact, effects } of entries) {
    if (probe !== null && "dispatchId" in fact && fact.dispatchId === probe && fact.type !== "dispatch.failed")
      probed = true;
    for (const effect of effects) {
      if (effect.kind !== "notify") continue;
      if (told.has(effect.key)) report("told_once", "rig:rig", `${effect.key} was told twice`);
      told.add(effect.key);
      if (effect.key.includes(":breaker:") && !before.rig.matches({ gate: "open" }) && !probed)
        report("told_once", "rig:rig", "the breaker was open already");
      if (effect.key.includes(":container:") && !before.rig.matches({ container: "reachable" }))
        report("told_once", "rig:rig", "the container was unreachable already");
    }
    if (fact.type === "mail.sent" && fact.subject === "GUPP_CHECK") onceIn(fact.to, "checked", "escalated");
    if (fact.type === "bead.created" && fact.metadata["kind"] === "gupp")
      onceIn(String(fact.metadata["agent_id"]), "escalated");
    if (fact.type === "bead.created" && fact.metadata["kind"] === "permission") {
      const agent = before.agents.get(String(fact.metadata["agent_id"]));
      if (agent?.matches({ blocked: { onPermission: "escalated" } }))
        report("told_once", `agent:${agent.context.id}`, "its permission prompt was escalated already");
    }
  }

  function onceIn(agentId: string, ...over: ("checked" | "escalated")[]): void {
    const agent = before.agents.get(agentId);
    for (const progress of over)
      if (agent?.matches({ working: { progress } }))
        report("told_once", `agent:${agentId}`, `its stall is ${progress} already`);
  }
}
