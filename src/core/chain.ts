import { clip, type Fact } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { rulesAtLeast, rulesOf } from "../events/rules.ts";
import { isDead, type BeadSnapshot } from "../machines/bead.ts";
import { get, type World } from "./world.ts";

/** What the failure of one bead means for those that wait for it, over however many between them. */

/** Every bead that waits for this one, nearest first. */
export function behind({ index }: World, beadId: string): string[] {
  const found = new Set<string>();
  const open = [beadId];
  for (const id of open)
    for (const dependent of [...(index.dependents.get(id) ?? [])].sort()) {
      if (found.has(dependent) || dependent === beadId) continue;
      found.add(dependent);
      open.push(dependent);
    }
  return [...found];
}

/**
 * A bead that fails makes those that wait for it stuck, each of which says so to those behind it; tried again, it lets them go on. Whoever
 * is told of the failure is told of the chain as well; where nobody is, an escalation names it. From rules 2 on.
 * @param after null: it was deleted, which ends its edges.
 */
export function chained(world: World, before: BeadSnapshot, after: BeadSnapshot | null): Fact[] {
  const was = isDead(before);
  if (after === null || was === isDead(after) || after.value === "closed") return [];
  if (!rulesAtLeast(rulesOf(world.rig.context), 2)) return [];
  const { id } = after.context;
  const dependents = [...(world.index.dependents.get(id) ?? [])].sort();
  const facts = dependents.map((beadId): Fact => ({
    type: was ? "bead.unstuck" : "bead.stuck",
    beadId,
    blockerId: id,
  }));
  if (after.value === "failed" && dependents.length > 0) facts.push(toldOf(world, after));
  return facts;
}

/** Which of its blockers have failed, or were tried again, without its knowing. */
export const chainNews = (world: World, { context: { id, blockedBy, stuckBy = [] } }: BeadSnapshot): Fact[] =>
  blockedBy.flatMap((blockerId): Fact[] => {
    const blocker = get(world, "bead", blockerId);
    if (blocker === undefined || blocker.value === "closed" || isDead(blocker) === stuckBy.includes(blockerId))
      return [];
    return [{ type: isDead(blocker) ? "bead.stuck" : "bead.unstuck", beadId: id, blockerId }];
  });

const mayBeStuck = ({ value }: BeadSnapshot): boolean => value === "open" || value === "stuck";

/**
 * The same of all beads, for a rig that was without rules that know such a state. All of it is told at once; so a blocker counts as what it
 * will be when all is told, and not as what it takes itself for now.
 */
export function allChainNews(world: World): Fact[] {
  const known = new Map<string, boolean>();
  const willBeDead = (id: string): boolean => {
    const found = known.get(id);
    if (found !== undefined) return found;
    // A ring, which no edge makes, is dead by none of its own.
    known.set(id, false);
    const bead = get(world, "bead", id);
    const is =
      bead !== undefined && (bead.value === "failed" || (mayBeStuck(bead) && bead.context.blockedBy.some(willBeDead)));
    known.set(id, is);
    return is;
  };
  return [...world.beads.values()].filter(mayBeStuck).flatMap(({ context: { id, blockedBy, stuckBy = [] } }) =>
    blockedBy.flatMap((blockerId): Fact[] => {
      const is = willBeDead(blockerId);
      if (is === stuckBy.includes(blockerId)) return [];
      return [{ type: is ? "bead.stuck" : "bead.unstuck", beadId: id, blockerId }];
    }),
  );
}

/** One escalation names the whole chain: the failure's own, or one that is made for it. */
function toldOf(world: World, { context }: BeadSnapshot): Fact {
  const { id, escalation, reason } = context;
  const chain = behind(world, id);
  const title = clip(`${chain.length} ${chain.length === 1 ? "bead waits" : "beads wait"} for it`, LIMITS.title_chars);
  const named = `${chain.slice(0, CHAIN_NAMED).join(", ")}${chain.length > CHAIN_NAMED ? " and others" : ""}`;
  const cure = "Retry it, and all of them go on; or take it out of what they wait for; or cancel them.";
  if (escalation !== undefined)
    return {
      type: "escalation.joined",
      beadId: escalation,
      title,
      body: `Stuck behind it: ${named}. ${cure}`,
      by: null,
    };
  return {
    type: "bead.created",
    beadId: `esc-chain-${id}-${world.seq}`.slice(0, LIMITS.id_chars),
    beadType: "escalation",
    title: clip(`bead ${id} has ended, and ${title}`, LIMITS.title_chars),
    body: `${reason ?? "It has failed"}. Stuck behind it: ${named}. ${cure}`,
    priority: "high",
    labels: ["witness"],
    metadata: { kind: "stuck", bead_id: id },
    convoyId: null,
    blockedBy: [],
    deferUntil: null,
    createdBy: null,
  };
}

/** So many of a chain are named one by one. */
const CHAIN_NAMED = 20;
