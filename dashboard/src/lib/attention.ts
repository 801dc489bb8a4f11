import type { BoardContent } from "../../../src/do/board.ts";
import type { AgentSnapshot } from "../../../src/machines/agent.ts";
import type { BeadSnapshot } from "../../../src/machines/bead.ts";
import { isDeferred } from "../../../src/machines/schedule.ts";
import { whyBead, type Reason } from "../../../src/machines/why.ts";
import type { World } from "../../../src/machines/world.ts";
import { plural } from "./names.ts";

/** Who needs a person now, most urgent first. Computed by the same functions that the rig decides with. */

export type Need =
  | { readonly kind: "rig"; readonly key: string; readonly level: Level; readonly title: string; readonly text: string; readonly until: number | null; readonly act: "resume" | { readonly repair: string } | null }
  | { readonly kind: "agent"; readonly key: string; readonly level: Level; readonly agent: AgentSnapshot; readonly title: string; readonly text: string; readonly since: number | null; readonly until: number | null; readonly asks: "help" | "permission" | "rest" | "stall"; readonly escalationId: string | null }
  | { readonly kind: "bead"; readonly key: string; readonly level: Level; readonly bead: BeadSnapshot; readonly title: string; readonly text: string; readonly since: number; readonly why: "escalation" | "failed" | "merge" }
  | { readonly kind: "waiting"; readonly key: string; readonly level: Level; readonly reason: Reason; readonly title: string; readonly text: string; readonly beads: readonly string[]; readonly until: number | null };
export type Level = "now" | "soon" | "know";

const ORDER: Record<Level, number> = { now: 0, soon: 1, know: 2 };

/** @param seen keys of failed beads that somebody has looked at already. */
export function needs(world: World, content: ReadonlyMap<string, BoardContent>, now: number, seen: ReadonlySet<string>): Need[] {
  const answered = new Set<string>();
  const found: Need[] = [...ofRig(world), ...ofAgents(world, content, answered), ...ofBeads(world, content, answered, seen), ...ofWaiting(world, now)];
  return found.map((need, i) => ({ need, i })).sort((a, b) => ORDER[a.need.level] - ORDER[b.need.level] || a.i - b.i).map(({ need }) => need);
}

function ofRig(world: World): Need[] {
  const { rig } = world;
  const { context } = rig;
  const need = (key: string, level: Level, title: string, text: string, until: number | null = null, act: Extract<Need, { kind: "rig" }>["act"] = null): Need => ({ kind: "rig", key, level, title, text, until, act });
  const found: Need[] = [];
  if (rig.matches({ life: "destroyed" })) return [need("destroyed", "know", "This rig was deleted", "Nothing is dispatched any more; its journal ends here.")];
  if (context.config === null) return [need("no_config", "now", "This rig has no repository", "Create it through the API with a git URL: until then nothing can be dispatched.")];
  if (rig.matches({ gate: "suspended" })) {
    const until = context.openedAt === null ? null : context.openedAt + context.settings.breaker_cooldown_ms;
    found.push(need("breaker", "now", "Dispatch is suspended", `${plural(context.failures.length, "dispatch", "dispatches")} failed within ${context.settings.breaker_window_ms / 60_000} minutes. When the cool-down is over, one probe is tried.`, until));
  }
  if (rig.matches({ gate: "halfOpen" })) found.push(need("probe", "soon", "One probe decides", context.probe === null ? "The breaker is half open: the next dispatch is a probe." : `Dispatch ${context.probe} is the probe; if it shows life, dispatch goes on.`));
  if (rig.matches({ container: "unreachable" })) found.push(need("container", "now", "The container cannot be reached", context.containerError ?? "It does not answer. The rig asks again with every look."));
  if (rig.matches({ life: "draining" })) found.push(need("draining", "know", "The rig is draining", "Work is handed back and nothing is dispatched until it is resumed.", null, "resume"));
  if (rig.matches({ life: { alive: "paused" } })) found.push(need("paused", "know", "The rig is paused", "What runs goes on; nothing new is dispatched until it is resumed.", null, "resume"));
  for (const [key, error] of world.broken) found.push(need(`broken:${key}`, "now", `The state of ${key} cannot be read`, `${error} It is set aside; everything else goes on. A repair folds its state again from the journal.`, null, { repair: key }));
  return found;
}

function ofAgents(world: World, content: ReadonlyMap<string, BoardContent>, answered: Set<string>): Need[] {
  const found: Need[] = [];
  for (const agent of world.agents.values()) {
    const { context } = agent;
    const key = `agent:${context.id}`;
    const base = { kind: "agent", key, agent } as const;
    if (agent.matches({ blocked: "onHelp" })) {
      const escalation = newestEscalation(world, content, context.id);
      if (escalation !== null) answered.add(escalation.context.id);
      const title = escalation === null ? `${context.name} asks for help` : `${context.name} asks: ${content.get(escalation.context.id)?.title ?? escalation.context.id}`;
      found.push({ ...base, level: "now", title, text: agent.matches({ blocked: { onHelp: "parked" } }) ? "Its process has ended meanwhile; your answer starts it again from its checkpoint." : "Its process waits and keeps its slot.", since: context.blockedAt, until: null, asks: "help", escalationId: escalation?.context.id ?? null });
    } else if (agent.matches({ blocked: "onPermission" })) {
      found.push({ ...base, level: "now", title: `${context.name} waits at a permission prompt`, text: "It goes on as soon as the prompt is answered.", since: context.blockedAt, until: null, asks: "permission", escalationId: null });
    } else if (agent.matches({ blocked: "quarantined" })) {
      found.push({ ...base, level: "soon", title: `${context.name} rests`, text: "It gave up several beads in a row and is suspected itself. Unblock it to end that now.", since: context.blockedAt, until: context.quarantinedUntil, asks: "rest", escalationId: null });
    } else if (agent.matches({ working: { progress: "escalated" } })) {
      found.push({ ...base, level: "soon", title: `${context.name} makes no progress`, text: "It is alive, was asked what it is doing, and did not move. It is restarted from its checkpoint at the deadline.", since: context.progressAt, until: context.progressAt === null ? null : context.progressAt + world.rig.context.settings.gupp_restart_ms, asks: "stall", escalationId: null });
    }
  }
  return found.sort((a, b) => ((a.kind === "agent" ? a.since : 0) ?? 0) - ((b.kind === "agent" ? b.since : 0) ?? 0));
}

function newestEscalation(world: World, content: ReadonlyMap<string, BoardContent>, agentId: string): BeadSnapshot | null {
  let newest: BeadSnapshot | null = null;
  for (const bead of world.beads.values()) {
    if (bead.context.type !== "escalation" || bead.hasTag("terminal")) continue;
    const { createdBy, metadata } = content.get(bead.context.id) ?? {};
    if ((createdBy === agentId || metadata?.["agent_id"] === agentId) && bead.context.seq > (newest?.context.seq ?? -1)) newest = bead;
  }
  return newest;
}

function ofBeads(world: World, content: ReadonlyMap<string, BoardContent>, answered: ReadonlySet<string>, seen: ReadonlySet<string>): Need[] {
  const found: Need[] = [];
  for (const bead of world.beads.values()) {
    const { context } = bead;
    const key = `bead:${context.id}`;
    const title = content.get(context.id)?.title ?? context.id;
    if (context.type === "escalation" && !bead.hasTag("terminal") && !answered.has(context.id)) {
      found.push({ kind: "bead", key, level: "now", bead, title, text: "An open escalation. Close it when it is settled.", since: context.createdAt, why: "escalation" });
    } else if (bead.value === "failed" && context.type === "issue" && !seen.has(context.id) && !(context.reason ?? "").startsWith("cancelled by")) {
      found.push({ kind: "bead", key, level: "soon", bead, title, text: context.reason ?? "It failed.", since: context.closedAt ?? context.updatedAt, why: "failed" });
    }
  }
  for (const review of world.reviews.values()) {
    if (review.hasTag("terminal") || review.context.attempts + review.context.unasked < 2) continue;
    const bead = world.beads.get(review.context.beadId);
    if (bead !== undefined) found.push({ kind: "bead", key: `review:${review.context.id}`, level: "soon", bead, title: `${content.get(bead.context.id)?.title ?? bead.context.id} does not merge`, text: review.context.message ?? "No verdict so far.", since: review.context.createdAt, why: "merge" });
  }
  return found.sort((a, b) => (b.kind === "bead" ? b.since : 0) - (a.kind === "bead" ? a.since : 0));
}

/** Reasons that are worth a line of their own: work is ready, and something about the rig holds it back. */
const HOLDS: ReadonlySet<Reason> = new Set<Reason>(["at_capacity", "paused", "draining", "breaker_open", "no_config", "wrong_role", "over_budget"]);

/** Ready work that is not running, once per reason. */
function ofWaiting(world: World, now: number): Need[] {
  const byReason = new Map<Reason, { beads: string[]; sentence: string; until: number | null }>();
  const ids = new Set(world.index.ready);
  for (const id of world.index.due) {
    const hook = world.agents.get(id)?.context.hook;
    if (hook != null) ids.add(hook);
  }
  let first: { reason: Reason; sentence: string; until: number | null } | null = null;
  for (const id of ids) {
    const bead = world.beads.get(id);
    if (bead === undefined || isDeferred(bead, now)) continue;
    // What holds one unassigned bead back holds all of them back: asked once, however many there are.
    const isFree = bead.context.assignee === null && bead.context.blockedBy.length === 0;
    const { reason, sentence, until } = isFree ? (first ??= whyBead(world, bead)) : whyBead(world, bead);
    if (!HOLDS.has(reason)) continue;
    const group = byReason.get(reason) ?? { beads: [], sentence, until };
    group.beads.push(id);
    byReason.set(reason, group);
  }
  return Array.from(byReason, ([reason, { beads, sentence, until }]) => ({ kind: "waiting", key: `waiting:${reason}`, level: reason === "wrong_role" ? "soon" : "know", reason, title: `${plural(beads.length, "bead is", "beads are")} ready and not running`, text: sentence, beads, until }) as const);
}
