import type { AgentSnapshot } from "../../machines/agent.ts";
import type { BeadSnapshot } from "../../machines/bead.ts";
import type { ReviewSnapshot } from "../../machines/review.ts";
import { isReady, type World } from "../world.ts";
import type { Glance } from "./commits.ts";
import type { Report } from "./rules.ts";

/** That the indexes are what the snapshots say: of everybody, or of whoever has changed since they were. */

const NAMES = ["free", "due", "slots", "active", "ready", "queued", "merging", "hooks"] as const;
type Name = (typeof NAMES)[number];
/** How many members each index has. */
export type Sizes = Readonly<Record<Name, number>>;

export const sizesOf = ({ index }: World): Sizes => ({
  free: index.free.size,
  due: index.due.size,
  slots: index.slots.size,
  active: index.active.size,
  ready: index.ready.size,
  queued: index.queued.size,
  merging: index.merging.size,
  hooks: index.hooks.size,
});

/** Takes into which index an actor belongs, and whether it does. */
type Member = (name: Exclude<Name, "hooks">, id: string, is: boolean) => void;

function ofAgent(id: string, agent: AgentSnapshot, member: Member): void {
  member("free", id, agent.context.role === "polecat" && agent.hasTag("free"));
  member("due", id, agent.hasTag("due"));
  member("slots", id, agent.hasTag("slot"));
  member("active", `agent:${id}`, agent.hasTag("active"));
}

const ofBead = (id: string, bead: BeadSnapshot, member: Member): void =>
  member("ready", id, isReady(bead) && bead.context.assignee === null);

function ofReview(id: string, review: ReviewSnapshot, member: Member): void {
  member("queued", id, review.hasTag("queued"));
  member("merging", id, review.hasTag("merging"));
  member("active", `review:${id}`, review.hasTag("merging"));
}

/** Counts members, and tells of each that is not where it belongs. */
function counter({ index }: World, counts: Record<Name, number>, report: Report): Member {
  return (name, id, is) => {
    if (is) counts[name]++;
    if (index[name].has(id) !== is)
      report("indexes_agree", id, `${is ? "is missing from" : "does not belong into"} the index of ${name}`);
  };
}

function isHooked({ index }: World, id: string, agent: AgentSnapshot, report: Report): void {
  const { hook, identity } = agent.context;
  if (hook !== null && index.hooks.get(hook) !== id)
    report(
      "indexes_agree",
      `agent:${id}`,
      `has ${hook} on its hook, the index of hooks says ${index.hooks.get(hook) ?? "nobody"}`,
    );
  if (index.identities.get(identity) !== id)
    report(
      "indexes_agree",
      `agent:${id}`,
      `identity ${identity} belongs to ${index.identities.get(identity) ?? "nobody"} in the index`,
    );
}

function isWaitedFor({ index }: World, id: string, bead: BeadSnapshot, report: Report): void {
  if (bead.hasTag("terminal")) return;
  for (const blocker of bead.context.blockedBy)
    if (!index.dependents.get(blocker)?.has(id))
      report("indexes_agree", `bead:${id}`, `waits for ${blocker}, which the index of dependents does not know`);
}

function sizesAgree(world: World, counts: Sizes, report: Report): void {
  for (const name of NAMES)
    if (world.index[name].size !== counts[name])
      report(
        "indexes_agree",
        "rig:rig",
        `the index of ${name} has ${world.index[name].size} members, the snapshots have ${counts[name]}`,
      );
}

export function indexesAreRight(world: World, report: Report): void {
  const counts = { free: 0, due: 0, slots: 0, active: 0, ready: 0, queued: 0, merging: 0, hooks: 0 };
  const member = counter(world, counts, report);
  for (const [id, agent] of world.agents) {
    ofAgent(id, agent, member);
    if (agent.context.hook !== null) counts.hooks++;
    isHooked(world, id, agent, report);
  }
  for (const [id, bead] of world.beads) {
    ofBead(id, bead, member);
    isWaitedFor(world, id, bead, report);
  }
  for (const [id, review] of world.reviews) ofReview(id, review, member);
  sizesAgree(world, counts, report);
}

/** The same, where they were right before: whoever has changed, has come or has gone since, and how many that makes. */
export function changedAreIndexed(before: Glance, world: World, report: Report): void {
  const counts = { ...before.sizes };
  const member = counter(world, counts, report);
  const leave: Member = (name, _, is) => {
    if (is) counts[name]--;
  };
  differ(before.agents, world.agents, (id, was, now) => {
    if (was !== undefined) ofAgent(id, was, leave);
    if (was !== undefined && was.context.hook !== null) counts.hooks--;
    if (now === undefined) return;
    ofAgent(id, now, member);
    if (now.context.hook !== null) counts.hooks++;
    isHooked(world, id, now, report);
  });
  differ(before.beads, world.beads, (id, was, now) => {
    if (was !== undefined) ofBead(id, was, leave);
    if (now === undefined) return;
    ofBead(id, now, member);
    isWaitedFor(world, id, now, report);
  });
  differ(before.reviews, world.reviews, (id, was, now) => {
    if (was !== undefined) ofReview(id, was, leave);
    if (now !== undefined) ofReview(id, now, member);
  });
  sizesAgree(world, counts, report);
}

/** Calls with everybody who is not the same in both. */
function differ<S>(
  before: ReadonlyMap<string, S>,
  after: ReadonlyMap<string, S>,
  told: (id: string, was: S | undefined, now: S | undefined) => void,
): void {
  let stayed = 0;
  for (const [id, now] of after) {
    const was = before.get(id);
    if (was !== undefined) stayed++;
    if (was !== now) told(id, was, now);
  }
  if (stayed === before.size) return;
  for (const [id, was] of before) if (!after.has(id)) told(id, was, undefined);
}
